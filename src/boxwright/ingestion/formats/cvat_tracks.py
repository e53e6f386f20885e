"""Tracks of CVAT's video XML: one object's boxes by frame.

Between two boxes of a track the corners are interpolated linearly, as CVAT does between keyframes. A box that is `outside`
ends the object until the next one that is not. After its last box a track goes on, as it is, to the end of the task.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from boxwright.ingestion.reading import Reading

_EDGES = ("xtl", "ytl", "xbr", "ybr")
_SHAPES = ("box", "polygon", "ellipse", "mask", "polyline", "points", "cuboid", "skeleton")
_MOST_BOXES = 2_000_000  # of a file: what interpolation makes out of a few bytes is bounded


def read_tracks(reading: Reading, tree: Element, path: Path, *, last: int) -> Iterator[tuple[int, Element, str, str]]:
    """(frame, shape, label, track id) of every frame in which an object is seen.

    Args:
        reading: its problems grow.
        tree: `<annotations>`.
        path: for problems.
        last: frame at which the task ends.
    """
    made = 0
    for number, track in enumerate(tree.findall("track")):
        name, label = track.get("id") or str(number), track.get("label") or ""
        for frame, shape in _frames(reading, track, f"{path.name} track {name}", last):
            made += 1
            if made > _MOST_BOXES:
                reading.problem(
                    "too-many",
                    "error",
                    path.name,
                    f"its tracks make more than {_MOST_BOXES} boxes; the rest was left out",
                )
                return
            yield frame, shape, label, name


def _frames(reading: Reading, track: Element, where: str, last: int) -> Iterator[tuple[int, Element]]:
    given: dict[int, Element] = {}
    for shape in track:
        if shape.tag in _SHAPES:
            frame = _frame(shape)
            if frame is None or frame > last:
                found = shape.get("frame")
                reading.problem(
                    "bad-frame", "error", where, f"frame {found!r:.40} is none of 0 to {last}; this box was left out"
                )
                continue
            given.setdefault(frame, shape)
    keys = sorted(given)
    for here, following in zip(keys, [*keys[1:], None][: len(keys)], strict=True):
        shape = given[here]
        if shape.get("outside") == "1":
            continue
        yield here, shape
        end = last + 1 if following is None else following
        target = given[following] if following is not None and given[following].get("outside") != "1" else None
        for frame in range(here + 1, end):
            yield frame, shape if target is None else _between(shape, target, (frame - here) / (end - here))


def _frame(shape: Element) -> int | None:
    text = shape.get("frame") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


def _between(one: Element, other: Element, share: float) -> Element:
    """The box at a share of the way; anything but two boxes stays as it was."""
    if one.tag != "box" or other.tag != "box":
        return one
    try:
        edges = {e: float(one.get(e) or "nan") * (1 - share) + float(other.get(e) or "nan") * share for e in _EDGES}
    except ValueError:
        return one
    made = copy.copy(one)
    made.attrib = {**one.attrib, **{edge: repr(value) for edge, value in edges.items()}}
    return made
