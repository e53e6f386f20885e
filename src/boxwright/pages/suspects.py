"""The page of suspected label errors: where they gather, and the surest of each kind as pictures, grouped by class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow.compute as pc
from markupsafe import Markup
from numpy.typing import NDArray

from boxwright.artifacts import SUSPECT_KINDS, Suspects
from boxwright.artifacts.suspects import SuspectGroup
from boxwright.pages.page import render
from boxwright.pages.surroundings import name_of
from boxwright.pages.views import Box, around, view

_TITLES = {
    "missing": ("Missing labels", "The detector is sure of an object where nobody drew a box."),
    "spurious": ("Labels on nothing", "A box where the detector sees nothing, or a second box on one object."),
    "class": ("Wrong classes", "A box in the right place that looks like another class."),
    "location": ("Wrong places", "A box beside, around or inside the object it should mark."),
}
_MOST_LISTED = 300


@dataclass(frozen=True)
class Card:
    """A suspect as the page shows it.

    Attributes:
        row: the suspect's.
        what: classes, as labelled and as proposed.
        drawing: the part of the picture with the label's box and the proposed one.
        has_picture: whether pixels were at hand.
    """

    row: Mapping[str, Any]
    what: str
    drawing: Markup
    has_picture: bool


@dataclass(frozen=True)
class Gallery:
    """Suspects of one kind and one pair of classes.

    Attributes:
        what: the classes.
        count: how many at or above the score from which suspects are counted.
        sentences: of the systematic groups it holds.
        cards: the surest.
    """

    what: str
    count: int
    sentences: list[str]
    cards: list[Card]


@dataclass(frozen=True)
class Chapter:
    """Galleries of one kind."""

    kind: str
    title: str
    about: str
    count: int
    galleries: list[Gallery]


def suspects_page(
    found: Suspects,
    *,
    read_picture: Callable[[int], NDArray[np.uint8] | None],
    most: int = 24,
    in_all: int = 240,
) -> str:
    """The page of suspects.

    Args:
        found: what to show.
        read_picture: image_id to RGB uint8, or None when the picture is not at hand: then boxes lie on grey ground.
        most: pictures of each kind and pair of classes.
        in_all: pictures on the page; pairs of classes share them.
    """
    rows: list[dict[str, Any]] = _counted(found).to_pylist()
    read = lru_cache(8)(read_picture)
    pairs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        pairs.setdefault((row["kind"], _what(row, found.class_names)), []).append(row)
    each = _each([len(mine) for mine in pairs.values()], most, in_all)
    chapters = [_chapter(kind, pairs, found, read, each) for kind in SUSPECT_KINDS]
    return render(
        "suspects.html",
        suspects=found,
        chapters=[chapter for chapter in chapters if chapter.galleries],
        systematic=[group for group in found.groups if group.systematic],
        others=[group for group in found.groups if not group.systematic],
        tally=[(kind, found.summary.sure.get(kind, 0)) for kind in SUSPECT_KINDS],
        titles=_TITLES,
        listed=[(row, _what(row, found.class_names)) for row in rows[:_MOST_LISTED]],
        counted=len(rows),
        at_hand=any(card.has_picture for chapter in chapters for g in chapter.galleries for card in g.cards),
    )


def _counted(found: Suspects) -> Any:
    """Rows at or above the score from which suspects are counted; the first few where none is."""
    sure = found.once.filter(pc.greater_equal(found.once.column("score"), found.summary.sure_from))  # pyright: ignore
    return sure if len(sure) else found.once.slice(0, 12)


def _each(counts: Sequence[int], most: int, in_all: int) -> int:
    """How many of each pair to picture, at least 4, so that the page holds about `in_all`."""
    fitting = [n for n in range(4, most + 1) if sum(min(n, count) for count in counts) <= in_all]
    return max(fitting, default=4)


def _what(row: Mapping[str, Any], names: Sequence[str]) -> str:
    said, other = name_of(names, row["class_id"]), name_of(names, row["proposed_class_id"])
    return f"{said} → {other}" if said and other else said or other


def _chapter(kind: str, pairs: Mapping, found: Suspects, read: Callable, each: int) -> Chapter:
    mine = sorted(((what, rows) for (k, what), rows in pairs.items() if k == kind), key=lambda pair: -len(pair[1]))
    galleries = [
        Gallery(
            what,
            len(rows),
            [g.sentence for g in found.groups if g.systematic and g.kind == kind and _named(g) == what],
            [_card(row, what, found.class_names, read) for row in rows[:each]],
        )
        for what, rows in mine
    ]
    return Chapter(kind, *_TITLES[kind], sum(len(rows) for _, rows in mine), galleries)


def _named(group: SuspectGroup) -> str:
    other = group.proposed_class_name
    return f"{group.class_name} → {other}" if other else group.class_name


def _card(row: Mapping[str, Any], what: str, names: Sequence[str], read: Callable) -> Card:
    picture = read(row["image_id"])
    box = tuple(row[corner] for corner in ("x1", "y1", "x2", "y2"))
    proposed = row["proposed_box"]
    both = box
    if proposed:
        both = (*(min(a, b) for a, b in zip(box[:2], proposed[:2], strict=True)),
                *(max(a, b) for a, b in zip(box[2:], proposed[2:], strict=True)))  # fmt: skip
    window = around(both, None if picture is None else (int(picture.shape[0]), int(picture.shape[1])))
    boxes = []
    if row["kind"] != "missing":
        boxes.append(Box("failure", box, f"labelled: {name_of(names, row['class_id'])}"))
    if proposed:
        boxes.append(Box("detection", proposed, f"proposed: {name_of(names, row['proposed_class_id']) or what}"))
    label = f"{row['kind']}: {what} in {row['file_name']}"
    return Card(row, what, view(picture, window, boxes, label=label), picture is not None)
