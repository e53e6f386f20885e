"""`boxwright review`: what people should look at, and what they answered."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from boxwright.artifacts import ReviewQueue
from boxwright.cli.terminal import STORE, JsonOption, SpecOption, StoreOption, find, give, open_store, write_page
from boxwright.images import read_picture
from boxwright.ingestion import read_answers
from boxwright.lifecycle import accept_answers, export_queue, select_for_review
from boxwright.pages import queue_page
from boxwright.review import Answer
from boxwright.serving import kept_picture
from boxwright.spec import load_spec

_JOURNAL = Annotated[Path | None, typer.Option("--journal", help="Folder of the journal; default STORE/journal.")]
_QUEUE = Annotated[str, typer.Argument(help="Review queue: name or digest.")]


def add_to(app: typer.Typer) -> None:
    """Add the verb and its four parts."""
    review = typer.Typer(
        help="Select, list, export and accept what people review.", no_args_is_help=True, rich_markup_mode=None
    )
    for name, part in (("select", select), ("list", show_items), ("export", export), ("accept", accept)):
        review.command(name)(part)
    app.add_typer(review, name="review")


def select(
    spec: SpecOption,
    journal: _JOURNAL = None,
    since: Annotated[float, typer.Option("--since", help="Seconds since 1970; older events are left out.")] = 0.0,
    page: Annotated[Path | None, typer.Option("--page", help="Also write the HTML page.")] = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Choose uncertain, novel and random events for review, with due times."""
    promise = load_spec(spec)
    opened = open_store(store)
    folder = journal or store / "journal"
    queue = select_for_review(opened, promise, folder, since=since)
    digest = opened.put(queue, name=f"review/{promise.name}", reason="select")
    if page:
        write_page(page, queue_page(queue, read_picture=lambda d: _kept(folder, d)))
    chosen = queue.summary["chosen"]
    lines = [f"{len(queue)} items: " + ", ".join(f"{count} {reason}" for reason, count in chosen.items()), digest]
    give({"review_queue": digest, "items": len(queue), **dict(queue.summary)}, as_json=as_json, lines=lines)


def show_items(queue: _QUEUE, store: StoreOption = STORE, as_json: JsonOption = False) -> None:
    """List the items of a queue, in the order in which they are due."""
    items = find(store, queue, ReviewQueue).items.to_pylist()
    shown = [{k: v for k, v in item.items() if k != "proposal"} for item in items]
    lines = [
        f"{i['priority']} due {datetime.fromtimestamp(i['due_at'], UTC):%Y-%m-%d %H:%M} {i['reason']:9} {i['camera'] or '-':8} {i['file_name'] or i['picture'][:12]}"
        for i in items
    ]
    give({"items": shown}, as_json=as_json, lines=lines or ["the queue is empty"])


def export(
    queue: _QUEUE,
    out: Annotated[Path, typer.Argument(help="Folder to write pictures and a COCO file with proposed boxes into.")],
    journal: _JOURNAL = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Write the queue's pictures and the bundle's boxes as COCO, to be corrected in any labelling tool."""
    items = find(store, queue, ReviewQueue)
    count = export_queue(items, journal or store / "journal", out)
    give({"items": count, "out": str(out)}, as_json=as_json, lines=[f"{count} pictures and {out / 'annotations.json'}"])


def accept(
    queue: _QUEUE,
    answers: Annotated[Path, typer.Argument(help="COCO file with the boxes each reviewed picture should have.")],
    reviewer: Annotated[str, typer.Option("--reviewer", help="Who answered.")],
    journal: _JOURNAL = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Take answers in; items without an entry stay open."""
    opened = open_store(store)
    items = find(store, queue, ReviewQueue)
    given = [Answer(**vars(entry)) for entry in read_answers(answers)]
    corrections = accept_answers(opened, items, given, journal or store / "journal", reviewer=reviewer)
    digest = opened.put(corrections, name="corrections/latest", reason=f"answers of {reviewer}")
    late = sum(not row for row in corrections.answers.column("in_time").to_pylist())
    result = {"corrections": digest, "answered": len(corrections), "open": len(items) - len(corrections), "late": late}
    give(result, as_json=as_json, lines=[f"{len(corrections)} answered, {result['open']} open, {late} late", digest])


def _kept(folder: Path, digest: str):
    path = kept_picture(folder, digest)
    return read_picture(path.read_bytes(), name=digest[:12]) if path.is_file() else None
