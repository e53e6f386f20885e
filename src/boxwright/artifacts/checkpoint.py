"""Checkpoint: trained weights, and everything needed to know what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from boxwright.artifacts.artifact import Artifact
from boxwright.artifacts.codec import file


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

    weights: Path = file("weights.safetensors")
    class_names: tuple[str, ...]
    recipe: Mapping[str, Any]
    history: Mapping[str, Any]
