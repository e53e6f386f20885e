"""What `boxwright doctor` finds on this machine: one typed finding per check, nothing printed.

A check says what it found and, where something should be done, what to type. `attention` is for what will stop or slow a verb;
`missing` is for what is optional.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import disk_usage
from typing import Literal

from boxwright.store.health import can_write

State = Literal["ok", "attention", "missing"]
LOW_DISK_BYTES = 1 << 30
LOW_MEMORY_BYTES = 1 << 30
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: what was looked at.
        state: `ok`; `attention`: something should be done; `missing`: something optional is not here.
        found: what was found, in words.
        todo: what to type or do; empty where nothing is.
    """

    check: str
    state: State
    found: str
    todo: str = ""


def python() -> Finding:
    """The interpreter and the system."""
    return Finding("python", "ok", f"{platform.python_version()} ({sys.executable}), {platform.platform(terse=True)}")


def cpus() -> Finding:
    """CPUs that this process may use, and a limit that a container sets."""
    usable, there = usable_cpus(), os.cpu_count() or 1
    limit = _cgroup_cpus()
    found = f"{usable} usable" + (f" of {there}" if there != usable else "")
    return Finding("cpus", "ok", found + (f"; the container allows {limit:.1f}" if limit else ""))


def usable_cpus() -> int:
    """CPUs that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> Finding:
    """Memory of the machine, or of the container."""
    total, free = _memory()
    if total is None or free is None:
        return Finding("memory", "ok", "the system does not tell")
    found = f"{size(total)}, {size(free)} available"
    if free < LOW_MEMORY_BYTES:
        return Finding("memory", "attention", found, "close other programs; train with --set training.batch=4")
    return Finding("memory", "ok", found)


def threads(environment: Mapping[str, str] = os.environ) -> Finding:
    """How many threads the libraries take, and whether waiting ones spin."""
    import cv2

    policy, asked = environment.get("OMP_WAIT_POLICY", "not set"), environment.get("OMP_NUM_THREADS", "not set")
    found = f"OMP_WAIT_POLICY {policy}, OMP_NUM_THREADS {asked}, OpenCV {cv2.getNumThreads()}"
    usable = usable_cpus()
    if policy.upper() == "ACTIVE":
        return Finding("threads", "attention", f"{found}: waiting threads spin", "export OMP_WAIT_POLICY=PASSIVE")
    if asked.isdigit() and int(asked) > usable:
        todo = f"export OMP_NUM_THREADS={usable}"
        return Finding("threads", "attention", f"{found}: more threads than the {usable} usable CPUs", todo)
    return Finding("threads", "ok", found)


def numba_cache(environment: Mapping[str, str] = os.environ) -> Finding:
    """Whether compiled kernels can be kept, so that only the first run on a machine waits for them."""
    given = environment.get("NUMBA_CACHE_DIR")
    if given:
        if _writable_here_or_above(Path(given)):
            return Finding("numba cache", "ok", f"'{given}' (NUMBA_CACHE_DIR) is writable")
        todo = "export NUMBA_CACHE_DIR=/tmp/numba-cache, or another folder that you can write"
        return Finding("numba cache", "attention", f"'{given}' (NUMBA_CACHE_DIR) is not writable", todo)
    spec = find_spec("boxwright.boxes")
    package = Path(spec.origin).parent if spec and spec.origin else Path()
    if _writable_here_or_above(package / "__pycache__"):
        return Finding("numba cache", "ok", f"'{package.parent}' is writable: kernels are kept beside the package")
    if _writable_here_or_above(Path.home() / ".cache" / "numba"):
        return Finding("numba cache", "ok", f"'{Path.home() / '.cache' / 'numba'}' is writable")
    return Finding(
        "numba cache", "attention", "neither the package's folder nor ~/.cache is writable: kernels cannot be kept",
        "export NUMBA_CACHE_DIR=/tmp/numba-cache, or another folder that you can write",
    )  # fmt: skip


def temporary_folder() -> Finding:
    """Free disk where temporary files go."""
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError:
        return Finding("temporary", "attention", "no temporary folder is writable", "export TMPDIR=FOLDER, writable")
    return disk("temporary", folder, f"'{folder}'", "export TMPDIR=FOLDER, on a disk with room")


def disk(check: str, folder: Path, found: str, todo: str) -> Finding:
    """Whether the disk of a folder that is there has room."""
    free = disk_usage(folder).free
    told = f"{found}, {size(free)} free"
    return Finding(check, "attention", f"{told}: low", todo) if free < LOW_DISK_BYTES else Finding(check, "ok", told)


def size(count: float) -> str:
    """`512 MiB`, `3.4 GiB`."""
    power = 0
    while count >= 1024 and power < len(_UNITS) - 1:
        count, power = count / 1024, power + 1
    return f"{count:.1f} {_UNITS[power]}" if power > 2 else f"{count:.0f} {_UNITS[power]}"


def nearest_folder(path: Path) -> Path:
    """The folder itself, or the nearest above it that is there."""
    return next((one for one in (path.absolute(), *path.absolute().parents) if one.exists()), Path("/"))


def _writable_here_or_above(folder: Path) -> bool:
    there = nearest_folder(folder)
    return there.is_dir() and can_write(there)


def _memory() -> tuple[int | None, int | None]:
    """Bytes in all and available, of the machine or of a container that has less."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        told = {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines if len(line.split()) > 1}
        total, free = told["MemTotal"], told["MemAvailable"]
    except (OSError, ValueError, KeyError):
        return None, None
    limit, used = _number("/sys/fs/cgroup/memory.max"), _number("/sys/fs/cgroup/memory.current")
    return (total, free) if not limit or limit >= total else (limit, min(free, max(0, limit - (used or 0))))


def _cgroup_cpus() -> float | None:
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()[:2]
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return None
