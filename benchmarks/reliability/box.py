"""On what a figure was measured."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any


def description() -> dict[str, Any]:
    """Cores, CPU, load and versions."""
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "cores": os.cpu_count(), "cpu": models[0] if models else platform.processor(), "load_average": os.getloadavg(),
        "system": platform.platform(), "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "onnxruntime", "starlette", "uvicorn", "prometheus-client")},
    }  # fmt: skip


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
