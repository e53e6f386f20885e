"""`boxwright review`: what people should look at; the way to other tools and back is in files of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from boxwright.artifacts import ReviewQueue
from boxwright.cli import review_answers, review_tools
from boxwright.cli.documents import SetOption, because, read_spec
from boxwright.cli.progress import say
from boxwright.cli.review_tools import JOURNAL, QUEUE
from boxwright.cli.terminal import (
    STORE,
    JsonOption,
    SpecOption,
    StoreOption,
    find,
    give,
    open_store,
    say_next,
    write_page,
)
from boxwright.errors import InputError
from boxwright.images import read_picture
from boxwright.lifecycle import answered_pictures, at_hand, pictures_of, select_for_review
from boxwright.pages import queue_page
from boxwright.review import questions


def add_to(app: typer.Typer) -> None:
    """Add the verb and its parts."""
    review = typer.Typer(
        help="Select, show, hand out, accept and take back what people review.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    for name, part in (("select", select), ("list", show_items), ("page", page_of), ("export", review_tools.export),
                       ("push", review_tools.push), ("pull", review_tools.pull), ("accept", review_answers.accept),
                       ("undo", review_answers.undo), ("close", review_answers.close)):  # fmt: skip
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
    """Choose uncertain, novel and random events for review, with due times; exit code 1 if nothing is left to choose.

    Images that were answered, or lie in an open queue, are left out.
    """
    promise = read_spec(spec, values)
    opened = open_store(store)
    folder = journal or store / "journal"
    queue = select_for_review(opened, promise, folder, since=since)
    summary = queue.parts().document["summary"]
    if queue.summary.journal:
        say(queue.summary.journal["sentence"])
    left_out = queue.summary.left_out
    told = ", ".join(f"{count} {why}" for why, count in left_out.items())
    if not len(queue):
        line = f"nothing to select among {queue.summary.pictures_at_hand} images" + (f": {told}" if told else "")
        give({"review_queue": None, "items": 0, **summary}, as_json=as_json, lines=[line])
        raise typer.Exit(1)
    digest = opened.put(queue, name=f"review/{promise.name}", reason=because("select", values))
    if page:
        write_page(page, queue_page(queue, read_picture=_at_hand(store, folder)))
    chosen = queue.summary.chosen
    lines = [f"{len(queue)} items: " + ", ".join(f"{count} {reason}" for reason, count in chosen.items())]
    if told:
        lines.append(f"left out: {told}")
    lines += [_handed_out(queue), digest]
    result = {
        "review_queue": digest,
        "items": len(queue),
        **summary,
        "least_scores": dict(queue.least_scores),
    }
    give(result, as_json=as_json, lines=lines)
    say_next(f"boxwright review export review/{promise.name} to-review --to coco", as_json=as_json)


def _handed_out(queue: ReviewQueue) -> str:
    asked = questions(queue)
    return review_tools.handed_line(sum(len(q.proposal) for q in asked), sum(q.held_back for q in asked))


def show_items(queue: QUEUE, journal: JOURNAL = None, store: StoreOption = STORE, as_json: JsonOption = False) -> None:
    """List the items of a queue, in the order in which they are due."""
    items = find(store, queue, ReviewQueue).items.to_pylist()
    opened = open_store(store, must_exist=False)
    kept = at_hand(opened, journal or store / "journal", (i["picture"] for i in items))
    answered = answered_pictures(opened)
    shown: list[dict[str, Any]] = [
        {**item, "at_hand": item["picture"] in kept, "answered": item["picture"] in answered} for item in items
    ]
    for item in shown:
        del item["proposal"]
    lines = [
        f"{i['priority']} due {datetime.fromtimestamp(i['due_at'], UTC):%Y-%m-%d %H:%M} {i['reason']:9} "
        f"{i['camera'] or '-':8} {i['file_name'] or i['picture'][:12]}{' (answered)' if i['answered'] else ''}"
        f"{'' if i['at_hand'] else ' (picture not at hand)'}"
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


def _at_hand(store: Path, journal: Path) -> Callable[[str], NDArray[np.uint8] | None]:
    """From a picture's digest to its pixels, or None."""
    look = pictures_of(open_store(store, must_exist=False), journal)

    def read(digest: str) -> NDArray[np.uint8] | None:
        try:
            return read_picture(look(digest), name=digest[:12])
        except InputError:
            return None

    return read
