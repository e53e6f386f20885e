"""Versions of rows share what did not change; old tags stay readable; pictures are kept once and come in order."""

from __future__ import annotations

from pathlib import Path

import lance
import pytest

from boxwright.artifacts import Dataset
from boxwright.errors import StoreError
from boxwright.store import Store, digest_of_bytes
from tests.worlds import dataset, row

BOX = (1.0, 2.0, 30.0, 40.0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def table_of(store: Store, name: str = "line") -> lance.LanceDataset:
    return lance.dataset(str(store.place.local(f"tables/rows/{name}.lance")))


def rows_written(store: Store) -> int:
    """Rows in the data files of the newest version, rewritten or deleted ones included."""
    return sum(fragment.metadata.physical_rows for fragment in table_of(store).get_fragments())


def test_only_rows_that_changed_are_written_again(store: Store) -> None:
    store.put(dataset([row(k, [BOX]) for k in range(1, 21)]))
    assert rows_written(store) == 20
    rows = [row(k, [BOX]) for k in range(1, 21)]
    rows[4] = row(5, [BOX, (5, 5, 9, 9)])
    store.put(dataset([*rows, row(21)]))
    assert rows_written(store) == 22  # one changed, one new
    assert table_of(store).count_rows() == 21


def test_old_versions_stay_readable(store: Store) -> None:
    first = dataset([row(1, [BOX]), row(2)])
    second = dataset([row(1, [BOX]), row(2, [BOX])])
    third = dataset([row(1), row(2, [BOX]), row(3)])
    for version in (first, second, third, first):
        store.put(version)
    for version in (first, second, third):
        found = store.get(version.digest, Dataset)
        assert found == version
        assert found.rows.to_pylist() == version.rows.to_pylist()


def test_a_version_may_hold_fewer_pictures(store: Store) -> None:
    whole, part = dataset([row(1, [BOX]), row(2), row(3)]), dataset([row(1, [BOX]), row(3)])
    store.put(whole)
    store.put(part)
    assert store.get(part.digest, Dataset) == part
    assert store.get(whole.digest, Dataset) == whole


def test_rows_come_back_in_rising_image_id_however_they_were_given(store: Store) -> None:
    store.put(dataset([row(7), row(2, [BOX])]))
    later = dataset([row(9), row(2), row(7), row(1)])
    store.put(later)
    assert store.get(later.digest, Dataset).image_ids.tolist() == [1, 2, 7, 9]


def test_an_empty_version_is_a_version(store: Store) -> None:
    nothing, something = dataset([]), dataset([row(1, [BOX])])
    store.put(nothing)
    store.put(something)
    assert len(store.get(nothing.digest, Dataset)) == 0
    assert store.get(something.digest, Dataset) == something


def test_names_do_not_mix(store: Store) -> None:
    one, other = dataset([row(1, [BOX])], name="one"), dataset([row(1)], name="other")
    store.put(one)
    store.put(other)
    assert store.get(one.digest, Dataset) == one
    assert store.get(other.digest, Dataset) == other


def test_a_snapshot_that_was_never_taken_is_told_as_such(store: Store) -> None:
    known = store.put(dataset([row(1)]))
    unknown = dataset([row(2)])
    folder = store.folder(known, kind="dataset")
    folder.rename(folder.with_name(unknown.digest))
    with pytest.raises(StoreError, match="no snapshot"):
        store.get(unknown.digest, Dataset)


def test_pictures_are_kept_once_and_come_in_the_order_asked(store: Store) -> None:
    data = [f"picture {k}".encode() for k in range(6)]
    digests = store.pictures.add([data[0], data[1], data[0], data[2]])
    assert digests == [digest_of_bytes(d) for d in (data[0], data[1], data[0], data[2])]
    store.pictures.add(data)
    store.pictures.add([])
    assert lance.dataset(str(store.place.local("tables/pictures.lance"))).count_rows() == 6
    asked = [5, 0, 3, 0, 1]
    assert store.pictures.read_many([digest_of_bytes(data[k]) for k in asked]) == [data[k] for k in asked]
    assert store.pictures.read(digests[1]) == data[1]


def test_pictures_that_are_not_there(store: Store) -> None:
    nothing = digest_of_bytes(b"nothing")
    assert nothing not in store.pictures
    assert store.pictures.read_many([]) == []
    store.pictures.add([b"something"])
    assert digest_of_bytes(b"something") in store.pictures
    assert nothing not in store.pictures
    with pytest.raises(StoreError, match="1 of 2 missing"):
        store.pictures.read_many([digest_of_bytes(b"something"), nothing])


def test_pictures_outlive_the_process(tmp_path: Path) -> None:
    digest = Store(tmp_path).pictures.add([b"\x00\xff" * 10])[0]
    later = Store(tmp_path)
    assert digest in later.pictures
    assert later.pictures.read(digest) == b"\x00\xff" * 10
