"""A queue on its way to people and back: pictures from store and journal, hand-outs, Label Studio, answers, corrections.

A queue may ask about traffic (its pictures lie in the journal) or about a dataset (they lie in the store); here both look alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from boxwright.artifacts import Corrections, Events, ReviewQueue
from boxwright.errors import InputError, StoreError
from boxwright.images import measure, read_header, read_picture
from boxwright.ingestion import read_answers
from boxwright.ingestion.source import read_source
from boxwright.json_text import parse_json
from boxwright.lifecycle.review_log import exports_of, note, note_skipped
from boxwright.review import (
    REVIEWED,
    Answer,
    Connection,
    Form,
    HandedOut,
    Look,
    Pulled,
    Pushed,
    Weighed,
    accept,
    answers_as_coco,
    answers_of_tasks,
    beside_coco,
    hand_out,
    pull_tasks,
    push,
    questions,
    reviewed_pictures,
    tasks_of_export,
    weigh,
)
from boxwright.serving import kept_picture
from boxwright.store import Store, digest_of_bytes, write_bytes

_DIGEST = re.compile(r"[0-9a-f]{64}")


def pictures_of(store: Store, journal: Path) -> Look:
    """From a picture's digest to its bytes: the store's, else the journal's."""

    def look(digest: str) -> bytes:
        if not _DIGEST.fullmatch(digest):
            raise InputError(f"An item has no picture (its digest is '{digest[:20]}'); there is nothing to look at.")
        if digest in store.pictures:
            return store.pictures.read(digest)
        path = kept_picture(journal, digest)
        if not path.is_file():
            raise InputError(
                f"Picture {digest[:12]} is neither in the store nor kept in '{path.parent}'; it cannot be reviewed."
            )
        data = path.read_bytes()
        if digest_of_bytes(data) != digest:
            raise InputError(f"Picture {digest[:12]} in '{path.parent}' is damaged: its bytes have another digest.")
        return data

    return look


def at_hand(store: Store, journal: Path, digests: Iterable[str]) -> set[str]:
    """Those of some pictures that the store or the journal keeps."""
    plain = {digest for digest in digests if _DIGEST.fullmatch(digest)}
    return {digest for digest in plain if digest in store.pictures or kept_picture(journal, digest).is_file()}


def proposer_of(store: Store, queue: ReviewQueue) -> str:
    """What made a queue's proposals: the digest of the bundle, or of the dataset whose annotations are in doubt."""
    for role in ("bundle", "dataset"):
        if role in queue.made_from:
            return queue.made_from[role]
    try:
        bundles = store.get(queue.made_from["events"], Events).events.column("bundle").to_pylist()
    except (KeyError, StoreError):
        bundles = []
    return bundles[0] if bundles else queue.digest


def export_queue(
    store: Store,
    queue: ReviewQueue,
    journal: Path,
    folder: Path,
    *,
    form: Form = "coco",
    least_score: float | None = None,
    local_files: str | None = None,
) -> HandedOut:
    """Write a queue's pictures and proposed boxes into a folder; how many. See `review.hand_out`.

    The store keeps from which score on, so that `accept_answers` knows what went out.
    """
    handed = hand_out(
        queue,
        folder,
        form=form,
        look=pictures_of(store, journal),
        version=proposer_of(store, queue),
        least_score=least_score,
        local_files=local_files,
    )
    _note_export(store, queue, form, least_score)
    return handed


def _note_export(store: Store, queue: ReviewQueue, to: str, least_score: float | None) -> None:
    if queue.digest in store.digests(ReviewQueue.kind):  # a queue in a folder of its own has no store to keep it
        note(store, "exported", queue=queue.digest, to=to, least_score=least_score)


def push_queue(
    store: Store,
    queue: ReviewQueue,
    journal: Path,
    connection: Connection,
    *,
    title: str,
    least_score: float | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Pushed:
    """Ask a queue's questions in a Label Studio project. See `review.push`."""
    _note_export(store, queue, "labelstudio", least_score)
    return push(
        connection,
        questions(queue, least_score=least_score),
        title=title,
        class_names=queue.class_names,
        version=proposer_of(store, queue),
        look=pictures_of(store, journal),
        progress=progress,
    )


def pull_answers(
    store: Store, queue: ReviewQueue, journal: Path, connection: Connection, out: Path, *, title: str
) -> Pulled:
    """What people answered in a Label Studio project, written as a file that `accept` takes."""
    look = pictures_of(store, journal)
    pulled = _from_tasks(queue, pull_tasks(connection, title=title), look)
    picture = {row["item"]: row["picture"] for row in queue.items.to_pylist()}
    written = answers_as_coco(
        pulled.answers,
        class_names=queue.class_names,
        size_of=lambda answer: _size_hw(look(picture[answer.file_name])),
        queue=queue.digest,
    )
    write_bytes(out, written)
    note_skipped(store, queue, pulled.skipped)
    return pulled


@dataclass(frozen=True)
class AnswerFile:
    """The answers in a file, and the items that it says somebody skipped."""

    answers: list[Answer]
    skipped: list[str] = field(default_factory=list)


def read_answer_file(store: Store, queue: ReviewQueue, journal: Path, path: Path) -> AnswerFile:
    """The answers in a file: COCO, Label Studio's JSON export, CVAT for images, or whatever else ingestion reads.

    Every picture that the file lists is an answer; `Answer.looked_at` is what the file says about a person's look: Label Studio by
    a submitted annotation (without one there is no answer), CVAT by the tag `reviewed` where it knows it, COCO by `reviewer` and
    `answered_at` on the image, and nothing else at all.

    Raises:
        InputError: the file cannot be read as a whole; nothing is taken then.
    """
    if path.is_file() and path.suffix.lower() == ".json":
        tree = parse_json(path.read_bytes(), path)
        if isinstance(tree, list):
            pulled = _from_tasks(queue, tasks_of_export(tree), pictures_of(store, journal))
            if pulled.refused:
                item, why = pulled.refused[0]
                raise InputError(f"'{path}': the answer for item '{item}' cannot be used: {why}. Nothing was accepted.")
            return AnswerFile(pulled.answers, pulled.skipped)
        found = read_answers(path)
        beside = beside_coco(tree)
        return AnswerFile([_from_coco(entry, beside.get(entry.file_name, {})) for entry in found])
    return AnswerFile(_from_source(path))


def _from_coco(entry: Any, beside: Mapping[str, Any]) -> Answer:
    """An image of a COCO file; one that says who answered and when was looked at."""
    return Answer(**vars(entry), **beside, looked_at=True if {"reviewer", "answered_at"} <= beside.keys() else None)


@dataclass(frozen=True)
class Accepted:
    """Corrections from a file's answers, and what became of each image of the file."""

    corrections: Corrections
    weighed: Weighed


def accept_answers(
    store: Store,
    queue: ReviewQueue,
    answers: list[Answer],
    journal: Path,
    *,
    reviewer: str = "",
    unchanged_is_confirmed: bool = False,
    emptied_is_confirmed: bool = False,
) -> Accepted:
    """Corrections from the answers that show that a person looked; their pictures are kept in the store from here on.

    Args:
        store, journal: hold the pictures.
        queue: what was asked.
        answers: of one file.
        reviewer: who answered, where an answer does not say so itself.
        unchanged_is_confirmed, emptied_is_confirmed: see `review.weigh`.

    Raises:
        InputError: no answer shows that a person looked, or one cannot be used; nothing is kept then.
    """
    look = pictures_of(store, journal)
    weighed = weigh(
        queue, answers, size_of=lambda digest: _size_or_none(look, digest), exports=exports_of(store, queue.digest),
        others=_asked_elsewhere(store, queue),
        unchanged_is_confirmed=unchanged_is_confirmed, emptied_is_confirmed=emptied_is_confirmed,
    )  # fmt: skip
    if answers and not weighed.answers:
        raise InputError(_nobody_looked(weighed))
    corrections = accept(queue, weighed.answers, look=lambda digest: _measured(look(digest)), reviewer=reviewer)
    new = (d for d in corrections.answers.column("picture").to_pylist() if d not in store.pictures)
    store.pictures.add(look(digest) for digest in list(new))
    return Accepted(corrections, weighed)


def _asked_elsewhere(store: Store, queue: ReviewQueue) -> dict[str, list[tuple[ReviewQueue, Mapping[str, Any]]]]:
    """Image digest to the other stored queues, and their rows, that asked about an image of this one."""
    mine = set(queue.items.column("picture").to_pylist())
    found: dict[str, list[tuple[ReviewQueue, Mapping[str, Any]]]] = {}
    for digest in store.digests(ReviewQueue.kind):
        if digest != queue.digest:
            other = store.get(digest, ReviewQueue)
            for row in other.items.to_pylist():
                if row["picture"] in mine:
                    found.setdefault(row["picture"], []).append((other, row))
    return found


def _nobody_looked(weighed: Weighed) -> str:
    """Why a file holds no answer, and what to do."""
    untouched, emptied, unmarked = (len(weighed.of_state(s)) for s in ("untouched", "emptied", "not marked"))
    if emptied:
        return (
            f"The file contains no box at all, though boxes were proposed on {emptied} of its {len(weighed.changes)} images: the tool may "
            f"have left them out. Nothing was accepted. If every box is wrong, pass --emptied-is-confirmed."
        )
    if untouched:
        return (
            f"The boxes on all {untouched} images are the proposed ones, unchanged: nothing shows that a person looked, and proposals are "
            f"not ground truth. Nothing was accepted. If somebody looked at each image and agrees, pass --unchanged-is-confirmed."
        )
    changed = sum(any(n for kind, n in c.boxes.items() if kind != "kept") for c in weighed.of_state("not marked"))
    return (
        f"None of the {unmarked} images has the tag '{REVIEWED}' ({changed} have changed boxes). Nothing was accepted. Set the tag in CVAT "
        f"on each image that a person has looked at, and export again."
    )


def _from_tasks(queue: ReviewQueue, tasks: list, look: Look) -> Pulled:
    return answers_of_tasks(
        tasks, questions(queue), class_names=queue.class_names, size_of=lambda digest: _size_hw(look(digest))
    )


def _size_hw(data: bytes) -> tuple[int, int]:
    return read_header(data).size_hw


def _size_or_none(look: Look, digest: str) -> tuple[int, int] | None:
    """Height and width of a picture, None where it is no longer at hand; that matters only where it is answered."""
    try:
        return _size_hw(look(digest))
    except InputError:
        return None


def _measured(data: bytes) -> tuple[tuple[int, int], dict[str, float]]:
    """Height and width of an encoded picture, and its measured conditions."""
    picture = read_picture(data)
    return (picture.shape[0], picture.shape[1]), measure(picture)


def _from_source(path: Path) -> list[Answer]:
    """Answers in whatever ingestion reads; nothing is left out or turned in silence."""
    reading = read_source(path)
    errors = [problem for problem in reading.problems if problem.severity == "error"]
    if errors:
        raise InputError(f"'{path}', {errors[0].where}: {errors[0].message}. Nothing was accepted.")
    if reading.turned:
        kind, count = reading.turned.most_common(1)[0]
        raise InputError(f"'{path}' holds {count} x {kind}; answers are upright boxes. Nothing was accepted.")
    looked_at = _reviewed(path) if reading.format == "cvat" else None
    return [
        Answer(
            file_name=record.file_name,
            boxes_xyxy=record.boxes.boxes_xyxy,
            class_names=[reading.class_names[i] for i in record.boxes.class_id],
            ignore=(record.boxes.ignore | record.boxes.crowd).tolist(),
            conditions=record.conditions,
            size_hw=record.size_hw,
            attributes=[{k: v for k, v in (m or {}).items() if v is not False} for m in record.boxes.attributes or []],
            looked_at=None if looked_at is None else PurePath(record.file_name).name in looked_at,
        )
        for record in reading.pictures
        if record.labelled
    ]


def _reviewed(path: Path) -> set[str] | None:
    """Names, without folders, of the pictures that CVAT's files say a person has looked at."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*.xml") if p.is_file() and not p.is_symlink())
    tagged = [reviewed_pictures(file.read_bytes(), name=str(file)) for file in files]
    known = [names for names in tagged if names is not None]
    return {PurePath(name).name for names in known for name in names} if known else None
