"""CPU seconds of an answer over HTTP against the same answer in process, and against two peers with the same bundle.

    benchmarks/reliability/serving_peers.sh        # once, for the peers
    python -m benchmarks.reliability.cpu_per_request [--seconds 6] [--rounds 5] [--clients 1,8] [--network small,large] [--name cpu_per_request]

In process: decode, letterbox, network, boxes, on one thread for one client and on two threads for more. The servers' CPU is user and system
time of the process and its children (from /proc) over requests answered; every request carries bytes that were never sent before. The four
alternate within a round, so that what else runs on the machine hits them alike; given are medians of the rounds and of the ratios of
each round. Our server journals every answer and keeps its limits; the peers do neither. `boxwright_keep` also keeps every image.

Asked: at most 1.05 of in process, for networks of 10 ms and more.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import cv2

from benchmarks.reliability.asking import Asked, Fresh, closed_loop, cpu_seconds, percentile, scenes
from benchmarks.reliability.measured_on import box, keep
from benchmarks.reliability.real_bundles import real_bundle
from boxwright.artifacts import Bundle
from boxwright.inference import Detector
from boxwright.store import Store
from tests.lifecycle.servers import served
from tests.tiny_bundles import keep_verdict, tiny_bundle

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "build" / "serving_peers"
SEED = 9
NETWORKS = {"small": (32, 64, 128, 256, 512), "large": (96, 192, 384, 512)}


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    asked.add_argument("--seconds", type=float, default=6)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--clients", default="1,8")
    asked.add_argument("--network", default="small,large")
    asked.add_argument("--name", default="cpu_per_request")
    options = asked.parse_args()
    cv2.setNumThreads(1)
    found: dict[str, Any] = {"arguments": vars(options), "seed": SEED, "box": box(), "peers": PEERS.is_dir()}
    for network in options.network.split(","):
        with tempfile.TemporaryDirectory() as folder:
            found[network] = measure(Path(folder), NETWORKS[network], options)
    keep(options.name, found)
    print(json.dumps({k: v["summary"] for k, v in found.items() if k in NETWORKS}, indent=1))


def measure(folder: Path, widths: tuple[int, ...], options: argparse.Namespace) -> dict[str, Any]:
    """One network: every server is started once, and asked in turn."""
    store = Store(folder / "store")
    bundle = real_bundle(folder / "bundle", ("carton", "pouch"), scores=(0.9, 0.6), seed=SEED, widths=widths)
    keep_verdict(store, bundle, answered_by=tiny_bundle(folder / "tiny"))
    images, rows = scenes(16, seed=SEED), []
    detector = Detector(store.get(bundle.digest, Bundle))
    with contextlib.ExitStack() as stack:
        servers = dict(_servers(stack, folder, bundle))
        for port, _, body in servers.values():
            asyncio.run(closed_loop(port, body(images), clients=2, seconds=1.5))
        for number in range(options.rounds):
            for clients in map(int, options.clients.split(",")):
                row: dict[str, Any] = {"round": number, "clients": clients, "load": os.getloadavg()[0]}
                row["in_process"] = in_process(
                    detector, images, threads=1 if clients == 1 else 2, seconds=options.seconds / 2
                )
                for name, (port, process, body) in servers.items():
                    row[name] = over_http(port, process, body(images), clients=clients, seconds=options.seconds)
                rows.append(row)
    return {"summary": summary(rows, list(servers)), "rows": rows, "image_bytes": median(map(len, images))}


def in_process(detector: Detector, images: list[bytes], *, threads: int, seconds: float) -> dict[str, float]:
    """CPU milliseconds an image."""
    body = Fresh(images)

    def answer(until: float) -> int:
        done = 0
        while time.perf_counter() < until:
            detector.detect(detector.read(body(), name="body"))
            done += 1
        return done

    with ThreadPoolExecutor(threads) as pool:
        begin = time.process_time()
        done = sum(pool.map(answer, [time.perf_counter() + seconds] * threads))
        return {"cpu_ms": 1e3 * (time.process_time() - begin) / done, "per_s": done / seconds}


def over_http(port: int, process: int, body: Callable[[], bytes], *, clients: int, seconds: float) -> dict[str, float]:
    """CPU milliseconds an answer, of all the server's processes."""
    begin = cpu_seconds(process)
    asked = asyncio.run(closed_loop(port, body, clients=clients, seconds=seconds))
    took = cpu_seconds(process) - begin
    answered = [one for one in asked if one.status == 200]
    return {
        "cpu_ms": 1e3 * took / max(1, len(answered)), "per_s": len(answered) / seconds, "others": len(asked) - len(answered),
        "p50_ms": 1e3 * percentile([one.seconds for one in answered], 0.5),
    }  # fmt: skip


def summary(rows: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    """Medians by number of clients."""
    found: dict[str, Any] = {}
    for clients in sorted({row["clients"] for row in rows}):
        of = [row for row in rows if row["clients"] == clients]
        found[f"clients_{clients}"] = {
            "in_process_cpu_ms": median(row["in_process"]["cpu_ms"] for row in of),
            **{
                name: {
                    "cpu_ms": median(row[name]["cpu_ms"] for row in of),
                    "of_in_process": median(row[name]["cpu_ms"] / row["in_process"]["cpu_ms"] for row in of),
                    "ratios": sorted(round(row[name]["cpu_ms"] / row["in_process"]["cpu_ms"], 3) for row in of),
                    "per_s": median(row[name]["per_s"] for row in of),
                }
                for name in names
            },
        }
    return found


Body = Callable[[list[bytes]], Callable[[], bytes]]


def _servers(stack: contextlib.ExitStack, folder: Path, bundle: Bundle) -> Iterator[tuple[str, tuple[int, int, Body]]]:
    """Name to port, process and body of each server that can be started here."""
    for name, share in (("boxwright", "0"), ("boxwright_keep", "1")):
        arguments = [bundle.digest, "--verdict", f"verdict/{bundle.digest[:8]}", "--store", str(folder / "store"),
                     "--journal", str(folder / name), "--keep-pictures", share]  # fmt: skip
        server = stack.enter_context(served(arguments, folder / f"{name}.log"))
        yield name, (server.port, server.process.pid, Fresh)
    if not PEERS.is_dir():
        return
    for name, command, body in (
        ("fastapi", ["-m", "uvicorn", "benchmarks.reliability.peer_fastapi:app", "--log-level", "error", "--no-access-log", "--port"], Fresh),
        ("litserve", ["-m", "benchmarks.reliability.peer_litserve"], _in_json),
    ):  # fmt: skip
        port = _free_port()
        environment = {
            **os.environ, "STORE": str(folder / "store"), "DIGEST": bundle.digest, "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(map(str, (PEERS, ROOT / "src", ROOT))),
        }  # fmt: skip
        log = stack.enter_context((folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            [sys.executable, *command, str(port)],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=ROOT,
        )
        stack.callback(_stop, process)
        _await_answer(port, body(scenes(1, seed=SEED)), folder / f"{name}.log")
        yield name, (port, process.pid, body)


def _in_json(images: list[bytes]) -> Callable[[], bytes]:
    fresh = Fresh(images)
    return lambda: b'{"image": "' + base64.b64encode(fresh()) + b'"}'


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _await_answer(port: int, body: Callable[[], bytes], log: Path) -> None:
    until = time.monotonic() + 300
    found: list[Asked] = []
    while time.monotonic() < until and not any(one.status == 200 for one in found):
        time.sleep(0.5)
        found = asyncio.run(closed_loop(port, body, clients=1, seconds=0.1))
    if not any(one.status == 200 for one in found):
        raise SystemExit(f"a peer does not answer: {log.read_text()[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process group that was started here."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, kind)
        time.sleep(0.5)
    process.wait()


if __name__ == "__main__":
    main()
