"""`boxwright init`: a commented spec.yaml and recipe.yaml to begin with, and their JSON Schemas for editors."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from boxwright.cli.terminal import JsonOption, give
from boxwright.errors import InputError
from boxwright.spec import Spec
from boxwright.store import write_bytes
from boxwright.training import Recipe


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("init")(init)


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write.")] = Path("."),
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a commented spec.yaml and recipe.yaml, and JSON Schemas for editors."""
    texts = {
        "spec.yaml": files("boxwright.spec").joinpath("spec.example.yaml").read_text(),
        "recipe.yaml": files("boxwright.training").joinpath("recipe.example.yaml").read_text(),
        "spec.schema.json": json.dumps(Spec.model_json_schema(), indent=1),
        "recipe.schema.json": json.dumps(Recipe.model_json_schema(), indent=1),
    }
    there = [name for name in texts if (folder / name).exists()]
    if there and not force:
        raise InputError(f"'{folder / there[0]}' exists; nothing was written. Use --force to write over it.")
    for name, text in texts.items():
        write_bytes(folder / name, (text.rstrip() + "\n").encode())
    give(
        {"written": [str(folder / name) for name in texts]},
        as_json=as_json,
        lines=[f"{folder / name}" for name in texts],
    )
