"""What to look at first: sentences picked from the report's own figures.

Nothing is weighed or tested here; each sentence repeats the lowest, the largest or the most frequent of what the report
already says, and names how much it rests on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from boxwright.artifacts import Report
from boxwright.pages.error_types import kinds
from boxwright.pages.failures import reasons, verdicts
from boxwright.pages.figures import count, defined, points, share
from boxwright.pages.intervals import span
from boxwright.pages.slices import weak
from boxwright.spec import Observed

FEW_OBJECTS = 30
_NAMED = 5


def attention(report: Report) -> list[str]:
    """Sentences, the broadest first; empty when the report holds nothing to point at."""
    sources = (
        _weakest_class, _few_objects, _costliest_kind, _weakest_slice, _miscalibration, _suppression_losses,
        _largest_confusion, _frequent_reasons, _suspect_annotations, _undefined_figures,
    )  # fmt: skip
    return [sentence for source in sources for sentence in source(report)]


def confusions(report: Report) -> list[tuple[str, str, int]]:
    """(annotated, said, how often) for pairs of different classes, the most frequent first; background left out."""
    labels, counts = report.confusion.labels, report.confusion.counts
    classes = len(labels) - 1
    pairs = [
        (labels[i], labels[j], counts[i][j]) for i in range(classes) for j in range(classes) if i != j and counts[i][j]
    ]
    return sorted(pairs, key=lambda pair: -pair[2])


def observed_figures(report: Report) -> tuple[list[tuple[str, Observed]], list[tuple[str, Observed]]]:
    """The observed figures by key: those of the whole, of slices and of measurements; and those of one class each."""
    of_class = tuple(f"[{name}{end}" for name in report.class_names for end in ("]", ", "))
    whole: list[tuple[str, Observed]] = []
    single: list[tuple[str, Observed]] = []
    for key, figure in report.observed.items():
        selector = key[key.find("[") :] if "[" in key else ""
        (single if selector.startswith(of_class) else whole).append((key, figure))
    return whole, single


def few_objects(report: Report) -> list[str]:
    """Classes whose figures say little: fewer than FEW_OBJECTS objects."""
    return [name for name, of in report.per_class.items() if of.objects < FEW_OBJECTS]


def chance_only(report: Report) -> bool | None:
    """Whether D-ECE is no larger than exactly calibrated scores would show by chance; None when it is not known."""
    found = report.calibration.d_ece
    return None if found.value is None or found.null_high is None else found.value <= found.null_high


def named(names: Sequence[str], *, most: int = _NAMED) -> str:
    """Names in quotation marks, the first few."""
    return ", ".join(f"“{name}”" for name in names[:most]) + (", …" if len(names) > most else "")


def _weakest_class(report: Report) -> Iterator[str]:
    known = [
        (of.ap50, name, of.objects)
        for name, of in report.per_class.items()
        if of.objects >= FEW_OBJECTS and defined(of.ap50)
    ]
    if len(known) > 1:
        value, name, objects = min(known, key=lambda item: item[0])
        whole = share(report.metrics.get("ap50"))
        yield f"The weakest class is “{name}”: AP50 {share(value)} on {count(objects)} objects; all classes {whole}."


def _few_objects(report: Report) -> Iterator[str]:
    few = few_objects(report)
    if few:
        verb, whose = ("has", "its") if len(few) == 1 else ("have", "their")
        yield (
            f"{len(few)} of {len(report.per_class)} classes {verb} fewer than {FEW_OBJECTS} objects ({named(few)}): "
            f"{whose} figures say little."
        )


def _costliest_kind(report: Report) -> Iterator[str]:
    found = kinds(report)
    if found and found[0].record.share > 0:
        worst = found[0].record
        yield (
            f"The costliest kind of error is “{found[0].words}”: {points(worst.share)} of the 100 points that AP50 could "
            f"reach. {worst.recommendation}"
        )


def _weakest_slice(report: Report) -> Iterator[str]:
    found = weak(report)
    if found:
        record = found[0].record
        yield (
            f"The weakest slice found by search: {found[0].name}; {found[0].wrong}: {share(record.rate)}, elsewhere "
            f"{share(record.elsewhere)} ({count(len(found))} found of {count(report.weak_slices.searched)} searched)."
        )
        return
    known = [(of.recall.value, of) for of in report.slices if of.objects >= FEW_OBJECTS and of.recall.value is not None]
    if len(known) > 1:
        value, lowest = min(known, key=lambda pair: pair[0])
        recall = lowest.recall
        interval = f" ({span(recall.low, recall.high)})" if recall.low is not None else ""
        whole = share(report.operating.all.recall)
        yield (
            f"Recall is lowest where {lowest.condition} is “{lowest.value}”: {share(value)}{interval} "
            f"on {count(lowest.objects)} objects; over everything {whole}."
        )


def _miscalibration(report: Report) -> Iterator[str]:
    if chance_only(report) is False:
        found = report.calibration.d_ece
        yield (
            f"Scores do not mean what they say: D-ECE {share(found.value)}; exactly calibrated scores would show at most "
            f"{share(found.null_high)} by chance."
        )


def _suppression_losses(report: Report) -> Iterator[str]:
    missed, iou_threshold = report.crowding.missed, report.crowding.iou_threshold
    if lost := missed.suppression:
        at = "" if iou_threshold is None else f" at IoU {iou_threshold:g}"
        yield f"Of {count(missed.total)} missed objects, {count(lost)} are put down to suppression{at}: their neighbours took the place."


def _suspect_annotations(report: Report) -> Iterator[str]:
    found = {verdict: sum(by_kind.values()) for verdict, _, by_kind in verdicts(report)}
    suspect = found.get("suspect annotation", 0)
    if suspect:
        yield f"Of {count(sum(found.values()))} failures, {count(suspect)} may be wrong annotations, to be confirmed by a person."


def _largest_confusion(report: Report) -> Iterator[str]:
    pairs = confusions(report)
    if pairs:
        annotated, said, times = pairs[0]
        yield f"The most frequent confusion: “{annotated}” answered as “{said}”, {count(times)} time{'' if times == 1 else 's'}."


def _frequent_reasons(report: Report) -> Iterator[str]:
    for kind, plural in (("miss", "misses"), ("false alarm", "false alarms")):
        found = reasons(report, kind)
        if found:
            reason, times = found[0]
            total = sum(n for _, n in found)
            yield f"Of {count(total)} {plural}, {count(times)} have the reason “{reason}”."


def _undefined_figures(report: Report) -> Iterator[str]:
    missing = [key for key, figure in observed_figures(report)[0] if not defined(figure.value)]
    if missing:
        keys = ", ".join(missing[:_NAMED]) + (", …" if len(missing) > _NAMED else "")
        yield f"Not observed, for want of objects or of a measurement: {keys}."
