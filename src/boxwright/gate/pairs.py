"""Comparisons of the candidate with what is in service, as differences that clauses against the baseline are judged on.

A comparison is about the pictures it names by `judged_on`: those of the test side, or of a set. Its side B must be the
candidate's detections that the report is about, and its side A the baseline's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from boxwright.artifacts import Comparison, Report
from boxwright.errors import InputError
from boxwright.gate.on_set import OnSet
from boxwright.spec import Observed, figure_key
from boxwright.spec.requirement import SET


@dataclass(frozen=True)
class Pairs:
    """Paired differences.

    Attributes:
        differences: as `decide` takes them: figure key, with `set=name` for sets, to candidate minus baseline.
        made_from: role to digest of each comparison.
    """

    differences: Mapping[str, Observed] = field(default_factory=dict)
    made_from: Mapping[str, str] = field(default_factory=dict)


def pair(
    comparisons: Sequence[Comparison], report: Report, *, baseline: Report | None = None, sets: Sequence[OnSet] = ()
) -> Pairs:
    """The differences of some comparisons, each laid to the side or set whose pictures it is about.

    Raises:
        InputError: a comparison is about other pictures, or other detections than the reports; or a figure is compared twice.
    """
    sides = [("", report, baseline)] + [(on.name, on.report, on.baseline) for on in sets if on.report is not None]
    differences: dict[str, Observed] = {}
    made_from: dict[str, str] = {}
    for comparison in comparisons:
        name = _side_of(comparison, sides)
        selected = ((SET, name),) if name else ()
        for found in comparison.metrics:
            key = figure_key(found.metric, found.class_name, (*found.conditions.items(), *selected))
            if key in differences:
                raise InputError(
                    f"The figure '{key}' is compared twice (in the comparison {comparison.digest[:12]}); give one comparison of each "
                    "side, as `boxwright compare` makes it."
                )
            differences[key] = Observed(
                found.difference, found.low, found.high, found.support,
                these_low=found.these_low, these_high=found.these_high,
            )  # fmt: skip
        made_from[f"comparison[{name}]" if name else "comparison"] = comparison.digest
    return Pairs(differences, made_from)


def _side_of(comparison: Comparison, sides: Sequence[tuple[str, Report, Report | None]]) -> str:
    """Name of the set a comparison is about; empty for the test side."""
    for name, report, baseline in sides:
        if report.measured.get("judged_on") != comparison.judged_on:
            continue
        for role, judged in (("matches_a", baseline), ("matches_b", report)):
            matches = judged.made_from.get("matches") if judged else None
            if matches is not None and matches != comparison.made_from.get(role):
                raise InputError(
                    f"The comparison {comparison.digest[:12]} is of other detections than the "
                    f"{'candidate' if role == 'matches_b' else 'baseline'}'s report; compare the baseline's report "
                    f"(first) with the candidate's (second)."
                )
        return name
    raise InputError(
        f"The comparison {comparison.digest[:12]} was made on other pictures than any report given; compare on the same."
    )
