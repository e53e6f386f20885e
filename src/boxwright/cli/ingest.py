"""`boxwright ingest`: annotation files and their pictures into the store."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from boxwright.artifacts import Dataset
from boxwright.cli.documents import SetOption, because, read_spec_if_given
from boxwright.cli.problems import say_kinds
from boxwright.cli.progress import Bars, say
from boxwright.cli.terminal import (
    STORE,
    ClassesOption,
    DepthOption,
    FormatOption,
    JsonOption,
    StoreOption,
    give,
    open_store,
    say_next,
)
from boxwright.ingestion import Looks, read_classes
from boxwright.ingestion import ingest as ingest_source
from boxwright.spec import read_sheet, sheet_of
from boxwright.store import check_name


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("ingest")(ingest)


def ingest(
    source: Annotated[
        Path, typer.Argument(help="An annotation file, or a folder: COCO, YOLO, VOC, CVAT, Label Studio, LabelMe.")
    ],
    name: Annotated[str, typer.Option("--name", help="Name of the data set; its versions share it.")],
    spec: Annotated[Path | None, typer.Option("--spec", help="spec.yaml; its classes give the class_ids.")] = None,
    pictures: Annotated[Path | None, typer.Option("--pictures", help="Folder that file names are relative to.")] = None,
    conditions: Annotated[
        Path | None,
        typer.Option("--conditions", help="CSV or Parquet: file name first, then one column per condition."),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", help="datasheet.yaml: sources, consent, licence, retention; travels with the version."),
    ] = None,
    bit_depth: DepthOption = None,
    values: SetOption = None,
    format: FormatOption = None,
    classes: ClassesOption = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Read a data set into the store; its digest is the last line."""
    check_name(name)
    told = read_sheet(sheet) if sheet else None
    opened = open_store(store, must_exist=False)
    earlier = opened.get(f"dataset/{name}", Dataset) if opened.history(f"dataset/{name}") else None
    promise = read_spec_if_given(spec, values)
    looks = Looks(store / "work" / f"ingest-{name.replace('/', '-')}.jsonl")
    if len(looks):
        say(f"an ingest of '{name}' was interrupted: {len(looks)} images that were looked at are not decoded again")
    with closing(looks), Bars().shown() as bars:
        dataset, reading = ingest_source(
            source, name=name, keep=opened.pictures.add, spec=promise, pictures=pictures, looks=looks,
            conditions=conditions, format=format, bit_depth=bit_depth, earlier=earlier,
            classes=read_classes(classes) if classes is not None else None,
            progress=lambda done, of: bars("ingest", done, of),
        )  # fmt: skip
    if told is None and earlier is not None and "sheet" not in dataset.provenance:
        told = sheet_of(earlier.provenance)
        if told is not None:
            say("the data sheet of the earlier version is kept; --sheet gives another")
    if told is not None:
        dataset = replace(dataset, provenance={**dataset.provenance, "sheet": told.as_document})
        for warning in told.warnings(datetime.now(UTC).date()):
            say(f"warning: {warning}")
    digest = opened.put(dataset, name=f"dataset/{name}", reason=because(f"ingest {source.name}", values))
    looks.forget()
    errors = sum(n for (_, severity), n in reading.counts.items() if severity == "error")
    asked = {
        "--spec": spec, "--pictures": pictures, "--conditions": conditions if spec else None, "--bit-depth": bit_depth,
        "--format": format,
    }  # fmt: skip
    say_kinds(reading, command=" ".join(["boxwright", "check", *_words(source, asked)]))
    annotations = len(dataset.annotations.class_id)
    result = {
        "dataset": digest, "images": len(dataset), "annotations": annotations,
        "refused": errors, "warnings": sum(reading.counts.values()) - errors,
    }  # fmt: skip
    lines = [f"{len(dataset)} pictures, {annotations} annotations, {errors} records refused", digest]
    give(result, as_json=as_json, lines=lines)
    if spec is None:
        say_next(f"boxwright init --from dataset/{name}", as_json=as_json)
    else:
        told_spec = f"dataset/{name} --spec {shlex.quote(str(spec))}"
        turn = f"boxwright turn {told_spec} --recipe recipe.yaml --pages build"
        say_next(f"boxwright coverage {told_spec}", turn, as_json=as_json)


def _words(source: Path, options: Mapping[str, object]) -> list[str]:
    """The arguments of the `check` that looks at the same; an option that is None was not given."""
    given = [str(word) for name, value in options.items() if value is not None for word in (name, value)]
    return [shlex.quote(word) for word in (str(source), *given, "--limit", "0")]
