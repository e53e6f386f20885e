"""Checkpoint: trained weights, and everything needed to know what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from boxwright.artifacts.artifact import Artifact, Parts


@dataclass(frozen=True, eq=False, kw_only=True)
class Checkpoint(Artifact):
    """Result of training.

    Attributes:
        weights: file in safetensors form.
        class_names: by class_id.
        recipe: recipe.yaml as it was used.
        history: per look at val: step, losses, val mAP; how long training took; the overfit check.
    """

    kind: ClassVar[str] = "checkpoint"

    weights: Path
    class_names: tuple[str, ...]
    recipe: Mapping[str, Any]
    history: Mapping[str, Any]

    def parts(self) -> Parts:
        document = {
            "class_names": list(self.class_names),
            "recipe": dict(self.recipe),
            "history": dict(self.history),
        }
        return Parts(document, files={"weights.safetensors": self.weights})

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        document = parts.document
        return cls(
            weights=parts.files["weights.safetensors"],
            class_names=tuple(document["class_names"]),
            recipe=document["recipe"],
            history=document["history"],
            made_from=made_from,
        )
