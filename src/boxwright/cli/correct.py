"""`boxwright correct`: answers of reviewers become the next version of a data set, or leave it again."""

from __future__ import annotations

from typing import Annotated

import typer

from boxwright.artifacts import Corrections, Dataset
from boxwright.cli.progress import say
from boxwright.cli.terminal import STORE, JsonOption, StoreOption, find, give, open_store
from boxwright.errors import InputError
from boxwright.labels import Difference, correct_newest, diff, without
from boxwright.labels import correct as correct_dataset
from boxwright.lifecycle import refuse_unseen, refuse_withdrawn
from boxwright.store import NEW_NAME, Store


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("correct")(correct)


def correct(
    dataset: Annotated[str, typer.Argument(help="Dataset: name, version (NAME@2, NAME~1) or digest.")],
    corrections: Annotated[
        str | None, typer.Argument(help="Corrections: name or digest; default corrections/latest.")
    ] = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Correct exactly this version; its name stays where it is.")
    ] = False,
    replace_known: Annotated[
        bool,
        typer.Option("--replace-known", help="Also remove boxes of the dataset that the reviewer was not shown."),
    ] = False,
    leave_out: Annotated[
        bool, typer.Option("--without", help="Make the next version as if these corrections had never been given.")
    ] = False,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Make the next version and say what changed; answers go into the newest version, also when it is not the one named."""
    if alone and leave_out:
        raise InputError("--alone and --without exclude each other; give one of them.")
    if leave_out and corrections is None:
        raise InputError(
            "--without needs the corrections to leave out: `boxwright correct DATASET CORRECTIONS --without`."
        )
    opened = open_store(store)

    def ask_and_tell(before: Dataset, after: Dataset) -> None:
        if not replace_known:
            refuse_unseen(opened, before, answers)
        _tell(before, after)

    before, answers = find(store, dataset, Dataset), find(store, corrections or "corrections/latest", Corrections)
    rebased = False
    if leave_out:
        before, after = _without(opened, before, answers)
    else:
        refuse_withdrawn(opened, answers)
        if alone:
            after = correct_dataset(before, answers)
            ask_and_tell(before, after)
            opened.put(after)
        else:
            made = correct_newest(
                opened, before, answers, name=f"dataset/{before.name}", reason="correct", tell=ask_and_tell
            )
            before, after, rebased = made.before, made.after, made.rebased
    if rebased:
        say(
            f"the version given is not the newest; the answers went into {before.digest[:12]}, which has the same boxes there"
        )
    found = diff(before, after)
    result = {"dataset": after.digest, "before": before.digest, "rebased": rebased, "diff": found.as_document}
    give(result, as_json=as_json, lines=[_summary(found), after.digest])


def _without(store: Store, given: Dataset, corrections: Corrections) -> tuple[Dataset, Dataset]:
    """The newest version and the one without some corrections, which is the newest from now on."""
    name = f"dataset/{given.name}"
    history = store.history(name)
    newest = store.get(history[-1].digest, Dataset) if history else given
    made = without(store, newest, corrections.digest)
    _tell(made.before, made.after)
    if made.again:
        say(f"put in again: {', '.join(digest[:12] for digest in made.again)}")
    reason = f"without {corrections.digest[:12]}"
    store.put(made.after, name=name, reason=reason, expected=newest.digest if history else NEW_NAME)
    return made.before, made.after


def _tell(before: Dataset, after: Dataset) -> None:
    """What is about to be written, per class."""
    found = diff(before, after)
    say(f"about to write dataset '{after.name}': {_summary(found)}")
    for name, counts in found.per_class.items():
        told = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in counts.items() if count)
        if told:
            say(f"  {name}: {told}")


def _summary(found: Difference) -> str:
    gone = f" -{len(found.pictures_removed)}" if found.pictures_removed else ""
    return (
        f"pictures: +{len(found.pictures_added)}{gone}; boxes: +{found.boxes_added} -{found.boxes_removed}, "
        f"{found.boxes_moved} moved, {found.boxes_relabelled} relabelled"
    )
