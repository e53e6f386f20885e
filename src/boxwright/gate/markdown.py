"""A verdict as Markdown, for a pull request or a release note; and the few forms that Markdown is made of here.

Names come from files that others wrote, so everything is escaped: no text can end a table's row, open a tag or a link.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from boxwright.artifacts import Check, Report, Verdict

DASH = "–"
NOT_MEASURED = "not measured"
_ICONS = {"met": "✓", "not met": "✕", "no evidence": "?"}
_ORDER = {"not met": 0, "no evidence": 1, "met": 2}
_MARKS = re.compile(r"([\\`*_\[\]|#~])")


def as_markdown(verdict: Verdict, report: Report | None = None) -> str:
    """The verdict as one Markdown document.

    Args:
        verdict: what to write.
        report: that was judged, for latency and hardware; without it they are not mentioned.
    """
    tally = {status: sum(check.status == status for check in verdict.checks) for status in _ORDER}
    about = f"About bundle {code(verdict.bundle)} only." if verdict.bundle else "About predictions from elsewhere."
    lines = [
        f"# {verdict.verdict.upper()}: {plain(verdict.spec_name)}",
        "",
        f"{len(verdict.checks)} requirements: {tally['met']} met, {tally['not met']} not met, "
        f"{tally['no evidence']} without evidence. {about}",
        "",
        "## Requirements",
        "",
        *checks_table(sorted(verdict.checks, key=lambda check: _ORDER[check.status])),
    ]
    if verdict.looks:
        lines += ["", "## Looks at golden sets", "", *(f"- {plain(told)}" for told in verdict.looks_told)]
    if report is not None:
        lines += ["", "## Measured", "", *measured_table(report.measured)]
    lines += ["", "## What this verdict rests on", "", *digest_table(verdict.digests | {"verdict": verdict.digest})]
    return "\n".join(lines) + "\n"


def checks_table(checks: Iterable[Check]) -> list[str]:
    """Every check with figure, interval, support and note."""
    head = ("Status", "Requirement", "Required", "Observed", "Interval", "Support", "Note")
    return table(
        head,
        [
            (
                f"{_ICONS[check.status]} {check.status}", code(check.requirement), number(check.required),
                number(check.observed), span(check.low, check.high), number(check.support), plain(check.note),
            )
            for check in checks
        ],
    )  # fmt: skip


def measured_table(measured: Mapping[str, Any]) -> list[str]:
    """Latency with its hardware, memory and parity; what is missing says that it was not measured."""
    parts = (
        ("latency p50", "latency_p50_ms", "ms"), ("latency p95", "latency_p95_ms", "ms"),
        ("latency p99", "latency_p99_ms", "ms"), ("hardware", "hardware", ""), ("CPU threads", "threads", ""),
        ("peak memory", "memory_mb", "MB"), ("parity: least IoU of boxes with the checkpoint's", "parity_iou", ""),
        ("parity: largest score difference to the checkpoint's", "parity_score", ""),
    )  # fmt: skip
    return table(("What", "Measured"), [(name, _quantity(measured.get(key), unit)) for name, key, unit in parts])


def digest_table(digests: Mapping[str, str]) -> list[str]:
    """Role and full digest."""
    return table(("Artifact", "Digest"), [(code(role), code(digest)) for role, digest in digests.items()])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table; cells are Markdown already."""
    return [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]


def plain(text: str) -> str:
    """Text that says what it says, on one line."""
    return _MARKS.sub(r"\\\1", html.escape(" ".join(str(text).split()), quote=False))


def code(text: str) -> str:
    """Text as code, on one line, also inside a table."""
    text = " ".join(str(text).split()).replace("|", "\\|")
    if not text:
        return DASH
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if "`" in (text[0], text[-1]) else ""
    return f"{fence}{space}{text}{space}{fence}"


def number(value: float | None) -> str:
    """A figure: a share with four decimals, a count as it is; a dash for what is undefined."""
    if value is None or not math.isfinite(value):
        return DASH
    if isinstance(value, int) or (abs(value) > 1 and value == round(value)):
        return f"{value:,.0f}"
    if 0 < abs(value) < 1e-4:
        return f"{value:.1e}"
    return f"{value:.4f}" if abs(value) <= 1 else f"{value:,.2f}"


def span(low: float | None, high: float | None) -> str:
    """An interval; a dash when there is none."""
    return DASH if low is None or high is None else f"{number(low)} to {number(high)}"


def _quantity(value: Any, unit: str) -> str:
    if value is None:
        return NOT_MEASURED
    said = number(value) if isinstance(value, int | float) else plain(value)
    return f"{said} {unit}".rstrip()


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
