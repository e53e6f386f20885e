"""The page of an evaluation, in the order in which an engineer asks: good enough? how sure? what, where, why? what next?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from boxwright.artifacts import Report
from boxwright.detections import Annotations, Detections
from boxwright.pages import certificates, crowding, error_types, reliability, slices
from boxwright.pages.attention import FEW_OBJECTS, attention, chance_only, confusions, observed_figures
from boxwright.pages.confusion import MOST_IN_TABLE, heat, squares
from boxwright.pages.contents import Part, parts
from boxwright.pages.curves import precision_recall
from boxwright.pages.failures import KINDS, groups, reasons, thresholds, verdicts
from boxwright.pages.next_steps import next_steps
from boxwright.pages.page import render
from boxwright.pages.surroundings import Surroundings

_NAMED_MEASURES = {
    "latency_p50_ms": "Latency, median (ms)",
    "latency_p95_ms": "Latency, 95th percentile (ms)",
    "latency_p99_ms": "Latency, 99th percentile (ms)",
    "hardware": "Hardware",
    "threads": "Threads",
    "memory_mb": "Peak memory (MB)",
    "parity_iou": "Parity: least IoU with the checkpoint's boxes",
    "parity_score": "Parity: largest score difference",
    "judged_on": "Judged on (digest of pictures and annotations)",
}


def report_page(
    report: Report,
    *,
    read_picture: Callable[[int], NDArray[np.uint8] | None],
    annotations: Callable[[int], Annotations | None],
    detections: Callable[[int], Detections | None],
    worst: int = 24,
) -> str:
    """The page of a report. What an older report does not hold is left out.

    Args:
        report: what to show.
        read_picture: image_id to RGB uint8, or None when the picture is not at hand: then boxes lie on grey ground.
        annotations: image_id to people's boxes, or None.
        detections: image_id to the candidate's boxes, or None.
        worst: how many misses, and how many false alarms, are pictured.
    """
    near = Surroundings(read_picture, annotations, detections, report.class_names, thresholds(report)).remembered()
    steps = next_steps(report)
    galleries = {kind: groups(report, kind, most=worst, near=near) for kind in KINDS}
    return render(
        "report.html",
        report=report,
        parts=_parts(report, steps),
        attention=attention(report),
        steps=steps,
        few=FEW_OBJECTS,
        galleries=galleries,
        shown_counts={kind: sum(len(group.shown) for group in found) for kind, found in galleries.items()},
        reasons={kind: reasons(report, kind) for kind in KINDS},
        verdicts=verdicts(report),
        **_figures(report),
        **_causes(report),
    )


def _parts(report: Report, steps: list[str]) -> list[Part]:
    """The sections of the page by question. What reports always had is always there; the rest where there is something."""
    curve = "Precision against recall, IoU 0.50"
    return parts(
        "report",
        (
            ("Is it good enough?", (
                ("coco", "COCO's twelve figures, by IoU and by size", "COCO figures", True),
                ("curves", curve, "Curves", True),
                ("classes", "Per class", "Classes", True),
                ("measured", "Measured beside accuracy", "Measured", True),
            )),
            ("How sure is that?", (
                ("observed", "Figures with their intervals", "Intervals", True),
                ("certificates", "Precision that is certified", "Certificates", report.certificates),
                ("calibration", "Do scores mean what they say?", "Calibration", report.calibration.reliability),
            )),
            ("What goes wrong?", (
                ("error-types", "Kinds of error and what each costs", "Error types", report.errors.kinds),
                ("confusion", "Confusion at the operating point", "Confusion", True),
            )),
            ("Where?", (
                ("slices", "Slices by condition", "Slices", True),
                ("weak-slices", "Weak slices found by search", "Weak slices", report.weak_slices.searched),
            )),
            ("Why?", (
                ("crowding", "Crowding and suppression", "Crowding", report.crowding.by_overlap),
                ("verdicts", "Failures by what they may be", "Verdicts", verdicts(report)),
            )),
            ("Which pictures?", (
                ("misses", "Worst misses", "Misses", True),
                ("false-alarms", "Worst false alarms", "False alarms", True),
            )),
            ("What next?", (("next-steps", "Steps", "Steps", steps),)),
        ),
    )  # fmt: skip


def _figures(report: Report) -> dict[str, Any]:
    """What the sections on figures and their certainty show."""
    plot, legend, grey_lines = precision_recall(report)
    return {
        "observed": observed_figures(report),
        "plot": plot,
        "legend_lines": legend,
        "grey_lines": grey_lines,
        "measures": _measures(report.measured),
        "certified": certificates.rows(report),
        "precisions": certificates.precisions(report),
        "reliability": reliability.pooled(report),
        "diagrams": reliability.by_class(report),
        "few_in_bin": reliability.FEW_IN_BIN,
        "chance_only": chance_only(report),
    }


def _causes(report: Report) -> dict[str, Any]:
    """What the sections on errors, slices and causes show."""
    few_classes = len(report.class_names) < MOST_IN_TABLE
    return {
        "kinds": error_types.kinds(report),
        "share_bar": error_types.share_bar(report),
        "lost_bar": error_types.lost_bar(report),
        "shares_by_class": error_types.shares_by_class(report),
        "few_classes": few_classes,
        "errors_by_slice": error_types.counts_by_slice(report),
        "heat": heat(report) if few_classes else [],
        "squares": Markup("") if few_classes else squares(report),
        "confusions": confusions(report)[:10],
        "slices": slices.by_condition(report),
        "weak": slices.weak(report),
        "most_weak": slices.MOST_WEAK,
        "overlaps": crowding.overlaps(report),
        "fates": crowding.FATES,
    }


def _measures(measured: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What was measured, in a fixed order; what has no words of its own comes last under its key."""
    known = [(words, measured[key]) for key, words in _NAMED_MEASURES.items() if key in measured]
    return known + [(key, value) for key, value in measured.items() if key not in _NAMED_MEASURES]
