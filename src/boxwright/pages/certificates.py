"""Certificates as a table: what precision is certified, and how far the others are away."""

from __future__ import annotations

from dataclasses import dataclass

from boxwright.artifacts import Report
from boxwright.artifacts.report import CertifiedPrecision, Claim
from boxwright.pages.figures import roughly


@dataclass(frozen=True)
class ClaimCell:
    """One precision asked of one class.

    Attributes:
        certified: whether it holds.
        words: about how many more pictures it would take, or that no number would do; empty when certified.
        note: the report's.
    """

    certified: bool
    words: str
    note: str


@dataclass(frozen=True)
class Row:
    """What is certified of one class, or of all together.

    Attributes:
        name: of the class; None for all.
        record: the report's.
        claims: in the order of `precisions`; None where the record does not ask for one.
    """

    name: str | None
    record: CertifiedPrecision
    claims: tuple[ClaimCell | None, ...]


def precisions(report: Report) -> list[float]:
    """Every precision that is asked for, rising."""
    return sorted({claim.precision for record in report.certificates for claim in record.claims})


def rows(report: Report) -> list[Row]:
    """All classes together, then each by itself, as the report has them."""
    columns = precisions(report)
    found = []
    for record in report.certificates:
        by_precision = {claim.precision: _cell(claim) for claim in record.claims}
        found.append(Row(record.class_name, record, tuple(by_precision.get(column) for column in columns)))
    return found


def _cell(claim: Claim) -> ClaimCell:
    words = "out of reach" if claim.more_images is None else f"+\u00a0{roughly(claim.more_images)}"
    return ClaimCell(claim.certified, "" if claim.certified else words, claim.note)
