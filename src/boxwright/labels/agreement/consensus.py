"""What to take for true where people differ: every opinion weighted by how good its owner has shown to be.

Three models, each fitted by expectation and maximisation, with the annotators' quality as the unknown (after BDC, ECCV 2024,
and Dawid and Skene, Applied Statistics 28, 1979):

- existence: a picture holds objects, which annotator r draws with chance recall_r, and r draws phantoms of their own. What
  two or more drew exists; of what one alone drew, as many are objects as the recalls of the others let expect (capture and
  recapture), the rest are phantoms. With two annotators this cannot be told, and is not: such a box is 50:50.
- class: annotator r calls a k an l with chance pi_r[k, l], a Dirichlet prior holding the diagonal up.
- edges: y = t + side (b_r + s_r e), e normal, per edge; b_r and s_r have a normal-gamma prior. The middle one of the b_r is 0:
  a bias all share cannot be seen. With two annotators s_r cannot be told apart and is taken for the same.

Nothing is decided in silence: what stays between 20 and 80 % is marked unresolved, and so is every class on which two
opinions stand against each other without a third.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import xywh_from_xyxy
from boxwright.coco import Entry, categories, document, image
from boxwright.labels.agreement.ratings import NOT_ASKED, NOTHING, Units

DOUBT = (0.2, 0.8)  # between these an answer is open
_ROUNDS = 200
_RECALL_PRIOR = (4.5, 0.5)
_PRIOR_OBJECTS = 10.0  # objects that the priors of edges weigh


@dataclass(frozen=True)
class Consensus:
    """One answer per unit, and what each annotator has shown to be.

    Attributes:
        units: the rated objects.
        existence: (U,) chance that there is an object.
        class_id: (U,) the likeliest.
        class_chance: (U,) of that class, given that it exists.
        boxes_xyxy: (U, 4) pixels.
        edge_sd_px: (U, 4) standard deviation of each edge.
        open_existence, open_class: (U,) bool, unresolved.
        people: annotator to recall, phantoms (a picture), accuracy, edge_bias and edge_sd (shares of the side).
    """

    units: Units
    existence: NDArray
    class_id: NDArray
    class_chance: NDArray
    boxes_xyxy: NDArray
    edge_sd_px: NDArray
    open_existence: NDArray
    open_class: NDArray
    people: dict[str, dict[str, Any]]

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(U,) what is written: all but what is taken for a phantom."""
        return self.existence > DOUBT[0]

    @property
    def counts(self) -> dict[str, int]:
        """How many were written, left out as phantoms, and are open."""
        kept = self.kept
        return {
            "written": int(kept.sum()),
            "left_out": int((~kept).sum()),
            "open_existence": int((kept & self.open_existence).sum()),
            "open_class": int((kept & self.open_class).sum()),
        }


def consensus(units: Units) -> Consensus:
    """The weighted answer; see the file's opening."""
    existence, recall, phantoms = _existence(units)
    class_id, chance, accuracy = _classes(units)
    boxes, deviation, bias, spread = _edges(units)
    votes = np.stack([(units.label == k).sum(axis=1) for k in range(len(units.ratings.class_names))], axis=1)
    top = np.sort(votes, axis=1)
    tied = top[:, -1] == top[:, -2] if votes.shape[1] > 1 else np.zeros(len(votes), np.bool_)
    people = {
        name: {
            "recall": recall[r], "phantoms": phantoms[r], "accuracy": accuracy[r],
            "edge_bias": bias[r].tolist(), "edge_sd": spread[r].tolist(),
        }
        for r, name in enumerate(units.ratings.annotators)
    }  # fmt: skip
    return Consensus(
        units, existence, class_id, chance, boxes, deviation,
        (existence > DOUBT[0]) & (existence < DOUBT[1]),
        ~units.one_class & ((chance < DOUBT[1]) | (tied & (units.drew < 3))),
        people,
    )  # fmt: skip


def _existence(units: Units) -> tuple[NDArray, list[float | None], list[float | None]]:
    """Chance that each unit exists; recall and phantoms a picture of each annotator, None where they cannot be told."""
    saw, drawn, asked = units.ratings.saw, units.member >= 0, units.member != NOT_ASKED
    chance = np.where(units.drew > 1, 1.0, 0.5)
    judged, of_many = units.asked > 2, saw.sum(axis=1) > 2
    annotators = saw.shape[1]
    if not judged.any():
        return chance, [None] * annotators, [None] * annotators
    single = judged & (units.drew == 1)
    who = drawn.argmax(axis=1)
    patterns, at = np.unique(saw[of_many], axis=0, return_inverse=True)
    pictures = np.bincount(at.ravel(), minlength=len(patterns)).astype(np.float64)
    had = np.maximum((patterns * pictures[:, None]).sum(axis=0), 1.0)
    recall = np.full(annotators, 0.9)
    phantoms = np.bincount(who[single], minlength=annotators) / 2 / had + 1e-9
    a, b = _RECALL_PRIOR
    for _ in range(_ROUNDS):
        objects = chance[judged].sum() / max(
            float((pictures * (1 - np.where(patterns, 1 - recall, 1.0).prod(axis=1))).sum()), 1e-9
        )
        missed = objects * pictures * np.where(patterns, 1 - recall, 1.0).prod(axis=1)  # by everybody, per pattern
        others = np.where(asked, 1 - recall, 1.0).prod(axis=1) / np.maximum(1 - recall[who], 1e-12)
        real = objects * recall[who] * others
        now = np.where(units.drew == 1, real / (real + phantoms[who]), chance)
        chance = np.where(units.drew > 1, 1.0, now)
        weight = np.where(judged, chance, 0.0)
        had_it = (asked * weight[:, None]).sum(axis=0) + (patterns * missed[:, None]).sum(axis=0)
        fresh = ((drawn * weight[:, None]).sum(axis=0) + a) / (had_it + a + b)
        phantoms = (np.bincount(who[single], (1 - chance)[single], annotators) + 0.5) / (had + 1.0)
        if np.abs(fresh - recall).max() < 1e-9:
            break
        recall = fresh
    told = (saw & of_many[:, None]).any(axis=0)
    shown = [
        [float(v) if known else None for v, known in zip(values, told, strict=True)] for values in (recall, phantoms)
    ]
    unknown = (units.drew == 1) & ~np.where(asked, told, True).all(axis=1)
    return np.where(unknown, 0.5, chance), shown[0], shown[1]


def _classes(units: Units) -> tuple[NDArray, NDArray, list[float | None]]:
    """Likeliest class and its chance; per annotator the share of objects they call right."""
    k, label = len(units.ratings.class_names), units.label
    patterns, at = np.unique(label, axis=0, return_inverse=True)
    drawn = patterns >= 0
    weight = np.bincount(at.ravel(), minlength=len(patterns)) * (drawn.sum(axis=1) > 1)
    votes = np.stack([(patterns == c).sum(axis=1) for c in range(k)], axis=1).astype(np.float64)
    chance = votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)
    prior = np.full((k, k), 0.5 / k) + np.eye(k) * 2
    tables = np.zeros((patterns.shape[1], k, k))
    for _ in range(_ROUNDS):
        share = (chance * weight[:, None]).sum(axis=0) + 0.5
        log_chance = np.log(share / share.sum()) * np.ones((len(patterns), 1))
        for r in range(patterns.shape[1]):
            counts = np.zeros((k, k))
            rows = drawn[:, r]
            np.add.at(counts.T, patterns[rows, r], chance[rows] * weight[rows, None])
            tables[r] = (counts + prior) / (counts + prior).sum(axis=1, keepdims=True)
            log_chance[rows] += np.log(tables[r]).T[patterns[rows, r]]
        fresh = np.exp(log_chance - log_chance.max(axis=1, keepdims=True))
        fresh /= fresh.sum(axis=1, keepdims=True)
        moved = float(np.abs(fresh - chance).max()) if len(fresh) else 0.0
        chance = fresh
        if moved < 1e-9:
            break
    share = (chance * weight[:, None]).sum(axis=0)
    accuracy: list[float | None] = [
        float((share * np.diag(table)).sum() / share.sum())
        if share.sum() and (drawn[:, r] & (weight > 0)).any()
        else None
        for r, table in enumerate(tables)
    ]
    alone = (drawn.sum(axis=1) == 1)[at.ravel()]
    best, sure = chance.argmax(axis=1)[at.ravel()], chance.max(axis=1)[at.ravel()]
    return np.where(alone, units.majority, best), sure, accuracy


def _edges(units: Units) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Boxes and their standard deviations in px; (R, 4) biases and spreads as shares of the side."""
    boxes, middle = units.boxes_xyxy, units.middle_xyxy
    width, height = middle[:, 2] - middle[:, 0], middle[:, 3] - middle[:, 1]
    side = np.maximum(np.stack([width, height, width, height], axis=1), 1e-9)[:, None, :]
    drawn = units.member >= 0
    have = (drawn & (units.drew > 1)[:, None])[..., None]
    off = np.where(have, (np.nan_to_num(boxes) - middle[:, None]) / side, 0.0)  # (U, R, 4) shares of the side
    count = have.sum(axis=(0)).astype(np.float64)  # (R, 1)
    free = max(float(count.sum() - (units.drew > 1).sum()), 1.0)
    pooled = np.square(off).sum(axis=(0, 1)) / free + 1e-10  # (4,)
    annotators = drawn.shape[1]
    bias, variance = np.zeros((annotators, 4)), np.tile(pooled, (annotators, 1))
    several = len(np.flatnonzero(count[:, 0])) > 2
    for _ in range(_ROUNDS):
        precision = have / variance  # (U, R, 4)
        whole = np.maximum(precision.sum(axis=1), 1e-12)
        true = (precision * (off - bias)).sum(axis=1) / whole  # (U, 4)
        away = np.where(have, off - true[:, None], 0.0)
        fresh = away.sum(axis=0) / (count + _PRIOR_OBJECTS / 2)
        fresh -= np.median(fresh[count[:, 0] > 0], axis=0) if (count > 0).any() else 0.0
        residual = np.where(have, np.square(away - fresh) + (1 / whole)[:, None], 0.0).sum(axis=0)
        if several:
            variance = (residual + _PRIOR_OBJECTS * pooled) / (count + _PRIOR_OBJECTS)
        else:  # two: only their sum shows
            variance = np.tile(
                (residual.sum(axis=0) + _PRIOR_OBJECTS * pooled) / (count.sum() + _PRIOR_OBJECTS), (annotators, 1)
            )
        moved = float(np.abs(fresh - bias).max())
        bias = fresh
        if moved < 1e-7:
            break
    weight = drawn[..., None] / variance
    whole = np.maximum(weight.sum(axis=1), 1e-12)
    place = (weight * (np.nan_to_num(boxes) - bias * side)).sum(axis=1) / whole
    return place, np.sqrt(1 / whole) * side[:, 0], bias * np.array([-1, -1, 1, 1]), np.sqrt(variance)


def as_coco(found: Consensus) -> dict[str, Any]:
    """The consensus as a COCO tree: each box with its existence, support and what is open, as attributes."""
    units = found.units
    ratings = units.ratings
    rows = np.flatnonzero(found.kept)
    boxes = xywh_from_xyxy(found.boxes_xyxy[rows]).tolist()
    size = np.nan_to_num(ratings.sizes_hw, nan=0).astype(int).tolist()
    images = [
        image(p + 1, name, (h, w) if h and w else None)
        for p, (name, (h, w)) in enumerate(zip(ratings.file_names, size, strict=True))
        if ratings.saw[p].any()
    ]
    annotations = [
        Entry(
            id=i + 1, image_id=int(units.picture[u]) + 1, category_id=int(found.class_id[u]) + 1,
            bbox=[round(v, 3) for v in box], area=round(box[2] * box[3], 3), iscrowd=0,
            attributes=_attributes(found, int(u)),
        )
        for i, (u, box) in enumerate(zip(rows, boxes, strict=True))
    ]  # fmt: skip
    return document(images, annotations, categories(ratings.class_names))


def _attributes(found: Consensus, u: int) -> dict[str, Any]:
    units = found.units
    names, label = units.ratings.annotators, units.label[u]
    opened = [what for what, flag in (("existence", found.open_existence[u]), ("class", found.open_class[u])) if flag]
    return {
        "existence": round(float(found.existence[u]), 4),
        "class_chance": round(float(found.class_chance[u]), 4),
        "support": f"{int(units.drew[u])}/{int(units.asked[u])}",
        "drawn_by": [names[r] for r in range(len(names)) if label[r] > NOTHING],
        "edge_sd_px": round(float(found.edge_sd_px[u].mean()), 2),
        **({"unresolved": opened} if opened else {}),
    }
