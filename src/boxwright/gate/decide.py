"""One check per requirement of the spec, and nothing else decides.

With `judge_on: bound` (the default) a requirement is met when the interval's worse end meets it, not met when even the
better end does not, and otherwise there is no evidence: the data cannot tell. `judge_for` says whose interval that is: new
groups like those seen (the default), or other images of these groups. With `judge_on: value` the figure itself
is compared. A figure that is undefined, was not measured, or lacks its baseline is no evidence. Figures without a
sampling interval by nature (latency percentiles, memory, parity) are compared as they are. A clause against the
baseline is judged on the interval of the paired difference where that is given. A clause on a golden or challenge set
is judged on that set's own report.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from boxwright.artifacts import Check, Report, Verdict
from boxwright.artifacts.verdict import Lacking, Status
from boxwright.errors import InputError
from boxwright.gate.on_set import OnSet
from boxwright.gate.settle import groups_limit, images_of, undecided, unseen
from boxwright.spec import Observed, Requirement, Spec
from boxwright.spec.requirement import UNBOUNDED, JudgeFor
from boxwright.spec.spec import CoverageFigure

_MEASURED = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "memory_mb", "parity_iou", "parity_score")


def decide(
    report: Report,
    spec: Spec,
    *,
    baseline: Report | None = None,
    first_release: bool = False,
    differences: Mapping[str, Observed] | None = None,
    sets: Sequence[OnSet] = (),
) -> Verdict:
    """The verdict on the bundle a report is about.

    Args:
        report: of the candidate on the test side.
        spec: whose requirements are judged.
        baseline: report of what is in service, on the same pictures.
        first_release: nothing is in service; clauses against the baseline then ask for nothing.
        differences: figure key, with `set=name` where a clause has one (`Requirement.key`), to candidate minus baseline
            on the same pictures, with the interval of the pairs.
        sets: what is known on golden and challenge sets.

    Raises:
        InputError: the spec asks for nothing, or for a figure the report does not have; or a report is of other
            pictures or another bundle than it should be.
    """
    if not spec.requirements:
        raise InputError(f"Spec '{spec.name}' has no acceptance clause; an empty gate would pass anything.")
    _check_side(report, "test")
    _check_pictures(report, baseline)
    by_name = {on.name: on for on in sets}
    for on in sets:
        _check_set(on, report, spec)
    known = _Known(report, baseline, by_name, differences or {}, spec, first_release)
    checks = [known.check(one) for requirement in spec.requirements for one in _each(requirement, spec.class_names)]
    checks += [_covered(figure, report) for clause in spec.coverage for figure in clause.figures]
    return Verdict(
        spec_name=spec.name,
        bundle=report.made_from.get("bundle", ""),
        checks=tuple(checks),
        spec=spec.as_document,
        looks={on.name: on.looks for on in sets if on.kind == "golden"},
        made_from=_made_from(report, baseline, sets),
    )


@dataclass(frozen=True)
class _Known:
    """Everything a check may rest on; see `decide`."""

    report: Report
    baseline: Report | None
    sets: Mapping[str, OnSet]
    differences: Mapping[str, Observed]
    spec: Spec
    first_release: bool

    def check(self, requirement: Requirement) -> Check:
        """One requirement, judged."""
        report, baseline = self._reports_of(requirement)
        if report is None:
            return _without_report(requirement)
        found = report.observed.get(requirement.figure)
        if found is None:
            return self._without_figure(requirement, report)
        whom, both = self.spec.acceptance.judge_for, found
        found, before = both.judged_for(whom), _value_of(baseline, requirement.figure)
        if requirement.against_baseline and (pairs := self.differences.get(requirement.key)) is not None:
            both = pairs
            found, before = _paired(requirement.metric, found, before, pairs.judged_for(whom))
        required = requirement.required(before)
        judged = _Judged(requirement, required, found)
        if required is None:
            return self._without_baseline(judged)
        if found.value is None:
            return self._undefined(judged, required)
        holds = requirement.holds(found.value, required)
        if requirement.metric in _MEASURED or self.spec.acceptance.judge_on == "value":
            return judged.ends("met" if holds else "not met", found.note)
        if found.low is None or found.high is None:
            more, lacking = unseen(requirement, required, self.spec.acceptance.confidence, whom=whom)
            return judged.ends("no evidence", f"{found.note or 'no interval'}; judged on its bound, so {more}", lacking)
        worse, better = (found.low, found.high) if requirement.higher_is_better else (found.high, found.low)
        if requirement.holds(worse, required):
            return judged.ends("met", found.note)
        if not requirement.holds(better, required):
            return judged.ends("not met", found.note)
        note, lacking = undecided(
            requirement,
            found,
            required,
            images=images_of(requirement, report),
            confidence=self.spec.acceptance.confidence,
            groups_limit=whom == "new_groups" and groups_limit(both),
        )
        told = (found.note, note, _of_the_other(both, whom))
        return judged.ends("no evidence", "; ".join(part for part in told if part), lacking)

    def _reports_of(self, requirement: Requirement) -> tuple[Report | None, Report | None]:
        if requirement.on_set is None:
            return self.report, self.baseline
        on = self.sets.get(requirement.on_set)
        return (on.report, on.baseline) if on else (None, None)

    def _without_figure(self, requirement: Requirement, report: Report) -> Check:
        complaint = (
            f"has no figure '{requirement.figure}', which '{requirement.text}' asks for (it has "
            f"{len(report.observed)} figures). Evaluate again with this spec, then ask the gate."
        )
        if requirement.on_set is None:
            raise InputError(f"The report {complaint}")
        return _nothing(requirement, f"the report on the set '{requirement.on_set}' {complaint}".rstrip("."))

    def _without_baseline(self, judged: _Judged) -> Check:
        if self.first_release:
            return judged.ends("met", "first release: nothing is in service to fall behind")
        return judged.ends("no evidence", "there is no baseline to compare with; give one, or promote a first bundle")

    def _undefined(self, judged: _Judged, required: float) -> Check:
        found, requirement = judged.found, judged.requirement
        if requirement.metric == "precision" and found.support:
            return judged.ends(
                "no evidence",
                f"no detection reaches its score threshold on {found.support} objects, so there is no precision to judge; train "
                f"further, or have other thresholds chosen (`output.operating_point`)",
            )
        note = f"{found.note or 'nothing in this slice to measure'}; support {found.support}"
        if requirement.metric in _MEASURED:
            return judged.ends("no evidence", note)
        more, lacking = unseen(requirement, required, self.spec.acceptance.confidence)
        return judged.ends("no evidence", f"{note}; {more}", lacking)


@dataclass(frozen=True)
class _Judged:
    """A requirement with its figure, before it is known how it ends."""

    requirement: Requirement
    required: float | None
    found: Observed

    def ends(self, status: Status, note: str, lacking: Lacking | None = None) -> Check:
        """The check that ends so."""
        found = self.found
        return Check(
            self.requirement.text, self.required, found.value, found.low, found.high, status, note,
            support=None if self.requirement.metric in _MEASURED else found.support, lacking=lacking,
        )  # fmt: skip


def _each(requirement: Requirement, class_names: Sequence[str]) -> list[Requirement]:
    """The requirement, or with `*` one for each class."""
    if requirement.class_name != "*":
        return [requirement]
    texts = {name: requirement.text.replace("*", name, 1) for name in class_names}
    return [replace(requirement, text=text, class_name=name) for name, text in texts.items()]


def _of_the_other(both: Observed, whom: JudgeFor) -> str:
    """The interval that is not judged on, where it is of another question."""
    if not both.groups_differ:
        return ""
    other: JudgeFor = "these_groups" if whom == "new_groups" else "new_groups"
    ends = both.judged_for(other)
    if ends.low is None or ends.high is None:
        return ""
    return f"for {other.replace('_', ' ')} the interval is [{ends.low:.4f}, {ends.high:.4f}]"


def _paired(metric: str, found: Observed, before: float | None, pairs: Observed) -> tuple[Observed, float | None]:
    """The candidate's figure with the interval of its difference to the baseline's, put around the baseline's figure and
    kept within the metric's range."""
    if found.value is None or pairs.value is None:
        return found, before
    before = found.value - pairs.value if before is None else before
    if pairs.low is None or pairs.high is None:
        note = f"the paired difference to the baseline has {pairs.note or 'no interval'}"
        return replace(found, low=None, high=None, note=note), before
    note = f"paired difference to the baseline {pairs.value:+.4f} [{pairs.low:+.4f}, {pairs.high:+.4f}]"
    low, high = max(0.0, before + pairs.low), before + pairs.high
    return replace(found, low=low, high=high if metric in UNBOUNDED else min(1.0, high), note=note), before


def _value_of(report: Report | None, figure: str) -> float | None:
    found = report.observed.get(figure) if report else None
    return found.value if found else None


def _without_report(requirement: Requirement) -> Check:
    name = requirement.on_set
    return _nothing(
        requirement,
        f"not evaluated on the set '{name}': predict and evaluate with --side {name}, then gate with --set {name}=REPORT",
    )


def _nothing(requirement: Requirement, note: str) -> Check:
    return Check(requirement.text, requirement.required(None), None, None, None, "no evidence", note)


def _covered(figure: CoverageFigure, report: Report) -> Check:
    """A coverage clause: counted, not estimated, so there is no interval."""
    found = report.observed.get(figure.key)
    text, least = f"{figure.key} >= {figure.least}", float(figure.least)
    if found is None or found.value is None:
        return Check(text, least, None, None, None, "no evidence", "counted only on a data set of the store")
    count, images = found.value, found.support
    if count >= least:
        return Check(text, least, count, None, None, "met", support=images)
    where, missing = figure.key.partition("[")[2].rstrip("]"), math.ceil(least - count)
    if figure.of == "images":
        lacking, about = Lacking(where, images=missing), ""
    else:
        more = math.ceil(missing * images / count) if count else None
        lacking = Lacking(where, objects=missing, images=more)
        about = f" (about {more} more images, at {count / images:.2g} an image)" if more else ""
    note = f"collect and label {missing} more {figure.of} of {where}{about}"
    return Check(text, least, count, None, None, "not met", note, support=images, lacking=lacking)


def _check_side(report: Report, side: str) -> None:
    """InputError when a report says it was judged elsewhere: val chose the thresholds, train was learnt from."""
    judged = report.measured.get("side")
    if judged not in (None, side):
        raise InputError(
            f"The report was judged on the side '{judged}', and '{side}' is asked for; evaluate with --side {side}."
        )


def _check_pictures(report: Report, baseline: Report | None) -> None:
    if baseline is not None and baseline.measured.get("judged_on") != report.measured.get("judged_on"):
        raise InputError(
            "The baseline was judged on other pictures or annotations than the candidate; evaluate it on the same ones."
        )


def _check_set(on: OnSet, report: Report, spec: Spec) -> None:
    """InputError unless a set's reports are about this set and this bundle."""
    if on.name not in {clause.name for clause in spec.sets}:
        raise InputError(f"Spec '{spec.name}' declares no set '{on.name}'; declare it under `sets`, or leave it out.")
    if on.report is None:
        return
    _check_side(on.report, on.name)
    _check_pictures(on.report, on.baseline)
    bundles = [r.made_from.get("bundle", "") for r in (on.report, report)]
    if bundles[0] != bundles[1]:
        named = [digest[:12] or "none" for digest in bundles]
        raise InputError(f"The report on the set '{on.name}' is about bundle {named[0]}, the other about {named[1]}.")


def _made_from(report: Report, baseline: Report | None, sets: Sequence[OnSet]) -> dict[str, str]:
    """Role to digest: reports, and what they rest on."""
    reports: dict[str, Any] = {"report": report, "baseline": baseline}
    for on in sets:
        reports |= {f"report[{on.name}]": on.report, f"baseline[{on.name}]": on.baseline}
    found = {role: part.digest for role, part in reports.items() if part is not None}
    return found | {role: report.made_from[role] for role in ("bundle", "dataset", "split") if role in report.made_from}
