"""`boxwright correct`: answers of reviewers become the next version of a data set."""

from __future__ import annotations

from typing import Annotated

import typer

from boxwright.artifacts import Corrections, Dataset
from boxwright.cli.terminal import STORE, JsonOption, StoreOption, find, give, open_store, say
from boxwright.labels import correct as correct_dataset
from boxwright.labels import correct_newest, diff


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("correct")(correct)


def correct(
    dataset: Annotated[str, typer.Argument(help="Dataset: name, version (NAME@2, NAME~1) or digest.")],
    corrections: Annotated[str, typer.Argument(help="Corrections: name or digest.")] = "corrections/latest",
    alone: Annotated[
        bool, typer.Option("--alone", help="Correct exactly this version; its name stays where it is.")
    ] = False,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Make the next version and say what changed; answers go into the newest version, also when it is not the one named."""
    opened = open_store(store)
    before, answers = find(store, dataset, Dataset), find(store, corrections, Corrections)
    if alone:
        after, rebased = correct_dataset(before, answers), False
        opened.put(after)
    else:
        made = correct_newest(opened, before, answers, name=f"dataset/{before.name}", reason="correct")
        before, after, rebased = made.before, made.after, made.rebased
    if rebased:
        say(
            f"the version given is not the newest; the answers went into {before.digest[:12]}, which has the same boxes there"
        )
    found = diff(before, after)
    line = (
        f"pictures: +{len(found.pictures_added)}; boxes: +{found.boxes_added} -{found.boxes_removed}, "
        f"{found.boxes_moved} moved, {found.boxes_relabelled} relabelled"
    )
    result = {"dataset": after.digest, "before": before.digest, "rebased": rebased, "diff": found.as_document}
    give(result, as_json=as_json, lines=[line, after.digest])
