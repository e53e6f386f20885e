"""The store: put, get, names with history, lineage.

artifacts/<kind>/<digest>/    one folder per artifact: manifest, JSON, Parquet, files
tables/rows/<name>.lance           rows of the datasets of one name, a tag per version
tables/pictures.lance         picture bytes by digest
names/<name>.jsonl            what the name pointed to, when, by whom and why; only ever appended to
reviews.jsonl                 which queues were exported, which answers were withdrawn; `lifecycle.review_log` reads it
ledger.jsonl                  which step made which output from which inputs; `lifecycle` skips by it
copy.json                     in a copy: of which store, and whether it is finished (`copied.py`)
"""

from __future__ import annotations

import getpass
import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeVar

import pyarrow as pa

from boxwright.errors import NameMoved, StoreError
from boxwright.store.copied import refuse_unfinished
from boxwright.store.place import Folder, Place
from boxwright.store.plain_file import read_text
from boxwright.store.tables import Pictures, RowTables

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}(/[a-z0-9][a-z0-9._-]{0,99})*")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHORT = re.compile(r"[0-9a-f]{6,64}")
_KIND = re.compile(r"[a-z0-9_]{1,100}")
_LATEST = 2.5e11  # seconds since 1970: the calendar ends there
_ROWS = "rows"
NEW_NAME = ""  # as `expected`: the name must stand for nothing yet
_VERSION = re.compile(r"(?P<name>[^@~]+)(?P<sign>[@~])(?P<number>[0-9]{1,6})")  # NAME@2, NAME~1


class HasTables(Protocol):
    """A document and tables."""

    @property
    def document(self) -> dict[str, Any]: ...
    @property
    def tables(self) -> dict[str, pa.Table]: ...


class Storable(Protocol):
    """What the store asks of an artifact."""

    kind: ClassVar[str]
    rows_in_table: ClassVar[bool]  # its table `rows` is kept as a versioned Lance table under its name

    @property
    def digest(self) -> str: ...
    @property
    def made_from(self) -> Mapping[str, str]: ...
    def parts(self) -> HasTables: ...
    def save(self, folder: Path, *, leave_out: tuple[str, ...] = ()) -> None: ...
    @classmethod
    def load(cls, folder: Path, *, given: Mapping[str, pa.Table] | None = None) -> Self: ...


A = TypeVar("A", bound=Storable)


@dataclass(frozen=True)
class NameEvent:
    """One line of a name's history.

    Attributes:
        at: seconds since 1970, UTC.
        digest: what the name pointed to from then on.
        kind: the artifact's kind.
        actor: who did it.
        reason: why.
    """

    at: float
    digest: str
    kind: str
    actor: str
    reason: str


class Store:
    """A place with artifacts, names and lineage.

    Args:
        place: a folder's path, or anything that keeps the verbs of `Place`.

    Raises:
        StoreError: the folder is a copy that is not finished.
    """

    def __init__(self, place: str | Path | Place) -> None:
        if isinstance(place, str | Path):
            refuse_unfinished(Path(place))
        self.place: Place = Folder(place) if isinstance(place, str | Path) else place

    @cached_property
    def pictures(self) -> Pictures:
        """Encoded pictures by content digest."""
        return Pictures(self.place.local("tables/pictures.lance"))

    @cached_property
    def _tables(self) -> RowTables:
        return RowTables(lambda name: self.place.local(f"tables/rows/{check_name(name)}.lance"))

    def put(self, artifact: Storable, *, name: str | None = None, reason: str = "", expected: str | None = None) -> str:
        """Keep the artifact; its digest. With `name`, the name points to it from now on (see `point`).

        What is kept already is read and compared with its digest; where it is damaged, it is put out of the way and written anew.

        Raises:
            StoreError: it cannot be written, or `artifact` itself relies on a file that is damaged.
        """
        key = f"artifacts/{artifact.kind}/{artifact.digest}"
        if self._is_whole(artifact, key):
            self.place.settle(key)
        else:
            if artifact.rows_in_table:
                parts = artifact.parts()
                refuse_in_the_way(parts.document["name"])
                self._tables.snapshot(parts.document["name"], parts.tables[_ROWS], key="image_id", tag=artifact.digest)
            with self.place.new_folder(key) as folder:
                artifact.save(folder, leave_out=(_ROWS,) if artifact.rows_in_table else ())
                put_meanwhile = self._is_whole(artifact, key)  # by another writer
                if self.place.exists(key) and not put_meanwhile:
                    self.load(folder, type(artifact), digest=artifact.digest)  # its files may be those that are damaged
                    self.place.retire(key)
        if name is not None:
            self.point(name, artifact.digest, reason=reason, expected=expected)
        return artifact.digest

    def _is_whole(self, artifact: Storable, key: str) -> bool:
        """Whether the artifact is kept, and what is kept has its digest."""
        if not self.place.exists(key):
            return False
        try:
            self.load(self.place.fetch(key), type(artifact), digest=artifact.digest)
        except StoreError:
            return False
        return True

    def get(self, reference: str, kind: type[A]) -> A:
        """The artifact a digest, a unique beginning of one, or a name stands for.

        Raises:
            StoreError: nothing, or something of another kind, is found; or the content does not match the digest.
        """
        digest = self.resolve(reference, kind=kind.kind)
        return self.load(self.folder(digest, kind=kind.kind), kind, digest=digest)

    def load(self, folder: Path, kind: type[A], *, digest: str) -> A:
        """The artifact in a folder, with rows from this store's tables where its kind keeps them there.

        Raises:
            StoreError: there is none of this kind that can be read, or its content has another digest.
        """
        given = None
        if kind.rows_in_table:
            given = {
                _ROWS: self._tables.read(str(_manifest(folder, f"{kind.kind} {digest[:12]}").get("name")), tag=digest)
            }
        artifact = kind.load(folder, given=given)
        if artifact.digest != digest:
            raise StoreError(
                f"The {kind.kind} {digest[:12]} is damaged: its folder contains the {kind.kind} {artifact.digest[:12]}."
            )
        return artifact

    def folder(self, digest: str, *, kind: str) -> Path:
        """Local path of a stored artifact, to be read only."""
        return self.place.fetch(f"artifacts/{kind}/{digest}")

    def digests(self, kind: str) -> list[str]:
        """All artifacts of a kind."""
        return self.place.keys(f"artifacts/{kind}")

    def kinds(self) -> list[str]:
        """Kinds of which there is an artifact."""
        return self.place.keys("artifacts")

    def kind_of(self, digest: str) -> str:
        """The kind of a stored artifact."""
        for kind in self.kinds():
            if self.place.exists(f"artifacts/{kind}/{digest}"):
                return kind
        raise StoreError(f"No artifact has the digest {digest[:12]}; `boxwright show` lists what is in the store.")

    def resolve(self, reference: str, *, kind: str | None = None) -> str:
        """The full digest that a digest, a unique beginning of one, or a name stands for."""
        kinds = [kind] if kind else self.kinds()
        short = _SHORT.fullmatch(reference)  # a digest comes first: no file of a name can stand in for one
        found = [d for k in kinds for d in self.digests(k) if d.startswith(reference)] if short else []
        if len(found) == 1:
            return found[0]
        if found:
            raise StoreError(f"'{reference}' begins {len(found)} digests; give more of it.")
        named = _NAME.fullmatch(reference) and not _DIGEST.fullmatch(reference)
        if _VERSION.fullmatch(reference) or (named and self.history(reference)):
            _, history, position = self.versions(reference)
            meant = history[position]
            if kind and meant.kind != kind:
                raise StoreError(f"'{reference}' names a {meant.kind}; expected a {kind}.")
            return meant.digest
        wanted = kind or "artifact"
        known = ", ".join(n for n in self.names() if not kind or self.history(n)[-1].kind == kind) or "none"
        raise StoreError(f"No {wanted} is called '{reference}' in the store (names known: {known}).")

    def point(self, name: str, digest: str, *, reason: str = "", expected: str | None = None) -> bool:
        """From now on `name` stands for `digest`; what it stood for before stays in its history.

        Args:
            name: of the artifact.
            digest: of something stored.
            reason: why, for those who read the history.
            expected: digest the name must stand for until now, NEW_NAME where it must not exist yet, None for whatever it
                stands for. Two who set out from the same version cannot both move the name: the second is told who was
                faster, and nothing is lost. A name that stands for `digest` already is left alone.

        Returns:
            whether the history has one more entry.

        Raises:
            NameMoved: the name stands for something else than expected, and not for `digest`.
            StoreError: no name can be written so, or nothing stored has the digest.
        """
        check_name(name)
        refuse_in_the_way(name)
        if _SHORT.fullmatch(name) and not self.history(name):  # those that earlier versions gave keep moving
            raise StoreError(
                f"'{name}' cannot be a name: it reads like the beginning of a digest. Put another letter into it."
            )
        event = NameEvent(time.time(), digest, self.kind_of(digest), actor(), reason)

        def news(last: str | None) -> bool:
            now = self._event(name, last) if last else None
            if now is not None and now.digest == digest:
                return False
            if expected is not None and (now.digest if now else NEW_NAME) != expected:
                raise moved(name, now, expected, digest)
            return True

        return self.place.append(f"names/{name}.jsonl", json.dumps(asdict(event)), after=news)

    def history(self, name: str) -> list[NameEvent]:
        """What a name stood for, oldest first; empty for an unknown name."""
        return [self._event(name, line) for line in self.place.lines(f"names/{name}.jsonl")]

    def _event(self, name: str, line: str) -> NameEvent:
        try:
            event = NameEvent(**json.loads(line))
            _refuse_odd(event)
        except (ValueError, TypeError, RecursionError) as error:
            raise StoreError(f"The history of the name '{name}' is damaged: {error}.") from error
        return event

    def versions(self, reference: str) -> tuple[str, list[NameEvent], int]:
        """The name in a reference to a name or one of its versions, its history, and which entry is meant (0-based).

        `NAME` is the newest entry, `NAME@2` the second of the history, `NAME~1` the one before the newest.

        Raises:
            StoreError: there is no such name, or no such entry in its history.
        """
        found = _VERSION.fullmatch(reference)
        name = found["name"] if found else reference
        history = self.history(name) if _NAME.fullmatch(name) else []
        number = int(found["number"]) if found else 0
        position = number - 1 if found and found["sign"] == "@" else len(history) - 1 - number
        if not history:
            raise StoreError(f"Nothing in the store is called '{name}'; `boxwright show` lists the names.")
        if not 0 <= position < len(history):
            if len(history) == 1:
                raise StoreError(f"'{name}' has one version, so there is no '{reference}'; give {name}@1 or {name}.")
            raise StoreError(
                f"'{name}' has {len(history)} versions, so there is no '{reference}'; give {name}@1 to "
                f"{name}@{len(history)}, or {name}~{len(history) - 1} to {name}~0."
            )
        return name, history, position

    def names(self) -> list[str]:
        """All names in use, sorted; links to folders are not followed, since they can lead round in circles."""
        found: list[str] = []
        open_prefixes = ["names"]
        while open_prefixes:
            prefix = open_prefixes.pop()
            for key in self.place.keys(prefix):
                if key.endswith(".jsonl"):
                    found.append(f"{prefix}/{key}".removeprefix("names/").removesuffix(".jsonl"))
                elif not self.place.local(f"{prefix}/{key}").is_symlink():
                    open_prefixes.append(f"{prefix}/{key}")
        return sorted(found)

    def made_from(self, digest: str) -> dict[str, str]:
        """Role to digest of what a stored artifact was made from."""
        return dict(self._manifest(digest, self.kind_of(digest))["made_from"])

    def used_by(self, digest: str) -> list[tuple[str, str]]:
        """(kind, digest) of every artifact made directly from this one."""
        users = []
        for kind in self.kinds():
            for other in self.digests(kind):
                if digest in self._manifest(other, kind)["made_from"].values():
                    users.append((kind, other))
        return users

    def counts(self, digest: str, *, kind: str) -> dict[str, int]:
        """How much a stored artifact holds, as its manifest says; empty where that was not written down."""
        found = self._manifest(digest, kind).get("counts", {})
        return {str(k): int(v) for k, v in found.items()} if isinstance(found, dict) else {}

    def retire(self, digest: str, *, kind: str) -> None:
        """Put a damaged artifact out of the way, so that it can be made again."""
        self.place.retire(f"artifacts/{kind}/{digest}")

    def _manifest(self, digest: str, kind: str) -> dict[str, Any]:
        return _manifest(self.folder(digest, kind=kind), f"{kind} {digest[:12]}")


def _refuse_odd(event: NameEvent) -> None:
    """ValueError where a value of a line is none that `point` writes."""
    texts = {"digest": event.digest, "kind": event.kind, "actor": event.actor, "reason": event.reason}
    for key, value in texts.items():
        if not isinstance(value, str):
            raise ValueError(f"'{key}' is no text")
    if isinstance(event.at, bool) or not isinstance(event.at, int | float) or not 0 <= event.at < _LATEST:
        raise ValueError("'at' is no time in seconds since 1970")
    if not _DIGEST.fullmatch(event.digest):
        raise ValueError("'digest' is no digest")
    if not _KIND.fullmatch(event.kind):
        raise ValueError("'kind' is no kind")


def _manifest(folder: Path, called: str) -> dict[str, Any]:
    try:
        manifest = json.loads(read_text(folder / "manifest.json"))
        if not isinstance(manifest["made_from"], dict):
            raise TypeError("made_from is no object")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"The {called} is damaged: its manifest cannot be read ({error}).") from error
    return manifest


def moved(name: str, now: NameEvent | None, expected: str, wanted: str) -> NameMoved:
    """What a writer is told who set out from another version than the one a name stands for: who was faster, when and why."""
    stood = f"stood for {expected[:12]}" if expected else "did not exist"
    if now is None:
        by = "it stands for nothing now"
    else:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now.at))
        by = f"{now.actor} pointed it to {now.digest[:12]} at {at} UTC" + (f" ({now.reason})" if now.reason else "")
    return NameMoved(
        f"'{name}' {stood} when this began, and someone else was faster: {by}. Nothing was moved here, and {wanted[:12]} is kept. "
        f"Look at what '{name}' stands for now (`boxwright show {name}`), then begin again from there."
    )


def check_name(name: str) -> str:
    """The name, if artifacts can be called so; StoreError otherwise."""
    if not _NAME.fullmatch(name) or _DIGEST.fullmatch(name) or ".jsonl" in name:
        raise StoreError(f"'{name}' cannot be a name: use lower-case letters, digits, '.', '_', '-' and '/'.")
    return name


def refuse_in_the_way(name: str) -> None:
    """StoreError where a folder of the name would lie where a table, or what lies beside one, of another name must lie."""
    for part in name.split("/")[:-1]:
        if part.endswith((".lock", ".lance", ".unflushed")):
            raise StoreError(
                f"'{name}' cannot be a name: before a '/', no part may end in '.lock', '.lance' or '.unflushed' ('{part}' does)."
            )


def actor() -> str:
    """Who is at work: the login name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
