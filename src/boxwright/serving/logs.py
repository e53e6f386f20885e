"""The log: one line per change of state, on stderr and in a rotated file, never one per request.

    at=2026-11-27T13:30:00.123Z level=info event=swapped bundle=5d0c1e8f2a77 release=8 from=9a41c0de1122 from_release=7

Values are plain words or JSON strings in ASCII, so that nothing from outside can begin a line or move a terminal. Lines that repeat are
counted: of one event at most ten in a minute are written, and the next one says how many were not. A thread of its own writes, so that
a disk that hangs holds up no answer; a log that cannot be written is no reason to stop.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import queue
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Literal

FILE_NAME = "server.log"
FILE_BYTES, FILES = 10 << 20, 5
_LINES, _SECONDS = 10, 60.0  # most lines of one event in this time
_MOST_LINES = 200  # of all events together in this time
_LAST_SECONDS = 2.0  # for the lines that wait when the server stops; a disk that hangs must not hold it up
_WAITING = 1000  # lines that may wait for a slow disk; more are dropped
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
    """Within it, the server's lines and uvicorn's go to stderr and to `server.log` in a folder (None: stderr only)."""
    handlers: list[logging.Handler] = [_Calm(sys.stderr)]
    if folder is not None:
        handlers.append(_Rotated(folder / FILE_NAME))
    for handler in handlers:
        handler.setFormatter(Lines())
    waiting: queue.Queue[logging.LogRecord | None] = queue.Queue(_WAITING)
    front = _Front(waiting)
    front.addFilter(Repeats())
    writer = threading.Thread(target=_write, args=(waiting, handlers), name="log", daemon=True)
    writer.start()
    before = {}
    for name, level in ((_OURS, logging.INFO), (_WEB, logging.WARNING)):
        logger = logging.getLogger(name)
        before[name] = (logger.handlers[:], logger.propagate, logger.level)
        logger.handlers, logger.propagate = [front], False
        logger.setLevel(level)
    try:
        yield
    finally:
        for name, (old, propagate, level) in before.items():
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = old, propagate
            logger.setLevel(level)
        with suppress(queue.Full):
            waiting.put(None, timeout=_LAST_SECONDS)
            writer.join(timeout=_LAST_SECONDS)
        if not writer.is_alive():
            for handler in handlers[1:]:
                handler.close()


def _write(waiting: queue.Queue[logging.LogRecord | None], handlers: Sequence[logging.Handler]) -> None:
    """Hand every line to every handler, until there is None."""
    while (record := waiting.get()) is not None:
        for handler in handlers:
            handler.handle(record)


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


class _Front(logging.handlers.QueueHandler):
    """Hands lines to the writing thread; drops them when that cannot keep up."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record  # formatted by the thread that writes, with its facts

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


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
