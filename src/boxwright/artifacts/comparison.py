"""Comparison: two candidates on the same pictures; what got better, what got worse, object by object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import pyarrow as pa

from boxwright.artifacts.artifact import Artifact, Parts


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison(Artifact):
    """B against A.

    Attributes:
        title_a, title_b: what is compared.
        class_names: by class_id.
        figures: one record per figure: key, metric, class_name, conditions, a, b, difference (b minus a), low, high (for
            new groups), these_low, these_high (for these groups), support, verdict (`better`, `worse`, `not told apart`, or `undefined`).
        objects: per class, and `all`: fixed, broken, still_missed, both_found.
        false_alarms: likewise: gone, new, still.
        slices: one record per condition and value: differences of ap50, precision, recall; fixed, broken, gone, new.
        error_types: kind to dap of a and of b.
        resampling: unit, groups, replicates, confidence.
        judged_on: digest of the pictures and annotations.
        changed: one row per object or false alarm that is not the same on both sides, or wrong on both.
    """

    kind: ClassVar[str] = "comparison"
    document_name: ClassVar[str] = "comparison.json"

    title_a: str
    title_b: str
    class_names: tuple[str, ...]
    figures: tuple[Mapping[str, Any], ...]
    objects: Mapping[str, Mapping[str, int]]
    false_alarms: Mapping[str, Mapping[str, int]]
    slices: tuple[Mapping[str, Any], ...]
    error_types: Mapping[str, Mapping[str, float]]
    resampling: Mapping[str, Any]
    judged_on: str
    changed: pa.Table = field(default_factory=lambda: pa.table({}))

    def parts(self) -> Parts:
        document = {
            "title_a": self.title_a,
            "title_b": self.title_b,
            "class_names": list(self.class_names),
            "figures": [dict(record) for record in self.figures],
            "objects": {name: dict(counts) for name, counts in self.objects.items()},
            "false_alarms": {name: dict(counts) for name, counts in self.false_alarms.items()},
            "slices": [dict(record) for record in self.slices],
            "error_types": {kind: dict(pair) for kind, pair in self.error_types.items()},
            "resampling": dict(self.resampling),
            "judged_on": self.judged_on,
        }
        return Parts(document, {"changed": self.changed})

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        document = dict(parts.document)
        for name in ("class_names", "figures", "slices"):
            document[name] = tuple(document[name])
        return cls(**document, changed=parts.tables["changed"], made_from=made_from)
