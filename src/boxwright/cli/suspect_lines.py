"""Suspected label errors for people: how many of each kind, then the most suspicious, then what they share."""

from __future__ import annotations

import pyarrow.compute as pc

from boxwright.artifacts import Suspects
from boxwright.cli.columns import aligned

_SHOWN = 20


def suspect_lines(found: Suspects) -> list[str]:
    """The suspects; one by one only those that are likelier wrong than not."""
    summary = found.summary
    sure = ", ".join(f"{count:,} {kind}" for kind, count in summary.sure.items())
    lines = [
        f"{summary.pictures:,} images, {summary.annotations:,} annotations, {summary.detections:,} detections",
        *_too_little(found),
        f"suspects at {summary.sure_from} or more: {sure}",
    ]
    likely = found.once.filter(pc.greater_equal(found.once.column("score"), summary.sure_from))  # pyright: ignore
    if len(likely):
        lines += ["", *_table(found, likely.slice(0, _SHOWN).to_pylist())]
    if len(likely) > _SHOWN:
        lines.append(f"... and {len(likely) - _SHOWN:,} more; --json, --page and --answers-to list all")
    if left := len(found.once) - len(likely):
        lines.append(f"{left:,} boxes with a lower score; --json lists them")
    systematic = [group.sentence for group in found.groups if group.systematic]
    return lines + [f"systematic: {sentence}" for sentence in systematic]


def _too_little(found: Suspects) -> list[str]:
    summary = found.summary
    if not summary.detections:
        return [
            "no detections: there is nothing to hold the annotations against, so none can be suspected; give the detections of a "
            "detector that did not learn from these images"
        ]
    if not summary.annotations:
        return [
            f"no annotations: how far these detections can be trusted is not known, so none of the {summary.detections:,} is called "
            f"a missing annotation; annotate some images first"
        ]
    if summary.too_few_below is not None:
        return [
            f"too few annotations to learn what errors look like here (fewer than {summary.too_few_below}): a score says only what the "
            f"detections on that place show, not how many such annotations are wrong"
        ]
    return []


def _table(found: Suspects, records: list[dict]) -> list[str]:
    rows = [["score", "kind", "class", "annotation", "image", "file"]]
    for row in records:
        said = found.class_names[row["class_id"]] if row["class_id"] is not None else ""
        other = found.class_names[row["proposed_class_id"]] if row["proposed_class_id"] is not None else ""
        what = f"{said} -> {other}" if said and other else said or other
        known = "-" if row["annotation_id"] is None else str(row["annotation_id"])
        rows.append([f"{row['score']:.2f}", row["kind"], what, known, str(row["image_id"]), row["file_name"]])
    return aligned(rows, right=(0, 3, 4))
