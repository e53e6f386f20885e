"""A few huge images take a bounded share of memory and time; the others are answered meanwhile."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from prometheus_client import CollectorRegistry

from boxwright.images import stated_size, write_jpeg
from boxwright.inference import Detector
from boxwright.serving.limits import Limits
from boxwright.serving.observed.work_meters import WorkMeters
from boxwright.serving.request.client import Client
from boxwright.serving.request.deadline import Deadline
from boxwright.serving.request.lane import Lane
from tests.serving.asgi import Answer, Line, gate, run_async
from tests.tiny_bundles import jpeg


def png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (width, height), 90).save(buffer, "PNG")
    return buffer.getvalue()


def commented_jpeg(picture: np.ndarray) -> bytes:
    """A JPEG whose size stands behind more comments than anyone looks through on the event loop."""
    data = write_jpeg(picture)
    return data[:2] + b"\xff\xfe\x00\x03x" * 600 + data[2:]


LARGE = png(2500, 1700)


@pytest.mark.parametrize("large", [LARGE, commented_jpeg(np.full((1700, 2500, 3), 9, np.uint8))])
def test_small_images_are_answered_while_large_ones_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bytes
) -> None:
    line = Line(tmp_path, Limits(in_flight=2))
    is_stated = stated_size(large) is not None

    async def ask() -> tuple[list[Answer], list[Answer]]:
        with gate(monkeypatch, holds=lambda data, most: data == large and most == Limits.pixels) as held:
            huge = [asyncio.create_task(line.ask(large)) for _ in range(4)]
            await held.until_held(1)
            small = [await asyncio.wait_for(line.ask(jpeg(k)), 20) for k in range(8)]
            assert held.held == 1
            held.opened.set()
            return small, await asyncio.gather(*huge)

    small, huge = run_async(ask())
    assert is_stated == (large == LARGE)
    assert [answer.status for answer in (*small, *huge)] == [200] * 12
    assert huge[0].body["image"] == {**huge[0].body["image"], "width": 2500, "height": 1700}


def test_the_queue_of_large_images_is_its_own_and_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(tmp_path, Limits(in_flight=2, waiting=16, large_waiting=1))

    async def ask() -> list[int]:
        with gate(monkeypatch, holds=lambda data, _most: data == LARGE) as held:
            huge = [asyncio.create_task(line.ask(LARGE)) for _ in range(2)]
            await held.until_held(1)
            refused = await line.ask(LARGE)
            assert "retry-after" in refused.headers
            small = await line.ask(jpeg())
            held.opened.set()
            return [refused.status, small.status, *(answer.status for answer in await asyncio.gather(*huge))]

    assert run_async(ask()) == [429, 200, 200, 200]


def test_too_large_is_refused_without_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is waiting: the header says enough."""
    line, huge = Line(tmp_path, Limits(in_flight=1, waiting=0)), png(9000, 9000)

    async def ask() -> tuple[Answer, Answer]:
        with gate(monkeypatch) as held:
            busy = asyncio.create_task(line.ask(jpeg()))
            await held.until_held(1)
            refused = await line.ask(huge, X_File_Name="a.png")
            held.opened.set()
            return refused, await busy

    refused, busy = run_async(ask())
    assert (refused.status, busy.status) == (413, 200)
    assert "'a.png' is too large: at most 40000000 pixels" in refused.body["error"]
    assert "9000x9000" in refused.body["error"]


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of single threads are Linux's")
def test_large_images_yield_to_others() -> None:
    async def priorities() -> list[int]:
        found = []
        for niceness in (0, 10):
            one = Lane("x", threads=1, waiting=0, meters=WorkMeters(CollectorRegistry()), niceness=niceness)
            ask = lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())  # noqa: E731
            found.append(await one.work(ask, deadline=Deadline(time.perf_counter() + 60), client=Client()))
            one.close()
        return found

    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert run_async(priorities()) == [before, 10]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_server_timing_says_every_stage(tmp_path: Path) -> None:
    line = Line(tmp_path, Limits())

    async def ask() -> tuple[Answer, float]:
        return await line.ask(jpeg()), await line.meter('boxwright_stage_duration_seconds_count{stage="decode"}')

    answer, observed = run_async(ask())
    stages = dict(part.split(";dur=") for part in answer.headers["server-timing"].split(", "))
    assert list(stages) == ["body", "queue", "decode", "pre", "infer", "post", "log"]
    assert all(float(value) >= 0 for value in stages.values())
    assert set(answer.body["timings_ms"]) == {"queue", "decode", "detect"}
    assert observed == 1


@pytest.mark.parametrize("ends", ["deadline", "client"])
def test_the_image_of_a_request_without_an_answer_is_freed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """Not at the next collection of cycles: four images of 40 million pixels are half a gigabyte."""
    line, decoded, read = Line(tmp_path, Limits()), [], Detector.read
    leave = asyncio.Event()

    def slow(self: Detector, data: bytes, **more: Any) -> Any:
        picture = read(self, data, **more)
        decoded.append(weakref.ref(picture))
        time.sleep(0.2)
        return picture

    monkeypatch.setattr(Detector, "read", slow)

    async def ask() -> tuple[int, int]:
        if ends == "client":
            asyncio.get_running_loop().call_later(0.05, leave.set)
        status = (
            await line.ask(LARGE, leave=leave, **({"X_Request_Timeout_Ms": "100"} if ends == "deadline" else {}))
        ).status
        await asyncio.sleep(0.02)
        return status, sum(one() is not None for one in decoded)

    gc.collect()
    gc.disable()
    try:
        status, kept = run_async(ask())
    finally:
        gc.enable()
    assert (status, len(decoded), kept) == ({"deadline": 504, "client": 499}[ends], 1, 0)
