"""Which image a name means, when two tools spell its path differently.

Annotation tools write the same image as `images/a.png`, `images\\a.png`, `C:\\line\\images\\a.png`, `../media/upload/7/a.png` or with
an accent in two code points. Names are matched by five rules, from strict to loose; a rule is tried only for names that the stricter
ones left over, and a loose rule never decides between two candidates:

1. `exact`: the same text.
2. `spelling`: the same path after slashes, `.`, a leading `/` or drive, and Unicode composition are made alike.
3. `case`: the same path but for upper and lower case, where no other path on either side is.
4. `path end`: the last parts agree and what stands before them is foreign. One image takes one name; `val/1.png` is never
   `train/1.png`, and `cam2/6.png` is not `cam1/6.png` where other names have `cam1` in its place.
5. `ending`: as before, but for the file's ending (`a.jpg` for `a.png`); only where asked for.

Matching never goes by an id: ids belong to the file they stand in.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from boxwright.images.path_ends import PathEnds

RULES = ("exact", "spelling", "case", "path end", "ending")
_DRIVE = re.compile(r"^[A-Za-z]:")


@dataclass(frozen=True)
class NameMatches:
    """What each name means.

    Attributes:
        index: (n,) int64 position among the known names, or -1.
        rule: (n,) one of RULES, or empty where there is no match.
        ambiguous: positions of the names that several images, or names, could claim; their index is -1.
    """

    index: NDArray[np.int64]
    rule: list[str]
    ambiguous: list[int]

    def told(self) -> dict[str, int]:
        """Rule to how many names it matched, `exact` left out: what a user should be told."""
        counts = Counter(rule for rule in self.rule if rule not in ("", "exact"))
        return {rule: counts[rule] for rule in RULES if counts[rule]}


def match_names(names: Sequence[str], known: Sequence[str], *, other_endings: bool = False) -> NameMatches:
    """For each name the known name of the same image.

    Args:
        names: (n,) as one file spells them.
        known: (m,) as the other file, or the folder, spells them.
        other_endings: also match `a.jpg` with `a.png` where nothing else has that stem.

    Returns:
        by `path end` and `ending`, no known name is given twice.
    """
    index = np.full(len(names), -1, np.int64)
    rule = [""] * len(names)
    for name_rule, key in (("exact", str), ("spelling", spelled_alike), ("case", _without_case)):
        left = np.flatnonzero(index < 0).tolist()
        if not left:
            break
        places = _unique_places(map(key, known))
        mine = _unique_places(map(key, names)) if name_rule == "case" else {}
        taken = set(index[index >= 0].tolist()) if name_rule == "case" else set()
        for i in left:
            k = places.get(key(names[i]), -1)
            if k >= 0 and k not in taken and (name_rule != "case" or key(names[i]) in mine):
                index[i], rule[i] = k, name_rule
    ambiguous: set[int] = set()
    for name_rule in RULES[3:] if other_endings else RULES[3:4]:
        _match_by_end(names, known, index, rule, ambiguous, name_rule=name_rule)
    return NameMatches(index, rule, sorted(i for i in ambiguous if index[i] < 0))


def spelled_alike(name: str) -> str:
    """The name with slashes, dots, a leading drive or slash and composed accents made alike."""
    name = name.replace("\\", "/")
    parts = [part for part in _DRIVE.sub("", name).split("/") if part not in ("", ".")]
    return unicodedata.normalize("NFC", "/".join(parts))


def _without_case(name: str) -> str:
    return spelled_alike(name).casefold()


def _unique_places(keys: Iterable[Hashable]) -> dict[Hashable, int]:
    """Key to position, for keys that occur once."""
    found: dict[Hashable, int] = {}
    for i, key in enumerate(keys):
        found[key] = i if key not in found else -1
    return {key: i for key, i in found.items() if i >= 0}


def _match_by_end(
    names: Sequence[str], known: Sequence[str], index: NDArray, rule: list[str], ambiguous: set[int], *, name_rule: str
) -> None:
    """Match what is left by the last parts of the path; nothing is taken twice."""
    left = np.flatnonzero(index < 0).tolist()
    if not left:
        return
    without_ending = name_rule == "ending"
    parts_of_known = [_parts(name, without_ending) for name in known]
    parts_of_names = {i: parts for i in left if (parts := _parts(names[i], without_ending))}
    asked = {parts[-1] for parts in parts_of_names.values()}
    claims: dict[int, list[int]] = {}
    taken = set(index[index >= 0].tolist())
    shared = {tuple(parts_of_known[k][:-1]) for k in taken}  # folders that both sides spell alike
    ends = PathEnds(((k, parts) for k, parts in enumerate(parts_of_known) if parts and parts[-1] in asked), shared)
    for i, parts in parts_of_names.items():
        count, k = ends.met(parts, from_elsewhere=from_elsewhere(names[i]))
        if count == 1 and k not in taken:
            claims.setdefault(k, []).append(i)
        elif count:
            ambiguous.add(i)
    for k, claimants in claims.items():
        if len({spelled_alike(names[i]) for i in claimants}) == 1:
            for i in claimants:
                index[i], rule[i] = k, name_rule
        else:
            ambiguous.update(claimants)


def from_elsewhere(name: str) -> bool:
    """Whether a name says itself that it is a path of another place: absolute, with a drive or an address, or leading out."""
    name = name.replace("\\", "/")
    return name.startswith("/") or bool(_DRIVE.match(name)) or "://" in name or ".." in name.split("/")


def _parts(name: str, without_ending: bool) -> list[str]:
    parts = [part for part in _without_case(name).split("/") if part != ".."]
    if without_ending and parts:
        parts[-1] = PurePosixPath(parts[-1]).stem
    return parts
