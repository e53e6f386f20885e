"""The part of a model card that says what goes wrong: kinds of error, weak slices, calibration, what is certified."""

from __future__ import annotations

from boxwright.artifacts import Report
from boxwright.artifacts.report import WeakSlice
from boxwright.gate.markdown import NOT_MEASURED, code, number, plain, span, table

_MOST = 6


def error_lines(report: Report | None) -> list[str]:
    """Kinds of error with what they cost, and slices found weak."""
    if report is None or not report.errors.kinds:
        return [f"{NOT_MEASURED.capitalize()}."]
    rows = [
        (
            plain(cost.name),
            number(cost.share),
            number(cost.dap),
            number(cost.answered),
        )
        for cost in sorted(report.errors.kinds.values(), key=lambda cost: -cost.share)
    ]
    lines = [
        "Shares and AP50 make 100 points; a gain is what mending that kind alone would give.", "",
        *table(("Kind of error", "Share, points", "Gain, points", "At the operating point"), rows), "",
    ]  # fmt: skip
    weak = report.weak_slices
    if not weak.found:
        return [*lines, f"No slice was found weak among {number(weak.searched)} searched."]
    lines.append(
        f"Slices worse than elsewhere (of {number(weak.searched)} searched; false discovery rate {weak.rate:g}):"
    )
    return [*lines, "", *(f"- {_weak(record)}" for record in weak.found[:_MOST])]


def _weak(found: WeakSlice) -> str:
    what = "of its objects are missed" if found.what == "missed" else "of its answered detections are wrong"
    return (
        f"{code(found.named)}: {found.rate:.1%} {what}, elsewhere {found.elsewhere:.1%} "
        f"({number(found.support)} in {number(found.groups)} groups)."
    )


def trust_lines(report: Report | None) -> list[str]:
    """How well scores are calibrated, and what precision is certified."""
    if report is None or not report.calibration.reliability:
        return [f"{NOT_MEASURED.capitalize()}."]
    rows = [
        (words, number(error.value), span(error.low, error.high), number(error.null))
        for words, error in (("D-ECE", report.calibration.d_ece), ("LaECE0", report.calibration.laece0))
        if error.value is not None
    ]
    lines = table(("Calibration error", "Value", "Interval", "Of exact scores"), rows) if rows else []
    for record in report.certificates:
        if record.class_name is not None:
            continue
        lines += ["", f"- Certified with confidence {record.confidence:g}: precision of at least "
                  f"{number(record.certified_precision)} ({number(record.observed)} observed in "
                  f"{number(record.units)} independent groups)."]  # fmt: skip
        lines += [
            f"- Precision {claim.precision:g}: {'certified' if claim.certified else plain(claim.note)}."
            for claim in record.claims
        ]
    return lines or [f"{NOT_MEASURED.capitalize()}."]
