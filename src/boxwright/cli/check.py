"""`boxwright check`: what is wrong with a source, without keeping anything."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from boxwright.cli.documents import SetOption, read_spec_if_given
from boxwright.cli.problems import EXAMPLES, LimitOption, kind_lines
from boxwright.cli.progress import Bars
from boxwright.cli.terminal import (
    STORE,
    ClassesOption,
    DepthOption,
    FormatOption,
    JsonOption,
    StoreOption,
    find_dataset,
    give,
    is_source,
    open_store,
)
from boxwright.errors import InputError
from boxwright.ingestion import Depth, check_reading, of_dataset, read_classes, read_source

_ENDINGS = (".json", ".xml", ".yaml", ".yml")  # of files; a dataset of the store is not called so


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("check")(check)


def check(
    source: Annotated[
        str,
        typer.Argument(
            help="An annotation file, a folder (COCO, YOLO, VOC, CVAT, Label Studio, LabelMe), or a dataset of the store."
        ),
    ],
    pictures: Annotated[Path | None, typer.Option("--pictures", help="Folder that file names are relative to.")] = None,
    no_pictures: Annotated[
        bool, typer.Option("--no-pictures", help="Judge the annotations alone, by the sizes they declare.")
    ] = False,
    spec: Annotated[
        Path | None, typer.Option("--spec", help="Also say what this spec.yaml would refuse or find lacking.")
    ] = None,
    conditions: Annotated[
        Path | None, typer.Option("--conditions", help="With --spec: CSV or Parquet of conditions, as for ingest.")
    ] = None,
    limit: LimitOption = EXAMPLES,
    bit_depth: DepthOption = None,
    values: SetOption = None,
    format: FormatOption = None,
    classes: ClassesOption = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Say what is wrong with a dataset, by kind; exit code 1 if there is an error."""
    promise = read_spec_if_given(spec, values)
    if conditions and not spec:
        raise InputError("--conditions would do nothing without --spec, whose conditions are looked for.")
    with Bars().shown() as bars:
        of_files = is_source(source) or not store.is_dir() or Path(source).suffix.lower() in _ENDINGS
        if not of_files and (pictures or format or classes):
            raise InputError(
                f"'{source}' is taken for a dataset of the store; --pictures, --format and --classes are for files."
            )
        depth: Depth = "nothing" if no_pictures else "pixels"
        if of_files:
            names = read_classes(classes) if classes is not None else None
            reading, fetch = read_source(Path(source), pictures=pictures, format=format, classes=names), None
        else:
            reading, fetch = of_dataset(find_dataset(store, source)), open_store(store).pictures.read
        found = check_reading(
            reading, depth=depth, fetch=fetch, spec=promise, conditions=conditions, bit_depth=bit_depth,
            progress=lambda done, of: bars("check", done, of),
        )  # fmt: skip
    errors = sum(n for (_, severity), n in reading.counts.items() if severity == "error")
    warnings = sum(reading.counts.values()) - errors
    counts = {
        code: reading.counts[code, "error"] + reading.counts[code, "warning"] for code, _ in sorted(reading.counts)
    }
    result = {
        "format": reading.format, "images": found.images, "annotations": found.annotations,
        "unlabelled": found.unlabelled, "classes": reading.class_names, "errors": errors, "warnings": warnings,
        "turned_upright": dict(reading.turned), "counts": counts, "problems": [asdict(p) for p in reading.problems],
    }  # fmt: skip
    lines = [
        f"{reading.format}: {found.images} pictures ({found.unlabelled} not labelled), {found.annotations} annotations, "
        f"{errors} errors, {warnings} warnings",
        *kind_lines(reading, limit=limit),
    ]
    if reading.turned:
        lines.append("outlines: " + ", ".join(f"{n} {kind}" for kind, n in reading.turned.items()))
    give(result, as_json=as_json, lines=lines)
    raise typer.Exit(1 if errors else 0)
