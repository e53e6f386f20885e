"""What to look at first: sentences picked from the report's own figures.

Nothing is weighed or tested here; each sentence repeats the lowest, the largest or the most frequent of what the report
already says, and names how much it rests on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from boxwright.artifacts import Report
from boxwright.pages.failures import reasons
from boxwright.pages.figures import count, defined, share
from boxwright.pages.intervals import span

FEW_OBJECTS = 30
_NAMED = 5


def attention(report: Report) -> list[str]:
    """Sentences, the broadest first; empty when the report holds nothing to point at."""
    sources = (_weakest_class, _few_objects, _weakest_slice, _largest_confusion, _frequent_reasons, _undefined_figures)
    return [sentence for source in sources for sentence in source(report)]


def confusions(report: Report) -> list[tuple[str, str, int]]:
    """(annotated, said, how often) for pairs of different classes, the most frequent first; background left out."""
    labels, counts = report.confusion.get("labels", []), report.confusion.get("counts", [])
    classes = len(labels) - 1
    pairs = [
        (labels[i], labels[j], int(counts[i][j]))
        for i in range(classes)
        for j in range(classes)
        if i != j and counts[i][j]
    ]
    return sorted(pairs, key=lambda pair: -pair[2])


def observed_figures(report: Report) -> tuple[list[tuple[str, Mapping[str, Any]]], list[tuple[str, Mapping[str, Any]]]]:
    """The observed figures by key: those of the whole, of slices and of measurements; and those of one class each."""
    of_class = tuple(f"[{name}{end}" for name in report.class_names for end in ("]", ", "))
    whole: list[tuple[str, Mapping[str, Any]]] = []
    single: list[tuple[str, Mapping[str, Any]]] = []
    for key, figure in report.observed.items():
        selector = key[key.find("[") :] if "[" in key else ""
        (single if selector.startswith(of_class) else whole).append((key, figure))
    return whole, single


def _weakest_class(report: Report) -> Iterator[str]:
    known = [
        (figures["ap50"], name, figures["objects"])
        for name, figures in report.per_class.items()
        if figures.get("objects", 0) >= FEW_OBJECTS and defined(figures.get("ap50"))
    ]
    if len(known) > 1:
        value, name, objects = min(known, key=lambda item: item[0])
        whole = share(report.metrics.get("ap50"))
        yield f"The weakest class is “{name}”: AP50 {share(value)} on {count(objects)} objects; all classes {whole}."


def _few_objects(report: Report) -> Iterator[str]:
    few = [name for name, figures in report.per_class.items() if figures.get("objects", 0) < FEW_OBJECTS]
    if few:
        named = ", ".join(f"“{name}”" for name in few[:_NAMED]) + (", …" if len(few) > _NAMED else "")
        verb, whose = ("has", "its") if len(few) == 1 else ("have", "their")
        yield (
            f"{len(few)} of {len(report.per_class)} classes {verb} fewer than {FEW_OBJECTS} objects ({named}): "
            f"{whose} figures say little."
        )


def _weakest_slice(report: Report) -> Iterator[str]:
    known = [
        record
        for record in report.slices
        if record.get("objects", 0) >= FEW_OBJECTS and defined(_figure(record, "recall").get("value"))
    ]
    if len(known) > 1:
        record = min(known, key=lambda item: item["recall"]["value"])
        found = record["recall"]
        interval = f" ({span(found['low'], found['high'])})" if found.get("low") is not None else ""
        whole = share(report.operating.get("all", {}).get("recall"))
        yield (
            f"Recall is lowest where {record['condition']} is “{record['value']}”: {share(found['value'])}{interval} "
            f"on {count(record['objects'])} objects; over everything {whole}."
        )


def _largest_confusion(report: Report) -> Iterator[str]:
    pairs = confusions(report)
    if pairs:
        annotated, said, times = pairs[0]
        yield f"The most frequent confusion: “{annotated}” answered as “{said}”, {count(times)} times."


def _frequent_reasons(report: Report) -> Iterator[str]:
    for kind, plural in (("miss", "misses"), ("false alarm", "false alarms")):
        found = reasons(report, kind)
        if found:
            reason, times = found[0]
            total = sum(n for _, n in found)
            yield f"Of {count(total)} {plural}, {count(times)} have the reason “{reason}”."


def _undefined_figures(report: Report) -> Iterator[str]:
    missing = [key for key, figure in observed_figures(report)[0] if not defined(figure.get("value"))]
    if missing:
        named = ", ".join(missing[:_NAMED]) + (", …" if len(missing) > _NAMED else "")
        yield f"Not observed, for want of objects or of a measurement: {named}."


def _figure(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return record.get(name) or {}
