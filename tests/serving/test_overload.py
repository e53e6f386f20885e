"""More than can be done: what is refused is refused at once and says when to come again; what is accepted is not late."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from boxwright.serving.limits import Limits
from boxwright.serving.observed.work_meters import WorkMeters
from boxwright.serving.request.client import Client
from boxwright.serving.request.deadline import Deadline
from boxwright.serving.request.lane import Lane
from boxwright.serving.request.refusal import Refusal
from tests.serving.asgi import Answer, Line, gate, run_async, settled
from tests.tiny_bundles import jpeg

DEPTH = 'boxwright_queue_depth{lane="detect"}'


def test_more_than_may_wait_is_refused_and_the_rest_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(tmp_path, Limits(in_flight=1, waiting=3))

    async def flood() -> tuple[list[Answer], Answer]:
        with gate(monkeypatch) as held:
            accepted = [asyncio.create_task(line.ask(jpeg())) for _ in range(4)]
            await held.until_held(1)
            await settled(3, line, DEPTH)
            refused = await line.ask(jpeg())
            assert await line.meter("boxwright_in_hand") == 4
            held.opened.set()
            return await asyncio.gather(*accepted), refused

    answers, refused = run_async(flood())
    assert [answer.status for answer in answers] == [200] * 4
    assert (refused.status, int(refused.headers["retry-after"]) >= 1) == (429, True)
    assert line.journaled() == 4


def test_retry_after_is_the_expected_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request takes 0.6 s, one at a time; with four ahead a thread is free in about 2.4 s."""
    line = Line(tmp_path, Limits(in_flight=1, waiting=3))
    leave = asyncio.Event()

    async def flood() -> Answer:
        with gate(monkeypatch) as held:
            first = asyncio.create_task(line.ask(jpeg()))
            await held.until_held(1)
            await asyncio.sleep(0.6)
            held.opened.set()
            await first
            held.opened.clear()
            rest = [asyncio.create_task(line.ask(jpeg(), leave=leave)) for _ in range(4)]
            await settled(3, line, DEPTH)
            refused = await line.ask(jpeg())
            leave.set()
            held.opened.set()
            await asyncio.gather(*rest)
            return refused

    refused = run_async(flood())
    assert refused.status == 429
    assert 3 <= int(refused.headers["retry-after"]) <= 6


def lane(threads: int, waiting: int) -> Lane:
    return Lane("test", threads=threads, waiting=waiting, meters=WorkMeters(CollectorRegistry()))


def asking(of: Lane, seconds: float, *, deadline: float = 60.0) -> asyncio.Task[None]:
    """A request whose work takes so long."""

    async def ask() -> None:
        work: Callable[[], None] = lambda: time.sleep(seconds)  # noqa: E731
        await of.work(work, deadline=Deadline(time.perf_counter() + deadline), client=Client())

    return asyncio.create_task(ask())


async def refusals(tasks: list[asyncio.Task[None]]) -> int:
    return sum(isinstance(one, Refusal) for one in await asyncio.gather(*tasks, return_exceptions=True))


def test_a_burst_may_fill_the_queue_and_an_overload_may_not() -> None:
    async def flood() -> tuple[list[int], int]:
        one = lane(threads=2, waiting=8)
        burst = [asking(one, 0.05) for _ in range(10)]
        await asyncio.sleep(0)
        over = [asking(one, 0.05)]
        counts = [await refusals([*burst, *over])]
        burst = [asking(one, 0.05) for _ in range(14)]  # at once again: nobody had nothing to do for as long as 0.05 s
        counts.append(await refusals(burst))
        await asyncio.sleep(0.2)
        burst = [asking(one, 0.05) for _ in range(10)]
        counts.append(await refusals(burst))
        one.close()
        return counts, len(burst)

    counts, _ = run_async(flood())
    assert counts == [1, 14 - 2 - 2, 0]


def test_who_would_wait_beyond_its_deadline_is_refused_at_once() -> None:
    async def flood() -> tuple[BaseException | None, float]:
        one = lane(threads=1, waiting=8)
        await asking(one, 0.2)
        busy = [asking(one, 0.2) for _ in range(3)]
        await asyncio.sleep(0)
        begin = time.perf_counter()
        late = asking(one, 0.2, deadline=0.3)
        found = (await asyncio.gather(late, return_exceptions=True))[0]
        took = time.perf_counter() - begin
        assert await refusals(busy) == 0
        one.close()
        return found, took

    found, took = run_async(flood())
    assert isinstance(found, Refusal) and (found.status, found.headers) == (429, {"Retry-After": "1"})
    assert took < 0.15  # not after the deadline


def test_first_come_first_served() -> None:
    async def flood() -> list[int]:
        one, order = lane(threads=1, waiting=20), []

        async def ask(number: int) -> None:
            await one.work(lambda: order.append(number), deadline=Deadline(time.perf_counter() + 60), client=Client())

        await asyncio.gather(*(ask(k) for k in range(20)))
        one.close()
        return order

    assert run_async(flood()) == list(range(20))


def test_a_cancelled_request_gives_its_thread_back() -> None:
    async def flood() -> int:
        one = lane(threads=1, waiting=4)
        running = asking(one, 0.05)
        waiting = [asking(one, 0.0) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await running  # its thread passes to the first that still waits
        waiting[1].cancel()
        await asyncio.wait(waiting, timeout=10)
        after = [asking(one, 0.0) for _ in range(4)]
        count = await refusals(after)
        one.close()
        return count

    assert run_async(flood()) == 0


def test_a_system_that_starts_no_thread_costs_the_lane_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def starts_none(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    async def flood() -> list[BaseException | None]:
        one = lane(threads=1, waiting=4)
        with monkeypatch.context() as patched:
            patched.setattr(one._pool, "submit", starts_none)
            failed = [asking(one, 0.0) for _ in range(3)]
            found = await asyncio.wait_for(asyncio.gather(*failed, return_exceptions=True), 10)
        assert await asyncio.wait_for(refusals([asking(one, 0.0)]), 10) == 0
        one.close()
        return found

    assert all(isinstance(error, RuntimeError) for error in run_async(flood()))


def test_what_waits_goes_on_while_the_event_loop_is_busy() -> None:
    async def flood() -> int:
        one = lane(threads=1, waiting=8)
        done: list[int] = []
        work: Callable[[], None] = lambda: (time.sleep(0.02), done.append(1))[1]  # noqa: E731
        later = Deadline(time.perf_counter() + 60)
        tasks = [asyncio.create_task(one.work(work, deadline=later, client=Client())) for _ in range(5)]
        await asyncio.sleep(0)
        time.sleep(0.8)  # the loop refuses others
        count = len(done)
        await asyncio.gather(*tasks)
        one.close()
        return count

    assert run_async(flood()) == 5


def test_what_a_request_held_is_freed_while_its_thread_goes_on() -> None:
    """In an overload a thread never ends: it takes one request after the other."""

    class Image:
        """Stands for a body."""

    async def flood() -> list[bool]:
        one, images = lane(threads=1, waiting=8), [Image() for _ in range(3)]
        begun, opened = threading.Event(), threading.Event()
        alive = [weakref.ref(image) for image in images]
        later = Deadline(time.perf_counter() + 60)

        async def ask(image: Image, wait: bool) -> None:
            work: Callable[[], object] = lambda: (image, (begun.set(), opened.wait(30)) if wait else None)  # noqa: E731
            await one.work(work, deadline=later, client=Client())

        tasks = [asyncio.create_task(ask(images.pop(0), wait)) for wait in (False, False, True)]
        await asyncio.wait(tasks[:2])
        tasks = tasks[2:]
        await asyncio.to_thread(begun.wait, 30)  # the thread has let go of the second
        found = [ref() is not None for ref in alive]
        opened.set()
        await asyncio.gather(*tasks)
        one.close()
        return found

    gc.collect()
    gc.disable()
    try:
        assert run_async(flood()) == [False, False, True]
    finally:
        gc.enable()
