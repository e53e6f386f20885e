"""Lance tables behind a narrow interface: rows with versions and tags, and the bytes of pictures.

Only this file imports Lance; what it raises of its own becomes a StoreError. A table's version and tag are how a snapshot is found; its identity is our content digest,
which is the tag. The storage version is written explicitly, because readers older than a file's encoding fail on it. Everything
Lance wrote is flushed to the disk before the tag, and the tag before the call returns. A version that a power cut left and that does
not open is put aside by the next writer (`set_aside`).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.errors import InputError, StoreError
from boxwright.store.digest import digest_of_bytes
from boxwright.store.flush import flushing, is_unflushed, version_before
from boxwright.store.fs import make_folders, present_fs
from boxwright.store.rows import differing, pair_rows
from boxwright.store.set_aside import manifests, newest_version, set_aside, tags

if TYPE_CHECKING:
    import lance

STORAGE_VERSION = "2.2"
_PICTURE_SCHEMA = pa.schema([("digest", pa.string()), ("data", pa.large_binary())])
_ADD_BYTES = 64 << 20
_DELETE_AT_ONCE = 10_000  # keys named in one filter
_LOOK_AT_ONCE = 16  # pictures in memory
_OF_LANCE = (ValueError, OSError, RuntimeError, pa.ArrowException)  # what it raises where a file is damaged or lacking
_POWER = "its newest version was being written when the power failed or the machine stopped"


def _lance() -> Any:
    try:
        import lance
    except ImportError as error:
        needs = "Datasets are kept in Lance tables, which need: pip install 'boxwright[data]'."
        raise InputError(needs) from error  # no StoreError: nothing is damaged, so nothing may be made again
    return lance


class RowTables:
    """Versioned tables of rows, one per name, each snapshot tagged with a digest.

    Args:
        locate: table name to the address Lance may keep it under.
    """

    def __init__(self, locate: Callable[[str], Path]) -> None:
        self._locate = locate

    def snapshot(self, name: str, rows: pa.Table, *, key: str, tag: str) -> None:
        """Make `rows` the newest version of the table and tag it; rows that did not change are not written again.

        A process that dies here leaves at most a version without a tag: nothing refers to it, and the next snapshot is
        compared with whatever the newest version holds. When this returns, rows and tag are on the disk.

        Raises:
            StoreError: the table cannot be written.
        """
        lance = _lance()
        address = self._locate(name)
        make_folders(present_fs(), address.parent)
        try:
            with _alone(address.with_suffix(".lock")):
                _mend_rows(address)
                with flushing(address, version=newest_version(address)) as flush:
                    self._write(lance, name, rows, key, tag, flush)
        except _OF_LANCE as error:
            raise StoreError(
                f"The rows of dataset '{name}' cannot be written to '{address}': {_first_line(error)}. "
                f"`boxwright store check` says what is damaged."
            ) from error

    def _write(self, lance: Any, name: str, rows: pa.Table, key: str, tag: str, flush: Callable[[], None]) -> None:
        address = self._locate(name)
        if not _is_table(address):
            table = lance.write_dataset(rows, str(address), data_storage_version=STORAGE_VERSION)
        else:
            table = _newest(address)
            tagged = tag in table.tags.list()
            if tagged and self._is_kept(name, tag, rows, key):
                return
            table = self._replace(lance, table, rows, key)
            if tagged:
                table.tags.delete(tag)
        flush()
        table.tags.create(tag, table.version)

    def _is_kept(self, name: str, tag: str, rows: pa.Table, key: str) -> bool:
        """Whether a tagged snapshot can be read and has these rows."""
        try:
            return _nothing_changed(self.read(name, tag=tag), rows, key)
        except StoreError:
            return False

    def _replace(self, lance: Any, table: lance.LanceDataset, rows: pa.Table, key: str) -> lance.LanceDataset:
        """Make the newest version hold exactly `rows`; what it holds already is left where it lies."""
        before = _rows_of(table)
        if before is None or before.schema != rows.schema:
            return lance.write_dataset(rows, table.uri, mode="overwrite", data_storage_version=STORAGE_VERSION)
        changed, gone = _changes(before, rows, key)
        if len(changed):
            merge = table.merge_insert(key).when_matched_update_all().when_not_matched_insert_all()
            merge.execute(rows.take(pa.array(changed)))
        for begin in range(0, len(gone), _DELETE_AT_ONCE):
            some = gone[begin : begin + _DELETE_AT_ONCE]
            lance.dataset(table.uri).delete(f"{key} in ({', '.join(str(value) for value in some.tolist())})")
        return lance.dataset(table.uri)

    def read(self, name: str, *, tag: str) -> pa.Table:
        """The rows of a tagged snapshot, in no particular order."""
        address = self._locate(name)
        if not _is_table(address):
            raise StoreError(f"The rows of dataset '{name}' are not in the store: there is no table at '{address}'.")
        try:
            return _lance().dataset(str(address), version=tag).to_table()
        except pa.ArrowException as error:
            message = f"Rows of dataset '{name}' (snapshot {tag[:12]}) cannot be read: {_first_line(error)}"
            raise StoreError(message) from error
        except _OF_LANCE as error:
            raise StoreError(f"Dataset '{name}' has no snapshot tagged {tag[:12]}: {_first_line(error)}") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One writer of a table at a time: what is tagged must be what was just written."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o666)  # a pipe makes nobody wait
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def newest_wrong(address: Path) -> str | None:
    """Why the newest version of a table of rows cannot be read, where no tag stands for it; None where it can.

    Writers build on it. Versions with a tag are read where their dataset is.
    """
    if not _is_table(address):
        return None
    known, wrong = tags(address)
    if wrong:
        return f"the tag '{wrong[0]}' is damaged"
    try:
        table = _newest(address)
        if table.version not in known.values():
            table.to_table()
    except _OF_LANCE as error:
        return _first_line(error)
    return None


def _mend_rows(address: Path) -> None:
    """Put aside what a power cut left of a version that nothing refers to; the table's lock is held."""
    if not _is_table(address):
        return
    known, wrong = tags(address)
    set_aside(address, wrong, "a tag was being written when the power failed or the machine stopped")
    try:
        table = _newest(address)
        if not is_unflushed(address) or _rows_of(table) is not None:
            return
    except _OF_LANCE:
        pass
    newest_told = max(known.values(), default=0)
    set_aside(address, [path for version, path in manifests(address).items() if version > newest_told], _POWER)


def _newest(address: Path) -> lance.LanceDataset:
    """The newest version; ValueError where its manifest is one of zeros, which Lance takes for an empty table."""
    table = _lance().dataset(str(address))
    if table.version not in manifests(address):
        raise ValueError(f"its newest manifest is damaged: it says version {table.version}")
    return table


def _rows_of(table: lance.LanceDataset) -> pa.Table | None:
    """All rows of a version, where they can be read."""
    try:
        return table.to_table()
    except _OF_LANCE:
        return None


def _is_table(address: Path) -> bool:
    """Whether a table was ever committed there; a folder without a version is what a killed first write leaves."""
    return bool(manifests(address))


def _one(table: lance.LanceDataset, row: int) -> bytes | None:
    """The bytes of one picture, where they can be read."""
    try:
        return table.take([row], columns=["data"]).column("data")[0].as_py()
    except _OF_LANCE:
        return None


def _first_line(error: Exception) -> str:
    """What Lance complains of, without the places in its own source."""
    return str(error).split("\n")[0].split(", /")[0]


def _changes(before: pa.Table, after: pa.Table, key: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions in `after` of rows that are new or differ, and the keys that only `before` has."""
    keys_before, keys_after = before.column(key).to_numpy(), after.column(key).to_numpy()
    partner = pair_rows(keys_before, keys_after)
    known = np.flatnonzero(partner >= 0)
    unequal = differing(before, after, partner[known], known, columns=after.column_names)
    changed = np.sort(np.concatenate([np.flatnonzero(partner < 0), known[unequal]]))
    return changed, np.sort(np.delete(keys_before, partner[known]))


def _nothing_changed(before: pa.Table, after: pa.Table, key: str) -> bool:
    return before.schema == after.schema and not any(map(len, _changes(before, after, key)))


class Pictures:
    """Encoded pictures by content digest; the same bytes are kept once.

    Args:
        address: where Lance keeps the table.
    """

    def __init__(self, address: Path) -> None:
        self._address = address
        self._rows: dict[str, int] | None = None
        self._table: lance.LanceDataset | None = None

    def add(self, pictures: Iterable[bytes]) -> list[str]:
        """Keep the pictures; their digests, in order."""
        known = self._known()
        digests: list[str] = []
        waiting: dict[str, bytes] = {}
        for data in pictures:
            digest = digest_of_bytes(data)
            digests.append(digest)
            if digest not in known:
                known.add(digest)
                waiting[digest] = data
            if sum(map(len, waiting.values())) > _ADD_BYTES:
                self._write(waiting)
                waiting = {}
        self._write(waiting)
        return digests

    def read(self, digest: str) -> bytes:
        """The encoded picture; StoreError when it is not kept."""
        return self.read_many([digest])[0]

    def read_many(self, digests: Sequence[str]) -> list[bytes]:
        """The encoded pictures, in the order asked for."""
        index = self._index()
        if any(digest not in index for digest in digests):
            self._rows = None  # another process may have added pictures since the index was read
            index = self._index()
        missing = [digest for digest in digests if digest not in index]
        if missing:
            raise StoreError(
                f"Picture {missing[0][:12]} is not in the store ({len(missing)} of {len(digests)} missing)."
            )
        if not digests:
            return []
        assert self._table is not None
        try:
            column = self._table.take([index[digest] for digest in digests], columns=["data"]).column("data")
            return [value.as_py() for value in column]
        except _OF_LANCE as error:
            raise self._unreadable(error) from error

    def __contains__(self, digest: str) -> bool:
        return digest in self._index()

    def digests(self) -> pa.Array:
        """The digests of all pictures that are kept, as text, in the order in which they came.

        Raises:
            StoreError: the table cannot be read.
        """
        if not _is_table(self._address):
            return pa.array([], pa.string())
        try:
            table = _newest(self._address)
            column = table.to_table(columns=["digest"]).column("digest").combine_chunks()
        except _OF_LANCE as error:
            raise self._unreadable(error) from error
        return pa.chunked_array(column).combine_chunks() if isinstance(column, pa.ChunkedArray) else column

    def look_at(self, begin: int) -> Iterator[list[tuple[int, bytes | None]]]:
        """The stored bytes of every picture from a position on, a few pictures at a time.

        Args:
            begin: position of the first, in the order of `digests`.

        Yields:
            position and bytes of some pictures; None where they cannot be read.
        """
        table = _lance().dataset(str(self._address))
        for first in range(begin, table.count_rows(), _LOOK_AT_ONCE):
            some = list(range(first, min(first + _LOOK_AT_ONCE, table.count_rows())))
            try:
                found = table.take(some, columns=["data"]).column("data").to_pylist()
                yield list(zip(some, found, strict=True))
            except _OF_LANCE:
                yield [(row, _one(table, row)) for row in some]

    def _index(self) -> dict[str, int]:
        if self._rows is None:
            if not _is_table(self._address):
                return {}
            try:
                table = _newest(self._address)
                digests = table.to_table(columns=["digest"]).column("digest").to_pylist()
            except _OF_LANCE as error:
                raise self._unreadable(error) from error
            self._table = table
            self._rows = {digest: row for row, digest in enumerate(digests)}
        return self._rows

    def _write(self, waiting: dict[str, bytes]) -> None:
        if not waiting and not is_unflushed(self._address):  # what was known already may not be on the disk yet
            return
        make_folders(present_fs(), self._address.parent)
        with _alone(self._address.with_suffix(".lock")):
            self._mend()
            with flushing(self._address, version=newest_version(self._address)):
                if self._table is not None and newest_version(self._address) != self._table.version:
                    self._rows = None  # another process has written since the index was read
                known = self._index()
                fresh = {digest: data for digest, data in waiting.items() if digest not in known}
                if fresh:
                    self._append(fresh)

    def _known(self) -> set[str]:
        """The digests of all pictures that are kept and on the disk, once what a power cut left is put aside."""
        if is_unflushed(self._address):
            with _alone(self._address.with_suffix(".lock")):
                self._mend()
        return set(self._index())

    def _mend(self) -> None:
        """Put aside what a power cut left of a version that no call returned for; the table's lock is held."""
        before = version_before(self._address)
        if before is None or self._is_sound(before):
            return
        newer = [path for version, path in manifests(self._address).items() if version > before]
        set_aside(self._address, newer, _POWER)
        self._rows = None

    def _is_sound(self, before: int) -> bool:
        """Whether the pictures that came after a version have the bytes that their digests say."""
        if newest_version(self._address) <= before:
            return True
        try:
            digests = self.digests()
            begin = _lance().dataset(str(self._address), version=before).count_rows() if before else 0
            return all(
                data is not None and digest_of_bytes(data) == digests[row].as_py()
                for some in self.look_at(begin) for row, data in some
            )  # fmt: skip
        except (StoreError, *_OF_LANCE):
            return False

    def _unreadable(self, error: Exception) -> StoreError:
        todo = (
            "the next `boxwright ingest` puts aside what a stopped writer left"
            if version_before(self._address) is not None
            else "copy 'tables/pictures.lance' from a backup of the store"
        )
        return StoreError(f"The table of pictures '{self._address}' cannot be read: {_first_line(error)}; {todo}.")

    def _append(self, waiting: dict[str, bytes]) -> None:
        rows = pa.table({"digest": list(waiting), "data": list(waiting.values())}, schema=_PICTURE_SCHEMA)
        mode = "append" if _is_table(self._address) else "create"
        try:
            _lance().write_dataset(rows, str(self._address), mode=mode, data_storage_version=STORAGE_VERSION)
        except _OF_LANCE as error:
            raise StoreError(f"Pictures cannot be written to '{self._address}': {_first_line(error)}.") from error
        self._rows = None
