"""A request that is not taken, and how that is said."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse


class Refusal(Exception):
    """Raised anywhere on the way of a request; the client gets its status, sentence and headers.

    Args:
        status: HTTP status code.
        message: one sentence for the client.
        headers: beside the usual ones, such as `Retry-After`.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})

    def response(self, request_id: str) -> JSONResponse:
        """What the client gets."""
        body = {"error": self.message, "request_id": request_id}
        return JSONResponse(body, status_code=self.status, headers=self.headers)
