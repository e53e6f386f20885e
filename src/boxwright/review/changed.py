"""What a person changed about the proposed boxes, and whether that shows that they looked.

A file that comes back as it went out shows only that a tool can copy boxes. So an answer counts where its format says that a person
looked (Label Studio's submitted annotation, CVAT's tag `reviewed`, a reviewer and a time on a COCO image), or where a box was added,
removed, moved, given another class or a mark. An image that lost all its boxes counts as long as some image of the file has boxes:
otherwise the tool may have left them all out.

"As it went out" means the boxes that were handed out: those of a recorded export, whichever fits. Where no export is recorded, every
score threshold may have been asked for, and what any of them explains was not touched. Boxes are equal within what the file rounds to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Proposal, ReviewQueue
from boxwright.boxes import clip, recognised, xywh_from_xyxy
from boxwright.review.accept import Answer
from boxwright.review.items import items_of
from boxwright.review.question import proposal_of

State = Literal["changed", "confirmed", "untouched", "emptied", "not marked"]
COUNTS = ("added", "removed", "moved", "relabelled", "marked", "kept")
_NO_HAND_PX = 0.05  # nobody moves a box by less
_GRID = 1e-6
_SHIFT_PX, _LEAST_SHIFTED, _NEARLY_ALL = 1.0, 6, 0.9  # of `_shift`


@dataclass(frozen=True)
class Change:
    """An image of the answers against what was proposed.

    Attributes:
        item: id of the item.
        file_name: of the item's image.
        state: `changed` and `confirmed` are answers; `untouched`, `emptied` (see above) and `not marked` (the file can say that a
            person looked, and does not) are none.
        boxes: how many were added, removed, moved, relabelled, marked (ignore, occluded, ...) and kept as they were.
    """

    item: str
    file_name: str
    state: State
    boxes: Mapping[str, int] = field(default_factory=dict)

    @property
    def answered(self) -> bool:
        """Whether it is an answer."""
        return self.state in ("changed", "confirmed")


@dataclass(frozen=True)
class Weighed:
    """What became of the images of a file.

    Attributes:
        answers: those that count, in order.
        changes: of every image.
        told: how many names of images were met by which rule of `match_names`, `exact` left out.
    """

    answers: list[Answer]
    changes: list[Change]
    told: Mapping[str, int] = field(default_factory=dict)

    @property
    def boxes(self) -> dict[str, int]:
        """Counts over all answered images."""
        return {kind: sum(c.boxes[kind] for c in self.changes if c.answered) for kind in COUNTS}

    def of_state(self, *states: str) -> list[Change]:
        """The images in some states."""
        return [change for change in self.changes if change.state in states]


def weigh(
    queue: ReviewQueue,
    answers: Sequence[Answer],
    *,
    size_of: Callable[[str], tuple[int, int] | None],
    exports: Sequence[float | None] | None = None,
    others: Mapping[str, Sequence[tuple[ReviewQueue, Mapping[str, Any]]]] | None = None,
    unchanged_is_confirmed: bool = False,
    emptied_is_confirmed: bool = False,
) -> Weighed:
    """Which answers show that a person looked.

    Args:
        queue: what was asked.
        answers: of one file.
        size_of: image digest to height and width; None where it is not known.
        exports: the `least_score` of each export of the queue; empty or None where none is recorded.
        others: image digest to other queues and their rows that asked about it: their proposals, come back as they went out,
            are no answer to this queue either.
        unchanged_is_confirmed: somebody vouches for the images that came back as they went out.
        emptied_is_confirmed: somebody vouches that a file without any box means it.

    Raises:
        InputError: an answer belongs to no item, or two to the same one.
    """
    items = items_of(queue, [answer.file_name for answer in answers])
    proposals = [proposal_of(queue, row) for row in items.rows]
    same_px = _rounded_to(answers, proposals)
    bare = not any(len(answer.boxes_xyxy) for answer in answers) and not emptied_is_confirmed
    shift = _shift(queue, answers, proposals, same_px)
    changes = []
    for given, row, proposal in zip(answers, items.rows, proposals, strict=True):
        answer = replace(given, boxes_xyxy=given.boxes_xyxy - shift) if len(given.boxes_xyxy) else given
        out = _handed_out(queue, row, proposal, exports)
        against = _Against(queue, answer, proposal, size_of(row["picture"]), same_px)
        untouched, boxes = against.judge(out, any_threshold=not exports)
        untouched = untouched or any(
            _as_it_went_out(other, answer, its, size_of(row["picture"]), same_px)
            for other, its in (others or {}).get(row["picture"], ())
        )
        state: State = "changed"
        if answer.looked_at is False:
            state = "not marked"
        elif untouched:
            state = "confirmed" if answer.looked_at or unchanged_is_confirmed else "untouched"
        elif bare and not answer.looked_at:
            state = "emptied"
        changes.append(Change(row["item"], row["file_name"] or answer.file_name, state, boxes))
    return Weighed([a for a, change in zip(answers, changes, strict=True) if change.answered], changes, items.told)


def _handed_out(
    queue: ReviewQueue, row: Mapping[str, Any], proposal: Proposal, exports: Sequence[float | None] | None
) -> list[NDArray[np.bool_]]:
    """Which of an item's proposed boxes may have been handed out: (n,) per export."""
    asked = dict.fromkeys(exports or (None, 0.0))
    return [
        queue.handed_out(proposal.score, proposal.class_id, camera=row["camera"], least_score=least) for least in asked
    ]


def _as_it_went_out(
    queue: ReviewQueue, answer: Answer, row: Mapping[str, Any], size_hw: tuple[int, int] | None, same_px: float
) -> bool:
    """Whether an answer has the boxes that another queue proposed for the image."""
    if not len(answer.boxes_xyxy):
        return False
    proposal = proposal_of(queue, row)
    against = _Against(queue, answer, proposal, size_hw, same_px)
    return against.judge(_handed_out(queue, row, proposal, None), any_threshold=True)[0]


class _Against:
    """An answer held against the proposal of its item."""

    def __init__(
        self, queue: ReviewQueue, answer: Answer, proposal: Proposal, size_hw: tuple[int, int] | None, same_px: float
    ) -> None:
        self._answer, self._proposal, self._same_px = answer, proposal, same_px
        ids = {name: i for i, name in enumerate(queue.class_names)}
        self._class_id = np.array([ids.get(name, -1) for name in answer.class_names], np.int32)
        given = np.nan_to_num(np.asarray(answer.boxes_xyxy, np.float64).reshape(-1, 4), nan=-1e9)
        self._boxes, self._proposed = (
            boxes if size_hw is None else clip(boxes, size_hw=size_hw) for boxes in (given, proposal.boxes_xyxy)
        )
        self._apart = _apart(self._proposed, self._boxes)  # (m, n)

    def judge(self, handed_out: Sequence[NDArray[np.bool_]], *, any_threshold: bool) -> tuple[bool, dict[str, int]]:
        """Whether the boxes are those of an export, and what changed against the one that explains them best."""
        best: tuple[int, dict[str, int], int] | None = None
        for out in handed_out:
            counts, evidence = self._counts(np.flatnonzero(out))
            if best is None or evidence < best[0]:
                best = (evidence, counts, int(out.sum()))
        assert best is not None
        if best[0] and any_threshold and self._is_a_threshold():
            return True, {**dict.fromkeys(COUNTS, 0), "kept": len(self._boxes)}
        return best[0] == 0, best[1]

    def _counts(self, rows: NDArray[np.int64]) -> tuple[dict[str, int], int]:
        """What changed against some of the proposed boxes, and how much of it only a person does."""
        found, stayed = self._recognised(rows)
        known = found >= 0
        was = rows[found[known]]
        relabelled = self._proposal.class_id[was] != self._class_id[known]
        ignore = np.array(self._answer.ignore, np.bool_)
        marks = self._answer.attributes or [{}] * len(ignore)
        marked = np.array([any(value is True for value in mark.values()) for mark in marks], np.bool_)
        was_ignored = np.zeros(len(ignore), np.bool_)
        was_ignored[known] = self._proposal.ignore[was]
        newly = known & ((ignore & ~was_ignored) | marked)
        counts = {
            "added": int((~known).sum()),
            "removed": len(rows) - int(known.sum()),
            "moved": int((~stayed[known] & ~relabelled).sum()),
            "relabelled": int(relabelled.sum()),
            "marked": int((known & ((ignore != was_ignored) | marked)).sum()),
            "kept": int((stayed & (ignore == was_ignored) & ~marked).sum()),
        }
        drawn = counts["added"] - int(self._copies(known & stayed)[~known].sum())
        evidence = drawn + counts["removed"] + counts["moved"] + counts["relabelled"] + int(newly.sum())
        return counts, evidence  # a mark that is gone is no evidence: tools drop marks they do not know

    def _copies(self, of: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(n,) boxes that lie exactly on one of some boxes of their class: a tool that imports twice makes them, no hand does."""
        apart = _apart(self._boxes[of], self._boxes)  # (n, k)
        apart[self._class_id[:, None] != self._class_id[of][None]] = np.inf
        return np.any(apart <= self._same_px, axis=1).astype(np.bool_)

    def _recognised(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        return recognised(
            self._proposed[rows], self._proposal.class_id[rows], self._boxes, self._class_id,
            same_px=self._same_px, apart=self._apart[:, rows],
        )  # fmt: skip

    def _is_a_threshold(self) -> bool:
        """Whether the boxes are the proposed ones from some score on."""
        if not len(self._boxes):
            return False
        found, stayed = self._recognised(np.arange(len(self._proposal)))
        gone = np.setdiff1d(np.arange(len(self._proposal)), found)
        score = self._proposal.score
        return bool(stayed.all()) and (not len(gone) or bool(score[gone].max() < score[found].min()))


def _apart(before: NDArray, after: NDArray) -> NDArray[np.float64]:
    """(m, n) how far boxes are apart in pixels, by corners or by corner and size, whichever a tool rounded."""
    if not len(before) or not len(after):
        return np.zeros((len(after), len(before)))
    corners = np.abs(after[:, None] - before[None]).max(axis=2)
    sizes = np.abs(xywh_from_xyxy(after)[:, None] - xywh_from_xyxy(before)[None]).max(axis=2)
    return np.minimum(corners, sizes)


def _rounded_to(answers: Sequence[Answer], proposals: Sequence[Proposal]) -> float:
    """How far a tool's rounding may have moved a box, in pixels: one unit of the last place it writes, where that is coarse."""
    given = np.concatenate([np.zeros((0, 4)), *(np.asarray(a.boxes_xyxy, np.float64).reshape(-1, 4) for a in answers)])
    asked = np.concatenate([np.zeros((0, 4)), *(p.boxes_xyxy for p in proposals)])
    for unit in (1.0, 0.5, 0.1):  # half a pixel: whole centre, width and height
        if len(given) and _on_grid(given, unit) and not _on_grid(asked, unit):
            return unit + _NO_HAND_PX
    return _NO_HAND_PX


def _shift(
    queue: ReviewQueue, answers: Sequence[Answer], proposals: Sequence[Proposal], same_px: float
) -> NDArray[np.float64]:
    """(4,) pixels by which a tool moved every corner of a file: it counts from 1, or the last pixel as inside; else zeros."""
    moved = [np.zeros((0, 4))]
    for answer, proposal in zip(answers, proposals, strict=True):
        boxes = np.asarray(answer.boxes_xyxy, np.float64).reshape(-1, 4)
        if len(boxes) and len(proposal):
            names = np.array([queue.class_names[i] for i in proposal.class_id], object)
            apart = np.abs(boxes[:, None] - proposal.boxes_xyxy[None]).max(axis=2)
            apart[np.array(answer.class_names, object)[:, None] != names[None]] = np.inf
            near = apart.min(axis=1) <= _SHIFT_PX + same_px
            moved.append((boxes - proposal.boxes_xyxy[apart.argmin(axis=1)])[near])
    by = np.concatenate(moved)
    if len(by) < _LEAST_SHIFTED:
        return np.zeros(4)
    shift = np.round(np.median(by, axis=0))
    alike = (np.abs(by - shift).max(axis=1) <= same_px).mean()
    return shift if alike >= _NEARLY_ALL and np.abs(shift).max() <= _SHIFT_PX else np.zeros(4)


def _on_grid(boxes: NDArray, unit: float) -> bool:
    places = boxes / unit
    return bool((np.abs(places - np.round(places)) < _GRID).all())
