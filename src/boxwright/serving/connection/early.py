"""Answers that a connection gives by itself, before the application is asked: a refusal must not cost what an answer costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import Protocol as Shape


@dataclass(frozen=True)
class EarlyAnswer:
    """An answer to a request whose body is not wanted.

    Attributes:
        status: HTTP status.
        headers: complete lines; without Content-Length and Connection.
        body: of the answer.
        ended: to be called once, with whether the answer was given.
    """

    status: int
    headers: bytes
    body: bytes
    ended: Callable[[bool], None]


class EarlyAnswers(Shape):
    """Who knows which requests are answered early."""

    def looks_at(self, method: bytes, target: bytes) -> bool:
        """Whether the beginning of this request's body should be shown to `answer` before the application is asked."""
        ...

    def answer(self, scope: Any, beginning: bytes) -> EarlyAnswer | None:
        """The answer; None: the application is to be asked.

        Args:
            scope: of ASGI, with method, HTTP version, server and headers.
            beginning: the first bytes of the body, or all of it.
        """
        ...
