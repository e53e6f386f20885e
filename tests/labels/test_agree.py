"""Agreement: planted rules are found, clean worlds stay clean, figures know how sure they are, the artifact comes back the same."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from boxwright.artifacts import Agreement
from boxwright.boxes import pairwise_iou
from boxwright.labels.agreement.agree import agree
from boxwright.labels.agreement.consensus import as_coco, consensus
from boxwright.labels.agreement.krippendorff import coincidences
from boxwright.labels.agreement.localisation import separation
from boxwright.labels.agreement.ratings import Ratings, units_of
from boxwright.labels.agreement.required import Required
from boxwright.lifecycle.annotators import sureness
from boxwright.spec import Observed
from tests.labels.people import Person, Truth, drawn, world


def side(truth: Truth) -> np.ndarray:
    box = truth.boxes_xyxy
    return np.sqrt((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]))


def asked(ratings: Ratings, **options) -> Agreement:
    return agree(ratings, sureness(ratings), title="people", **options)


def one_for_two(truth: Truth, said: np.ndarray) -> np.ndarray:
    return np.where((truth.class_id == 1) & (np.random.default_rng(1).random(len(said)) < 0.6), 2, said)


PLANTED = {
    "size": (Person(leaves_out=lambda t: (side(t) < 13) * 0.9), "rule", "size"),
    "class": (Person(leaves_out=lambda t: (t.class_id == 3) * 0.4), "rule", "class"),
    "two classes": (Person(calls=one_for_two), "class-rule", "class pair"),
    "left edge": (Person(bias=(-0.04, 0, 0, 0)), "edges", "annotator"),
    "fatigue": (Person(leaves_out=lambda t: 0.25 * t.picture / t.pictures), "fatigue", "annotator"),
}


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("people", [2, 3])
def test_a_planted_rule_is_found_and_no_other(name: str, people: int) -> None:
    odd, kind, axis = PLANTED[name]
    others = [Person() for _ in range(people - 1)]
    found = asked(drawn(world(people, pictures=150), [*others, odd], seed=people))
    told = [(f.kind, f.axis) for f in found.findings if f.kind not in ("hard", "person")]
    assert (kind, axis) in told
    assert {k for k, _ in told} == {kind}
    sentence = next(f.sentence for f in found.findings if f.kind == kind)
    assert f"person-{people - 1}" in sentence
    if name == "size":
        limit = _number(found, kind, "limit_px")
        assert 11 < limit < 15
    if name == "left edge":
        share = {e: _number(found, kind, f"{e}_share") for e in ("left", "top", "right", "bottom")}
        assert abs(abs(share["left"]) - 0.04) < 0.006
        assert all(abs(share[e]) < 0.006 for e in ("top", "right", "bottom"))


def _number(found: Agreement, kind: str, name: str) -> float:
    """A number behind the first finding of a kind."""
    value = next(f.measured[name] for f in found.findings if f.kind == kind)
    assert isinstance(value, float)
    return value


@pytest.mark.slow
def test_clean_worlds_have_no_gaps() -> None:
    """People of unequal skill but one rule: of 60 worlds hardly any shows a gap, a habit or a trend."""
    told: Counter[str] = Counter()
    for seed in range(60):
        people = [Person(recall=0.97 - 0.05 * (i == 1), right=0.97 - 0.04 * (i == 1), phantoms=0.05 + 0.1 * (i == 0)) for i in range(2 + seed % 3)]  # fmt: skip
        found = asked(drawn(world(seed, pictures=150), people, seed=seed))
        told.update({f.kind for f in found.findings})
    assert told["rule"] + told["class-rule"] + told["edges"] <= 1
    assert told["fatigue"] + told["learning"] + told["hard"] <= 9


def test_frames_of_a_clip_are_not_taken_for_so_many_witnesses() -> None:
    """Every picture 20 times: single pictures give intervals too narrow by far, blocks do not; and the page is told."""
    truth = world(4, pictures=40)
    people = drawn(truth, [Person(recall=0.9), Person(recall=0.9)])
    slots = np.repeat(np.arange(40), 20)
    counts = np.diff(people.offsets).reshape(40, 2)[slots].ravel()
    rows = np.concatenate([np.arange(people.offsets[2 * p], people.offsets[2 * p + 2]) for p in slots])
    video = Ratings(
        people.annotators, people.class_names, [f"{i}.jpg" for i in range(800)], np.full((800, 2), 640.0), np.ones((800, 2), bool),
        np.concatenate([[0], np.cumsum(counts)]), people.boxes_xyxy[rows], people.class_id[rows], {}, [{}] * 800,
    )  # fmt: skip
    of_picture = agree(video, sureness(video), title="v")
    of_block = agree(video, sureness(video, block=20), title="v")
    assert of_picture.resemblance.too_narrow
    assert not of_block.resemblance.too_narrow
    width = [_width(a.figures["alpha"]) for a in (of_picture, of_block)]
    assert width[1] > 3 * width[0]


def _width(found: Observed) -> float:
    assert found.low is not None and found.high is not None
    return found.high - found.low


def test_intervals_hold_the_truth() -> None:
    """Alpha of a very large world lies in most intervals of small ones."""
    people = [Person(recall=0.92, right=0.9), Person(recall=0.95, right=0.93)]
    large = drawn(world(999, pictures=6000), people, seed=999)
    truth = float(coincidences(units_of(large, iou_threshold=0.5)).alpha())
    inside = 0
    for seed in range(60):
        small = drawn(world(seed, pictures=60), people, seed=seed)
        sure = sureness(small)
        parts = coincidences(units_of(small, iou_threshold=0.5))
        record = sure.figure(parts.alpha(), parts.resampled(sure), parts.values.sum(axis=1))
        assert record.low is not None and record.high is not None
        inside += record.low <= truth <= record.high
    assert inside >= 52


@pytest.mark.parametrize("seed", [0, 1])
def test_consensus_is_better_than_the_best_and_than_a_plain_vote(seed: int) -> None:
    """Quality, bias and spread are recovered; boxes beat the best annotator, the median of a majority and a weighted mean."""
    truth = world(seed, pictures=150)
    people = [
        Person(recall=0.97, right=0.95, spread=0.012, phantoms=0.05),
        Person(recall=0.85, right=0.8, spread=0.05, phantoms=0.6, bias=(0.03, 0, -0.03, 0)),
        Person(recall=0.93, right=0.9, spread=0.02, phantoms=0.1, bias=(0, 0.02, 0, 0)),
        Person(recall=0.9, right=0.85, spread=0.03, phantoms=0.2),
    ]
    ratings = drawn(truth, people, seed=seed)
    units = units_of(ratings, iou_threshold=0.5)
    found = consensus(units)
    for person, name in zip(people, ratings.annotators, strict=True):
        shown = found.people[name]
        assert abs(shown["recall"] - person.recall) < 0.03
        assert abs(shown["phantoms"] - person.phantoms) < 0.2
        assert abs(shown["accuracy"] - person.right) < 0.04
        assert np.abs(np.array(shown["edge_bias"]) - np.array(person.bias)).max() < 0.006
        assert np.abs(np.array(shown["edge_sd"]) - person.spread).max() < 0.006
    assert sorted(range(4), key=lambda r: -found.people[f"person-{r}"]["accuracy"]) == sorted(
        range(4), key=lambda r: -people[r].right
    )
    ours = score(truth, units, found.boxes_xyxy, found.class_id, found.existence > 0.5)
    majority = units.drew * 2 > units.asked
    median = score(truth, units, np.nanmedian(units.boxes_xyxy, axis=1), units.majority, majority)
    mean = score(truth, units, units.middle_xyxy, units.majority, majority)  # weighted box fusion with equal scores
    single = [
        score(truth, units, np.nan_to_num(units.boxes_xyxy[:, r]), units.label[:, r], units.member[:, r] >= 0)
        for r in range(4)
    ]
    on_the_same = score(truth, units, found.boxes_xyxy, found.class_id, majority)
    assert on_the_same[1] >= median[1]  # class, of what a majority drew
    assert ours[1] > max(s[1] for s in single)
    for other in (median, mean, *single):
        assert ours[0] > other[0]  # IoU with the truth
        assert ours[2] >= other[2]  # F1 of existence


def score(truth: Truth, units, boxes: np.ndarray, class_id: np.ndarray, keep: np.ndarray) -> tuple[float, float, float]:
    """Mean IoU with the truth's boxes, share of right classes, F1 of being there."""
    met, overlap, right = 0, 0.0, 0
    for p in range(truth.pictures):
        real, ours = np.flatnonzero(truth.picture == p), np.flatnonzero((units.picture == p) & keep)
        if len(real) and len(ours):
            iou = pairwise_iou(boxes[ours], truth.boxes_xyxy[real])
            best, value = iou.argmax(axis=1), iou.max(axis=1)
            near = value > 0.5
            met, overlap = met + int(near.sum()), overlap + float(value[near].sum())
            right += int((class_id[ours][near] == truth.class_id[real[best[near]]]).sum())
    return overlap / met, right / met, 2 * met / (int(keep.sum()) + len(truth.picture))


def test_two_against_each_other_are_not_decided_in_silence() -> None:
    ratings = drawn(world(2), [Person(recall=0.9, right=0.9), Person(recall=0.8, right=0.85)])
    units = units_of(ratings, iou_threshold=0.5)
    found = consensus(units)
    alone, quarrel = units.drew == 1, (units.drew == 2) & ~units.one_class
    assert alone.any()
    assert quarrel.any()
    assert (found.existence[alone] == 0.5).all()
    assert found.open_existence[alone].all()
    assert found.open_class[quarrel].all()
    assert not found.open_class[~quarrel].any()
    tree = as_coco(found)
    assert len(tree["annotations"]) == len(units.picture)
    marked = [a for a in tree["annotations"] if "unresolved" in a["attributes"]]
    assert len(marked) == int((alone | quarrel).sum())
    assert {a["attributes"]["support"] for a in tree["annotations"]} == {"1/2", "2/2"}


def test_the_threshold_the_data_ask_for() -> None:
    """Careful people part from chance at a higher overlap than careless ones; people who draw at random part from nothing."""
    careful, careless = (separation(drawn(world(1), [Person(spread=s), Person(spread=s)])) for s in (0.01, 0.12))
    assert careful.found
    assert careful.ks > careless.ks
    assert careful.iou_threshold > careless.iou_threshold
    random = [Person(recall=0, phantoms=8), Person(recall=0, phantoms=8)]
    assert separation(drawn(world(1), random)).ks < 0.1


def test_required_is_met_not_met_or_unknown() -> None:
    good = drawn(world(1), [Person(), Person()])
    assert asked(good, required=Required(0.5)).required.status == "met"
    assert asked(good, required=Required(0.99)).required.status == "not met"
    value = asked(good).figures["alpha"].value
    assert asked(good, required=Required(value)).required.status == "no evidence"
    assert asked(good, required=Required(value, judge_on="value")).required.status == "met"
    few = drawn(world(1, pictures=3), [Person(), Person()])
    assert asked(few, required=Required(0.1)).required.status == "no evidence"
    single = asked(drawn(world(1, classes=1), [Person(right=1), Person(right=1)]), required=Required(0.8))
    assert single.required.figure == "f1"
    assert single.required.status == "met"
    assert single.figures["alpha"].value < 0.2  # what one class does to alpha


def test_the_artifact_comes_back_the_same(tmp_path: Path) -> None:
    found = asked(drawn(world(1, pictures=30), [Person(), Person(recall=0.8), Person()]), required=Required(0.9))
    found.save(tmp_path)
    again = Agreement.load(tmp_path)
    assert again == found
    assert again.digest == found.digest
    assert (
        asked(drawn(world(1, pictures=30), [Person(), Person(recall=0.8), Person()]), required=Required(0.9)).digest
        == found.digest
    )
    worst = {name: record.vitality.value for name, record in found.people.items()}
    assert min(worst, key=lambda name: worst[name]) == "person-1"


def test_the_order_of_two_people_does_not_matter() -> None:
    truth = world(6, pictures=40)
    ratings = drawn(truth, [Person(recall=0.9, bias=(0.02, 0, 0, 0)), Person(right=0.9)])
    swapped_slots = np.arange(80).reshape(40, 2)[:, ::-1].ravel()
    rows = np.concatenate([np.arange(ratings.offsets[s], ratings.offsets[s + 1]) for s in swapped_slots])
    other = Ratings(
        ratings.annotators[::-1], ratings.class_names, ratings.file_names, ratings.sizes_hw, ratings.saw,
        np.concatenate([[0], np.cumsum(np.diff(ratings.offsets)[swapped_slots])]), ratings.boxes_xyxy[rows], ratings.class_id[rows],
        {}, ratings.conditions,
    )  # fmt: skip
    one, two = asked(ratings), asked(other)
    for name in ("alpha", "f1", "f1_class", "mean_iou", "kappa"):
        assert one.figures[name].value == pytest.approx(two.figures[name].value, abs=1e-12)
