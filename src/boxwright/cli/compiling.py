"""One sentence on stderr when kernels are compiled, so that the wait of the very first run on a machine has a reason."""

from __future__ import annotations

from typing import Any

from numba.core import event

from boxwright.cli.terminal import say


class _Announce(event.Listener):
    """Says it once; a kernel that comes from the cache is not compiled and says nothing."""

    def __init__(self) -> None:
        self._said = False

    def on_start(self, event: Any) -> None:
        if not self._said:
            self._said = True
            say("compiling kernels, once on this machine (some seconds)")

    def on_end(self, event: Any) -> None:
        pass


def announce_compiling() -> None:
    """Listen from now on."""
    event.register("numba:compile", _Announce())
