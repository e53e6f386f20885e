"""The audit finds what was planted, by any scale of scores, and says nothing where nothing can be said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from boxwright.boxes import iou_of_two
from boxwright.detections import DetectionColumns
from boxwright.labels.audit import score
from boxwright.labels.audit.boosted import fit_boosted
from boxwright.labels.audit.common_scale import ranks, share_agreeing
from boxwright.labels.audit.evidence import agreeing, evidence
from boxwright.labels.audit.learn import held_to_precision
from boxwright.labels.audit.plant import CLASS, LOCATION, RIGHT, SPURIOUS, plant
from boxwright.labels.audit.score import KINDS, Found, audit, too_few
from tests.labels.audit_worlds import SIZE, World, annotations_of, detections_of, world

MADE = world()


def run(made: World, **changes: object) -> Found:
    made = replace(made, **changes)
    return audit(made.annotations, made.detections, sizes_hw=made.sizes_hw, classes=made.classes)


def average_precision(found: Found, made: World, kind: str) -> float:
    """Area under precision and recall of one kind, by the plain definition."""
    of_kind = np.flatnonzero(found.kind == KINDS.index(kind))
    if kind == "missing":
        image = made.detections.image_index
        hit = [
            any(i == image[d] and iou_of_two(box, made.detections.boxes_xyxy[d]) >= 0.5 for i, box in made.missing)
            for d in found.detection[of_kind]
        ]
        total = len(made.missing)
    else:
        hit = (made.kind[found.annotation[of_kind]] == kind).tolist()
        total = int((made.kind == kind).sum())
    right, area = 0, 0.0
    for place, good in enumerate(hit, start=1):
        right += good
        area += good * right / place
    return area / total


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_found_at_the_top(kind: str) -> None:
    assert average_precision(run(MADE), MADE, kind) > 0.75


def test_the_first_of_all_kinds_are_errors() -> None:
    found = run(MADE)
    top = found.annotation[:40]
    assert (np.diff(found.score) <= 0).all()
    assert np.mean([made < 0 or MADE.kind[made] != "" for made in top]) > 0.85


def test_the_same_input_gives_the_same_list() -> None:
    one, two = run(MADE), run(MADE)
    for name in ("kind", "score", "annotation", "detection"):
        assert np.array_equal(getattr(one, name), getattr(two, name))


@pytest.mark.parametrize("scale", [lambda s: s**3, lambda s: 0.3 * s, lambda s: 1 / (1 + np.exp(-6 * s)), np.sqrt])
def test_any_rising_scale_of_scores_gives_the_same_list(scale: Callable[[NDArray], NDArray]) -> None:
    d = MADE.detections
    other = DetectionColumns(d.offsets, d.boxes_xyxy, scale(d.score), d.class_id)
    one, two = run(MADE), run(MADE, detections=other)
    assert np.allclose(one.score, two.score)
    assert np.array_equal(one.annotation, two.annotation)


def test_a_label_stands_once_per_kind_and_above_a_quarter_once() -> None:
    found = run(MADE)
    of_label = [(a, k) for a, k in zip(found.annotation.tolist(), found.kind.tolist(), strict=True) if a >= 0]
    missing = found.detection[found.annotation < 0]
    assert len(set(of_label)) == len(of_label) > len({a for a, _ in of_label})
    sure = found.annotation[(found.annotation >= 0) & (found.score > 0.25)]
    assert len(set(sure.tolist())) == len(sure)
    assert len(set(missing.tolist())) == len(missing)
    assert (found.kind[found.annotation < 0] == 0).all() and (found.kind[found.annotation >= 0] > 0).all()


def test_a_moved_label_is_one_suspect_and_not_three() -> None:
    found = run(MADE)
    sure = found.score >= 0.5
    image = MADE.detections.image_index
    explained = 0
    for row in np.flatnonzero(sure & (found.kind == KINDS.index("location"))):
        a = found.annotation[row]
        at = MADE.annotations.image_index[a]
        for other in np.flatnonzero(sure & (found.kind == 0)):
            d = found.detection[other]
            explained += image[d] == at and d == found.detection[row]
    assert explained == 0


def test_what_is_proposed_is_the_true_class_and_place() -> None:
    found = run(MADE)
    for row in np.flatnonzero(found.score >= 0.5):
        a, d, kind = found.annotation[row], found.detection[row], KINDS[found.kind[row]]
        if kind == "class" and MADE.kind[a] == "class":
            assert MADE.detections.class_id[d] == (MADE.annotations.class_id[a] - 1) % MADE.classes
        if kind == "location":
            assert MADE.detections.class_id[d] == MADE.annotations.class_id[a]
        assert (d >= 0) == (kind != "spurious")


@pytest.mark.parametrize(
    ("labels", "found", "kind"),
    [
        ([], [(0, (10, 10, 50, 50), 0, 0.9)], "missing"),
        ([(0, (10, 10, 50, 50), 0)], [], "spurious"),
        ([(0, (10, 10, 50, 50), 0)], [(0, (10, 10, 50, 50), 1, 0.9)], "class"),
        ([(0, (10, 10, 50, 50), 0)], [(0, (30, 10, 70, 50), 0, 0.9)], "location"),
    ],
)
def test_the_plain_formulas_by_hand(labels: list, found: list, kind: str) -> None:
    """One picture, one object, a sure detector: the formula of the kind is the largest."""
    a, d = annotations_of(1, labels), detections_of(1, found)
    seen = evidence(a, d, np.full(len(found), 0.9), sizes_hw=np.full((1, 2), SIZE), classes=2)
    if kind == "missing":
        assert seen.candidate.tolist() == [True] and seen.missing[0] == pytest.approx(0.9)
        return
    scores = {"spurious": seen.spurious[0], "class": seen.swapped[0], "location": seen.shifted[0]}
    assert max(scores, key=lambda name: scores[name]) == kind
    assert not seen.candidate.any() or seen.missing.max() < 0.5


def test_a_second_label_on_one_object_shares_its_detection() -> None:
    a = annotations_of(1, [(0, (10, 10, 50, 50), 0), (0, (14, 12, 56, 54), 0)])
    d = detections_of(1, [(0, (10, 10, 50, 50), 0, 0.9)])
    seen = evidence(a, d, np.array([0.9]), sizes_hw=np.full((1, 2), SIZE), classes=1)
    assert seen.owner.tolist() == [0]
    assert seen.spurious[1] > 0.9 > seen.spurious[0]


@pytest.mark.parametrize(
    ("labels", "found"),
    [([], []), ([(0, (1, 1, 9, 9), 0)], []), ([], [(0, (1, 1, 9, 9), 0, 0.5)]), ([(1, (1, 1, 1, 1), 0)], [])],
)
def test_empty_and_tiny_sides(labels: list, found: list) -> None:
    a, d = annotations_of(2, labels), detections_of(2, found)
    listed = audit(a, d, sizes_hw=np.full((2, 2), np.nan), classes=1)
    assert len(listed) <= 1
    assert np.isfinite(listed.score).all()


def test_no_detection_at_all_makes_every_label_alike() -> None:
    found = run(MADE, detections=detections_of(len(MADE.annotations), []))
    assert (found.annotation >= 0).all()


def test_a_single_class_has_no_wrong_classes() -> None:
    made = world(60, classes=1)
    found = run(made)
    assert not (found.score[found.kind == KINDS.index("class")] > 0.3).any()
    assert average_precision(found, made, "spurious") > 0.6


def test_ignored_annotations_are_not_suspects_nor_is_what_lies_on_them() -> None:
    labels = [(0, (0, 0, 300, 300), 0), (0, (310, 310, 350, 350), 0)]
    a = annotations_of(1, labels, ignore={0})
    d = detections_of(1, [(0, (20, 20, 60, 60), 0, 0.9), (0, (100, 100, 150, 150), 0, 0.8)])
    found = audit(a, d, sizes_hw=np.full((1, 2), SIZE), classes=1)
    assert found.annotation.tolist() == [1]


def test_agreement_rises_with_the_rank() -> None:
    rng = np.random.default_rng(3)
    score = rng.random(600)
    rank = ranks(score)
    share = share_agreeing(rank, np.zeros(600, np.int32), rng.random(600) < score, classes=1)
    assert (np.diff(share[np.argsort(score)]) >= 0).all()
    assert share[score > 0.9].mean() > 0.8 and share[score < 0.1].mean() < 0.3


def test_agreeing_takes_each_label_once() -> None:
    a = annotations_of(1, [(0, (0, 0, 10, 10), 0)])
    d = detections_of(1, [(0, (0, 0, 10, 9), 0, 0.4), (0, (0, 0, 10, 10), 0, 0.9), (0, (0, 0, 10, 10), 1, 0.9)])
    assert agreeing(a, d).tolist() == [False, True, False]


@pytest.mark.parametrize(("pictures", "few"), [(4, True), (15, True), (40, False)])
def test_with_few_labels_no_score_exceeds_the_plain_evidence(pictures: int, few: bool, monkeypatch) -> None:
    made = world(pictures)
    assert too_few(made.annotations) == few
    monkeypatch.setattr(score, "learnt_share", lambda lessons, asked, **_: np.full(len(asked.plain), 0.9))
    found = run(made)
    sure = share_agreeing(
        ranks(made.detections.score),
        made.detections.class_id,
        agreeing(made.annotations, made.detections),
        classes=made.classes,
    )
    seen = evidence(made.annotations, made.detections, sure, sizes_hw=made.sizes_hw, classes=made.classes)
    spurious = found.kind == KINDS.index("spurious")
    held = found.score[spurious] <= seen.spurious[found.annotation[spurious]] + 1e-9
    assert held.all() == few


def test_planted_errors_are_what_they_say() -> None:
    rng = np.random.default_rng(0)
    given = MADE.annotations
    made = plant(given, np.ones((3, 3)), sizes_hw=MADE.sizes_hw, rng=rng)
    count = round(0.05 * len(given.class_id))
    tally = np.bincount(made.kind, minlength=4)
    assert len(made.left_out) == count and tally[CLASS] == count
    assert 0.8 * count <= tally[LOCATION] <= count and 0.8 * count <= tally[SPURIOUS] <= count
    row = {int(i): k for k, i in enumerate(given.annotation_id)}
    for k, key in enumerate(made.annotations.annotation_id):
        if key < 0:
            assert made.kind[k] == SPURIOUS
            continue
        before = row[int(key)]
        same_class = given.class_id[before] == made.annotations.class_id[k]
        iou = iou_of_two(given.boxes_xyxy[before], made.annotations.boxes_xyxy[k])
        assert same_class == (made.kind[k] != CLASS)
        assert (0.15 <= iou <= 0.62) if made.kind[k] == LOCATION else iou == pytest.approx(1)
        assert made.kind[k] in (RIGHT, CLASS, LOCATION)


def test_trees_learn_what_a_line_cannot_and_nothing_from_noise() -> None:
    rng = np.random.default_rng(1)
    x = rng.random((4000, 3))
    y = (x[:, 0] > 0.5) ^ (x[:, 1] > 0.5)
    zero, one = np.zeros(4000), np.ones(4000)
    fitted = fit_boosted(x, y, one, zero, trees=60, ridge=5.0)
    assert ((fitted(x, zero) > 0) == y).mean() > 0.95
    noise = fit_boosted(x, rng.random(4000) < 0.5, one, zero, trees=10, ridge=100.0)
    assert np.abs(noise(x, zero)).max() < 0.6


def test_missing_scores_stay_within_the_detectors_precision_and_keep_their_order() -> None:
    rng = np.random.default_rng(0)
    share, sure = rng.random(400), rng.uniform(0.1, 0.6, 400)  # a weak detector that the trees took for a sure one
    share[:50] = 0
    held = held_to_precision(share, sure, rng.random(400) < 0.5)
    assert np.array_equal(np.argsort(held[50:], kind="stable"), np.argsort(share[50:], kind="stable"))
    assert (held[:50] == 0).all() and held.max() <= sure.max()
    good = held_to_precision(np.full(400, 0.3), np.full(400, 0.95), np.ones(400, np.bool_))
    assert (good > 0.6).all()
