"""Ten times the load a server can answer: what is accepted, how late, how fast the rest is refused, and how soon it is over.

    python -m benchmarks.reliability.overload [--seconds 60] [--times 10] [--name overload]

A real `boxwright serve` with a network of tens of milliseconds and JPEGs of 640 by 480 (80 KB), never the same bytes twice. First one client at
a time (unloaded latency), then as many clients as keep the threads and their overloaded queue full (peak rate), then requests at so many
times the peak rate whatever is answered, then as many clients as before (is the peak back, and when).

The requests come from a process of its own (`flood`), which has to run somewhere. So everything is measured twice:

    apart    the server has one core and `--in-flight 1`, the generator another core: what the server does by itself
    shared   the server with its defaults and the generator on the same cores: the generator's CPU is missing to the server

The latency of a request is counted from its first byte sent and, beside it, from when it was due. CPU is given for the server, the
generator and all other processes of the machine.

Asked: goodput at least 0.9 of the peak; p99 of accepted requests at most 3 times the p99 of the unloaded server; p99 of refusals at most
50 ms, each with Retry-After; no broken connection; the peak is back within 5 s.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reliability.asking import cpu_seconds, memory_mib, percentile, scenes
from benchmarks.reliability.flood import Answers, asked
from benchmarks.reliability.measured_on import run
from benchmarks.reliability.real_bundles import real_bundle
from boxwright.artifacts import Bundle
from boxwright.store import Store
from tests.lifecycle.servers import Served, served
from tests.tiny_bundles import keep_verdict, tiny_bundle

SEED = 5
WIDTHS = (32, 64, 128, 256, 512)
CONNECTIONS = 128
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    asked_for = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    asked_for.add_argument("--seconds", type=float, default=60)
    asked_for.add_argument("--times", type=float, default=10)
    asked_for.add_argument("--views", nargs="*", choices=("apart", "shared"), default=["apart", "shared"])
    asked_for.add_argument("--name", default="overload")
    run(asked_for, measure, seed=SEED)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Both views, each of a server of its own."""
    store = Store(folder / "store")
    bundle = real_bundle(folder / "bundle", ("carton", "pouch"), scores=(0.9, 0.6), seed=SEED, widths=WIDTHS)
    keep_verdict(store, bundle, answered_by=tiny_bundle(folder / "tiny"))
    cores = sorted(os.sched_getaffinity(0))
    found: dict[str, Any] = {}
    for view in options.views:
        apart = view == "apart"
        if apart and len(cores) < 2:
            continue
        threads = 1 if apart else 2
        with only_on(cores[:1] if apart else cores), serving(folder, bundle, threads) as server, only_on(cores):
            found[view] = one_view(folder, server, threads, core=cores[1] if apart else None, options=options)
    return found


@contextmanager
def serving(folder: Path, bundle: Bundle, threads: int) -> Iterator[Served]:
    """A server of so many worker threads."""
    arguments = [bundle.digest, "--verdict", f"verdict/{bundle.digest[:8]}", "--store", str(folder / "store"),
                 "--journal", str(folder / f"journal-{threads}"), "--keep-pictures", "0", "--in-flight", str(threads)]  # fmt: skip
    with served(arguments, folder / "log") as server:
        yield server


def one_view(
    folder: Path, server: Served, threads: int, *, core: int | None, options: argparse.Namespace
) -> dict[str, Any]:
    """All phases of one server."""
    images, quiet = scenes(16, seed=SEED), min(15.0, options.seconds)

    def phase(connections: int, seconds: float, rate: float = 0.0) -> tuple[Answers, dict[str, float]]:
        return with_cpu(
            server.process.pid,
            lambda: asked(folder, server.port, images, seconds=seconds, connections=connections, rate=rate, core=core),
        )

    phase(threads, 2)
    alone, _ = phase(1, quiet)
    before, cpu_before = phase(2 * threads, quiet)
    peak, memory = rate_of(before), memory_mib(server.process.pid)
    flood, cpu_flood = phase(CONNECTIONS, options.seconds, options.times * peak)
    grown = memory_mib(server.process.pid)
    after, _ = phase(2 * threads, quiet)
    metrics = server.ask("GET", "/metrics")[1].decode()
    accepted, refused, broken = flood.status == 200, flood.status == 429, flood.status == 0
    took = float(np.nanmax(flood.end) - flood.due[0])
    goodput = accepted.sum() / took
    settled = accepted & (flood.due > flood.due[0] + 1)
    own = {"unloaded": alone.end - alone.sent, "accepted": (flood.end - flood.sent)[accepted]}
    return {
        "threads": threads,
        "unloaded_s": latencies(own["unloaded"]), "accepted_s": latencies(own["accepted"]),
        "accepted_after_the_first_second_s": latencies((flood.end - flood.sent)[settled]),
        "accepted_since_due_s": latencies((flood.end - flood.due)[accepted]),
        "refused_s": latencies((flood.end - flood.sent)[refused]),
        "refused_since_due_s": latencies((flood.end - flood.due)[refused]),
        "sent_after_due_s": latencies(flood.sent - flood.due),
        "statuses": {str(status): int(count) for status, count in Counter(flood.status.tolist()).items()},
        "not_sent": flood.not_sent, "broken": int(broken.sum()),
        "offered_per_s": len(flood.due) / options.seconds, "peak_per_s": peak, "goodput_per_s": goodput,
        "goodput_of_peak": goodput / peak,
        "accepted_p99_of_unloaded_p99": percentile(own["accepted"].tolist(), 0.99) / percentile(own["unloaded"].tolist(), 0.99),
        "refusals_with_retry_after": float(flood.retry_after[refused].mean()) if refused.any() else None,
        "peak_afterwards_per_s": rate_of(after), "peak_is_back_after_s": back_after(after, 0.9 * peak),
        "refused_afterwards": int((after.status == 429).sum()),
        "cpu_cores_at_peak": cpu_before, "cpu_cores_in_flood": cpu_flood,
        "memory_mib": {"before": memory, "after": grown},
        "meters": [line for line in metrics.splitlines() if line.startswith(("boxwright_shed", "boxwright_deadline"))],
    }  # fmt: skip


def with_cpu(server: int, phase: Callable[[], Answers]) -> tuple[Answers, dict[str, float]]:
    """What a phase found, and how many cores it took meanwhile: the server, the generator, everything else."""
    begin, own, all_ = time.perf_counter(), cpu_seconds(server), machine_seconds()
    found = phase()
    took = time.perf_counter() - begin
    own, all_ = (cpu_seconds(server) - own) / took, (machine_seconds() - all_) / took
    generator = found.cpu_seconds / took
    return found, {"server": own, "generator": generator, "others": all_ - own - generator}


def machine_seconds() -> float:
    """CPU that all processes took since the start of the machine."""
    with open("/proc/stat") as file:
        user, nice, system, _idle, _waiting, hard, soft, *_ = map(int, file.readline().split()[1:])
    return (user + nice + system + hard + soft) / _TICKS


@contextmanager
def only_on(cores: list[int]) -> Iterator[None]:
    """Processes that are started within run on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def rate_of(answers: Answers) -> float:
    """Answers a second."""
    good = answers.status == 200
    return float(good.sum() / (np.nanmax(answers.end) - answers.due[0]))


def back_after(answers: Answers, rate: float) -> float | None:
    """Seconds from the first request until a whole second came to this rate; None: it never did."""
    ends = np.sort(answers.end[answers.status == 200]) - answers.due[0]
    for begin in np.arange(0.0, max(0.0, float(ends[-1]) - 1.0), 0.25) if len(ends) else ():
        if np.count_nonzero((ends >= begin) & (ends < begin + 1)) >= rate:
            return float(begin)
    return None


def latencies(seconds: np.ndarray) -> dict[str, float]:
    values = seconds[~np.isnan(seconds)].tolist()
    return {"n": len(values), **{f"p{round(100 * share)}": percentile(values, share) for share in (0.5, 0.9, 0.99)}}


if __name__ == "__main__":
    main()
