"""A queue on its way to people and back: pictures from store and journal, hand-outs, Label Studio, answers, corrections.

A queue may ask about traffic (its pictures lie in the journal) or about a dataset (they lie in the store); here both look alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path, PurePath

from boxwright.artifacts import Corrections, Events, ReviewQueue
from boxwright.errors import InputError, StoreError
from boxwright.images import measure, read_header, read_picture
from boxwright.ingestion import read_answers
from boxwright.ingestion.json_text import parse_json
from boxwright.ingestion.source import read_source
from boxwright.review import (
    Answer,
    Connection,
    Form,
    Look,
    Pulled,
    Pushed,
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
    least_score: float = 0.0,
    local_files: str | None = None,
) -> int:
    """Write a queue's pictures and proposed boxes into a folder; how many pictures. See `review.hand_out`."""
    return hand_out(
        queue,
        folder,
        form=form,
        look=pictures_of(store, journal),
        version=proposer_of(store, queue),
        least_score=least_score,
        local_files=local_files,
    )


def push_queue(
    store: Store,
    queue: ReviewQueue,
    journal: Path,
    connection: Connection,
    *,
    title: str,
    least_score: float = 0.0,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Pushed:
    """Ask a queue's questions in a Label Studio project. See `review.push`."""
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
    return pulled


def read_answer_file(store: Store, queue: ReviewQueue, journal: Path, path: Path) -> list[Answer]:
    """The answers in a file: COCO, Label Studio's JSON export, CVAT for images, or whatever else ingestion reads.

    A picture that the file lists was looked at, with these exceptions: Label Studio's tasks were when they have a submitted
    annotation; CVAT lists every picture, so where it knows the tag `reviewed`, only pictures with that tag were.

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
            return pulled.answers
        found = read_answers(path)
        beside = beside_coco(tree)
        return [Answer(**vars(entry), **beside.get(entry.file_name, {})) for entry in found]
    return _from_source(path)


def accept_answers(
    store: Store, queue: ReviewQueue, answers: list[Answer], journal: Path, *, reviewer: str = ""
) -> Corrections:
    """Corrections from answers; the reviewed pictures are kept in the store from here on."""
    look = pictures_of(store, journal)
    corrections = accept(queue, answers, look=lambda digest: _measured(look(digest)), reviewer=reviewer)
    new = (d for d in corrections.answers.column("picture").to_pylist() if d not in store.pictures)
    store.pictures.add(look(digest) for digest in list(new))
    return corrections


def _from_tasks(queue: ReviewQueue, tasks: list, look: Look) -> Pulled:
    return answers_of_tasks(
        tasks, questions(queue), class_names=queue.class_names, size_of=lambda digest: _size_hw(look(digest))
    )


def _size_hw(data: bytes) -> tuple[int, int]:
    return read_header(data).size_hw


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
        )
        for record in reading.pictures
        if record.labelled and (looked_at is None or PurePath(record.file_name).name in looked_at)
    ]


def _reviewed(path: Path) -> set[str] | None:
    """Names, without folders, of the pictures that CVAT's files say a person has looked at."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*.xml") if p.is_file() and not p.is_symlink())
    tagged = [reviewed_pictures(file.read_bytes(), name=str(file)) for file in files]
    known = [names for names in tagged if names is not None]
    return {PurePath(name).name for names in known for name in names} if known else None
