"""The machine a figure was measured on, and where its raw results are kept."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("numpy", "pyarrow", "onnxruntime", "starlette", "uvicorn")


def box(seed: int | None = None) -> dict[str, Any]:
    """Cores, processor, load, versions, and the seed of the run."""
    found = {
        "at": time.strftime("%Y-%m-%d %H:%M"), "cores": len(os.sched_getaffinity(0)), "cpu": _processor(),
        "load_average": os.getloadavg(), "system": platform.platform(), "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
    }  # fmt: skip
    return found if seed is None else {**found, "seed": seed}


def keep(name: str, result: dict[str, Any]) -> Path:
    """Write the raw result of a run."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return path


def run(
    asked: argparse.ArgumentParser,
    measure: Callable[[Path, argparse.Namespace], dict[str, Any]],
    *,
    seed: int,
    long: tuple[str, ...] = (),
) -> None:
    """Measure in a folder that is deleted afterwards; keep the result under `--name`, and print it without what is `long`."""
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options)
    found = {"arguments": vars(options), "box": box(seed), **found}
    keep(options.name, found)
    print(json.dumps({k: v for k, v in found.items() if k not in ("box", *long)}, indent=1))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
