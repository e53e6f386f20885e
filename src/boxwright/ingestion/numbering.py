"""Which class a category of a predictions file means, when it may be numbered from 0, from 1, or by the ground truth's ids.

Trainers number classes by position, COCO by ids of its own; a results file does not say which it took, and figures near 0 are
all that a wrong guess shows. Boxes tell: of detections that lie on an annotation, most have its class under the right numbering.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.boxes import xyxy_from_xywh
from boxwright.errors import FormatError

NUMBERED = ("auto", "as-given", "from-0", "from-1")
_IN_WORDS = {"as-given": "the ground truth's ids", "from-0": "positions from 0", "from-1": "positions from 1"}
_MOST = 4000  # detections looked at
_LEAST_IOU = 0.5
_ENOUGH, _MANY = 3, 10  # detections on an annotation: to choose a numbering, to doubt one that fits
_CLEARLY, _RIGHT, _WRONG = 0.3, 0.8, 0.2
_SHOWN = 5


@dataclass(frozen=True)
class OnTruth:
    """Detections that lie on an annotation.

    Attributes:
        rows: (k,) of the detections.
        class_id: (k,) of the annotation each overlaps most.
    """

    rows: NDArray[np.int64]
    class_id: NDArray[np.int64]


@dataclass(frozen=True)
class Classes:
    """What categories mean.

    Attributes:
        class_id: (c,) by category, -1 where the ground truth has no such class.
        told: sentences for the user.
    """

    class_id: NDArray[np.int64]
    told: tuple[str, ...] = ()


def on_truth(
    image: NDArray, boxes_xywh: NDArray, score: NDArray, *, of_image: NDArray, of_class: NDArray, of_boxes: NDArray
) -> OnTruth:
    """The best scored detections that overlap an annotation of their image by half, and its class.

    Args:
        image, boxes_xywh, score: (n,) of the detections; image -1 is left out.
        of_image, of_class, of_boxes: (m,) of the annotations.
    """
    best = np.argsort(-score, kind="stable")
    rows = best[image[best] >= 0][:_MOST]
    order = np.argsort(of_image, kind="stable")
    begin, end = (np.searchsorted(of_image[order], image[rows], side) for side in ("left", "right"))
    counts = end - begin
    pair = np.repeat(np.arange(len(rows)), counts)
    at = order[np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(begin, counts)]
    iou = _iou(xyxy_from_xywh(boxes_xywh[rows])[pair], xyxy_from_xywh(of_boxes)[at])
    falling = np.lexsort((-iou, pair))
    first = falling[np.unique(pair[falling], return_index=True)[1]]
    first = first[iou[first] >= _LEAST_IOU]
    return OnTruth(rows[pair[first]], np.asarray(of_class)[at[first]].astype(np.int64))


def _iou(a: NDArray, b: NDArray) -> NDArray:
    sides = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None)
    both = sides.prod(axis=1)
    return both / np.maximum((a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1) - both, 1e-12)


def classes_by_name(names: Sequence[str], class_names: Sequence[str], *, where: str) -> Classes:
    """By name; FormatError where none is known."""
    place = {name: k for k, name in enumerate(class_names)}
    alike = {name.strip().casefold(): k for k, name in enumerate(class_names)}
    found = np.array([place.get(name, alike.get(name.strip().casefold(), -1)) for name in names], np.int64)
    if len(found) and (found < 0).all():
        raise FormatError(
            f"{where} has the classes {_some(names)}; the ground truth has {_some(class_names)}. None is in both."
        )
    return Classes(found)


def classes_by_number(
    categories: Sequence[Any], category: NDArray, evidence: OnTruth, ids: Mapping[Any, int] | None, names: Sequence[str],
    *, where: str, numbered: str = "auto",
) -> Classes:  # fmt: skip
    """By number, under the numbering that fits the ids and the boxes.

    Args:
        categories: (c,) the file's numbers.
        category: (n,) of each detection, position in `categories`.
        evidence: detections that lie on an annotation.
        ids: the ground truth's category id to class_id; None where it has no ids.
        names: classes of the ground truth.
        where: file, for sentences.
        numbered: one of NUMBERED.

    Raises:
        FormatError: no numbering fits, or two do.
    """
    given = {"as-given": [ids.get(k, -1) for k in categories]} if ids is not None else {}
    number = [k if isinstance(k, int) else -9 for k in categories]
    given |= {f"from-{b}": [k - b if 0 <= k - b < len(names) else -1 for k in number] for b in (0, 1)}
    ways = {name: np.array(way, np.int64).reshape(-1) for name, way in given.items()}
    if numbered != "auto":
        if numbered not in ways:
            raise FormatError(f"--category-ids takes {', '.join(('auto', *ways))} here; found '{numbered}'.")
        return _left_out(ways[numbered], categories, category, where, ())
    if not len(categories):
        return Classes(np.zeros(0, np.int64))
    mine = category[evidence.rows]
    agree = {n: float((way[mine] == evidence.class_id).mean()) if len(mine) else 0.0 for n, way in ways.items()}
    best = max(agree, key=lambda n: agree[n])
    usual = next(iter(ways))
    fits = bool((ways[usual] >= 0).all())
    lead = agree[best] - agree[usual]
    surely = len(mine) >= _MANY and agree[best] >= _RIGHT and agree[usual] <= _WRONG
    if fits and surely and ids is not None:
        raise FormatError(
            f"{where}: its categories are ids of the ground truth, but the boxes disagree: of {len(mine)} detections on an "
            f"annotation {agree[usual]:.0%} have its class, and {agree[best]:.0%} if they are {_IN_WORDS[best]}. Add "
            f"--category-ids {best}, or --category-ids as-given to judge them as they are."
        )
    if fits and (ids is not None or best == usual or lead <= 0):
        chosen = Classes(ways[usual])
    else:
        chosen = _chosen(best, ways, agree, categories, category, where, len(mine), lead)
    mixed = _mixed_up(categories, mine, evidence, names, chosen.class_id)
    if mixed and ids is None:
        raise FormatError(f"{where}: {mixed}. Name the classes of the detections in their order with --classes FILE.")
    return Classes(chosen.class_id, (*chosen.told, f"{where}: {mixed}")) if mixed else chosen


def _mixed_up(
    categories: Sequence[Any], mine: NDArray, evidence: OnTruth, names: Sequence[str], class_id: NDArray
) -> str:
    """A sentence where two categories or more lie, each almost always, on a class that is not the one their number says."""
    table = np.zeros((len(categories), len(names)), np.int64)
    np.add.at(table, (mine, evidence.class_id), 1)
    often, total = table.max(axis=1), table.sum(axis=1)
    clear = (total >= _ENOUGH) & (often >= _RIGHT * total)
    lies_on = table.argmax(axis=1)
    other = np.flatnonzero(clear & (lies_on != class_id))
    if len(mine) < _MANY or len(other) < 2 or len(np.unique(lies_on[clear])) < clear.sum():
        return ""
    lies = ", ".join(f"{categories[k]} on '{names[lies_on[k]]}'" for k in other[:_SHOWN])
    agree = float((class_id[mine] == evidence.class_id).mean())
    return (
        f"its classes seem to be numbered in another order: of {len(mine)} detections on an annotation {agree:.0%} have its class, and "
        f"categories lie mostly on another one ({lies})"
    )


def _chosen(
    best: str, ways: dict[str, NDArray], agree: dict[str, float], categories: Sequence[Any], category: NDArray, where: str,
    count: int, lead: float,
) -> Classes:  # fmt: skip
    """The numbering the boxes speak for, where the usual one does not fit; FormatError where they do not speak."""
    usual = next(iter(ways))
    unknown = [k for k, c in zip(categories, ways[usual].tolist(), strict=True) if c < 0]
    if count < _ENOUGH or agree[best] == 0 or (best != usual and lead < _CLEARLY):
        others = " or ".join(f"--category-ids {n}" for n in ways if (ways[n] >= 0).any())
        raise FormatError(
            f"{where}: category {_some(unknown or list(categories))} is not in the ground truth, and too few detections lie on an "
            f"annotation to tell how categories are numbered. Say it with {others or '--classes FILE'}."
        )
    told = ()
    if best != usual:
        told = (
            f"{where}: categories are taken as {_IN_WORDS[best]}: of {count} detections on an annotation {agree[best]:.0%} have its "
            f"class that way, {agree[usual]:.0%} as {_IN_WORDS[usual]} (--category-ids {usual} would take these)",
        )
    return _left_out(ways[best], categories, category, where, told)


def _left_out(
    class_id: NDArray, categories: Sequence[Any], category: NDArray, where: str, told: tuple[str, ...]
) -> Classes:
    """With a sentence about categories that the ground truth does not have."""
    unknown = np.flatnonzero(class_id < 0)
    if not len(unknown):
        return Classes(class_id, told)
    count = int(np.isin(category, unknown).sum())
    if count == len(category):
        raise FormatError(f"{where}: none of its categories ({_some(categories)}) is in the ground truth.")
    name = _some([categories[k] for k in unknown.tolist()])
    return Classes(
        class_id,
        (
            *told,
            f"{where}: {count:,} of {len(category):,} detections are of category {name}, which the ground truth does not have; they "
            f"are not judged (pycocotools leaves them out too). Add the category to the ground truth if they should count",
        ),
    )


def _some(values: Sequence[Any]) -> str:
    return ", ".join(str(value) for value in values[:_SHOWN]) + (", ..." if len(values) > _SHOWN else "")
