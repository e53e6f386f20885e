"""A comparison for people: metrics, every class, what happened to objects and false alarms, and where B is worse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from boxwright.artifacts import Comparison
from boxwright.cli.columns import aligned

_OF_SLICE = ("ap50", "precision", "recall")
_OF_ALL = ("ap", "ap50", "ap75", "precision", "recall", "f1", "false_alarms_per_image")
_WORDS = {
    "ap": "AP", "ap50": "AP50", "ap75": "AP75", "f1": "F1", "false_alarms_per_image": "false alarms per image",
}  # fmt: skip
_VERDICTS = {"not told apart": "no significant difference", "undefined": "-"}
_WORSE = 8


def comparison_lines(comparison: Comparison) -> list[str]:
    """The comparison; every class has a line."""
    drawn = comparison.resampling
    lines = [f"A  {comparison.title_a}", f"B  {comparison.title_b}", ""]
    of_all = [r for r in comparison.figures if r["class_name"] is None and r["metric"] in _OF_ALL]
    rows = [["metric", "A", "B", "B - A", _interval_title(drawn), ""]]
    rows += [[_title(record), *_numbers(record), *_sure(record)] for record in of_all]
    lines += [*aligned(rows, right=(1, 2, 3)), "", *_classes(comparison)]
    objects, alarms = comparison.objects["all"], comparison.false_alarms["all"]
    lines += [
        "",
        "objects: " + ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in objects.items()),
        "false alarms: " + ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in alarms.items()),
    ]
    worse = [
        f"worse: {_WORDS.get(metric, metric)} where {record['condition']}={record['value']}  {_number(record[metric]['difference'], '+')} "
        f"{_interval(record[metric])}".rstrip()
        for record in comparison.slices
        for metric in _OF_SLICE
        if record[metric]["verdict"] == "worse"
    ]
    lines += worse[:_WORSE]
    if len(worse) > _WORSE:
        lines.append(f"... and {len(worse) - _WORSE} slices more; --json and --page list all")
    if drawn.get("replicates"):
        unit = str(drawn.get("unit", "picture")).replace("picture", "image")
        lines.append(
            f"intervals: {drawn['groups']:,} {unit}s resampled {drawn['replicates']:,} times, A and B together"
        )
    return lines


def _classes(comparison: Comparison) -> list[str]:
    """A line per class: AP50 on both sides, and what became of its objects and false alarms."""
    of = {(record["metric"], record["class_name"]): record for record in comparison.figures if not record["conditions"]}
    rows = [
        [
            "class",
            "objects",
            "AP50 A",
            "AP50 B",
            "B - A",
            "interval",
            "fixed",
            "broken",
            "alarms gone",
            "alarms new",
            "",
        ]
    ]
    for name in comparison.class_names:
        record = of.get(("ap50", name), {})
        objects, alarms = comparison.objects.get(name, {}), comparison.false_alarms.get(name, {})
        told = [
            f"{_WORDS.get(metric, metric)} {of[metric, name]['verdict']}"
            for metric in _OF_SLICE
            if of.get((metric, name), {}).get("verdict") in ("better", "worse")
        ]
        rows.append(
            [name, f"{record.get('support', 0):,}", *_numbers(record), _interval(record),
             *(f"{objects.get(k, 0):,}" for k in ("fixed", "broken")), *(f"{alarms.get(k, 0):,}" for k in ("gone", "new")),
             ", ".join(told)]
        )  # fmt: skip
    return aligned(rows, right=(1, 2, 3, 4, 6, 7, 8, 9), most=24)


def _title(record: Mapping[str, Any]) -> str:
    title = _WORDS.get(record["metric"], record["metric"])
    return str(title) + str(record["key"])[len(record["metric"]) :]


def _numbers(record: Mapping[str, Any]) -> list[str]:
    return [_number(record.get("a")), _number(record.get("b")), _number(record.get("difference"), "+")]


def _sure(record: Mapping[str, Any]) -> list[str]:
    return [_interval(record), str(_VERDICTS.get(record["verdict"], record["verdict"]))]


def _interval_title(drawn: Mapping[str, Any]) -> str:
    return f"{drawn['confidence']:.0%} interval" if "confidence" in drawn else "interval"


def _interval(record: Mapping[str, Any]) -> str:
    low, high = record.get("low"), record.get("high")
    return "" if low is None or high is None else f"[{low:+.3f}, {high:+.3f}]"


def _number(value: float | None, sign: str = "") -> str:
    return "-" if value is None or not np.isfinite(value) else f"{value:{sign}.4f}"
