"""The page of a verdict: pass or fail, and for every requirement how near it was."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from boxwright.artifacts import Check, Report, Verdict
from boxwright.artifacts.verdict import MANY_LOOKS
from boxwright.errors import InputError
from boxwright.pages.intervals import required_bar
from boxwright.pages.page import render
from boxwright.spec import parse_requirement

_ORDER = {"not met": 0, "no evidence": 1, "met": 2}
_ICONS = {"met": "✓", "not met": "✕", "no evidence": "?"}


@dataclass(frozen=True)
class Judged:
    """A check as the page shows it.

    Attributes:
        check: the verdict's.
        bar: figure, interval and required mark; empty when there is nothing to draw.
        icon: beside the status, so that colour does not stand alone.
        support: what the figure rests on, where the report says; else None.
    """

    check: Check
    bar: Markup
    icon: str
    support: int | None


@dataclass(frozen=True)
class Looks:
    """How often a golden set was looked at.

    Attributes:
        name: of the set.
        bundles: digests, oldest first.
        many: whether that is too often.
        told: the same as a sentence.
    """

    name: str
    bundles: tuple[str, ...]
    many: bool
    told: str


def verdict_page(verdict: Verdict, *, report: Report | None = None) -> str:
    """The page of a verdict.

    Args:
        verdict: what to show.
        report: the report that was judged, for what the figures rest on.
    """
    rows = [
        Judged(
            check,
            required_bar(check.requirement, check.required, check.observed, (check.low, check.high)),
            _ICONS[check.status],
            check.support if verdict.spec else _support(check.requirement, report),
        )
        for check in sorted(verdict.checks, key=lambda check: _ORDER[check.status])
    ]
    tally = {status: sum(check.status == status for check in verdict.checks) for status in _ORDER}
    return render(
        "verdict.html",
        verdict=verdict,
        report=report,
        rows=rows,
        tally=tally,
        icons=_ICONS,
        steps=_next_steps(verdict),
        looks=[
            Looks(name, bundles, len(bundles) > MANY_LOOKS, told)
            for (name, bundles), told in zip(sorted(verdict.looks.items()), verdict.looks_told, strict=True)
        ],
    )


def _support(clause: str, report: Report | None) -> int | None:
    """What a figure of the report rests on, for verdicts of earlier versions, which did not keep it; None if unknown."""
    if report is None:
        return None
    try:
        requirement = parse_requirement(clause)
        key = clause if requirement.on_set else requirement.figure
    except InputError:
        key = clause
    found = report.observed.get(key)
    return found.support if found else None


def _next_steps(verdict: Verdict) -> list[str]:
    """What to do now, from the statuses and notes alone."""
    if verdict.verdict == "pass":
        about = f"bundle {verdict.bundle[:12]}" if verdict.bundle else "these predictions"
        holds_for = f"Every requirement is met. The verdict holds for {about} and for nothing else"
        return [
            f"{holds_for}: another export of the same checkpoint needs its own.",
            f"Promote it with: boxwright promote {verdict.digest[:12]} (boxwright turn has already done so). The way back: "
            "boxwright rollback."
            if verdict.bundle
            else "Name a bundle to be able to promote.",
        ]
    steps = ["Do not promote: at least one requirement is not met or lacks evidence."]
    failed = [check for check in verdict.checks if check.status == "not met"]
    lacking = [check for check in verdict.checks if check.status == "no evidence"]
    if failed:
        named = "; ".join(check.requirement for check in failed[:5]) + (" …" if len(failed) > 5 else "")
        steps.append(
            f"Not met ({named}): look at the failures of that class or slice in the report, mend data or method."
        )
    steps += [f"No evidence for {check.requirement}: {check.note or 'add test data for it'}." for check in lacking[:8]]
    if len(lacking) > 8:
        steps.append(f"And {len(lacking) - 8} more without evidence, in the table.")
    return steps
