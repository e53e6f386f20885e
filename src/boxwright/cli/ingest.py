"""`boxwright ingest`: annotation files and their pictures into the store."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from boxwright.artifacts import Dataset
from boxwright.cli.documents import SetOption, because, read_spec_if_given
from boxwright.cli.grouped import grouped
from boxwright.cli.options import ReadAs
from boxwright.cli.problems import say_kinds
from boxwright.cli.progress import Bars, say
from boxwright.cli.terminal import (
    STORE,
    JsonOption,
    StoreOption,
    give,
    open_store,
    say_next,
)
from boxwright.ingestion import Looks
from boxwright.ingestion import ingest as ingest_source
from boxwright.spec import DataSheet, read_sheet, sheet_of
from boxwright.store import check_name


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("ingest")(ingest)


@dataclass(frozen=True)
class Version:
    """What makes a version of the files: classes, conditions, and where the data came from."""

    spec: Annotated[Path | None, typer.Option("--spec", help="spec.yaml; its classes give the class_ids.")] = None
    conditions: Annotated[
        Path | None,
        typer.Option("--conditions", help="CSV or Parquet: file name first, then one column per condition."),
    ] = None
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", help="datasheet.yaml: sources, consent, licence, retention; travels with the version."),
    ] = None
    values: SetOption = None


@grouped
def ingest(
    source: Annotated[
        Path, typer.Argument(help="An annotation file, or a folder: COCO, YOLO, VOC, CVAT, Label Studio, LabelMe.")
    ],
    name: Annotated[str, typer.Option("--name", help="Name of the data set; its versions share it.")],
    version: Version,
    files: ReadAs,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Read a data set into the store; its digest is the last line."""
    check_name(name)
    told = read_sheet(version.sheet) if version.sheet else None
    opened = open_store(store, must_exist=False)
    earlier = opened.get(f"dataset/{name}", Dataset) if opened.history(f"dataset/{name}") else None
    promise = read_spec_if_given(version.spec, version.values)
    looks = Looks(store / "work" / f"ingest-{name.replace('/', '-')}.jsonl")
    if len(looks):
        say(f"an ingest of '{name}' was interrupted: {len(looks)} images that were looked at are not decoded again")
    with closing(looks), Bars().shown() as bars:
        dataset, reading = ingest_source(
            source, name=name, keep=opened.pictures.add, spec=promise, pictures=files.pictures, looks=looks,
            conditions=version.conditions, format=files.format, bit_depth=files.bit_depth, earlier=earlier,
            classes=files.class_names, progress=lambda done, of: bars("ingest", done, of),
        )  # fmt: skip
    dataset = _with_sheet(dataset, told, earlier)
    digest = opened.put(dataset, name=f"dataset/{name}", reason=because(f"ingest {source.name}", version.values))
    looks.forget()
    errors = sum(n for (_, severity), n in reading.counts.items() if severity == "error")
    asked = {
        "--spec": version.spec, "--pictures": files.pictures, "--conditions": version.conditions if version.spec else None,
        "--bit-depth": files.bit_depth, "--format": files.format,
    }  # fmt: skip
    say_kinds(reading, command=" ".join(["boxwright", "check", *_words(source, asked)]))
    annotations = len(dataset.annotations.class_id)
    result = {
        "dataset": digest, "images": len(dataset), "annotations": annotations,
        "refused": errors, "warnings": sum(reading.counts.values()) - errors,
    }  # fmt: skip
    lines = [f"{len(dataset)} pictures, {annotations} annotations, {errors} records refused", digest]
    give(result, as_json=as_json, lines=lines)
    _say_what_follows(name, version.spec, as_json=as_json)


def _with_sheet(dataset: Dataset, told: DataSheet | None, earlier: Dataset | None) -> Dataset:
    """The dataset with its data sheet; without a new one that of the version before."""
    if told is None and earlier is not None and "sheet" not in dataset.provenance:
        told = sheet_of(earlier.provenance)
        if told is not None:
            say("the data sheet of the earlier version is kept; --sheet gives another")
    if told is None:
        return dataset
    for warning in told.warnings(datetime.now(UTC).date()):
        say(f"warning: {warning}")
    return replace(dataset, provenance={**dataset.provenance, "sheet": told.as_document})


def _say_what_follows(name: str, spec: Path | None, *, as_json: bool) -> None:
    if spec is None:
        say_next(f"boxwright init --from dataset/{name}", as_json=as_json)
        return
    told_spec = f"dataset/{name} --spec {shlex.quote(str(spec))}"
    turn = f"boxwright turn {told_spec} --recipe recipe.yaml --pages build"
    say_next(f"boxwright coverage {told_spec}", turn, as_json=as_json)


def _words(source: Path, options: Mapping[str, object]) -> list[str]:
    """The arguments of the `check` that looks at the same; an option that is None was not given."""
    given = [str(word) for name, value in options.items() if value is not None for word in (name, value)]
    return [shlex.quote(word) for word in (str(source), *given, "--limit", "0")]
