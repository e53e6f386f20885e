"""OperatingPoint: the least score, per class, at which a detection is answered; chosen on val."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from boxwright.artifacts.artifact import Artifact, Parts


@dataclass(frozen=True, eq=False, kw_only=True)
class OperatingPoint(Artifact):
    """Score thresholds and what they were chosen on.

    Attributes:
        score_thresholds: class name to least score, in [0, 1].
        rule: the spec's clause that was followed.
        observed: class name to precision, recall, f1 and objects on val at the threshold.
    """

    kind: ClassVar[str] = "operating_point"

    score_thresholds: Mapping[str, float]
    rule: Mapping[str, Any]
    observed: Mapping[str, Mapping[str, float | None]]

    def parts(self) -> Parts:
        return Parts(
            {
                "score_thresholds": dict(self.score_thresholds),
                "rule": dict(self.rule),
                "observed": {name: dict(figures) for name, figures in self.observed.items()},
            }
        )

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        return cls(**parts.document, made_from=made_from)
