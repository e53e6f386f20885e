"""The machine a figure was measured on, for the raw results."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def box(seed: int) -> dict[str, Any]:
    """Cores, processor, load, versions, seed, file system."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return {
        "at": time.time(),
        "cores": os.cpu_count(),
        "cpu": next(
            (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine()
        ),
        "load_average": os.getloadavg(),
        "system": platform.platform(),
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in ("numpy", "pyarrow", "onnxruntime")},
        "seed": seed,
    }


def keep(name: str, result: dict[str, Any]) -> Path:
    """Write the raw result of a run."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return path
