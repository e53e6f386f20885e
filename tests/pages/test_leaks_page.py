"""The page of a split's audit: every kind has its section, pairs stand side by side, names are escaped, nothing is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from boxwright.pages import leaks_page
from tests.pages.tabs import open_page
from tests.worlds import picture

NASTY = "<script>alert(1)</script>.jpg"


def document(count: int = 3) -> dict[str, Any]:
    leaks = [
        {"kind": kind, "a": f"a{k}.jpg", "b": NASTY if k == 0 else f"b{k}.jpg", "side_a": "train", "side_b": "test" if k % 2 else "val",
         "distance": 1.0, "why": f"why {k}", "shift_xy": (20.0, -10.0) if kind == "overlap" else None}
        for kind in ("exact", "near", "overlap", "group", "time") for k in range(count)
    ]  # fmt: skip
    of_kind = dict.fromkeys(("exact", "near", "overlap", "group", "time"), count)
    figure = {"leaky": 0.8, "clean": 0.7, "difference": 0.1, "low": 0.02, "high": 0.18}
    guess = {
        "pattern": r"^(.+)_\d+$",
        "about": "the name",
        "groups": 9,
        "straddling": 3,
        "pairs_confirming": 8,
        "pairs_in_pixels": 9,
        "confirmed": True,
    }
    return {
        "title": "a <b> split", "pictures": {"train": 9, "val": 3, "test": 3}, "leaks": leaks, "counts": {"train-val": of_kind} if count else {},
        "leaky": {"val": {"any": 2}, "test": {"any": 1}} if count else {}, "looked_for": ["exact", "near", "overlap"], "suggestions": [guess],
        "flat": 1, "absent": 2, "unlisted": 3, "problems": [{"file_name": "x", "message": "'x' is <damaged>"}], "notes": ["a note"],
        "effect": {"pictures": {"leaky": 2, "clean": 1}, "groups": {"leaky": 2, "clean": 1}, "figures": {"ap": figure, "f1": {**figure, "low": None}}},
    }  # fmt: skip


def read(name: str) -> Any:
    return None if name == "a1.jpg" else picture(90, 120, seed=len(name))


@pytest.mark.parametrize("width", [1200, 480])
def test_the_page_in_a_browser(browser: Any, width: int) -> None:
    tab, complaints = open_page(browser, leaks_page(document(), read_picture=read), width=width)
    try:
        assert complaints == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.locator("figure svg.view").count() == 2 * 3 * 5
        assert tab.locator("#overlap svg.view .box").count() == 4  # the shared part, where both pictures are at hand
        assert tab.locator("#overlap em", has_text="not both pictures at hand").count() == 1
    finally:
        tab.context.close()


def test_names_are_escaped_and_turns_are_taken() -> None:
    html = leaks_page(document(9), read_picture=read, most=4)
    assert "<script>alert" not in html and "&lt;script&gt;" in html and "&lt;damaged&gt;" in html
    assert html.count("<figure>") == 4 * 5 and "The first 4 are shown." in html


def test_a_page_without_leaks() -> None:
    html = leaks_page(document(0), read_picture=lambda _: np.zeros((4, 4, 3), np.uint8))
    assert "No leak found" in html and "<figure>" not in html
