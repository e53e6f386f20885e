"""Until when an answer is of use to its caller; after that nothing is computed for it.

Callers say it in one of three headers, all counted from the request's arrival; the smallest wins, also of one header sent twice:

    X-Request-Timeout-Ms             whole milliseconds
    grpc-timeout                     up to 8 digits and a unit: H, M, S, m (milliseconds), u, n
    x-envoy-expected-rq-timeout-ms   whole milliseconds, set by Envoy

Who says nothing gets the server's own, counted from the end of the body: a slow uplink is no reason to refuse.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from starlette.requests import Request

from boxwright.serving.request.asked import header_texts
from boxwright.serving.request.refusal import Refusal

LEAST_SECONDS, MOST_SECONDS = 1e-3, 600.0
_MILLISECONDS = ("x-request-timeout-ms", "x-envoy-expected-rq-timeout-ms")
_GRPC = "grpc-timeout"
_GRPC_VALUE = re.compile(r"([0-9]{1,8})([HMSmun])")
_WHOLE = re.compile(r"[0-9]{1,15}")
_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


class Deadline:
    """A moment.

    Args:
        ends: by `time.perf_counter()`.
    """

    def __init__(self, ends: float) -> None:
        self.ends = ends

    @property
    def left(self) -> float:
        """Seconds until then; negative when it has passed."""
        return self.ends - time.perf_counter()

    def check(self, stage: str) -> None:
        """DeadlineExceeded when it has passed; `stage` is what took the time."""
        if self.left <= 0:
            raise DeadlineExceeded(stage)


class DeadlineExceeded(Refusal):
    """504: the caller's time is over; nothing more is computed."""

    def __init__(self, stage: str) -> None:
        super().__init__(504, f"the request's deadline passed ({stage}); nothing was answered and nothing journaled")
        self.stage = stage


def said_seconds(request: Request) -> float | None:
    """Seconds that the caller gives the whole request, in [LEAST_SECONDS, MOST_SECONDS]; None where it does not say.

    Raises:
        Refusal: what it says is no duration (400).
    """
    said = list(_said(request))
    return min(max(min(said), LEAST_SECONDS), MOST_SECONDS) if said else None


def _said(request: Request) -> Iterator[float]:
    """Every value of every header: a proxy may add its own line to the caller's."""
    for name in _MILLISECONDS:
        for text in header_texts(request, name):
            if not _WHOLE.fullmatch(text):
                raise Refusal(400, f"the header '{name}' must be whole milliseconds, such as 2500; found {text[:40]!a}")
            yield int(text) / 1e3
    for text in header_texts(request, _GRPC):
        found = _GRPC_VALUE.fullmatch(text)
        if not found:
            raise Refusal(
                400,
                f"the header '{_GRPC}' must be up to 8 digits and one of H M S m u n, such as 2500m; found {text[:40]!a}",
            )
        yield int(found[1]) * _UNITS[found[2]]
