"""The ledger: which step made which output from which inputs, so that nothing is done twice.

A step's key is the digest of its name, this version, and everything its output depends on: artifacts by digest, sections
of the spec by content. What is not in the key must not change the output.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from boxwright import __version__
from boxwright.errors import StoreError
from boxwright.store.digest import canonical_json, digest_of_bytes
from boxwright.store.log_lines import read_line
from boxwright.store.store import Storable, Store

A = TypeVar("A", bound=Storable)
Waiting = Callable[[str, float | None], AbstractContextManager[None]]


def quietly(_step: str, _usual_s: float | None) -> AbstractContextManager[None]:
    """Tells nobody that a step is at work."""
    return nullcontext()


class Steps:
    """Does a step, or finds that it was done: the ledger maps step and inputs to the output's digest.

    Args:
        store: where outputs are kept.
        say: told a sentence per step.
        waiting: entered around the making of a step's output, with its name and the seconds it took last time, if known.

    Raises:
        StoreError: a line of the ledger is damaged.
    """

    _LEDGER = "ledger.jsonl"

    def __init__(self, store: Store, say: Callable[[str], None], waiting: Waiting = quietly) -> None:
        self._store, self._say, self._waiting = store, say, waiting
        entries = [_entry(store, line, number) for number, line in enumerate(store.place.lines(self._LEDGER), start=1)]
        self._done: dict[str, str] = {entry["key"]: entry["output"] for entry in entries}
        self._usual_s: dict[str, float] = {
            entry["step"]: entry["seconds"] for entry in entries if entry.get("seconds") is not None
        }

    def __call__(self, kind: type[A], step: str, make: Callable[..., A], *inputs: Any, also: Any = None) -> A:
        """The step's output, made or found.

        Args:
            kind: of the output.
            step: its name; part of the key.
            make: makes the output from the inputs.
            inputs: artifacts and plain values.
            also: what else the output depends on, such as sections of the spec.
        """
        key = identity_of(__version__, step, *inputs, also)
        if key in self._done:
            try:
                artifact = self._store.get(self._done[key], kind)
                self._say(f"{step}: unchanged, {artifact.digest[:12]}")
                return artifact
            except StoreError as error:
                self._say(f"{step}: its result cannot be used and is made again ({error})")
                if self._done[key] in self._store.digests(kind.kind):
                    self._store.retire(self._done[key], kind=kind.kind)
        begin = time.perf_counter()
        with self._waiting(step, self._usual_s.get(step)):
            digest = self._store.put(make(*inputs))
        seconds = round(time.perf_counter() - begin, 3)
        entry = {"key": key, "step": step, "output": digest, "at": time.time(), "seconds": seconds}
        self._store.place.append(self._LEDGER, json.dumps(entry))
        self._done[key], self._usual_s[step] = digest, seconds
        self._say(f"{step}: {digest[:12]} ({seconds:.1f} s)")
        return self._store.get(digest, kind)


def _entry(store: Store, text: str, number: int) -> dict[str, Any]:
    """A line of the ledger, numbered from 1."""
    try:
        return read_line(Steps._LEDGER, text)
    except ValueError as error:
        path = store.place.local(Steps._LEDGER)
        raise StoreError(
            f"Line {number} of '{path}' is damaged: {error}. Delete it with: sed -i {number}d {shlex.quote(str(path))} "
            f"(its step is then done again)."
        ) from error


def identity_of(*inputs: Any) -> str:
    """Digest of everything a step depends on: artifacts by digest, sections by content, the rest as JSON."""
    return digest_of_bytes(canonical_json([_identity(value) for value in inputs]).encode())


def _identity(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_identity(part) for part in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return getattr(value, "digest", value)
