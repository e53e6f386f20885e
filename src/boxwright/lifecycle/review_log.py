"""What happened to queues and answers, as lines that are only ever appended: `reviews.jsonl` in the store.

`exported`: a queue went out, with proposals from which score on. `skipped`: somebody put items aside. `accepted`: answers were taken
in. `withdrawn`: they count no more, and their items are open again. `closed`: nobody will answer the rest of a queue. What is newest
about something holds. Answers that the log does not know count, so that stores of before mean what they meant.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from boxwright.artifacts import Corrections, ReviewQueue
from boxwright.errors import InputError, StoreError
from boxwright.store import Store, actor
from boxwright.store.log_lines import read_line

_LOG = "reviews.jsonl"
_MOST_SKIPPED = 2  # queues in which an image may be skipped before it is not selected again

Entry = Mapping[str, Any]


def note(store: Store, what: str, **facts: Any) -> None:
    """One more line of the log."""
    store.place.append(_LOG, json.dumps({"at": time.time(), "actor": actor(), "what": what, **facts}))


def entries(store: Store) -> list[Entry]:
    """All lines, oldest first.

    Raises:
        StoreError: a line cannot be read.
    """
    found: list[Entry] = []
    for number, line in enumerate(store.place.lines(_LOG), start=1):
        try:
            found.append(read_line(_LOG, line))
        except ValueError as error:
            raise StoreError(
                f"Line {number} of the log of reviews ('{_LOG}' in the store) is damaged: {error}. Correct it, or delete it."
            ) from error
    return found


def exports_of(store: Store, queue: str) -> list[float | None]:
    """The `least_score` of each recorded export of a queue; None stands for the queue's own."""
    return [e.get("least_score") for e in entries(store) if e["what"] == "exported" and e.get("queue") == queue]


def withdrawn(store: Store) -> dict[str, Entry]:
    """Digest of corrections that count no more, to the line that says so."""
    found: dict[str, Entry] = {}
    for entry in entries(store):
        if entry["what"] == "withdrawn":
            found[str(entry.get("corrections"))] = entry
        elif entry["what"] == "accepted":
            found.pop(str(entry.get("corrections")), None)
    return found


def counting_corrections(store: Store) -> list[str]:
    """Digests of all stored corrections that were not withdrawn."""
    gone = withdrawn(store)
    return [digest for digest in store.digests(Corrections.kind) if digest not in gone]


def refuse_withdrawn(store: Store, corrections: Corrections) -> None:
    """InputError where corrections were withdrawn."""
    entry = withdrawn(store).get(corrections.digest)
    if entry is not None:
        raise InputError(
            f"The corrections {corrections.digest[:12]} were withdrawn ({entry.get('reason') or 'no reason given'}); nothing was "
            f"written. Accept the answers again if they should count: `boxwright review accept QUEUE ANSWERS`."
        )


def answered_pictures(store: Store) -> set[str]:
    """Digests of the images for which there is an answer that counts."""
    found: set[str] = set()
    for digest in counting_corrections(store):
        found.update(store.get(digest, Corrections).answers.column("picture").to_pylist())
    return found


def closed_queues(store: Store) -> set[str]:
    """Digests of queues that were closed."""
    return {str(entry.get("queue")) for entry in entries(store) if entry["what"] == "closed"}


def asked_pictures(store: Store, *, now: float | None = None) -> dict[str, str]:
    """Digest of each image that should not be selected now to why: `answered`, `in an open queue`, `skipped twice`.

    An item is open until it is answered, its due time has passed, or its queue is closed. A skipped item is one that stays open; an
    image that was skipped in two queues is not selected again.
    """
    now = time.time() if now is None else now
    skipped = {(e.get("queue"), picture) for e in entries(store) if e["what"] == "skipped" for picture in e["pictures"]}
    times = Counter(picture for _, picture in skipped)
    found = {picture: "skipped twice" for picture, count in times.items() if count >= _MOST_SKIPPED}
    closed = closed_queues(store)
    for digest in store.digests(ReviewQueue.kind):
        if digest not in closed:
            items = store.get(digest, ReviewQueue).items
            columns = (items.column("picture").to_pylist(), items.column("due_at").to_pylist())
            found |= {picture: "in an open queue" for picture, due in zip(*columns, strict=True) if due >= now}
    return found | dict.fromkeys(answered_pictures(store), "answered")


def note_skipped(store: Store, queue: ReviewQueue, items: Iterable[str]) -> None:
    """Write down which items somebody put aside, each once a queue."""
    known = {
        e2 for e in entries(store) if e["what"] == "skipped" and e.get("queue") == queue.digest for e2 in e["pictures"]
    }
    wanted = set(items)
    new = [row["picture"] for row in queue.items.to_pylist() if row["item"] in wanted and row["picture"] not in known]
    if new:
        note(store, "skipped", queue=queue.digest, pictures=new)
