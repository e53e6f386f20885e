"""A difference for people: summary first, then what changed, grouped by kind, no longer than asked for."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from boxwright.cli.columns import aligned
from boxwright.cli.versions import Version
from boxwright.labels import Difference, in_words
from boxwright.labels.same_image import paired_in_words

_KINDS = ("removed", "added", "relabelled", "moved", "rejudged", "details")
_CLASSES = 12
_EXAMPLES = 3


def diff_lines(found: Difference, sides: list[Version], *, limit: int) -> list[str]:
    """The difference; of single changes at most `limit`."""
    lines = aligned(
        [[name, side.title, f"{len(side.dataset):,} images", f"{side.dataset.counts['annotations']:,} boxes"]
         for name, side in zip(("before", "after"), sides, strict=True)], right=(2, 3),
    )  # fmt: skip
    lines += [_images(found), _boxes(found), *_notes(found)]
    if found.nothing:
        return [*lines, "nothing changed"]
    if found.classes[0] != found.classes[1]:
        lines.append(f"classes  {_names(found.classes[0])} became {_names(found.classes[1])}")
    for title, table in (("class", found.per_class), ("annotator", found.per_annotator)):
        if len(table) > 1:
            lines += ["", *_counts(title, table)]
    return lines + _rows(found, limit)


def _images(found: Difference) -> str:
    counts = (
        (len(found.pictures_added), "added"), (len(found.pictures_removed), "removed"),
        (len(found.pictures_replaced), "replaced (same name, other content)"), (len(found.pictures_edited), "edited"),
    )  # fmt: skip
    changed = ", ".join(f"{count:,} {word}" for count, word in counts if count) or "none added, removed or edited"
    return f"images   {sum(found.paired.values()):,} on both sides ({paired_in_words(dict(found.paired))}); {changed}"


def _boxes(found: Difference) -> str:
    counts = found.counts
    words = [
        f"{counts[kind]:,} {kind if kind != 'details' else 'with other details'}" for kind in _KINDS if counts[kind]
    ]
    how = (
        ""
        if not len(found.boxes) or found.believed_ids
        else f"; paired by place (IoU {found.least_iou:g} or more), their ids are not kept"
    )
    return f"boxes    {', '.join(words) or 'no change'}{how}"


def _notes(found: Difference) -> list[str]:
    notes = []
    if found.respelled:
        old, new = found.respelled[0]
        notes.append(f"names    {len(found.respelled):,} spelled differently, the same path: '{old}' and '{new}'")
    if found.not_paired:
        pairs = "; ".join(f"'{a}' and '{b}'" for a, b in found.not_paired_examples[:_EXAMPLES])
        notes.append(
            f"names    {found.not_paired:,} agree only in the end of their path and were not paired ({pairs}); if they are the same "
            f"images, add --match-by path-end"
        )
    return notes


def _counts(title: str, table: dict[str, dict[str, int]]) -> list[str]:
    """A line per class or annotator, a column per kind that occurs."""
    kinds = [kind for kind in next(iter(table.values())) if any(counts[kind] for counts in table.values())]
    order = sorted(table, key=lambda name: (-sum(table[name].values()), name))
    rows = [[title, *(kind.replace("_", " ") for kind in kinds)]]
    rows += [[name or "(not told)", *(f"{table[name][kind]:,}" for kind in kinds)] for name in order[:_CLASSES]]
    lines = aligned(rows, right=range(1, len(kinds) + 1))
    left = len(table) - _CLASSES
    return [*lines, f"... and {left:,} more; --json lists all"] if left > 0 else lines


def _rows(found: Difference, limit: int) -> list[str]:
    """What changed one by one, grouped by kind; each kind gets its share of the limit."""
    groups = [(kind, *_of_kind(found, kind, limit)) for kind in _KINDS]
    groups += [
        ("images removed", len(found.pictures_removed), found.pictures_removed[:limit]),
        ("images added", len(found.pictures_added), found.pictures_added[:limit]),
        ("images replaced", len(found.pictures_replaced), found.pictures_replaced[:limit]),
        ("images edited", len(found.pictures_edited), _edits(found, limit)),
    ]
    groups = [group for group in groups if group[1]]
    lines, left, room = [], 0, limit
    for number, (title, count, rows) in enumerate(groups):
        share = max(room - sum(min(c, 2) for _, c, _ in groups[number + 1 :]), min(2, room))
        shown = rows[: min(share, room)]
        room -= len(shown)
        left += count - len(shown)
        if shown:
            more = f", {len(shown):,} shown" if len(shown) < count else ""
            lines += ["", f"{title} ({count:,}{more})", *(f"  {row}" for row in shown)]
    if left:
        lines += ["", f"... and {left:,} more; --limit N shows more, --json and --page all"]
    return lines


def _of_kind(found: Difference, kind: str, limit: int) -> tuple[int, list[str]]:
    """How many boxes of a kind on images that both sides have, and the first in words."""
    alone = pa.array([*found.pictures_added, *found.pictures_removed], pa.string())
    mask = pc.and_(  # pyright: ignore
        pc.equal(found.boxes.column("kind"), kind),  # pyright: ignore
        pc.invert(pc.is_in(found.boxes.column("file_name"), value_set=alone)),  # pyright: ignore
    )
    rows = np.flatnonzero(mask.to_numpy(zero_copy_only=False))
    shown = found.boxes.take(pa.array(rows[:limit])).to_pylist()
    return len(rows), [f"{row['file_name']}  {in_words(row)}" for row in shown]


def _edits(found: Difference, limit: int) -> list[str]:
    return [f"{name}  {'; '.join(edits)}" for name, edits in list(found.pictures_edited.items())[:limit]]


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_CLASSES]) + (f" and {len(names) - _CLASSES} more" if len(names) > _CLASSES else "")
