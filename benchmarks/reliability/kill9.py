"""A process that journals is killed with SIGKILL at random moments: is what it acknowledged still there, once?

    python -m benchmarks.reliability.kill9 [--rounds 200] [--http-rounds 10] [--seed 0]

A child opens the real `Journal`, appends from three threads over several segments and acknowledges each id over a pipe; the parent kills
it after a random time, reads the rest of the pipe, and then the journal. The same through the real HTTP server, whose acknowledgement is a
200 with its request id. Goal: 0 acknowledged and lost, 0 twice, at most one torn record a kill. Raw counts: results/kill9.json.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import random
import select
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.reliability.measured_on import box, keep
from boxwright.serving.journal import Journal, Reading, read_records
from tests.serving.journals import answer

_TOGETHER = 10  # kills in one folder, so that a journal is taken up where a killed process left it
_SEGMENT_BYTES = 50_000
_THREADS = 3


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=200)
    options.add_argument("--http-rounds", type=int, default=10)
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args()
    draw = random.Random(asked.seed)
    begin = time.monotonic()
    result: dict[str, Any] = {"box": box(asked.seed), "goal": {"lost": 0, "duplicated": 0, "torn_per_kill": 1}}
    for flush in (False, True):
        rounds = asked.rounds if not flush else max(1, asked.rounds // 4)
        result["journal, flushed" if flush else "journal"] = _journal(rounds, draw, flush=flush)
    if asked.http_rounds:
        result["http"] = _http(asked.http_rounds, draw)
    result["seconds"] = round(time.monotonic() - begin, 1)
    parts = [part for part in result.values() if isinstance(part, dict) and "kills" in part]
    result["reached"] = all(p["lost"] == p["duplicated"] == p["damaged"] == 0 and p["most_torn"] <= 1 for p in parts)
    print(json.dumps(result, indent=1), f"-> {keep('kill9', result)}", sep="\n")
    sys.exit(0 if result["reached"] else 1)


# -- the journal by itself


def _journal(rounds: int, draw: random.Random, *, flush: bool) -> dict[str, Any]:
    total: Counter[str] = Counter()
    most_torn = 0
    with tempfile.TemporaryDirectory() as parent:
        for begin in range(0, rounds, _TOGETHER):
            folder, acknowledged, torn = Path(parent) / str(begin), set(), 0
            for number in range(begin, min(begin + _TOGETHER, rounds)):
                acknowledged |= _killed(folder, number, draw, flush=flush)
                found = _compare(folder, acknowledged)
                most_torn, torn = max(most_torn, found["torn"] - torn), found["torn"]
            total.update({**found, "kills": min(_TOGETHER, rounds - begin)})
    return {**total, "most_torn": most_torn}


def _killed(folder: Path, number: int, draw: random.Random, *, flush: bool) -> set[str]:
    """Ids that a child acknowledged before it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with contextlib.suppress(BaseException):
            _append_for_ever(folder, number, writing, flush=flush)
        os._exit(1)
    os.close(writing)
    select.select([reading], [], [], 60)  # the first one is acknowledged
    time.sleep(draw.expovariate(1 / 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        lines = pipe.read().split(b"\n")
    return {line.decode() for line in lines[:-1]}


def _append_for_ever(folder: Path, number: int, pipe: int, *, flush: bool) -> None:
    journal = Journal(folder, flush_to_disk=flush, segment_bytes=_SEGMENT_BYTES)

    def work(worker: int) -> None:
        for k in range(1_000_000):
            name = f"{number}-{worker}-{k}"
            journal.append(answer(k, event_id=name))
            os.write(pipe, f"{name}\n".encode())

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# -- the whole server


def _http(rounds: int, draw: random.Random) -> dict[str, Any]:
    from boxwright.lifecycle.releasing import release
    from boxwright.store import Store
    from tests.lifecycle.servers import Served
    from tests.tiny_bundles import jpeg, keep_verdict, tiny_bundle

    acknowledged: set[str] = set()
    most_torn = torn = 0
    with tempfile.TemporaryDirectory() as parent:
        root, folder = Path(parent), Path(parent) / "journal"
        store = Store(root / "store")
        release(store, keep_verdict(store, tiny_bundle(root / "bundle")), reason="benchmark")
        found: dict[str, int] = {}
        for _ in range(rounds):
            server = Served(["--store", str(root / "store"), "--journal", str(folder), "--waiting", "64"], root / "log")
            server.await_ready()
            over = threading.Event()
            clients = [
                threading.Thread(target=_ask, args=(server.port, jpeg(60 + k), over, acknowledged)) for k in range(4)
            ]
            for client in clients:
                client.start()
            time.sleep(0.5 + draw.random())
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
            over.set()
            for client in clients:
                client.join()
            found = _compare(folder, acknowledged)
            most_torn, torn = max(most_torn, found["torn"] - torn), found["torn"]
    return {"kills": rounds, **found, "most_torn": most_torn}


def _ask(port: int, picture: bytes, over: threading.Event, acknowledged: set[str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    while not over.is_set():
        try:
            connection.request("POST", "/v1/detect", body=picture)
            response = connection.getresponse()
            body = response.read()
            if response.status == 200:
                acknowledged.add(json.loads(body)["request_id"])
        except (OSError, http.client.HTTPException, ValueError):
            connection.close()
            time.sleep(0.01)


def _compare(folder: Path, acknowledged: set[str]) -> dict[str, int]:
    """What the journal has of what was acknowledged, and what else it says."""
    account = Reading()
    ids = Counter(record["event_id"] for record in read_records(folder, reading=account))
    return {
        "acknowledged": len(acknowledged),
        "records": account.records,
        "lost": len(acknowledged - ids.keys()),
        "duplicated": sum(count - 1 for count in ids.values()),
        "torn": account.unfinished,
        "damaged": account.damaged.total() + account.skipped_bytes + account.lost + len(account.unreadable),
    }


if __name__ == "__main__":
    main()
