"""`boxwright train`: a data set, a split and a recipe become a checkpoint."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from boxwright.artifacts import Checkpoint, Dataset, Split
from boxwright.cli.documents import RecipeOption, SetOption, because, read_both
from boxwright.cli.progress import Bars, say
from boxwright.cli.terminal import STORE, JsonOption, SpecOption, StoreOption, find, give, open_store
from boxwright.lifecycle import Stages
from boxwright.store import Steps


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("train")(train)


def train(
    dataset: Annotated[str, typer.Argument(help="Dataset: name or digest.")],
    split: Annotated[str, typer.Argument(help="Split: name or digest.")],
    spec: SpecOption,
    recipe: RecipeOption,
    values: SetOption = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Train on the split's train side; run again after an interruption to go on."""
    promise, method = read_both(spec, recipe, values)
    data, parts = find(store, dataset, Dataset), find(store, split, Split)
    opened = open_store(store)
    with Bars().shown() as bars:
        stages = Stages(opened, promise, method, store / "work", bars)
        do = Steps(opened, say, bars.waiting)
        made = do(Checkpoint, "train", stages.train, data, parts, also=stages.of_training)
    opened.point(f"checkpoint/{promise.name}", made.digest, reason=because("train", values))
    history = made.history
    lines = [
        f"{history.steps} steps in {history.seconds:.0f} s ({history.cpu_seconds:.0f} CPU s), "
        f"best val mAP {history.best_val_map:.4f} at step {history.best_step}",
        made.digest,
    ]
    give({"checkpoint": made.digest, **asdict(history)}, as_json=as_json, lines=lines)
