"""Which images belong together: what metadata and file names suggest, held against the pixels.

A value of metadata or a part of the name that several images share may be a photo cut into tiles, a clip, a board. Pixels
decide: of the pairs of images that are near-duplicates or share a part, nearly all must lie in one suggested group, and that
must not be so by chance. Such a group becomes `split.group_by`; the others are told with the reason. Pairs that no group
explains are tied by `split.near_duplicates` and `split.overlaps`, where what is tied leaves enough groups to deal; otherwise the
split reports them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from boxwright.lifecycle.proposal.survey import Progress, Survey
from boxwright.spec.metadata import MetadataClause
from boxwright.splitting import fingerprints, guesses, near_pairs, overlaps
from boxwright.splitting.confirmed import AGREEMENT, LEAST_PAIRS, MOST_CHANCE, agreeing, chance_of, confirmed_by

LEAST_GROUPS = 3  # one for each of train, val, test
MOST_SHARE = 0.75  # of the images in one group: it trains, and the others choose and judge
MOST_LOOKED = 5000  # images whose pixels are compared
_NAMES = {
    "copies made by Roboflow": "original",
    "the name without its last number": "sequence",
    "the name without its last two numbers": "series",
    "the beginning of the name": "name_start",
    "the folder": "folder",
}
Pairs = list[tuple[int, int]]
Ties = Literal["off", "report", "together"]


@dataclass(frozen=True)
class Candidate:
    """Groups that metadata or names suggest.

    Attributes:
        name: of the condition.
        about: where it comes from, for people.
        groups: (n,) group of each image; None where it has none.
        clause: reads it off the name; None for metadata.
    """

    name: str
    about: str
    groups: Sequence[str | None]
    clause: MetadataClause | None = None


@dataclass
class Together:
    """What must stay together.

    Attributes:
        group: the candidate taken for `split.group_by`, or None.
        why: its reason.
        near, overlap: pairs that no group explains.
        near_duplicates, overlaps: what the spec says of them.
        pairs: found in the pixels.
        looked: images whose pixels were compared.
        remarks: what was not taken, and why.
        of_image: (n,) number of each image's group after all ties.
    """

    group: Candidate | None = None
    why: str = ""
    near: int = 0
    overlap: int = 0
    near_duplicates: Ties = "off"
    overlaps: Ties = "off"
    pairs: Pairs = field(default_factory=list)
    looked: int = 0
    remarks: list[str] = field(default_factory=list)
    of_image: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


def keep_together(found: Survey, *, progress: Progress = lambda *_: None) -> Together:
    """The group that pixels confirm, and ties for the pairs it does not explain."""
    made = Together(looked=min(len(found.read), MOST_LOOKED))
    near, shared = _pairs(found, made.looked, progress)
    made.pairs = sorted({*near, *shared})
    confirmed: list[Candidate] = []
    for one in candidates(found):
        reason = _refusal(one, made.pairs, found)
        if reason:
            made.remarks.append(
                f"'{one.name}' ({one.about}, {len(_sizes(one))} groups) is not taken as a group: {reason}; where it is known to "
                f"be one (a board, a clip, a site): split.group_by: [{one.name}]{_with_clause(one)}"
            )
        else:
            confirmed.append(one)
    if confirmed:
        made.group = max(confirmed, key=lambda one: len(_sizes(one)))
        agree = agreeing(made.group.groups, made.pairs)
        made.why = (
            f"{made.group.about}: {len(_sizes(made.group))} groups; {agree} of {len(made.pairs)} pairs of images that look "
            f"alike or share a part lie in one group"
        )
        made.remarks += [
            f"'{one.name}' ({one.about}, {len(_sizes(one))} groups) is confirmed too and is coarser; group by it where whole "
            f"groups of it may look alike" for one in confirmed if len(_sizes(one)) < len(_sizes(made.group))
        ]  # fmt: skip
    _tie(made, found, near, shared)
    if len(found.read) > made.looked:
        made.remarks.append(f"pixels of {made.looked} of {len(found.read)} images were compared")
    return made


def candidates(found: Survey) -> list[Candidate]:
    """Metadata keys and patterns of names that put several images into one group."""
    n, kept = len(found), []
    for key in _keys(found.conditions):
        values = [_text(c.get(key)) for c in found.conditions]
        several = [v for v, size in Counter(v for v in values if v).items() if size > 1]
        if len(several) >= 2 and all(values):
            kept.append(Candidate(key, "metadata", values))
    taken = {one.name for one in kept} | set(_keys(found.conditions))
    for guess in guesses(found.file_names) if n else []:
        name = _NAMES.get(guess.about, "name_part")
        while name in taken:
            name += "_of_name"
        taken.add(name)
        clause = MetadataClause(name=name, source="file_name", pattern=guess.pattern)
        kept.append(Candidate(name, guess.about, [clause.of_name(f) for f in found.file_names], clause))
    return kept


def _pairs(found: Survey, looked: int, progress: Progress) -> tuple[Pairs, Pairs]:
    """Near-duplicates, and images that share a part, among the first in order of their names."""
    order = sorted(range(len(found.read)), key=lambda k: found.file_names[k])[:looked]
    read = [found.read[k] for k in order]
    if len(read) < 2:
        return [], []
    prints = fingerprints(read, progress=lambda done: progress("compare", done, len(read)))
    near = near_pairs(prints, read)
    shared = overlaps(read, progress=lambda done: progress("compare parts", done, len(read)))

    def of(a: NDArray, b: NDArray) -> Pairs:
        return [tuple(sorted((order[i], order[j]))) for i, j in zip(a.tolist(), b.tolist(), strict=True)]  # type: ignore[misc]

    return of(near.a, near.b), of(shared.a, shared.b)


def _refusal(one: Candidate, pairs: Pairs, found: Survey) -> str:
    """Why a candidate is not taken; empty where pixels confirm it."""
    sizes, n = _sizes(one), len(found)
    agree = agreeing(one.groups, pairs)
    if found.stored and one.clause is not None:
        return "the dataset is stored without it; ingest the files again with this spec to have it"
    if len(pairs) < LEAST_PAIRS:
        return f"{len(pairs)} pairs of images look alike or share a part; {LEAST_PAIRS} are needed to confirm it"
    if agree < AGREEMENT * len(pairs):
        return f"{agree} of {len(pairs)} pairs of images that look alike or share a part lie in one group"
    if len(sizes) < LEAST_GROUPS:
        return f"{len(sizes)} groups cannot be dealt to train, val and test"
    if max(sizes.values()) > MOST_SHARE * n:
        return f"one group has {max(sizes.values())} of {n} images, too many to deal"
    if not confirmed_by(one.groups, pairs):
        return f"two images lie in one group with chance {chance_of(one.groups):.2f} (at most {MOST_CHANCE})"
    return ""


def _tie(made: Together, found: Survey, near: Pairs, shared: Pairs) -> None:
    """Ties for pairs that the group does not explain, where what is tied can still be dealt."""
    n = len(found)
    groups = made.group.groups if made.group else list(range(n))
    joined = _Joined(groups)

    def unexplained(pairs: Pairs) -> Pairs:
        return [(a, b) for a, b in pairs if groups[a] != groups[b]]

    loose_near, loose_shared = unexplained(near), unexplained([p for p in shared if p not in set(near)])
    made.near, made.overlap = len(loose_near), len(loose_shared)
    for pairs, key, what in ((loose_near, "near_duplicates", "near-duplicates"), (loose_shared, "overlaps", "pairs that share a part")):  # fmt: skip
        if not pairs:
            continue
        trial = joined.with_ties(pairs)
        if len(trial.sizes) >= LEAST_GROUPS and max(trial.sizes.values()) <= MOST_SHARE * n:
            joined = trial
            setattr(made, key, "together")
        else:
            setattr(made, key, "report")
            made.remarks.append(
                f"{key} are only reported although there are {len(pairs)} {what}: tied, they would leave "
                f"{_counted(len(trial.sizes), 'group')}, the largest with {max(trial.sizes.values())} of {n} images, which cannot be "
                f"dealt to three sides. Figures on val and test will flatter; group by what was recorded (clip, photo, site) "
                f"with `ingest --conditions`, or add data"
            )
    made.of_image = joined.of_image


class _Joined:
    """Images in groups, some of which are tied."""

    def __init__(self, groups: Sequence[Any]) -> None:
        numbers: dict[Any, int] = {}
        self.of_image = np.array([numbers.setdefault(g, len(numbers)) for g in groups], np.int64)

    @property
    def sizes(self) -> Counter[int]:
        return Counter(self.of_image.tolist())

    def with_ties(self, pairs: Pairs) -> _Joined:
        """The groups with those of each pair joined."""
        parent = list(range(int(self.of_image.max(initial=-1)) + 1))

        def root(k: int) -> int:
            while parent[k] != k:
                parent[k] = parent[parent[k]]
                k = parent[k]
            return k

        for a, b in pairs:
            parent[root(int(self.of_image[b]))] = root(int(self.of_image[a]))
        return _Joined([root(g) for g in self.of_image.tolist()])


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _with_clause(one: Candidate) -> str:
    """What else the spec needs to group by a part of the name."""
    return f", with metadata [{{name: {one.name}, pattern: '{one.clause.pattern}'}}]" if one.clause else ""


def _sizes(one: Candidate) -> Counter[str]:
    return Counter(g for g in one.groups if g is not None)


def _keys(conditions: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted({key for one in conditions for key in one})


def _text(value: Any) -> str | None:
    return None if value is None or value == "" or isinstance(value, dict | list) else str(value)
