"""`boxwright convert`: a data set as another tool's files; also the export of any stored version."""

from __future__ import annotations

import os
import shlex
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from boxwright.artifacts import SIDES, Split
from boxwright.cli.positions import Positions
from boxwright.cli.problems import say_kinds
from boxwright.cli.progress import Bars, say
from boxwright.cli.terminal import (
    STORE,
    ClassesOption,
    DepthOption,
    FormatOption,
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
    read_classes,
    read_source,
    write_source,
)
from boxwright.lifecycle import same_data
from boxwright.store import Store
from boxwright.store.atomic import new_folder, write_bytes

Put = Callable[[PictureRecord, Path], None]


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("convert")(convert)


def convert(
    source: Annotated[str, typer.Argument(help="An annotation file, a folder, or a dataset of the store.")],
    out: Annotated[Path, typer.Argument(help="Folder to make; must not be there, or be empty.")],
    to: Annotated[str, typer.Option("--to", help=f"Format: {', '.join(TARGETS)}.")],
    pictures: Annotated[Path | None, typer.Option("--pictures", help="Folder that file names are relative to.")] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy the pictures (as is done when nothing is said).")] = False,
    link: Annotated[bool, typer.Option("--link", help="Hard links to the pictures instead of copies.")] = False,
    no_pictures: Annotated[bool, typer.Option("--no-pictures", help="Write labels alone.")] = False,
    split: Annotated[
        str | None,
        typer.Option("--split", help="Write the subsets of this split of the store, such as split/line."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="A subset (train, val, test, or a set of --split) to write; can be given again."),
    ] = None,
    keep_gps: Annotated[
        bool, typer.Option("--keep-gps", help="Keep in the images' metadata where they were taken (GPS).")
    ] = False,
    bit_depth: DepthOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 when records were refused.")] = False,
    format: FormatOption = None,
    classes: ClassesOption = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Write a data set in another format, with a list of what that format cannot hold."""
    if to not in TARGETS:
        raise InputError(f"--to takes one of {', '.join(TARGETS)}; found '{to}'.")
    if copy + link + no_pictures > 1:
        raise InputError("Give one of --copy, --link and --no-pictures.")
    parts = _split_of(split, source, store) if split else None
    subsets = parts.sides if parts else SIDES
    if unknown := set(only or ()) - set(subsets):
        raise InputError(f"--only takes one of {', '.join(subsets)}; found '{unknown.pop()}'.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"'{out}' exists and is not an empty folder; nothing is written over it. Name another folder.")
    with Bars().shown() as bars:
        if is_source(source):
            names = read_classes(classes) if classes is not None else None
            found = read_source(Path(source), pictures=pictures, format=format, classes=names)
            found.bit_depth = bit_depth
            reading, turned = _looked_at(found, bars, labels_alone=no_pictures)
            if found.boxes_refused and reading.pictures and not any(r.box_count for r in reading.pictures):
                raise InputError(every_box_refused(Path(source), reading, done="written"))
            put = _of_disk(link=link)
        elif classes is not None or bit_depth is not None:
            raise InputError(f"'{source}' is a dataset of the store; --classes and --bit-depth are for files.")
        else:
            reading, turned, put = _of_store(source, store, parts)
        _say_whose_subsets(reading, source, split, store)
        whole = len(reading.pictures)
        reading.pictures = [record for record in reading.pictures if not only or record.side in only]
        if not reading.pictures:
            why = (
                f"none of {whole} images is in the subset {' or '.join(only)}" if only else "it holds no usable picture"
            )
            raise InputError(f"'{source}' has nothing to write: {why} ({sum(reading.counts.values())} problems).")
        positions = Positions(keep=keep_gps)
        with new_folder(out.resolve()) as folder:
            lost = write_source(
                reading,
                folder,
                format=to,
                put=None if no_pictures else _counted(put, positions, bars, len(reading.pictures)),
            )
    errors = sum(n for (_, severity), n in reading.counts.items() if severity == "error")
    annotations = sum(len(record.boxes) for record in reading.pictures)
    result = {
        "out": str(out), "from": reading.format, "to": to, "images": len(reading.pictures), "annotations": annotations,
        "unlabelled": sum(not record.labelled for record in reading.pictures), "lost": [asdict(one) for one in lost],
        "turned_upright": dict(reading.turned), "turned_by_exif": turned, "positions": positions.counts, "refused": errors,
        "warnings": sum(reading.counts.values()) - errors, "problems": [asdict(p) for p in reading.problems],
    }  # fmt: skip
    say_kinds(reading, command=f"boxwright check {shlex.quote(source)} --limit 0")
    lines = [
        f"{to} cannot hold: {one.what} ({one.count}){f'; kept in {one.kept_in}' if one.kept_in else ''}" for one in lost
    ]
    if turned:
        lines.append(
            f"{turned} pictures are turned by EXIF; boxes are of the upright picture, so tools must honour EXIF"
        )
    lines += positions.lines()
    lines.append(
        f"{reading.format} to {to}: {len(reading.pictures)} pictures, {annotations} annotations, {errors} records refused"
    )
    give(result, as_json=as_json, lines=[*lines, str(out)])
    raise typer.Exit(1 if strict and errors else 0)


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
