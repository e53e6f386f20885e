"""Files and folders that others delete, move, lock or leave half under a journal that goes on; what it answers for is there."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from boxwright.errors import ServingError
from boxwright.serving import Journal, kept_picture
from boxwright.serving.journal.retention import Keeping
from boxwright.store.fs import Fs
from tests.disks import Unsynced
from tests.serving.journals import account, answer, numbers

PICTURE = "d" * 64


@pytest.mark.parametrize("make_again", [False, True])
def test_a_deleted_folder_is_made_again_and_what_follows_is_read(tmp_path: Path, make_again: bool) -> None:
    folder = tmp_path / "journal"
    journal = Journal(folder)
    journal.append(answer(1))
    shutil.rmtree(folder)
    if make_again:
        folder.mkdir()
    for number in range(2, 50):
        journal.append(answer(number))
    assert numbers(folder) == list(range(2, 50))
    assert journal.writable and journal.probe() and journal.keep_picture(b"x", PICTURE)
    assert [path.suffix for path in sorted(folder.glob("*.missed"))] == [".missed"]


def test_a_folder_deleted_at_any_moment_of_a_write_costs_no_later_record(tmp_path: Path) -> None:
    class Deleting(Fs):
        n = count = 0

        def write(self, handle: int, data: bytes | memoryview) -> int:
            taken = super().write(handle, data)
            self.count += 1
            if self.count == self.n:
                shutil.rmtree(folder)
            return taken

    for n in range(1, 7):
        folder, disk = tmp_path / str(n), Deleting()
        disk.n = n
        journal = Journal(folder, fs=disk)
        for number in range(3):
            journal.append(answer(number))
            assert numbers(folder)[-1] == number, f"deleted after write {n}"


def test_a_moved_folder_keeps_what_it_has_and_a_new_one_takes_the_rest(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append(answer(0))
    (tmp_path / "journal").rename(tmp_path / "moved")
    assert journal.probe(), "an idle journal is made again by the probe"
    assert len(list((tmp_path / "journal").glob("*.journal"))) == 1
    journal.append(answer(1))
    assert (numbers(tmp_path / "moved"), numbers(tmp_path / "journal")) == ([0], [1])


def test_a_deleted_segment_is_counted_where_others_of_its_writer_are_left(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=1500)
    for number in range(8):
        journal.append(answer(number))
    last = sorted(tmp_path.glob("*.journal"))[-1]
    theirs = last.read_bytes().count(b'"event_id"')
    last.unlink()
    journal.append(answer(8))
    found = account(tmp_path)
    assert (found.records, found.lost) == (9 - theirs, theirs) and theirs > 0


def test_a_deleted_folder_of_pictures_is_made_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    shutil.rmtree(tmp_path / "pictures")
    assert journal.keep_picture(b"x", PICTURE) and kept_picture(tmp_path, PICTURE).read_bytes() == b"x"
    shutil.rmtree(tmp_path / "pictures")
    (tmp_path / "pictures").write_text("in the way")
    with pytest.raises(ServingError, match="cannot be kept"):
        journal.keep_picture(b"x", PICTURE)
    assert not journal.probe()
    (tmp_path / "pictures").unlink()
    assert journal.probe() and journal.writable and journal.keep_picture(b"x", PICTURE)


@pytest.mark.parametrize("left", [b"", b"hal", b"much too long"])
def test_a_picture_left_half_by_a_power_cut_is_written_again(tmp_path: Path, left: bytes) -> None:
    journal = Journal(tmp_path)
    kept_picture(tmp_path, PICTURE).write_bytes(left)
    before = journal.bytes
    assert journal.keep_picture(b"whole", PICTURE)
    assert kept_picture(tmp_path, PICTURE).read_bytes() == b"whole"
    assert journal.bytes - before == 5 - len(left)


def test_a_link_to_nowhere_keeps_no_server_from_starting(tmp_path: Path) -> None:
    (tmp_path / "x.journal").symlink_to("nowhere")
    journal = Journal(tmp_path)
    journal.append(answer(0))
    journal.trim()
    assert numbers(tmp_path) == [0]


def test_another_process_that_looks_at_a_new_segment_takes_no_lock_from_its_writer(tmp_path: Path) -> None:
    """Between the making of a segment and its lock, another server's `trim` may hold it for a moment."""

    class Racing(Fs):
        def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
            handle = super().open(path, flags, mode)
            if path.suffix in (".journal", ".missed") and flags & os.O_CREAT:
                look = os.open(path, os.O_RDONLY)
                assert Fs().lock(look, wait=False)
                timers.append(threading.Timer(0.02, os.close, (look,)))
                timers[-1].start()
            return handle

    timers: list[threading.Timer] = []
    journal = Journal(tmp_path, fs=Racing())
    for number in range(20):
        journal.append(answer(number))
    for timer in timers:
        timer.join()
    other = Journal(tmp_path, keeping=Keeping(max_bytes=0))
    other.trim()
    journal.append(answer(20))
    assert numbers(tmp_path) == list(range(21)) and account(tmp_path).whole
    assert len(list(tmp_path.glob("*.missed"))) == 2


def test_a_new_file_that_another_process_deletes_at_once_is_made_again(tmp_path: Path) -> None:
    class Racing(Fs):
        times = 2

        def lock(self, handle: int, *, wait: bool = True) -> bool:
            path = Path(os.readlink(f"/proc/self/fd/{handle}"))
            if self.times and not path.name.endswith(" (deleted)"):
                self.times -= 1
                path.unlink()
            return super().lock(handle, wait=wait)

    for times in (1, 2, 3):
        disk = Racing()
        disk.times = times
        journal = Journal(tmp_path / str(times), fs=disk)
        journal.append(answer(0))
        assert numbers(tmp_path / str(times)) == [0]
        assert len(list((tmp_path / str(times)).glob("*.missed"))) == 1


@pytest.mark.parametrize("n", range(1, 15))
def test_a_sync_that_failed_is_made_up_for_before_anything_is_acknowledged(tmp_path: Path, n: int) -> None:
    """A folder or picture that is there says nothing about whether the disk has its name."""

    class Refusing(Unsynced):
        count = 0

        def fsync(self, handle: int) -> None:
            self.count += 1
            if self.count == n:
                raise OSError(5, "input/output error")
            super().fsync(handle)

        fdatasync = fsync

    (tmp_path / "world").mkdir()
    disk, folder = Refusing(), tmp_path / "world" / "here" / "journal"
    acknowledged, kept, journal = [], False, None
    for number in range(3):
        try:
            journal = journal or Journal(folder, fs=disk, flush_to_disk=True)
        except ServingError:
            continue
        try:
            kept = journal.keep_picture(b"picture", PICTURE) or kept
        except ServingError:
            pass
        try:
            journal.append(answer(number))
            acknowledged.append(number)
        except ServingError:
            pass
    left = disk.cut_power(tmp_path / "world", tmp_path / "cut") / "here" / "journal"
    assert acknowledged and set(acknowledged) <= set(numbers(left))
    assert kept and kept_picture(left, PICTURE).read_bytes() == b"picture"
