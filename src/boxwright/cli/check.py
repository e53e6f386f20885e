"""`boxwright check`: what is wrong with a source, without keeping anything."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from boxwright.cli.terminal import Bars, JsonOption, give
from boxwright.ingestion import check as check_source


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("check")(check)


def check(
    source: Annotated[Path, typer.Argument(help="COCO JSON, or a COCO, YOLO or VOC folder.")],
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="Folder COCO's file names are relative to.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List every problem of a data set; exit code 1 if one of them is an error."""
    with Bars().shown() as bars:
        reading, images, annotations = check_source(
            source, pictures=pictures, progress=lambda done, of: bars("check", done, of)
        )
    problems = [asdict(problem) for problem in reading.problems]
    errors = sum(p["severity"] == "error" for p in problems)
    result = {"format": reading.format, "images": images, "annotations": annotations, "problems": problems}
    lines = [f"{p['severity']}: {p['where']}: {p['message']} [{p['code']}]" for p in problems]
    lines.append(
        f"{reading.format}: {images} pictures, {annotations} annotations, {errors} errors, {len(problems) - errors} warnings"
    )
    give(result, as_json=as_json, lines=lines)
    raise typer.Exit(1 if errors else 0)
