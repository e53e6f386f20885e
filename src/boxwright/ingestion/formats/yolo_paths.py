"""Paths that a YOLO dataset gives, met with what lies below the folder: first as they stand, then as another machine spells them.

An absolute path of another machine is met by its end, but only where one of the two paths is the end of the other:
`/home/u/set/images/1.png` is `images/1.png`, and `pictures/4.png` is not `images/4.png`. Nothing outside the folder is ever looked at.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from boxwright.images import match_names

_LONGEST = 1000


@dataclass(frozen=True)
class Met:
    """What some paths mean.

    Attributes:
        index: position of what each means, or -1.
        rule: the rule of `match_names` that said so; empty where the path stands as it is, or means nothing.
        ambiguous: positions of paths that several could be.
    """

    index: list[int]
    rule: list[str]
    ambiguous: set[int]


def meet(paths: Sequence[str], known: Sequence[str], *, bases: Sequence[str], other_endings: bool = False) -> Met:
    """What each path means.

    Args:
        paths: as written.
        known: paths relative to the folder, with slashes.
        bases: folders, relative to the folder, that a path may be relative to, in the order in which they are tried.
        other_endings: whether `a.jpg` may be `a.png`.
    """
    place = {name: i for i, name in enumerate(known)}
    index = [_as_it_stands(path, place, bases) for path in paths]
    left = [i for i, found in enumerate(index) if found < 0 and _plausible(paths[i])]
    rule, ambiguous = [""] * len(paths), set()
    if left and known:
        matches = match_names([paths[i] for i in left], known, other_endings=other_endings)
        ambiguous = {left[k] for k in matches.ambiguous}
        for i, found, by in zip(left, matches.index.tolist(), matches.rule, strict=True):
            if found >= 0 and one_ends_with_the_other(paths[i], str(known[found]), without_ending=by == "ending"):
                index[i], rule[i] = found, by
    return Met(index, rule, ambiguous)


def one_ends_with_the_other(a: str, b: str, *, without_ending: bool = False) -> bool:
    """Whether the shorter path is the end of the longer one, case aside."""
    one, other = _parts(a, without_ending), _parts(b, without_ending)
    length = min(len(one), len(other))
    return length > 0 and one[-length:] == other[-length:]


def _parts(path: str, without_ending: bool) -> list[str]:
    plain = PurePosixPath(unicodedata.normalize("NFC", path.replace("\\", "/")))
    plain = plain.with_suffix("") if without_ending and plain.name else plain
    return [part.casefold() for part in plain.parts if part not in ("/", ".", "..") and not part.endswith(":")]


def _as_it_stands(path: str, place: dict[str, int], bases: Sequence[str]) -> int:
    if not _plausible(path):
        return -1
    plain = path.replace("\\", "/")
    for base in bases:
        found = place.get(os.path.normpath(os.path.join(base, plain)), -1)
        if found >= 0:
            return found
    up = plain
    while up.startswith("../"):  # Roboflow writes ../train/images for what lies beside its data.yaml
        up = up.removeprefix("../")
    return place.get(os.path.normpath(up), -1) if up != plain else -1


def _plausible(path: str) -> bool:
    return "\0" not in path and 0 < len(path) <= _LONGEST


def relative(path: Path, folder: Path) -> str:
    """The path below the folder, with slashes; `.` for the folder itself."""
    return path.relative_to(folder).as_posix()
