"""Agreement: how far several annotators agree on the same pictures, where they differ, and what that may come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import pyarrow as pa

from boxwright.artifacts.artifact import Artifact, Parts


@dataclass(frozen=True, eq=False, kw_only=True)
class Agreement(Artifact):
    """What several people drew, compared.

    A figure is a record of value, low, high (None where undefined) and support.

    Attributes:
        title: what was rated.
        annotators, class_names: in order.
        iou_threshold: from which on two boxes mean the same object.
        figures: alpha, f1 (place), f1_class (place and class), mean_iou, kappa.
        tally: pictures, pictures_of_several, boxes per annotator, objects, drawn_by_all, too_far_off, of_one_class.
        over_iou: per IoU threshold alpha, f1, f1_class.
        per_class: class name to alpha against the rest, f1, mean_iou, boxes.
        slices: condition, value, objects, alpha, f1, f1_class, mean_iou.
        people: annotator to pictures, boxes, alone, lacks, edges (share and px outside the others'), and with three or more vitality.
        pairs: a, b, both, only_a, only_b, same_class, alpha, f1, f1_class, mean_iou, kappa.
        separation: iou_threshold the data ask for, found, ks, histograms `observed` and `expected`.
        required: figure, least, judged_on, value, low, high, status, note; empty where nothing was asked.
        findings: kind, sentence, and the figures it rests on.
        resampling: unit, groups, replicates, confidence, resemblance.
        facts: of the reading: sources, problems, matched_by, not_seen_by.
        differences: one row per object people differ about, the worst first.
    """

    kind: ClassVar[str] = "agreement"
    document_name: ClassVar[str] = "agreement.json"
    newest_law: ClassVar[int] = 2

    title: str
    annotators: tuple[str, ...]
    class_names: tuple[str, ...]
    iou_threshold: float
    figures: Mapping[str, Mapping[str, Any]]
    tally: Mapping[str, Any]
    over_iou: tuple[Mapping[str, Any], ...]
    per_class: Mapping[str, Mapping[str, Any]]
    slices: tuple[Mapping[str, Any], ...]
    people: Mapping[str, Mapping[str, Any]]
    pairs: tuple[Mapping[str, Any], ...]
    separation: Mapping[str, Any]
    required: Mapping[str, Any]
    findings: tuple[Mapping[str, Any], ...]
    resampling: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    differences: pa.Table = field(default_factory=lambda: pa.table({}))

    @property
    def counts(self) -> Mapping[str, int]:
        """Pictures several had, objects, and objects people differ about."""
        pictures, objects = self.tally["pictures_of_several"], self.tally["objects"]
        return {"pictures": pictures, "objects": objects, "differences": len(self.differences)}

    def parts(self) -> Parts:
        document = {
            "title": self.title,
            "annotators": list(self.annotators),
            "class_names": list(self.class_names),
            "iou_threshold": self.iou_threshold,
            "figures": {name: dict(record) for name, record in self.figures.items()},
            "tally": dict(self.tally),
            "over_iou": [dict(record) for record in self.over_iou],
            "per_class": {name: dict(record) for name, record in self.per_class.items()},
            "slices": [dict(record) for record in self.slices],
            "people": {name: dict(record) for name, record in self.people.items()},
            "pairs": [dict(record) for record in self.pairs],
            "separation": dict(self.separation),
            "required": dict(self.required),
            "findings": [dict(record) for record in self.findings],
            "resampling": dict(self.resampling),
            "facts": dict(self.facts),
        }
        return Parts(document, {"differences": self.differences})

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        document = dict(parts.document)
        for name in ("annotators", "class_names", "over_iou", "slices", "pairs", "findings"):
            document[name] = tuple(document[name])
        return cls(**document, differences=parts.tables["differences"], made_from=made_from)
