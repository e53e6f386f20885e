"""The parts of `boxwright review` that take answers in, take them back, or give a queue up: accept, undo, close."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from boxwright.artifacts import Corrections, Dataset, ReviewQueue
from boxwright.cli.grouped import grouped
from boxwright.cli.progress import say
from boxwright.cli.review_tools import JOURNAL, QUEUE
from boxwright.cli.terminal import STORE, JsonOption, StoreOption, find, give, open_store, say_next
from boxwright.errors import InputError
from boxwright.lifecycle import (
    Accepted,
    accept_answers,
    answered_pictures,
    note,
    note_skipped,
    read_answer_file,
    withdrawn,
)
from boxwright.lifecycle import undo as withdraw
from boxwright.review import Change
from boxwright.store import Store

LATEST = "corrections/latest"
_WORDS = {
    "untouched": "as proposed and stay open (--unchanged-is-confirmed takes them as looked at)",
    "emptied": "without any box, like the whole file, and stay open (--emptied-is-confirmed takes them)",
    "not marked": "without the tag 'reviewed' and stay open",
}


@dataclass(frozen=True)
class Confirmed:
    """Who answered, and what counts as an answer though nothing was changed."""

    reviewer: Annotated[str, typer.Option("--reviewer", help="Who answered, where the file does not say.")] = ""
    unchanged: Annotated[
        bool,
        typer.Option(
            "--unchanged-is-confirmed",
            help="Somebody looked at every image of the file; unchanged proposals are right.",
        ),
    ] = False
    emptied: Annotated[
        bool, typer.Option("--emptied-is-confirmed", help="A file without any box means that every box was wrong.")
    ] = False


@grouped
def accept(
    queue: QUEUE,
    answers: Annotated[Path, typer.Argument(help="COCO, CVAT or Label Studio file (or folder) with the answers.")],
    confirmed: Confirmed,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Changed images to list; --json lists all.")] = 20,
    journal: JOURNAL = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Take answers in, and say per image what changed; items without an answer stay open."""
    opened, folder = open_store(store), journal or store / "journal"
    items = find(store, queue, ReviewQueue)
    read = read_answer_file(opened, items, folder, answers)
    if not read.answers:
        raise InputError(f"'{answers}' answers none of the {len(items)} items of the queue; nothing was taken in.")
    taken = accept_answers(
        opened, items, read.answers, folder, reviewer=confirmed.reviewer, unchanged_is_confirmed=confirmed.unchanged,
        emptied_is_confirmed=confirmed.emptied,
    )  # fmt: skip
    if taken.weighed.told:
        met = ", ".join(f"{count} by {rule}" for rule, count in taken.weighed.told.items())
        say(f"names of images that are spelled otherwise than in the queue: {met}")
    digest = _keep(opened, taken.corrections)
    note_skipped(opened, items, read.skipped)
    done = answered_pictures(opened)
    late = sum(not row for row in taken.corrections.answers.column("in_time").to_pylist())
    result: dict[str, Any] = {
        "corrections": digest,
        "answered": len(taken.corrections),
        "open": sum(picture not in done for picture in items.items.column("picture").to_pylist()),
        "late": late,
        **{state.replace(" ", "_"): [c.item for c in taken.weighed.of_state(state)] for state in _WORDS},
        "names_met": dict(taken.weighed.told),
        "boxes": taken.weighed.boxes,
        "changes": [{**vars(c), "answered": c.answered, "boxes": dict(c.boxes)} for c in taken.weighed.changes],
    }
    give(result, as_json=as_json, lines=[*_lines(taken, limit), *_summary(result), digest])
    say_next(
        f"boxwright correct DATASET {digest[:12]}, or straight away",
        f"boxwright turn DATASET --spec spec.yaml --recipe recipe.yaml --corrections {digest[:12]}",
        as_json=as_json,
    )


def _keep(store: Store, corrections: Corrections) -> str:
    """Store corrections as the latest; say so where earlier ones wait for a dataset."""
    who = sorted(set(corrections.answers.column("reviewer").to_pylist()))
    waiting = _not_yet_in_a_dataset(store, but=corrections.digest)
    reason = f"answers of {', '.join(who[:3])}{' and others' if len(who) > 3 else ''}"
    if corrections.digest in withdrawn(store):
        note(store, "accepted", corrections=corrections.digest, queue=corrections.made_from.get("review_queue"))
    digest = store.put(corrections, name=LATEST, reason=reason)
    if waiting:
        say(f"{LATEST} stood for {waiting[:12]}, which is in no data set yet: `boxwright correct NAME {waiting[:12]}`")
    return digest


def _not_yet_in_a_dataset(store: Store, *, but: str) -> str | None:
    """What `corrections/latest` stands for, where it has answers and no version of a data set was made from it."""
    history = store.history(LATEST)
    if not history or history[-1].digest == but or history[-1].digest in withdrawn(store):
        return None
    used = {store.made_from(digest).get("corrections") for digest in store.digests(Dataset.kind)}
    last = history[-1].digest
    return None if last in used or "withdrawn" in store.made_from(last) else last


def _lines(taken: Accepted, limit: int) -> list[str]:
    """The changed images, those that changed most first, and how many there are of every other kind."""
    changed = sorted(taken.weighed.of_state("changed"), key=lambda c: (-_touched(c), c.file_name, c.item))
    lines = [f"{c.item} {c.file_name}: {_counted(c.boxes)}" for c in changed[:limit]]
    if len(changed) > limit:
        lines.append(f"... and {_images(len(changed) - limit)} more with changes; --limit and --json list them")
    confirmed = len(taken.weighed.of_state("confirmed"))
    if confirmed:
        lines.append(f"{_images(confirmed)} looked at and left as proposed")
    emptied = sum(c.boxes["removed"] > 0 and not _left(c) for c in changed)
    if emptied:
        lines.append(
            f"{_images(emptied)} came back without any of the proposed boxes, counted as images with nothing in them"
        )
    for state, words in _WORDS.items():
        if found := taken.weighed.of_state(state):
            touched = sum(_touched(c) > 0 for c in found) if state == "not marked" else 0
            lines.append(
                f"{_images(len(found))} came back {words}" + (f"; {touched} have changed boxes" if touched else "")
            )
    return lines


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"


def _summary(result: dict[str, Any]) -> list[str]:
    return [
        f"boxes: {_counted(result['boxes']) or 'none'}",
        f"{result['answered']} answered, {result['open']} open, {result['late']} late",
    ]


def _touched(change: Change) -> int:
    return sum(count for kind, count in change.boxes.items() if kind != "kept")


def _left(change: Change) -> int:
    return sum(count for kind, count in change.boxes.items() if kind != "removed")


def _counted(boxes: Any) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in boxes.items() if count)


def undo(
    corrections: Annotated[str, typer.Argument(help="Corrections: name or digest.")] = LATEST,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the log.")] = "a wrong accept",
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Take answers back: they count no more and their items are open again; nothing is deleted."""
    done = withdraw(open_store(store), find(store, corrections, Corrections), reason=reason)
    short = done.corrections[:12]
    commands = [f"boxwright correct {name} {short} --without" for name in done.datasets]
    lines = [f"withdrawn: {short} ({reason}); {done.items} items are open again"]
    lines += [f"{name} stands for {digest[:12]} again" for name, digest in done.names.items()]
    if done.versions:
        lines.append(f"made with these answers: {', '.join(done.versions)}")
    lines += [f"the next version without them: `{command}`" for command in commands]
    result = {**vars(done), "reason": reason, "commands": commands}
    give(result, as_json=as_json, lines=lines)


def close(
    queue: QUEUE,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the log.")] = "",
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Give a queue up: its unanswered images may be selected again; answers to it are still accepted."""
    opened = open_store(store)
    found = find(store, queue, ReviewQueue)
    done = answered_pictures(opened)
    left = sum(picture not in done for picture in found.items.column("picture").to_pylist())
    note(opened, "closed", queue=found.digest, reason=reason)
    line = f"closed: {found.digest[:12]}; {left} unanswered images may be selected again"
    give({"review_queue": found.digest, "unanswered": left, "reason": reason}, as_json=as_json, lines=[line])
