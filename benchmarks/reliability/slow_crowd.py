"""The crowd of `slow_clients.py`, in a process of its own: python slow_crowd.py PORT CLIENTS SECONDS.

Writes one line once each client has connected, and one with the figures at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import time
from typing import Any

HEAD = b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nX-Camera: slow\r\nContent-Length: 5000\r\n"

BACK_AFTER_SECONDS = 5


async def attack(port: int, clients: int, seconds: float) -> dict[str, Any]:
    """Keep so many slow clients at a server for so long."""
    stays: list[float] = []
    tried: set[int] = set()
    until = time.monotonic() + seconds

    dice = random.Random(0)

    async def slow(number: int) -> None:
        await asyncio.sleep(BACK_AFTER_SECONDS * number / clients)
        while time.monotonic() < until:
            begin = time.monotonic()
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(1)
                continue
            finally:
                tried.add(number)
                if len(tried) == clients:
                    print("connected", flush=True)
                    tried.add(-1)
            if number % 2:
                writer.write(HEAD + b"\r\n")
            ended = asyncio.ensure_future(reader.read())
            sent = 0
            while not ended.done() and time.monotonic() < until:
                writer.write(HEAD[sent : sent + 1] if sent < len(HEAD) else b"x")
                sent += 1
                await asyncio.wait({ended}, timeout=1)
            if ended.done():
                stays.append(time.monotonic() - begin)
                with contextlib.suppress(OSError):
                    ended.result()
            ended.cancel()
            writer.transport.abort()
            await asyncio.sleep(dice.uniform(0.6, 1.4) * BACK_AFTER_SECONDS)

    await asyncio.gather(*(slow(number) for number in range(clients)))
    return {"evicted": len(stays), "longest_stay_s": round(max(stays, default=0.0), 2)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(attack(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))))
