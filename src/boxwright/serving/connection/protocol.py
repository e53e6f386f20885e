"""One HTTP/1.1 connection: uvicorn's protocol on httptools, with the bounds that a server on an open network needs.

What is added to it:

- A head is bounded in bytes, fields and time. A malformed one is answered once, in its turn, and not logged by the line.
- Pipelined requests wait as bytes, at most one read of them, and a few as requests; meanwhile nothing is read.
- An answer that goes out before its request has wholly come closes the connection, and so does every answer of a server that
  is stopping. Closing is done in the way of RFC 9112, section 9.6: no more is sent, what still comes is read and thrown away
  for a moment, and only then is the connection closed. A client that is still sending would otherwise lose the answer to a reset.
- A wish to upgrade is passed over, and the request answered in its own version of HTTP. Trailers are no headers.
- Some requests are answered by the connection itself (`early_protocol`).
"""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from boxwright.serving.connection.connections import Connections
from boxwright.serving.connection.early import EarlyAnswers
from boxwright.serving.connection.early_protocol import EARLY_SECONDS, EarlyProtocol
from boxwright.serving.connection.head import Malformed, body_size, without_upgrade
from boxwright.serving.connection.transport import Flow, LingeringTransport

READ_BYTES = 64 << 10
_HEAD_STEP, _CHUNKED_STEP = 1024, 8192  # bytes parsed at once: a bound on requests that become objects
_PIPELINED = 16
_LINGER_SECONDS, _LINGER_QUIET_SECONDS, _LINGER_BYTES = 10.0, 2.0, 64 << 20
_FRAMING_BYTES = 64 << 10  # of chunk sizes, chunk extensions and trailers, beside eight for each byte of the body
_YOUNG_SECONDS = 1.0  # what a client has begun makes room for others only after this


class BoundedProtocol(EarlyProtocol):
    """A connection in the account of `connections`."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        connections: Connections,
        early: EarlyAnswers | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._early = early
        self.app = self._through
        self._account, self._limits = connections, connections.limits
        self.address = ""
        self._raw: asyncio.Transport
        self._door: LingeringTransport
        self._active: RequestResponseCycle | None = None  # the request being answered; `cycle` is the last one parsed
        self._held, self._at = b"", 0  # bytes not yet parsed, and how many of them were
        self._head_since: float | None = None
        self._head_size = self._fields = 0
        self._part = self._line = b""  # what is being parsed; the same from the part on in which the request line began
        self._in_body = self._again = False
        self._left = self._framing = 0  # of the body: bytes still expected, bytes that were not body
        self._idle_since: float | None = None
        self._body_since = 0.0
        self._unread_since: float | None = None
        self._reason: Malformed | None = None
        self._last_word: Malformed | None = None
        self._linger_since = self._heard_at = 0.0
        self._discarded = 0

    # From the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._raw = transport
        if hasattr(transport, "max_size"):
            setattr(transport, "max_size", READ_BYTES)  # noqa: B010  # of asyncio's transports on sockets
        self._door = LingeringTransport(transport, self.linger)
        super().connection_made(self._door)  # type: ignore[arg-type]
        self.flow = Flow(self._door, self._may_read)  # type: ignore[arg-type]
        self.address = self.client[0] if self.client else ""
        self._head_since = now = self.loop.time()
        if reason := self._account.enter(self, now):
            self._account.count(reason, self)
            self._say(503, "too many connections are open; try again")
            self.linger()

    def connection_lost(self, exc: Exception | None) -> None:
        self._account.leave(self)
        self._door.lingering = True
        self.pipeline.clear()
        self._held = b""
        self._end_early(given=False)
        if self._active is not None and not self._active.response_complete:
            self._active.disconnected = True
            self._active.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._door.is_closing():
            self._discard(len(data))
            return
        if self._last_word is not None:
            return
        if self._head_since is None and not self._in_body and self._at >= len(self._held):
            data = data.lstrip(
                b"\r\n"
            )  # some clients end a body with it (RFC 9112, section 2.2); no request begins with it
            if not data:
                return
            self._head_since = self.loop.time()
        self._idle_since = None
        self._held, self._at = (self._held[self._at :] + data if self._at < len(self._held) else data), 0
        self._parse()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_since = self.loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_since = None

    def _may_read(self) -> bool:
        """Whether more may be read: what waits in a connection is bounded by that."""
        waits = self._at < len(self._held) or self.pipeline or self._last_word is not None
        return self._door.lingering or not waits

    # Parsing

    def _parse(self) -> None:
        """Parse what is held, as far as requests may become objects."""
        while self._at < len(self._held) and len(self.pipeline) < _PIPELINED and not self._door.is_closing():
            try:
                self._parse_step()
            except (httptools.HttpParserError, Malformed):
                self._refuse(self._reason or Malformed(400, "the request is not valid HTTP"))
                return
        if self._at < len(self._held):
            self.flow.pause_reading()
        else:
            self._held, self._at = b"", 0

    def _parse_step(self) -> None:
        if self._answer is not None:
            self._skip_body()
            return
        part = self._held[self._at : self._at + self._step()]
        self._at += len(part)
        if self._in_body:
            self._framing += len(part)
        else:
            self._head_size += len(part)
        self._part, self._line = part, b"" if self._in_body else self._line + part
        upgraded_at = None
        try:
            self.parser.feed_data(part)
        except httptools.HttpParserUpgrade as upgrade:
            upgraded_at = upgrade.args[0]
        if upgraded_at is not None:
            self._at += upgraded_at - len(part)
            self._parse_without_upgrade()
        if not self._in_body and self._head_size > self._limits.head_bytes:
            raise self._because(431, f"the request's head is larger than {self._limits.head_bytes} bytes")
        if self._in_body and self._framing > _FRAMING_BYTES:
            raise self._because(400, "the body's chunks carry more framing than content")

    def _because(self, status: int, sentence: str) -> Malformed:
        """A refusal, kept because the parser turns what its callbacks raise into errors of its own."""
        self._reason = Malformed(status, sentence)
        return self._reason

    def _step(self) -> int:
        """Bytes to parse at once."""
        if not self._in_body:
            return _HEAD_STEP
        return max(_HEAD_STEP, self._left) if self._left else _CHUNKED_STEP

    def _parse_without_upgrade(self) -> None:
        """The parser takes what follows an upgrade for another protocol; a parser that is not told reads on as HTTP."""
        version = self.parser.get_http_version().encode()
        self._renew_parser()
        self._again, self._part = False, without_upgrade(self.scope["method"].encode(), self.url, version, self.headers)
        self.parser.feed_data(self._part)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._fields, self._line, self._idle_since = 0, self._part, None
        if self._head_since is None:
            self._head_since = self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_body:
            return  # a trailer
        self._fields += 1
        if self._fields > self._limits.head_fields:
            raise self._because(431, f"the request has more than {self._limits.head_fields} headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        version, method = self.parser.get_http_version(), self.parser.get_method()
        if method == b"CONNECT":
            raise self._because(400, "this server is not a proxy")
        if version not in ("1.0", "1.1") or self._is_other_protocol():
            raise self._because(505, "the only versions of HTTP that are read are 1.1 and 1.0")
        if self.parser.should_upgrade():
            self.scope["method"] = method.decode("ascii")
            self._again = True
            return
        try:
            self._left = body_size(version, self.url, self.headers)
        except Malformed as error:
            raise self._because(error.status, error.sentence) from None
        if version == "1.0":
            self.expect_100_continue = False
        self._undecided = version == "1.1" and self._may_be_answered_early(method)
        if not self._undecided:
            self._begin()
        self._head_since, self._head_size, self._framing, self._in_body = None, 0, 0, True
        self._line = b""
        self._body_since = self.loop.time()

    def _begin(self) -> None:
        """The application is asked, or the request waits in the pipeline."""
        self._undecided = False
        super().on_headers_complete()
        if not self._answering():
            self._active = self.cycle

    def _is_other_protocol(self) -> bool:
        """Whether the request line ends in RTSP/1.0 or the like, which the parser reads too and does not tell apart."""
        return b" " + self.url + b" HTTP/" not in self._line

    def on_body(self, body: bytes) -> None:
        if self._undecided:
            self._undecided = False
            self._decide(body)
        self._left = max(0, self._left - len(body))
        self._framing = max(0, self._framing - 9 * len(body))
        if self._answer is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._again:
            return
        self._in_body = False
        if self._answer is None:
            super().on_message_complete()
        else:
            self._say_early()

    def _unsupported_upgrade_warning(self) -> None:
        pass

    def _refuse(self, reason: Malformed) -> None:
        """Answer what is no request, after the answers that are still owed."""
        self._account.count("malformed" if reason.status == 400 else f"refused_{reason.status}", self)
        self._held, self._head_since = b"", None
        broken = self.cycle if self._in_body else None
        if broken is not None and broken is self._active:
            broken.disconnected = True
            broken.message_event.set()
            if broken.response_started:
                self.linger()
                return
        elif self.pipeline and self.pipeline[0][0] is broken:
            self.pipeline.popleft()
        if broken is not self._active and self._answering():
            self._last_word = reason
            self.flow.pause_reading()
        else:
            self._say(reason.status, reason.sentence)
            self.linger()

    # Answers

    async def _through(self, scope: Any, receive: Any, send: Any) -> None:
        """The application, except that some answers are the connection's last."""
        cycle = self._active
        assert cycle is not None

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start" and cycle.keep_alive and self._is_last(cycle):
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        await self.config.loaded_app(scope, receive, sending)

    def _is_last(self, cycle: RequestResponseCycle) -> bool:
        return cycle.more_body or self._is_stopping()

    def _is_stopping(self) -> bool:
        """Whether the server stops, and nothing waits behind this request."""
        return self._account.draining and not self.pipeline and self._at >= len(self._held) and self._last_word is None

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self._door.is_closing():
            return
        if self.pipeline:
            self._active, app = self.pipeline.pop()
            task = self.loop.create_task(self._active.run_asgi(app))
            task.add_done_callback(self.tasks.discard)
            self.tasks.add(task)
        if self._at < len(self._held):
            self._parse()
        self.flow.resume_reading()
        if self._answering() or self._door.is_closing():
            return
        if self._last_word is not None:
            self._say(self._last_word.status, self._last_word.sentence)
            self.linger()
        elif self._head_since is not None:
            self._head_since = self.loop.time()
        else:
            self._idle_since = self.loop.time()

    def _answering(self) -> bool:
        return self._active is not None and not self._active.response_complete

    def _say(self, status: int, sentence: str) -> None:
        """An answer without a request, the connection's last."""
        request_id = uuid.uuid4().hex
        body = json.dumps({"error": sentence, "request_id": request_id}).encode()
        headers = b"content-type: application/json\r\nx-request-id: %s\r\n" % request_id.encode()
        self._write(status, headers + (b"retry-after: 1\r\n" if status == 503 else b""), body, last=True)

    # The end

    def waits_since(self, now: float) -> float | None:
        if self._door.lingering:
            since = self._linger_since
        elif self._unread_since is not None:
            since = self._unread_since  # whatever else it is at: the work stands still until the client reads
        elif self._in_body and self.cycle is self._active:
            since = self._body_since
        elif self._answering():
            return None
        elif self._head_since is not None:
            since = self._head_since
        else:
            return self._idle_since
        return since if now - since >= _YOUNG_SECONDS else None

    def quiet_since(self) -> float | None:
        if self._door.lingering or self._answering() or self._head_size:
            return None
        return self._idle_since if self._head_since is None else self._head_since

    def look(self, now: float) -> None:
        limits = self._limits
        if self._door.lingering:
            unsent = self._raw.get_write_buffer_size() > 0
            longest, quiet = (limits.answer_seconds,) * 2 if unsent else (_LINGER_SECONDS, _LINGER_QUIET_SECONDS)
            if now - self._linger_since > longest or now - self._heard_at > quiet:
                self._raw.abort()
        elif self._unread_since is not None and now - self._unread_since > limits.answer_seconds:
            self._account.count("answer_unread", self)
            self._raw.abort()
        elif self._answering():
            pass
        elif self._in_body and now - self._body_since > EARLY_SECONDS:
            self._go_on_early()
        elif self._head_since is not None and now - self._head_since > limits.head_seconds:
            self._account.count("slow_head", self)
            if self._head_size:
                self._say(408, f"the request's head did not arrive within {limits.head_seconds:g} s")
            self.linger()
        elif self._idle_since is not None and now - self._idle_since > limits.idle_seconds:
            self.linger()

    def drop(self, reason: str) -> None:
        self._account.count(reason, self)
        self._account.leave(self)
        self._door.lingering = True
        self._raw.abort()

    def linger(self) -> None:
        """Close: send no more, read for a moment, then close."""
        if self._door.lingering:
            return
        self._door.lingering = True
        self._linger_since = self._heard_at = self.loop.time()
        self._held = b""
        if self._raw.is_closing():
            return
        try:
            self._raw.write_eof()
        except (OSError, NotImplementedError):
            self._raw.abort()
            return
        self.flow.resume_reading()

    def _discard(self, count: int) -> None:
        self._heard_at = self.loop.time()
        self._discarded += count
        if self._discarded > _LINGER_BYTES:
            self._raw.abort()
