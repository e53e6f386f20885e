"""Labels that are probably wrong: missing, spurious, of the wrong class, in the wrong place; one score per box.

1. Scores are put on one scale by how often detections ranked like them agree with a label (common_scale.py).
2. Each box gets figures about what lies around it, and a plain score per kind (evidence.py).
3. Errors like people's are planted into the labels as they are (plant.py), and small boosted trees, started from the plain
   score, learn to tell planted errors from the rest (learn.py, boosted.py). With fewer than `ENOUGH_LABELS` labels what is learnt
   may lower the plain score of a label and never raise it.
4. The rest holds the true errors that are looked for; how many of them lie among the surest planted ones says what share of
   boxes like this are errors (learn.py).

A label stands first as its likeliest kind of error; its other kinds follow with at most a score of 0.25, for whoever looks for one
kind. A detection has one entry, as missing. A place that a shifted label explains is not missing as well: the trees have seen
planted shifts. Detections should come from a detector that has not learnt these labels
(out of fold); otherwise it repeats the errors it was taught.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.detections import AnnotationColumns, DetectionColumns
from boxwright.labels.audit.common_scale import ranks, share_agreeing
from boxwright.labels.audit.evidence import Evidence, agreeing, evidence
from boxwright.labels.audit.learn import Rows, held_to_precision, learnt_share
from boxwright.labels.audit.plant import CLASS, LOCATION, SPURIOUS, Planted, plant

KINDS = ("missing", "spurious", "class", "location")
_OF_LABELS = ((SPURIOUS, "spurious"), (CLASS, "swapped"), (LOCATION, "shifted"))
ENOUGH_LABELS = 100  # with fewer, a handful of places says what planted errors look like
_ENOUGH = 800  # planted errors of a kind; more rounds are planted until there are as many
_MOST_ROUNDS = 8

World = tuple[Planted, Evidence]


@dataclass(frozen=True)
class Found:
    """Suspects, most suspicious first.

    Attributes:
        kind: (n,) position in KINDS.
        score: (n,) in [0, 1], about the share of such suspects that are errors.
        annotation: (n,) row of the annotations, or -1 where a label is missing.
        detection: (n,) row of the detections that speaks for it, or -1.
    """

    kind: NDArray
    score: NDArray
    annotation: NDArray
    detection: NDArray

    def __len__(self) -> int:
        return len(self.kind)


def audit(
    annotations: AnnotationColumns,
    detections: DetectionColumns,
    *,
    sizes_hw: NDArray,
    classes: int,
    seed: int = 0,
    least_score: float = 0.001,
) -> Found:
    """Every box that may be wrong.

    Args:
        annotations, detections: of the same pictures, in the same order.
        sizes_hw: (pictures, 2) height and width; where they are not finite the boxes' extent is taken.
        classes: how many classes there are.
        seed: of the errors that are planted.
        least_score: suspects below it are left out.
    """
    sizes = _finite_sizes(sizes_hw, annotations, detections)
    rank = ranks(detections.score)
    sure = share_agreeing(rank, detections.class_id, agreeing(annotations, detections), classes=classes)
    given = evidence(annotations, detections, sure, sizes_hw=sizes, classes=classes)
    rounds = _rounds(int((~annotations.ignore).sum()))
    rng = np.random.default_rng(seed)
    confusion = _confusion(given, annotations, detections, sure, classes)
    worlds: list[World] = []
    for _ in range(rounds):
        planted = plant(annotations, confusion, sizes_hw=sizes, rng=rng)
        worlds.append((planted, evidence(planted.annotations, detections, sure, sizes_hw=sizes, classes=classes)))
    shares = [_share_of_labels(worlds, given, annotations, *kind, rng) for kind in _OF_LABELS]
    share = np.stack(shares, axis=1)  # (n, 3)
    share[annotations.ignore] = 0
    share[:, 1:][given.proposed[:, :2] < 0] = 0  # no other class or place without a detection that says so
    missing = _share_of_detections(worlds, given, detections, rng)
    return _listed(share, missing, given, least_score)


def too_few(annotations: AnnotationColumns) -> bool:
    """Whether there are too few labels to learn from, so that no score exceeds what the plain evidence says."""
    return int((~annotations.ignore).sum()) < ENOUGH_LABELS


def _rounds(labels: int) -> int:
    return int(np.clip(np.ceil(_ENOUGH / max(0.05 * labels, 1)), 1, _MOST_ROUNDS)) if labels >= 8 else 0


def _finite_sizes(sizes_hw: NDArray, a: AnnotationColumns, d: DetectionColumns) -> NDArray:
    """(pictures, 2) as given, or how far the boxes of a picture reach."""
    reach = np.ones((len(a), 2))
    for columns in (a, d):
        np.maximum.at(reach, columns.image_index, columns.boxes_xyxy[:, [3, 2]])
    return np.where(np.isfinite(sizes_hw), sizes_hw, reach)


def _confusion(
    given: Evidence, a: AnnotationColumns, d: DetectionColumns, sure: NDArray, classes: int
) -> NDArray[np.float64]:
    owned = np.flatnonzero(given.owner >= 0)
    cell = a.class_id[given.owner[owned]].astype(np.int64) * classes + d.class_id[owned]
    weight = np.bincount(cell, sure[owned], classes * classes)
    return weight.astype(np.float64).reshape(classes, classes)


def _share_of_labels(
    worlds: list[World],
    given: Evidence,
    annotations: AnnotationColumns,
    kind: int,
    formula: str,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """(n,) share of labels like this that are errors of a kind."""
    lessons = []
    for planted, seen in worlds:
        usable = ~planted.annotations.ignore
        image = planted.annotations.image_index[usable]
        lessons.append(Rows(seen.labels[usable], getattr(seen, formula)[usable], image, (planted.kind == kind)[usable]))
    nobody = np.zeros(len(given.labels), np.bool_)
    asked = Rows(given.labels, getattr(given, formula), annotations.image_index, nobody)
    learnt = learnt_share(lessons, asked, rng=rng, trees=40, ridge=40.0)
    return np.minimum(learnt, asked.plain) if too_few(annotations) else learnt


def _share_of_detections(
    worlds: list[World], given: Evidence, detections: DetectionColumns, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(m,) share of detections like this that lie on an object without a label; 0 where it is no candidate."""
    lessons, image = [], detections.image_index
    for planted, seen in worlds:
        of_left_out = np.isin(given.owner, planted.left_out)
        found = of_left_out & (given.detections[:, 1] >= 0.5)
        usable = seen.candidate & (found | ~of_left_out)
        lessons.append(Rows(seen.detections[usable], seen.missing[usable], image[usable], found[usable]))
    share = np.zeros(len(given.candidate))
    mine = given.candidate
    asked = Rows(given.detections[mine], given.missing[mine], image[mine], np.zeros(mine.sum(), np.bool_))
    share[mine] = learnt_share(lessons, asked, rng=rng, trees=30, ridge=80.0)
    return held_to_precision(share, given.detections[:, 0], given.owner >= 0)


def _listed(share: NDArray, missing: NDArray, given: Evidence, least: float) -> Found:
    """An entry per label and kind, and one per detection on nothing."""
    n = len(share)
    kind = np.tile(np.arange(3), n)
    label = np.repeat(np.arange(n), 3)
    score = _likeliest_first(share).ravel()
    speaks = np.where(kind == 0, -1, given.proposed[label, np.array([2, 0, 1])[kind]])
    free = np.flatnonzero(missing >= least)
    kept = np.flatnonzero(score >= least)
    kinds = np.concatenate([kind[kept] + 1, np.zeros(len(free), np.int64)])
    scores = np.concatenate([score[kept], missing[free]])
    annotation = np.concatenate([label[kept], np.full(len(free), -1)])
    detection = np.concatenate([speaks[kept], free])
    order = np.argsort(-scores, kind="stable")
    return Found(kinds[order], scores[order], annotation[order], detection[order])


def _likeliest_first(share: NDArray) -> NDArray[np.float64]:
    """(n, 3) the likeliest kind of a label as it is; the others as far as it is not that one, so never above a quarter."""
    if not len(share):
        return share
    first = np.arange(3) == share.argmax(axis=1)[:, None]
    return np.where(first, share, share * (1 - share.max(axis=1, keepdims=True)))
