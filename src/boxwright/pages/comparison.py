"""The page of a comparison: B against A on the same pictures; what got better, what got worse, and how sure that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow.compute as pc
from markupsafe import Markup
from numpy.typing import NDArray

from boxwright.artifacts import Comparison
from boxwright.artifacts.comparison import AlarmChanges, ComparedMetric, CostPair, ObjectChanges
from boxwright.artifacts.report import ERROR_KINDS
from boxwright.detections import Annotations, Detections
from boxwright.pages.contents import Part, parts
from boxwright.pages.figures import count
from boxwright.pages.intervals import Balance, pair_bar
from boxwright.pages.page import render
from boxwright.pages.surroundings import Surroundings, drawn, name_of

METRICS = {
    "ap": "AP",
    "ap50": "AP50",
    "ap75": "AP75",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "false_alarms_per_image": "False alarms per image",
    "ap_small": "AP, small",
    "ap_medium": "AP, medium",
    "ap_large": "AP, large",
    "ar1": "AR, 1 a picture",
    "ar10": "AR, 10 a picture",
    "ar100": "AR, 100 a picture",
    "ar_small": "AR, small",
    "ar_medium": "AR, medium",
    "ar_large": "AR, large",
}
_OF_CLASS = ("ap50", "precision", "recall")
_TOLD = ("better", "worse", "no significant difference")
_GALLERIES = (
    ("broken", "broken", "Broken", "Objects that A finds and B does not"),
    ("new", "new", "New false alarms", "False alarms of B that A does not give"),
    ("fixed", "fixed", "Fixed", "Objects that B finds and A does not"),
    ("still-missed", "still missed", "Still missed", "Objects that neither finds"),
)


@dataclass(frozen=True)
class Row:
    """A figure on both sides.

    Attributes:
        name: in words, or as its key.
        record: the comparison's.
        bar: the difference around 0, on the scale it shares with its column.
        scale: ends of that scale in words, where it differs from row to row.
    """

    name: str
    record: ComparedMetric
    bar: Markup
    scale: str = ""


@dataclass(frozen=True)
class Changed:
    """An object or false alarm that changed, as the page shows it."""

    row: Mapping[str, Any]
    class_name: str
    drawing: Markup
    has_picture: bool


@dataclass(frozen=True)
class Gallery:
    """Pictures of one change.

    Attributes:
        change: as the table `changed` calls it.
        about: in words.
        count: how many there are.
        shown: the first of them.
    """

    change: str
    about: str
    count: int
    shown: list[Changed]


def comparison_page(
    comparison: Comparison,
    *,
    read_picture: Callable[[int], NDArray[np.uint8] | None],
    annotations: Callable[[int], Annotations | None],
    detections: Callable[[int], Detections | None],
    worst: int = 24,
) -> str:
    """The page of a comparison.

    Args:
        comparison: what to show.
        read_picture: image_id to RGB uint8, or None when the picture is not at hand: then boxes lie on grey ground.
        annotations: image_id to people's boxes, or None.
        detections: image_id to B's boxes, or None.
        worst: how many are pictured of each change.
    """
    objects, alarms = _changes_of_all(comparison)
    near = Surroundings(read_picture, annotations, detections, comparison.class_names, None).remembered()
    return render(
        "comparison.html",
        comparison=comparison,
        parts=_parts(comparison),
        headline=headline(comparison),
        objects=objects,
        alarms=alarms,
        main=_main(comparison.of_all()),
        conditioned=_main(m for m in comparison.metrics if m.conditions and m.class_name is None),
        metrics=METRICS,
        columns=_OF_CLASS,
        classes=_by_class(comparison),
        scales=_scales(comparison.of_classes()),
        slices=[(name, list(records)) for name, records in groupby(comparison.slices, key=lambda of: of.condition)],
        slice_scales=_scales(m for of in comparison.slices for m in (of.ap50, of.precision, of.recall)),
        kinds=_kinds(comparison),
        galleries={anchor: _gallery(comparison, change, about, worst, near) for anchor, change, _, about in _GALLERIES},
    )


def headline(comparison: Comparison) -> str:
    """How B stands by the figures over everything, and what became of objects and false alarms."""
    objects, alarms = _changes_of_all(comparison)
    fixed, broken = count(objects.fixed), count(objects.broken)
    gone, new = count(alarms.gone), count(alarms.new)
    return f"{_standing(comparison)} Objects: {fixed} fixed, {broken} broken. False alarms: {gone} gone, {new} new."


def _changes_of_all(comparison: Comparison) -> tuple[ObjectChanges, AlarmChanges]:
    """What became of all objects and false alarms; nothing where the comparison has none."""
    return (
        comparison.objects.get("all", ObjectChanges(fixed=0, broken=0, still_missed=0, both_found=0)),
        comparison.false_alarms.get("all", AlarmChanges(gone=0, new=0, still_there=0)),
    )


def _standing(comparison: Comparison) -> str:
    """How many figures over everything are better, worse, or differ by no more than chance."""
    tally = Counter(metric.verdict for metric in comparison.of_all() if metric.difference is not None)
    better, worse, same = (tally[told] for told in _TOLD)
    if not better + worse + same:
        return "No figure is defined on both sides: there is nothing to compare."
    if not better + worse:
        return f"No significant difference between A and B in any of {same} figures over everything."
    stands = (
        "in part better than A, in part worse" if better and worse else "better than A" if better else "worse than A"
    )
    whole = f"{better + worse + same} figures over everything"
    return f"B is {stands}: of {whole}, {better} better, {worse} worse, {same} without a significant difference."


def _parts(comparison: Comparison) -> list[Part]:
    conditioned = any(metric.conditions for metric in comparison.metrics)
    return parts(
        "comparison",
        (
            ("Is B better?", (
                ("figures", "Figures over everything", "Figures", True),
                ("conditions", "Figures the spec asks for under its conditions", "Conditions", conditioned),
            )),
            ("Where?", (
                ("classes", "Per class", "Classes", comparison.class_names),
                ("slices", "Per slice", "Slices", comparison.slices),
            )),
            ("What kind of error?", (
                ("error-types", "What each kind of error costs", "Error types", comparison.error_types),
            )),
            ("Which pictures?", tuple((anchor, title, title, True) for anchor, _, title, _ in _GALLERIES)),
        ),
    )  # fmt: skip


def _main(metrics: Iterable[ComparedMetric]) -> list[Row]:
    """Figures in their usual order; shares on one scale, the others each on its own."""
    order = list(METRICS)
    known = sorted(metrics, key=lambda m: order.index(m.metric) if m.metric in METRICS else len(order))
    shares = Balance.over(m for m in known if m.metric != "false_alarms_per_image")
    found = []
    for metric in known:
        scale = Balance.over([metric]) if metric.metric == "false_alarms_per_image" else shares
        name = metric.key if metric.conditions else METRICS.get(metric.metric, metric.metric)
        found.append(Row(name, metric, scale.bar(metric), scale.ends))
    return found


def _by_class(comparison: Comparison) -> list[tuple[str, dict[str, ComparedMetric]]]:
    """Class name and its metrics by name, in the order of the classes."""
    found: dict[str, dict[str, ComparedMetric]] = {name: {} for name in comparison.class_names}
    for metric in comparison.of_classes():
        found[str(metric.class_name)][metric.metric] = metric
    return list(found.items())


def _scales(metrics: Iterable[ComparedMetric]) -> dict[str, Balance]:
    """One scale per column."""
    metrics = list(metrics)
    return {name: Balance.over(m for m in metrics if m.metric == name) for name in _OF_CLASS}


def _kinds(comparison: Comparison) -> list[tuple[str, str, CostPair, Markup]]:
    """Kind, the same in words, dap of both sides and the two as a bar."""
    most = max((value for pair in comparison.error_types.values() for value in (pair.a, pair.b)), default=0.0)
    return [
        (kind.code, kind.name, pair, pair_bar(pair.a, pair.b, most=most))
        for kind in ERROR_KINDS
        if (pair := comparison.error_types.get(kind.code))
    ]


def _gallery(comparison: Comparison, change: str, about: str, most: int, near: Surroundings) -> Gallery:
    """The first rows of a change, in the order of the table."""
    table = comparison.changed
    if "change" not in table.column_names:
        return Gallery(change, about, 0, [])
    chosen = table.filter(pc.equal(table.column("change"), change))  # pyright: ignore
    return Gallery(change, about, len(chosen), list(_shown(chosen.slice(0, most).to_pylist(), change, near)))


def _shown(rows: list[dict[str, Any]], change: str, near: Surroundings) -> Iterator[Changed]:
    for row in rows:
        drawing, has_picture = drawn(row, near, what=f"{change} {row['what']}")
        yield Changed(row, name_of(near.class_names, row["class_id"]), drawing, has_picture)
