"""What became of objects by how much they overlap their nearest neighbour: found, or missed, and what missed them."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from boxwright.artifacts import Report
from boxwright.artifacts.report import OverlapBin
from boxwright.pages.error_types import stack
from boxwright.pages.figures import count

FATES = {
    "found": ("found", 0),
    "threshold": ("missed: a box lies there, under the score threshold", 1),
    "suppression": ("missed: suppression had to remove it", 2),
    "model": ("missed: the model has no box there", 4),
}


@dataclass(frozen=True)
class Overlap:
    """Objects of one range of overlap.

    Attributes:
        range: IoU with the nearest neighbour of the same class, in words.
        record: the report's counts.
        bar: found, threshold, suppression, model side by side; empty without objects.
    """

    range: str
    record: OverlapBin
    bar: Markup


def overlaps(report: Report) -> list[Overlap]:
    """Ranges of overlap, the least crowded first."""
    return [
        Overlap(f"{record.low:g} to {record.high:g}", record, _bar(record)) for record in report.crowding.by_overlap
    ]


def _bar(record: OverlapBin) -> Markup:
    if not record.objects:
        return Markup("")
    segments = [
        (getattr(record, fate), f"{words}: {count(getattr(record, fate))}", colour)
        for fate, (words, colour) in FATES.items()
    ]
    label = "; ".join(title for _, title, _ in segments)
    return stack(segments, whole=record.objects, label=label)
