"""`boxwright show`: what is in the store, or what an artifact says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from boxwright.cli.terminal import STORE, JsonOption, StoreOption, any_artifact, give, open_store


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("show")(show)


def show(
    reference: Annotated[
        str | None, typer.Argument(help="Artifact: folder, name or digest; without it, all names.")
    ] = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """List the names of the store, or show one artifact."""
    if reference is None:
        opened = open_store(store)
        histories = {name: events for name in opened.names() if (events := opened.history(name))}
        result = {name: [vars(event) for event in events] for name, events in histories.items()}
        lines = [
            f"{name:32} {events[-1].kind:16} {events[-1].digest[:12]}  "
            f"{datetime.fromtimestamp(events[-1].at, UTC):%Y-%m-%d %H:%M} UTC, {len(events)} in its history"
            for name, events in histories.items()
        ]
        give(result, as_json=as_json, lines=lines or ["the store is empty"])
        return
    artifact = any_artifact(store, reference)
    parts = artifact.parts()
    tables = {name: {"rows": len(table), "columns": table.column_names} for name, table in parts.tables.items()}
    result = {
        "kind": artifact.kind, "digest": artifact.digest, "made_from": dict(artifact.made_from), "tables": tables,
        "files": sorted(parts.files), "document": parts.document,
    }  # fmt: skip
    give(result, as_json=as_json, lines=[json.dumps(result, indent=1, ensure_ascii=False), artifact.digest])
