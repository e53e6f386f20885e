"""Numbers and times as a page writes them.

An undefined figure is an en dash: None, not a number, and for shares and counts anything below 0 (the artifacts say -1
where a figure is undefined). Decimals are fixed within a column so that figures stand under each other.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

DASH = "–"


def defined(value: float | None) -> bool:
    """Whether a share or a count says anything: finite and not negative."""
    return value is not None and math.isfinite(value) and value >= 0


def share(value: float | None) -> str:
    """AP, precision, recall and the like with three decimals."""
    return f"{value:.3f}" if value is not None and defined(value) else DASH


def count(value: float | None) -> str:
    """A whole number with thousands separated."""
    return f"{round(value):,}" if value is not None and defined(value) else DASH


def amount(value: float | None) -> str:
    """Any quantity in its own unit; may be negative. None, nan and infinities are undefined."""
    if value is None or not math.isfinite(value):
        return DASH
    size = abs(value)
    if size and (size < 1e-3 or size >= 1e7):
        return _signed(f"{value:.1e}")
    decimals = 3 if size < 10 else 2 if size < 100 else 1
    return _signed(f"{value:,.{decimals}f}")


def signed(value: float | None) -> str:
    """A difference of shares with its sign and three decimals; 0.000 bears none."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:+.3f}"
    return text[1:] if float(text) == 0 else _signed(text)


def points(value: float | None) -> str:
    """Points of AP50, of 100, with one decimal."""
    return _signed(f"{value:.1f}") if value is not None and math.isfinite(value) else DASH


def percent(value: float | None) -> str:
    """A share such as a confidence as per cent, without needless decimals and never broken from its sign."""
    return f"{100 * value:.3g}\u00a0%" if value is not None and defined(value) else DASH


def roughly(value: float | None) -> str:
    """A count that is an estimate: two figures, thousands separated, millions and billions in words."""
    if value is None or not defined(value):
        return DASH
    kept = float(f"{value:.2g}")
    for name, size in (("billion", 1e9), ("million", 1e6)):
        if kept >= size:
            return f"{kept / size:g} {name}"
    return f"{kept:,.0f}"


def limit(value: float | None) -> str:
    """A limit as any quantity; the artifacts say a negative one where there is none."""
    return amount(value) if value is not None and value >= 0 else DASH


def judged(value: float | None) -> str:
    """A figure of an acceptance clause: a share with four decimals (0.8996 is not 0.9), or a time, size or count."""
    if value is None or not defined(value):
        return DASH
    return f"{value:.4f}" if 1e-4 <= value <= 1 or value == 0 else amount(value)


def milliseconds(value: float | None) -> str:
    """A time in milliseconds, with its unit."""
    return f"{amount(value)} ms" if value is not None and defined(value) else DASH


def moment(seconds: float | None) -> str:
    """Seconds since 1970 as a time in UTC, to the minute."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return DASH


def duration(seconds: float | None) -> str:
    """A span in the largest unit that keeps it at least 1."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if abs(seconds) >= length:
            return _signed(f"{seconds / length:.3g} {unit}")
    return _signed(f"{seconds:.3g} s")


def short_digest(digest: str) -> str:
    """The first twelve digits of a digest; the whole text when it is shorter."""
    return digest[:12] if digest else DASH


def _signed(text: str) -> str:
    return text.replace("-", "−", 1) if text.startswith("-") else text
