"""Swaps and failing loads under load: refused, broken, mixed and lost answers, time of a flip, latency with and without swaps.

    python -m benchmarks.reliability.swaps [--rounds 200] [--failing 50] [--clients 4] [--fresh 0.1] [--name swaps]

A real `boxwright serve` follows a real store. Three bundles with networks of about 8 MB differ in classes and scores, so that an answer
of two bundles would be seen. Most rounds are rollbacks: the name goes back to the bundle before. A share (`--fresh`) promotes the third,
which has to be loaded. Then the name moves again and again to a bundle that was judged and whose stored copy is damaged; it must never answer. Latency
is compared with phases without a move before and after, of the same server under the same clients.

Asked: 0 answers other than 2xx, 0 mixed, 0 lost; a rollback takes effect within 1 s at p99, from the moment the name has moved to the
beginning of the first request that the new bundle answers; p99 latency at most 1.5 times that without moves.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reliability.clients import Asked, Clients, percentile
from benchmarks.reliability.measured_on import run
from benchmarks.reliability.real_bundles import real_bundle
from boxwright.artifacts import Bundle, Rollout, Verdict
from boxwright.images import write_jpeg
from boxwright.lifecycle import ROLLOUT
from boxwright.serving import promote, read_events, rollback
from boxwright.store import Store
from tests.lifecycle.servers import Served, served
from tests.tiny_bundles import keep_verdict

SEED = 11
WIDTHS = (32, 64, 128, 256, 512)
CLASSES = (("carton", "pouch"), ("crate", "sack"), ("tray", "tube"))
SCORES = ((0.9, 0.6), (0.8, 0.7), (0.95, 0.55))
QUIET_S = 8.0


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    asked.add_argument("--rounds", type=int, default=200)
    asked.add_argument("--failing", type=int, default=50)
    asked.add_argument("--clients", type=int, default=4)
    asked.add_argument(
        "--fresh", type=float, default=0.1, help="share of the rounds that promote a bundle that is not loaded"
    )
    asked.add_argument("--name", default="swaps")
    run(asked, measure, seed=SEED, long=("flips",))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Everything, in one server."""
    rng = np.random.default_rng(SEED)
    store = Store(folder / "store")
    bundles = [
        real_bundle(folder / f"b{k}", CLASSES[k], scores=SCORES[k], seed=k, widths=WIDTHS) for k in range(len(CLASSES))
    ]
    verdicts = [keep_verdict(store, bundle) for bundle in bundles]
    wrong = real_bundle(folder / "wrong", CLASSES[0], scores=SCORES[1], seed=99, widths=WIDTHS)
    of_wrong = keep_verdict(store, wrong)
    store.put(promote(verdicts[0]), name=ROLLOUT)
    bodies = [write_jpeg(rng.integers(0, 256, (192, 256, 3), np.uint8)) for _ in range(8)]
    arguments = ["--store", str(folder / "store"), "--journal", str(folder / "journal"), "--keep-pictures", "0"]
    with served(arguments, folder / "log") as server:
        time.sleep(1)
        with Clients(server.port, bodies, count=options.clients) as clients:
            moves = _Moves(store, bundles, verdicts, clients)
            quiet = [moves.quiet()]
            flips = moves.swaps(options.rounds, options.fresh, rng)
            quiet.append(moves.quiet())
            moves.pass_through(of_wrong)
            before = len(clients.asked)
            _damage(store.folder(wrong.digest, kind="bundle") / "model.onnx")
            failing = moves.failing(of_wrong, options.failing, server)
        memory = _memory(server.process.pid)
        metrics = server.ask("GET", "/metrics")[1].decode()
    events = read_events(folder / "journal").events
    recorded = dict(zip(events.column("event_id").to_pylist(), events.column("bundle").to_pylist(), strict=True))
    answered = [one for one in clients.asked if one.status == 200]
    log = (folder / "journal" / "server.log").read_text().splitlines()
    calm = percentile([a.end - a.begin for a in answered if any(b <= a.begin and a.end <= e for b, e in quiet)], 0.99)
    loaded, warm = ([f for f in flips if f["loaded"] is kind] for kind in (True, False))
    moving = [a.end - a.begin for a in answered if flips and flips[0]["at"] <= a.begin <= flips[-1]["until"]]
    warm_s = [f["flip_s"] for f in warm]
    return {
        "requests": len(clients.asked),
        "statuses": dict(Counter(one.status for one in clients.asked)),
        "not_2xx": sum(one.status != 200 for one in clients.asked),
        "mixed": sum(_mixed(one, [*bundles, wrong], moves.releases) for one in answered),
        "answered_by_the_failing_one": sum(one.digest == wrong.digest for one in clients.asked[before:]),
        "lost": sum(recorded.get(one.answer["event_id"]) != one.digest for one in answered),
        "rollbacks": len(warm), "loads": len(loaded),
        "rollback_flip_s": {"p50": percentile(warm_s, 0.5), "p99": percentile(warm_s, 0.99), "max": max(warm_s, default=None)},
        "loaded_flip_s": {"p50": percentile([f["flip_s"] for f in loaded], 0.5), "max": max((f["flip_s"] for f in loaded), default=None)},
        "latency_p99_s": {"without_moves": calm, "with_moves": percentile(moving, 0.99), "ratio": percentile(moving, 0.99) / calm,
                          "while_loading": percentile(_during(answered, loaded), 0.99)},
        "failing": failing,
        "memory_mib": memory,
        "swaps_total": [line for line in metrics.splitlines() if line.startswith(("boxwright_swaps_total", "boxwright_load_failures"))],
        "log_lines": len(log),
        "flips": flips,
    }  # fmt: skip


class _Moves:
    """Moves the name, and waits until it has taken effect."""

    def __init__(self, store: Store, bundles: list[Bundle], verdicts: list[Verdict], clients: Clients) -> None:
        self._store, self._clients = store, clients
        self._bundles, self._verdicts = bundles, verdicts
        self.releases = {"1": bundles[0].digest}

    @property
    def rollout(self) -> Rollout:
        return self._store.get(ROLLOUT, Rollout)

    def quiet(self) -> tuple[float, float]:
        """A phase without a move."""
        begin = time.perf_counter()
        time.sleep(QUIET_S)
        return begin, time.perf_counter()

    def swaps(self, rounds: int, fresh: float, rng: np.random.Generator) -> list[dict[str, Any]]:
        """Rollbacks, and now and then the bundle that is not loaded; the first round must promote."""
        flips = []
        for number in range(rounds):
            current = self.rollout
            loaded = number == 0 or rng.random() < fresh
            if loaded:
                taken = (current.primary, current.previous)
                wanted = promote(next(v for v in self._verdicts if v.bundle not in taken), current=current)
            else:
                wanted = rollback(current)
            flips.append({"loaded": loaded, **self._move(wanted)})
        return flips

    def pass_through(self, verdict: Verdict) -> None:
        """Let a bundle answer once, so that its evidence held, and two others after it, so that it is no longer loaded."""
        for one in (verdict, *[v for v in self._verdicts if v.bundle != self.rollout.primary][:2]):
            self._move(promote(one, current=self.rollout))

    def failing(self, verdict: Verdict, rounds: int, server: Served) -> dict[str, Any]:
        """Move to a bundle that was judged and is damaged by now, and back, until each move was noticed."""
        failures, ready = 0, 0
        for _ in range(rounds):
            current = self.rollout
            wanted = promote(verdict, current=current)
            self._store.put(wanted, name=ROLLOUT)
            failures += self._failed(server, wanted.number)
            ready += server.ask("GET", "/v2/health/ready")[0] == 200
            back = rollback(wanted)
            self.releases[str(back.number)] = back.primary
            self._store.put(back, name=ROLLOUT)
        return {"rounds": rounds, "noticed": failures, "ready_meanwhile": ready}

    def _failed(self, server: Served, number: int) -> bool:
        """Whether the failure was noticed: as a load that failed, or as a rollout whose evidence does not hold."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            rollout = server.ask("GET", "/v2/health/ready")[1]["rollout"]
            if rollout["last_look_failed"] or (rollout["wanted"]["release"] == str(number) and rollout["last_failure"]):
                return True
            time.sleep(0.05)
        return False

    def _move(self, wanted: Rollout) -> dict[str, Any]:
        self.releases[str(wanted.number)] = wanted.primary
        self._store.put(wanted, name=ROLLOUT)
        at, seen = time.perf_counter(), len(self._clients.asked)
        while time.perf_counter() - at < 60:
            answered = self._clients.asked[seen:]
            first = min((a.begin for a in answered if a.release == str(wanted.number)), default=None)
            if first is not None:
                time.sleep(0.05)
                first = min(a.begin for a in self._clients.asked[seen:] if a.release == str(wanted.number))
                return {"at": at, "flip_s": max(0.0, first - at), "until": time.perf_counter()}
            time.sleep(0.01)
        raise SystemExit(f"release {wanted.number} did not answer within 60 s")


def _damage(model: Path) -> None:
    """Turn one byte of a stored model around."""
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 0xFF
    model.chmod(0o644)
    model.write_bytes(data)


def _mixed(one: Asked, bundles: list[Bundle], releases: dict[str, str]) -> bool:
    """Whether anything in an answer is of another bundle than its digest says."""
    position = next((k for k, bundle in enumerate(bundles) if bundle.digest == one.digest), None)
    if position is None or one.answer["model"]["bundle"] != one.digest or releases.get(one.release) != one.digest:
        return True
    found = [(d["class_name"], round(d["score"], 3)) for d in one.answer["detections"]]
    names, scores = [*CLASSES, CLASSES[0]][position], [*SCORES, SCORES[1]][position]
    return found != sorted(zip(names, scores, strict=True), key=lambda pair: -pair[1])


def _during(answered: list[Asked], flips: list[dict[str, Any]]) -> list[float]:
    return [a.end - a.begin for a in answered if any(f["at"] <= a.begin <= f["at"] + f["flip_s"] for f in flips)]


def _memory(process: int) -> dict[str, float]:
    """Resident now and at most, of the server."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    sizes = {line.split(":")[0]: float(line.split()[1]) / 1024 for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    return {"now": round(sizes["VmRSS"], 1), "most": round(sizes["VmHWM"], 1)}


if __name__ == "__main__":
    main()
