"""Which lane a request takes, by the pixels it would bring into memory.

Most images share a lane. Those of more than `large_pixels` have one of their own: one at a time, in a thread that yields to the others,
with a short queue. So what a few huge images take of memory and time is bounded, and the rest is answered meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from boxwright.errors import PictureError
from boxwright.images import check_size, stated_size
from boxwright.serving.limits import Limits
from boxwright.serving.observed.work_meters import WorkMeters
from boxwright.serving.request.client import Client
from boxwright.serving.request.deadline import Deadline
from boxwright.serving.request.lane import Lane
from boxwright.serving.request.refusal import Refusal

T = TypeVar("T")
_YIELDING = 5  # niceness of the lane of large images: beside two busy threads about a seventh of the time, all of an idle core's


class Larger(Exception):
    """Raised by work in the lane of ordinary images whose image turns out to be large."""


class Admission:
    """Takes requests up to a bound, and works on a few at once.

    Args:
        limits: the bounds.
        meters: told what waits and what was refused.
    """

    def __init__(self, limits: Limits, meters: WorkMeters) -> None:
        self._limits, self._meters = limits, meters
        self._ordinary = Lane("detect", threads=limits.in_flight, waiting=limits.waiting, meters=meters)
        self._large = Lane("large", threads=1, waiting=limits.large_waiting, meters=meters, niceness=_YIELDING)
        self._in_hand = 0

    async def work(
        self, function: Callable[[int], T], data: bytes, *, name: str, deadline: Deadline, client: Client
    ) -> T:
        """What the function returns, called in a thread of the image's lane with the most pixels it may decode there.

        Args:
            function: raises Larger for an image of more pixels; it is called again in the other lane.
            data: the encoded image.
            name: what to call the image in an error.
            deadline, client: what ends the wait early.

        Raises:
            Refusal: the image is too large (413), the lane is full (429), or the deadline passed (504).
            starlette.requests.ClientDisconnect: the client left while the request waited.
        """
        size, most = stated_size(data), self._limits.pixels
        if size is not None:
            try:
                check_size(size, name=name, max_pixels=most)
            except PictureError as error:
                raise Refusal(413, str(error)) from error
        lowest = min(self._limits.large_pixels, most)
        with self._counted():
            if size is None or size[0] * size[1] <= lowest:
                try:
                    return await self._ordinary.work(lambda: function(lowest), deadline=deadline, client=client)
                except Larger:
                    pass
            return await self._large.work(lambda: function(most), deadline=deadline, client=client)

    def lets_in(self) -> bool:
        """Whether an image of ordinary size whose body is still to come may find a place."""
        return self._ordinary.lets_in()

    def turn_away(self, beginning: bytes) -> Refusal | None:
        """The refusal (429), counted, of an image that begins like this; None: it is let in.

        An image that is large or too large, or whose size is not to be seen, is not refused here.

        Args:
            beginning: first bytes of the encoded image.
        """
        size = stated_size(beginning)
        if size is None or size[0] * size[1] > min(self._limits.large_pixels, self._limits.pixels):
            return None
        return self._ordinary.turn_away()

    def close(self) -> None:
        """Finish what is worked on."""
        self._ordinary.close()
        self._large.close()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._in_hand += 1
        self._meters.in_hand.set(self._in_hand)
        try:
            yield
        finally:
            self._in_hand -= 1
            self._meters.in_hand.set(self._in_hand)
