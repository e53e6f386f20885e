"""`boxwright rollback`: the previous bundle answers again."""

from __future__ import annotations

from typing import Annotated

import typer

from boxwright.cli.terminal import STORE, JsonOption, StoreOption, give, open_store
from boxwright.errors import NotReleasable
from boxwright.lifecycle import ROLLOUT, current_rollout
from boxwright.serving import rollback as roll_back


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("rollback")(rollback)


def rollback(
    reason: Annotated[str, typer.Option("--reason", help="Kept in the history.")] = "rollback",
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Let the previous bundle answer again; running servers follow within seconds."""
    opened = open_store(store)
    current = current_rollout(opened)
    if current is None:
        raise NotReleasable("Nothing was ever promoted in this store; there is nothing to roll back.")
    rollout = roll_back(current)
    digest = opened.put(rollout, name=ROLLOUT, reason=reason)
    result = {"rollout": digest, "number": rollout.number, "primary": rollout.primary, "previous": rollout.previous}
    give(result, as_json=as_json, lines=[f"rollout {rollout.number}: bundle {rollout.primary} answers", digest])
