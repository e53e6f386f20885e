"""Which images several annotators have in common, and how that is known.

Images are paired by content where the files are at hand on both sides, else by name (`labels/same_image.py`); never by an id,
which belongs to the file it stands in. Where the content is known on both sides and differs, an equal name does not make two
images one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from boxwright.errors import InputError
from boxwright.ingestion.content import contents_of
from boxwright.ingestion.reading import Reading
from boxwright.labels.same_image import IN_WORDS, RULES, paired_in_words, same_images

MATCH_BY = ("auto", "name", "path-end")
_SHOWN = 3


@dataclass
class InCommon:
    """How images of several sources were paired.

    Attributes:
        keys: per source, (n,) number of each image; equal numbers are the same image.
        told: rule to how many images it paired.
        other_content: names that two sources share although the content differs; not paired unless asked for.
        unclear: pairs of names that agree in their end only; not paired.
        unclear_count: how many such.
        twice: names that one source gives to two images, of unknown content; not paired.
        other_size: names of paired images whose sources give them different sizes.
        loose: whether the end of a path was trusted; what is unclear then fits several images.
    """

    keys: list[list[int]] = field(default_factory=list)
    told: dict[str, int] = field(default_factory=dict)
    other_content: list[str] = field(default_factory=list)
    unclear: list[tuple[str, str]] = field(default_factory=list)
    unclear_count: int = 0
    twice: set[str] = field(default_factory=set)
    other_size: list[str] = field(default_factory=list)
    loose: bool = False

    @property
    def in_words(self) -> str:
        """How images were paired, for people; the counts only where there are several rules."""
        if len(self.told) == 1:
            return IN_WORDS[next(iter(self.told))]
        return paired_in_words(self.told)

    @property
    def warnings(self) -> list[str]:
        """What was not paired although it looks alike, one sentence each."""
        found = []
        if self.other_content:
            found.append(
                f"{len(self.other_content):,} images have the same name but different content and were not paired "
                f"({_listed(self.other_content)}); if they are the same images, add --match-by name"
            )
        if self.twice:
            found.append(
                f"{len(self.twice):,} file names stand for two images of one source and were not paired ({_listed(sorted(self.twice))}); "
                f"give every image its own name"
            )
        if self.other_size:
            found.append(
                f"{len(self.other_size):,} image{'' if len(self.other_size) == 1 else 's'} of different sizes in two sources "
                f"({_listed(self.other_size)}): boxes drawn on another size of an image are compared as if on the same; export both in "
                f"the image's own size"
            )
        if self.unclear_count:
            found.append(unclear_in_words(self.unclear_count, self.unclear, loose=self.loose))
        return found


def unclear_in_words(count: int, pairs: Sequence[tuple[str, str]], *, loose: bool) -> str:
    """Names that agree in their end and were not paired; the way on, where there is one."""
    shown = "; ".join(f"'{a}' and '{b}'" for a, b in pairs[:_SHOWN])
    images = f"{count:,} image agrees" if count == 1 else f"{count:,} images agree"
    if loose:
        return f"{images} in the end of the path with several images and can be any of these, so none was paired ({shown}, ...)"
    return f"{images} only in the end of the path and {'was' if count == 1 else 'were'} not paired ({shown}); if they are the same images, add --match-by path-end"


def images_in_common(readings: Sequence[Reading], sources: Sequence[Path], *, match_by: str = "auto") -> InCommon:
    """The images of several readings, numbered.

    Args:
        readings: one for each source.
        sources: where they were read, for the complaint.
        match_by: `auto`; `name`: content is not asked; `path-end`: the end of the path is trusted whatever stands before it.

    Raises:
        InputError: no two sources have an image in common.
    """
    if match_by not in MATCH_BY:
        raise InputError(f"--match-by takes {', '.join(MATCH_BY)}; found '{match_by}'.")
    paths = [[record.path for record in reading.pictures] for reading in readings]
    contents = contents_of(paths) if match_by == "auto" else [[""] * len(listed) for listed in paths]
    found, counts = InCommon(loose=match_by == "path-end"), Counter[str]()
    names: list[str] = []
    sizes: list[tuple[int, int] | None] = []
    known: list[str] = []
    for reading, digests in zip(readings, contents, strict=True):
        mine = [record.file_name for record in reading.pictures]
        keys = _paired(found, counts, (names, known), (mine, digests), loose=match_by == "path-end")
        for i, key in enumerate(keys):
            if key < 0:
                keys[i] = len(names)
                names.append(mine[i])
                known.append(digests[i])
                sizes.append(reading.pictures[i].size_hw)
                continue
            known[key] = known[key] or digests[i]
            size = reading.pictures[i].size_hw
            if size and sizes[key] and size != sizes[key]:
                found.other_size.append(mine[i])
            sizes[key] = sizes[key] or size
        found.keys.append(keys)
    found.told = {rule: counts[rule] for rule in RULES if counts[rule]}
    if not found.told:
        raise InputError(_nothing_in_common(readings, sources, found))
    return found


def _paired(
    found: InCommon,
    counts: Counter[str],
    there: tuple[list[str], list[str]],
    mine: tuple[list[str], list[str]],
    *,
    loose: bool,
) -> list[int]:
    """Number of each of `mine` among what is there, -1 for a new one; both are (names, contents)."""
    columns = [pa.chunked_array([pa.array(texts, pa.string())]) for texts in (*there, *mine)]
    pairs = same_images(*columns, loose=loose)
    twice = [{name for name, count in Counter(names).items() if count > 1} for names in (there[0], mine[0])]
    keys = [-1] * len(mine[0])
    for a, b, rule in zip(pairs.before.tolist(), pairs.after.tolist(), pairs.rule.tolist(), strict=True):
        name, other = mine[0][b], there[0][a]
        by_content = RULES[rule] == "content"
        if there[1][a] and mine[1][b] and there[1][a] != mine[1][b]:
            found.other_content.append(name)
        elif not by_content and (other in twice[0] or name in twice[1]):
            found.twice.add(name)
        else:
            keys[b] = a
            counts[RULES[rule]] += 1
    found.unclear_count += pairs.unclear
    found.unclear += pairs.examples
    assert len(np.unique([key for key in keys if key >= 0])) == sum(key >= 0 for key in keys)
    return keys


def _nothing_in_common(readings: Sequence[Reading], sources: Sequence[Path], found: InCommon) -> str:
    shown = [_listed([record.file_name for record in reading.pictures]) or "no image" for reading in readings[:2]]
    text = (
        f"'{sources[0]}' and '{sources[1]}' have no image in common: the first lists {shown[0]}, the second {shown[1]}."
    )
    if found.warnings:
        return f"{text} {found.warnings[0][0].upper()}{found.warnings[0][1:]}."
    return f"{text} Images are matched by content and name, never by id; make the file names agree."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
