"""Keep-alive clients that ask without a pause and keep everything they were told."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request and what became of it.

    Attributes:
        begin, end: `time.perf_counter()` of this process.
        status: HTTP status; 0 where the connection broke.
        answer: the JSON body, of a 200.
        digest, release: as the headers say.
    """

    begin: float
    end: float
    status: int
    answer: dict[str, Any]
    digest: str
    release: str


class Clients:
    """Threads, each with one connection, from `with` to its end.

    Args:
        port: on this machine.
        bodies: images, asked in turn.
        count: of clients.
    """

    def __init__(self, port: int, bodies: list[bytes], *, count: int) -> None:
        self._port, self._bodies = port, bodies
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(k,)) for k in range(count)]
        self.asked: list[Asked] = []

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self._over.is_set():
            begin = time.perf_counter()
            try:
                connection.request("POST", "/v1/detect", body=self._bodies[number % len(self._bodies)])
                response = connection.getresponse()
                data = response.read()
                answer = json.loads(data) if response.status == 200 else {}
                status, digest, release = (
                    response.status,
                    response.getheader("X-Model-Digest", ""),
                    response.getheader("X-Release", ""),
                )
            except (OSError, http.client.HTTPException, ValueError):
                connection.close()
                status, answer, digest, release = 0, {}, "", ""
            self.asked.append(Asked(begin, time.perf_counter(), status, answer, digest, release))
            number += 1
        connection.close()


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed; NaN where there is none."""
    if not values:
        return float("nan")
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
