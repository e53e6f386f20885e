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

RULES = ("exact", "spelling", "case", "path end", "ending")
SUBSET_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test", "dev": "val"}
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


def subset_of_folder(folder: str) -> str:
    """The subset that a folder is named after, such as val for `Valid` or `val2017`; empty for other folders."""
    return SUBSET_FOLDERS.get(folder.lower().rstrip("0123456789"), "")


def spelled_alike(name: str) -> str:
    """The name with slashes, dots, a leading drive or slash and composed accents made alike."""
    name = name.replace("\\", "/")
    parts = [part for part in _DRIVE.sub("", name).split("/") if part not in ("", ".")]
    return unicodedata.normalize("NFC", "/".join(parts))


def drive_of(name: str) -> str:
    """The drive that a path of Windows begins with, such as `C:`; empty where there is none."""
    found = _DRIVE.match(name)
    return found[0] if found else ""


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
    by_last: dict[str, list[int]] = {}
    for k, parts in enumerate(parts_of_known):
        if parts:
            by_last.setdefault(parts[-1], []).append(k)
    claims: dict[int, list[int]] = {}
    taken = set(index[index >= 0].tolist())
    shared = {tuple(parts_of_known[k][:-1]) for k in taken}  # folders that both sides spell alike
    for i in left:
        parts = _parts(names[i], without_ending)
        lengths = {k: _common_end(parts, parts_of_known[k]) for k in by_last.get(parts[-1] if parts else "", [])}
        longest = max(lengths.values(), default=0)
        best = [k for k, length in lengths.items() if length == longest > 0]
        if not drive_of(names[i]):  # of another machine: the folder before the name is nobody's neighbour
            best = [k for k in best if not _of_another_folder(parts, parts_of_known[k], shared)]
        if len(best) == 1 and best[0] not in taken:
            claims.setdefault(best[0], []).append(i)
        elif best:
            ambiguous.add(i)
    for k, claimants in claims.items():
        if len({spelled_alike(names[i]) for i in claimants}) == 1:
            for i in claimants:
                index[i], rule[i] = k, name_rule
        else:
            ambiguous.update(claimants)


def _of_another_folder(parts: list[str], known: list[str], shared: set[tuple[str, ...]]) -> bool:
    """Whether the known name lies in a folder that other names have too, and this name in another one beside it."""
    return len(parts) == len(known) and parts[:-1] != known[:-1] and tuple(known[:-1]) in shared


def _parts(name: str, without_ending: bool) -> list[str]:
    parts = [part for part in _without_case(name).split("/") if part != ".."]
    if without_ending and parts:
        parts[-1] = PurePosixPath(parts[-1]).stem
    return parts


def _common_end(a: list[str], b: list[str]) -> int:
    """How many last parts agree; 0 where what stands before them names two different subsets."""
    length = 0
    while length < min(len(a), len(b)) and a[-1 - length] == b[-1 - length]:
        length += 1
    subsets = [{s for p in parts[: len(parts) - length] if (s := subset_of_folder(p))} for parts in (a, b)]
    return 0 if subsets[0] and subsets[1] and not subsets[0] & subsets[1] else length
