"""The parts of `boxwright review` that hand a queue to another tool: export, push, pull."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from boxwright.artifacts import ReviewQueue
from boxwright.cli.grouped import grouped
from boxwright.cli.progress import Bars, say
from boxwright.cli.terminal import STORE, JsonOption, StoreOption, find, give, open_store, say_next
from boxwright.errors import InputError
from boxwright.lifecycle import export_queue, pull_answers, push_queue
from boxwright.review import Connection, questions

JOURNAL = Annotated[Path | None, typer.Option("--journal", help="Folder of the journal; default STORE/journal.")]
QUEUE = Annotated[str, typer.Argument(help="Review queue: name or digest.")]
_SHOWN = 5


class Form(StrEnum):
    """Files a queue can be written as."""

    coco = "coco"
    cvat = "cvat"
    labelstudio = "labelstudio"


class Tool(StrEnum):
    """Tools with a REST interface that we speak."""

    labelstudio = "labelstudio"


_LEAST = Annotated[
    float | None,
    typer.Option(
        "--least-score", min=0, max=1,
        help="Hand out proposals from this score on; default: what would be answered, and the spec's low_score_margin below.",
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Service:
    """A labelling service, and how it is reached."""

    url: Annotated[str, typer.Option("--url", help="Address of the tool, such as https://labels.example.org.")]
    project: Annotated[str, typer.Option("--project", help="Title of the project.")]
    token_env: Annotated[str, typer.Option("--token-env", help="Environment variable that holds the token.")] = (
        "LABEL_STUDIO_API_KEY"
    )
    insecure: Annotated[bool, typer.Option("--insecure", help="Send the token unencrypted to another machine.")] = False
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds to wait for an answer to begin.")] = 60.0

    def connection(self) -> Connection:
        """The connection; InputError without a token."""
        token = os.environ.get(self.token_env, "")
        if not token:
            raise InputError(
                f"The environment variable {self.token_env} holds no token; take one from the tool's account page."
            )
        return Connection(self.url, token, insecure=self.insecure, timeout_s=self.timeout)


def export(
    queue: QUEUE,
    out: Annotated[Path, typer.Argument(help="Folder to write pictures and proposed boxes into.")],
    to: Annotated[Form, typer.Option("--to", help="Form of the annotation file.")] = Form.coco,
    least_score: _LEAST = None,
    local_files: Annotated[
        str | None, typer.Option("--local-files", help="Label Studio: the folder's path below its local files root.")
    ] = None,
    journal: JOURNAL = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Write the queue's pictures and proposed boxes as files for a labelling tool."""
    if local_files is not None and to is not Form.labelstudio:
        raise InputError("--local-files is for `--to labelstudio` only.")
    items = find(store, queue, ReviewQueue)
    handed = export_queue(
        open_store(store, must_exist=False),
        items,
        journal or store / "journal",
        out,
        form=to.value,
        least_score=least_score,
        local_files=local_files,
    )
    result = {**vars(handed), "to": to.value, "out": str(out)}
    lines = [f"{handed.items} pictures in {out}", handed_line(handed.proposed, handed.held_back)]
    give(result, as_json=as_json, lines=lines)
    file = {Form.coco: "annotations.json", Form.cvat: "annotations.xml", Form.labelstudio: "tasks.json"}[to]
    say_next(
        f"correct {out / file} in a labelling tool; then",
        f"boxwright review accept {queue} THE-CORRECTED-FILE --reviewer NAME",
        as_json=as_json,
    )


def handed_line(proposed: int, held_back: int) -> str:
    """How many proposed boxes go to people, and how many do not."""
    boxes = f"{proposed:,} proposed box{'' if proposed == 1 else 'es'}"
    return f"{boxes}; {held_back:,} fainter held back, `--least-score 0` hands out all" if held_back else boxes


@grouped
def push(
    queue: QUEUE,
    service: Service,
    to: Annotated[Tool, typer.Option("--to", help="The tool.")] = Tool.labelstudio,
    least_score: _LEAST = None,
    journal: JOURNAL = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Ask the queue's questions in a Label Studio project; what is there already is not sent again."""
    items = find(store, queue, ReviewQueue)
    connection = service.connection()
    with Bars().shown() as bars:
        done = push_queue(
            open_store(store, must_exist=False),
            items,
            journal or store / "journal",
            connection,
            title=service.project,
            least_score=least_score,
            progress=lambda k, of: bars("pushed", k, of),
        )
    asked = questions(items, least_score=least_score)
    proposed, held_back = sum(len(q.proposal) for q in asked), sum(q.held_back for q in asked)
    result = {"items": len(items), **vars(done), "proposed": proposed, "held_back": held_back}
    line = f"{done.new} new tasks, {done.known} already there, {done.uploaded} pictures sent; project {done.project}"
    give(result, as_json=as_json, lines=[line, handed_line(proposed, held_back)])


@grouped
def pull(
    queue: QUEUE,
    out: Annotated[Path, typer.Argument(help="File to write; `review accept` takes it.")],
    service: Service,
    from_: Annotated[Tool, typer.Option("--from", help="The tool.")] = Tool.labelstudio,
    journal: JOURNAL = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Fetch what people answered in a Label Studio project, as a file for `review accept`."""
    items = find(store, queue, ReviewQueue)
    connection = service.connection()
    opened = open_store(store, must_exist=False)
    found = pull_answers(opened, items, journal or store / "journal", connection, out, title=service.project)
    for item, why in found.refused[:_SHOWN]:
        say(f"item {item} stays open: {why}")
    if len(found.refused) > _SHOWN:
        say(f"and {len(found.refused) - _SHOWN} more; --json lists them")
    unopened = [answer.file_name for answer in found.answers if not answer.looked_at]
    if unopened:
        say(
            f"{len(unopened)} annotations were made from predictions and opened by nobody; `accept` takes only changed ones"
        )
    result = {
        "out": str(out),
        "answered": len(found.answers),
        "unopened": unopened,
        "skipped": found.skipped,
        "waiting": len(found.waiting),
        "missing": found.missing,
        "refused": [{"item": item, "why": why} for item, why in found.refused],
    }
    line = (
        f"{len(found.answers)} answered, {len(found.skipped)} skipped, {len(found.waiting)} waiting, "
        f"{len(found.refused)} refused, {len(found.missing)} without a task"
    )
    give(result, as_json=as_json, lines=[line, str(out)])
