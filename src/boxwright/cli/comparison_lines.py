"""A comparison for people: metrics, every class, what happened to objects and false alarms, and where B is worse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from boxwright.artifacts import Comparison
from boxwright.artifacts.comparison import ComparedMetric
from boxwright.cli.columns import aligned

_OF_SLICE = ("ap50", "precision", "recall")
_OF_ALL = ("ap", "ap50", "ap75", "precision", "recall", "f1", "false_alarms_per_image")
_WORDS = {
    "ap": "AP", "ap50": "AP50", "ap75": "AP75", "f1": "F1", "false_alarms_per_image": "false alarms per image",
}  # fmt: skip
_WORSE = 8


def comparison_lines(comparison: Comparison) -> list[str]:
    """The comparison; every class has a line."""
    drawn = comparison.resampling
    lines = [f"A  {comparison.title_a}", f"B  {comparison.title_b}", ""]
    of_all = [r for r in comparison.metrics if r.class_name is None and r.metric in _OF_ALL]
    rows = [["metric", "A", "B", "B - A", f"{drawn.confidence:.0%} interval", ""]]
    rows += [[_title(record), *_numbers(record), *_sure(record)] for record in of_all]
    lines += [*aligned(rows, right=(1, 2, 3)), "", *_classes(comparison)]
    objects, alarms = comparison.objects["all"], comparison.false_alarms["all"]
    lines += [
        "",
        "objects: " + ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in asdict(objects).items()),
        "false alarms: " + ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in asdict(alarms).items()),
    ]
    worse = [
        f"worse: {_WORDS.get(found.metric, found.metric)} where {of.condition}={of.value}  {_number(found.difference, '+')} "
        f"{_interval(found)}".rstrip()
        for of in comparison.slices
        for found in (of.ap50, of.precision, of.recall)
        if found.verdict == "worse"
    ]
    lines += worse[:_WORSE]
    if len(worse) > _WORSE:
        lines.append(f"... and {len(worse) - _WORSE} slices more; --json and --page list all")
    if drawn.replicates:
        unit = drawn.unit.replace("picture", "image")
        lines.append(f"intervals: {drawn.groups:,} {unit}s resampled {drawn.replicates:,} times, A and B together")
    return lines


def _classes(comparison: Comparison) -> list[str]:
    """A line per class: AP50 on both sides, and what became of its objects and false alarms."""
    of = {(found.metric, found.class_name): found for found in comparison.of_classes()}
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
        ap50, objects, alarms = of["ap50", name], comparison.objects[name], comparison.false_alarms[name]
        changes = (objects.fixed, objects.broken, alarms.gone, alarms.new)
        rows.append(
            [
                name,
                f"{ap50.support:,}",
                *_numbers(ap50),
                _interval(ap50),
                *(f"{n:,}" for n in changes),
                _verdicts({metric: of[metric, name] for metric in _OF_SLICE}),
            ]
        )
    return aligned(rows, right=(1, 2, 3, 4, 6, 7, 8, 9))


def _verdicts(found: Mapping[str, ComparedMetric]) -> str:
    """What differs significantly, such as `AP50, recall better; precision worse`: never longer than a cell."""
    told = {
        verdict: [_WORDS.get(metric, metric) for metric, of in found.items() if of.verdict == verdict]
        for verdict in ("better", "worse")
    }
    return "; ".join(f"{', '.join(metrics)} {verdict}" for verdict, metrics in told.items() if metrics)


def _title(found: ComparedMetric) -> str:
    return _WORDS.get(found.metric, found.metric) + found.key[len(found.metric) :]


def _numbers(found: ComparedMetric) -> list[str]:
    return [_number(found.a), _number(found.b), _number(found.difference, "+")]


def _sure(found: ComparedMetric) -> list[str]:
    return [_interval(found), "-" if found.verdict == "undefined" else found.verdict]


def _interval(found: ComparedMetric) -> str:
    return "" if found.low is None or found.high is None else f"[{found.low:+.3f}, {found.high:+.3f}]"


def _number(value: float | None, sign: str = "") -> str:
    return "-" if value is None or not np.isfinite(value) else f"{value:{sign}.4f}"
