"""Everything a verdict rests on, gathered; and the gate's decision taken again on it.

The spec is the one the verdict keeps, word for word. Sets, baselines and comparisons are those that `made_from` of the verdict
names. What is decided again must be what the verdict says, requirement by requirement.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from boxwright.artifacts import Check, Comparison, Verdict
from boxwright.gate import OnSet
from boxwright.lifecycle.evidence.differences import first_difference
from boxwright.lifecycle.evidence.pieces import UNUSABLE, Judged, Pieces, told
from boxwright.lifecycle.looks import looks_at
from boxwright.lifecycle.stages import Stages
from boxwright.spec import Spec
from boxwright.store import Store

_OF_SET = re.compile(r"report\[(?P<name>.+)\]")
_OF_CHECK = ("status", "required", "observed", "low", "high", "support")


@dataclass(frozen=True)
class Evidence:
    """A verdict that follows from stored reports.

    Attributes:
        verdict: decided again with the same result.
        spec: the promise it keeps.
        judged: each report with what it rests on; the candidate's on the test side first.
        comparisons: the stored ones, of candidate and baseline.
    """

    verdict: Verdict
    spec: Spec
    judged: tuple[Judged, ...]
    comparisons: tuple[Comparison, ...]

    @property
    def candidate(self) -> tuple[Judged, ...]:
        """Those that are about the verdict's bundle."""
        return tuple(one for one in self.judged if one.bundle.digest == self.verdict.bundle)

    def of(self, role: str) -> Judged | None:
        """What is known under a role of the verdict."""
        return next((one for one in self.judged if one.role == role), None)


def gather(store: Store, verdict: Verdict) -> Evidence:
    """What a verdict rests on, whole, and decided again from the stored reports.

    Raises:
        NotReleasable: the verdict does not pass or names no bundle; a piece is missing, damaged or about something else; or
            the gate decides otherwise.
    """
    pieces = Pieces(store, verdict)
    _refuse_unless_passing(pieces, verdict)
    spec = _spec_of(pieces, verdict)
    judged = tuple(_every_report(pieces, verdict))
    comparisons = tuple(
        pieces.get(Comparison, digest, f"the {role}")
        for role, digest in verdict.made_from.items()
        if role.partition("[")[0] == "comparison"
    )
    evidence = Evidence(verdict, spec, judged, comparisons)
    _check_origins(pieces, evidence)
    _check_looks(pieces, evidence, store)
    _decide(pieces, evidence, store)
    return evidence


def _refuse_unless_passing(pieces: Pieces, verdict: Verdict) -> None:
    if not verdict.bundle:
        raise pieces.refuse(
            "it is about predictions from elsewhere and names no bundle",
            "Judge a bundle of the store: `boxwright predict`, `boxwright evaluate`, `boxwright gate`.",
        )
    if not verdict.checks:
        raise pieces.refuse("it has no checks, so nothing was judged")
    failing = next((check for check in verdict.checks if check.status != "met"), None)
    if failing is not None:
        raise pieces.refuse(
            f"it does not pass: '{failing.requirement}' is {failing.status} (observed {failing.observed})",
            "See what is missing: `boxwright show VERDICT`.".replace("VERDICT", verdict.digest[:12]),
        )


def _spec_of(pieces: Pieces, verdict: Verdict) -> Spec:
    """The promise that the verdict keeps."""
    if not verdict.spec:
        raise pieces.refuse("it keeps no spec (a verdict of an earlier version, or made by hand)")
    try:
        spec = Spec.model_validate(dict(verdict.spec))
        asked = bool(spec.requirements)
    except UNUSABLE as error:  # pydantic's are ValueErrors
        first = str(error).splitlines()[0].rstrip(".")
        raise pieces.refuse(f"the spec it keeps cannot be read by this version ({first})") from error
    if spec.name != verdict.spec_name:
        raise pieces.refuse(f"it is named after spec '{verdict.spec_name}' and keeps spec '{spec.name}'")
    if not asked:
        raise pieces.refuse(f"its spec '{spec.name}' has no acceptance clause; an empty gate would pass anything")
    return spec


def _every_report(pieces: Pieces, verdict: Verdict) -> Sequence[Judged]:
    """The candidate's report and the baseline's, on the test side and on each set that the verdict names."""
    sides = [("report", "baseline", "test")]
    sides += [(f"report[{name}]", f"baseline[{name}]", name) for name in sets_of(verdict)]
    found = []
    for role, before, side in sides:
        found.append(pieces.judged(role, side=side, of=verdict.bundle))
        if before in verdict.made_from:
            found.append(pieces.judged(before, side=side, of=None))
    return found


def sets_of(verdict: Verdict) -> list[str]:
    """Names of the golden and challenge sets with a report in the verdict."""
    return [found["name"] for role in verdict.made_from if (found := _OF_SET.fullmatch(role))]


def _check_origins(pieces: Pieces, evidence: Evidence) -> None:
    """What the verdict names must be what every report names: one dataset, one split; and baselines must be of one other bundle."""
    for one in evidence.judged:
        named = {"dataset": one.dataset, "split": one.split.digest}
        if one.role.startswith("report"):
            named["bundle"] = one.bundle.digest
            _check_bundle(pieces, evidence.spec, one)
        for role, digest in named.items():
            if (told := evidence.verdict.made_from.get(role)) != digest:
                raise pieces.refuse(f"it names {role} {str(told)[:12]}; its {one.role} is of {digest[:12]}")
    before = {one.bundle.digest for one in evidence.judged if one.role.startswith("baseline")}
    if len(before) > 1 or evidence.verdict.bundle in before:
        raise pieces.refuse("its baseline's reports are not of one other bundle")


def _check_bundle(pieces: Pieces, spec: Spec, one: Judged) -> None:
    """The bundle must answer the classes of the spec, by thresholds that a caller can ask for, and refuse where the spec says so."""
    contract, by = one.bundle.contract, spec.output.operating_point.by
    if sorted(contract.class_names) != sorted(spec.class_names):
        raise pieces.refuse(
            f"the bundle has the classes {', '.join(contract.class_names)}; its spec has {', '.join(spec.class_names)}"
        )
    if contract.degraded != spec.failure_modes.degraded:
        raise pieces.refuse(
            f"without a journal the bundle would {contract.degraded}; its spec says {spec.failure_modes.degraded} "
            "(failure_modes.degraded)",
            "Export it again with this spec, then judge it: `boxwright turn`.",
        )
    if contract.condition_thresholds and list(contract.condition_thresholds) != [by]:
        raise pieces.refuse(
            f"the bundle's score thresholds depend on {', '.join(contract.condition_thresholds)}; its spec lets them depend on "
            f"{by or 'nothing'} (output.operating_point.by)"
        )


def _check_looks(pieces: Pieces, evidence: Evidence, store: Store) -> None:
    """The looks at golden sets that a verdict tells are the first ones that the store counted."""
    for name, looks in evidence.verdict.looks.items():
        if looks != looks_at(store, evidence.spec.name, name)[: len(looks)]:
            raise pieces.refuse(f"it tells of {len(looks)} looks at golden set '{name}' that the store did not count")
    for on in on_sets(evidence):
        if on.kind == "golden" and on.report is not None and evidence.verdict.bundle not in on.looks:
            raise pieces.refuse(f"it does not tell that its bundle was evaluated on golden set '{on.name}'")


def _decide(pieces: Pieces, evidence: Evidence, store: Store) -> None:
    """The gate again, on the stored reports; refused where it says anything else."""
    stages = stages_of(store, evidence)
    first, baseline = evidence.judged[0].report, evidence.of("baseline")
    try:
        again = stages.decide(first, baseline.report if baseline else None, on_sets(evidence), evidence.comparisons)
    except UNUSABLE as error:
        raise pieces.refuse(f"it cannot be decided again: {told(error)}") from error
    if difference := _other_checks(evidence.verdict.checks, again.checks):
        raise pieces.refuse(f"the stored reports do not say so: {difference}")
    for role, digest in evidence.verdict.made_from.items():
        if again.made_from.get(role) != digest:
            raise pieces.refuse(f"it names the {role} {digest[:12]}, which the gate does not use")


def stages_of(store: Store, evidence: Evidence) -> Stages:
    """The stages under the verdict's own spec; they train nothing and write nothing here."""
    return Stages(store, evidence.spec, None, Path(), lambda *_: None)


def on_sets(evidence: Evidence) -> list[OnSet]:
    """The evidence on sets, as the gate takes it; a set that the spec declares and nobody judged has no report."""
    found = []
    for clause in evidence.spec.sets:
        report, before = evidence.of(f"report[{clause.name}]"), evidence.of(f"baseline[{clause.name}]")
        looks = evidence.verdict.looks.get(clause.name, ())
        found.append(
            OnSet(clause.name, clause.kind, report.report if report else None, before.report if before else None, looks)
        )
    return found


def _other_checks(stored: Sequence[Check], again: Sequence[Check]) -> str:
    """The first check that is decided otherwise, in words; empty where there is none. Notes are words and may change."""
    told, asked = [check.requirement for check in stored], [check.requirement for check in again]
    if told != asked:
        missing = [text for text in asked if text not in told] or [text for text in told if text not in asked] or told
        return f"'{missing[0]}' is not judged as often as its spec asks"
    for one, other in zip(stored, again, strict=True):
        for name in _OF_CHECK:
            if first_difference(getattr(one, name), getattr(other, name), name):
                return (
                    f"'{one.requirement}' has {name.replace('_', ' ')} {getattr(one, name)}, decided again it is "
                    f"{getattr(other, name)}"
                )
    return ""
