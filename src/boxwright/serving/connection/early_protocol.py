"""The part of a connection that answers some requests by itself (`early`), and throws their bodies away as they come.

The answer follows the body, so that the connection can be used again, or closes the connection where the body is slow. Whether a request is
answered so is decided when its body begins, because that may say more than the head.
"""

from __future__ import annotations

import asyncio

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from boxwright.serving.connection.early import EarlyAnswer, EarlyAnswers
from boxwright.serving.limits import Limits

EARLY_SECONDS = 1.0
"""For the body of a request that is answered early, or for its beginning."""


class EarlyProtocol(HttpToolsProtocol):
    """What `BoundedProtocol` does about early answers; the attributes without a value are explained there."""

    _early: EarlyAnswers | None
    _limits: Limits
    _raw: asyncio.Transport
    _held: bytes
    _at: int
    _left: int
    _in_body: bool
    _idle_since: float | None
    _undecided = False  # whether the beginning of the body decides who answers
    _answer: EarlyAnswer | None = None  # that follows this body
    _stays = False  # whether the client keeps the connection then

    def _begin(self) -> None:
        raise NotImplementedError

    def _answering(self) -> bool:
        raise NotImplementedError

    def _is_stopping(self) -> bool:
        raise NotImplementedError

    def linger(self) -> None:
        raise NotImplementedError

    def _may_be_answered_early(self, method: bytes) -> bool:
        """Whether the beginning of the body is waited for: one of known length that will come, behind no other request."""
        if self._early is None or not 0 < self._left <= self._limits.body_bytes:
            return False
        if self.expect_100_continue or self._answering() or self.flow.write_paused:
            return False
        if not self._early.looks_at(method, self.url):
            return False
        httptools.parse_url(self.url)  # what is invalid is told now, as without this
        return True

    def _decide(self, body: bytes) -> None:
        """Who answers, now that the body has begun."""
        at = self._at - len(body)  # where the part that is parsed does not hold all of the body, it ends with it
        whole = len(body) >= self._left
        beginning = body if whole else self._held[at : at + self._left]
        self.scope["method"] = self.parser.get_method().decode("ascii")
        assert self._early is not None
        self._answer = self._early.answer(self.scope, beginning)
        self._stays = bool(self.parser.should_keep_alive())
        if self._answer is None:
            self._begin()

    def _skip_body(self) -> None:
        """What came of a body that nobody wants is not even shown to the parser; a new one begins behind its stated end."""
        skipped = min(self._left, len(self._held) - self._at)
        self._at += skipped
        self._left -= skipped
        if not self._left:
            self._renew_parser()
            self._in_body = False
            self._say_early()

    def _renew_parser(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's

    def _go_on_early(self) -> None:
        """The body takes long: it is answered before its end, or the application waits for it."""
        if self._answer is not None:
            self._say_early()
        elif self._undecided:
            self._begin()

    def _say_early(self) -> None:
        """The answer that the application was not asked for."""
        answer = self._answer
        assert answer is not None
        last = self._in_body or not self._stays or self._is_stopping()
        self._write(answer.status, answer.headers, answer.body, last=last)
        self._end_early(given=True)
        self.server_state.total_requests += 1
        if last:
            self.linger()
        else:
            self._idle_since = self.loop.time()

    def _end_early(self, *, given: bool) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.ended(given)

    def _write(self, status: int, headers: bytes, body: bytes, *, last: bool) -> None:
        usual = b"".join([b"%s: %s\r\n" % header for header in self.server_state.default_headers])
        close = b"connection: close\r\n" if last else b""
        self._raw.write(
            b"%s%s%scontent-length: %d\r\n%s\r\n%s" % (STATUS_LINE[status], usual, headers, len(body), close, body)
        )
