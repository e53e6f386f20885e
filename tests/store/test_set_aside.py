"""A version that a writer left when the power went is put aside by the next writer, and nothing that was told is lost."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import lance
import pyarrow as pa
import pytest

from boxwright.artifacts import KINDS, Dataset
from boxwright.errors import StoreError
from boxwright.store import Store, digest_of_bytes
from boxwright.store.check import check
from boxwright.store.copy import copy
from tests.store.filled import picture, quiet, version, write_version

ROWS, PICTURES = "tables/rows/line.lance", "tables/pictures.lance"
PARTS = ["_versions", "data", "_deletions", "_transactions", "all"]


def cut_off(table: Path, part: str, *, zeros: bool = False) -> None:
    """A writer commits a further version, which nobody is told of, and the power takes the contents of what it wrote."""
    before = set(table.rglob("*"))
    opened = lance.dataset(str(table))
    table.with_suffix(".unflushed").write_text(str(opened.version))
    if table.name == "line.lance":
        opened.delete("image_id = 3")
        merge = lance.dataset(str(table)).merge_insert("image_id").when_matched_update_all()
        merge.when_not_matched_insert_all().execute(opened.to_table().slice(0, 2))
    else:
        data = picture(77)
        new = pa.table({"digest": [digest_of_bytes(data)], "data": [data]}, schema=opened.schema)
        lance.write_dataset(new, str(table), mode="append", data_storage_version="2.2")
    for path in table.rglob("*"):
        if path not in before and path.is_file() and part in ("all", path.relative_to(table).parts[0]):
            path.write_bytes(bytes(path.stat().st_size) if zeros else b"")


def faults(root: Path) -> list[str]:
    return [fault.found for fault in check(root, KINDS, tell=quiet).faults]


def is_all_there(root: Path) -> None:
    store = Store(root)
    for number in range(3):
        assert store.get(version(number).digest, Dataset) == version(number)
    wanted = [picture(k) for k in range(1, 16)]
    assert store.pictures.read_many([digest_of_bytes(data) for data in wanted]) == wanted


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("table", [ROWS, PICTURES])
def test_the_next_write_puts_it_aside(root: Path, table: str, part: str, zeros: bool) -> None:
    cut_off(root / table, part, zeros=zeros)
    write_version(Store(root), 3)
    assert faults(root) == []
    is_all_there(root)
    assert Store(root).get("dataset/line", Dataset) == version(3)
    Store(root).pictures.add([picture(77)])
    assert Store(root).pictures.read(digest_of_bytes(picture(77))) == picture(77)
    assert not (root / table).with_suffix(".unflushed").exists()


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("table", [ROWS, PICTURES])
def test_check_says_so_and_a_copy_is_whole_without_it(
    root: Path, tmp_path: Path, table: str, part: str, zeros: bool
) -> None:
    """A copy has no note of the writer that was stopped: with what that one left, it could never be written to again."""
    cut_off(root / table, part, zeros=zeros)
    told = [one for one in check(root, KINDS, tell=quiet).faults if "version" in one.found or "pictures" in one.found]
    assert all(str(root / table) in one.found and "ingest" in one.todo for one in told)
    assert told or part not in ("_versions", "data")
    for again in range(2):
        made = copy(root, tmp_path / "copy", KINDS, tell=quiet)
        assert made.faults == () and made.verified and faults(tmp_path / "copy") == []
        assert not again or made.files == 0
    is_all_there(tmp_path / "copy")
    copy(tmp_path / "copy", tmp_path / "restored", KINDS, tell=quiet)
    write_version(Store(tmp_path / "restored"), 3)
    assert faults(tmp_path / "restored") == []
    is_all_there(tmp_path / "restored")


@pytest.mark.parametrize("part", ["_versions", "data"])
@pytest.mark.parametrize("table", [ROWS, PICTURES])
def test_a_copy_follows_the_repair(root: Path, tmp_path: Path, table: str, part: str) -> None:
    """Also one that an earlier version made, with what the stopped writer left."""
    copy(root, tmp_path / "copy", KINDS, tell=quiet)
    cut_off(root / table, part)
    for path in (root / table).rglob("*"):
        there = tmp_path / "copy" / path.relative_to(root)
        if path.is_file() and not there.exists():
            there.parent.mkdir(exist_ok=True)
            there.write_bytes(path.read_bytes())
    copy(root, tmp_path / "copy", KINDS, tell=quiet)
    write_version(Store(root), 3)
    copy(root, tmp_path / "copy", KINDS, tell=quiet)
    made = copy(root, tmp_path / "copy", KINDS, tell=quiet)
    assert made.faults == () and faults(tmp_path / "copy") == []
    is_all_there(tmp_path / "copy")
    assert copy(root, tmp_path / "copy", KINDS, tell=quiet).files == 0


def test_a_writer_that_was_killed_has_told_nobody_of_its_version(root: Path, tmp_path: Path) -> None:
    """Its pictures may be whole. They come with the next writer that tells of them."""
    before = lance.dataset(str(root / PICTURES)).version
    Store(root).pictures.add([picture(77)])
    (root / PICTURES).with_suffix(".unflushed").write_text(f"{before}\n")
    copy(root, tmp_path / "copy", KINDS, tell=quiet)
    assert digest_of_bytes(picture(77)) not in Store(tmp_path / "copy").pictures
    Store(root).pictures.add([picture(77)])
    copy(root, tmp_path / "copy", KINDS, tell=quiet)
    assert Store(tmp_path / "copy").pictures.read(digest_of_bytes(picture(77))) == picture(77)
    assert faults(tmp_path / "copy") == []


def test_it_is_said_in_one_sentence(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    cut_off(root / ROWS, "_versions")
    with caplog.at_level(logging.WARNING, logger="boxwright.store"):
        write_version(Store(root), 3)
    (said,) = caplog.messages
    assert str(root / ROWS) in said and "moved aside" in said


def test_the_hint_may_point_to_what_was_moved(root: Path) -> None:
    cut_off(root / ROWS, "_versions")
    newest = lance.dataset(str(root / ROWS), version=version(2).digest).version + 2
    (root / ROWS / "_versions/latest_version_hint.json").write_text(json.dumps({"version": newest}))
    write_version(Store(root), 3)
    assert faults(root) == []


def test_a_tag_without_content_is_put_aside(root: Path) -> None:
    (root / ROWS / f"_refs/tags/{'a' * 64}.json").write_bytes(b"")
    assert faults(root)
    write_version(Store(root), 3)
    assert faults(root) == []


def test_pictures_that_a_call_returned_for_are_never_put_aside(root: Path) -> None:
    """Damage without a writer that was stopped is damage, and is told as a StoreError."""
    newest = max((root / PICTURES / "data").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(b"")
    with pytest.raises(StoreError, match="backup"):
        Store(root).pictures.add([picture(77)])
    with pytest.raises(StoreError):
        Store(root).pictures.read_many([digest_of_bytes(picture(k)) for k in range(1, 16)])
    assert not list((root / PICTURES).glob(".damaged-*"))


def test_the_number_is_on_the_disk_before_lance_writes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = lance.dataset(str(root / PICTURES)).version

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(lance, "write_dataset", die)
        Store(root).pictures.add([picture(77)])
    assert int((root / PICTURES).with_suffix(".unflushed").read_text()) == before
