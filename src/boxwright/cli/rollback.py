"""`boxwright rollback`: the previous bundle answers again."""

from __future__ import annotations

from typing import Annotated

import typer

from boxwright.cli.terminal import STORE, JsonOption, StoreOption, give, open_store
from boxwright.lifecycle import take_back


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("rollback")(rollback)


def rollback(
    reason: Annotated[str, typer.Option("--reason", help="Kept in the history.")] = "rollback",
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Let the previous bundle answer again, once its verdict is decided again; running servers follow within seconds."""
    rollout = take_back(open_store(store), reason=reason)
    result = {
        "rollout": rollout.digest,
        "number": rollout.number,
        "primary": rollout.primary,
        "previous": rollout.previous,
    }
    give(result, as_json=as_json, lines=[f"rollout {rollout.number}: bundle {rollout.primary} answers", rollout.digest])
