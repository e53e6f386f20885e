"""A queue in a Label Studio project: pushed once however often, pulled as answers.

Pictures are uploaded under their content's digest, tasks carry the question's key. What is already there is not sent again, so a
push that was cut off goes on where it stopped, and a second push does nothing. Sending tasks is the one step that must not be
repeated blindly: after a broken connection the project is read again to see which of them arrived.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from boxwright.errors import ToolError
from boxwright.review.connection import Connection, File
from boxwright.review.label_studio import BOX, IMAGE, key_of, label_config, task_of
from boxwright.review.question import Look, Question, Shown, shown
from boxwright.store import digest_of_bytes

_PAGE = 200
_MOST_PAGES = 10_000
_BATCH_PICTURES, _BATCH_BYTES = 50, 32 << 20
_ROUNDS = 4
_UPLOAD = re.compile(r"upload/\d+/[0-9a-zA-Z]+-([0-9a-f]{64}\.(?:jpeg|png))")


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        project: the project's id.
        created: whether the project was made.
        new: tasks sent now.
        known: tasks that were there.
        uploaded: pictures sent now.
    """

    project: int
    created: bool
    new: int
    known: int
    uploaded: int


def push(
    connection: Connection,
    questions: Sequence[Question],
    *,
    title: str,
    class_names: Sequence[str],
    version: str,
    look: Look,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Pushed:
    """Ask questions in the project of a title, which is made when there is none.

    Args:
        connection: to the server.
        questions: of a queue.
        title: of the project.
        class_names: by class_id.
        version: of what proposed the boxes.
        look: picture digest to the encoded file.
        progress: called with (done, all).

    Raises:
        ToolError: the server refuses, or the project labels something else.
        InputError: a picture is not at hand.
    """
    found = _project(connection, title)
    project, created = (found, False) if found else (_make(connection, title, class_names), True)
    number = _id(project, "project")
    _check_form(project, title, class_names)
    there = _keys(connection, number)
    known = sum(q.key in there for q in questions)
    uploads = _uploads(connection, number)
    before = len(uploads)
    sent = 0
    for round_ in range(1, _ROUNDS + 1):
        missing = [q for q in _once(questions) if q.key not in there]
        try:
            for batch in _batches(missing, look):
                _send(connection, number, batch, uploads, class_names, version)
                sent += len(batch)
                progress(known + sent, len(questions))
            break
        except ToolError as error:
            if (error.status is not None and error.status < 500) or round_ == _ROUNDS:
                raise
            there = _keys(connection, number)
            sent = sum(q.key in there for q in questions) - known
    if sent:
        _show(connection, number, project, version)
    return Pushed(number, created, sent, known, len(uploads) - before)


def pull_tasks(connection: Connection, *, title: str) -> list[Any]:
    """All tasks of the project of a title, with their annotations; untrusted.

    Raises:
        ToolError: the server refuses, or there is no such project.
    """
    project = _project(connection, title)
    if project is None:
        raise ToolError(
            f"There is no project called '{title}' at {connection.address}; push the queue first.", status=404
        )
    return list(_tasks(connection, _id(project, "project"), whole=True))


def _project(connection: Connection, title: str) -> dict[str, Any] | None:
    found: list[dict[str, Any]] = []
    for page in range(1, _MOST_PAGES):
        answer = connection.ask("GET", "/api/projects/", query={"title": title, "page": page, "page_size": 100})
        results = _listed(answer.get("results") if isinstance(answer, dict) else answer, "projects", connection)
        found += [p for p in results if p.get("title") == title]
        if not (isinstance(answer, dict) and answer.get("next")):
            break
    if len(found) > 1:
        ids = ", ".join(str(p.get("id")) for p in found)
        raise ToolError(
            f"{len(found)} projects at {connection.address} are called '{title}' (ids {ids}); rename all but one."
        )
    return connection.ask("GET", f"/api/projects/{_id(found[0], 'project')}/") if found else None


def _make(connection: Connection, title: str, class_names: Sequence[str]) -> dict[str, Any]:
    body = {
        "title": title,
        "description": "Review queue of Boxwright. Submit without boxes where there is nothing; skip what you leave open.",
        "label_config": label_config(class_names),
        "show_collab_predictions": True,
        "enable_empty_annotation": True,
    }
    return connection.ask("POST", "/api/projects/", body=body, again=False)


def _check_form(project: dict[str, Any], title: str, class_names: Sequence[str]) -> None:
    """A project of that title must ask for our boxes, or answers would come back in other words."""
    form = project.get("parsed_label_config")
    box = form.get(BOX) if isinstance(form, dict) else None
    labels = box.get("labels") if isinstance(box, dict) else None
    if not isinstance(box, dict) or box.get("type") != "RectangleLabels" or box.get("to_name") != [IMAGE]:
        raise ToolError(
            f"The project '{title}' labels something else than boxes named '{BOX}'; name another project.", status=409
        )
    lacking = [name for name in class_names if not isinstance(labels, list) or name not in labels]
    if lacking:
        raise ToolError(
            f"The project '{title}' does not know the class '{lacking[0]}'; name another project.", status=409
        )


def _tasks(connection: Connection, project: int, *, whole: bool) -> Iterator[dict[str, Any]]:
    """The tasks of a project, page by page, each once."""
    query = {"project": project, "page_size": _PAGE, "resolve_uri": "false", **({"fields": "all"} if whole else {})}
    seen: set[Any] = set()
    for page in range(1, _MOST_PAGES):
        try:
            answer = connection.ask("GET", "/api/tasks/", query={**query, "page": page})
        except ToolError as error:
            if error.status == 404 and page > 1:  # tasks were deleted meanwhile
                return
            raise
        tasks = _listed(answer.get("tasks") if isinstance(answer, dict) else answer, "tasks", connection)
        fresh = [task for task in tasks if str(task.get("id")) not in seen]
        seen.update(str(task.get("id")) for task in fresh)
        yield from fresh
        total = answer.get("total") if isinstance(answer, dict) else None
        if not fresh or (isinstance(total, int) and len(seen) >= total):
            return


def _keys(connection: Connection, project: int) -> set[str]:
    return {key for task in _tasks(connection, project, whole=False) if (key := key_of(task))}


def _uploads(connection: Connection, project: int) -> dict[str, str]:
    """Name of an uploaded picture to where the server keeps it."""
    return _by_name(connection.ask("GET", f"/api/projects/{project}/file-uploads", query={"all": "true"}))


def _by_name(answer: Any) -> dict[str, str]:
    entries = answer if isinstance(answer, list) else []
    paths = [e["file"] for e in entries if isinstance(e, dict) and isinstance(e.get("file"), str)]
    return {match[1]: path for path in paths if (match := _UPLOAD.fullmatch(path))}


def _batches(questions: Sequence[Question], look: Look) -> Iterator[list[tuple[Question, Shown, str]]]:
    """Questions with their pictures as shown and what the upload is called, as many as go into one request."""
    batch: list[tuple[Question, Shown, str]] = []
    size = 0
    for question in questions:
        picture = shown(look(question.row["picture"]), name=question.row["picture"][:12])
        if batch and (len(batch) >= _BATCH_PICTURES or size + len(picture.data) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((question, picture, f"{digest_of_bytes(picture.data)}.{picture.ending}"))
        size += len(picture.data)
    if batch:
        yield batch


def _send(
    connection: Connection,
    project: int,
    batch: list[tuple[Question, Shown, str]],
    uploads: dict[str, str],
    class_names: Sequence[str],
    version: str,
) -> None:
    files = {name: File(name, f"image/{p.ending}", p.data) for _, p, name in batch if name not in uploads}
    if files:
        query = {"commit_to_project": "false"}
        answer = connection.ask("POST", f"/api/projects/{project}/import", query=query, files=list(files.values()))
        ids = answer.get("file_upload_ids") if isinstance(answer, dict) else None
        if not isinstance(ids, list) or len(ids) != len(files) or not all(isinstance(i, int) for i in ids):
            raise ToolError(f"{connection.address} took the pictures but does not say where they are.", status=200)
        query = {"ids": json.dumps(ids, separators=(",", ":"))}
        uploads.update(_by_name(connection.ask("GET", f"/api/projects/{project}/file-uploads", query=query)))
    lost = next((name for _, _, name in batch if name not in uploads), None)
    if lost is not None:
        raise ToolError(f"{connection.address} did not keep the picture '{lost[:12]}' under its name.", status=200)
    tasks = [
        task_of(
            question,
            image=f"{connection.path}/data/{uploads[name]}",
            size_hw=picture.size_hw,
            class_names=class_names,
            version=version,
        )
        for question, picture, name in batch
    ]
    answer = connection.ask("POST", f"/api/projects/{project}/import", body=tasks, again=False)
    count = answer.get("task_count") if isinstance(answer, dict) else None
    if count != len(tasks):
        raise ToolError(
            f"{connection.address} was sent {len(tasks)} tasks and says it made {str(count)[:20]}.", status=200
        )


def _show(connection: Connection, project: int, before: dict[str, Any], version: str) -> None:
    """Label Studio shows the predictions of one version: that of the newest push."""
    if before.get("model_version") != version:
        connection.ask(
            "PATCH", f"/api/projects/{project}/", body={"model_version": version, "show_collab_predictions": True}
        )


def _once(questions: Sequence[Question]) -> list[Question]:
    return list({question.key: question for question in questions}.values())


def _listed(value: Any, what: str, connection: Connection) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
        raise ToolError(f"{connection.address} does not list its {what} as Label Studio does; is it one?", status=200)
    return value


def _id(entry: Any, what: str) -> int:
    number = entry.get("id") if isinstance(entry, dict) else None
    if not isinstance(number, int) or isinstance(number, bool):
        raise ToolError(f"The server gave a {what} without a number; is it Label Studio?", status=200)
    return number
