"""Rollout: which bundle answers, and which one answered before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from boxwright.artifacts.artifact import Artifact, Parts


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

    def parts(self) -> Parts:
        return Parts(
            {
                "primary": self.primary,
                "previous": self.previous,
                "verdict": self.verdict,
                "previous_verdict": self.previous_verdict,
                "number": self.number,
            }
        )

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        for key, value in parts.document.items():
            wanted = int if key == "number" else str | None if key.startswith("previous") else str
            if not isinstance(value, wanted) or isinstance(value, bool):
                raise TypeError(f"'{key}' is {type(value).__name__}")
        return cls(**parts.document, made_from=made_from)
