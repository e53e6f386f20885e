"""Four bodies of 40 million pixels beside small images: what is left of the small ones' rate, and what it takes of memory.

    python -m benchmarks.reliability.large_images [--seconds 8] [--rounds 3] [--name large_images]

A real `boxwright serve` with a network of tens of milliseconds. Two clients ask with small JPEGs all the time; phases without and with four
clients that ask with 40-megapixel images (JPEG, PNG, WebP, PNG with transparency) alternate, format by format. A refused one waits a second.

Asked: the small images keep at least 0.8 of their rate; the server's peak memory stays within 256 MiB of what it had before.
"""

from __future__ import annotations

import argparse
import asyncio
import io
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from PIL import Image

from benchmarks.reliability.asking import Asked, Fresh, closed_loop, forget_peak, memory_mib, percentile, scenes
from benchmarks.reliability.measured_on import run
from benchmarks.reliability.overload import WIDTHS
from benchmarks.reliability.real_bundles import real_bundle
from boxwright.store import Store
from tests.lifecycle.servers import Served, served
from tests.tiny_bundles import keep_verdict, tiny_bundle

SEED = 6
HIGH, WIDE = 5000, 8000


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    asked.add_argument("--seconds", type=float, default=8)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--name", default="large_images")
    run(asked, measure, seed=SEED)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Everything, of one server."""
    store = Store(folder / "store")
    bundle = real_bundle(folder / "bundle", ("carton", "pouch"), scores=(0.9, 0.6), seed=SEED, widths=WIDTHS)
    keep_verdict(store, bundle, answered_by=tiny_bundle(folder / "tiny"))
    arguments = [bundle.digest, "--verdict", f"verdict/{bundle.digest[:8]}", "--store", str(folder / "store"),
                 "--journal", str(folder / "journal"), "--keep-pictures", "0"]  # fmt: skip
    small, large = Fresh(scenes(16, seed=SEED)), large_files()
    with served(arguments, folder / "log") as server:
        asyncio.run(closed_loop(server.port, small, clients=2, seconds=3))
        rows = {
            name: [phase(server, small, data, options.seconds) for _ in range(options.rounds)]
            for name, data in large.items()
        }
    return {
        "bytes": {name: len(data) for name, data in large.items()},
        "small_rate_kept": {name: median(row["kept"] for row in of) for name, of in rows.items()},
        "memory_more_mib": {name: max(row["memory_more_mib"] for row in of) for name, of in rows.items()},
        "rows": rows,
    }  # fmt: skip


def phase(server: Served, small: Fresh, large: bytes, seconds: float) -> dict[str, Any]:
    """Small images alone, then beside four clients with a large one, then alone again."""
    before = memory_mib(server.process.pid)
    forget_peak(server.process.pid)

    async def beside() -> tuple[list[Asked], list[Asked]]:
        huge = asyncio.create_task(closed_loop(server.port, lambda: large, clients=4, seconds=seconds, patience=1.0))
        return await closed_loop(server.port, small, clients=2, seconds=seconds), await huge

    alone = [asyncio.run(closed_loop(server.port, small, clients=2, seconds=seconds / 2))]
    mixed, huge = asyncio.run(beside())
    peak = memory_mib(server.process.pid, "VmHWM")
    alone.append(asyncio.run(closed_loop(server.port, small, clients=2, seconds=seconds / 2)))
    rates = [sum(one.status == 200 for one in group) / seconds for group in ([*alone[0], *alone[1]], mixed)]
    return {
        "alone_per_s": rates[0], "beside_per_s": rates[1], "kept": rates[1] / rates[0],
        "small_statuses": dict(Counter(one.status for one in mixed)), "large_statuses": dict(Counter(one.status for one in huge)),
        "small_p99_s": [percentile([one.seconds for one in group], 0.99) for group in ([*alone[0], *alone[1]], mixed)],
        "large_p50_s": percentile([one.seconds for one in huge if one.status == 200], 0.5),
        "memory_before_mib": before, "memory_more_mib": peak - before, "memory_after_mib": memory_mib(server.process.pid),
    }  # fmt: skip


def large_files() -> dict[str, bytes]:
    """40-megapixel images of soft shapes, each below the largest body (20 MiB)."""
    rng = np.random.default_rng(SEED)
    soft = cv2.resize(rng.integers(0, 256, (25, 40, 4), np.uint8), (WIDE, HIGH), interpolation=cv2.INTER_LINEAR)
    soft[..., :3] &= 0xF0
    flat = np.full((HIGH, WIDE, 4), 120, np.uint8)
    flat[::50] = 40
    made = {}
    for name, image, form, more in (
        ("jpeg", soft[..., :3], "JPEG", {"quality": 80}),
        ("png", flat[..., :3], "PNG", {"compress_level": 1}),
        ("png_transparent", flat, "PNG", {"compress_level": 1}),
        ("webp", soft[..., :3], "WEBP", {"quality": 60, "method": 0}),
    ):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, form, **more)
        made[name] = buffer.getvalue()
    return made


if __name__ == "__main__":
    main()
