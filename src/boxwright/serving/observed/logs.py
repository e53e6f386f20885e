"""The log: one line per change of state, on stderr and in a rotated file, never one per request.

    at=2026-11-27T13:30:00.123Z level=info event=swapped bundle=5d0c1e8f2a77 release=8 from=9a41c0de1122 from_release=7

Values are plain words or JSON strings in ASCII, so that nothing from outside can begin a line or move a terminal. Lines that repeat are
counted: of one event at most ten in a minute are written, and the next one says how many were not. Stderr and the file have a thread
each, so that neither holds up an answer or the other; lines that one of them could not take are counted there. A log that cannot be
written is no reason to stop. Warnings and other libraries' loggers go the same way: they would write to stderr in the thread that answers.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import re
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Literal

from boxwright.serving.observed.sink import Sink

FILE_NAME = "server.log"
FILE_BYTES, FILES = 10 << 20, 5
_LINES, _SECONDS = 10, 60.0  # most lines of one event in this time
_MOST_LINES = 200  # of all events together in this time
_LAST_SECONDS = 1.0  # for the lines that wait when the server stops, for each place; what hangs must not hold it up
_MOST_CHARACTERS = 2000  # of one value
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@+-]+")
_OURS, _WEB = "boxwright.serving", "uvicorn"
Level = Literal["info", "warning", "error"]


def note(event: str, facts: Mapping[str, object] | None = None, *, level: Level = "info") -> None:
    """Write one line.

    Args:
        event: what changed, one word.
        facts: key to value; never a token or a whole request.
        level: of the line.
    """
    logger = logging.getLogger(_OURS)
    logger.log(getattr(logging, level.upper()), event, extra={"facts": dict(facts or {}), "event": event})


@contextmanager
def logging_to(folder: Path | None) -> Iterator[None]:
    """Within it, the server's lines and those of libraries go to stderr and to `server.log` in a folder (None: stderr only)."""
    handlers: list[logging.Handler] = [_Calm(sys.stderr)]
    if folder is not None:
        handlers.append(_Rotated(folder / FILE_NAME))
    sinks = [_sink(handler) for handler in handlers]
    front = _Front(sinks)
    front.addFilter(Repeats())
    root = logging.getLogger()
    with ExitStack() as closed, _captured_warnings(), ExitStack() as restored:
        for sink, handler in zip(sinks, handlers, strict=True):
            closed.callback(_close, sink, handler)
        for name, level in ((_OURS, logging.INFO), (_WEB, logging.WARNING)):
            logger = logging.getLogger(name)
            restored.callback(_restore, logger, logger.handlers, logger.propagate, logger.level)
            logger.handlers, logger.propagate = [front], False
            logger.setLevel(level)
        restored.callback(root.removeHandler, front)
        root.addHandler(front)
        yield


def _sink(handler: logging.Handler) -> Sink[logging.LogRecord]:
    handler.setFormatter(Lines())

    def missed(count: int) -> None:
        record = logging.LogRecord(_OURS, logging.WARNING, __file__, 0, "lines_lost", None, None)
        record.event, record.facts = "lines_lost", {"lines": count}
        handler.handle(record)

    return Sink("log", handler.handle, missed)


def _close(sink: Sink[logging.LogRecord], handler: logging.Handler) -> None:
    if sink.close(_LAST_SECONDS) and isinstance(handler, _Rotated):
        handler.close()


def _restore(logger: logging.Logger, handlers: list[logging.Handler], propagate: bool, level: int) -> None:
    logger.handlers, logger.propagate = handlers, propagate
    logger.setLevel(level)


@contextmanager
def _captured_warnings() -> Iterator[None]:
    """Python's warnings as lines."""
    before = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object) -> None:
        where = f"{Path(filename).name}:{lineno}"
        logging.getLogger("py.warnings").warning("%s: %s (%s)", category.__name__, message, where)

    warnings.showwarning = show  # type: ignore[assignment]
    try:
        yield
    finally:
        warnings.showwarning = before


class Lines(logging.Formatter):
    """A record as one line of `key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        facts: dict[str, object] = {
            "at": at.replace("+00:00", "Z"), "level": record.levelname.lower(),
            "event": getattr(record, "event", record.name.replace(".", "_")), **getattr(record, "facts", {}),
        }  # fmt: skip
        if not hasattr(record, "facts"):
            facts["message"] = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            facts["exception"] = self.formatException(record.exc_info)[-_MOST_CHARACTERS:]
        if getattr(record, "not_written", 0):
            facts["repeats_not_written"] = record.not_written  # type: ignore[attr-defined]
        return " ".join(f"{key}={_value(value)}" for key, value in facts.items())


class Repeats(logging.Filter):
    """Lets ten lines of one event pass in a minute; the others are counted, and the next that passes says how many.

    An event is what `note` calls it; of other loggers it is the message before its arguments are put in, so that a flood of requests
    is one event.

    Args:
        lines, most_lines: in `seconds`, of one event and of all.
    """

    def __init__(self, *, lines: int = _LINES, most_lines: int = _MOST_LINES, seconds: float = _SECONDS) -> None:
        super().__init__()
        self._lines, self._most, self._seconds = lines, most_lines, seconds
        self._lock = threading.Lock()
        self._begun, self._all = time.monotonic(), 0
        self._written: Counter[str] = Counter()  # since `_begun`, by event
        self._left_out: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        event, now = str(record.msg)[:200], time.monotonic()
        with self._lock:
            if now - self._begun > self._seconds:
                self._begun, self._all = now, 0
                self._written.clear()
            if self._written[event] >= self._lines or self._all >= self._most:
                if len(self._left_out) < self._most:
                    self._left_out[event] += 1
                return False
            self._written[event] += 1
            self._all += 1
            record.not_written = self._left_out.pop(event, 0)
        return True


class _Front(logging.Handler):
    """Hands lines to the threads that write them, which format them too."""

    def __init__(self, sinks: Sequence[Sink[logging.LogRecord]]) -> None:
        super().__init__()
        self._sinks = sinks

    def emit(self, record: logging.LogRecord) -> None:
        for sink in self._sinks:
            sink.put(record)


class _Calm(logging.StreamHandler):
    """Writes to a stream; one that is gone is no reason to complain about it there."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


class _Rotated(logging.handlers.RotatingFileHandler):
    """Five files of 10 MiB, for their owner alone; a full disk costs lines and nothing else."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=FILES - 1, encoding="ascii", delay=True)

    def _open(self) -> TextIOWrapper:
        handle = os.open(
            self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        os.fchmod(handle, 0o600)
        return open(handle, "a", encoding="ascii", errors="backslashreplace")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


def _value(value: object) -> str:
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    if len(text) > _MOST_CHARACTERS:
        text = f"{text[:_MOST_CHARACTERS]} ({len(text) - _MOST_CHARACTERS} characters more)"
    return json.dumps(text)
