"""A wrong accept taken back: nothing is deleted, the answers just count no more.

The log says that the corrections were withdrawn, by whom and why; names that stood for them stand for the ones before again, or for
corrections without an answer; their items are open. Dataset versions that were made with them stay and are named.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from boxwright.artifacts import Corrections, Dataset
from boxwright.errors import InputError
from boxwright.labels import has_corrections
from boxwright.lifecycle.review_log import note, withdrawn
from boxwright.store import Store


@dataclass(frozen=True)
class Undone:
    """What came of withdrawing corrections.

    Attributes:
        corrections: their digest.
        items: how many items are open again.
        names: name to the digest it stands for now, where that changed.
        versions: references (`dataset/line@3`) of dataset versions that were made with them, however far back.
        datasets: names whose newest version was.
    """

    corrections: str
    items: int
    names: dict[str, str] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)
    datasets: list[str] = field(default_factory=list)


def undo(store: Store, corrections: Corrections, *, reason: str) -> Undone:
    """Withdraw corrections.

    Raises:
        InputError: they hold no answer, or were withdrawn already.
    """
    digest = corrections.digest
    if not len(corrections):
        raise InputError("There is nothing to undo: these corrections contain no answer.")
    names = [name for name in store.names() if store.history(name)[-1].digest == digest]
    gone = withdrawn(store)
    if digest in gone and not names:
        raise InputError(f"The corrections {digest[:12]} were withdrawn before ({gone[digest].get('reason')}).")
    if digest not in gone:
        note(store, "withdrawn", corrections=digest, queue=corrections.made_from.get("review_queue"), reason=reason)
    moved = {name: _step_back(store, name, corrections, reason) for name in names}
    versions, newest = _made_with(store, digest)
    return Undone(digest, len(corrections), moved, versions, newest)


def _step_back(store: Store, name: str, corrections: Corrections, reason: str) -> str:
    """Point a name to the newest corrections before that still count."""
    gone = withdrawn(store)
    earlier = (e.digest for e in reversed(store.history(name)) if e.kind == Corrections.kind and e.digest not in gone)
    before = next(earlier, None)
    if before is None:
        nothing = replace(
            corrections, answers=corrections.answers.slice(0, 0), made_from={"withdrawn": corrections.digest}
        )
        before = store.put(nothing)
    store.point(name, before, reason=f"undo: {reason}", expected=corrections.digest)
    return before


def _made_with(store: Store, digest: str) -> tuple[list[str], list[str]]:
    """Versions of datasets that were made with corrections, and names whose newest version was."""
    versions, newest = [], []
    for name in store.names():
        history = store.history(name)
        if history[-1].kind != Dataset.kind:
            continue
        has = [has_corrections(store, event.digest, digest) for event in history]
        versions += [f"{name}@{k}" for k, found in enumerate(has, start=1) if found]
        newest += [name] if has[-1] else []
    return versions, newest
