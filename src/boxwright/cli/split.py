"""`boxwright split`: whole groups to the sets, then to train, val and test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from boxwright.artifacts import Dataset, Split
from boxwright.artifacts.split import SetOrigin
from boxwright.cli.documents import because, parted, read_spec
from boxwright.cli.named import by_name
from boxwright.cli.parts import WithParts
from boxwright.cli.split_audit import audit_split
from boxwright.cli.terminal import STORE, JsonOption, SpecOption, StoreOption, find, give, open_store
from boxwright.errors import InputError
from boxwright.splitting import split as split_dataset


def add_to(app: typer.Typer) -> None:
    """Add the verb and its part `audit`."""
    audit = typer.Typer(rich_markup_mode=None, add_completion=False)
    audit.command("audit")(audit_split)
    whole = type("Split", (WithParts,), {"parts": {"audit": typer.main.get_command(audit)}})
    app.command("split", cls=whole)(split)


def split(
    dataset: Annotated[str, typer.Argument(help="Dataset: name or digest.")],
    spec: SpecOption,
    from_source: Annotated[bool, typer.Option("--from-source", help="Take the sides the files gave.")] = False,
    keep: Annotated[
        str | None, typer.Option("--keep", help="Earlier split; groups it knows stay where they were.")
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=FILE|KEY=VALUE",
            help="A set's images, one file name a line, or a value of the spec for this command; repeatable.",
        ),
    ] = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Split a data set by the spec's sets and groups, and say what was done.

    Part: `boxwright split audit SOURCE --splits FILE` holds a split you have against its pictures and tells every leak;
    see `boxwright split audit --help`.
    """
    data = find(store, dataset, Dataset)
    if from_source and not any(data.rows.column("side").to_pylist()):
        raise InputError(
            f"--from-source: the files of dataset '{data.name}' put no picture on a side; leave it out, or name the sides in the "
            f"files (COCO per side, YOLO's train and val, VOC's ImageSets)."
        )
    earlier = find(store, keep, Split) if keep else None
    given = parted(spec, sets)
    promise = read_spec(spec, given.of_spec)
    lists = {name: _lines_of(Path(path)) for name, path in by_name(given.of_sets, "--set").items()}
    opened = open_store(store)
    made = split_dataset(data, promise, from_source=from_source, keep=earlier, lists=lists, read=opened.pictures.read)
    digest = opened.put(made, name=f"split/{data.name}", reason=because("split", given.of_spec))
    summary = made.summary
    lines = [
        f"{side}: {summary.images[side]} pictures in {summary.groups[side]} groups, "
        f"{sum(summary.objects[side].values())} objects" for side in made.sides
    ]  # fmt: skip
    lines += [line for name, told in summary.sets.items() for line in _told(name, told)]
    lines += [f"could not be satisfied: {sentence}" for sentence in summary.unmet]
    if alike := summary.near_duplicates:
        lines.append(f"near-duplicates: {alike.pairs} pairs, {alike.on_two_sides} of them on two sides")
    if shared := summary.overlaps:
        lines.append(f"shared parts: {shared.pairs} pairs, {shared.on_two_sides} of them on two sides")
    give({"split": digest, **made.parts().document["summary"]}, as_json=as_json, lines=[*lines, digest])


def _lines_of(path: Path) -> list[str]:
    """File names, one a line; blank lines say nothing."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise InputError(f"'{path}' is no text: a set's file holds one file name of a picture a line.") from error
    return [line for line in lines if line]


def _told(name: str, told: SetOrigin) -> list[str]:
    """What a reader should know of how a set came about."""
    lines = []
    if told.taken_along:
        lines.append(f"set {name}: {told.taken_along} pictures came along, because their groups are taken whole")
    for side, count in told.moved_from.items():
        lines.append(f"set {name}: {count} pictures were on {side} before; bundles made with that split know them")
    return lines
