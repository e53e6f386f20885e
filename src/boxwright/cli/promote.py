"""`boxwright promote`: the bundle of a passing verdict becomes the primary."""

from __future__ import annotations

from typing import Annotated

import typer

from boxwright.artifacts import Verdict
from boxwright.cli.terminal import STORE, JsonOption, StoreOption, find, give, open_store
from boxwright.lifecycle import release


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("promote")(promote)


def promote(
    verdict: Annotated[str, typer.Argument(help="Passing verdict: name or digest.")],
    reason: Annotated[str, typer.Option("--reason", help="Kept in the history.")] = "promote",
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Promote exactly the bundle a verdict is about, once the verdict is decided again; running servers follow in seconds."""
    opened = open_store(store)
    judged = find(store, verdict, Verdict)
    rollout = release(opened, judged, reason=reason)
    result = {
        "rollout": rollout.digest,
        "number": rollout.number,
        "primary": rollout.primary,
        "previous": rollout.previous,
    }
    give(result, as_json=as_json, lines=[f"rollout {rollout.number}: bundle {rollout.primary} answers", rollout.digest])
