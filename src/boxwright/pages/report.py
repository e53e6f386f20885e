"""The page of an evaluation: the figures, what they rest on, and what the worst failures look like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from boxwright.artifacts import Report
from boxwright.detections import Annotations, Detections
from boxwright.pages.attention import FEW_OBJECTS, attention, confusions, observed_figures
from boxwright.pages.confusion import MOST_IN_TABLE, heat, squares
from boxwright.pages.curves import precision_recall
from boxwright.pages.failures import Surroundings, reasons, shown
from boxwright.pages.intervals import Ruler, ruler
from boxwright.pages.page import render

_SLICE_FIGURES = (("ap50", "AP50"), ("precision", "Precision"), ("recall", "Recall"))
_GALLERIES = (("Worst misses", "misses", "miss"), ("Worst false alarms", "false-alarms", "false alarm"))
_NAMED_MEASURES = {
    "latency_p50_ms": "Latency, median (ms)",
    "latency_p95_ms": "Latency, 95th percentile (ms)",
    "latency_p99_ms": "Latency, 99th percentile (ms)",
    "hardware": "Hardware",
    "threads": "Threads",
    "memory_mb": "Peak memory (MB)",
    "parity_iou": "Parity: least IoU with the checkpoint's boxes",
    "parity_score": "Parity: largest score difference",
}


def report_page(
    report: Report,
    *,
    read_picture: Callable[[int], NDArray[np.uint8] | None],
    annotations: Callable[[int], Annotations | None],
    detections: Callable[[int], Detections | None],
    worst: int = 24,
) -> str:
    """The page of a report.

    Args:
        report: what to show.
        read_picture: image_id to RGB uint8, or None when the picture is not at hand: then boxes lie on grey ground.
        annotations: image_id to people's boxes, or None.
        detections: image_id to the candidate's boxes, or None.
        worst: how many misses, and how many false alarms, are pictured.
    """
    near = Surroundings(read_picture, annotations, detections).remembered()
    plot, legend, grey_lines = precision_recall(report)
    return render(
        "report.html",
        report=report,
        attention=attention(report),
        observed=observed_figures(report),
        few=FEW_OBJECTS,
        plot=plot,
        legend_lines=legend,
        grey_lines=grey_lines,
        slices=_slices(report),
        heat=heat(report) if len(report.class_names) < MOST_IN_TABLE else [],
        squares=squares(report) if len(report.class_names) >= MOST_IN_TABLE else Markup(""),
        confusions=confusions(report)[:10],
        measures=_measures(report.measured),
        failures=[
            (title, anchor, kind, reasons(report, kind), shown(report, kind, most=worst, near=near))
            for title, anchor, kind in _GALLERIES
        ],
    )


def _slices(report: Report) -> dict[str, Any]:
    """Slices by condition, with the ruler of each column."""
    overall: Mapping[str, Any] = {"ap50": report.metrics.get("ap50"), **report.operating.get("all", {})}
    rulers: dict[str, Ruler] = {
        name: ruler((record[name] for record in report.slices if record.get(name)), mark=overall.get(name))
        for name, _ in _SLICE_FIGURES
    }
    by_condition = [
        (condition, list(records)) for condition, records in groupby(report.slices, key=lambda r: r["condition"])
    ]
    return {"figures": _SLICE_FIGURES, "rulers": rulers, "overall": overall, "by_condition": by_condition}


def _measures(measured: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What was measured, in a fixed order; what has no words of its own comes last under its key."""
    known = [(words, measured[key]) for key, words in _NAMED_MEASURES.items() if key in measured]
    return known + [(key, value) for key, value in measured.items() if key not in _NAMED_MEASURES]
