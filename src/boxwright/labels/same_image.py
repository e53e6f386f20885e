"""Which image of one list is which of another: by content where both sides have it, then by name.

Content decides first: an image under another name is still that image. What is left is paired by name, strictest rule first
(`boxwright.images.match_names`). An id is never asked: ids belong to the file they stand in.

Of two people's files `v1/f1.png` and `v2/f1.png` are two images, although the last part agrees: two videos, sites or cameras
have the same frame names. So the end of a path pairs only where what stands before it says nothing on one side: nothing at all,
or folders that every tool makes (`images`, `data`, `upload/7`). `loose` trusts the end of the path whatever stands before.
Likewise `a.jpg` and `a.png` are two images, and `a` is `a.png`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from boxwright.images import match_names
from boxwright.images.folders import folders_agree
from boxwright.images.names import RULES as NAME_RULES
from boxwright.images.names import spelled_alike
from boxwright.store import pair_rows

RULES = ("content", *NAME_RULES)
IN_WORDS = {
    "content": "content",
    "exact": "file name",
    "spelling": "file name in another spelling",
    "case": "file name but for case",
    "path end": "end of the path",
    "ending": "file name without its ending",
}
_KEPT = 3  # examples of names that were not paired


@dataclass(frozen=True)
class SameImages:
    """Pairs of rows that are the same image; every row is in at most one.

    Attributes:
        before, after: (k,) rows, side by side, in the order of `after`.
        rule: (k,) index into RULES.
        unclear: how many names of `after` agree in their end with a name of `before` and were not paired with it.
        examples: some of these, as (name before, name after).
    """

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    rule: NDArray[np.int8]
    unclear: int = 0
    examples: tuple[tuple[str, str], ...] = ()

    def told(self) -> dict[str, int]:
        """Rule to how many pairs it made, `content` and `exact` included."""
        counts = np.bincount(self.rule, minlength=len(RULES))
        return {name: int(count) for name, count in zip(RULES, counts, strict=True) if count}


def paired_in_words(told: dict[str, int]) -> str:
    """How images were paired, for people: `4 by file name, 1 by end of the path`."""
    return ", ".join(f"{count:,} by {IN_WORDS[rule]}" for rule, count in told.items()) or "none"


def same_images(
    names_before: pa.ChunkedArray,
    digests_before: pa.ChunkedArray,
    names_after: pa.ChunkedArray,
    digests_after: pa.ChunkedArray,
    *,
    loose: bool = False,
) -> SameImages:
    """Pairs of the two lists.

    Args:
        names_before, names_after: file names; one that occurs twice on a side is paired in the order of the lists.
        digests_before, digests_after: of the content, empty where it is not known; a content that a side has twice is told
            apart by name.
        loose: pair by the end of the path whatever stands before it.
    """
    n, m = len(names_before), len(names_after)
    if n == m and names_before.equals(names_after) and digests_before.equals(digests_after):
        rule = np.where(_known(digests_before), 0, 1).astype(np.int8)
        return SameImages(np.arange(n), np.arange(n), rule)
    digests, names = _codes(digests_before, digests_after), _codes(names_before, names_after)
    known = np.concatenate([_known(digests_before), _known(digests_after)])
    partner, rule = np.full(m, -1, np.int64), np.full(m, -1, np.int8)
    of_content = _numbered(np.where(_twice(digests, n), names + 1, 0) + digests * (n + m + 1), n)
    for number, codes, asked in ((0, of_content, known), (1, _numbered(names, n), np.ones(n + m, np.bool_))):
        _pair(partner, codes, n, asked)
        rule[(partner >= 0) & (rule < 0)] = number
    unclear, examples = _by_spelling(names_before, names_after, partner, rule, loose=loose)
    rows = np.flatnonzero(partner >= 0)
    return SameImages(partner[rows], rows, rule[rows], unclear, examples)


def _by_spelling(
    names_before: pa.ChunkedArray, names_after: pa.ChunkedArray, partner: NDArray, rule: NDArray, *, loose: bool
) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Pair what is left by `match_names`; how many agree in their end and stay alone, and some of them."""
    left = np.flatnonzero(partner < 0)
    taken = set(partner[partner >= 0].tolist())
    if not len(left) or len(taken) == len(names_before):
        return 0, ()
    last = _last_parts(names_before), _last_parts(names_after.take(pa.array(left)))
    at = np.flatnonzero(pc.is_in(last[0], value_set=last[1].combine_chunks()).to_numpy())  # pyright: ignore
    known = names_before.take(pa.array(at, pa.int64())).to_pylist()  # no other name can match what is left
    mine = names_after.take(pa.array(left)).to_pylist()
    found = match_names(mine, known, other_endings=True)
    not_paired: list[tuple[str, str]] = []
    for i, k in enumerate(found.index.tolist()):
        if k < 0 or int(at[k]) in taken:
            continue
        how = found.rule[i]
        if how == "ending" and not _without_ending(mine[i], known[k]):
            continue
        if how in ("path end", "ending") and not (loose or folders_agree(mine[i], known[k])):
            not_paired.append((known[k], mine[i]))
            continue
        taken.add(int(at[k]))
        partner[left[i]], rule[left[i]] = at[k], RULES.index(how)
    alone = {PurePosixPath(spelled_alike(name)).name: name for k, name in enumerate(known) if int(at[k]) not in taken}
    for i in found.ambiguous:
        last = PurePosixPath(spelled_alike(mine[i])).name
        if last in alone:
            not_paired.append((alone[last], mine[i]))
    return len(not_paired), tuple(not_paired[:_KEPT])


def _last_parts(names: pa.ChunkedArray) -> pa.ChunkedArray:
    """What stands behind the last slash, without its ending, case and composition left aside."""
    last = pc.replace_substring_regex(names, pattern=r"^(.*[/\\])?(.+?)(\.[^./\\]*)?$", replacement=r"\2")  # pyright: ignore
    return pc.utf8_lower(pc.utf8_normalize(last, form="NFC"))  # pyright: ignore


def _without_ending(name: str, other: str) -> bool:
    """Whether one of the two has no ending at all."""
    return not (PurePosixPath(name).suffix and PurePosixPath(other).suffix)


def _pair(partner: NDArray, codes: NDArray, n: int, asked: NDArray) -> None:
    """Pair what is still alone on both sides and has the same code."""
    free_before = np.setdiff1d(np.flatnonzero(asked[:n]), partner)
    free_after = np.flatnonzero((partner < 0) & asked[n:])
    found = pair_rows(codes[:n][free_before], codes[n:][free_after])
    partner[free_after[found >= 0]] = free_before[found[found >= 0]]


def _codes(before: pa.ChunkedArray, after: pa.ChunkedArray) -> NDArray[np.int64]:
    """(n + m,) one number per text, over both sides."""
    texts = pa.chunked_array([*before.chunks, *after.chunks], pa.string())
    if not len(texts):
        return np.zeros(0, np.int64)
    return pa.concat_arrays(texts.chunks).dictionary_encode().indices.to_numpy().astype(np.int64)


def _known(digests: pa.ChunkedArray) -> NDArray[np.bool_]:
    return pc.not_equal(digests, "").to_numpy().astype(np.bool_)  # pyright: ignore


def _twice(codes: NDArray, n: int) -> NDArray[np.bool_]:
    """(n + m,) whether a side holds the code more than once."""
    most = int(codes.max(initial=0)) + 1
    several = (np.bincount(codes[:n], minlength=most) > 1) | (np.bincount(codes[n:], minlength=most) > 1)
    return several[codes]


def _numbered(codes: NDArray, n: int) -> NDArray[np.int64]:
    """The codes with the k-th row of a side that holds the same one told apart from its first."""
    codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    found = codes * (len(codes) + 1)
    for side in (slice(None, n), slice(n, None)):
        order = np.argsort(codes[side], kind="stable")
        ordered = codes[side][order]
        first = np.searchsorted(ordered, ordered, "left")
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order)) - first
        found[side] += rank
    return found
