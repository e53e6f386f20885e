"""Problems of a source for people: one kind after another with its count, errors first, a few examples of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import typer

from boxwright.cli.progress import say
from boxwright.ingestion import Problem, Reading

EXAMPLES = 3  # of a kind, unless --limit says otherwise
LimitOption = Annotated[
    int, typer.Option("--limit", min=0, help="Problems of a kind that are listed; 0 lists all that are kept.")
]


@dataclass(frozen=True)
class Kind:
    """Problems of one code and severity.

    Attributes:
        code, severity: as of `Problem`.
        count: all of them, those not kept included.
        problems: that were kept, in the order found.
    """

    code: str
    severity: str
    count: int
    problems: list[Problem]


def kinds_of(reading: Reading) -> list[Kind]:
    """The kinds of problems of a reading: errors first, then by falling count."""
    kept: dict[tuple[str, str], list[Problem]] = {}
    for problem in reading.problems:
        kept.setdefault((problem.code, problem.severity), []).append(problem)
    kinds = [Kind(code, severity, n, kept.get((code, severity), [])) for (code, severity), n in reading.counts.items()]
    return sorted(kinds, key=lambda kind: (kind.severity != "error", -kind.count, kind.code))


def kind_lines(reading: Reading, *, limit: int = EXAMPLES) -> Iterator[str]:
    """A heading per kind, then examples; `limit` of each, all that were kept where it is 0."""
    for kind in kinds_of(reading):
        yield f"{kind.severity} {kind.code}: {kind.count}"
        shown = kind.problems if not limit else kind.problems[:limit]
        yield from (f"    {problem.where}: {problem.message}" for problem in shown)
        if kind.count > len(shown):
            yield f"    ... {kind.count - len(shown)} more" + (" (--limit 0 lists them)" if limit else "")


def say_kinds(reading: Reading, *, command: str) -> None:
    """One line per kind on stderr, and the command that lists every problem."""
    kinds = kinds_of(reading)
    for kind in kinds:
        first = f"{kind.problems[0].where}: {kind.problems[0].message}" if kind.problems else ""
        times = f" ({kind.count} times), first" if kind.count > 1 else ""
        say(f"{kind.severity} {kind.code}{times}: {first}")
    if any(kind.count > 1 for kind in kinds):
        say(f"`{command}` lists all")
