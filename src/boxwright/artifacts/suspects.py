"""Suspects: boxes that are probably labelled wrong, each with why and how sure, and where they gather."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import pyarrow as pa

from boxwright.artifacts.artifact import Artifact
from boxwright.artifacts.codec import table

SUSPECT_KINDS = ("missing", "spurious", "class", "location")
SUSPECT_SCHEMA = pa.schema(
    [
        ("image_id", pa.int64()),
        ("file_name", pa.string()),
        ("annotation_id", pa.int64()),  # null where a label is missing
        ("detection", pa.int64()),  # row of the detections that speaks for it, or null
        ("kind", pa.string()),  # one of SUSPECT_KINDS
        ("score", pa.float64()),  # in [0, 1], about the share of such suspects that are errors
        ("x1", pa.float64()),  # the label's box; the missing object's where there is none
        ("y1", pa.float64()),
        ("x2", pa.float64()),
        ("y2", pa.float64()),
        ("class_id", pa.int32()),  # as labelled; null where a label is missing
        ("proposed_class_id", pa.int32()),  # of a missing object or a wrong class; else null
        ("proposed_box", pa.list_(pa.float64())),  # xyxy, of a missing object or a wrong place; else null
    ]
)


@dataclass(frozen=True)
class SuspectGroup:
    """Suspects of one kind and class, everywhere or within one value of a condition.

    Attributes:
        kind: one of SUSPECT_KINDS.
        class_name: as labelled, or of what is missing.
        proposed_class_name: of a wrong class, else None.
        condition, value: None for everywhere.
        suspects: how many.
        labels: how many there were to be suspected.
        expected: suspects, were they spread evenly.
        p: of so many or more.
        systematic: whether that is more than chance, over all groups.
        sentence: in words.
    """

    kind: str
    class_name: str
    proposed_class_name: str | None
    condition: str | None
    value: str | None
    suspects: int
    labels: int
    expected: float
    p: float
    systematic: bool = False
    sentence: str = ""


@dataclass(frozen=True)
class SuspectTally:
    """What was looked at, and what was found.

    Attributes:
        pictures, annotations, detections: looked at.
        suspected: boxes, each once.
        sure_from: minimum score of what counts in `sure` and in groups.
        sure: kind to suspects.
        seed: of the samples.
        too_few_below: annotations that it takes to learn what errors look like here, where there are fewer; else None.
    """

    pictures: int
    annotations: int
    detections: int
    suspected: int
    sure_from: float
    sure: Mapping[str, int]
    seed: int
    too_few_below: int | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Suspects(Artifact):
    """Suspected label errors, most suspicious first.

    Attributes:
        class_names: by class_id.
        rows: as SUSPECT_SCHEMA; a label stands first as its likeliest kind, and may follow as others.
        groups: what suspects share, systematic ones first, then the larger.
        summary: what was looked at, and what was found.
    """

    kind: ClassVar[str] = "suspects"

    class_names: tuple[str, ...]
    rows: pa.Table = table(SUSPECT_SCHEMA)
    groups: tuple[SuspectGroup, ...]
    summary: SuspectTally

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def once(self) -> pa.Table:
        """The rows in which each box stands once, as its likeliest kind."""
        of_label = self.rows.column("annotation_id")
        there = np.flatnonzero(of_label.is_valid().to_numpy())
        box = np.stack([self.rows.column("image_id").to_numpy(), of_label.fill_null(0).to_numpy()], axis=1)[there]
        first = there[np.unique(box, axis=0, return_index=True)[1]]
        return self.rows.take(np.sort(np.concatenate([np.setdiff1d(np.arange(len(self.rows)), there), first])))
