"""SIGTERM under load, again and again: is a request lost, and how long does the end take?

    python -m benchmarks.reliability.drains --rounds 100

A real server in a process of its own answers eight clients that keep their connections and never stop asking. It gets SIGTERM at a
random moment. A request is lost when its bytes were sent on a connection that had been made and no whole answer came; a
connection that is refused has asked nothing. Goal: none lost, no answer other than 200, exit code 0 within 30 s.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.reliability.measured_on import box
from boxwright.serving import read_events
from tests.serving.own_process import OwnProcess
from tests.tiny_bundles import jpeg, tiny_bundle

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Measure, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--drain-delay", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    dice = random.Random(given.seed)
    on = box()
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        bundle = tiny_bundle(Path(folder) / "tiny")
        for number in range(given.rounds):
            at = Path(folder) / str(number)
            at.mkdir()
            bundle.save(at / "bundle")
            rounds.append(_one(at, dice.uniform(0.2, 1.0), given))
            lost = sum(len(one["lost"]) for one in rounds)
            print(f"round {number + 1}: {rounds[-1]}; lost so far: {lost}", flush=True)
    summary = {
        "rounds": len(rounds),
        "answered": sum(one["answered"] for one in rounds),
        "lost": sum(len(one["lost"]) for one in rounds),
        "not_200": sum(one["not_200"] for one in rounds),
        "not_journaled": sum(one["answered"] - one["journaled"] for one in rounds),
        "exit_codes": sorted({one["exit_code"] for one in rounds}),
        "longest_exit_s": max(one["exit_s"] for one in rounds),
    }
    reached = (
        summary["lost"] == 0
        and summary["not_200"] == 0
        and summary["exit_codes"] == [0]
        and summary["longest_exit_s"] <= 30
    )
    print(summary, "goal reached" if reached else "GOAL MISSED")
    found = {"box": on, "given": vars(given), "summary": summary, "goal_reached": reached, "raw": rounds}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "drains.json").write_text(json.dumps(found, indent=1) + "\n")


def _one(at: Path, load_seconds: float, given: argparse.Namespace) -> dict[str, Any]:
    server = OwnProcess(at, drain_delay=given.drain_delay)
    lost: list[str] = []
    answered, refused = [0] * given.clients, [0] * given.clients
    over = threading.Event()

    def ask_on(number: int) -> None:
        while not over.is_set():
            client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=40)
            try:
                client.connect()
            except OSError:
                time.sleep(0.005)
                continue
            while True:
                try:
                    client.request("POST", "/v1/detect", jpeg())
                    response = client.getresponse()
                    response.read()
                except (OSError, http.client.HTTPException) as error:
                    lost.append(repr(error))
                    break
                answered[number] += response.status == 200
                refused[number] += response.status != 200
                if response.getheader("connection") == "close" or over.is_set():
                    break
            client.close()

    try:
        server.await_serving()
        threads = [threading.Thread(target=ask_on, args=(number,)) for number in range(given.clients)]
        for thread in threads:
            thread.start()
        time.sleep(load_seconds)
        while min(answered) == 0:
            time.sleep(0.01)
        begin = time.monotonic()
        server.signal()
        code = server.wait(60)
        seconds = time.monotonic() - begin
        over.set()
        for thread in threads:
            thread.join()
    finally:
        over.set()
        server.end()
    return {
        "answered": sum(answered), "not_200": sum(refused), "lost": lost, "exit_code": code, "exit_s": round(seconds, 3),
        "journaled": len(read_events(at / "journal")),
    }  # fmt: skip


if __name__ == "__main__":
    main()
