"""A report for people: what was judged, AP with its intervals, every class, the operating point, the weakest slice."""

from __future__ import annotations

import math
from typing import TypeGuard

from boxwright.artifacts import Report
from boxwright.artifacts.resampled import Resampled
from boxwright.cli.columns import aligned
from boxwright.evaluation.observe import FEW_OBJECTS
from boxwright.spec import Observed

_METRICS = {
    "ap": ("AP", "mean over IoU 0.50 to 0.95"), "ap50": ("AP50", "IoU 0.50"), "ap75": ("AP75", "IoU 0.75"),
    "ap_small": ("AP small", "area below 32 x 32 px"), "ap_medium": ("AP medium", "32 x 32 to 96 x 96 px"),
    "ap_large": ("AP large", "above 96 x 96 px"), "ar1": ("AR 1", "1 detection per image and class"),
    "ar10": ("AR 10", "10 detections"), "ar100": ("AR 100", "100 detections"),
}  # fmt: skip
_IN_JSON_ONLY = ("ar_small", "ar_medium", "ar_large")
_POINT = {
    "precision": "precision", "recall": "recall", "f1": "F1", "false_alarms_per_image": "false alarms per image",
}  # fmt: skip
_CLASSES = 20
_UNEVEN = 1.5  # the largest group, in mean groups


def report_lines(report: Report) -> list[str]:
    """The report, not more than a screen."""
    support, drawn = report.support, report.resampling
    lines = [f"{support.images:,} images, {support.objects:,} objects, {support.detections:,} detections"]
    interval = f"{drawn.confidence:.0%} interval" if drawn else "interval"
    two = drawn is not None and drawn.unit == "group" and drawn.these_replicates > 0
    titles = [f"{interval}, new groups", "these groups"] if two else [interval]
    rows = [["metric", "value", *titles, "objects", ""]]
    for name, value in report.metrics.items():
        if name in _IN_JSON_ONLY:
            continue
        title, about = _METRICS.get(name, (name, f"IoU {name.removeprefix('ap@')}" if "@" in name else ""))
        seen = report.intervals.get(name)
        rows.append([title, _show(value), *_intervals(seen, two), f"{seen.support:,}" if seen else "", about])
    lines += ["", *aligned(rows, right=(1, 4 if two else 3))]
    lines += ["", *_classes(report)]
    point = report.operating.all
    rows = [
        [words, _show(getattr(point, name)), *_intervals(report.observed.get(name), two)]
        for name, words in _POINT.items()
    ]
    lines += ["", f"at the operating point ({_thresholds(report)}, IoU 0.50):"]
    lines += [f"  {line}" for line in aligned(rows, right=(1,))]
    lines.append(f"  {point.true:,} true, {point.false:,} false, {point.objects - point.true:,} missed")
    lines += ["", f"weakest slice: {_weakest(report)}"]
    if drawn:
        units = f"{drawn.groups:,} {drawn.unit.replace('picture', 'image')}s"
        lines.append(
            f"intervals: {units} resampled {drawn.replicates:,} times{_uneven(drawn)}"
            if drawn.replicates
            else f"no intervals: {units} are too few to resample"
        )
    return lines


def _uneven(drawn: Resampled) -> str:
    """That groups are weighed alike, where the largest would count for most."""
    largest = drawn.largest_share or 0.0
    alike = drawn.unit == "group" and largest * drawn.groups > _UNEVEN and drawn.weighed == "alike"
    return f"; one contains {largest:.0%} of the objects, so the groups are weighed alike" if alike else ""


def _classes(report: Report) -> list[str]:
    """A line per class; of many those with the lowest AP."""
    names = list(report.per_class)
    if len(names) > _CLASSES:
        names = sorted(names, key=lambda n: (not _defined(report.per_class[n].ap), report.per_class[n].ap))[:_CLASSES]
    rows = [["class", "objects", "AP", "interval", "AP50", "interval", "precision", "recall", "score from"]]
    for name in names:
        of = report.per_class[name]
        seen = [report.observed.get(f"{metric}[{name}]") for metric in ("ap", "ap50")]
        point = report.operating.per_class[name]
        rows.append(
            [name, f"{of.objects:,}", _show(of.ap), _interval(seen[0]), _show(of.ap50), _interval(seen[1]),
             *(_show(value, 3) for value in (point.precision, point.recall, point.score_threshold))]
        )  # fmt: skip
    lines = aligned(rows, right=(1, 2, 4, 6, 7, 8), most=24)
    if left := len(report.per_class) - len(names):
        lines.append(f"... and {left} classes with higher AP; --json and --page show all")
    return lines


def _thresholds(report: Report) -> str:
    of = {point.score_threshold or 0.0 for point in report.operating.per_class.values()}
    if len(of) == 1:
        return f"score {next(iter(of)):g} and more"
    return f"score thresholds of {min(of):g} to {max(of):g} by class" if of else "every detection"


def _weakest(report: Report) -> str:
    """The slice that search found, else the least AP50 of a slice with enough objects."""
    if report.weak_slices.found:
        worst = report.weak_slices.found[0]
        what = "objects missed" if worst.what == "missed" else "answered detections wrong"
        named = " and ".join(f"{name}={value}" for name, value in worst.slice.items())
        return (
            f"{named}: {worst.rate:.1%} of {what}, elsewhere {worst.elsewhere:.1%} ({worst.support:,} "
            f"{'objects' if worst.what == 'missed' else 'detections'}; p {worst.p:.2g})"
        )
    known = [(of.ap50.value, of) for of in report.slices if of.objects >= FEW_OBJECTS and of.ap50.value is not None]
    if not known:
        return f"none has {FEW_OBJECTS} objects"
    value, lowest = min(known, key=lambda pair: pair[0])
    return (
        f"{lowest.condition}={lowest.value}: AP50 {_show(value)} {_interval(lowest.ap50)} ({lowest.objects:,} objects; "
        f"of {report.weak_slices.searched} slices searched none is significantly worse than elsewhere)"
    )


def _defined(value: float | None) -> TypeGuard[float]:
    return value is not None and value != -1 and not math.isnan(value)


def _show(value: float | None, digits: int = 4) -> str:
    return f"{value:.{digits}f}" if _defined(value) else "-"


def _interval(seen: Observed | None) -> str:
    return "" if seen is None else _ends(seen.low, seen.high)


def _intervals(seen: Observed | None, two: bool) -> list[str]:
    of_these = "" if seen is None else _ends(seen.these_low, seen.these_high)
    return [_interval(seen), of_these] if two else [_interval(seen)]


def _ends(low: float | None, high: float | None) -> str:
    return f"[{low:.3f}, {high:.3f}]" if _defined(low) and _defined(high) else ""
