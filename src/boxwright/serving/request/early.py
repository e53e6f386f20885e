"""Refusals of an overloaded server, from a request's head and the beginning of its image.

At ten times the load that a server can answer, nine of ten requests are refused. What that costs is missing to the others, so it is
decided before the application is asked, a task begun or a body kept. It is a short cut and decides nothing by itself: it refuses
only what the lane would refuse with 429 now, from a caller who may ask. Everything else takes the usual way.
"""

from __future__ import annotations

import functools
import json
import os
import time
from typing import Any

from starlette.requests import Request

from boxwright.serving.connection.early import EarlyAnswer
from boxwright.serving.limits import Limits
from boxwright.serving.observed.meters import Meters
from boxwright.serving.primary.slot import Slot
from boxwright.serving.request.admission import Admission
from boxwright.serving.request.callers import CallerRules, check_caller
from boxwright.serving.request.counted import LEFT, request_name
from boxwright.serving.request.refusal import Refusal


class EarlyRefusals:
    """Says 429 before the body is read.

    Args:
        route: path of the requests that may be refused.
        admission: whether there is room.
        slot: whose bundle and release a refusal names.
        rules: who may ask.
        limits: with the tokens that are asked for.
        meters: told of every refusal.
    """

    def __init__(
        self, route: str, admission: Admission, slot: Slot, rules: CallerRules, limits: Limits, meters: Meters
    ) -> None:
        self._route, self._target = route, route.encode()
        self._admission, self._slot, self._rules, self._limits, self._meters = admission, slot, rules, limits, meters

    def looks_at(self, method: bytes, target: bytes) -> bool:
        return method == b"POST" and target.partition(b"?")[0] == self._target and not self._admission.lets_in()

    def answer(self, scope: Any, beginning: bytes) -> EarlyAnswer | None:
        served = self._slot.current
        if served is None:
            return None
        try:
            self._rules.check(scope)
            if self._limits.token_digests:
                check_caller(Request(scope), self._limits)
        except Refusal:
            return None  # refused on the usual way, for this reason
        refusal = self._admission.turn_away(beginning)
        if refusal is None:
            return None
        begin = time.perf_counter()
        name = (request_name(scope["headers"]) or os.urandom(16).hex()).encode()
        headers, body = _ready_made(refusal.message, refusal.headers["Retry-After"], served.digest, served.release)

        def ended(given: bool) -> None:
            code = refusal.status if given else LEFT
            self._meters.responded(route=self._route, method="POST", code=code, seconds=time.perf_counter() - begin)

        return EarlyAnswer(
            refusal.status, b"%sx-request-id: %s\r\n" % (headers, name), b'%s"%s"}' % (body, name), ended
        )


@functools.lru_cache(maxsize=256)
def _ready_made(message: str, retry_after: str, digest: str, release: str) -> tuple[bytes, bytes]:
    """Headers, and the body up to the request's name, a token that JSON takes as it is."""
    headers = {
        "content-type": "application/json", "retry-after": retry_after, "x-model-digest": digest, "x-release": release,
    }  # fmt: skip
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return lines.encode(), (json.dumps({"error": message})[:-1] + ', "request_id": ').encode()
