"""`boxwright lineage`: what an artifact was made from, and what was made from it."""

from __future__ import annotations

from typing import Annotated

import typer

from boxwright.cli.terminal import STORE, JsonOption, StoreOption, give, open_store
from boxwright.errors import StoreError
from boxwright.store import Store


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("lineage")(lineage)


def lineage(
    reference: Annotated[str, typer.Argument(help="Artifact: name or digest.")],
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Follow lineage both ways, to the ends."""
    opened = open_store(store)
    digest = opened.resolve(reference)
    kind = opened.kind_of(digest)
    sources, users = _sources(opened, digest), _users(opened, digest)
    lines = [f"{kind} {digest}", "made from:", *_indented(sources), "used by:", *_indented(users)]
    give({"kind": kind, "digest": digest, "made_from": sources, "used_by": users}, as_json=as_json, lines=lines)


def _sources(store: Store, digest: str) -> list[dict]:
    """Everything it rests on, one entry per digest, nearest first."""
    found, waiting, seen = [], [(digest, 1)], {digest}
    while waiting:
        current, depth = waiting.pop(0)
        for role, source in store.made_from(current).items():
            if source in seen:
                continue
            seen.add(source)
            try:
                kind = store.kind_of(source)
                waiting.append((source, depth + 1))
            except StoreError:
                kind = "not in this store"
            found.append({"role": role, "kind": kind, "digest": source, "depth": depth})
    return found


def _users(store: Store, digest: str) -> list[dict]:
    """Everything that rests on it."""
    found, waiting, seen = [], [(digest, 1)], {digest}
    while waiting:
        current, depth = waiting.pop(0)
        for kind, user in store.used_by(current):
            if user not in seen:
                seen.add(user)
                found.append({"kind": kind, "digest": user, "depth": depth})
                waiting.append((user, depth + 1))
    return found


def _indented(entries: list[dict]) -> list[str]:
    lines = ["  " * e["depth"] + " ".join(str(e[k]) for k in ("role", "kind", "digest") if k in e) for e in entries]
    return lines or ["  nothing"]
