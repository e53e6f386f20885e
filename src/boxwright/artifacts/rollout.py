"""Rollout: which bundle answers, and which one answered before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from boxwright.artifacts.artifact import Artifact


@dataclass(frozen=True, eq=False, kw_only=True)
class Rollout(Artifact):
    """Roles and the digests that fill them.

    Attributes:
        primary: digest of the bundle that answers.
        previous: digest of the bundle to return to, or None.
        verdict: digest of the passing verdict for the primary.
        previous_verdict: digest of the one for the previous.
        number: counts the changes, from 1.
    """

    kind: ClassVar[str] = "rollout"

    primary: str
    previous: str | None
    verdict: str
    previous_verdict: str | None
    number: int
