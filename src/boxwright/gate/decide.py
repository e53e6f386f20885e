"""One check per requirement of the spec, and nothing else decides.

With `judge_on: bound` (the default) a requirement is met when the interval's worse end meets it, not met when even the
better end does not, and otherwise there is no evidence: the data cannot tell. With `judge_on: value` the figure itself
is compared. A figure that is undefined, was not measured, or lacks its baseline is no evidence. Figures without a
sampling interval by nature (latency percentiles, memory, parity) are compared as they are.
"""

from __future__ import annotations

import math

from boxwright.artifacts import Check, Report, Verdict
from boxwright.errors import InputError
from boxwright.spec import Observed, Requirement, Spec, figure_key
from boxwright.spec.spec import CoverageFigure

_MEASURED = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "memory_mb", "parity_iou", "parity_score")


def decide(report: Report, spec: Spec, *, baseline: Report | None = None, first_release: bool = False) -> Verdict:
    """The verdict on the bundle a report is about.

    Args:
        report: of the candidate.
        spec: whose requirements are judged.
        baseline: report of what is in service, on the same pictures.
        first_release: nothing is in service; clauses against the baseline then ask for nothing.

    Raises:
        InputError: the spec asks for nothing, or for a figure the report does not have.
    """
    if not spec.requirements:
        raise InputError(f"Spec '{spec.name}' has no acceptance clause; an empty gate would pass anything.")
    if baseline is not None and baseline.measured.get("judged_on") != report.measured.get("judged_on"):
        raise InputError(
            "The baseline was judged on other pictures or annotations than the candidate; evaluate it on the same ones."
        )
    checks: list[Check] = []
    for requirement in spec.requirements:
        for name in spec.class_names if requirement.class_name == "*" else (requirement.class_name,):
            key = figure_key(requirement.metric, name, requirement.conditions)
            found = report.observed.get(key)
            if found is None:
                raise InputError(
                    f"The report has no figure '{key}', which '{requirement.text}' asks for (it has "
                    f"{len(report.observed)} figures). Evaluate again with this spec, then ask the gate."
                )
            before = baseline.observed.get(key, {}).get("value") if baseline else None
            text = (
                requirement.text.replace("*", name, 1) if requirement.class_name == "*" and name else requirement.text
            )
            checks.append(_check(text, requirement, Observed(**found), before, spec, first_release=first_release))
    checks += [_covered(figure, report) for clause in spec.coverage for figure in clause.figures]
    made_from = {"report": report.digest, **({"baseline": baseline.digest} if baseline else {})}
    bundle = report.made_from.get("bundle", "")
    return Verdict(
        spec_name=spec.name,
        bundle=bundle,
        checks=tuple(checks),
        made_from={**made_from, **({"bundle": bundle} if bundle else {})},
    )


def _check(
    text: str, requirement: Requirement, found: Observed, baseline: float | None, spec: Spec, *, first_release: bool
) -> Check:
    required = requirement.required(baseline)

    def check(status, note: str) -> Check:
        return Check(text, required, found.value, found.low, found.high, status, note)

    if required is None and first_release:
        return check("met", "first release: nothing is in service to fall behind")
    if required is None:
        return check("no evidence", "there is no baseline to compare with; give one, or promote a first bundle")
    if found.value is None:
        note = found.note or "nothing in this slice to measure"
        return check("no evidence", f"{note}; support {found.support}")
    holds = requirement.holds(found.value, required)
    if requirement.metric in _MEASURED or spec.acceptance.judge_on == "value":
        return check("met" if holds else "not met", found.note)
    if found.low is None or found.high is None:
        return check("no evidence", f"{found.note or 'no interval'}; judged on the interval's bound")
    worse, better = (found.low, found.high) if requirement.higher_is_better else (found.high, found.low)
    if requirement.holds(worse, required):
        return check("met", "")
    if not requirement.holds(better, required):
        return check("not met", "")
    return check("no evidence", _what_would_settle(found, required, worse, holds=holds))


def _covered(figure: CoverageFigure, report: Report) -> Check:
    """A coverage clause: counted, not estimated, so there is no interval."""
    found = report.observed.get(figure.key)
    text, least = f"{figure.key} >= {figure.least}", float(figure.least)
    if found is None:
        return Check(text, least, None, None, None, "no evidence", "counted only on a data set of the store")
    met = found["value"] >= least
    note = "" if met else f"collect and label {figure.least - int(found['value'])} more {figure.of} of this slice"
    return Check(text, least, found["value"], None, None, "met" if met else "not met", note)


def _what_would_settle(found: Observed, required: float, worse: float, *, holds: bool) -> str:
    """An interval shrinks with the square root of the data; from that, how much more would clear the requirement."""
    assert found.value is not None
    margin, reach = abs(found.value - required), abs(found.value - worse)
    if not holds or margin < 1e-6:
        return "the interval holds the required value; the figure itself does not clear it"
    more = math.ceil(found.support * ((reach / margin) ** 2 - 1))
    return f"the interval holds the required value; about {more} more objects of this slice would settle it"
