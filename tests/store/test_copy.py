"""A copy is the store: everything loads from it, a second run adds what is new, and nothing that is not a copy is written over."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from boxwright.artifacts import KINDS, Dataset, OperatingPoint
from boxwright.errors import StoreError
from boxwright.serving.journal import Journal, read_records
from boxwright.store import Store, digest_of_bytes
from boxwright.store.check import check
from boxwright.store.copied import Copied
from boxwright.store.copy import Copy, copy
from tests.serving.journals import answer, numbers
from tests.store.filled import add_what_is_no_part, contents, fill, picture, quiet, version, write_version

PROGRAM = Path(__file__).with_name("killed_copy.py")


@pytest.fixture(autouse=True)
def _in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power is cut here, so nothing waits for the disk."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def run(source: Path, target: Path, *, verify: bool = True) -> Copy:
    return copy(source, target, KINDS, verify=verify, tell=quiet)


def is_whole(root: Path) -> bool:
    found = check(root, KINDS, tell=quiet)
    assert found.faults == ()
    return bool(found.artifacts)


def test_everything_loads_from_a_copy_when_the_store_is_gone(root: Path, tmp_path: Path) -> None:
    names = {name: Store(root).history(name) for name in Store(root).names()}
    made = run(root, tmp_path / "copy")
    assert made.faults == () and made.strange == () and made.artifacts == len(KINDS) - 1 + 6
    root.rename(tmp_path / "gone")
    left = Store(tmp_path / "copy")
    assert {name: left.history(name) for name in left.names()} == names
    for kind, artifact in KINDS.items():
        for digest in left.digests(kind):
            assert left.get(digest, artifact).digest == digest
    for number in range(3):
        assert left.get(f"dataset/line@{number + 1}", Dataset) == version(number)
    assert left.pictures.read_many([digest_of_bytes(picture(k)) for k in range(1, 16)]) == [
        picture(k) for k in range(1, 16)
    ]
    assert numbers(tmp_path / "copy" / "journal") == [0, 1, 2]
    write_version(left, 3)  # the copy is a store like any other
    assert is_whole(tmp_path / "copy")


def test_what_is_no_part_of_a_store_stays_behind(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "plain")
    add_what_is_no_part(root)
    (root / "notes.txt").write_text("mine")
    made = run(root, tmp_path / "copy")
    assert made.strange == (root / "notes.txt",)
    assert contents(tmp_path / "copy") == contents(tmp_path / "plain")
    assert set(contents(tmp_path / "copy")) <= set(contents(root))
    assert not [path for path in contents(tmp_path / "copy") if path.endswith(".lock")]


def test_modes_are_kept(root: Path, tmp_path: Path) -> None:
    root.chmod(0o700)
    (root / "names/dataset/line.jsonl").chmod(0o640)
    run(root, tmp_path / "copy")
    for key in (
        "",
        "journal",
        "names/dataset/line.jsonl",
        *(str(p.relative_to(root)) for p in root.rglob("*.journal")),
    ):
        assert stat.S_IMODE((tmp_path / "copy" / key).stat().st_mode) == stat.S_IMODE((root / key).stat().st_mode), key


def test_a_second_run_copies_what_is_new_only(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    run(root, target)
    before = {key: (target / key).stat().st_mtime_ns for key in contents(target)}
    assert (again := run(root, target)).files == 0 and again.size == 0 and again.artifacts == 0
    write_version(Store(root), 3)
    segment = next((root / "journal").glob("*.journal"))
    segment.write_bytes(segment.read_bytes() + b"torn")
    made = run(root, target)
    assert made.artifacts == 2 and 0 < made.files < 40
    changed = {key for key in contents(target) if before.get(key) != (target / key).stat().st_mtime_ns}
    old = {key.split("/")[0] for key in changed & set(before)}
    assert old <= {"names", "ledger.jsonl", "journal", "tables"} and len(changed & set(before)) <= 6
    assert {k: v for k, v in contents(root).items() if not k.endswith(".lock")} == contents(target)
    assert is_whole(target)


def test_a_torn_end_of_a_segment_that_was_cut_off_is_copied_again(root: Path, tmp_path: Path) -> None:
    segment = next((root / "journal").glob("*.journal"))
    whole = segment.read_bytes()
    segment.write_bytes(whole + b"torn record")
    run(root, tmp_path / "copy")
    segment.write_bytes(whole + b"other record")
    run(root, tmp_path / "copy")
    assert (tmp_path / "copy" / "journal" / segment.name).read_bytes() == whole + b"other record"


def test_a_copy_keeps_what_the_store_has_lost(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "copy")
    next((root / "journal").glob("*.journal")).unlink()
    made = run(root, tmp_path / "copy")
    assert made.files == 0 and len(list(read_records(tmp_path / "copy" / "journal"))) == 3


def test_there_and_back(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "backup")
    root.rename(tmp_path / "gone")
    run(tmp_path / "backup", root)
    assert contents(root) == contents(tmp_path / "backup")
    write_version(Store(root), 3)
    run(root, tmp_path / "backup")  # the restored store is backed up to the same place
    assert Store(tmp_path / "backup").get("dataset/line", Dataset) == version(3)


def diverged(target: Path, how: str) -> None:
    store = Store(target)
    if how == "name":
        store.put(OperatingPoint(score_thresholds={"carton": 0.1}, rule={}, observed={}), name="mine")
    elif how == "line":
        store.put(OperatingPoint(score_thresholds={"carton": 0.1}, rule={}, observed={}), name="operating_point/line")
    elif how == "rows":
        store.put(version(7))
    elif how == "pictures":
        store.pictures.add([b"mine"])
    elif how == "ledger":
        store.place.append("ledger.jsonl", json.dumps({"key": "k", "step": "s", "output": "o"}))


@pytest.mark.parametrize("how", ["name", "line", "rows", "pictures", "ledger"])
def test_a_copy_that_was_written_to_is_refused_and_left_alone(root: Path, tmp_path: Path, how: str) -> None:
    target = tmp_path / "copy"
    run(root, target)
    diverged(target, how)
    write_version(Store(root), 3)
    before = contents(target)
    with pytest.raises(StoreError, match="written to since"):
        run(root, target)
    assert contents(target) == before
    Store(target)  # still usable


def test_another_store_s_copy_is_refused(root: Path, tmp_path: Path) -> None:
    fill(tmp_path / "other" / "store")
    run(root, tmp_path / "copy")
    before = contents(tmp_path / "copy")
    with pytest.raises(StoreError, match="no earlier copy of this store"):
        run(tmp_path / "other" / "store", tmp_path / "copy")
    assert contents(tmp_path / "copy") == before


def test_what_is_no_copy_is_not_written_to(root: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    (tmp_path / "file").write_text("")
    Store(tmp_path / "store2").pictures.add([b"x"])
    for target, sentence in (("mine", "is not empty"), ("file", "is a file"), ("store2", "is not empty"),
                             ("store/inside", "lie in each other"), ("store", "lie in each other"), (".", "lie in each other")):  # fmt: skip
        with pytest.raises(StoreError, match=sentence):
            run(root, tmp_path / target)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter"]
    assert not (root / "inside").exists()
    for source in ("none", "mine", "file"):
        with pytest.raises(StoreError, match=r"no store"):
            run(tmp_path / source, tmp_path / "new")
        assert not (tmp_path / "new").exists()


def test_two_copyings_to_one_folder_do_not_mix(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "copy")
    handle = os.open(tmp_path / "copy", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(StoreError, match="is at work"):
        run(root, tmp_path / "copy")
    os.close(handle)
    run(root, tmp_path / "copy")


def test_links_are_not_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("secret")
    digest = version(0).digest
    shutil.move(root / "journal", tmp_path / "journal")
    (root / "journal").symlink_to(tmp_path / "journal")
    (root / "names" / "away.jsonl").symlink_to(root / "names" / "dataset" / "line.jsonl")
    (root / "artifacts" / "bundle" / ("a" * 64)).symlink_to(tmp_path / "secret")
    (root / "artifacts" / "dataset" / digest / "key").symlink_to(tmp_path / "secret" / "key")
    (root / "tables" / "rows" / "away.lance").symlink_to(tmp_path / "secret")
    made = run(root, tmp_path / "copy")
    told = {fault.found for fault in made.faults}
    for link in ("journal", "names/away.jsonl", f"artifacts/bundle/{'a' * 64}"):
        assert any(f"'{root / link}' is a link" in sentence for sentence in told), link
    assert not any(path.is_symlink() or "secret" in path.name for path in (tmp_path / "copy").rglob("*"))
    assert b"secret" not in contents(tmp_path / "copy").values()


def test_a_socket_is_told_and_not_waited_for(root: Path, tmp_path: Path) -> None:
    os.mkfifo(root / "journal" / "pipe")
    with socket.socket(socket.AF_UNIX) as one:
        os.chdir(root / "journal")
        one.bind("socket")
    made = run(root, tmp_path / "copy")
    assert made.faults == () and {path.name for path in made.strange} == {"pipe", "socket"}


def test_damage_in_the_store_is_told_and_healed_by_a_later_run(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    report = next((root / "artifacts" / "report").iterdir())
    whole = (report / "report.json").read_bytes()
    (report / "report.json").write_bytes(whole.replace(b"candidate", b"candidatf"))
    for _ in range(2):
        made = run(root, target)
        assert any(report.name[:12] in fault.found and "damaged" in fault.found for fault in made.faults)
        assert [p.name for p in (target / "artifacts/report").iterdir()] == [f".damaged-0-{report.name}"]
        with pytest.raises(StoreError):
            Store(target).get("report/line", KINDS["report"])
    (report / "report.json").write_bytes(whole)
    assert run(root, target).faults == ()
    assert is_whole(target)


def test_a_damaged_picture_is_told_until_it_is_mended(root: Path, tmp_path: Path) -> None:
    table = root / "tables/pictures.lance/data"
    path = next(path for path in table.iterdir() if picture(5) in path.read_bytes())
    whole = path.read_bytes()
    path.write_bytes(whole.replace(picture(5), picture(5).replace(b"5", b"6")))
    for _ in range(2):
        made = run(root, tmp_path / "copy")
        assert [digest_of_bytes(picture(5))[:12] in fault.found for fault in made.faults] == [True]


def test_what_was_not_read_again_is_read_by_the_next_run(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    report = next((root / "artifacts" / "report").iterdir())
    (report / "report.json").write_bytes((report / "report.json").read_bytes().replace(b"candidate", b"candidatf"))
    assert run(root, target, verify=False).faults == ()
    assert any(report.name[:12] in fault.found for fault in run(root, target).faults)


def test_an_unfinished_copy_is_refused_by_everything_but_copying(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    run(root, target)
    copied = Copied.read(target)
    assert copied is not None and copied.verified and copied.finished is not None
    replace(copied, finished=None).write(target)
    with pytest.raises(StoreError, match=r"unfinished copy of .*boxwright store copy"):
        Store(target)
    with pytest.raises(StoreError, match="unfinished copy"):
        run(target, tmp_path / "copy of copy")
    assert not (tmp_path / "copy of copy").exists()
    run(root, target)
    assert is_whole(target)
    (target / "copy.json").write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        Store(target)


@pytest.mark.parametrize("step", [41, pytest.param(3, marks=pytest.mark.slow)])
def test_a_full_disk_at_any_write_is_one_sentence_and_the_same_command_goes_on(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    run(root, tmp_path / "whole")
    at, refused = 1 - step, 0
    while True:
        at, calls = at + step, 0
        target = tmp_path / "copy"

        def full(do: Callable, at: int = at) -> Callable:
            def failing(*given: Any, **more: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls >= at:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return do(*given, **more)

            return failing

        with monkeypatch.context() as patched:
            for name in ("sendfile", "fsync", "mkdir", "write"):
                patched.setattr(os, name, full(getattr(os, name)))
            try:
                run(root, target)
            except StoreError as error:
                refused += 1
                assert "no room left" in str(error) and "boxwright store copy" in str(error)
            else:
                break
        if (target / "copy.json").exists():
            with pytest.raises(StoreError, match="unfinished copy"):
                Store(target)
        run(root, target)
        assert contents(target) == contents(tmp_path / "whole")
        shutil.rmtree(target)
    assert refused > 120 // step


def test_a_copy_that_would_not_fit_is_not_begun(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 90, 10))  # type: ignore[attr-defined]
    with pytest.raises(StoreError, match="are to be copied; nothing was written"):
        run(root, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def killed_and_finished(folder: Path, how: str, many: int) -> int:
    done = subprocess.run([sys.executable, str(PROGRAM), str(folder), how, str(many)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])["killed"]


def test_a_copying_that_is_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    assert killed_and_finished(tmp_path, "steps", 5) == 5


@pytest.mark.slow
@pytest.mark.parametrize("how", ["steps", "times"])
def test_many_copyings_that_are_killed(tmp_path: Path, how: str) -> None:
    assert killed_and_finished(tmp_path, how, 40) >= 30


def test_a_store_that_is_written_meanwhile_gives_whole_copies(tmp_path: Path) -> None:
    root = tmp_path / "store"
    fill(root)
    writers = [
        subprocess.Popen([sys.executable, str(PROGRAM), str(tmp_path), "write", str(n)], stdin=subprocess.PIPE)
        for n in (0, 1)
    ]
    try:
        seen = [0]
        for number in range(6):
            target = tmp_path / ("grown" if number % 2 else f"copy-{number}")
            made = run(root, target)
            assert made.faults == ()
            assert is_whole(target)
            seen.append(sum(len(Store(target).history(name)) for name in Store(target).names()))
            assert seen[-1] >= seen[-2]
            for record in read_records(target / "journal"):
                assert (target / "journal" / "pictures" / record["picture"]).is_file()
            time.sleep(0.1)
        assert seen[-1] > seen[1] + 5, "the writers did not write"
    finally:
        for writer in writers:
            writer.communicate(b"")
    assert [writer.returncode for writer in writers] == [0, 0]
    run(root, tmp_path / "grown")
    there = {key: data for key, data in contents(tmp_path / "grown").items() if not key.endswith(".missed")}
    assert {key: data for key, data in contents(root).items() if not key.endswith(".lock")} == there


def test_the_journal_of_a_server_that_goes_on_is_copied_as_far_as_it_is(tmp_path: Path) -> None:
    root = tmp_path / "store"
    fill(root)
    journal = Journal(root / "journal")
    for number in range(5):
        journal.append(answer(100 + number))
        run(root, tmp_path / "copy")
        assert numbers(tmp_path / "copy" / "journal") == [
            0,
            1,
            2,
            *range(100, 101 + number),
        ]
    journal.close()
