"""What is put again is whole afterwards: a damaged artifact is written anew, and a name that a failed call left is on the disk."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from boxwright.artifacts import KINDS, Dataset
from boxwright.errors import StoreError
from boxwright.store import Store
from boxwright.store.check import check
from boxwright.store.fs import using
from tests.disks import Failing, Unsynced
from tests.store.filled import quiet, version, write_version
from tests.worlds import one_of_each_kind


@pytest.mark.parametrize("file", ["report.json", "manifest.json", "failures.parquet"])
def test_a_damaged_artifact_is_written_anew(root: Path, file: str) -> None:
    store = Store(root)
    report = store.get("report/line", KINDS["report"])
    (store.folder(report.digest, kind="report") / file).write_bytes(b"")
    assert check(root, KINDS, tell=quiet).faults
    store.put(report, name="report/again")
    assert store.get("report/again", KINDS["report"]) == report
    assert check(root, KINDS, tell=quiet).faults == ()
    assert len(list((root / "artifacts/report").glob(".damaged-*"))) == 1


def test_an_artifact_that_relies_on_the_damaged_file_is_refused_and_left(root: Path) -> None:
    store = Store(root)
    bundle = store.get("bundle/line", KINDS["bundle"])
    folder = store.folder(bundle.digest, kind="bundle")
    model = folder / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(StoreError):
        store.put(bundle, name="bundle/again")
    assert folder.is_dir() and "bundle/again" not in store.names()


@pytest.mark.parametrize("what", ["manifest", "tag", "rows"])
def test_a_damaged_dataset_is_written_anew(root: Path, what: str) -> None:
    store, digest = Store(root), version(2).digest
    if what == "manifest":
        (store.folder(digest, kind="dataset") / "manifest.json").write_bytes(b"")
    elif what == "tag":
        (root / f"tables/rows/line.lance/_refs/tags/{digest}.json").unlink()
    else:
        for path in (root / "tables/rows/line.lance/data").iterdir():
            path.write_bytes(bytes(path.stat().st_size))
    write_version(Store(root), 2)
    assert Store(root).get(digest, Dataset) == version(2)


class _Refusing(Unsynced):
    """Refuses the n-th flush or write, once."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self._disk = Failing(n, calls=("fsync", "write"), code=errno.ENOSPC)

    def write(self, handle: int, data: bytes | memoryview) -> int:
        if self._disk.refuses("write"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(handle, data)

    def fsync(self, handle: int) -> None:
        if self._disk.refuses("fsync"):
            raise OSError(errno.ENOSPC, "No space left on device")
        super().fsync(handle)

    fdatasync = fsync


def test_what_the_second_call_returned_for_outlives_a_power_cut(tmp_path: Path) -> None:
    artifact = one_of_each_kind(tmp_path / "made")["report"]
    refused = 0
    for n in range(1, 30):
        root = tmp_path / str(n)
        root.mkdir()
        disk = _Refusing(n)
        with using(disk):
            try:
                Store(root).put(artifact, name="a/b/line")
            except StoreError:
                refused += 1
                Store(root).put(artifact, name="a/b/line")
        left = Store(disk.cut_power(root, tmp_path / f"cut-{n}"))
        assert left.get("a/b/line", KINDS["report"]) == artifact, n
    assert refused > 8
