"""A thousand clients that send one byte a second: how long do they stay, and what do the others notice?

    python -m benchmarks.reliability.slow_clients --seconds 20

A real server in a process of its own. Slow clients (in another process) connect within 5 s; half of them send a head at one byte a
second, half a whole head and then a body at that pace. Each that is closed comes back 3 to 7 s later, so that the pressure lasts.
Two healthy clients ask all the time, one on a connection that it keeps and one on a new connection for each request. Phases
without and with slow clients alternate within one run. Goal: each slow client is closed within 30 s; p99 of the healthy ones at
most 1.2 times that without.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.reliability.measured_on import box
from tests.serving.own_process import OwnProcess, serving
from tests.tiny_bundles import jpeg, tiny_bundle

RESULTS = Path(__file__).parent / "results"
CROWD = Path(__file__).parent / "slow_crowd.py"


def main() -> None:
    """Measure, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="of each phase")
    parser.add_argument("--pairs", type=int, default=3, help="phases without and with")
    parser.add_argument("--clients", type=int, default=1000)
    given = parser.parse_args()
    on = box()
    phases: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        bundle = tiny_bundle(Path(folder) / "tiny")
        with serving(bundle, Path(folder) / "server") as server:
            _phase(server, 3, attacked=False, clients=0)  # warm
            for _ in range(given.pairs):
                phases.append(_phase(server, given.seconds, attacked=False, clients=0))
                print(phases[-1], flush=True)
                phases.append(_phase(server, given.seconds, attacked=True, clients=given.clients))
                print(phases[-1], flush=True)
                time.sleep(3)
            log_bytes = len(server.said())
    summary: dict[str, Any] = {"log_bytes": log_bytes}
    for kind in ("kept", "fresh"):
        without, under = (
            [one[kind]["p99_ms"] for one in phases if one["attacked"] is attacked] for attacked in (False, True)
        )
        summary[f"p99_ratio_{kind}"] = round(sorted(under)[len(under) // 2] / sorted(without)[len(without) // 2], 3)
        summary[f"failed_{kind}"] = sum(one[kind]["failed"] for one in phases)
    attacks = [one["attack"] for one in phases if one["attacked"]]
    summary["evicted"] = sum(one["evicted"] for one in attacks)
    summary["longest_stay_s"] = max(one["longest_stay_s"] for one in attacks)
    summary["most_files"] = max(one["files"] for one in phases)
    summary["most_rss_mib"] = max(one["rss_mib"] for one in phases)
    summary["rss_mib_before"] = phases[0]["rss_mib"]
    reached = summary["longest_stay_s"] <= 30 and max(summary["p99_ratio_kept"], summary["p99_ratio_fresh"]) <= 1.2
    print(summary, "goal reached" if reached else "GOAL MISSED")
    found = {
        "box": on,
        "load_average_after": os.getloadavg(),
        "given": vars(given),
        "summary": summary,
        "goal_reached": reached,
        "raw": phases,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "slow_clients.json").write_text(json.dumps(found, indent=1) + "\n")


def _phase(server: OwnProcess, seconds: float, *, attacked: bool, clients: int) -> dict[str, Any]:
    attack = None
    if attacked:
        command = [sys.executable, str(CROWD), str(server.port), str(clients), str(seconds + 15)]
        attack = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert attack.stdout is not None
        attack.stdout.readline()  # all have tried
    cpu_before = _cpu_seconds(server)
    until = time.monotonic() + seconds
    found: dict[str, dict[str, Any]] = {}
    threads = [
        threading.Thread(target=lambda kind=kind: found.update({kind: _healthy(server, until, keep=kind == "kept")}))
        for kind in ("kept", "fresh")
    ]
    for thread in threads:
        thread.start()
    files = rss = 0
    while time.monotonic() < until:
        process = Path(f"/proc/{server.process.pid}")
        files = max(files, len(list((process / "fd").iterdir())))
        rss = max(rss, int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20)
        time.sleep(0.5)
    for thread in threads:
        thread.join()
    said = json.loads(attack.communicate()[0]) if attack else None
    cpu = round(_cpu_seconds(server) - cpu_before, 2)
    return {
        "attacked": attacked,
        "server_cpu_s": cpu,
        "files": files,
        "rss_mib": rss,
        **found,
        "attack": said,
        "load": os.getloadavg()[0],
    }


def _cpu_seconds(server: OwnProcess) -> float:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _healthy(server: OwnProcess, until: float, *, keep: bool) -> dict[str, Any]:
    """Ask one request after the other."""
    took: list[float] = []
    failed: list[str] = []
    client, data = None, jpeg()
    while time.monotonic() < until:
        begin = time.perf_counter()
        try:
            client = client or http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            client.request("POST", "/v1/detect", data)
            response = client.getresponse()
            response.read()
            if response.status == 200:
                took.append(time.perf_counter() - begin)
            else:
                failed.append(str(response.status))
            if response.getheader("connection") == "close":
                client = None
        except (OSError, http.client.HTTPException) as error:
            failed.append(repr(error))
            client = None
        if not keep and client:
            client.close()
            client = None
    took.sort()
    at = lambda share: round(took[min(len(took) - 1, int(share * len(took)))] * 1e3, 2) if took else float("nan")  # noqa: E731
    return {"n": len(took), "p50_ms": at(0.5), "p99_ms": at(0.99), "failed": len(failed), "how": failed[:5]}


if __name__ == "__main__":
    main()
