"""`check` reads everything: whatever is damaged is found and named, and what is whole is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from boxwright.artifacts import KINDS
from boxwright.errors import StoreError
from boxwright.store import Store, digest_of_bytes
from boxwright.store.check import check
from tests.store.filled import add_what_is_no_part, picture, quiet, version


def faults(root: Path) -> list[str]:
    return [fault.found for fault in check(root, KINDS, tell=quiet).faults]


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def test_a_whole_store_has_no_fault(root: Path) -> None:
    add_what_is_no_part(root)
    found = check(root, KINDS, tell=quiet)
    assert found.faults == ()
    assert found.names == len(KINDS) and found.artifacts == len(KINDS) - 1 + 6 and found.pictures == 15
    assert len(found.leftovers) == 4


def test_an_empty_store_has_no_fault(tmp_path: Path) -> None:
    (tmp_path / "artifacts").mkdir()
    assert check(tmp_path, KINDS, tell=quiet).faults == ()


def test_every_damaged_file_of_every_kind_is_found(root: Path) -> None:
    seen = set()
    for path in sorted((root / "artifacts").rglob("*")):
        if not path.is_file():
            continue
        kind, digest, name = path.relative_to(root / "artifacts").parts[:3]
        whole = path.read_bytes()
        for damage in (bytes(len(whole)), whole[: len(whole) // 2]):
            path.write_bytes(damage)
            told = faults_of(root, kind, digest)
            assert told and digest[:12] in told[0], path
        path.write_bytes(whole)
        seen.add((kind, name))
    assert {kind for kind, _ in seen} == set(KINDS)
    assert ("bundle", "golden") in seen
    assert faults(root) == []


def faults_of(root: Path, kind: str, digest: str) -> list[str]:
    """The faults of one artifact, the rest of the store set aside to be quick."""
    alone = root.parent / "alone"
    shutil.rmtree(alone, ignore_errors=True)
    (alone / "artifacts" / kind).mkdir(parents=True)
    shutil.copytree(root / "artifacts" / kind / digest, alone / "artifacts" / kind / digest)
    (alone / "tables").symlink_to(root / "tables")
    return [one for one in faults(alone) if "was made from" not in one]


def test_an_artifact_under_another_s_digest_is_found(root: Path) -> None:
    one, other = (root / "artifacts" / "dataset" / version(number).digest for number in (0, 1))
    shutil.rmtree(one)
    report = next((root / "artifacts" / "report").iterdir())
    report.rename(report.with_name("e" * 64))
    shutil.copytree(other, one)
    told = faults(root)
    assert any("e" * 12 in sentence and "damaged" in sentence for sentence in told), told
    assert any(one.name[:12] in sentence and "damaged" in sentence for sentence in told), told


def test_damaged_rows_are_found(root: Path) -> None:
    for path in (root / "tables/rows/line.lance/data").iterdir():
        zeros(path)
    told = faults(root)
    assert len(told) == 3
    assert all(any(version(n).digest[:12] in sentence for sentence in told) for n in range(3))


def test_a_version_without_its_tag_is_found(root: Path) -> None:
    (root / f"tables/rows/line.lance/_refs/tags/{version(1).digest}.json").unlink()
    (told,) = faults(root)
    assert version(1).digest[:12] in told


def test_one_wrong_byte_of_one_picture_is_found(root: Path) -> None:
    for path in (root / "tables/pictures.lance/data").iterdir():
        data = path.read_bytes()
        if picture(5) in data:
            at = data.index(picture(5)) + 100
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    (told,) = faults(root)
    assert digest_of_bytes(picture(5))[:12] in told and "other bytes" in told


def test_pictures_that_cannot_be_read_are_found(root: Path) -> None:
    newest = max((root / "tables/pictures.lance/data").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    newest.unlink()
    told = faults(root)
    assert told and all("icture" in sentence for sentence in told)


def test_pictures_that_a_dataset_lacks_are_found(root: Path) -> None:
    shutil.rmtree(root / "tables/pictures.lance")
    told = faults(root)
    assert len(told) == 6 and "refers to 11 pictures that are not in the store" in "".join(told)


def test_damaged_histories_and_logs_are_found(root: Path) -> None:
    line = root / "names/dataset/line.jsonl"
    line.write_text(line.read_text().replace('"digest"', '"digits"', 1))
    (root / "names/report/line.jsonl").write_text("")
    for log in ("ledger.jsonl", "reviews.jsonl"):
        with (root / log).open("a") as file:
            file.write('{"what"\n[]\n')
    told = "\n".join(faults(root))
    assert "'dataset/line' is damaged" in told and "'report/line' has an empty history" in told
    for log in ("ledger.jsonl", "reviews.jsonl"):
        lines = len((root / log).read_text().splitlines())
        assert f"Line {lines - 1} of '{root / log}'" in told and f"Line {lines} of '{root / log}'" in told


def test_what_a_name_stood_for_once_and_what_things_were_made_from_must_be_there(root: Path) -> None:
    shutil.rmtree(root / "artifacts/dataset" / version(1).digest)
    told = faults(root)
    assert sum("dataset/line@2 stands for" in sentence for sentence in told) == 1
    assert sum("was made from the dataset" in sentence for sentence in told) == len(KINDS) - 1


def test_a_damaged_picture_of_the_journal_is_found(root: Path) -> None:
    zeros(root / "journal/pictures" / digest_of_bytes(picture(1)))
    (told,) = faults(root)
    assert digest_of_bytes(picture(1)) in told


def test_a_kind_of_a_newer_version_is_told(root: Path) -> None:
    known = {kind: type_ for kind, type_ in KINDS.items() if kind != "suspects"}
    (told,) = check(root, known, tell=quiet).faults
    assert "does not know" in told.found and told.todo == "pip install -U boxwright"


def test_an_artifact_under_another_digest_is_not_given_out(root: Path) -> None:
    store = Store(root)
    report = next((root / "artifacts" / "report").iterdir())
    report.rename(report.with_name("e" * 64))
    with pytest.raises(StoreError, match="contains the report"):
        store.get("e" * 64, KINDS["report"])


def test_every_fault_says_what_to_do(root: Path) -> None:
    (root / "names/report/line.jsonl").write_text("")
    for path in (root / "artifacts").rglob("manifest.json"):
        path.write_text(json.dumps({}))
    found = check(root, KINDS, tell=quiet).faults
    assert len(found) >= len(KINDS) and all(fault.todo for fault in found)
