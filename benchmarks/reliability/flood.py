"""Requests from a process of their own, over raw sockets: at a fixed rate whatever is answered, or each after the answer before.

    python -m benchmarks.reliability.flood PLAN.json

One thread, epoll, a fixed number of keep-alive connections, bodies that lie ready: about 0.1 ms of CPU for a request of 80 KB, nearly all of it the
system's copying. A request that is due while every connection is in use waits for one, and counts from when it was due, from when its first
byte was sent, or as not sent at all; so a generator that cannot keep up shows.
"""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
_LAST_SECONDS = 15.0  # for answers that are still owed at the end


@dataclass(frozen=True)
class Plan:
    """What to send.

    Attributes:
        port: on this machine.
        seconds: how long requests are sent.
        connections: at most; of a closed loop: the clients.
        rate: requests a second; 0: each connection asks again as soon as it is answered.
        images: file with the encoded images, one after the other.
        sizes: of each, bytes.
        core: the only core to run on; None: any.
        path: of the request.
    """

    port: int
    seconds: float
    connections: int
    rate: float
    images: str
    sizes: list[int]
    core: int | None = None
    path: str = "/v1/detect"


@dataclass(frozen=True)
class Answers:
    """Requests in the order in which they were sent; times are `time.perf_counter()`.

    Attributes:
        due, sent, end: (n,) seconds: when to send, the first byte sent, the last byte of the answer read.
        status: (n,) HTTP status; 0: the connection broke, or no answer came.
        retry_after: (n,) bool: the answer says when to come again.
        not_sent: requests that were due and found no free connection.
        cpu_seconds: of the generator.
    """

    due: NDArray[np.float64]
    sent: NDArray[np.float64]
    end: NDArray[np.float64]
    status: NDArray[np.int64]
    retry_after: NDArray[np.bool_]
    not_sent: int
    cpu_seconds: float


def asked(
    folder: Path, port: int, images: Sequence[bytes], *, seconds: float, connections: int, rate: float = 0.0,
    core: int | None = None,
) -> Answers:  # fmt: skip
    """What a generator in a process of its own was answered; see `Plan`."""
    (folder / "images").write_bytes(b"".join(images))
    plan = Plan(port, seconds, connections, rate, str(folder / "images"), [len(image) for image in images], core)
    (folder / "plan.json").write_text(json.dumps(asdict(plan)))
    command = [sys.executable, "-m", "benchmarks.reliability.flood", str(folder / "plan.json")]
    subprocess.run(command, check=True, cwd=ROOT, timeout=seconds + 4 * _LAST_SECONDS)
    with np.load(folder / "answers.npz") as found:
        rows = {name: found[name] for name in ("due", "sent", "end", "status", "retry_after")}
        return Answers(**rows, not_sent=int(found["not_sent"]), cpu_seconds=float(found["cpu_seconds"]))


class _Connection:
    """One keep-alive connection, and the request it waits for."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self.row = -1  # of the request that is under way; -1: free
        self._unsent = b""
        self._read = b""
        self.socket = self._open()

    def _open(self) -> socket.socket:
        opened = socket.create_connection(self._address)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        opened.setblocking(False)
        return opened

    def reopen(self) -> None:
        self.socket.close()
        self._unsent = self._read = b""
        self.socket = self._open()

    def send(self, row: int, parts: Sequence[bytes | memoryview]) -> bool:
        """Begin a request; whether the system took all of it."""
        self.row = row
        try:
            taken = self.socket.sendmsg(parts)
        except BlockingIOError:
            taken = 0
        except OSError:  # closed by the server meanwhile: the read that follows says so
            return True
        if taken < sum(map(len, parts)):
            self._unsent = b"".join(parts)[taken:]
        return not self._unsent

    def send_on(self) -> bool:
        """Send what is left; whether the system took all of it."""
        try:
            self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent = b""
        return not self._unsent

    def receive(self) -> tuple[int, bool, bool] | None:
        """Status, whether it says Retry-After, whether the connection stays; None: there is more to come. Status 0: it broke."""
        try:
            part = self.socket.recv(1 << 16)
        except BlockingIOError:
            return None
        except OSError:
            part = b""
        if not part:
            return 0, False, False
        self._read += part
        head, blank, body = self._read.partition(b"\r\n\r\n")
        if not blank:
            return None
        lower = head.lower()
        length = int(lower.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return None
        self._read = body[length:]
        return int(head[9:12]), b"retry-after:" in lower, b"connection: close" not in lower


class _Flood:
    """Sends by the plan and writes down what comes back."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        data, at = Path(plan.images).read_bytes(), 0
        self._bodies: list[tuple[bytes, memoryview]] = []  # head with the first two bytes of the image; the rest of it
        for size in plan.sizes:
            image = data[at : at + size]
            at += size
            head = f"POST {plan.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\nContent-Length: {size + 12}\r\n\r\n"
            self._bodies.append((head.encode() + image[:2] + b"\xff\xfe\x00\x0a", memoryview(image)[2:]))
        self._poll = select.epoll()
        self._open = [_Connection(plan.port) for _ in range(plan.connections)]
        self._by_number: dict[int, _Connection] = {}
        for connection in self._open:
            self._watch(connection)
        self._free = list(self._open)
        self._due: list[float] = []
        self._sent: list[float] = []
        self._end: list[float] = []
        self._status: list[int] = []
        self._retry_after: list[bool] = []

    def run(self) -> dict[str, object]:
        """Columns of `Answers`."""
        begin = time.perf_counter()
        until = begin + self._plan.seconds
        not_sent = self._at_rate(begin, until) if self._plan.rate else self._in_turn(until)
        last = time.perf_counter() + _LAST_SECONDS
        while len(self._free) < len(self._open) and time.perf_counter() < last:
            self._take(0.1)
        return {
            "due": self._due, "sent": self._sent, "end": self._end, "status": self._status, "retry_after": self._retry_after,
            "not_sent": not_sent,
        }  # fmt: skip

    def _at_rate(self, begin: float, until: float) -> int:
        rate, waiting = self._plan.rate, deque[float]()
        count, most = 0, int(rate * self._plan.seconds)
        while (now := time.perf_counter()) < until:
            while count < most and begin + count / rate <= now:
                waiting.append(begin + count / rate)
                count += 1
            while waiting and self._free:
                self._send(self._free.pop(), waiting.popleft())
            self._take(max(0.0, min(until, begin + count / rate) - time.perf_counter()))
        return len(waiting)

    def _in_turn(self, until: float) -> int:
        while time.perf_counter() < until:
            while self._free:
                self._send(self._free.pop(), time.perf_counter())
            self._take(max(0.0, until - time.perf_counter()))
        return 0

    def _send(self, connection: _Connection, due: float) -> None:
        row = len(self._due)
        head, rest = self._bodies[row % len(self._bodies)]
        self._due.append(due)
        self._sent.append(time.perf_counter())
        self._end.append(float("nan"))
        self._status.append(0)
        self._retry_after.append(False)
        if not connection.send(row, (head, row.to_bytes(8, "big"), rest)):  # in a comment: no body repeats
            self._poll.modify(connection.socket, select.EPOLLIN | select.EPOLLOUT)

    def _take(self, seconds: float) -> None:
        """What has come within this time."""
        for number, what in self._poll.poll(seconds):
            connection = self._by_number[number]
            if what & select.EPOLLOUT and connection.send_on():
                self._poll.modify(connection.socket, select.EPOLLIN)
            if what & ~select.EPOLLOUT and (found := connection.receive()) is not None:
                self._note(connection, *found)

    def _note(self, connection: _Connection, status: int, retry_after: bool, stays: bool) -> None:
        row, connection.row = connection.row, -1
        if row >= 0:
            self._end[row], self._status[row], self._retry_after[row] = time.perf_counter(), status, retry_after
            self._free.append(connection)
        if not stays:
            self._poll.unregister(connection.socket)
            del self._by_number[connection.socket.fileno()]
            connection.reopen()
            self._watch(connection)

    def _watch(self, connection: _Connection) -> None:
        self._by_number[connection.socket.fileno()] = connection
        self._poll.register(connection.socket, select.EPOLLIN)


def main() -> None:
    file = Path(sys.argv[1])
    plan = Plan(**json.loads(file.read_text()))
    if plan.core is not None:
        os.sched_setaffinity(0, {plan.core})
    flood = _Flood(plan)
    before = resource.getrusage(resource.RUSAGE_SELF)
    columns = flood.run()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    np.savez(file.parent / "answers.npz", **columns, cpu_seconds=cpu)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
