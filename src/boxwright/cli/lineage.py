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
    names = _names(opened)
    sources, users = _sources(opened, digest), _users(opened, digest)
    for entry in (*sources, *users):
        entry["names"] = names.get(entry["digest"], [])
    mine = names.get(digest, [])
    lines = [" ".join([kind, digest, *mine]), "made from:", *_indented(sources), "used by:", *_indented(users)]
    result = {"kind": kind, "digest": digest, "names": mine, "made_from": sources, "used_by": users}
    give(result, as_json=as_json, lines=lines)


def _names(store: Store) -> dict[str, list[str]]:
    """Digest to the versions of names it has been, such as dataset/line@2."""
    found: dict[str, list[str]] = {}
    for name in store.names():
        for number, event in enumerate(store.history(name), start=1):
            found.setdefault(event.digest, []).append(f"{name}@{number}")
    return found


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
    """Everything that rests on it, one entry per digest, nearest first."""
    users: dict[str, list[tuple[str, str, str]]] = {}
    for kind in store.kinds():
        for user in store.digests(kind):
            for role, source in store.made_from(user).items():
                users.setdefault(source, []).append((kind, user, role))
    found, waiting, seen = [], [(digest, 1)], {digest}
    while waiting:
        current, depth = waiting.pop(0)
        for kind, user, role in users.get(current, []):
            if user not in seen:
                seen.add(user)
                found.append({"as": role, "kind": kind, "digest": user, "depth": depth})
                waiting.append((user, depth + 1))
    return found


def _indented(entries: list[dict]) -> list[str]:
    lines = []
    for entry in entries:
        words = [entry["role"]] if "role" in entry else []
        words += [entry["kind"], entry["digest"], *entry["names"]]
        words += [f"(as its {entry['as']})"] if "as" in entry else []
        lines.append("  " * entry["depth"] + " ".join(words))
    return lines or ["  nothing"]
