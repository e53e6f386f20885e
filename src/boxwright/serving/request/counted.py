"""Every request gets a name and is counted, whatever becomes of it: unknown paths and wrong methods too.

The name is the client's own `X-Request-Id` where that is a token of 1 to 128 characters, otherwise a new one; what cannot be a name is not
echoed. It is for finding one's request again, and no proof of anything: two requests may carry the same. The event in the journal has an
identifier of its own, which nobody outside chooses; a request that brought no name is called by it.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from boxwright.serving.observed.meters import OTHER, Meters

HEADER = b"x-request-id"
_TOKEN = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")  # RFC 9110, 5.6.2
LEFT = 499  # the client went before there was a response


class Counted:
    """An ASGI app around another.

    Args:
        app: what answers.
        meters: told of every response.
        routes: paths that are counted under their own name; any other is `other`.
    """

    def __init__(self, app: ASGIApp, meters: Meters, *, routes: Iterable[str]) -> None:
        self._app, self._meters, self._routes = app, meters, frozenset(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        event_id = uuid.uuid4().hex
        name = request_name(scope["headers"]) or event_id
        scope.setdefault("state", {}).update(request_id=name, event_id=event_id)
        code = LEFT

        async def named(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
                headers = [(key, value) for key, value in message.get("headers", ()) if key.lower() != HEADER]
                message["headers"] = [*headers, (HEADER, name.encode("ascii"))]
            await send(message)

        self._meters.in_flight.inc()
        try:
            await self._app(scope, receive, named)
        finally:
            self._meters.in_flight.dec()
            path = scope["path"]
            self._meters.responded(
                route=path if path in self._routes else OTHER, method=scope["method"], code=code,
                seconds=time.perf_counter() - begin,
            )  # fmt: skip


def request_name(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The client's own name of a request; empty where it gave none, or none that can be kept."""
    given = {value.strip() for name, value in headers if name.lower() == HEADER}
    if len(given) == 1 and _TOKEN.fullmatch(own := given.pop()):
        return own.decode("ascii")
    return ""
