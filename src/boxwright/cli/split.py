"""`boxwright split`: whole groups to train, val and test."""

from __future__ import annotations

from typing import Annotated

import typer

from boxwright.artifacts import SIDES, Dataset, Split
from boxwright.cli.terminal import STORE, JsonOption, SpecOption, StoreOption, find, give, open_store
from boxwright.spec import load_spec
from boxwright.splitting import split as split_dataset


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("split")(split)


def split(
    dataset: Annotated[str, typer.Argument(help="Dataset: name or digest.")],
    spec: SpecOption,
    from_source: Annotated[bool, typer.Option("--from-source", help="Take the sides the files gave.")] = False,
    keep: Annotated[
        str | None, typer.Option("--keep", help="Earlier split; groups it knows stay where they were.")
    ] = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Split a data set by the spec's groups, and say what was done."""
    data = find(store, dataset, Dataset)
    earlier = find(store, keep, Split) if keep else None
    made = split_dataset(data, load_spec(spec), from_source=from_source, keep=earlier)
    digest = open_store(store).put(made, name=f"split/{data.name}", reason="split")
    summary = dict(made.summary)
    lines = [
        f"{side}: {summary['images'][side]} pictures in {summary['groups'][side]} groups, "
        f"{sum(summary['objects'][side].values())} objects" for side in SIDES
    ]  # fmt: skip
    give({"split": digest, **summary}, as_json=as_json, lines=[*lines, digest])
