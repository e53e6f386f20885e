"""The part of a model card that says what goes wrong: kinds of error, weak slices, calibration, what is certified."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boxwright.artifacts import Report
from boxwright.gate.markdown import NOT_MEASURED, code, number, plain, span, table

_MOST = 6


def error_lines(report: Report | None) -> list[str]:
    """Kinds of error with what they cost, and slices found weak."""
    if report is None or not report.error_types:
        return [f"{NOT_MEASURED.capitalize()}."]
    rows = [
        (
            plain(record.get("name", kind)),
            number(record["share"]),
            number(record["dap"]),
            number(record.get("answered")),
        )
        for kind, record in sorted(report.error_types.items(), key=lambda item: -item[1]["share"])
    ]
    lines = [
        "Shares and AP50 make 100 points; a gain is what mending that kind alone would give.", "",
        *table(("Kind of error", "Share, points", "Gain, points", "At the operating point"), rows), "",
    ]  # fmt: skip
    weak = report.weak_slices
    found = weak.get("found", ())
    if not found:
        return [*lines, f"No slice was found weak among {number(weak.get('searched'))} searched."]
    lines.append(
        f"Slices worse than elsewhere (of {number(weak.get('searched'))} searched; false discovery rate {weak['rate']:g}):"
    )
    return [*lines, "", *(f"- {_weak(record)}" for record in found[:_MOST])]


def _weak(record: Mapping[str, Any]) -> str:
    where = ", ".join(f"{name}={value}" for name, value in record["slice"].items())
    what = "of its objects are missed" if record["what"] == "missed" else "of its answered detections are wrong"
    return (
        f"{code(where)}: {record['rate']:.1%} {what}, elsewhere {record['elsewhere']:.1%} "
        f"({number(record['support'])} in {number(record['groups'])} groups)."
    )


def trust_lines(report: Report | None) -> list[str]:
    """How well scores are calibrated, and what precision is certified."""
    if report is None or not report.calibration:
        return [f"{NOT_MEASURED.capitalize()}."]
    names = {"d_ece": "D-ECE", "laece0": "LaECE0"}
    rows = []
    for key, words in names.items():
        figure = report.calibration.get(key) or {}
        if figure.get("value") is not None:
            interval = span(figure.get("low"), figure.get("high"))
            rows.append((words, number(figure["value"]), interval, number(figure.get("null"))))
    lines = table(("Calibration error", "Value", "Interval", "Of exact scores"), rows) if rows else []
    for record in report.certificates:
        if record.get("class_name") is not None:
            continue
        lines += ["", f"- Certified with confidence {record['confidence']:g}: precision of at least "
                  f"{number(record['certified_precision'])} ({number(record['observed'])} observed in "
                  f"{number(record['units'])} independent groups)."]  # fmt: skip
        lines += [
            f"- Precision {claim['precision']:g}: {'certified' if claim['certified'] else plain(claim['note'])}."
            for claim in record["claims"]
        ]
    return lines or [f"{NOT_MEASURED.capitalize()}."]
