"""`boxwright check`: what is wrong with a source, without keeping anything."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from boxwright.cli.documents import SetOption, read_spec_if_given
from boxwright.cli.grouped import grouped
from boxwright.cli.options import ReadAs
from boxwright.cli.problems import EXAMPLES, LimitOption, kind_lines
from boxwright.cli.progress import Bars
from boxwright.cli.terminal import (
    STORE,
    JsonOption,
    StoreOption,
    find_dataset,
    give,
    is_source,
    open_store,
)
from boxwright.errors import InputError
from boxwright.ingestion import Checked, Depth, Reading, check_reading, of_dataset
from boxwright.spec import Spec

_ENDINGS = (".json", ".xml", ".yaml", ".yml")  # of files; a dataset of the store is not called so


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("check")(check)


@dataclass(frozen=True)
class Asked:
    """What is looked at, and what a spec would say."""

    no_pictures: Annotated[
        bool, typer.Option("--no-pictures", help="Judge the annotations alone, by the sizes they declare.")
    ] = False
    spec: Annotated[
        Path | None, typer.Option("--spec", help="Also say what this spec.yaml would refuse or find lacking.")
    ] = None
    conditions: Annotated[
        Path | None, typer.Option("--conditions", help="With --spec: CSV or Parquet of conditions, as for ingest.")
    ] = None
    values: SetOption = None

    def read(self) -> Spec | None:
        """The spec where one is given; InputError for conditions without one."""
        if self.conditions and not self.spec:
            raise InputError("--conditions would do nothing without --spec, whose conditions are looked for.")
        return read_spec_if_given(self.spec, self.values)


@grouped
def check(
    source: Annotated[
        str,
        typer.Argument(
            help="An annotation file, a folder (COCO, YOLO, VOC, CVAT, Label Studio, LabelMe), or a dataset of the store."
        ),
    ],
    files: ReadAs,
    asked: Asked,
    limit: LimitOption = EXAMPLES,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Say what is wrong with a dataset, by kind; exit code 1 if there is an error."""
    promise = asked.read()
    with Bars().shown() as bars:
        of_files = is_source(source) or not store.is_dir() or Path(source).suffix.lower() in _ENDINGS
        if not of_files and (files.pictures or files.format or files.classes):
            raise InputError(
                f"'{source}' is taken for a dataset of the store; --pictures, --format and --classes are for files."
            )
        depth: Depth = "nothing" if asked.no_pictures else "pixels"
        if of_files:
            reading, fetch = files.read(Path(source)), None
        else:
            reading, fetch = of_dataset(find_dataset(store, source)), open_store(store).pictures.read
        found = check_reading(
            reading, depth=depth, fetch=fetch, spec=promise, conditions=asked.conditions, bit_depth=files.bit_depth,
            progress=lambda done, of: bars("check", done, of),
        )  # fmt: skip
    errors = sum(n for (_, severity), n in reading.counts.items() if severity == "error")
    give(_document(reading, found, errors), as_json=as_json, lines=_lines(reading, found, errors, limit))
    raise typer.Exit(1 if errors else 0)


def _document(reading: Reading, found: Checked, errors: int) -> dict[str, Any]:
    counts = {
        code: reading.counts[code, "error"] + reading.counts[code, "warning"] for code, _ in sorted(reading.counts)
    }
    return {
        "format": reading.format, "images": found.images, "annotations": found.annotations,
        "unlabelled": found.unlabelled, "classes": reading.class_names, "errors": errors,
        "warnings": sum(reading.counts.values()) - errors, "turned_upright": dict(reading.turned), "counts": counts,
        "problems": [asdict(p) for p in reading.problems],
    }  # fmt: skip


def _lines(reading: Reading, found: Checked, errors: int, limit: int) -> list[str]:
    warnings = sum(reading.counts.values()) - errors
    lines = [
        f"{reading.format}: {found.images} pictures ({found.unlabelled} not labelled), {found.annotations} annotations, "
        f"{errors} errors, {warnings} warnings",
        *kind_lines(reading, limit=limit),
    ]
    if reading.turned:
        lines.append("outlines: " + ", ".join(f"{n} {kind}" for kind, n in reading.turned.items()))
    return lines
