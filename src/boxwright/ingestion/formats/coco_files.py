"""Which of the COCO files in a folder are read: one annotation of every image, and no file merged with another of the same images.

COCO 2017 puts captions, keypoints, panoptic and stuff annotations beside the instances. What has no boxes is left aside; keypoints
and stuff are left aside where instances of the same images are there. A file without `annotations` lists images nobody has
labelled. Two files that annotate the same images (`original` and `fixed`) are never merged: the user is asked which one counts.
"""

from __future__ import annotations

import json
import mmap
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from boxwright.errors import FormatError
from boxwright.ingestion.finding import is_there, read_bytes
from boxwright.ingestion.formats.coco_annotations import CocoFile
from boxwright.ingestion.reading import Reading, SharedRecord
from boxwright.json_text import decoded

Kind = Literal["boxes", "keypoints", "stuff", "captions", "panoptic"]
_FIRST = re.compile(rb'"annotations"\s*:\s*\[\s*(?=\{)')
_RECORD = (1 << 16, 1 << 22)  # bytes in which the first annotation is looked for
_SAME = 0.5  # share of the smaller file's images; fewer are told image by image
_SHOWN = 5  # files named in a question
_WITHOUT_BOXES = {"captions": "captions", "panoptic": "panoptic segments"}


def kind_of(path: Path) -> Kind:
    """What the annotations of a file are, by its first one and its name."""
    record = _first_annotation(path)
    name = path.name.lower()
    if "bbox" not in record:
        if "caption" in record or (not record and name.startswith("captions_")):
            return "captions"
        if "segments_info" in record or (not record and name.startswith("panoptic_")):
            return "panoptic"
    if "keypoints" in record and "keypoint" in name:
        return "keypoints"
    return "stuff" if name.startswith("stuff_") else "boxes"


def _first_annotation(path: Path) -> dict[str, Any]:
    """The first annotation of a file without reading the file; empty where there is none."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            plain = json.detect_encoding(data[:4]) in ("utf-8", "utf-8-sig")  # pyright: ignore[reportAttributeAccessIssue]
            text: Any = data if plain else decoded(read_bytes(path), path).encode()
            found = _FIRST.search(text)
            for size in _RECORD if found else ():
                try:
                    start = found.end()  # pyright: ignore[reportOptionalMemberAccess]
                    part = text[start : start + size].decode(errors="replace")
                    return json.JSONDecoder().raw_decode(part)[0]
                except (ValueError, RecursionError):
                    continue
    except (OSError, ValueError, FormatError):
        pass  # whatever is wrong with the file is said when it is read
    return {}


def with_boxes(reading: Reading, files: Sequence[Path]) -> list[Path]:
    """The files that have boxes, or may have; the others are told. FormatError where none is left."""
    kinds = {path: kind_of(path) for path in files}
    found = []
    for path, kind in kinds.items():
        official = re.fullmatch(r"(person_keypoints|stuff)_(.+)", path.stem)
        instances = path.with_name(f"instances_{official[2]}{path.suffix}") if official else None
        if kind in _WITHOUT_BOXES:
            message = f"contains {_WITHOUT_BOXES[kind]}, not boxes; it was left aside"
        elif instances in kinds:
            message = f"annotates the images of '{instances.name}' once more; it was left aside"
        else:
            found.append(path)
            continue
        reading.problem("left-aside", "warning", path.name, message)
    if not found:
        listed = ", ".join(f"'{path.name}' ({_WITHOUT_BOXES[kind]})" for path, kind in kinds.items())
        raise FormatError(
            f"'{files[0].parent}': no COCO file with boxes was found, only {listed}. Give the file with the instances, whose "
            f"annotations have a bbox."
        )
    return found


@dataclass
class Part:
    """A file with the images it lists.

    Attributes:
        file: as read.
        listed: its images, by the code of their id.
        problems: what was found while it was read.
        looked_at: whether it says itself that somebody has looked at its images (`labelled: true`).
    """

    file: CocoFile
    listed: dict[int, SharedRecord]
    problems: Reading
    looked_at: bool

    @property
    def name(self) -> str:
        """Of the file."""
        return self.file.label

    @property
    def kind(self) -> Kind:
        """What its annotations are."""
        return kind_of(self.file.path)


def one_of_each_image(reading: Reading, parts: list[Part]) -> list[Part]:
    """The parts to be read, so that no image is annotated by two of them.

    Raises:
        FormatError: several files annotate the same images.
    """
    if len(parts) < 2:
        return parts
    _drop_from_lists(reading, parts)
    shared = _shared(parts)
    aside: dict[int, int] = {}
    asked: list[tuple[int, int]] = []
    for (a, b), count in shared.items():
        if count < _SAME * min(len(parts[a].listed), len(parts[b].listed)):
            continue
        kinds = parts[a].kind, parts[b].kind
        if "boxes" in kinds and kinds != ("boxes", "boxes"):
            extra, main = (a, b) if kinds[1] == "boxes" else (b, a)
            aside[extra] = main
        else:
            asked.append((a, b))
    asked = [pair for pair in asked if not aside.keys() & set(pair)]
    if asked:
        raise _which([parts[i].file.path for i in sorted({i for pair in asked for i in pair})], shared[asked[0]])
    kept = [part for i, part in enumerate(parts) if i not in aside]
    there = {record.path for part in kept for record in part.listed.values()}
    for extra, main in aside.items():
        lost = sum(record.path not in there for record in parts[extra].listed.values())
        reading.problem(
            "left-aside", "error" if lost else "warning", parts[extra].name,
            f"annotates images of '{parts[main].name}' once more; it was left aside"
            + (f", and with it {lost} images that no other file lists" if lost else ""),
        )  # fmt: skip
    return kept


def _drop_from_lists(reading: Reading, parts: list[Part]) -> None:
    """Take images out of files without annotations where another file annotates, or lists, them as well."""
    annotated = {r.path for part in parts if part.file.columns is not None for r in part.listed.values()}
    for part in parts:
        if part.file.columns is None:
            again = [code for code, record in part.listed.items() if record.path in annotated]
            for code in again:
                del part.listed[code]
            if again:
                reading.problem(
                    "listed-again", "warning", part.name,
                    f"{len(again)} of its images are listed by another file as well; that file counts",
                )  # fmt: skip
            annotated |= {record.path for record in part.listed.values()}


def _shared(parts: list[Part]) -> Counter[tuple[int, int]]:
    """How many images each two parts share."""
    owners: dict[Path, list[int]] = {}
    for i, part in enumerate(parts):
        for record in part.listed.values():
            owners.setdefault(record.path, []).append(i)
    shared: Counter[tuple[int, int]] = Counter()
    for path, several in owners.items():
        if len(several) > 1:
            there = is_there(path)
            for a, b in combinations(dict.fromkeys(several), 2):
                sides = {next(iter(parts[i].listed.values())).side for i in (a, b)} - {""}
                shared[a, b] += there or len(sides) < 2  # without the files, 1.png of train and of val are two images
    return shared


def _which(files: list[Path], count: int) -> FormatError:
    """The question which of several files counts."""
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    names = ", ".join(f"'{path.name}'" for path in files[:_SHOWN]) + more
    return FormatError(
        f"{names} in '{files[0].parent}' annotate the same images ({count} in common); they are never merged, for which boxes "
        f"count cannot be known. Which file do you mean? Give it in place of the folder, such as '{files[0]}'."
    )
