"""An item of a queue as it is put to a person in another tool: the picture as they will see it, and boxes to start from.

Tools disagree about EXIF orientation, and browsers do not show every format. So a picture that is turned by its EXIF tag, or is
neither JPEG nor PNG, is handed out upright as a JPEG; every other one as it is. Boxes are those of the upright picture either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from boxwright.artifacts import Doubt, Proposal, ReviewQueue
from boxwright.errors import InputError
from boxwright.images import read_header, read_picture, write_jpeg
from boxwright.store import digest_of_bytes

_QUALITY = 95
_DOUBTS = 4  # named in one line
_AS_THEY_ARE = {"JPEG": "jpeg", "PNG": "png"}


@dataclass(frozen=True)
class Question:
    """One item, ready to be handed out.

    Attributes:
        item: id of the item.
        row: the queue's row.
        proposal: boxes to start from, in continuous pixels of the upright picture: those that are handed out.
        held_back: how many fainter ones are not.
        key: of picture and proposal; the same question has the same key wherever it is asked.
        doubts: what may be wrong here, in words.
    """

    item: str
    row: dict[str, Any]
    proposal: Proposal
    key: str
    doubts: tuple[str, ...] = ()
    held_back: int = 0

    @property
    def why(self) -> str:
        """Priority, reason, due time, and what may be wrong, in one line."""
        shown = ", ".join(self.doubts[:_DOUBTS]) + (" and more" if len(self.doubts) > _DOUBTS else "")
        return f"{self.row['priority']} {self.row['reason']}, due {self.due}{f': {shown}' if shown else ''}"

    @property
    def due(self) -> str:
        """By when, as ISO 8601 in UTC."""
        return moment(self.row["due_at"])


@dataclass(frozen=True)
class Shown:
    """A picture as a person will see it.

    Attributes:
        data: the encoded file.
        ending: jpeg or png.
        size_hw: height and width of the upright picture.
    """

    data: bytes
    ending: str
    size_hw: tuple[int, int]


def questions(queue: ReviewQueue, *, least_score: float | None = None) -> list[Question]:
    """The items of a queue in their order.

    Args:
        queue: what is asked.
        least_score: proposals from this score on; None: those the queue hands out, see `ReviewQueue.least_scores`.

    Raises:
        InputError: a proposal cannot be read.
    """
    return list(_questions(queue, least_score))


def _questions(queue: ReviewQueue, least_score: float | None) -> Iterator[Question]:
    for row in queue.items.to_pylist():
        proposal = proposal_of(queue, row)
        key = digest_of_bytes("\n".join((row["item"], row["picture"], row["proposal"])).encode())[:16]
        doubts = tuple(
            f"{doubt.words(queue.class_names)} at {doubt.box_xyxy[0]:.0f}, {doubt.box_xyxy[1]:.0f}"
            for doubt in Doubt.read_all(row["proposal"])
        )
        out = queue.handed_out(proposal.score, proposal.class_id, camera=row["camera"], least_score=least_score)
        yield Question(row["item"], row, proposal[out], key, doubts, int((~out).sum()))


def proposal_of(queue: ReviewQueue, row: Mapping[str, Any]) -> Proposal:
    """All proposed boxes of an item.

    Raises:
        InputError: they cannot be read.
    """
    proposal = Proposal.read(row["proposal"])
    if proposal is None or (len(proposal) and int(np.max(proposal.class_id)) >= len(queue.class_names)):
        raise InputError(f"The proposal of item '{row['item'][:80]}' cannot be read; select the queue again.")
    return proposal


def shown(data: bytes, *, name: str) -> Shown:
    """The picture as it is handed out.

    Raises:
        PictureError: it cannot be read.
    """
    header = read_header(data, name=name)
    if header.format in _AS_THEY_ARE and header.orientation == 1:
        return Shown(data, _AS_THEY_ARE[header.format], header.size_hw)
    pixels = read_picture(data, name=name)
    return Shown(write_jpeg(pixels, quality=_QUALITY), "jpeg", (pixels.shape[0], pixels.shape[1]))


def moment(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


Look = Callable[[str], bytes]  # picture digest to the encoded file; raises InputError where it is not at hand
