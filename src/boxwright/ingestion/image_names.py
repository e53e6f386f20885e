"""Images below a folder, by the names that annotation files give them.

A name is first taken as relative to the annotation file's own folder, to `images/` or `JPEGImages/` beside it, and to the
folders above; a declared subset (CVAT) is a folder on the way. What is left is matched by the end of its path, in the
narrowest folder that contains the annotation file first. Only `match_names` decides: a name that fits two images, or an
image that another name has, is matched with none. How names were matched is told once per rule.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from boxwright.images import match_names
from boxwright.images.names import from_elsewhere, spelled_alike
from boxwright.ingestion.finding import PICTURE_ENDINGS, pictures_below
from boxwright.ingestion.reading import Reading

_USUAL = ("", "images", "JPEGImages")  # where images lie beside an annotation file
_ANY = ".any"  # stands for the ending of a name that has none
_TOLD = {
    "spelling": "after slashes and Unicode composition were made alike",
    "case": "with upper and lower case ignored",
    "path end": "by the end of the path alone",
}


@dataclass(frozen=True)
class Wanted:
    """An image as an annotation file names it.

    Attributes:
        names: the most trusted first; a name without an image's ending stands for every ending.
        near: the annotation file.
        subset: that the file declares for it, or empty; an image below another declared subset is never taken.
        folders: names of folders it may lie in, such as the task's.
    """

    names: tuple[str, ...]
    near: Path
    subset: str = ""
    folders: tuple[str, ...] = ()


def folder_of(file: Path, root: Path) -> tuple[str, ...]:
    """The folder of an annotation file, which its image's may be called after (`Annotations/cam1` and `JPEGImages/cam1`)."""
    return (file.parent.name,) if file.parent != root else ()


class Finder:
    """The images below a folder, to be matched with names."""

    def __init__(self, folder: Path, files: Iterable[Path]) -> None:
        self.folder = folder
        self.pictures = pictures_below(files)
        self._known = [path.relative_to(folder).as_posix() for path in self.pictures]
        self._below: dict[str, list[int]] = {"": []}
        for k, name in enumerate(self._known):
            for above in _ancestors(posixpath.dirname(name)):
                self._below.setdefault(above, []).append(k)
        self._folders = {spelled_alike(name) for name in {posixpath.dirname(name) for name in self._known}}

    def meet(self, reading: Reading, wanted: Sequence[Wanted]) -> list[Path | None]:
        """The image of each; None where there is none, or more than one could be meant. Told by rule, with counts."""
        search = _Search(self, wanted)
        for turn in range(max((len(w.names) for w in wanted), default=0)):
            search.turn(turn)
        search.tell(reading)
        return [self.pictures[k] if k >= 0 else None for k in search.found]

    def missing(self, one: Wanted) -> Path:
        """Where an image that was not found should be: beside its annotation file, and nothing is there."""
        name = posixpath.join(one.subset, spelled_alike(one.names[0]).replace("../", "") or "unnamed")
        base = one.near.parent if one.near.is_relative_to(self.folder) else self.folder
        for place in (base / name, base / "missing" / name):
            if not place.exists():
                return place
        return base / "missing" / one.near.name / name


class _Search:
    """One look for many names: `found[i]` is the position of an image, or -1."""

    def __init__(self, finder: Finder, wanted: Sequence[Wanted]) -> None:
        self.known, self.below, self.folders = finder._known, finder._below, finder._folders
        self.folder, self.wanted = finder.folder, wanted
        self.found, self.rule = [-1] * len(wanted), [""] * len(wanted)
        self.said = [""] * len(wanted)  # the name by which each was found, or last looked for
        self.owned = bytearray(len(self.known))
        self.ambiguous: set[int] = set()
        self.subsets = {w.subset.casefold() for w in wanted if w.subset}
        bases = {place: _bases(finder.folder, place) for place in {w.near.parent for w in wanted}}
        self.bases = [bases[w.near.parent] for w in wanted]
        self.places: dict[tuple[Path, str, tuple[str, ...], str], list[str]] = {}

    def turn(self, turn: int) -> None:
        """Look for what is left by the names of one rank; what names of a higher rank have is not taken."""
        left = [i for i, w in enumerate(self.wanted) if self.found[i] < 0 and turn < len(w.names)]
        if not left or not self.known:
            return
        taken = {k for k in self.found if k >= 0}
        for i in left:
            self.said[i] = self.wanted[i].names[turn]
        plain = {i: _plain(self.said[i]) for i in left}
        places = {i: self._places(i, plain[i]) for i in left}
        for rank in range(max(map(len, places.values()))):
            asked = [i for i in left if self.found[i] < 0 and rank < len(places[i])]
            names = [posixpath.join(places[i][rank], posixpath.basename(plain[i])) for i in asked]
            self._match(asked, names, range(len(self.known)), taken, how="place")
        at_level: dict[str, list[int]] = {}
        for i in left:
            for level in self.bases[i] if self.found[i] < 0 else ():
                at_level.setdefault(level, []).append(i)
        levels = sorted(at_level, key=lambda level: -level.count("/") - bool(level))
        for how in ("subset", "folders", "whole", "any"):
            for level in levels if at_level else ():
                self._match_below(level, at_level[level], plain, taken, how)
        self._part(left, turn)

    def _part(self, left: list[int], turn: int) -> None:
        """Take an image back from names that mean different images: of two subsets, or alike only in a later name."""
        claims: dict[int, set[tuple[str, str]]] = {}
        for i in left:
            one = self.wanted[i]
            mine = (one.subset.casefold(), spelled_alike(one.names[0]) if turn else "")
            claims.setdefault(self.found[i], set()).add(mine)
        for i in left:
            if self.found[i] >= 0 and len(claims[self.found[i]]) > 1:
                self.found[i], self.rule[i] = -1, ""
                self.ambiguous.add(i)

    def _places(self, i: int, plain: str) -> list[str]:
        """Folders that the name may lie in, as far as they exist, the likeliest first."""
        one, folder, bases = self.wanted[i], posixpath.dirname(plain), self.bases[i]
        key = (one.near.parent, one.subset, one.folders, folder)
        if key not in self.places:
            options = [(base, usual, one.subset) for base in bases for usual in _USUAL if one.subset]
            options.append((bases[0], "", ""))
            options += [(base, usual, hint) for base in bases for usual in _USUAL for hint in one.folders]
            options += [(base, usual, "") for base in bases for usual in _USUAL]
            listed = [posixpath.normpath(posixpath.join(*option, folder)) for option in options]
            listed = ["" if place == "." else place for place in listed]
            self.places[key] = [place for place in dict.fromkeys(listed) if spelled_alike(place) in self.folders]
        return self.places[key]

    def _match_below(self, level: str, asked: list[int], plain: dict[int, str], taken: set[int], how: str) -> None:
        """Match by the end of the path, among the images below one folder; with a declared or probable folder before it."""
        known = self.below.get(level, [])
        asked = [i for i in asked if self.found[i] < 0] if known else []
        heads = {i: (self.wanted[i].subset,) if how == "subset" else self.wanted[i].folders for i in asked}
        if how in ("whole", "any"):
            names = [plain[i] for i in asked]
            self._match(asked, names, known, taken, how=how)
            return
        for rank in range(max(map(len, heads.values()), default=0)):
            some = [i for i in asked if self.found[i] < 0 and rank < len(heads[i]) and heads[i][rank]]
            self._match(some, [f"{heads[i][rank]}/{plain[i]}" for i in some], known, taken, how=how)

    def _match(self, asked: list[int], names: list[str], known: Sequence[int], taken: set[int], *, how: str) -> None:
        """Match some names with some images, and keep what `how` allows.

        `place`: the whole path agrees; `subset`, `folders` and `whole`: the whole name is the end of the path; `any`: a part.
        """
        if not asked:
            return
        paths = [self.known[k] for k in known]
        settled = [self.known[k] for k in known if self.owned[k]]
        names = [f"/{name}" if from_elsewhere(self.said[i]) else name for i, name in zip(asked, names, strict=True)]
        rows = {name: row for row, name in enumerate(dict.fromkeys(names))}  # many files may say the same
        met = match_names([*rows, *settled], paths, other_endings=True)
        ambiguous = set(met.ambiguous) if how == "any" else set()
        for i, name in zip(asked, names, strict=True):
            row = rows[name]
            self.ambiguous.update([i] if row in ambiguous else [])
            k = known[met.index[row]] if met.index[row] >= 0 else -1
            if k < 0 or k in taken or self._contradicts(i, k):
                self.ambiguous.update([i] if k >= 0 else [])
                continue
            whole, rest = _whole(name, self.known[k])
            if (how == "any" and (whole or met.rule[row] != "ending")) or (whole and (how != "place" or not rest)):
                self.found[i], self.owned[k] = k, True
                self.rule[i] = _difference(self.said[i], self.known[k], placed=how == "place")

    def _contradicts(self, i: int, k: int) -> bool:
        """Whether an image lies below the folder of another subset than the declared one."""
        own = self.wanted[i].subset.casefold()
        folders = {part.casefold() for part in self.known[k].split("/")[:-1]} & self.subsets
        return bool(own and folders and own not in folders)

    def tell(self, reading: Reading) -> None:
        """One problem per rule, and one for names that fit more than one image."""
        files = {w.near for w in self.wanted}
        where = next(iter(files)).name if len(files) == 1 else self.folder.name
        for rule, words in _TOLD.items():
            if rows := [i for i, r in enumerate(self.rule) if r == rule]:
                one = rows[0]
                message = (
                    f"{_names(len(rows))} matched {words}, "
                    f"such as '{self.said[one]:.100}' with '{self.known[self.found[one]]}'"
                )
                reading.problem("names-matched", "warning", where, message)
        if rows := sorted(i for i in self.ambiguous if self.found[i] < 0):
            message = (
                f"{_names(len(rows))} matched with no image, because several images, or one that another name has, "
                f"could be meant, such as '{self.said[rows[0]]:.100}'. Give the folder that the names are "
                f"relative to with --pictures, or put the missing images there"
            )
            reading.problem("ambiguous-name", "error", where, message)


def _names(count: int) -> str:
    return "1 image name was" if count == 1 else f"{count} image names were"


def _ancestors(folder: str) -> Iterator[str]:
    """The folder and those above it, down to the empty name of the root."""
    folder = "" if folder == "." else folder
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def _bases(root: Path, place: Path) -> list[str]:
    """The folder of an annotation file and those above it, relative to the images' root; the root alone where it lies elsewhere."""
    return list(_ancestors(place.relative_to(root).as_posix())) if place.is_relative_to(root) else [""]


def _plain(said: str) -> str:
    """A name as a relative path with an ending."""
    name = spelled_alike(said)
    return name if _has_ending(name) else name + _ANY


def _has_ending(name: str) -> bool:
    return posixpath.splitext(name)[1].lower() in PICTURE_ENDINGS


def _parts(name: str) -> list[str]:
    """Parts of a path, without case."""
    return [part for part in spelled_alike(name).casefold().split("/") if part not in ("", "..")]


def _whole(name: str, known: str) -> tuple[bool, int]:
    """Whether all of a name is the end of a known one, and how many parts of the known one stand before it."""
    if name == known:
        return True, 0
    mine, theirs = _parts(name), _parts(known)
    if name.endswith(_ANY):
        mine[-1], theirs[-1] = mine[-1].removesuffix(_ANY), posixpath.splitext(theirs[-1])[0]
    return mine == theirs[-len(mine) :], len(theirs) - len(mine)


def _difference(said: str, known: str, *, placed: bool) -> str:
    """What had to be ignored for a name to be a known one: a key of _TOLD, or empty."""
    if not said.startswith(".") and known.endswith(said):
        return ""
    theirs = known.split("/")
    if not _has_ending(spelled_alike(said)):
        theirs[-1] = posixpath.splitext(theirs[-1])[0]
    plain = [part for part in said.split("/") if part not in ("", ".", "..")]
    alike = [part for part in spelled_alike(said).split("/") if part != ".."]
    leads_out = ".." in spelled_alike(said).split("/") and not placed
    if not leads_out and plain and plain == theirs[-len(plain) :]:
        return ""
    folded = [part.casefold() for part in alike]
    theirs = spelled_alike("/".join(theirs)).split("/")
    if not leads_out and alike == theirs[-len(alike) :]:
        return "spelling"
    return "case" if not leads_out and folded == [p.casefold() for p in theirs[-len(folded) :]] else "path end"
