"""What is known of a candidate on one golden or challenge set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from boxwright.artifacts import Report
from boxwright.store.digest import canonical_json, digest_of_bytes


@dataclass(frozen=True)
class OnSet:
    """Evidence on one set.

    Attributes:
        name: of the set, as spec.yaml declares it.
        kind: golden or challenge.
        report: of the candidate on the set's pictures; None where it was not evaluated on them.
        baseline: of what is in service, on the same pictures.
        looks: digests of the bundles that have been evaluated on the set so far, oldest first; golden sets only.
    """

    name: str
    kind: Literal["golden", "challenge"]
    report: Report | None = None
    baseline: Report | None = None
    looks: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Identity of the evidence, for steps that depend on it."""
        reports = [report.digest if report else None for report in (self.report, self.baseline)]
        return digest_of_bytes(canonical_json([self.name, self.kind, *reports, list(self.looks)]).encode())
