"""Who may ask."""

from __future__ import annotations

import hmac

from starlette.requests import Request

from boxwright.serving.asked import header_text
from boxwright.serving.limits import Limits
from boxwright.serving.refusal import Refusal


def check_caller(request: Request, limits: Limits) -> None:
    """Refusal unless the request carries the token that this server asks for."""
    if limits.token is None:
        return
    given = header_text(request, "authorization").removeprefix("Bearer ").encode()
    if not hmac.compare_digest(given, limits.token.encode()):
        raise Refusal(401, "this server asks for a bearer token", {"WWW-Authenticate": "Bearer"})
