"""A power cut loses nothing that a call returned for, and leaves nothing that a name stands for and that cannot be loaded.

The disk is modelled as strictly as POSIX allows: it has of a file what the file was when it was last flushed, and of a folder the
entries it had when the folder was last flushed. Every flush of a writer is a moment at which the power may go.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from boxwright.artifacts import Dataset
from boxwright.store import Store
from tests.worlds import dataset, one_of_each_kind, row

BOX = (1.0, 2.0, 30.0, 40.0)


class Disk:
    """What the disk under a folder is sure to have.

    Args:
        root: the folder.
        at_flush: called after each flush.
    """

    def __init__(self, root: Path, at_flush: Callable[[], None] = lambda: None) -> None:
        self.root, self.at_flush = root, at_flush
        self.contents: dict[int, bytes] = {}
        self.entries: dict[int, dict[str, tuple[int, bool]]] = {}
        self.flushed: list[str] = []

    @contextmanager
    def watched(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        flush = os.fsync

        def recorded(handle: int) -> None:
            flush(handle)
            path = Path(os.readlink(f"/proc/self/fd/{handle}"))
            if path == self.root or self.root in path.parents:
                self._keep(path)
                self.at_flush()

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", recorded)
            yield

    def _keep(self, path: Path) -> None:
        self.flushed.append(str(path.relative_to(self.root)))
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            self.entries[status.st_ino] = {e.name: (e.inode(), e.is_dir()) for e in os.scandir(path)}
        else:
            self.contents[status.st_ino] = path.read_bytes()

    def after_a_cut(self, target: Path) -> None:
        """Write what is left when the power goes now."""
        self._write(self.root.stat().st_ino, target)

    def _write(self, inode: int, target: Path) -> None:
        target.mkdir()
        for name, (child, is_folder) in self.entries.get(inode, {}).items():
            if is_folder:
                self._write(child, target / name)
            else:
                (target / name).write_bytes(self.contents.get(child, b""))


def version(number: int) -> Dataset:
    """Versions that add, change and drop rows."""
    return dataset([row(k, [BOX], picture="") for k in range(1 + number, 12 + 2 * number)])


def write(store: Store, made: Path, number: int) -> None:
    store.pictures.add([f"picture {number} {k}".encode() for k in range(3)])
    store.put(version(number), name="dataset/line")
    store.put(one_of_each_kind(made)["bundle"], name=f"bundle/{number}")


def load_all(root: Path) -> list[str]:
    """Load everything that a name stands for; the digests of the datasets."""
    store = Store(root)
    kinds = {kind: type(artifact) for kind, artifact in one_of_each_kind(root.parent / "kinds").items()}
    for name in store.names():
        for event in store.history(name):
            assert store.get(event.digest, kinds[event.kind]).digest == event.digest
    return [event.digest for event in store.history("dataset/line")]


def test_whatever_is_named_can_be_loaded_after_a_power_cut_at_any_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "store"
    root.mkdir()
    cuts = [0]

    def cut() -> None:
        cuts[0] += 1
        target = tmp_path / f"cut-{cuts[0]}"
        disk.after_a_cut(target)
        load_all(target)

    disk = Disk(root, cut)
    with disk.watched(monkeypatch):
        for number in range(3):
            write(Store(root), tmp_path / "made", number)
    assert cuts[0] > 60


def test_what_a_call_returned_for_is_there_after_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "store"
    root.mkdir()
    disk = Disk(root)
    with disk.watched(monkeypatch):
        for number in range(3):
            write(Store(root), tmp_path / "made", number)
            disk.after_a_cut(tmp_path / f"cut-{number}")
            assert load_all(tmp_path / f"cut-{number}") == [version(n).digest for n in range(number + 1)]
            left = Store(tmp_path / f"cut-{number}")
            for k in range(3):
                data = f"picture {number} {k}".encode()
                assert left.pictures.add([data]) and left.pictures.read(left.pictures.add([data])[0]) == data
            assert left.names() == sorted(["dataset/line", *(f"bundle/{n}" for n in range(number + 1))])


def test_everything_in_the_tables_is_flushed_before_the_name_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "store"
    root.mkdir()
    disk = Disk(root)
    with disk.watched(monkeypatch):
        for number in range(2):
            write(Store(root), tmp_path / "made", number)
    moved = disk.flushed.index("names/dataset/line.jsonl")
    before = set(disk.flushed[:moved])
    first = [path for path in table_files(root) if path in before]
    assert {path.split("/")[-2] for path in first} >= {"data", "_versions", "tags", "_transactions"}
    assert set(table_files(root)) <= set(disk.flushed)
    tag = f"tables/rows/line.lance/_refs/tags/{version(1).digest}.json"
    earlier = [path for path in disk.flushed[: disk.flushed.index(tag)] if path.startswith("tables/rows")]
    newest = max((root / "tables/rows/line.lance/data").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert str(newest.relative_to(root)) in earlier, "rows come before the tag"


def test_only_what_is_new_is_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "store"
    write(Store(root), tmp_path / "made", 0)
    before = set(table_files(root)) - {path for path in table_files(root) if path.endswith("hint.json")}
    disk = Disk(root)
    with disk.watched(monkeypatch):
        write(Store(root), tmp_path / "made", 1)
    assert not before & set(disk.flushed)


def test_a_killed_writer_s_files_are_flushed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "store"
    write(Store(root), tmp_path / "made", 0)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(os, "fsync", die)
        Store(root).put(version(1))
    disk = Disk(root)
    with disk.watched(monkeypatch):
        Store(root).put(version(1))
    assert {path for path in table_files(root) if path.startswith("tables/rows")} <= set(disk.flushed)
    assert not list(root.rglob("*.unflushed"))


def table_files(root: Path) -> list[str]:
    """Files that Lance wrote, relative to the store."""
    return [
        str(path.relative_to(root))
        for path in (root / "tables").rglob("*")
        if path.is_file() and ".lance/" in str(path)
    ]
