"""`boxwright watch`: is traffic still what the bundle was judged on?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from boxwright.cli.documents import SetOption, because, read_spec
from boxwright.cli.progress import say
from boxwright.cli.terminal import STORE, JsonOption, SpecOption, StoreOption, give, open_store, write_page
from boxwright.lifecycle import Watched, round_due, watch_traffic
from boxwright.pages import drift_page

_EXIT = {"quiet": 0, "alarm": 1, "too few to compare": 2}
_MOST_LINES = 20


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("watch")(watch)


def watch(
    spec: SpecOption,
    journal: Annotated[
        Path | None, typer.Option("--journal", help="Folder of the journal; default STORE/journal.")
    ] = None,
    since: Annotated[float, typer.Option("--since", help="Seconds since 1970; older events are left out.")] = 0.0,
    page: Annotated[Path | None, typer.Option("--page", help="Also write the HTML page.")] = None,
    values: SetOption = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Compare journaled events with the reference; exit code 1 on an alarm or an unknown or silent camera, 2 on too few events."""
    promise = read_spec(spec, values)
    opened = open_store(store)
    watched = watch_traffic(opened, promise, journal or store / "journal", since=since)
    digest = opened.put(watched.drift, name=f"drift/{promise.name}", reason=because("watch", values))
    if page:
        write_page(page, drift_page(watched.drift, title=f"{promise.name}: traffic against the reference"))
    summary = watched.drift.summary
    if not watched.reading.whole:
        say(watched.reading.sentence())
    due = round_due(opened, promise)
    lines = [*_lines(watched), *(f"a new round is due: {reason}" for reason in due), digest]
    give(
        {
            "drift": digest,
            **watched.drift.parts().document["summary"],
            "journal": watched.reading.as_json(),
            "round_due": due,
        },
        as_json=as_json,
        lines=lines,
    )
    raise typer.Exit(_EXIT[summary.outcome])


def _lines(watched: Watched) -> list[str]:
    summary, at = watched.drift.summary, watched.events.events.column("at").to_pylist()
    first, last = (f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M}" for moment in (min(at), max(at)))
    lines = [
        *_shortened("alarm", summary.alarms),
        *_shortened("cannot compare", summary.cannot_compare),
        f"{_number(summary.events, 'event')} in {_number(summary.windows, 'window')}, {first} to {last} UTC, "
        f"{_number(len(summary.alarms), 'alarm')}",
    ]
    if summary.outcome == "too few to compare":
        lines.append(
            "too few to compare: nothing was judged, and this is no all-clear; wait for more events, or give an earlier --since"
        )
    return lines


def _shortened(what: str, sentences: Sequence[str]) -> list[str]:
    rest = len(sentences) - _MOST_LINES
    more = [f"{what}: and {rest} more; --json lists all"] if rest > 0 else []
    return [*(f"{what}: {sentence}" for sentence in sentences[:_MOST_LINES]), *more]


def _number(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
