"""Tracks of CVAT's video XML: one object's boxes by frame.

Between two boxes of a track the corners are interpolated linearly over the frames of the task, as CVAT does between keyframes.
A box that is `outside` ends the object until the next one that is not. After its last box a track goes on, as it is, to the
last frame of the task. Outlines are not interpolated: one is kept until the next, and that is told.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from boxwright.ingestion.reading import Reading

_EDGES = ("xtl", "ytl", "xbr", "ybr")
_MOST_BOXES = 2_000_000  # of a file: what interpolation makes out of a few bytes is bounded


def read_tracks(
    reading: Reading, tracks: Iterable[tuple[int, Element]], path: Path, *, frames: Sequence[int]
) -> Iterator[tuple[int, Element, str, str]]:
    """(frame, shape, label, track id) of every frame in which an object is seen.

    Args:
        reading: its problems grow.
        tracks: `<track>` with its position in the file.
        path: for problems.
        frames: of the task, rising.
    """
    made, places = 0, {n: k for k, n in enumerate(frames)}
    for number, track in tracks:
        name, label = track.get("id") or str(number), track.get("label") or ""
        for frame, shape in _frames(reading, track, f"{path.name} track {name}", frames, places):
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


def frame_of(shape: Element) -> int | None:
    """The frame a shape gives, or None."""
    text = shape.get("frame") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


def _frames(
    reading: Reading, track: Element, where: str, frames: Sequence[int], places: dict[int, int]
) -> Iterator[tuple[int, Element]]:
    given = _given(reading, track, where, frames, places)
    keys = sorted(given)
    held = False
    for here, following in zip(keys, [*keys[1:], None][: len(keys)], strict=True):
        shape = given[here]
        if shape.get("outside") == "1":
            continue
        yield here, shape
        target = given[following] if following is not None and given[following].get("outside") != "1" else None
        end = len(frames) if following is None else places[following]
        for place in range(places[here] + 1, end):
            frame = frames[place]
            if target is None or following is None:
                yield frame, shape
                continue
            between = _between(shape, target, (frame - here) / (following - here))
            held |= between is None
            yield frame, between if between is not None else shape
    if held:
        message = "its outlines are not interpolated; between two of them the box of the first was kept"
        reading.problem("not-interpolated", "warning", where, message)


def _given(
    reading: Reading, track: Element, where: str, frames: Sequence[int], places: dict[int, int]
) -> dict[int, Element]:
    given: dict[int, Element] = {}
    for shape in track:
        frame = frame_of(shape)
        if shape.get("frame") is None and shape.tag == "attribute":
            continue
        if frame not in places:
            step = f" in steps of {frames[1] - frames[0]}" if len(frames) > 1 and frames[1] - frames[0] > 1 else ""
            message = f"frame {shape.get('frame')!r:.40} is not one of {frames[0]} to {frames[-1]}{step}; this box was left out"
            reading.problem("bad-frame", "error", where, message)
        elif given.setdefault(frame, shape) is not shape:
            reading.problem("bad-frame", "error", where, f"frame {frame} is given twice; the first box was taken")
    return given


def _between(one: Element, other: Element, share: float) -> Element | None:
    """The box at a share of the way; None for two outlines that differ."""
    if one.tag != "box" or other.tag != "box":
        same = one.tag == other.tag and all(one.get(k) == other.get(k) for k in {*one.attrib} - {"frame", "keyframe"})
        return one if same else None
    try:
        edges = {e: float(one.get(e) or "nan") * (1 - share) + float(other.get(e) or "nan") * share for e in _EDGES}
        start, turn = float(one.get("rotation") or 0), float(other.get("rotation") or 0)
    except ValueError:
        return one
    made = copy.copy(one)
    made.attrib = {**one.attrib, **{edge: repr(value) for edge, value in edges.items()}}
    if start or turn:  # the shorter way round
        made.attrib["rotation"] = repr((start + ((turn - start + 180) % 360 - 180) * share) % 360)
    return made
