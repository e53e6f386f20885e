"""Where suspects gather: kinds, classes and conditions that hold more of them than their share.

A group is a kind and a class (for a wrong class also the class proposed), alone or within one value of a condition. Were
errors spread evenly, a class would hold as many of a kind as its share of the labels, and a value of a condition as many
of a class's as its share of that class. The chance of so many or more is the upper tail of a binomial; Benjamini and
Hochberg (JRSS B 57, 1995) at a rate of 0.1 over all groups looked at. What is called systematic has a cause worth finding:
a guideline that is read in two ways, a tool, a person, a site.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts.suspects import SuspectGroup
from boxwright.statistics import benjamini_hochberg, binomial_upper_tail

RATE = 0.1
LEAST = 5  # suspects in a group that is looked at
_MOST_VALUES = 60


@dataclass(frozen=True)
class Tally:
    """What is counted: surely enough suspected boxes, and the labels they came from.

    Attributes:
        kind: (n,) name of the kind of each suspect.
        class_id: (n,) as labelled, or of the missing object.
        proposed: (n,) class proposed where the kind is `class`, else -1.
        image: (n,) picture.
        label_class, label_image: (m,) of all labels.
    """

    kind: NDArray
    class_id: NDArray
    proposed: NDArray
    image: NDArray
    label_class: NDArray
    label_image: NDArray


def groups(tally: Tally, class_names: Sequence[str], conditions: Mapping[str, Sequence[str]]) -> list[SuspectGroup]:
    """The groups, systematic ones first, then the larger.

    Args:
        tally: what is counted.
        class_names: by class_id.
        conditions: name to the value of each picture; those of one value, or of very many, say nothing.
    """
    axes = {name: np.asarray(values, dtype=object).astype(str) for name, values in conditions.items()}
    axes = {name: values for name, values in axes.items() if 1 < len(np.unique(values)) <= _MOST_VALUES}
    records = []
    class_share = np.bincount(tally.label_class, minlength=len(class_names)) / max(len(tally.label_class), 1)
    for kind in dict.fromkeys(tally.kind.tolist()):
        of_kind = tally.kind == kind
        pairs, counts = np.unique(
            np.stack([tally.class_id[of_kind], tally.proposed[of_kind]]), axis=1, return_counts=True
        )
        for (c, k), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
            if count < LEAST:
                continue
            share = float(class_share[c]) * (_share_among_others(class_share, c, k) if k >= 0 else 1.0)
            mine = of_kind & (tally.class_id == c) & (tally.proposed == k)
            labels = tally.label_class == c
            whose = _Whose(kind, class_names[int(c)], class_names[int(k)] if k >= 0 else None)
            records.append(_group(whose, count, int(of_kind.sum()), share, int(labels.sum())))
            for name, values in axes.items():
                for value in np.unique(values[tally.image[mine]]):
                    inside = int((values[tally.image[mine]] == value).sum())
                    held = int((values[tally.label_image[labels]] == value).sum())
                    if inside >= LEAST and held:
                        part = held / max(int(labels.sum()), 1)
                        there = replace(whose, condition=name, value=str(value))
                        records.append(_group(there, inside, count, part, held))
    kept = benjamini_hochberg(np.array([r.p for r in records]), rate=RATE)
    judged = [replace(r, systematic=bool(k), sentence=_sentence(r)) for r, k in zip(records, kept, strict=True)]
    return sorted(judged, key=lambda r: (not r.systematic, -(r.suspects - r.expected), -r.suspects))


def _share_among_others(class_share: NDArray, c: int, k: int) -> float:
    """Share of class k among the classes other than c, half even and half by how frequent they are."""
    others = max(len(class_share) - 1, 1)
    rest = 1 - class_share[c]
    return float(0.5 / others + 0.5 * (class_share[k] / rest if rest > 0 else 1 / others))


@dataclass(frozen=True)
class _Whose:
    """What a group is of, and where; see SuspectGroup."""

    kind: str
    class_name: str
    proposed_class_name: str | None
    condition: str | None = None
    value: str | None = None


def _group(whose: _Whose, count: int, of: int, share: float, labels: int) -> SuspectGroup:
    """A group of `count` suspects of the `of` that there are, where its share of them was to be expected."""
    return SuspectGroup(
        kind=whose.kind,
        class_name=whose.class_name,
        proposed_class_name=whose.proposed_class_name,
        condition=whose.condition,
        value=whose.value,
        suspects=count,
        labels=labels,
        expected=round(of * share, 2),
        p=binomial_upper_tail(count, of, share),
    )


def _sentence(group: SuspectGroup) -> str:
    what = {
        "missing": f"{group.class_name} left out",
        "spurious": f"{group.class_name} on nothing",
        "class": f"{group.proposed_class_name} labelled as {group.class_name}",
        "location": f"{group.class_name} in a wrong place",
    }[group.kind]
    where = f" where {group.condition} is {group.value}" if group.condition else ""
    share = group.suspects / max(group.labels, 1)
    of = f"{share:.1%} as many as" if group.kind == "missing" else f"{share:.1%} of"
    return (
        f"{what}{where}: {group.suspects} suspects, {of} the {group.labels} labels of "
        f"{group.class_name} there, {group.expected:.1f} expected"
    )
