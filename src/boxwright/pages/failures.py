"""The worst failures, grouped by what they are thought to be, each with what was around it and why.

The report says which failures are the worst and what each may be; a verdict is a guess for a person to confirm. So that
no verdict crowds out the others, the pictures are shared out among them as evenly as their numbers allow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from boxwright.artifacts import Report
from boxwright.artifacts.report import ERROR_KINDS
from boxwright.pages.surroundings import Surroundings, drawn, name_of

KINDS = ("miss", "false alarm")
VERDICTS = {
    "suspect annotation": "A person should look at the annotation before anything is blamed on the model.",
    "gap in the data": "The failure lies in a slice found weak: more data of it may help.",
    "limit of the model": "Neither annotation nor data explain it.",
}
_UNJUDGED = ""
_LEAST_IOU = 0.01
_KIND_NAMES = {kind.code: kind.name for kind in ERROR_KINDS}


@dataclass(frozen=True)
class Shown:
    """A failure as the page shows it.

    Attributes:
        row: the report's row.
        class_name, other_class_name: names; the other is empty when nothing was near.
        type: the kind of error in words; empty in reports that have none.
        why: what the verdict rests on, where it says more than the reason.
        rivals: nearest boxes of the other side, in words.
        slices: conditions and values it lies in.
        drawing: the part of the picture with boxes.
        has_picture: whether pixels were at hand.
    """

    row: Mapping[str, Any]
    class_name: str
    other_class_name: str
    type: str
    why: str
    rivals: str
    slices: tuple[str, ...]
    drawing: Markup
    has_picture: bool


@dataclass(frozen=True)
class Group:
    """Failures of one verdict.

    Attributes:
        verdict: empty in reports that give none.
        count: how many the report lists.
        shown: the worst of them.
    """

    verdict: str
    count: int
    shown: list[Shown]


def groups(report: Report, kind: str, *, most: int, near: Surroundings) -> list[Group]:
    """The worst failures of a kind by verdict, each in the report's order.

    Args:
        report: whose failures.
        kind: `miss` or `false alarm`.
        most: how many are shown in all.
        near: where to find what lies around them.
    """
    table = of_kind(report, kind)
    verdicts = by_verdict(report, kind) or ([(_UNJUDGED, len(table))] if len(table) else [])
    slots = _shared_out([count for _, count in verdicts], most)
    return [
        Group(verdict, count, [_show(row, near) for row in _rows(table, verdict, slot)])
        for (verdict, count), slot in zip(verdicts, slots, strict=True)
    ]


def of_kind(report: Report, kind: str) -> pa.Table:
    """Rows of the failures table of a kind, the worst first; no rows when the report has no table."""
    table = report.failures
    if "kind" not in table.column_names:
        return table.slice(0, 0)
    return table.filter(pc.equal(table.column("kind"), kind))  # pyright: ignore


def reasons(report: Report, kind: str) -> list[tuple[str, int]]:
    """Reason and how often it is in the failures table, the most frequent first."""
    return sorted(_tally(of_kind(report, kind), "reason").items(), key=lambda item: (-item[1], item[0]))


def by_verdict(report: Report, kind: str) -> list[tuple[str, int]]:
    """Verdict and how often it is given to failures of a kind; what needs a person first. Empty in old reports."""
    order = list(VERDICTS)
    found = _tally(of_kind(report, kind), "verdict")
    return sorted(found.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))


def verdicts(report: Report) -> list[tuple[str, str, dict[str, int]]]:
    """Verdict, what it means, and its failures by kind; empty in old reports."""
    counts = {kind: dict(by_verdict(report, kind)) for kind in KINDS}
    names = list(dict.fromkeys([*VERDICTS, *(name for of in counts.values() for name in of)]))
    if not any(counts.values()):
        return []
    return [(name, VERDICTS.get(name, ""), {kind: counts[kind].get(name, 0) for kind in KINDS}) for name in names]


def thresholds(report: Report) -> dict[str, float]:
    """Class name to the least score that is answered, as the report has it; 0 where it has none."""
    return {name: point.score_threshold or 0.0 for name, point in report.operating.per_class.items()}


def _tally(table: pa.Table, column: str) -> Counter[str]:
    return Counter(table.column(column).to_pylist() if column in table.column_names else [])


def _shared_out(counts: Sequence[int], most: int) -> list[int]:
    """How many of each to show: `most` in all, as evenly as the counts allow, the first first."""
    slots = [0] * len(counts)
    while sum(slots) < min(most, sum(counts)):
        for i, available in enumerate(counts):
            if slots[i] < available and sum(slots) < most:
                slots[i] += 1
    return slots


def _rows(table: pa.Table, verdict: str, most: int) -> list[dict[str, Any]]:
    if verdict != _UNJUDGED:
        table = table.filter(pc.equal(table.column("verdict"), verdict))  # pyright: ignore
    return table.slice(0, most).to_pylist()


def _show(row: Mapping[str, Any], near: Surroundings) -> Shown:
    drawing, has_picture = drawn(row, near, what=row["kind"])
    why = row.get("why") or ""
    return Shown(
        row=row,
        class_name=name_of(near.class_names, row["class_id"]),
        other_class_name=name_of(near.class_names, row["other_class_id"]),
        type=_KIND_NAMES.get(row.get("type") or "", row.get("type") or ""),
        why="" if why == row["reason"] else why,
        rivals=", ".join(_rivals(row, near.class_names)),
        slices=tuple(row.get("slices") or ()),
        drawing=drawing,
        has_picture=has_picture,
    )


def _rivals(row: Mapping[str, Any], class_names: Sequence[str]) -> Iterator[str]:
    for rival in row.get("rivals") or ():
        if rival["iou"] < _LEAST_IOU:
            continue
        score = "" if rival["score"] is None else f" {rival['score']:.2f}"
        yield f"{name_of(class_names, rival['class_id'])}{score} at IoU {rival['iou']:.2f}"
