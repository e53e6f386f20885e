"""Pages of an agreement and of a guideline: hostile names stay text, nothing is asked of the network, nothing runs over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from boxwright.labels.agreement.agree import agree
from boxwright.labels.agreement.required import Required
from boxwright.lifecycle.annotators import sureness
from boxwright.pages.agreement import agreement_page
from boxwright.pages.guideline import Shown, guideline_page
from boxwright.spec import parse_spec
from tests.labels.people import Person, drawn, world
from tests.pages.reading import HOSTILE, Reader
from tests.pages.tabs import open_page

_SPEC = """
name: line
classes:
  - {name: carton, includes: ["<script>alert(1)</script>"], least_size_px: 6, least_visible: 0.25}
  - {name: pouch}
labels: {truncated: leave_out, occluded: leave_out, box: amodal, margin_px: 2, notes: ["<b>first</b> note"], agreement: 0.9}
"""


def of_people(count: int, *, required: float | None = 0.9) -> str:
    ratings = drawn(world(1, pictures=40), [Person(recall=0.9, bias=(0.03 * i, 0, 0, 0)) for i in range(count)])
    ratings = replace(
        ratings, annotators=(HOSTILE, *ratings.annotators[1:]), class_names=(HOSTILE, *ratings.class_names[1:])
    )
    asked = Required(required) if required else None
    found = agree(ratings, sureness(ratings), title=HOSTILE, required=asked, facts={"matched_by": "file name"})
    return agreement_page(found, read_picture=lambda p: np.full((640, 640, 3), 120, np.uint8) if p % 2 else None)


def guideline() -> str:
    picture = np.full((200, 300, 3), 90, np.uint8)
    shown = Shown("carton", "smallest", (10, 10, 40, 30), [((50, 50, 90, 90), HOSTILE)], picture, f"{HOSTILE}.jpg")
    return guideline_page(
        parse_spec(_SPEC), digest="ab" * 32, examples=[shown, replace(shown, picture=None)], source="line"
    )


PAGES = {"two": lambda: of_people(2), "four": lambda: of_people(4, required=None), "guideline": guideline}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_its_names_are_text(name: str) -> None:
    page = Reader(PAGES[name]())
    assert not page.open
    assert not page.crossed
    assert HOSTILE in page.text
    assert sum(tag == "script" for tag, _ in page.tags) == 1


def test_the_guideline_says_what_the_spec_says_and_what_it_does_not() -> None:
    text = Reader(guideline()).text
    for part in ("6 px", "visible on", "the whole object", "Leave 2 px free", "cuts off", "<b>first</b> note", "0.9"):
        assert part in text
    assert "What counts as pouch" in text
    assert "From which size" not in text


def test_the_agreement_says_how_it_ended() -> None:
    text = Reader(of_people(2)).text
    assert "Required: alpha of 0.9" in text
    assert "Every pair" not in text
    assert "Every pair" in Reader(of_people(4)).text


@pytest.mark.parametrize("width", [1200, 480])
@pytest.mark.parametrize("name", PAGES)
def test_pages_show_in_a_browser(browser: Any, name: str, width: int) -> None:
    tab, complaints = open_page(browser, PAGES[name](), width=width)
    try:
        assert complaints == []
        for box in tab.locator("main svg.plot, main svg.view, main svg.bar").all():
            shape = box.bounding_box()
            assert shape
            assert shape["width"] > 20
            assert shape["height"] > 10
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        tab.context.close()
