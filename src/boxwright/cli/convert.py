"""`boxwright convert`: a data set as another tool's files; also the export of any stored version."""

from __future__ import annotations

import os
import shlex
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from boxwright.artifacts import SIDES, Split
from boxwright.cli.grouped import grouped
from boxwright.cli.options import ReadAs
from boxwright.cli.positions import Positions
from boxwright.cli.problems import say_kinds
from boxwright.cli.progress import Bars, say
from boxwright.cli.terminal import (
    STORE,
    JsonOption,
    StoreOption,
    find,
    find_dataset,
    give,
    is_source,
    open_store,
)
from boxwright.errors import InputError
from boxwright.images import read_header
from boxwright.ingestion import (
    TARGETS,
    PictureRecord,
    Reading,
    every_box_refused,
    look,
    of_dataset,
    write_source,
)
from boxwright.ingestion.export import Lost
from boxwright.lifecycle import same_data
from boxwright.store import Store
from boxwright.store.atomic import new_folder, write_bytes

Put = Callable[[PictureRecord, Path], None]


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("convert")(convert)


@dataclass(frozen=True)
class Written:
    """Which pictures are written, and how."""

    copy: Annotated[bool, typer.Option("--copy", help="Copy the pictures (as is done when nothing is said).")] = False
    link: Annotated[bool, typer.Option("--link", help="Hard links to the pictures instead of copies.")] = False
    no_pictures: Annotated[bool, typer.Option("--no-pictures", help="Write labels alone.")] = False
    split: Annotated[
        str | None,
        typer.Option("--split", help="Write the subsets of this split of the store, such as split/line."),
    ] = None
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="A subset (train, val, test, or a set of --split) to write; can be given again."),
    ] = None
    keep_gps: Annotated[
        bool, typer.Option("--keep-gps", help="Keep in the images' metadata where they were taken (GPS).")
    ] = False

    def check(self, parts: Split | None) -> None:
        """InputError where two of them contradict each other, or a subset is unknown."""
        if self.copy + self.link + self.no_pictures > 1:
            raise InputError("Give one of --copy, --link and --no-pictures.")
        subsets = parts.sides if parts else SIDES
        if unknown := set(self.only or ()) - set(subsets):
            raise InputError(f"--only takes one of {', '.join(subsets)}; found '{unknown.pop()}'.")


@dataclass(frozen=True)
class Told:
    """How the end is told."""

    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 when records were refused.")] = False
    as_json: JsonOption = False


@dataclass(frozen=True)
class Converted:
    """What was written.

    Attributes:
        reading: the pictures and their boxes.
        turned: pictures that EXIF turns.
        positions: where pictures were taken, and what was done with that.
        lost: what the format cannot hold.
    """

    reading: Reading
    turned: int
    positions: Positions
    lost: list[Lost]

    @property
    def refused(self) -> int:
        """Records with errors."""
        return sum(n for (_, severity), n in self.reading.counts.items() if severity == "error")

    @property
    def annotations(self) -> int:
        """Boxes written."""
        return sum(len(record.boxes) for record in self.reading.pictures)


@grouped
def convert(
    source: Annotated[str, typer.Argument(help="An annotation file, a folder, or a dataset of the store.")],
    out: Annotated[Path, typer.Argument(help="Folder to make; must not be there, or be empty.")],
    to: Annotated[str, typer.Option("--to", help=f"Format: {', '.join(TARGETS)}.")],
    files: ReadAs,
    written: Written,
    told: Told,
    store: StoreOption = STORE,
) -> None:
    """Write a data set in another format, with a list of what that format cannot hold."""
    if to not in TARGETS:
        raise InputError(f"--to takes one of {', '.join(TARGETS)}; found '{to}'.")
    parts = _split_of(written.split, source, store) if written.split else None
    written.check(parts)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"'{out}' exists and is not an empty folder; nothing is written over it. Name another folder.")
    with Bars().shown() as bars:
        reading, turned, put = _read(source, store, parts, files, written, bars)
        _say_whose_subsets(reading, source, written.split, store)
        _keep_only(reading, source, written.only)
        positions = Positions(keep=written.keep_gps)
        counted = None if written.no_pictures else _counted(put, positions, bars, len(reading.pictures))
        with new_folder(out.resolve()) as folder:
            lost = write_source(reading, folder, format=to, put=counted)
    made = Converted(reading, turned, positions, lost)
    say_kinds(reading, command=f"boxwright check {shlex.quote(source)} --limit 0")
    document = {"out": str(out), "from": reading.format, "to": to, **_as_document(made)}
    give(document, as_json=told.as_json, lines=[*_as_lines(made, to), str(out)])
    raise typer.Exit(1 if told.strict and made.refused else 0)


def _read(
    source: str, store: Path, parts: Split | None, files: ReadAs, written: Written, bars: Bars
) -> tuple[Reading, int, Put]:
    """What is to be written, how many of its pictures EXIF turns, and how a picture is put in its place."""
    if is_source(source):
        found = files.read(Path(source))
        reading, turned = _looked_at(found, bars, labels_alone=written.no_pictures)
        if found.boxes_refused and reading.pictures and not any(r.box_count for r in reading.pictures):
            raise InputError(every_box_refused(Path(source), reading, done="written"))
        return reading, turned, _of_disk(link=written.link)
    if files.classes is not None or files.bit_depth is not None:
        raise InputError(f"'{source}' is a dataset of the store; --classes and --bit-depth are for files.")
    return _of_store(source, store, parts)


def _keep_only(reading: Reading, source: str, only: list[str] | None) -> None:
    """Leave the pictures of these subsets in a reading; InputError where none is left."""
    whole = len(reading.pictures)
    reading.pictures = [record for record in reading.pictures if not only or record.side in only]
    if not reading.pictures:
        why = f"none of {whole} images is in the subset {' or '.join(only)}" if only else "it holds no usable picture"
        raise InputError(f"'{source}' has nothing to write: {why} ({sum(reading.counts.values())} problems).")


def _as_document(made: Converted) -> dict[str, Any]:
    reading = made.reading
    return {
        "images": len(reading.pictures), "annotations": made.annotations,
        "unlabelled": sum(not record.labelled for record in reading.pictures), "lost": [asdict(one) for one in made.lost],
        "turned_upright": dict(reading.turned), "turned_by_exif": made.turned, "positions": made.positions.counts,
        "refused": made.refused, "warnings": sum(reading.counts.values()) - made.refused,
        "problems": [asdict(p) for p in reading.problems],
    }  # fmt: skip


def _as_lines(made: Converted, to: str) -> list[str]:
    lines = [
        f"{to} cannot hold: {one.what} ({one.count}){f'; kept in {one.kept_in}' if one.kept_in else ''}"
        for one in made.lost
    ]
    if made.turned:
        lines.append(
            f"{made.turned} pictures are turned by EXIF; boxes are of the upright picture, so tools must honour EXIF"
        )
    lines += made.positions.lines()
    lines.append(
        f"{made.reading.format} to {to}: {len(made.reading.pictures)} pictures, {made.annotations} annotations, "
        f"{made.refused} records refused"
    )
    return lines


def _looked_at(reading: Reading, bars: Bars, *, labels_alone: bool) -> tuple[Reading, int]:
    """A source of files, its boxes brought to the upright pictures, and how many of these EXIF turns."""
    at_hand = any(_is_file(record.path) for record in reading.pictures[:100])
    depth = "nothing" if labels_alone and not at_hand else "pixels"  # what check refuses is not written either
    kept, turned = [], 0
    for seen in look(reading, depth=depth, progress=lambda done, of: bars("read", done, of)):
        turned += bool(seen.data) and read_header(seen.data).orientation != 1
        kept.append(seen.record)
    return replace(reading, pictures=kept), turned


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (ValueError, OSError):
        return False


def _of_disk(*, link: bool) -> Put:
    def put(record: PictureRecord, path: Path) -> None:
        if link:
            try:
                os.link(record.path.resolve(), path)
                return
            except OSError:
                pass  # another disk: copied below
        shutil.copyfile(record.path, path)

    return put


def _split_of(reference: str, source: str, store: Path) -> Split:
    if is_source(source):
        raise InputError(
            f"--split is for a dataset of the store, and '{source}' is a file or folder: `boxwright ingest {source} --name NAME` "
            f"first, then convert dataset/NAME."
        )
    return find(store, reference, Split)


def _say_whose_subsets(reading: Reading, source: str, split: str | None, store: Path) -> None:
    """Which split is written: the computed one, or what the files gave."""
    counts = Counter(record.side or "no subset" for record in reading.pictures)
    shown = ", ".join(f"{name} {n}" for name, n in counts.items()) or "no image"
    if split:
        say(f"subsets of {split}: {shown}")
        return
    hint = ""
    if not is_source(source):
        name = source.split("@")[0].split("~")[0].removeprefix("dataset/")
        known = store.is_dir() and f"split/{name}" in Store(store).names()
        hint = f"; --split split/{name} writes the computed split" if known else ""
    say(f"subsets as the source files gave them: {shown}{hint}")


def _of_store(reference: str, store: Path, parts: Split | None) -> tuple[Reading, int, Put]:
    """A stored version with the subsets of a split, or those its files gave, and the way to its pictures."""
    dataset = find_dataset(store, reference)
    reading = of_dataset(dataset)
    if parts is not None:
        same_data(parts, dataset)
        side_of = dict(zip(parts.image_ids.tolist(), parts.side, strict=True))
        for record in reading.pictures:
            record.side = side_of.get(record.image_id, "")
    opened = open_store(store) if store.is_dir() else None

    def put(record: PictureRecord, path: Path) -> None:
        if opened is not None and record.digest:
            write_bytes(path, opened.pictures.read(record.digest))

    return reading, 0, put


def _counted(put: Put, positions: Positions, bars: Bars, of: int) -> Put:
    done = 0

    def counted(record: PictureRecord, path: Path) -> None:
        nonlocal done
        put(record, path)
        positions.leave_out(record.file_name, path)
        done += 1
        bars("write", done, of)

    return counted
