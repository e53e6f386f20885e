"""`boxwright init`: a commented spec.yaml and recipe.yaml to begin with, examples or made from data, and their JSON Schemas."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer

from boxwright.cli.problems import say_kinds
from boxwright.cli.progress import Bars
from boxwright.cli.terminal import (
    STORE,
    ClassesOption,
    FormatOption,
    JsonOption,
    StoreOption,
    find_dataset,
    give,
    is_source,
    open_store,
)
from boxwright.errors import InputError
from boxwright.ingestion import of_dataset, read_classes, read_source
from boxwright.lifecycle.proposal import Proposal, propose, render_recipe, render_spec, survey
from boxwright.spec import Spec
from boxwright.store import write_bytes
from boxwright.training import Recipe

_GENERIC = {"annotations", "annotation", "labels", "data", "dataset", "coco", "result", "results", "instances", "fixed",
            "original", "train", "val", "test", "_annotations.coco", "images"}  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("init")(init)


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write.")] = Path("."),
    source: Annotated[
        str | None, typer.Option("--from", help="Propose both from this data: files in any format, or a dataset.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="With --from: folder that file names are relative to.")
    ] = None,
    format: FormatOption = None,
    classes: ClassesOption = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Write a commented spec.yaml and recipe.yaml, and JSON Schemas for editors; with --from they fit the data and run as they are."""
    given = _given({"--pictures": pictures, "--format": format, "--classes": classes})
    if source is None and given:
        raise InputError("--pictures, --format and --classes say how --from reads its data; give it with --from DATA.")
    names = ("spec.yaml", "recipe.yaml", "spec.schema.json", "recipe.schema.json")
    there = [name for name in names if (folder / name).exists()]
    if there and not force:
        raise InputError(f"'{folder / there[0]}' exists; nothing was written. Use --force to write over it.")
    proposal = _proposal(source, pictures, format, classes, given, store) if source else None
    texts = {
        "spec.yaml": render_spec(proposal) if proposal else _example("boxwright.spec", "spec.example.yaml"),
        "recipe.yaml": render_recipe(proposal) if proposal else _example("boxwright.training", "recipe.example.yaml"),
        "spec.schema.json": json.dumps(Spec.model_json_schema(), indent=1),
        "recipe.schema.json": json.dumps(Recipe.model_json_schema(), indent=1),
    }
    for name, text in texts.items():
        write_bytes(folder / name, (text.rstrip() + "\n").encode())
    result: dict[str, Any] = {"written": [str(folder / name) for name in texts]}
    lines = [f"{folder / name}" for name in texts]
    if proposal and source:
        result |= {
            "guessed": [one.as_document for one in proposal.guessed],
            "remarks": {key: list(told) for key, told in proposal.remarks.items()},
            "subsets": dict(proposal.subsets),
        }
        lines = [*_told(proposal), *lines, *_next(proposal, source, given, folder)]
    give(result, as_json=as_json, lines=lines)


def _example(room: str, name: str) -> str:
    return files(room).joinpath(name).read_text()


def _proposal(
    source: str, pictures: Path | None, format: str | None, classes: str | None, given: str, store: Path
) -> Proposal:
    with Bars().shown() as bars:
        if is_source(source) or not store.is_dir():
            named = read_classes(classes) if classes is not None else None
            reading, fetch = read_source(Path(source), pictures=pictures, format=format, classes=named), None
            say_kinds(reading, command=f"boxwright check {shlex.quote(source)}{given} --limit 0")
        else:
            if given:
                raise InputError(
                    f"'{source}' is a dataset of the store; --pictures, --format and --classes are for files."
                )
            reading, fetch = of_dataset(find_dataset(store, source)), open_store(store).pictures.read
        found = survey(reading, fetch=fetch, progress=bars)
        if not len(found):
            raise InputError(
                f"'{source}' contains no usable image; `boxwright check {shlex.quote(source)}{given}` says why."
            )
        return propose(found, name=_name(source), progress=bars)


def _name(source: str) -> str:
    """What the data is called: its file or folder, or the first one above that is not called as any dataset might be."""
    path = Path(source)
    for part in (path.stem if path.suffix else path.name, *(p.name for p in path.absolute().parents)):
        if part and part.lower() not in _GENERIC:
            return part
    return path.name


def _told(proposal: Proposal) -> list[str]:
    """What was guessed, and what was seen and not taken."""
    lines = ["guessed from the data (change what you know better):"]
    lines += [f"  {one.key}: {_short(one.value)}  ({one.why})" for one in proposal.guessed]
    remarks = [(key, text) for key, told in proposal.remarks.items() for text in told]
    if remarks:
        lines += ["seen, and not taken (in the files as comments):", *(f"  {key}: {text}" for key, text in remarks)]
    return lines


def _given(options: Mapping[str, object]) -> str:
    """The options that say how to read the data, for the commands that read it again."""
    return "".join(f" {name} {shlex.quote(str(value))}" for name, value in options.items() if value is not None)


def _next(proposal: Proposal, source: str, given: str, folder: Path) -> list[str]:
    """The commands that follow."""
    name, spec = proposal.spec.name, f"--spec {folder / 'spec.yaml'}"
    stored = not Path(source).exists()
    dataset = source if stored else f"dataset/{name}"
    lines = [] if stored else [f"next: boxwright ingest {shlex.quote(source)} --name {name} {spec}{given}"]
    lines.append(f"{'next: ' if stored else '      '}boxwright turn {dataset} {spec} --recipe {folder / 'recipe.yaml'}")
    if proposal.subsets:
        told = ", ".join(f"{side} {count}" for side, count in proposal.subsets.items())
        lines.append(f"the files name subsets ({told} images): add --from-source to `boxwright turn` to keep them")
    return lines


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
