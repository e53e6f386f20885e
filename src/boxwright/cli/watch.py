"""`boxwright watch`: is traffic still what the bundle was judged on?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from boxwright.cli.documents import SetOption, because, read_spec
from boxwright.cli.terminal import STORE, JsonOption, SpecOption, StoreOption, give, open_store, write_page
from boxwright.lifecycle import round_due, watch_traffic
from boxwright.pages import drift_page


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
    """Compare journaled events with the reference; exit code 1 if something rings."""
    promise = read_spec(spec, values)
    opened = open_store(store)
    watched = watch_traffic(opened, promise, journal or store / "journal", since=since)
    digest = opened.put(watched.drift, name=f"drift/{promise.name}", reason=because("watch", values))
    if page:
        write_page(page, drift_page(watched.drift, title=f"{promise.name}: traffic against the reference"))
    summary = dict(watched.drift.summary)
    due = round_due(opened, promise)
    lines = [
        *(f"alarm: {line}" for line in summary["alarms"][:20]),
        f"{summary['events']} events in {summary['windows']} windows, {len(summary['alarms'])} alarms",
    ]
    give(
        {"drift": digest, **summary, "round_due": due},
        as_json=as_json,
        lines=[*lines, *(f"a new round is due: {reason}" for reason in due), digest],
    )
    raise typer.Exit(1 if summary["alarms"] else 0)
