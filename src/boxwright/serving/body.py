"""The body of a request, within its bounds of size and time."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from boxwright.serving.limits import Limits
from boxwright.serving.refusal import Refusal


async def read_body(request: Request, limits: Limits) -> bytes:
    """The whole body.

    Raises:
        Refusal: it is too large (413) or takes too long (408).
        starlette.requests.ClientDisconnect: the client left.
    """
    try:
        async with asyncio.timeout(limits.body_seconds):
            return await _read(request, limits.body_bytes)
    except TimeoutError as error:
        raise Refusal(408, f"the body did not arrive within {limits.body_seconds:g} s") from error


async def _read(request: Request, most: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise Refusal(413, f"the body has {declared} bytes, at most {most} are taken")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise Refusal(413, f"the body has more than the {most} bytes that are taken")
        parts.append(part)
    return b"".join(parts)
