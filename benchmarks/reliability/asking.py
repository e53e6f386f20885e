"""Requests over raw keep-alive sockets of one asyncio loop, and what processes took meanwhile."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from boxwright.images import write_jpeg

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Asked:
    """One request.

    Attributes:
        begin, end: `time.perf_counter()`.
        status: HTTP status; 0 where the connection broke.
        retry_after: whether the answer says when to come again.
    """

    begin: float
    end: float
    status: int
    retry_after: bool

    @property
    def seconds(self) -> float:
        """From begin to end."""
        return self.end - self.begin


class Connection:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str, body: bytes, begin: float) -> Asked:
        """One request and its answer."""
        kind = "application/json" if body[:1] == b"{" else "image/jpeg"
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(head.encode() + body)
            found = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(found.split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            if b"connection: close" in found:
                self.close()
            return Asked(begin, time.perf_counter(), int(found.split(b" ", 2)[1]), b"retry-after:" in found)
        except (OSError, asyncio.IncompleteReadError, IndexError):
            self.close()
            return Asked(begin, time.perf_counter(), 0, False)

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def closed_loop(
    port: int,
    body: Callable[[], bytes],
    *,
    clients: int,
    seconds: float,
    path: str = "/v1/detect",
    patience: float = 0.0,
) -> list[Asked]:
    """Clients that ask again as soon as they are answered, or `patience` seconds after a refusal."""
    until, asked = time.perf_counter() + seconds, []

    async def client() -> None:
        connection = Connection(port)
        while time.perf_counter() < until:
            asked.append(await connection.ask(path, body(), time.perf_counter()))
            if asked[-1].retry_after:
                await asyncio.sleep(patience)
        connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return asked


def scenes(count: int, *, seed: int, hw: tuple[int, int] = (480, 640)) -> list[bytes]:
    """JPEGs that compress like photographs: soft shapes and a little noise."""
    rng, made = np.random.default_rng(seed), []
    for _ in range(count):
        soft = cv2.resize(
            rng.integers(0, 256, (hw[0] // 16, hw[1] // 16, 3), np.uint8), hw[::-1], interpolation=cv2.INTER_CUBIC
        )
        noisy = np.clip(soft + rng.normal(0, 6, soft.shape), 0, 255).astype(np.uint8)
        made.append(write_jpeg(noisy, quality=90))
    return made


class Fresh:
    """Bodies that never repeat: the images in turn, each with a number of its own in a comment."""

    def __init__(self, images: Sequence[bytes]) -> None:
        self._images, self._number = images, 0

    def __call__(self) -> bytes:
        self._number += 1
        image = self._images[self._number % len(self._images)]
        return image[:2] + b"\xff\xfe\x00\x0a" + self._number.to_bytes(8, "big") + image[2:]


def cpu_seconds(root: int) -> float:
    """User and system time of a process and all below it that still run."""
    children: dict[int, list[int]] = {}
    times: dict[int, float] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry))
            times[int(entry)] = sum(map(int, fields[11:15])) / _TICKS
    found, open_ = 0.0, [root]
    while open_:
        process = open_.pop()
        found += times.get(process, 0.0)
        open_ += children.get(process, [])
    return found


def memory_mib(process: int, key: str = "VmRSS") -> float:
    """Resident memory now (`VmRSS`) or at its peak (`VmHWM`)."""
    with open(f"/proc/{process}/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(key))


def forget_peak(process: int) -> None:
    """`VmHWM` counts from now on."""
    with open(f"/proc/{process}/clear_refs", "w") as file:
        file.write("5")


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed; NaN where there is none."""
    if not values:
        return float("nan")
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
