"""The page annotators label by: the spec's contract, drawn, with boxes of the data as examples. Made to be printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from boxwright.pages.page import render
from boxwright.pages.schematics import schematics
from boxwright.pages.views import Box, around, view
from boxwright.spec import Spec
from boxwright.spec.guideline import guideline_of

WORDS = {
    "typical": "typical",
    "large": "large",
    "smallest": "the smallest that counts",
    "crowded": "crowded",
    "border": "at the border",
    "occluded": "marked as occluded",
    "truncated": "marked as truncated",
    "difficult": "marked as difficult",
}


@dataclass(frozen=True)
class Shown:
    """An example as the page needs it.

    Attributes:
        class_name: of the box.
        what: why it is shown, a key of WORDS.
        box_xyxy: pixels.
        others: boxes of the same picture with their class names.
        picture: RGB uint8, or None.
        file_name: of the picture.
    """

    class_name: str
    what: str
    box_xyxy: tuple[float, float, float, float]
    others: Sequence[tuple[tuple[float, float, float, float], str]]
    picture: NDArray[np.uint8] | None
    file_name: str


@dataclass(frozen=True)
class Card:
    """An example, drawn."""

    what: str
    drawing: Markup
    size: str
    file_name: str
    has_picture: bool


def guideline_page(spec: Spec, *, digest: str, examples: Iterable[Shown] = (), source: str = "") -> str:
    """The page of a spec's labelling contract.

    Args:
        spec: the promise.
        digest: of the spec, so that a printed page can be matched with it.
        examples: boxes of real data, any number per class.
        source: where the examples come from, in words.
    """
    cards: dict[str, list[Card]] = {}
    for shown in examples:
        cards.setdefault(shown.class_name, []).append(_card(shown))
    return render(
        "guideline.html",
        guideline=guideline_of(spec),
        drawings=schematics(spec),
        cards=cards,
        digest=digest,
        source=source,
    )


def _card(shown: Shown) -> Card:
    size = None if shown.picture is None else (int(shown.picture.shape[0]), int(shown.picture.shape[1]))
    x1, y1, x2, y2 = shown.box_xyxy
    others = [Box("detection", box, name) for box, name in shown.others]
    label = f"{shown.class_name}, {WORDS.get(shown.what, shown.what)}, in {shown.file_name}"
    drawing = view(
        shown.picture, around(shown.box_xyxy, size), [*others, Box("annotation", shown.box_xyxy, label)], label=label
    )
    return Card(
        WORDS.get(shown.what, shown.what), drawing, f"{x2 - x1:.0f} × {y2 - y1:.0f} px", shown.file_name,
        shown.picture is not None,
    )  # fmt: skip
