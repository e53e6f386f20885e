"""The page of a split's audit: how many leaks of each kind between which sides, and the pairs side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from boxwright.pages.page import render
from boxwright.pages.views import Box, view, whole

_ABOUT = {
    "exact": ("The same bytes", "One file on two sides: the model is asked what it was told."),
    "near": ("Near-duplicates", "The same picture saved again, resized, a little brighter or cut; bits are of 64."),
    "overlap": ("Shared parts", "Two pictures hold one part of the scene, framed, at another place: tiles of a photo, frames of a clip."),
    "group": ("One group on two sides", "By a table or by the file name, both belong to one photo, clip or board."),
    "time": ("One moment on two sides", "Taken within the window of time."),
}  # fmt: skip
_SHARP_PX = 300
_MOST_SUGGESTED = 6


@dataclass(frozen=True)
class Pair:
    """A leak as the page shows it: two drawings, and whether pixels were at hand for both."""

    leak: Mapping[str, Any]
    drawing_a: Markup
    drawing_b: Markup
    has_pictures: bool


@dataclass(frozen=True)
class Kind:
    """Leaks of one kind: how many, and the first of them, spread over the pairs of sides."""

    kind: str
    title: str
    about: str
    count: int
    pairs: list[Pair]


def leaks_page(
    audit: Mapping[str, Any], *, read_picture: Callable[[str], NDArray[np.uint8] | None], most: int = 24
) -> str:
    """The page of an audit.

    Args:
        audit: the document that `boxwright split audit --json` prints.
        read_picture: file name to RGB uint8, or None when the picture is not at hand.
        most: pairs pictured of each kind.
    """
    found = [kind for name in _ABOUT if (kind := _kind(audit["leaks"], name, read_picture, most)).count]
    return render(
        "leaks.html",
        audit=audit,
        kinds=found,
        looked=[name for name in _ABOUT if name in audit["looked_for"]],
        headline=headline(audit),
        suggestions=audit["suggestions"][:_MOST_SUGGESTED],
        effect=audit.get("effect"),
    )


def headline(audit: Mapping[str, Any]) -> str:
    """What a reader should know first."""
    if not audit["leaks"]:
        return f"No leak found; looked for: {', '.join(audit['looked_for'])}."
    touched = [
        f"{kinds['any']} of {audit['pictures'][side]} pictures of {side}"
        for side, kinds in audit["leaky"].items()
        if kinds
    ]
    return f"This split leaks: {' and '.join(touched)} are tied to pictures of an earlier side."


def _kind(
    leaks: Sequence[Mapping[str, Any]], name: str, read_picture: Callable[[str], NDArray[np.uint8] | None], most: int
) -> Kind:
    of_kind = [leak for leak in leaks if leak["kind"] == name]
    title, about = _ABOUT[name]
    return Kind(name, title, about, len(of_kind), [_pair(leak, read_picture) for leak in _spread(of_kind, most)])


def _spread(leaks: Sequence[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """Some of the leaks: turns are taken by pair of sides, and no picture is shown twice while others wait."""
    by_sides: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    seen: set[str] = set()
    again = []
    for leak in leaks:
        fresh = leak["a"] not in seen and leak["b"] not in seen
        seen.update((leak["a"], leak["b"]))
        (by_sides.setdefault((leak["side_a"], leak["side_b"]), []) if fresh else again).append(leak)
    chosen: list[Mapping[str, Any]] = []
    longest = max((len(some) for some in by_sides.values()), default=0)
    for k in range(longest):
        chosen += [some[k] for some in by_sides.values() if k < len(some)]
    return [*chosen, *again][:most]


def _pair(leak: Mapping[str, Any], read_picture: Callable[[str], NDArray[np.uint8] | None]) -> Pair:
    a, b = read_picture(leak["a"]), read_picture(leak["b"])
    in_a: list[Box] = []
    in_b: list[Box] = []
    if leak.get("shift_xy") and a is not None and b is not None:
        x, y = leak["shift_xy"]
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(a.shape[1], x + b.shape[1]), min(a.shape[0], y + b.shape[0])
        in_a = [Box("annotation", (left, top, right, bottom), "shared part")]
        in_b = [Box("annotation", (left - x, top - y, right - x, bottom - y), "shared part")]
    return Pair(leak, _drawn(a, in_a, leak["a"]), _drawn(b, in_b, leak["b"]), a is not None and b is not None)


def _drawn(picture: NDArray[np.uint8] | None, boxes: list[Box], name: str) -> Markup:
    size_hw = None if picture is None else (int(picture.shape[0]), int(picture.shape[1]))
    return view(picture, whole(size_hw, np.zeros((0, 4))), boxes, label=name, sharp_px=_SHARP_PX)
