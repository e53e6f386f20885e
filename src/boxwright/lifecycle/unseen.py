"""Boxes that a correction would remove although nobody was shown them.

A queue of traffic shows a reviewer what the model proposes. Where the image is already in the dataset, the answer replaces boxes that
people drew before and that the reviewer never saw: a box is seen if a proposal that was handed out lies on it (IoU 0.5 or more). An
audit's queue proposes the dataset's own boxes, so there every box is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Corrections, Dataset, ReviewQueue
from boxwright.artifacts.review_queue import Proposal
from boxwright.boxes import pairwise_iou, recognised
from boxwright.errors import InputError, StoreError
from boxwright.store import Store

_SEEN_IOU = 0.5
_SAME_PX = 0.5
_NAMED = 3
_CORNERS = ("x1", "y1", "x2", "y2")


@dataclass(frozen=True)
class Unseen:
    """An image of the dataset that would lose boxes nobody was shown: how many."""

    file_name: str
    boxes: int


def refuse_unseen(store: Store, dataset: Dataset, corrections: Corrections) -> None:
    """InputError where the corrections remove boxes of the dataset that their queue did not show."""
    found = unseen_removals(store, dataset, corrections)
    if not found:
        return
    shown = ", ".join(f"{one.file_name} ({one.boxes})" for one in found[:_NAMED]) + (
        ", ..." if len(found) > _NAMED else ""
    )
    raise InputError(
        f"These answers would remove {sum(one.boxes for one in found)} boxes that people drew before and that the reviewer was not "
        f"shown, on {len(found)} of the {len(corrections)} answered images: {shown}. Nothing was written. If the answers are complete, "
        f"type `boxwright correct dataset/{dataset.name} {corrections.digest[:12]} --replace-known`; if not, take them back with "
        f"`boxwright review undo {corrections.digest[:12]}`."
    )


def unseen_removals(store: Store, dataset: Dataset, corrections: Corrections) -> list[Unseen]:
    """The images of the dataset that would lose boxes nobody was shown, in the order of the answers."""
    rows: dict[str, int] = {}
    for row, digest in enumerate(dataset.picture_digests):
        rows.setdefault(digest, row)
    proposals = _shown(store, corrections)
    found = []
    for answer in corrections.answers.to_pylist():
        row = rows.get(answer["picture"])
        if row is None:
            continue
        removed = _removed(dataset, row, answer)
        shown = proposals.get(answer["item"], np.zeros((0, 4)))
        seen = (
            (pairwise_iou(removed, shown) >= _SEEN_IOU).any(axis=1) if len(shown) else np.zeros(len(removed), np.bool_)
        )
        if count := int((~seen).sum()):
            found.append(Unseen(dataset.file_names[row], count))
    return found


def _removed(dataset: Dataset, row: int, answer: dict[str, Any]) -> NDArray[np.float64]:
    """(k, 4) boxes of a row that the answer does not have: neither in place, nor moved, nor of another class."""
    known = dataset.annotations[row]
    drawn = np.array([answer[corner] for corner in _CORNERS], np.float64).reshape(4, -1).T
    taken, _ = recognised(
        known.boxes_xyxy, known.class_id, drawn, np.array(answer["class_id"], np.int32), same_px=_SAME_PX
    )
    return np.delete(np.asarray(known.boxes_xyxy, np.float64), taken[taken >= 0], axis=0)


def _shown(store: Store, corrections: Corrections) -> dict[str, NDArray[np.float64]]:
    """Item to the (n, 4) proposed boxes that were handed out; empty where the queue is not in the store."""
    try:
        queue = store.get(corrections.made_from["review_queue"], ReviewQueue)
    except (KeyError, StoreError):
        return {}
    found = {}
    columns: Sequence[str] = ("item", "proposal", "camera")
    for item in queue.items.select(columns).to_pylist():
        proposal = Proposal.read(item["proposal"])
        if proposal is not None:
            handed = queue.handed_out(proposal.score, proposal.class_id, camera=item["camera"] or "")
            found[item["item"]] = proposal.boxes_xyxy[handed]
    return found
