"""A model card: what a bundle is, what it was judged on, and what is known to be weak, quoted from artifacts.

Each section reads one or two artifacts. Where one is missing, or holds no such figure, the card says "not measured" or
"not recorded"; it never computes a figure that the artifacts do not hold, other than counting rows of their tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from boxwright.artifacts import Bundle, Checkpoint, Dataset, Report, Split, Verdict
from boxwright.errors import InputError
from boxwright.gate.card_errors import error_lines, trust_lines
from boxwright.gate.markdown import (
    NOT_MEASURED,
    checks_table,
    code,
    digest_table,
    measured_table,
    number,
    plain,
    span,
    table,
)
from boxwright.spec import Observed, figure_key, sheet_of

_NOT_RECORDED = "not recorded"
_WORST = 5  # slices and reasons that are named as weak
_COCO = {
    "ap": "AP, mean over IoU 0.50 to 0.95", "ap50": "AP at IoU 0.50", "ap75": "AP at IoU 0.75", "ap_small": "AP of small objects",
    "ap_medium": "AP of medium objects", "ap_large": "AP of large objects", "ar100": "AR, 100 detections an image",
    "precision": "precision at the thresholds", "recall": "recall at the thresholds", "f1": "F1 at the thresholds",
    "false_alarms_per_image": "false alarms an image, at the thresholds",
}  # fmt: skip


@dataclass(frozen=True)
class Origins:
    """What a card may quote; None where it is not at hand.

    Attributes:
        bundle: what the card is about.
        report: of it on the test side.
        verdict: about it.
        sets: name of a golden or challenge set to the report on it.
        dataset, split, checkpoint: what the bundle was made of and judged on.
    """

    bundle: Bundle
    report: Report | None = None
    verdict: Verdict | None = None
    sets: Mapping[str, Report] = field(default_factory=dict)
    dataset: Dataset | None = None
    split: Split | None = None
    checkpoint: Checkpoint | None = None

    def __post_init__(self) -> None:
        digest = self.bundle.digest
        for what, about in self._abouts():
            if about != digest:
                raise InputError(f"The {what} is about bundle {about[:12] or 'none'}, the card about {digest[:12]}.")
        if self.verdict and self.report and self.verdict.made_from.get("report") != self.report.digest:
            raise InputError("The verdict judged another report than the one given; give the report it names.")

    def _abouts(self) -> list[tuple[str, str]]:
        abouts = [("verdict", self.verdict.bundle)] if self.verdict else []
        abouts += [("report", self.report.made_from.get("bundle", ""))] if self.report else []
        return abouts + [(f"report on '{name}'", r.made_from.get("bundle", "")) for name, r in self.sets.items()]


def card(origins: Origins) -> str:
    """The card as one Markdown document."""
    name = origins.bundle.contract.spec_name or origins.bundle.digest[:12]
    verdict = origins.verdict.verdict if origins.verdict else "not judged"
    sections: list[tuple[str, list[str]]] = [
        ("What it is", _what_it_is(origins.bundle, origins.checkpoint)),
        ("Intended use", _intended_use(origins.verdict)),
        ("Data", _data(origins.dataset, origins.split)),
        ("Figures", _figures(origins.report)),
        ("Each class", _classes(origins.report)),
        ("Slices", _slices(origins.report)),
        ("Golden and challenge sets", _sets(origins.sets, origins.verdict)),
        ("What goes wrong", error_lines(origins.report)),
        ("What a score is worth", trust_lines(origins.report)),
        ("Known weaknesses", _weaknesses(origins.report, origins.verdict)),
        ("Latency, memory, parity", measured_table(origins.report.measured if origins.report else {})),
        ("Verdict", _verdict(origins.verdict)),
        ("Digests", digest_table(_digests(origins))),
    ]
    lines = [
        f"# Model card: {plain(name)}", "",
        f"Bundle {code(origins.bundle.digest)}, verdict: **{verdict}**. Every figure is quoted from the artifacts named "
        f"under *Digests*; what was not measured says so.",
    ]  # fmt: skip
    for title, body in sections:
        lines += ["", f"## {title}", "", *body]
    return "\n".join(lines) + "\n"


def _what_it_is(bundle: Bundle, checkpoint: Checkpoint | None) -> list[str]:
    contract, output = bundle.contract, bundle.contract.output
    suppression = output.suppression
    thinned = (
        f"{suppression.method} at IoU {suppression.iou_threshold:g}"
        + (", across classes" if suppression.across_classes else ", within a class")
        if suppression.method != "none"
        else "none"
    )
    height, width = contract.input_hw
    lines = [
        f"- An object detector for {len(contract.class_names)} classes: {_listed(contract.class_names)}.",
        f"- Input: a picture of any size, {contract.colour}, letterboxed into {height} x {width} pixels (height x width).",
        f"- Output: boxes as {output.box_format} in pixels of the {output.pixels} upright picture, a class and a score; at "
        f"most {output.max_detections} a picture, none scored under {output.score_floor:g}. Overlaps: {thinned}.",
        f"- Scores: {'calibrated on val' if contract.calibration else 'as the model gives them, not calibrated'}.",
        f"- Score thresholds: {_thresholds(contract.score_thresholds)}.",
    ]
    for condition, values in contract.condition_thresholds.items():
        told = "; ".join(f"{plain(value)}: {_thresholds(of)}" for value, of in values.items())
        lines.append(f"- Where {code(condition)} is known, thresholds differ: {told}.")
    return [*lines, _training(checkpoint)]


def _training(checkpoint: Checkpoint | None) -> str:
    if checkpoint is None:
        return f"- Training: {_NOT_RECORDED}."
    history = checkpoint.history
    parts = {
        "parameters": history.parameters, "pictures": history.pictures, "steps": history.steps,
        "seconds": history.seconds, "best mAP on val": history.best_val_map,
    }  # fmt: skip
    return f"- Training: {', '.join(f'{name} {_or_not(value)}' for name, value in parts.items())}."


def _intended_use(verdict: Verdict | None) -> list[str]:
    if verdict is None or not verdict.spec:
        return [f"{_NOT_RECORDED.capitalize()}: a verdict keeps the promise it was held against; none is given."]
    spec = verdict.spec
    lines = [f"- {code(c['name'])}{_meaning(c)}" for c in spec.get("classes", [])]
    for condition in spec.get("conditions", []):
        values = _listed([str(b) for b in condition["bins"]]) if condition["bins"] else "every value that occurs"
        kind = "edges of what is measured" if condition["source"] == "measured" else "values"
        lines.append(f"- Condition {code(condition['name'])}, {kind}: {values}.")
    for name, chosen in spec.get("failure_modes", {}).items():
        lines.append(f"- {plain(name.replace('_', ' ').capitalize())}: {plain(chosen)}.")
    return [*lines, "- Beyond these classes and conditions nothing was promised, and nothing is known."]


def _meaning(clause: Mapping[str, Any]) -> str:
    parts = [
        f"{word} {_listed(clause[key])}"
        for key, word in (("includes", "counts"), ("excludes", "does not count"))
        if clause.get(key)
    ]
    return f": {'; '.join(parts)}." if parts else ""


def _sheet(dataset: Dataset) -> list[str]:
    """The data sheet that travels with the dataset, one line a source."""
    sheet = sheet_of(dataset.provenance)
    if sheet is None:
        return ["- Data sheet: none; sources, consent, licence and retention are not recorded."]
    lines = ["- Data sheet:"]
    for source in sheet.sources:
        said = (("origin", source.origin), ("licence", source.licence), ("consent", source.consent),
                ("keep until", source.retention_until), ("contact", source.contact))  # fmt: skip
        lines.append(
            f"  - {plain(source.name)}: "
            + "; ".join(f"{key} {plain(str(value or _NOT_RECORDED))}" for key, value in said)
        )
    return lines


def _data(dataset: Dataset | None, split: Split | None) -> list[str]:
    if dataset is None:
        return [f"Dataset: {_NOT_RECORDED}."]
    counts = Counter(dataset.annotations.class_id.tolist())
    classes = ", ".join(f"{plain(name)} {counts[i]:,}" for i, name in enumerate(dataset.class_names))
    provenance = dataset.provenance
    lines = [
        f"- Dataset {code(dataset.name)}, version {code(dataset.digest)}.",
        f"- {len(dataset):,} pictures, {sum(counts.values()):,} annotations: {classes}.",
        f"- Read from: {plain(provenance.get('format', _NOT_RECORDED))}; records refused: "
        f"{len(provenance.get('refused') or ())}; pictures corrected by reviewers: "
        f"{number(provenance.get('corrected_pictures', 0))}.",
        *_sheet(dataset),
    ]
    if split is None:
        return [*lines, f"- Split: {_NOT_RECORDED}."]
    summary = split.summary
    by = _listed(summary.group_by) or "picture"
    rows = [
        (plain(side), number(summary.images.get(side)), number(summary.groups.get(side)),
         number(sum(summary.objects.get(side, {}).values())))
        for side in split.sides
    ]  # fmt: skip
    lines += [f"- Split {code(split.digest)} by {by}; a group is whole on one side.", ""]
    return lines + table(("Side", "Pictures", "Groups", "Annotations"), rows)


def _figures(report: Report | None) -> list[str]:
    if report is None:
        return [f"{NOT_MEASURED.capitalize()}: no report is given."]
    support = report.support
    rows = [(plain(words), *_figure(report.observed.get(key), report.metrics.get(key))) for key, words in _COCO.items()]
    lines = [
        f"On the test side: {number(support.images)} pictures, {number(support.objects)} objects, "
        f"{number(support.groups)} groups. Intervals resample groups.", "",
    ]  # fmt: skip
    return lines + table(("Figure", "Value", "Interval", "Support"), rows)


def _classes(report: Report | None) -> list[str]:
    if report is None:
        return [f"{NOT_MEASURED.capitalize()}."]
    metrics = ("ap50", "precision", "recall")
    rows = [
        (plain(name), number(report.per_class[name].objects),
         *(_with_span(report.observed.get(figure_key(metric, name))) for metric in metrics))
        for name in report.class_names
    ]  # fmt: skip
    return table(("Class", "Objects", "AP50", "Precision", "Recall"), rows)


def _slices(report: Report | None) -> list[str]:
    if report is None or not report.slices:
        return [
            f"{NOT_MEASURED.capitalize()}: {'no report is given' if report is None else 'the spec lists no condition'}."
        ]
    rows = [
        (code(f"{of.condition}={of.value}"), number(of.images), number(of.objects),
         *(_with_span(found) for found in (of.ap50, of.precision, of.recall)))
        for of in report.slices
    ]  # fmt: skip
    return table(("Slice", "Pictures", "Objects", "AP50", "Precision", "Recall"), rows)


def _sets(sets: Mapping[str, Report], verdict: Verdict | None) -> list[str]:
    if not sets:
        return [f"{NOT_MEASURED.capitalize()}: no report on a set is at hand."]
    metrics = ("ap50", "precision", "recall")
    rows = [
        (code(name), number(report.support.images), number(report.support.objects),
         *(_with_span(report.observed.get(metric)) for metric in metrics))
        for name, report in sorted(sets.items())
    ]  # fmt: skip
    looks = [f"- {plain(told)}" for told in verdict.looks_told] if verdict else []
    return [
        *table(("Set", "Pictures", "Objects", "AP50", "Precision", "Recall"), rows),
        *([""] if looks else []),
        *looks,
    ]


def _weaknesses(report: Report | None, verdict: Verdict | None) -> list[str]:
    if report is None:
        return [f"{NOT_MEASURED.capitalize()}."]
    lines = [f"- {told}" for told in _worst_slices(report)]
    reasons = Counter(zip(*(report.failures.column(n).to_pylist() for n in ("kind", "reason")), strict=True)) if (
        len(report.failures)
    ) else Counter()  # fmt: skip
    lines += [
        f"- {count:,} times {plain(kind)}: {plain(reason)}." for (kind, reason), count in reasons.most_common(_WORST)
    ]
    if not reasons:
        lines.append("- No miss and no false alarm is on record.")
    for check in verdict.checks if verdict else ():
        if check.status != "met":
            lines.append(
                f"- {check.status.capitalize()}: {code(check.requirement)}{f', {plain(check.note)}' * bool(check.note)}."
            )
    return lines


def _worst_slices(report: Report) -> list[str]:
    """The slices with the least recall, and those that could not be measured."""
    found = sorted((of for of in report.slices if of.recall.value is not None), key=lambda of: of.recall.value or 0.0)
    told = [
        f"Recall {_with_span(of.recall)} on {code(f'{of.condition}={of.value}')} ({number(of.objects)} objects)."
        for of in found[:_WORST]
    ]
    blank = [code(f"{of.condition}={of.value}") for of in report.slices if of.recall.value is None]
    return told + ([f"Nothing to measure on {', '.join(blank)}."] if blank else [])


def _verdict(verdict: Verdict | None) -> list[str]:
    if verdict is None:
        return ["Not judged: no verdict is given."]
    return [f"**{verdict.verdict}**, by the spec {code(verdict.spec_name)}.", "", *checks_table(verdict.checks)]


def _digests(origins: Origins) -> dict[str, str]:
    parts = (origins.verdict, origins.report, origins.dataset, origins.split, origins.checkpoint)
    named = {part.kind: part.digest for part in parts if part is not None}
    more = origins.verdict.digests if origins.verdict else {}
    sets = {f"report[{name}]": report.digest for name, report in sorted(origins.sets.items())}
    return {"bundle": origins.bundle.digest, **more, **sets, **named, **_sources(origins.bundle.made_from)}


def _sources(made_from: Mapping[str, str]) -> dict[str, str]:
    names = {"bundle": "bundle before its thresholds"}  # a candidate is made from an export and an operating point
    return {names.get(role, role): digest for role, digest in made_from.items()}


def _figure(observed: Observed | None, value: float | None) -> tuple[str, str, str]:
    """Value, interval and support; the plain value where there is no interval for it, in words where there is none."""
    if observed and observed.value is not None:
        return number(observed.value), span(observed.low, observed.high), number(observed.support)
    return (number(value) if value is not None and value >= 0 else NOT_MEASURED), span(None, None), number(None)


def _with_span(found: Observed | None) -> str:
    if found is None or found.value is None:
        return NOT_MEASURED
    inside = f" [{span(found.low, found.high)}]" if found.low is not None else " (no interval)"
    return plain(f"{number(found.value)}{inside}")


def _thresholds(thresholds: Mapping[str, float] | None) -> str:
    if not thresholds:
        return "not chosen; every detection above the floor is answered"
    return ", ".join(f"{plain(name)} {value:.3f}" for name, value in thresholds.items())


def _listed(words: Sequence[str]) -> str:
    return ", ".join(plain(word) for word in words)


def _or_not(value: float | None) -> str:
    return NOT_MEASURED if value is None else number(value)
