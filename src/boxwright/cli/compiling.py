"""A bar while kernels are compiled, so that the wait of the very first run on a machine has a reason."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from numba.core import event

from boxwright.cli.progress import Bars, say, stderr


class _Announce(event.Listener):
    """Says it once, and moves while it lasts; a kernel that comes from the cache is not compiled and says nothing."""

    def __init__(self) -> None:
        self._said, self._depth, self._bar = False, 0, ExitStack()

    def on_start(self, event: Any) -> None:
        if not self._said:
            self._said = True
            say("compiling kernels, once on this machine (10 to 20 s in all)")
        if not self._depth and stderr.is_terminal:
            self._bar.enter_context(Bars().waiting("compiling kernels"))
        self._depth += 1

    def on_end(self, event: Any) -> None:
        self._depth -= 1
        if not self._depth:
            self._bar.close()


def announce_compiling() -> None:
    """Listen from now on."""
    event.register("numba:compile", _Announce())
