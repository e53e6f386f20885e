"""`boxwright diff`: what changed between two versions of a data set."""

from __future__ import annotations

from typing import Annotated

import typer

from boxwright.artifacts import Dataset
from boxwright.cli.terminal import STORE, JsonOption, StoreOption, find, give
from boxwright.labels import diff as diff_datasets


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("diff")(diff)


def diff(
    before: Annotated[str, typer.Argument(help="Dataset: name or digest.")],
    after: Annotated[str, typer.Argument(help="Dataset: name or digest.")],
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Say what the second version has that the first has not, to the box."""
    found = diff_datasets(find(store, before, Dataset), find(store, after, Dataset))
    lines = [f"{name}: {line}" for name, changes in found.pictures_changed.items() for line in changes]
    lines += [f"added {name}" for name in found.pictures_added] + [f"removed {name}" for name in found.pictures_removed]
    lines.append(
        f"pictures: +{len(found.pictures_added)} -{len(found.pictures_removed)}; boxes: +{found.boxes_added} "
        f"-{found.boxes_removed}, {found.boxes_moved} moved, {found.boxes_relabelled} relabelled, {found.boxes_rejudged} rejudged"
    )
    give(found.as_document, as_json=as_json, lines=lines)
