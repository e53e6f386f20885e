"""What next: steps picked from what the report already says, in the order in which they cost little and tell much.

First what may not be the model's fault (annotations), then the costliest kinds of error with the report's own remedies,
then data for weak slices and rare classes, scores, and what a certificate would take.
"""

from __future__ import annotations

from collections.abc import Iterator

from boxwright.artifacts import Report
from boxwright.pages.attention import FEW_OBJECTS, chance_only, few_objects, named
from boxwright.pages.error_types import kinds
from boxwright.pages.failures import verdicts
from boxwright.pages.figures import count, percent, points, roughly
from boxwright.pages.slices import weak

_KINDS = 2
_SLICES = 3
_POINTS = 0.5  # of AP50; kinds that cost less are not worth a step


def next_steps(report: Report) -> list[str]:
    """Sentences, the first step first; empty when the report gives no ground for any."""
    sources = (_annotations, _remedies, _weak_slices, _rare_classes, _scores, _certificate)
    return [sentence for source in sources for sentence in source(report)]


def _annotations(report: Report) -> Iterator[str]:
    for verdict, _, by_kind in verdicts(report):
        found = sum(by_kind.values())
        if verdict == "suspect annotation" and found:
            yield (
                f"Look at the {count(found)} suspect annotation{'s' if found > 1 else ''} first: while the truth is in doubt, so "
                f"is every figure. boxwright evaluate --failures DIR writes them as a list to label."
            )


def _remedies(report: Report) -> Iterator[str]:
    costly = [kind for kind in kinds(report) if kind.record.share >= _POINTS]
    for kind in costly[:_KINDS]:
        cost = kind.record
        gathered = f" Collect: {cost.collect}." if cost.collect else ""
        yield f"Against “{kind.words}” ({points(cost.share)} of 100 points): {cost.recommendation}{gathered}"


def _weak_slices(report: Report) -> Iterator[str]:
    found = weak(report)
    if found:
        yield f"Collect pictures where {named([item.name for item in found], most=_SLICES)}: found weak by search."


def _rare_classes(report: Report) -> Iterator[str]:
    few = few_objects(report)
    if few:
        yield f"Add test objects of {named(few)} until each has {FEW_OBJECTS}: fewer cannot be judged."


def _scores(report: Report) -> Iterator[str]:
    if chance_only(report) is False:
        yield "Calibrate the scores on val before anything reads them as chances; AP does not change by it."


def _certificate(report: Report) -> Iterator[str]:
    whole = next((record for record in report.certificates if record.class_name is None), None)
    missing = [claim for claim in (whole.claims if whole else ()) if not claim.certified and claim.more_images]
    if missing:
        claim = missing[0]
        yield (
            f"To certify a precision of {percent(claim.precision)}, about {roughly(claim.more_images)} more pictures "
            f"like these are needed."
        )
