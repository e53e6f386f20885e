"""Suspects: boxes that are probably labelled wrong, each with why and how sure, and where they gather."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

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


@dataclass(frozen=True, eq=False, kw_only=True)
class Suspects(Artifact):
    """Suspected label errors, most suspicious first.

    Attributes:
        class_names: by class_id.
        rows: as SUSPECT_SCHEMA; a label stands first as its likeliest kind, and may follow as others.
        groups: records of what suspects share, the largest first: kind, class_name, proposed_class_name, condition, value,
            suspects, labels (how many there were to be suspected), expected (suspects, were they spread evenly), p,
            systematic, sentence.
        summary: pictures, annotations, detections, suspects of each kind from `sure_from` on, seed.
    """

    kind: ClassVar[str] = "suspects"

    class_names: tuple[str, ...]
    rows: pa.Table = table(SUSPECT_SCHEMA)
    groups: tuple[Mapping[str, Any], ...]
    summary: Mapping[str, Any]

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
