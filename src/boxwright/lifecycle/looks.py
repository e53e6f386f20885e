"""Looks at golden sets, counted in the store: one for each distinct bundle that was evaluated on one.

They are the history of the name `looks/SPEC/SET`, which is only ever appended to: which bundle, when, and by whom.
"""

from __future__ import annotations

from boxwright.store import Store


def looks_at(store: Store, spec_name: str, name: str) -> tuple[str, ...]:
    """Digests of the bundles that have been evaluated on a golden set, oldest first."""
    return tuple(dict.fromkeys(event.digest for event in store.history(_name(spec_name, name))))


def count_look(store: Store, spec_name: str, name: str, bundle: str) -> None:
    """A bundle of the store was evaluated on a golden set; evaluating the same bundle again is no second look."""
    if bundle not in looks_at(store, spec_name, name):
        store.point(_name(spec_name, name), bundle, reason="evaluated on the golden set")


def _name(spec_name: str, name: str) -> str:
    return f"looks/{spec_name}/{name}"
