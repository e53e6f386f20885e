"""What goes to stderr while a verb works: sentences, and bars with the time left.

On a terminal a bar moves; in a log it is a line now and then. A step that cannot say how far it is shows a moving bar once it has
taken two seconds, with the time it took before where that is known. All bars of a process share one display.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from boxwright.plain_text import printable

PATIENCE_S = 2.0  # a wait longer than this gets a bar
_FIFTHS = 5  # lines of a bar in a log, where it is quick
_QUIET_S = 60.0  # a log hears of slow work at least this often

stderr = Console(stderr=True, highlight=False)


def say(sentence: str) -> None:
    """A line of progress on stderr; control characters from outside are written out."""
    stderr.print(printable(sentence), markup=False, soft_wrap=True)


def time_left(seconds: float) -> str:
    """`about 40 s left`, `about 3 min left`, `about 2 h 10 min left`."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    minutes = round(seconds / 60)
    return f"about {minutes} min left" if minutes < 90 else f"about {minutes // 60} h {minutes % 60} min left"


class _Count(MofNCompleteColumn):
    def render(self, task: Task) -> Text:
        return super().render(task) if task.total is not None else Text("")


class _Left(TimeRemainingColumn):
    def render(self, task: Task) -> Text:
        return super().render(task) if task.total is not None else Text("")


@dataclass
class _Work:
    """One thing that is being done: when it began, how far it was then, what a log was told last."""

    begun: float
    first: int
    told_fifth: int = 0
    told_at: float = field(default=0.0)

    def left_s(self, done: int, of: int, now: float) -> float | None:
        """Seconds left at the rate so far; None before anything can be said."""
        made = done - self.first
        return None if made <= 0 else (now - self.begun) / made * (of - done)


class _Display:
    """The one display of a process; shown while at least one verb's block runs."""

    def __init__(self) -> None:
        self._users, self._lock = 0, threading.RLock()
        self.told = 0  # how often a bar was told how far it is
        self.progress = self._fresh()

    @staticmethod
    def _fresh() -> Progress:
        figures = (_Count, TimeElapsedColumn, _Left)
        columns = (
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
            BarColumn(bar_width=20, table_column=Column(no_wrap=True)),
            *(figure(table_column=Column(no_wrap=True)) for figure in figures),
            TextColumn(
                "{task.fields[text]}", markup=False, table_column=Column(no_wrap=False)
            ),  # gives way where the terminal is narrow
        )
        return Progress(*columns, console=stderr, transient=False, redirect_stdout=False)

    @contextmanager
    def shown(self) -> Iterator[None]:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self.progress = self._fresh()
                self.progress.start()
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self.progress.stop()


_display = _Display()


class Bars:
    """Progress bars on stderr, one per thing that is being done; plain lines where stderr is no terminal.

    Args:
        clock: seconds, rising; for tests.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tasks: dict[str, tuple[Progress, object]] = {}
        self._work: dict[str, _Work] = {}

    def __call__(self, what: str, done: int, of: int, text: str = "") -> None:
        """`done` of `of` steps of `what` are done."""
        now = self._clock()
        _display.told += 1
        work = self._work.setdefault(what, _Work(now, done, told_at=now))
        if stderr.is_terminal:
            progress, task = self._task(what, of)
            progress.update(task, completed=done, total=of, text=printable(text), visible=True)  # type: ignore[arg-type]
            return
        fifth = done * _FIFTHS // max(of, 1)
        if (fifth and fifth != work.told_fifth) or now - work.told_at >= _QUIET_S:
            work.told_fifth, work.told_at = fifth, now
            left = work.left_s(done, of, now) if done < of else None
            say(
                " ".join(
                    part for part in (f"{what}: {done}/{of}", f"({time_left(left)})" if left else "", text) if part
                )
            )

    def _task(self, what: str, of: int | None, *, visible: bool = True, text: str = "") -> tuple[Progress, object]:
        progress = _display.progress
        if what not in self._tasks or self._tasks[what][0] is not progress:
            task = progress.add_task(printable(what), total=of, visible=visible, text=printable(text))
            self._tasks[what] = progress, task
        return self._tasks[what]

    @contextmanager
    def shown(self) -> Iterator[Bars]:
        """Show the bars while the block runs; a log gets lines instead."""
        if not stderr.is_terminal:
            yield self
            return
        with _display.shown():
            yield self

    @contextmanager
    def waiting(
        self, what: str, usual_s: float | None = None, *, alone: bool = False, patience_s: float = PATIENCE_S
    ) -> Iterator[None]:
        """Tell that the block is at work once it has taken `patience_s`.

        Args:
            what: is done in the block; a bar of that name takes over as soon as it is told how far it is.
            usual_s: what it took before, in seconds.
            alone: tell only where no bar was told anything meanwhile.
            patience_s: seconds until it is told.
        """
        usual = f"took {usual_s:.0f} s before" if usual_s and usual_s >= 1 else ""

        told_before = _display.told

        def tell() -> None:
            if what in self._work or (alone and _display.told != told_before):
                return
            if stderr.is_terminal:
                self._task(what, None, text=usual)
            else:
                say(f"{what}: at work{f', {usual}' if usual else ''}")

        timer = threading.Timer(patience_s, tell)
        timer.daemon = True
        with self.shown():
            timer.start()
            try:
                yield
            finally:
                timer.cancel()
                if what in self._tasks and what not in self._work:
                    progress, task = self._tasks.pop(what)
                    progress.update(task, total=1, completed=1, visible=False)  # type: ignore[arg-type]


_verb = ExitStack()


def begin_verb(verb: str) -> None:
    """From now on until `end_verb`, a verb that takes long and shows no bar of its own is told to be at work."""
    _verb.enter_context(Bars().waiting(verb, alone=True))


def end_verb() -> None:
    """The verb has its result, or has failed."""
    _verb.close()
