"""Slices: figures by condition with their bars on a shared scale, and the weak ones a search found."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markupsafe import Markup

from boxwright.artifacts import Report
from boxwright.artifacts.report import WeakSlice
from boxwright.pages.intervals import Ruler, ruler
from boxwright.spec import Observed

FIGURES = (("ap50", "AP50"), ("precision", "Precision"), ("recall", "Recall"))
MOST_WEAK = 25
WRONG = {"missed": "objects missed", "false": "answers wrong"}


@dataclass(frozen=True)
class Weak:
    """A slice worse than elsewhere.

    Attributes:
        name: conditions and values in words.
        wrong: what goes wrong, in words.
        record: the report's.
        bar: rate inside, with a line at the rate elsewhere.
    """

    name: str
    wrong: str
    record: WeakSlice
    bar: Markup


def by_condition(report: Report) -> dict[str, Any]:
    """Slices by condition, with the ruler of each column."""
    point = report.operating.all
    overall = {"ap50": report.metrics.get("ap50"), "precision": point.precision, "recall": point.recall}
    rulers: dict[str, Ruler] = {
        name: ruler((getattr(of, name) for of in report.slices), mark=overall[name]) for name, _ in FIGURES
    }
    found = [(condition, list(records)) for condition, records in groupby(report.slices, key=lambda r: r.condition)]
    return {"figures": FIGURES, "rulers": rulers, "overall": overall, "by_condition": found}


def weak(report: Report) -> list[Weak]:
    """The weak slices, the most errors in excess first."""
    return [Weak(slice_name(record), WRONG[record.what], record, _bar(record)) for record in report.weak_slices.found]


def slice_name(record: WeakSlice) -> str:
    """A found slice in words: `lighting is dim and class is open`."""
    return " and ".join(f"{name} is {value}" for name, value in record.slice.items())


def _bar(record: WeakSlice) -> Markup:
    return Ruler(0.0, 1.0, record.elsewhere).bar(Observed(record.rate))
