"""`boxwright correct`: answers of reviewers become the next version of a data set."""

from __future__ import annotations

from typing import Annotated

import typer

from boxwright.artifacts import Corrections, Dataset
from boxwright.cli.terminal import STORE, JsonOption, StoreOption, find, give, open_store
from boxwright.labels import correct as correct_dataset
from boxwright.labels import diff


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("correct")(correct)


def correct(
    dataset: Annotated[str, typer.Argument(help="Dataset: name or digest.")],
    corrections: Annotated[str, typer.Argument(help="Corrections: name or digest.")] = "corrections/latest",
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Make the next version and say what changed."""
    before = find(store, dataset, Dataset)
    after = correct_dataset(before, find(store, corrections, Corrections))
    digest = open_store(store).put(after, name=f"dataset/{after.name}", reason="correct")
    found = diff(before, after)
    line = (
        f"pictures: +{len(found.pictures_added)}; boxes: +{found.boxes_added} -{found.boxes_removed}, "
        f"{found.boxes_moved} moved, {found.boxes_relabelled} relabelled"
    )
    give({"dataset": digest, "diff": found.as_document}, as_json=as_json, lines=[line, digest])
