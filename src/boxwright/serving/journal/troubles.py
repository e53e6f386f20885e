"""What the disk did lately to a journal: what it refused to take, and which calls have not come back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from boxwright.store.clock import Clock

HANGS_S = 5.0  # a call to the disk that takes longer counts as one that does not come back


class Troubles:
    """Of records and pictures apart; safe for threads.

    Args:
        clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failing: dict[str, str] = {}  # records or pictures, to what the disk said last
        self._last: str | None = None
        self._at_disk: dict[int, float] = {}  # threads that write now, and since when

    @property
    def none(self) -> bool:
        """Whether the last write of each kind succeeded, and none hangs."""
        return not self._failing and not self.hang

    @property
    def last_error(self) -> str | None:
        """What the disk said when it last refused a write; None where it never did."""
        return f"a write has not come back for more than {HANGS_S:g} s" if self.hang else self._last

    def of(self, what: str) -> bool:
        """Whether the last write of `records`, or of `pictures`, failed."""
        return what in self._failing

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Around calls to the disk: one that does not come back is seen by whoever asks, though no error ever comes."""
        thread = threading.get_ident()
        self._at_disk[thread] = self._clock.monotonic()
        try:
            yield
        finally:
            del self._at_disk[thread]

    def note(self, error: OSError, what: str | None = None) -> None:
        """The disk refused something, or a kind of write."""
        self._last = why(error)
        if what is not None:
            self._failing[what] = self._last

    def over(self, what: str) -> None:
        """A write of this kind succeeded."""
        self._failing.pop(what, None)

    @property
    def hang(self) -> bool:
        """Whether a call has not come back for long."""
        now = self._clock.monotonic()
        return any(now - begun > HANGS_S for begun in list(self._at_disk.values()))


def why(error: OSError) -> str:
    """What the disk said, without number and name."""
    return error.strerror or str(error)
