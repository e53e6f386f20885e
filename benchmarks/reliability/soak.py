"""Many requests to one server: does memory grow, do file descriptors or threads?

    python -m benchmarks.reliability.soak [--requests 20000] [--clients 4] [--name soak]

A real `boxwright serve` with a real journal answers images of several sizes, some damaged, some unknown paths among them. Every 250 requests
the server's own metrics are read. Asked: after the first thousand requests memory grows by less than 1 KiB a request (its slope, least
squares, with a 95 % interval by moving blocks), file descriptors and threads stay within 2 of where they were.
"""

from __future__ import annotations

import argparse
import http.client
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reliability.measured_on import run
from benchmarks.reliability.real_bundles import real_bundle
from boxwright.images import write_jpeg
from boxwright.lifecycle import ROLLOUT
from boxwright.serving import promote
from boxwright.store import Store
from tests.lifecycle.servers import Served, served
from tests.tiny_bundles import keep_verdict

SEED, FIRST, EVERY, BLOCK = 12, 1000, 250, 8
WIDTHS = (16, 32, 64, 128)
NAMES = ("process_resident_memory_bytes", "process_open_fds", "process_threads", "process_cpu_seconds_total")


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    asked.add_argument("--requests", type=int, default=20_000)
    asked.add_argument("--clients", type=int, default=4)
    asked.add_argument("--name", default="soak")
    run(asked, measure, seed=SEED, long=("samples",))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Ask and sample."""
    rng = np.random.default_rng(SEED)
    store = Store(folder / "store")
    bundle = real_bundle(folder / "bundle", ("carton", "pouch"), scores=(0.9, 0.6), seed=0, widths=WIDTHS)
    store.put(promote(keep_verdict(store, bundle)), name=ROLLOUT)
    sizes = [(96, 128), (192, 256), (480, 640), (720, 960)]
    images = [write_jpeg(rng.integers(0, 256, (*size, 3), np.uint8)) for size in sizes for _ in range(4)]
    requests = [("/v1/detect", image) for image in images]
    requests += [("/v1/detect", images[0][:200]), ("/nonsense", b"x"), ("/v1/detect?camra=1", images[0])]
    arguments = ["--store", str(folder / "store"), "--journal", str(folder / "journal"), "--keep-pictures", "0.1"]
    with served(arguments, folder / "log") as server:
        begin = time.perf_counter()
        samples, statuses = _ask(server, requests, options)
        seconds = time.perf_counter() - begin
    late = [sample for sample in samples if sample["requests"] >= FIRST]
    count = np.array([sample["requests"] for sample in late], float)
    memory = np.array([sample["process_resident_memory_bytes"] for sample in late], float)
    return {
        "seconds": round(seconds, 1), "requests_a_second": round(options.requests / seconds, 1), "statuses": statuses,
        "memory_mib": {"after_first_thousand": round(memory[0] / 2**20, 1), "at_end": round(memory[-1] / 2**20, 1)},
        "slope_bytes_a_request": {"value": round(_slope(count, memory), 1), "interval_95": _interval(count, memory, rng)},
        "second_half_slope_bytes_a_request": round(_slope(count[len(count) // 2 :], memory[len(memory) // 2 :]), 1),
        "fds": [late[0]["process_open_fds"], late[-1]["process_open_fds"]],
        "threads": [late[0]["process_threads"], late[-1]["process_threads"]],
        "cpu_s_a_request": round((late[-1][NAMES[3]] - late[0][NAMES[3]]) / (count[-1] - count[0]), 5),
        "samples": samples,
    }  # fmt: skip


def _ask(
    server: Served, requests: list[tuple[str, bytes]], options: argparse.Namespace
) -> tuple[list[dict], dict[str, int]]:
    """Samples by number of requests, and how often each status came."""
    lock, numbers = threading.Lock(), iter(range(options.requests))
    statuses: dict[str, int] = {}
    done = 0

    def run() -> None:
        nonlocal done
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                break
            path, body = requests[number % len(requests)]
            connection.request("POST", path, body=body)
            response = connection.getresponse()
            response.read()
            with lock:
                statuses[str(response.status)] = statuses.get(str(response.status), 0) + 1
                done += 1
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(options.clients)]
    for thread in threads:
        thread.start()
    samples: list[dict[str, float]] = []
    while any(thread.is_alive() for thread in threads):
        if done >= EVERY * len(samples):
            samples.append(_sample(server, done))
        time.sleep(0.05)
    samples.append(_sample(server, done))
    return samples, statuses


def _sample(server: Served, requests: int) -> dict[str, float]:
    text = server.ask("GET", "/metrics")[1].decode()
    values = dict(line.split(" ") for line in text.splitlines() if line.startswith(NAMES))
    return {"requests": requests, **{name: float(values[name]) for name in NAMES}}


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.polyfit(x, y, 1)[0]) if len(x) > 1 else float("nan")


def _interval(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> list[float] | None:
    """Of the slope: residuals drawn again in blocks, because neighbouring samples are alike. None: too few samples."""
    if len(x) < 2 * BLOCK:
        return None
    line = np.poly1d(np.polyfit(x, y, 1))(x)
    starts = np.arange(len(x) - BLOCK + 1)
    slopes = []
    for _ in range(1000):
        chosen = rng.choice(starts, -(-len(x) // BLOCK))
        drawn = np.concatenate([(y - line)[s : s + BLOCK] for s in chosen])[: len(x)]
        slopes.append(_slope(x, line + drawn))
    return [round(float(v), 1) for v in np.quantile(slopes, (0.025, 0.975))]


if __name__ == "__main__":
    main()
