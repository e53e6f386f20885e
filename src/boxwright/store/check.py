"""Everything in a store is read and compared with its digest: artifacts, rows, pictures, histories, lineage.

`health.look_over` is the quick look; this one finds a wrong byte. Artifacts are loaded one at a time and pictures a few at a time, so
that memory is bounded by the largest artifact. Nothing is written. A store that is written meanwhile is judged by what was there when
each part was listed: names first, then what they stand for, so that no writer makes a fault.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from boxwright.errors import InputError, StoreError
from boxwright.store.below import entries_below
from boxwright.store.digest import digest_of_bytes, digest_of_file
from boxwright.store.flush import is_temporary, version_before
from boxwright.store.health import left_over
from boxwright.store.listing import links_below, links_in_artifact, refuse_no_store, table_keys
from boxwright.store.log_lines import LOGS, read_line
from boxwright.store.store import NameEvent, Storable, Store
from boxwright.store.tables import newest_wrong

Kinds = Mapping[str, type[Storable]]
Tell = Callable[[str, int, int], None]
ReadJournal = Callable[[Path], Iterable[str]]  # a journal's folder to sentences about its records that cannot be used
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PICTURES = "tables/pictures.lance"
_NAMED = 3  # examples in a sentence
_ROLES = ("baseline", "reference", "withdrawn")  # of sources in the store, beside those that are called like their kind
_ONE_OF_SEVERAL = re.compile(
    r"(?P<role>[a-z_]+?)(?:_(?:[ab]|[0-9]+))?(?:\[.*\])?", re.DOTALL
)  # matches_a, report[golden]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        found: what, and where.
        todo: what to do about it, as a command where there is one.
    """

    found: str
    todo: str


@dataclass(frozen=True)
class Checked:
    """What was read in a store, and what was wrong.

    Attributes:
        names, artifacts, pictures: how many were read.
        faults: in the order found.
        leftovers: of writers that were stopped; harmless.
    """

    names: int
    artifacts: int
    pictures: int
    faults: tuple[Fault, ...]
    leftovers: tuple[Path, ...]


def check(root: Path, kinds: Kinds, *, tell: Tell, journal: ReadJournal | None = None) -> Checked:
    """Read everything in a store.

    Args:
        root: folder of the store.
        kinds: name of each kind of artifact to its class.
        tell: told what is being read, how much of it is done, and of how much.
        journal: reads the records of a journal's folder; without it only the journal's pictures are read.

    Raises:
        StoreError: the folder is no store, or an unfinished copy.
    """
    store = Store(root)
    refuse_no_store(root)
    faults = list(of_histories(store))
    artifacts = [(kind, digest) for kind in store.kinds() for digest in store.digests(kind)]
    known = {digest: kind for kind, digest in artifacts}
    kept = Kept(store)
    for number, (kind, digest) in enumerate(artifacts, start=1):
        faults += _of_artifact(store, kinds, kind, digest, known, kept)
        tell("check artifacts", number, len(artifacts))
    faults += of_tables(root)
    pictures, wrong = of_pictures(store, 0, tell)
    faults += wrong
    faults += of_records(root / "journal", journal)
    faults += _of_kept_pictures(root / "journal" / "pictures", tell)
    return Checked(len(store.names()), len(artifacts), pictures, tuple(faults), tuple(sorted(_leftovers(root))))


def of_histories(store: Store) -> Iterator[Fault]:
    """What is wrong with names, the ledger and the log of reviews: lines that cannot be used, names for what is not there."""
    for link in filter(Path.is_dir, links_below(store.place.local("names"))):
        yield Fault(
            f"'{link}' is a link; names behind it are not read.", f"put what it leads to in its place: '{link}'"
        )
    histories = {name: _history_of(store, name) for name in store.names()}
    for log in LOGS:
        yield from _of_log(store, log)
    known = {digest: kind for kind in store.kinds() for digest in store.digests(kind)}
    for name, history in histories.items():
        if isinstance(history, Fault):
            yield history
            continue
        for number, event in enumerate(history, start=1):
            if known.get(event.digest) != event.kind:
                yield Fault(
                    f"{name}@{number} stands for the {event.kind} {event.digest[:12]}, which is not in the store.",
                    _from_a_backup(f"artifacts/{event.kind}/{event.digest}"),
                )


def _history_of(store: Store, name: str) -> list[NameEvent] | Fault:
    """The history of a name, or why it cannot be used."""
    path = store.place.local(f"names/{name}.jsonl")
    try:
        history = store.history(name)
    except (StoreError, OSError) as error:
        return Fault(str(error), f"correct the line in '{path}', or take the file from a backup")
    if not history:
        return Fault(f"The name '{name}' has an empty history.", f"rm {shlex.quote(str(path))}")
    return _unended(name, path) or history


def _unended(name: str, path: Path) -> Fault | None:
    """A fault where the last line of a history is whole but for its line break: readers pass over it, and a writer drops it."""
    tail = path.read_bytes().rsplit(b"\n", 1)[-1]
    try:
        if not isinstance(json.loads(tail), dict):
            return None
    except (ValueError, RecursionError):
        return None  # a writer died in the middle of it, or none did
    return Fault(
        f"The last line of the history of the name '{name}' has no line break: it does not count, and the next write drops it.",
        f"echo >> {shlex.quote(str(path))}",
    )


def _of_log(store: Store, log: str) -> Iterator[Fault]:
    """Lines of a log that cannot be used."""
    path = store.place.local(log)
    for number, line in enumerate(store.place.lines(log), start=1):
        try:
            read_line(log, line)
        except ValueError as error:
            yield Fault(f"Line {number} of '{path}' is damaged: {error}.", f"delete line {number} of '{path}'")


class Kept:
    """The pictures that a store keeps, looked up once, for datasets that refer to them."""

    def __init__(self, store: Store) -> None:
        self._store, self._digests = store, None

    def missing(self, dataset: Any) -> Iterator[Fault]:
        """A fault where a dataset refers to pictures that are not kept."""
        wanted = dataset.rows.column("picture")
        wanted = wanted.filter(pc.not_equal(wanted, ""))  # pyright: ignore
        try:
            if self._digests is None or len(self._lacking(wanted)):
                self._digests = self._store.pictures.digests()  # written meanwhile, perhaps
        except StoreError:
            return  # said once, where the pictures are read
        missing = self._lacking(wanted).to_pylist()
        if missing:
            examples = ", ".join(one[:12] for one in missing[:_NAMED])
            yield Fault(
                f"The {dataset.kind} {dataset.digest[:12]} refers to {len(missing):,} pictures that are not in the store "
                f"({examples}{', ...' if len(missing) > _NAMED else ''}).",
                f"boxwright ingest SOURCE --name {dataset.name}",
            )

    def _lacking(self, wanted: pa.ChunkedArray) -> pa.ChunkedArray:
        return wanted.filter(pc.invert(pc.is_in(wanted, value_set=self._digests)))  # pyright: ignore


def _of_artifact(
    store: Store, kinds: Kinds, kind: str, digest: str, known: Mapping[str, str], kept: Kept
) -> Iterator[Fault]:
    """What is wrong with one artifact: its content, what it was made from, the pictures it refers to."""
    backup = _from_a_backup(f"artifacts/{kind}/{digest}")
    if kind not in kinds:
        yield Fault(f"The {kind} {digest[:12]} is of a kind this version does not know.", "pip install -U boxwright")
        return
    links = links_in_artifact(store.folder(digest, kind=kind))
    if links:
        yield Fault(
            f"The {kind} {digest[:12]} is not in the store's folder: '{links[0]}' is a link.",
            f"put what it leads to in its place: '{links[0]}'",
        )
    try:
        artifact: Any = store.get(digest, kinds[kind])
    except (InputError, OSError) as error:
        if store.place.exists(f"artifacts/{kind}/{digest}"):  # not retired meanwhile
            yield Fault(str(error), f"{backup}, or make it again with the verb that made it: that writes it anew")
        return
    for called, source in artifact.made_from.items():
        several = _ONE_OF_SEVERAL.fullmatch(called)
        role = several["role"] if several else called
        is_kept = role in kinds or (role in _ROLES and _DIGEST.fullmatch(source))
        if is_kept and source not in known and not _is_there(store, source):
            yield Fault(
                f"The {kind} {digest[:12]} was made from the {called} {source[:12]}, which is not in the store.",
                _from_a_backup(f"artifacts/{role if role in kinds else 'KIND'}/{source}"),
            )
    if kinds[kind].rows_in_table:
        yield from kept.missing(artifact)


def _is_there(store: Store, digest: str) -> bool:
    try:
        return bool(store.kind_of(digest))
    except StoreError:
        return False


def of_tables(root: Path) -> Iterator[Fault]:
    """Tables of rows whose newest version cannot be read, although no dataset needs it: the next writer builds on it."""
    for key in table_keys(root):
        if key == _PICTURES:
            continue
        try:
            wrong = newest_wrong(root / key)
        except InputError as error:
            wrong = str(error)
        if wrong:
            name = key.removeprefix("tables/rows/").removesuffix(".lance")
            yield Fault(
                f"The newest version of the table '{root / key}', which no dataset stands for, cannot be read: {wrong}.",
                f"boxwright ingest SOURCE --name {shlex.quote(name)} puts it aside",
            )


def of_records(folder: Path, journal: ReadJournal | None) -> Iterator[Fault]:
    """What is wrong with the records of a journal."""
    if journal is None or not folder.is_dir():
        return
    for sentence in journal(folder):
        yield Fault(f"The journal '{folder}': {sentence}.", _from_a_backup("journal"))


def of_pictures(store: Store, begin: int, tell: Tell) -> tuple[int, list[Fault]]:
    """Read and hash the pictures of the table from a position on; how many there are in all, and what is wrong."""
    try:
        digests = store.pictures.digests()
    except StoreError as error:
        aside = "boxwright ingest SOURCE --name NAME puts the unfinished version aside"
        stopped = version_before(store.place.local(_PICTURES)) is not None
        return 0, [Fault(str(error), aside if stopped else _from_a_backup(_PICTURES))]
    faults: list[Fault] = []
    if begin >= len(digests):
        return len(digests), faults
    for some in store.pictures.look_at(begin):
        for row, data in some:
            said = digests[row].as_py() if row < len(digests) else None
            if said is not None and (data is None or digest_of_bytes(data) != said):
                how = "cannot be read" if data is None else "has other bytes than its digest says"
                faults.append(Fault(f"Picture {said[:12]} {how}.", _from_a_backup(_PICTURES)))
        tell("check pictures", min(some[-1][0] + 1, len(digests)), len(digests))
    return len(digests), faults


def _of_kept_pictures(folder: Path, tell: Tell) -> Iterator[Fault]:
    """What is wrong with the pictures that a server kept beside its journal."""
    kept = sorted(path for path in folder.iterdir() if _DIGEST.fullmatch(path.name)) if folder.is_dir() else []
    for number, path in enumerate(kept, start=1):
        try:
            right = path.is_file() and digest_of_file(path) == path.name
        except FileNotFoundError:
            continue  # past its retention
        except OSError:
            right = False
        if not right:
            yield Fault(
                f"The picture '{path}' has other bytes than its name, its digest, says.", f"rm {shlex.quote(str(path))}"
            )
        tell("check journal pictures", number, len(kept))


def _leftovers(root: Path) -> Iterator[Path]:
    yield from left_over(root)
    for entry in entries_below(root / "tables"):
        if is_temporary(entry.name) and ".lance/" in entry.path and entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def _from_a_backup(key: str) -> str:
    return f"copy '{key}' from a backup of the store"
