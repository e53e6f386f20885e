"""`boxwright review`: what people should look at, and what they answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from boxwright.artifacts import Dataset, ReviewQueue
from boxwright.cli import review_tools
from boxwright.cli.documents import SetOption, because, read_spec
from boxwright.cli.review_tools import JOURNAL, QUEUE
from boxwright.cli.terminal import STORE, JsonOption, SpecOption, StoreOption, find, give, open_store, say, write_page
from boxwright.errors import InputError
from boxwright.images import read_picture
from boxwright.lifecycle import accept_answers, at_hand, pictures_of, read_answer_file, select_for_review
from boxwright.pages import queue_page
from boxwright.store import Store


def add_to(app: typer.Typer) -> None:
    """Add the verb and its parts."""
    review = typer.Typer(
        help="Select, show, hand out and accept what people review.", no_args_is_help=True, rich_markup_mode=None
    )
    for name, part in (("select", select), ("list", show_items), ("page", page_of), ("export", review_tools.export),
                       ("push", review_tools.push), ("pull", review_tools.pull), ("accept", accept)):  # fmt: skip
        review.command(name)(part)
    app.add_typer(review, name="review")


def select(
    spec: SpecOption,
    journal: JOURNAL = None,
    since: Annotated[float, typer.Option("--since", help="Seconds since 1970; older events are left out.")] = 0.0,
    page: Annotated[Path | None, typer.Option("--page", help="Also write the HTML page.")] = None,
    values: SetOption = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Choose uncertain, novel and random events for review, with due times."""
    promise = read_spec(spec, values)
    opened = open_store(store)
    folder = journal or store / "journal"
    queue = select_for_review(opened, promise, folder, since=since)
    digest = opened.put(queue, name=f"review/{promise.name}", reason=because("select", values))
    if page:
        write_page(page, queue_page(queue, read_picture=_at_hand(store, folder)))
    chosen = queue.summary["chosen"]
    lines = [f"{len(queue)} items: " + ", ".join(f"{count} {reason}" for reason, count in chosen.items()), digest]
    give({"review_queue": digest, "items": len(queue), **dict(queue.summary)}, as_json=as_json, lines=lines)


def show_items(queue: QUEUE, journal: JOURNAL = None, store: StoreOption = STORE, as_json: JsonOption = False) -> None:
    """List the items of a queue, in the order in which they are due."""
    items = find(store, queue, ReviewQueue).items.to_pylist()
    kept = at_hand(open_store(store, must_exist=False), journal or store / "journal", (i["picture"] for i in items))
    shown: list[dict[str, Any]] = [{**item, "at_hand": item["picture"] in kept} for item in items]
    for item in shown:
        del item["proposal"]
    lines = [
        f"{i['priority']} due {datetime.fromtimestamp(i['due_at'], UTC):%Y-%m-%d %H:%M} {i['reason']:9} "
        f"{i['camera'] or '-':8} {i['file_name'] or i['picture'][:12]}{'' if i['at_hand'] else ' (picture not at hand)'}"
        for i in shown
    ]
    give({"items": shown}, as_json=as_json, lines=lines or ["the queue is empty"])


def page_of(
    queue: QUEUE,
    out: Annotated[Path, typer.Argument(help="HTML file to write.")],
    journal: JOURNAL = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Write the page of a queue: each item's picture, proposal, reason, priority and due time."""
    items = find(store, queue, ReviewQueue)
    write_page(out, queue_page(items, read_picture=_at_hand(store, journal or store / "journal")))
    give({"items": len(items), "page": str(out)}, as_json=as_json, lines=[f"{len(items)} items on {out}"])


def accept(
    queue: QUEUE,
    answers: Annotated[Path, typer.Argument(help="COCO, CVAT or Label Studio file (or folder) with the answers.")],
    reviewer: Annotated[str, typer.Option("--reviewer", help="Who answered, where the file does not say.")] = "",
    journal: JOURNAL = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Take answers in; items without an answer stay open."""
    opened, folder = open_store(store), journal or store / "journal"
    items = find(store, queue, ReviewQueue)
    given = read_answer_file(opened, items, folder, answers)
    corrections = accept_answers(opened, items, given, folder, reviewer=reviewer)
    who = sorted(set(corrections.answers.column("reviewer").to_pylist()))
    if not len(corrections):
        raise InputError(f"'{answers}' answers none of the {len(items)} items of the queue; nothing was taken in.")
    reason = f"answers of {', '.join(who[:3])}{' and others' if len(who) > 3 else ''}"
    waiting = _not_yet_in_a_dataset(opened, but=corrections.digest)
    digest = opened.put(corrections, name="corrections/latest", reason=reason)
    if waiting:
        say(
            f"corrections/latest stood for {waiting[:12]}, which is in no data set yet: `boxwright correct NAME {waiting[:12]}`"
        )
    late = sum(not row for row in corrections.answers.column("in_time").to_pylist())
    result = {"corrections": digest, "answered": len(corrections), "open": len(items) - len(corrections), "late": late}
    give(result, as_json=as_json, lines=[f"{len(corrections)} answered, {result['open']} open, {late} late", digest])


def _not_yet_in_a_dataset(store: Store, *, but: str) -> str | None:
    """What `corrections/latest` stands for, where no version of a data set was made from it."""
    history = store.history("corrections/latest")
    if not history or history[-1].digest == but:
        return None
    used = {store.made_from(digest).get("corrections") for digest in store.digests(Dataset.kind)}
    return None if history[-1].digest in used else history[-1].digest


def _at_hand(store: Path, journal: Path) -> Callable[[str], NDArray[np.uint8] | None]:
    """From a picture's digest to its pixels, or None."""
    look = pictures_of(open_store(store, must_exist=False), journal)

    def read(digest: str) -> NDArray[np.uint8] | None:
        try:
            return read_picture(look(digest), name=digest[:12])
        except InputError:
            return None

    return read
