"""The page of a difference: what changed between two versions, counted, and pictured box by box."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup
from numpy.typing import NDArray

from boxwright.pages.page import render
from boxwright.pages.views import Box, around, view

_ABOUT = {
    "removed": "Boxes only the earlier version has",
    "added": "Boxes only the later version has",
    "moved": "The same box in another place, the least overlap first",
    "relabelled": "The same box with another class",
    "rejudged": "Ignored in one version, judged in the other",
    "details": "Other attributes, crowd mark, or area",
}


class Changes(Protocol):
    """What the page asks of a difference (`labels.Difference`)."""

    @property
    def boxes(self) -> pa.Table: ...
    @property
    def counts(self) -> Mapping[str, int]: ...
    @property
    def per_class(self) -> Mapping[str, Mapping[str, int]]: ...
    @property
    def per_condition(self) -> Mapping[str, Mapping[str, Mapping[str, int]]]: ...
    @property
    def per_annotator(self) -> Mapping[str, Mapping[str, int]]: ...
    @property
    def pictures_added(self) -> Sequence[str]: ...
    @property
    def pictures_removed(self) -> Sequence[str]: ...
    @property
    def pictures_replaced(self) -> Sequence[str]: ...
    @property
    def pictures_edited(self) -> Mapping[str, Sequence[str]]: ...
    @property
    def believed_ids(self) -> bool: ...
    @property
    def least_iou(self) -> float: ...


@dataclass(frozen=True)
class Pictured:
    """One change as the page shows it."""

    row: Mapping[str, Any]
    drawing: Markup
    has_picture: bool


@dataclass(frozen=True)
class Gallery:
    """Changes of one kind.

    Attributes:
        kind: as the difference calls it.
        about: in words.
        count: how many there are.
        shown: the first of them.
    """

    kind: str
    about: str
    count: int
    shown: list[Pictured]


def diff_page(
    found: Changes,
    *,
    titles: tuple[str, str],
    read_picture: Callable[[str], NDArray[np.uint8] | None],
    most: int = 24,
) -> str:
    """The page of a difference.

    Args:
        found: what changed.
        titles: of the earlier and the later version.
        read_picture: file name to RGB uint8, or None when the picture is not at hand: then boxes lie on grey ground.
        most: how many changes of each kind are pictured, spread over pictures before a picture comes twice.
    """
    read = lru_cache(8)(read_picture)
    galleries = [
        Gallery(kind, about, found.counts[kind], [_pictured(row, read) for row in _chosen(found.boxes, kind, most)])
        for kind, about in _ABOUT.items()
        if found.counts[kind]
    ]
    return render("diff.html", found=found, titles=titles, galleries=galleries, total=sum(found.counts.values()),
                  pictures=len(set(found.boxes.column("image").to_pylist())))  # fmt: skip


def _chosen(boxes: pa.Table, kind: str, most: int) -> list[dict[str, Any]]:
    """Rows of a kind to picture: one of each picture first; moved boxes with the least overlap first."""
    rows = boxes.filter(pc.equal(boxes.column("kind"), kind))  # pyright: ignore
    if kind == "moved":
        rows = rows.sort_by("iou")
    names = rows.column("file_name").combine_chunks().dictionary_encode()
    codes = pa.concat_arrays(names.chunks).indices if isinstance(names, pa.ChunkedArray) else names.indices
    _, first = np.unique(codes.to_numpy(), return_index=True)
    turn = np.ones(len(rows), np.int64)
    turn[first] = 0
    order = np.argsort(turn, kind="stable")[:most]
    return rows.take(pa.array(order)).to_pylist()


def _pictured(row: Mapping[str, Any], read: Callable[[str], NDArray[np.uint8] | None]) -> Pictured:
    picture = read(row["file_name"])
    before, after = row["box_before"], row["box_after"]
    both = [box for box in (before, after) if box is not None]
    span = [min(b[0] for b in both), min(b[1] for b in both), max(b[2] for b in both), max(b[3] for b in both)]
    window = around(span, None if picture is None else (int(picture.shape[0]), int(picture.shape[1])))
    drawn = []
    if before is not None:
        drawn.append(Box("detection", before, f"before: {row['class_before']}"))
    if after is not None:
        drawn.append(Box("annotation", after, f"after: {row['class_after']}"))
    label = f"{row['kind']} box of {row['class_after'] or row['class_before']} in {row['file_name']}"
    return Pictured(row, view(picture, window, drawn, label=label), picture is not None)
