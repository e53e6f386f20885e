"""Ten times the load a server can answer: what is accepted, how late, and how fast the rest is refused.

    python -m benchmarks.reliability.overload [--seconds 60] [--times 10] [--name overload]

A real `boxwright serve` with a network of tens of milliseconds. First one client at a time (unloaded latency), then as many clients as keep
both threads busy (peak rate), then an open loop of so many times the peak rate, then the peak rate again.

Asked: goodput at least 0.9 of the peak; p99 of accepted requests at most 3 times the p99 of the unloaded server; p99 of refusals at most
50 ms, each with Retry-After. Both latencies are measured by a client on the same cores.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.reliability.asking import Asked, Fresh, closed_loop, memory_mib, open_loop, percentile, scenes
from benchmarks.reliability.measured_on import run
from benchmarks.reliability.real_bundles import real_bundle
from boxwright.store import Store
from tests.lifecycle.servers import served
from tests.tiny_bundles import keep_verdict, tiny_bundle

SEED = 5
WIDTHS = (32, 64, 128, 256, 512)


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    asked.add_argument("--seconds", type=float, default=60)
    asked.add_argument("--times", type=float, default=10)
    asked.add_argument("--name", default="overload")
    run(asked, measure, seed=SEED)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Everything, of one server."""
    store = Store(folder / "store")
    bundle = real_bundle(folder / "bundle", ("carton", "pouch"), scores=(0.9, 0.6), seed=SEED, widths=WIDTHS)
    keep_verdict(store, bundle, answered_by=tiny_bundle(folder / "tiny"))
    arguments = [bundle.digest, "--verdict", f"verdict/{bundle.digest[:8]}", "--store", str(folder / "store"),
                 "--journal", str(folder / "journal"), "--keep-pictures", "0"]  # fmt: skip
    body = Fresh(scenes(16, seed=SEED))
    with served(arguments, folder / "log") as server:
        port, quiet = server.port, min(15.0, options.seconds)
        asyncio.run(closed_loop(port, body, clients=2, seconds=2))
        alone = asyncio.run(closed_loop(port, body, clients=1, seconds=quiet))
        peaks = [rate(asyncio.run(closed_loop(port, body, clients=4, seconds=quiet)))]
        before = memory_mib(server.process.pid)
        begin = time.perf_counter()
        flood = asyncio.run(open_loop(port, body, rate=options.times * peaks[0], seconds=options.seconds))
        took = time.perf_counter() - begin
        after = memory_mib(server.process.pid)
        peaks.append(rate(asyncio.run(closed_loop(port, body, clients=4, seconds=quiet))))
        metrics = server.ask("GET", "/metrics")[1].decode()
    accepted = [one for one in flood if one.status == 200]
    refused = [one for one in flood if one.status == 429]
    unloaded, loaded = ([one.seconds for one in group] for group in (alone, accepted))
    settled = [one.seconds for one in accepted if one.begin > begin + 1]
    goodput = len(accepted) / took
    return {
        "unloaded_s": latencies(unloaded), "accepted_s": latencies(loaded), "accepted_after_the_first_second_s": latencies(settled),
        "refused_s": latencies([one.seconds for one in refused]),
        "statuses": dict(Counter(one.status for one in flood)), "requests": len(flood), "offered_per_s": len(flood) / took,
        "peak_per_s": peaks, "goodput_per_s": goodput,
        "goodput_of_peak": goodput / max(peaks), "goodput_of_mean_peak": 2 * goodput / sum(peaks),
        "accepted_p99_of_unloaded_p99": percentile(loaded, 0.99) / percentile(unloaded, 0.99),
        "accepted_p99_of_unloaded_p50": percentile(loaded, 0.99) / percentile(unloaded, 0.5),
        "refusals_with_retry_after": sum(one.retry_after for one in refused) / max(1, len(refused)),
        "memory_mib": {"before": before, "after": after},
        "meters": [line for line in metrics.splitlines() if line.startswith(("boxwright_shed", "boxwright_deadline"))],
    }  # fmt: skip


def rate(asked: list[Asked]) -> float:
    """Answers a second."""
    answered = [one for one in asked if one.status == 200]
    return len(answered) / (max(one.end for one in asked) - min(one.begin for one in asked))


def latencies(seconds: list[float]) -> dict[str, float]:
    return {"n": len(seconds), **{f"p{round(100 * share)}": percentile(seconds, share) for share in (0.5, 0.9, 0.99)}}


if __name__ == "__main__":
    main()
