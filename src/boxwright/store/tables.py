"""Lance tables behind a narrow interface: rows with versions and tags, and the bytes of pictures.

Only this file imports Lance. A table's version and tag are how a snapshot is found; its identity is our content digest,
which is the tag. The storage version is written explicitly, because readers older than a file's encoding fail on it. Everything
Lance wrote is flushed to the disk before the tag, and the tag before the call returns.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.errors import InputError, StoreError
from boxwright.store.digest import digest_of_bytes
from boxwright.store.flush import flushing
from boxwright.store.fs import make_folders, present_fs
from boxwright.store.rows import differing, pair_rows

if TYPE_CHECKING:
    import lance

STORAGE_VERSION = "2.2"
_PICTURE_SCHEMA = pa.schema([("digest", pa.string()), ("data", pa.large_binary())])
_ADD_BYTES = 64 << 20
_DELETE_AT_ONCE = 10_000  # keys named in one filter
_LOOK_AT_ONCE = 16  # pictures in memory


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
        """
        lance = _lance()
        address = self._locate(name)
        make_folders(present_fs(), address.parent)
        with _alone(address.with_suffix(".lock")), flushing(address) as flush:
            if not _is_table(address):
                table = lance.write_dataset(rows, str(address), data_storage_version=STORAGE_VERSION)
            else:
                table = lance.dataset(str(address))
                tagged = tag in table.tags.list()
                if tagged and _nothing_changed(self.read(name, tag=tag), rows, key):
                    return
                table = self._replace(lance, table, rows, key)
                if tagged:
                    table.tags.delete(tag)
            flush()
            table.tags.create(tag, table.version)

    def _replace(self, lance: Any, table: lance.LanceDataset, rows: pa.Table, key: str) -> lance.LanceDataset:
        """Make the newest version hold exactly `rows`; what it holds already is left where it lies."""
        if table.schema != rows.schema:
            return lance.write_dataset(rows, table.uri, mode="overwrite", data_storage_version=STORAGE_VERSION)
        changed, gone = _changes(table.to_table(), rows, key)
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
        except (ValueError, OSError) as error:
            raise StoreError(f"Dataset '{name}' has no snapshot tagged {tag[:12]}: {_first_line(error)}") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One writer of a table at a time: what is tagged must be what was just written."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_table(address: Path) -> bool:
    """Whether a table was ever committed there; a folder without a version is what a killed first write leaves."""
    return (address / "_versions").is_dir() and any((address / "_versions").iterdir())


def _one(table: lance.LanceDataset, row: int) -> bytes | None:
    """The bytes of one picture, where they can be read."""
    try:
        return table.take([row], columns=["data"]).column("data")[0].as_py()
    except (ValueError, OSError, pa.ArrowException):
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
        known = set(self._index())
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
        column = self._table.take([index[digest] for digest in digests], columns=["data"]).column("data")
        return [value.as_py() for value in column]

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
            table = _lance().dataset(str(self._address))
            column = table.to_table(columns=["digest"]).column("digest").combine_chunks()
        except (ValueError, OSError, pa.ArrowException) as error:
            raise StoreError(f"The table of pictures '{self._address}' cannot be read: {_first_line(error)}") from error
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
            except (ValueError, OSError, pa.ArrowException):
                yield [(row, _one(table, row)) for row in some]

    def _index(self) -> dict[str, int]:
        if self._rows is None:
            if not _is_table(self._address):
                return {}
            table = _lance().dataset(str(self._address))
            digests = table.to_table(columns=["digest"]).column("digest").to_pylist()
            self._table = table
            self._rows = {digest: row for row, digest in enumerate(digests)}
        return self._rows

    def _write(self, waiting: dict[str, bytes]) -> None:
        if not waiting:
            return
        make_folders(present_fs(), self._address.parent)
        with _alone(self._address.with_suffix(".lock")), flushing(self._address):
            if self._table is not None and _lance().dataset(str(self._address)).version != self._table.version:
                self._rows = None  # another process has written since the index was read
            known = self._index()
            fresh = {digest: data for digest, data in waiting.items() if digest not in known}
            if fresh:
                self._append(fresh)

    def _append(self, waiting: dict[str, bytes]) -> None:
        rows = pa.table({"digest": list(waiting), "data": list(waiting.values())}, schema=_PICTURE_SCHEMA)
        mode = "append" if _is_table(self._address) else "create"
        _lance().write_dataset(rows, str(self._address), mode=mode, data_storage_version=STORAGE_VERSION)
        self._rows = None
