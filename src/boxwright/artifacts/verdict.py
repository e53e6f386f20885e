"""Verdict: per requirement, what was asked, what was found, and whether that is enough. It names one bundle's digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal, Self

from boxwright.artifacts.artifact import Artifact, Parts

Status = Literal["met", "not met", "no evidence"]


@dataclass(frozen=True)
class Check:
    """One requirement, judged.

    Attributes:
        requirement: the clause as the spec says it; clauses for each class name the class.
        required: the number to reach, None when it could not be known.
        observed, low, high: the figure and its interval, None when undefined.
        status: met, not met, or no evidence.
        note: why, and what would settle it.
    """

    requirement: str
    required: float | None
    observed: float | None
    low: float | None
    high: float | None
    status: Status
    note: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class Verdict(Artifact):
    """The gate's answer.

    Attributes:
        spec_name: whose promise.
        bundle: digest of the only bundle this verdict is about; empty for predictions from elsewhere.
        checks: one per requirement.
    """

    kind: ClassVar[str] = "verdict"
    document_name: ClassVar[str] = "verdict.json"

    spec_name: str
    bundle: str
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Literal["pass", "fail"]:
        """`pass` only when every requirement is met; no evidence is not met."""
        return "pass" if all(check.status == "met" for check in self.checks) else "fail"

    def parts(self) -> Parts:
        return Parts(
            {
                "verdict": self.verdict,
                "spec_name": self.spec_name,
                "bundle": self.bundle,
                "checks": [asdict(check) for check in self.checks],
            }
        )

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        document = parts.document
        return cls(
            spec_name=document["spec_name"],
            bundle=document["bundle"],
            checks=tuple(Check(**check) for check in document["checks"]),
            made_from=made_from,
        )
