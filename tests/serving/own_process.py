"""A real server in a process of its own, around a tiny bundle, and raw sockets to it.

Run as a program, it serves the bundle in the first argument with the keywords of `run` and `Limits` in the second (JSON).
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from boxwright.artifacts import Bundle

ROOT = Path(__file__).parents[2]


class OwnProcess:
    """A server that says on which port it listens.

    Args:
        folder: bundle, journal and log.
        slow: seconds that each image takes more.
        load_seconds: seconds that a bundle takes more to load.
        before: a command that runs it, such as `prlimit`.
        limits: of `Limits`.
    """

    def __init__(
        self, folder: Path, *, slow: float = 0, load_seconds: float = 0, before: tuple[str, ...] = (), host: str = "127.0.0.1",
        port: int = 0, **limits: Any,
    ) -> None:  # fmt: skip
        self.folder, self.port, self.host = folder, port, host
        told = {"slow": slow, "load_seconds": load_seconds, "host": host, "port": port, "limits": limits}
        self.log = folder / "log"
        self._log = self.log.open("wb")
        self.process = subprocess.Popen(
            [*before, sys.executable, "-m", "tests.serving.own_process", str(folder), json.dumps(told)],
            stdout=self._log, stderr=self._log, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def said(self) -> str:
        """All it wrote to the terminal."""
        return self.log.read_text()

    def await_said(self, words: str, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while words not in self.said():
            assert time.monotonic() < until and self.process.poll() is None, (self.process.poll(), self.said()[-3000:])
            time.sleep(0.02)

    def await_serving(self) -> None:
        self.await_said("/v1/detect")
        self.port = int(self.said().partition("serving on http://")[2].partition(";")[0].rpartition(":")[2])

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=40)

    def http(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=40)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        connection = self.http()
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def metric(self, line: str) -> float:
        """The value of one line of /metrics, 0 where it is not there."""
        found = [
            one.rpartition(" ")[2]
            for one in self.ask("GET", "/metrics")[1].decode().splitlines()
            if one.startswith(line + " ")
        ]
        return float(found[0]) if found else 0.0

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 60) -> int:
        return self.process.wait(timeout=seconds)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._log.close()


@contextmanager
def serving(bundle: Bundle, folder: Path, **told: Any) -> Iterator[OwnProcess]:
    """A server that answers with this bundle."""
    folder.mkdir(parents=True, exist_ok=True)
    bundle.save(folder / "bundle")
    server = OwnProcess(folder, **told)
    try:
        server.await_serving()
        yield server
    finally:
        server.end()


def answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One answer from a socket: status, headers in lower case, body."""
    return answers(connection, 1)[0]


def answers(connection: socket.socket, count: int) -> list[tuple[int, dict[str, str], bytes]]:
    """The next answers from a socket on which no more are to come."""
    found = []
    with connection.makefile("rb") as file:
        for _ in range(count):
            status = file.readline()
            assert status, "the server closed without an answer"
            headers = {k.lower(): v for k, v in http.client.parse_headers(file).items()}
            found.append((int(status.split()[1]), headers, file.read(int(headers.get("content-length", 0)))))
    return found


def post(data: bytes, *headers: str, path: str = "/v1/detect") -> bytes:
    """The bytes of a request."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(data)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + data


def get(path: str = "/v2/health/live", *headers: str) -> bytes:
    """The bytes of a request."""
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def _main(folder: Path, told: dict[str, Any]) -> None:
    from boxwright.errors import BoxwrightError
    from boxwright.inference import Detector
    from boxwright.serving.limits import Limits
    from boxwright.serving.run import run

    said: list[str] = []

    def tell(sentence: str) -> None:
        said.append(sentence)
        print(sentence, file=sys.stderr, flush=True)

    if told["slow"]:
        quick = Detector.detect

        def detect(self: Detector, *given: Any, **more: Any) -> Any:
            time.sleep(told["slow"] if said else 0)  # golden images and warming up are as quick as ever
            return quick(self, *given, **more)

        Detector.detect = detect  # a network that takes its time
    bundle = Bundle.load(folder / "bundle")

    def load(_digest: str) -> Bundle:
        if told["load_seconds"]:
            print("loading", file=sys.stderr, flush=True)
            time.sleep(told["load_seconds"])
        return bundle

    limits = {name: tuple(value) if isinstance(value, list) else value for name, value in told["limits"].items()}
    if "token_digests" in limits:
        limits["token_digests"] = tuple(bytes.fromhex(one) for one in limits["token_digests"])
    try:
        run(
            lambda: bundle.digest, load, journal=folder / "journal", host=told["host"], port=told["port"],
            limits=Limits(**{"allowed_hosts": (), **limits}), tell=tell,
        )  # fmt: skip
    except BoxwrightError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), json.loads(sys.argv[2]))
