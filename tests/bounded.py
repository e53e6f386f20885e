"""Inputs that take forever where a pattern tries everything twice: run in a child whose CPU time ends."""

from __future__ import annotations

import resource
import subprocess
import sys

_CPU_S = 20  # imports take one or two; what is tested takes hours where it is wrong, and no time where it is right


def run_bounded(code: str) -> str:
    """What a child prints that runs this code; AssertionError where it fails or uses up its CPU time."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, preexec_fn=limit, check=False, timeout=600
    )
    assert done.returncode == 0, f"exit {done.returncode} (negative: used up {_CPU_S} s of CPU)\n{done.stderr[-2000:]}"
    return done.stdout
