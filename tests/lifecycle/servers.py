"""A real server in a process of its own, and a client that knows nothing but HTTP."""

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


class Served:
    """A running `boxwright serve`."""

    def __init__(self, arguments: list[str], log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "boxwright.cli.main", "serve", *arguments, "--port", str(self.port)]
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )

    def await_ready(self, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if self.ask("GET", "/v2/health/ready")[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"not ready, exit code {self.process.poll()}: {Path(self._log.name).read_text()[-2000:]}")

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
            response = connection.getresponse()
            data = response.read()
            found = json.loads(data) if response.getheader("content-type", "").startswith("application/json") else data
            return response.status, found, {k.lower(): v for k, v in response.getheaders()}
        finally:
            connection.close()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(timeout=40)
        self._log.close()
        return code


@contextmanager
def served(arguments: list[str], log: Path) -> Iterator[Served]:
    server = Served(arguments, log)
    try:
        server.await_ready()
        yield server
    finally:
        server.stop()
