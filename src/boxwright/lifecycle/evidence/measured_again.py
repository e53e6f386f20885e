"""The figures again: matches from predictions and annotations, reports from matches, comparisons from both.

All of it is deterministic, so what comes out must be what is stored; numbers may differ in the last digits on another processor.
Latency, memory and hardware are quoted from the predictions, where they were measured; they are compared, not measured again.
A baseline may have been evaluated with an earlier spec, so only its figures that no spec changes are compared.
"""

from __future__ import annotations

from collections.abc import Callable

from boxwright.artifacts import Dataset, Matches, Report
from boxwright.lifecycle.evidence.differences import first_difference, first_difference_of_tables
from boxwright.lifecycle.evidence.gathered import Evidence, stages_of
from boxwright.lifecycle.evidence.pieces import UNUSABLE, Judged, Pieces, told
from boxwright.lifecycle.stages import Stages
from boxwright.spec import figure_key
from boxwright.store import Store

_NOT_COMPARED = ("title",)
_OF_BASELINE = ("class_names", "metrics", "per_class", "operating", "confusion", "curves", "measured", "support")
_OF_COMPARISON = ("class_names", "figures", "objects", "false_alarms", "judged_on", "resampling")
_AFTER_UPGRADE = "Evaluate and judge it again with this version and spec: `boxwright evaluate` and `boxwright gate`, or `boxwright turn`."


def measure_again(store: Store, evidence: Evidence) -> None:
    """Make every figure of the evidence again from stored predictions and annotations.

    Args:
        store: with the datasets.
        evidence: as `gather` gives it.

    Raises:
        NotReleasable: a dataset is missing or damaged, or a figure is another.
    """
    pieces, stages = Pieces(store, evidence.verdict), stages_of(store, evidence)
    for one in evidence.judged:
        dataset = pieces.get(Dataset, one.dataset, f"the dataset of the {one.role}")
        _check(pieces, one, "matches", lambda: _other_matches(stages, one, dataset, evidence))  # noqa: B023
        _check(pieces, one, "report", lambda: _other_report(stages, one, dataset, evidence))  # noqa: B023
    for role, comparison in _comparisons(evidence):
        before, after = (evidence.of(name) for name in _sides(role))
        if before is None or after is None:
            raise pieces.refuse(f"the {role} has no baseline's report beside it")
        try:
            again = stages.compare(before.report, after.report)
        except UNUSABLE as error:
            raise pieces.refuse(f"the {role} cannot be made again: {told(error)}") from error
        for name in _OF_COMPARISON:
            if found := first_difference(getattr(comparison, name), getattr(again, name), name, whole=True):
                raise pieces.refuse(f"the {role} {comparison.digest[:12]} does not follow from its matches: {found}")


def _comparisons(evidence: Evidence) -> list:
    by_digest = {comparison.digest: comparison for comparison in evidence.comparisons}
    return [(role, by_digest[d]) for role, d in evidence.verdict.made_from.items() if d in by_digest]


def _sides(role: str) -> tuple[str, str]:
    of_set = role.removeprefix("comparison")
    return f"baseline{of_set}", f"report{of_set}"


def _check(pieces: Pieces, one: Judged, what: str, differs: Callable[[], str]) -> None:
    try:
        found = differs()
    except UNUSABLE as error:
        raise pieces.refuse(f"the {what} of the {one.role} cannot be made again: {told(error)}") from error
    if found:
        digest = (one.report if what == "report" else one.matches).digest
        source = "matches" if what == "report" else "predictions and annotations"
        made = f"the {one.role}" if what == "report" else f"the matches of the {one.role}"
        raise pieces.refuse(f"{made} ({digest[:12]}) does not follow from the stored {source}: {found}", _AFTER_UPGRADE)


def _other_matches(stages: Stages, one: Judged, dataset: Dataset, evidence: Evidence) -> str:
    again = stages.match(one.predictions, dataset, one.split, one.side)
    if again.digest == one.matches.digest:
        return ""
    if lacking := _lacking(one, again, evidence):
        return f"'images.{lacking}' is not stored, and there when made again"
    stored, made = ((m.class_names, m.iou_thresholds, m.area_names) for m in (one.matches, again))
    if found := first_difference(stored, made, "classes and thresholds"):
        return found
    for table in ("images", "detections", "objects"):
        if found := first_difference_of_tables(getattr(one.matches, table), getattr(again, table), table):
            return found
    return ""


def _lacking(one: Judged, again: Matches, evidence: Evidence) -> str:
    """A condition that the stored matches do not tell of their images; without it, thresholds that depend on it would not apply.

    A baseline may have been matched with an earlier spec, of fewer conditions.
    """
    asked = set(one.bundle.contract.condition_thresholds)
    if not one.role.startswith("baseline"):
        asked |= {clause.name for clause in evidence.spec.conditions}
    return min((asked & set(again.images.column_names)) - set(one.matches.images.column_names), default="")


def _other_report(stages: Stages, one: Judged, dataset: Dataset, evidence: Evidence) -> str:
    again = stages.report(one.matches, one.predictions, one.bundle, dataset, one.split, one.side)
    if again.digest == one.report.digest:
        return ""
    stored, made = one.report.parts(), again.parts()
    if one.role.startswith("baseline"):
        of_stored, of_made = ({name: parts.document[name] for name in _OF_BASELINE} for parts in (stored, made))
        return first_difference(of_stored, of_made) or _other_values(one.report, again, evidence)
    for name in _NOT_COMPARED:
        stored.document.pop(name, None)
    return first_difference(stored.document, made.document) or first_difference_of_tables(
        stored.tables["failures"], made.tables["failures"], "failures"
    )


def _other_values(stored: Report, again: Report, evidence: Evidence) -> str:
    """Where the baseline's figures that a clause compares with differ."""
    for requirement in evidence.spec.requirements:
        if not requirement.against_baseline:
            continue
        names = stored.class_names if requirement.class_name == "*" else [requirement.class_name]
        for key in (figure_key(requirement.metric, name, requirement.conditions) for name in names):
            before, now = (report.observed.get(key, {}).get("value") for report in (stored, again))
            if before is not None and (found := first_difference(before, now, f"observed.{key}.value")):
                return found
    return ""
