"""Damage of every kind ends in a fault or a StoreError: at every run, without a traceback, and without waiting for a pipe."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from boxwright.artifacts import KINDS, Bundle
from boxwright.cli.store import of_journal
from boxwright.errors import StoreError
from boxwright.lifecycle.review_log import asked_pictures
from boxwright.store import Steps, Store
from boxwright.store.check import check
from boxwright.store.copied import Copied
from boxwright.store.copy import Copy, _Run, copy
from boxwright.store.fs import Fs, using
from tests.store.filled import quiet, version

DEEP = "[" * 100_000 + "]" * 100_000
EVENT = {"at": 1.0, "digest": "a" * 64, "kind": "dataset", "actor": "a", "reason": "r"}


@pytest.fixture(autouse=True)
def _in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power is cut here, so nothing waits for the disk."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def faults(root: Path) -> list[str]:
    return [fault.found for fault in check(root, KINDS, tell=quiet, journal=of_journal).faults]


def copied(root: Path, *, verify: bool = True) -> Copy:
    return copy(root, root.parent / "copy", KINDS, verify=verify, tell=quiet, journal=of_journal)


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def report(root: Path) -> Path:
    return next((root / "artifacts/report").iterdir())


def damage_a_kept_picture(root: Path) -> None:
    flip(next((root / "journal/pictures").iterdir()), 3)


def take_the_pictures(root: Path) -> None:
    shutil.rmtree(root / "tables/pictures.lance")


def damage_a_record(root: Path) -> None:
    flip(next((root / "journal").glob("*.journal")), -60)


@pytest.mark.parametrize("damage", [damage_a_kept_picture, take_the_pictures, damage_a_record])
def test_every_night_says_what_is_damaged(root: Path, damage: Callable[[Path], None]) -> None:
    damage(root)
    for _ in range(3):
        made = copied(root)
        assert made.faults and not made.verified
        found = Copied.read(root.parent / "copy")
        assert found is not None and found.finished and not found.verified


def test_a_run_that_finishes_another_reads_what_that_one_did_not(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damage_a_kept_picture(root)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(_Run, "_read_again", die)
        copied(root)
    assert copied(root).faults


def test_a_whole_copy_is_verified(root: Path) -> None:
    assert copied(root).verified and copied(root).verified and faults(root) == []


def test_check_reads_the_records_of_the_journal(root: Path) -> None:
    damage_a_record(root)
    (told,) = faults(root)
    assert "journal" in told


@pytest.mark.parametrize("whole", [True, False])
def test_a_link_in_an_artifact_is_a_fault_and_not_copied(root: Path, tmp_path: Path, whole: bool) -> None:
    path = report(root) if whole else report(root) / "failures.parquet"
    shutil.move(path, tmp_path / "outside")
    path.symlink_to(tmp_path / "outside")
    assert any("is a link" in told for told in faults(root))
    assert any("is a link" in fault.found for fault in copied(root, verify=False).faults)
    assert not (tmp_path / "copy" / path.relative_to(root)).exists()


def test_a_log_that_is_a_link_is_not_copied(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('{"what": "SECRET"}\n')
    (root / "reviews.jsonl").unlink()
    (root / "reviews.jsonl").symlink_to(tmp_path / "secret")
    assert any("is a link" in fault.found for fault in copied(root).faults)
    assert not (tmp_path / "copy/reviews.jsonl").exists()


def test_nothing_is_written_through_a_link_in_the_copy(root: Path, tmp_path: Path) -> None:
    copied(root)
    history = tmp_path / "copy/names/report/line.jsonl"
    shutil.move(history, tmp_path / "outside")
    history.symlink_to(tmp_path / "outside")
    with pytest.raises(StoreError, match="is a link"):
        copied(root)


@pytest.mark.parametrize(
    "role", ["baseline", "matches_a", "matches_b", "report[golden]", "baseline[a b]", "comparison[x]", "predictions_2", "reference"]
)  # fmt: skip
def test_what_a_role_stands_for_must_be_there(root: Path, role: str) -> None:
    store = Store(root)
    store.put(replace(store.get("verdict/line", KINDS["verdict"]), made_from={role: "b" * 64}))
    (told,) = faults(root)
    assert role in told and "b" * 12 in told


def test_a_history_without_its_last_line_break_is_a_fault(root: Path) -> None:
    path = root / "names/dataset/line.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    (told,) = faults(root)
    assert "no line break" in told


ODD = {
    "deep": '{"at":' + DEEP + "}",
    **{
        f"{key} {value!r}"[:40]: json.dumps({**EVENT, key: value})
        for key, value in [("digest", None), ("digest", []), ("digest", 5), ("digest", "x"), ("kind", []), ("kind", "../../x"),
                           ("at", "x"), ("at", 1e300), ("at", True), ("actor", 1)]
    },
}  # fmt: skip


@pytest.mark.parametrize("line", ODD.values(), ids=ODD)
def test_an_odd_line_of_a_history_is_a_store_error(tmp_path: Path, line: str) -> None:
    (tmp_path / "names").mkdir()
    (tmp_path / "names/line.jsonl").write_text(line + "\n")
    with pytest.raises(StoreError, match="damaged"):
        Store(tmp_path).history("line")
    assert len(faults(tmp_path)) == 1


@pytest.mark.parametrize("line", ['{"ke', "[]", "{}", DEEP], ids=["torn", "list", "empty", "deep"])
def test_an_odd_line_of_the_ledger_is_a_store_error(tmp_path: Path, line: str) -> None:
    (tmp_path / "ledger.jsonl").write_text(line + "\n")
    with pytest.raises(StoreError, match="Line 1 of"):
        Steps(Store(tmp_path), print)
    assert len(faults(tmp_path)) == 1


@pytest.mark.parametrize(
    "line",
    ['{"ke', "[]", "{}", '{"what": 1}', '{"what": "skipped", "queue": "q"}', '{"what": "skipped", "pictures": 5}',
     '{"what": "skipped", "queue": [], "pictures": ["p"]}', '{"what": "withdrawn", "corrections": {}}', DEEP],
    ids=["torn", "list", "empty", "number", "no pictures", "a number of pictures", "queue", "corrections", "deep"],
)  # fmt: skip
def test_an_odd_line_of_the_log_of_reviews_is_a_store_error(tmp_path: Path, line: str) -> None:
    """What the check calls whole stops no verb, and the other way round."""
    (tmp_path / "reviews.jsonl").write_text('{"what": "closed", "queue": "q"}\n' + line + "\n")
    with pytest.raises(StoreError, match="Line 2 of"):
        asked_pictures(Store(tmp_path))
    (told,) = faults(tmp_path)
    assert "Line 2 of" in told


@pytest.mark.parametrize("seconds", ["1e999", "NaN", "1" + "0" * 400, '"x"'])
def test_a_line_of_the_ledger_with_an_absurd_time_is_a_store_error(tmp_path: Path, seconds: str) -> None:
    (tmp_path / "ledger.jsonl").write_text(f'{{"key": "k", "step": "s", "output": "o", "seconds": {seconds}}}\n')
    with pytest.raises(StoreError, match="Line 1 of"):
        Steps(Store(tmp_path), print)
    assert len(faults(tmp_path)) == 1


def test_links_among_names_lead_nowhere(root: Path) -> None:
    """Two links to their own folder once gave names without end."""
    known = Store(root).names()
    for name in ("a", "b"):
        (root / "names" / name).symlink_to(".")
    assert Store(root).names() == known
    assert [told.split("'")[1] for told in faults(root)] == [str(root / "names/a"), str(root / "names/b")]


@pytest.mark.parametrize(
    "where", ["journal", "names", "tables/rows", "tables/rows/line.lance", "artifacts/split/DIGEST"]
)
def test_folders_nested_without_end_are_read(root: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = next((root / "artifacts/split").iterdir()).name
    monkeypatch.chdir(root / where.replace("DIGEST", digest))
    for _ in range(1100):
        os.mkdir("d")
        os.chdir("d")
    (Path("file")).write_text("x")
    monkeypatch.undo()
    assert faults(root) == [] and copied(root).faults == ()


def test_a_file_of_an_artifact_may_be_called_as_it_likes(root: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    store = Store(root)
    bundle = store.get("bundle/line", Bundle)
    names = {f"golden/x{ending}": tmp_path / "x" for ending in (".lock", ".unflushed", ".jsonl")}
    digest = store.put(replace(bundle, golden={**bundle.golden, **names}))
    assert copied(root).faults == ()
    assert Store(tmp_path / "copy").get(digest, Bundle).digest == digest


@pytest.mark.parametrize("name", ["manifest.json", "report.json", "failures.parquet"])
@pytest.mark.parametrize("what", ["deep", "pipe"])
def test_deep_nesting_and_pipes_are_faults(root: Path, name: str, what: str) -> None:
    path = report(root) / name
    path.unlink()
    path.write_text(DEEP) if what == "deep" else os.mkfifo(path)
    (root / "tables/rows/line.lock").unlink(missing_ok=True)
    os.mkfifo(root / "tables/rows/line.lock")
    assert faults(root) and copied(root).faults


def test_a_pipe_for_a_record_of_a_copy_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "copy.json")
    with pytest.raises(StoreError):
        Store(tmp_path)


class _TakesHalf(Fs):
    def write(self, handle: int, data: bytes | memoryview) -> int:
        return super().write(handle, data[: max(1, len(data) // 2)])


def test_a_disk_that_takes_fewer_bytes_gets_the_rest(root: Path, tmp_path: Path) -> None:
    with using(_TakesHalf()):
        copied(root, verify=False)
    assert faults(tmp_path / "copy") == []


def test_two_stores_without_names_are_not_one_copy(root: Path, tmp_path: Path) -> None:
    for kind in ("report", "verdict"):
        shutil.copytree(root / "artifacts" / kind, tmp_path / kind / "artifacts" / kind)
    copy(tmp_path / "report", tmp_path / "copy", KINDS, tell=quiet)
    with pytest.raises(StoreError, match="no earlier copy"):
        copy(tmp_path / "verdict", tmp_path / "copy", KINDS, tell=quiet)


@pytest.mark.parametrize("end", ["lock", "lance", "unflushed"])
def test_no_dataset_lies_in_another_s_way(tmp_path: Path, end: str) -> None:
    store = Store(tmp_path)
    with pytest.raises(StoreError, match="cannot be a name"):
        store.put(version(0, name=f"abc.{end}/x"))
    store.put(version(0, name="abc"), name="dataset/abc")
