"""Findings as sentences, each with the figures it rests on and the line of the guideline it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from boxwright.artifacts.agreement import AgreementFinding
from boxwright.labels.agreement.contrast import Contrast

if TYPE_CHECKING:
    from boxwright.labels.agreement.differences import Side

_ASKS = {
    "size": "say from which size on an object is drawn (least_size_px)",
    "border": "say what is done with objects the border cuts off (labels.truncated)",
    "truncated": "say what is done with truncated objects (labels.truncated)",
    "occluded": "say how much of an object must be visible (least_visible)",
    "overlap": "say how overlapping objects are drawn and how much must be visible (least_visible, labels.box)",
    "class": "say what counts as this class and what does not (includes, excludes)",
    "neighbour": "say what is done with objects next to or on this class (includes, excludes, least_visible)",
    "difficult": "say when an object is difficult and what is done then (labels.difficult)",
}


def rule_gap(
    axis: str, value: str, found: Contrast, effect: float, side: Side | None, who: Sequence[str], limit: float | None
) -> AgreementFinding:
    """A cell in which people differ more than elsewhere: a missing rule where they take sides, else hard objects."""
    where = _where(axis, value)
    text = (
        f"Whether {where} are drawn: people differ on {100 * found.rate:.1f} % of {found.support}, "
        f"against {100 * found.elsewhere:.1f} % elsewhere"
    )
    if side is None:
        text += "; no one takes a side in it. The objects are hard, or looked at too quickly: show examples."
    else:
        ask = _ASKS.get(axis, f"show examples of {axis} = {value} and say what is drawn")
        text += f"; {_sides(side, who)} in {100 * side.share:.0f} % of these {side.count} objects."
        text += f" The guideline lacks a rule: {ask}."
        if limit is not None:
            text += f" The two part at about {limit:.0f} px."
    return AgreementFinding(
        kind="hard" if side is None else "rule",
        axis=axis,
        value=value,
        sentence=text,
        support=found.support,
        measured={
            "rate": found.rate, "elsewhere": found.elsewhere, "log_odds": effect,
            "share": side.share if side else None, "limit_px": limit if side else None,
        },
    )  # fmt: skip


def person(side: Side, who: Sequence[str]) -> AgreementFinding:
    """Somebody draws more or less than the others everywhere."""
    return AgreementFinding(
        kind="person",
        axis="annotator",
        value=", ".join(who[r] for r in (side.lacks or side.draws)),
        sentence=(
            f"Wherever else people differ about drawing an object, {_sides(side, who)} in {100 * side.share:.0f} % of "
            f"{side.count} objects, of all kinds: a habit of a person rather than one missing rule."
        ),
        support=side.count,
        measured={"share": side.share},
    )


def _sides(side: Side, who: Sequence[str]) -> str:
    draws, lacks = (" and ".join(who[r] for r in part) for part in (side.draws, side.lacks))
    if draws and lacks:
        return f"{draws} draws and {lacks} does not"
    return f"{draws} alone draws" if draws else f"{lacks} alone does not draw"


def _where(axis: str, value: str) -> str:
    if axis == "class":
        return f"objects of class {value}"
    if axis == "size":
        return f"objects of {value}"
    if axis == "neighbour":
        return f"objects that overlap {value}"
    if axis in ("overlap", "border", "truncated", "occluded", "difficult"):
        return f"objects that are {value}" if not value.startswith("at ") else f"objects {value}"
    return f"objects where {axis} = {value}"
