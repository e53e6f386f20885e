"""Checkpoint: trained weights, and everything needed to know what they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from boxwright.artifacts.artifact import Artifact
from boxwright.artifacts.codec import Document, file


@dataclass(frozen=True)
class ValLook:
    """One look at val during training.

    Attributes:
        step: after which.
        score_loss, box_loss: means since the look before.
        seconds: of training so far.
        val_map: mean AP on val; None where training does not look at val.
    """

    step: int
    score_loss: float
    box_loss: float
    seconds: float
    val_map: float | None = None


@dataclass(frozen=True)
class TrainingHistory:
    """How training went.

    Attributes:
        looks: in the order of steps.
        best_step, best_val_map: whose weights these are; -1 where training did not look at val.
        seconds, cpu_seconds: how long it took.
        steps: done.
        handful_loss_fall: share of the loss that went when a handful of pictures was learnt by heart; None where it was not asked.
        parameters: of the network.
        pictures: trained on.
    """

    looks: tuple[ValLook, ...] = ()
    best_step: int = 0
    best_val_map: float = -1.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    steps: int = 0
    handful_loss_fall: float | None = None
    parameters: int = 0
    pictures: int = 0


@dataclass(frozen=True, eq=False, kw_only=True)
class Checkpoint(Artifact):
    """Result of training.

    Attributes:
        weights: file in safetensors form.
        class_names: by class_id.
        recipe: recipe.yaml as it was used.
        history: how training went.
    """

    kind: ClassVar[str] = "checkpoint"

    weights: Path = file("weights.safetensors")
    class_names: tuple[str, ...]
    recipe: Document
    history: TrainingHistory = field(default_factory=TrainingHistory)
