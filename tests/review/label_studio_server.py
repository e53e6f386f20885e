"""A Label Studio small enough to misbehave on request; tests/lifecycle/test_label_studio.py holds it against the real one."""

from __future__ import annotations

import base64
import email.parser
import email.policy
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET  # the form is our own

LEGACY = "0123456789abcdef0123456789abcdef01234567"
_MOMENT = "2025-06-15T15:06:{:02}.000000Z"


def jwt(kind: str, number: int = 0) -> str:
    """A token of a form that Label Studio's have; nobody checks its signature here."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"token_type": kind, "exp": 8102469795, "jti": str(number)}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "V8CxkSd6cq3dIbYwnbHe0AAHqeoJ8hHSjggu"])


class FakeLabelStudio:
    """Its state, and what it was told to do wrong.

    Attributes:
        faults: (path ending, what) taken one by one: a status, or garbage, huge, slow, drop, vanish (does its work, then drops),
            redirect.
        asked: (method, path) of every request.
        authorizations: the header of every request.
    """

    def __init__(self) -> None:
        self.projects: list[dict[str, Any]] = []
        self.uploads: list[dict[str, Any]] = []
        self.tasks: list[dict[str, Any]] = []
        self.faults: list[tuple[str, Any]] = []
        self.asked: list[tuple[str, str]] = []
        self.authorizations: list[str] = []
        self.access = 0
        self.url = ""

    def annotate(
        self, task: int, result: list[dict[str, Any]], *, cancelled: bool = False, by: int = 1
    ) -> dict[str, Any]:
        """Submit (or skip) as a person would."""
        mine = next(t for t in self.tasks if t["id"] == task)
        number = 1 + sum(len(t["annotations"]) for t in self.tasks)
        moment = _MOMENT.format(number % 60)
        mine["annotations"].append(
            {
                "id": number, "result": result, "completed_by": by, "was_cancelled": cancelled, "ground_truth": False,
                "created_at": moment, "updated_at": moment, "lead_time": None, "task": task, "project": mine["project"],
            }
        )  # fmt: skip
        return mine["annotations"][-1]

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, authorization: str) -> tuple[int, Any]:
        """Status and JSON."""
        if path == "/api/token/refresh/":
            if body.get("refresh") != jwt("refresh"):
                return 401, {
                    "id": "x",
                    "status_code": 401,
                    "version": "1.23.2",
                    "detail": "Token is invalid",
                    "exc_info": None,
                }
            self.access += 1
            return 200, {"access": jwt("access", self.access)}
        if authorization not in (f"Token {LEGACY}", f"Bearer {jwt('access', self.access)}"):
            return 401, {
                "id": "x",
                "status_code": 401,
                "version": "1.23.2",
                "detail": "Invalid token.",
                "exc_info": None,
            }
        if path == "/api/projects/":
            return self._project_list(method, query, body)
        if path == "/api/tasks/":
            return self._task_list(query)
        if match := re.fullmatch(r"/api/tasks/(\d+)/annotations/", path):
            return 201, self.annotate(int(match[1]), body["result"], cancelled=body.get("was_cancelled", False))
        if not (match := re.fullmatch(r"/api/projects/(\d+)/(.*)", path)):
            return 404, {"detail": "Not found."}
        project = next((p for p in self.projects if p["id"] == int(match[1])), None)
        if project is None:
            return 404, {
                "id": "x",
                "status_code": 404,
                "version": "1.23.2",
                "detail": "No Project matches the given query.",
            }
        if match[2] == "":
            project.update(body or {})
            return 200, project
        if match[2] == "file-uploads":
            ids = json.loads(query.get("ids", "[]"))
            return 200, [u for u in self.uploads if query.get("all") == "true" or u["id"] in ids]
        return self._import(project, body)

    def _project_list(self, method: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if method == "GET":
            found = [p for p in self.projects if query.get("title", "").lower() in p["title"].lower()]
            return 200, {"count": len(found), "next": None, "previous": None, "results": found}
        root = ET.fromstring(body["label_config"])
        form = {}
        for tag in root:
            children = [child.attrib["value"] for child in tag]
            if children:
                form[tag.attrib["name"]] = {"type": tag.tag, "to_name": [tag.attrib["toName"]], "labels": children}
        project = {"id": len(self.projects) + 1, "model_version": "", "parsed_label_config": form, **body}
        self.projects.append(project)
        return 201, project

    def _task_list(self, query: dict[str, str]) -> tuple[int, Any]:
        mine = [t for t in self.tasks if t["project"] == int(query["project"])]
        page, size = int(query.get("page", 1)), int(query.get("page_size", 100))
        shown = mine[(page - 1) * size : page * size]
        if not shown and page > 1:
            return 404, {"id": "x", "status_code": 404, "version": "1.23.2", "detail": "Invalid page."}
        if query.get("fields") != "all":
            shown = [{k: v for k, v in t.items() if k not in ("annotations", "predictions")} for t in shown]
        return 200, {"tasks": shown, "total": len(mine), "total_annotations": 0, "total_predictions": 0}

    def _import(self, project: dict[str, Any], body: Any) -> tuple[int, Any]:
        ids = []
        if isinstance(body, dict):  # pictures: name to bytes
            for name, data in body.items():
                number = len(self.uploads) + 1
                self.uploads.append(
                    {"id": number, "file": f"upload/{project['id']}/{number:08x}-{name}", "size": len(data)}
                )
                ids.append(number)
            return 201, {"task_count": len(ids), "annotation_count": None, "file_upload_ids": ids}
        for task in body:
            number = len(self.tasks) + 1
            self.tasks.append({"id": number, "project": project["id"], "annotations": [], "drafts": [], **task})
        return 201, {
            "task_count": len(body),
            "annotation_count": 0,
            "prediction_count": len(body),
            "file_upload_ids": [],
        }


def _handler(fake: FakeLabelStudio) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fake.asked.append((self.command, parts.path))
            fake.authorizations.append(self.headers.get("Authorization") or "")
            kind = self.headers.get("Content-Type") or ""
            body = _files(kind, data) if kind.startswith("multipart") else json.loads(data) if data else None
            fault = None
            if fake.faults and parts.path.endswith(fake.faults[0][0]):
                fault = fake.faults.pop(0)[1]
            if fault == "drop":
                self.connection.close()
                return
            if fault is None or fault == "vanish":
                status, found = fake.answer(self.command, parts.path, query, body, fake.authorizations[-1])
            if fault == "vanish":
                self.connection.close()
            elif fault == "garbage":
                self._give(200, b"<!doctype html><title>a proxy</title>")
            elif fault == "huge":
                self._give(200, b"[" + b"0," * 3_000_000 + b"0]")
            elif fault == "cut":
                self._give(200, b'{"tasks": [', length=5000)
            elif fault == "slow":
                time.sleep(1.5)
                self._give(200, b"[]")
            elif fault == "redirect":
                self._give(302, b"", Location="http://elsewhere.example.org/")
            elif isinstance(fault, int):
                said = f"it hurts; you sent {self.headers.get('Authorization')}"
                self._give(fault, json.dumps({"detail": said}).encode())
            else:
                self._give(status, json.dumps(found).encode())

        def _give(self, status: int, data: bytes, *, length: int | None = None, **headers: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data) if length is None else length))
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _serve  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def _files(kind: str, data: bytes) -> dict[str, bytes]:
    """File name to bytes of a form, read by the standard library's mail parser."""
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        f"Content-Type: {kind}\r\n\r\n".encode() + data
    )
    return {str(part.get_filename()): part.get_payload(decode=True) for part in message.iter_parts()}  # type: ignore


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        pass


@contextmanager
def fake_label_studio() -> Iterator[FakeLabelStudio]:
    """Running on this machine until the block ends."""
    fake = FakeLabelStudio()
    server = _Quiet(("127.0.0.1", 0), _handler(fake))
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
