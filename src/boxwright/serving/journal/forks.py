"""Writers that must know when their process was forked: the child has their numbers and handles, and must use neither."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forked(Protocol):
    """What writes under numbers of its own."""

    def become_another_writer(self) -> None:
        """Called in the child, before anything else runs there."""
        ...


_WRITERS: WeakSet[Forked] = WeakSet()


def watch(writer: Forked) -> None:
    """Tell the writer when this process turns out to be a forked one."""
    _WRITERS.add(writer)


def _in_child() -> None:
    for writer in list(_WRITERS):
        writer.become_another_writer()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
