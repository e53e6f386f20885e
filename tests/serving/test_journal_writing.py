"""What was acknowledged can be read, whatever the disk did: every n-th call fails in turn."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from boxwright.errors import ServingError
from boxwright.serving import Journal, kept_picture
from boxwright.serving.journal import SEGMENT_BYTES, Reading, read_records
from boxwright.store import Clock
from tests.disks import CALLS, Failing, Unsynced
from tests.failing_scenarios import journal_scenario
from tests.serving.journals import account, answer, numbers

PICTURE = "d" * 64


@pytest.mark.parametrize("flush", [False, True])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("from_then_on", [False, True])
@pytest.mark.parametrize("calls", [CALLS, ("write", "truncate"), ("write", "open"), ("fdatasync", "truncate")])
def test_every_nth_call_fails_and_no_acknowledged_record_is_lost(
    tmp_path: Path, calls: tuple[str, ...], from_then_on: bool, half: bool, flush: bool
) -> None:
    tried = journal_scenario(
        tmp_path, flush=flush, calls=calls, code=errno.ENOSPC, half=half, from_then_on=from_then_on
    )
    assert tried >= (12 if "write" in calls else 8 if flush else 0)


def test_a_short_write_and_a_failed_open_lose_nothing_that_follows(tmp_path: Path) -> None:
    """What an attack found: after both, 20 of 25 acknowledged records could not be read."""

    class Worn(Failing):
        def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
            if self.failed and path.suffix == ".journal" and flags & os.O_WRONLY:
                raise OSError(errno.EMFILE, "too many open files")
            return super().open(path, flags, mode)

        def truncate(self, handle: int, size: int) -> None:
            if self.failed:
                raise OSError(errno.EIO, "input/output error")

    disk = Worn(8, ("write",), half=True)
    journal = Journal(tmp_path, fs=disk)
    acknowledged = []
    for number in range(25):
        if number == 15:
            disk.failed = 0  # files can be opened again
        try:
            journal.append(answer(number))
            acknowledged.append(number)
        except ServingError:
            pass
    assert 10 <= len(acknowledged) < 25
    assert numbers(tmp_path) == acknowledged


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_after_a_full_disk_the_journal_recovers_by_itself_and_writes_the_gap_down(tmp_path: Path, code: int) -> None:
    disk = Failing(0, code=code, from_then_on=True)
    journal = Journal(tmp_path, fs=disk)
    journal.append(answer(0))
    disk.n = 1
    for number in (1, 2, 3):
        with pytest.raises(ServingError, match="cannot be written"):
            journal.append(answer(number))
        journal.missed(1000.0 + number)
        assert not journal.probe()
    assert (journal.writable, journal.missed_records, journal.last_error) == (False, 3, os.strerror(code))
    disk.mend()
    assert journal.probe() and journal.writable
    journal.append(answer(4))
    found = account(tmp_path)
    (gap,) = found.gaps
    assert (gap.count, gap.begins, gap.ends, gap.cause) == (3, 1001.0, 1003.0, os.strerror(code))
    assert numbers(tmp_path) == [0, 4]
    assert (
        "3 answers given without a record between 1970-01-01 00:16:41 and 1970-01-01 00:16:43 UTC" in found.sentence()
    )
    assert journal.probe() and account(tmp_path).missed == 3, "a gap is written down once"


def test_a_gap_outlives_the_process_that_could_not_write_it_down(tmp_path: Path) -> None:
    full = Failing(0, ("open", "write"), code=errno.ENOSPC, from_then_on=True)
    journal = Journal(tmp_path, fs=full)
    full.n = 1
    for at in (7.0, 5.0):
        journal.missed(at)
    journal.close()
    Journal(tmp_path).close()
    assert [(gap.count, gap.begins, gap.ends) for gap in account(tmp_path).gaps] == [(2, 5.0, 7.0)]
    Journal(tmp_path).close()
    assert account(tmp_path).missed == 2
    assert not list(tmp_path.glob("*.missed"))


def test_what_a_living_process_missed_is_left_to_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.missed(1.0)
    Journal(tmp_path).close()
    assert account(tmp_path).missed == 0
    journal.append(answer(0))
    assert account(tmp_path).missed == 1


def test_a_picture_that_cannot_be_kept_is_probed_for_too(tmp_path: Path) -> None:
    disk = Failing(0, ("replace",), code=errno.EIO, from_then_on=True)
    journal = Journal(tmp_path, fs=disk)
    disk.n = 1
    with pytest.raises(ServingError, match="picture cannot be kept"):
        journal.keep_picture(b"x", PICTURE)
    journal.append(answer(0))
    assert not journal.writable and not journal.probe()
    disk.mend()
    assert journal.probe() and journal.writable
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == []
    assert journal.keep_picture(b"x", PICTURE)
    assert kept_picture(tmp_path, PICTURE).read_bytes() == b"x"


def test_a_nearly_full_disk_takes_records_and_no_pictures(tmp_path: Path) -> None:
    class Small(Failing):
        def free_bytes(self, folder: Path) -> int:
            return 1000

    journal = Journal(tmp_path, fs=Small(0), floor_bytes=995)
    assert journal.keep_picture(b"tiny", PICTURE)
    assert not journal.keep_picture(b"larger", "e" * 64)
    journal.append(answer(0))
    assert (journal.pictures_left_out, journal.writable, numbers(tmp_path)) == (1, True, [0])


def test_what_json_cannot_say_is_refused_and_costs_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for bad in (answer(0, latency_ms=float("nan")), answer(0, camera=object()), answer(0, camera="\ud800"),
                answer(0, camera="x" * (17 << 20))):  # fmt: skip
        with pytest.raises(ServingError, match="not written"):
            journal.append(bad)
    journal.append(answer(1))
    assert numbers(tmp_path) == [1]


def test_closing_while_others_append_loses_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=4000)
    acknowledged: set[int] = set()
    refused: list[str] = []

    def write(worker: int) -> None:
        for number in range(worker, 100_000, 4):
            try:
                journal.append(answer(number))
            except ServingError as error:
                refused.append(str(error))
                return
            acknowledged.add(number)
            if number > 400:
                journal.close()

    workers = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(refused) == 4 and all("is closed" in why for why in refused)
    assert sorted(numbers(tmp_path)) == sorted(acknowledged) and len(acknowledged) > 100
    found = account(tmp_path)
    assert (found.lost, found.unfinished, found.whole) == (0, 0, True)
    assert len(list(tmp_path.glob("*.journal"))) > 4
    assert not journal.probe() and not journal.writable


@pytest.mark.parametrize("flush", [True, False])
def test_what_was_flushed_outlives_a_power_cut(tmp_path: Path, flush: bool) -> None:
    """With `flush_to_disk` every acknowledged record and picture is there; without it a cut may take what was not flushed."""
    disk = Unsynced()
    folder = tmp_path / "world" / "here" / "journal"
    (tmp_path / "world").mkdir()
    journal = Journal(folder, fs=disk, flush_to_disk=flush, segment_bytes=1500)
    for number in range(12):
        picture = f"{number:064d}"
        journal.keep_picture(b"picture", picture)
        journal.append(answer(number, picture=picture))
        left = disk.cut_power(tmp_path / "world", tmp_path / f"cut-{number}") / "here" / "journal"
        if flush:
            assert numbers(left) == list(range(number + 1)) and account(left).whole
            for k in range(number + 1):
                assert kept_picture(left, f"{k:064d}").read_bytes() == b"picture"
            Journal(left).append(answer(1000))
            assert numbers(left) == [*range(number + 1), 1000]
    assert flush or not left.is_dir() or numbers(left) == []


class Jumping(Clock):
    """A clock that jumps by a day, forth and back, at every look."""

    def __init__(self) -> None:
        self._looks = 0

    def wall(self) -> float:
        self._looks += 1
        return 1e9 + 86400.0 * (-1) ** self._looks + self._looks


def test_a_clock_that_jumps_changes_no_order(tmp_path: Path) -> None:
    clock = Jumping()
    journal = Journal(tmp_path, segment_bytes=1500, clock=clock)
    for number in range(20):
        journal.append(answer(number, at=clock.wall()))
    assert len(list(tmp_path.glob("*.journal"))) > 5
    assert numbers(tmp_path) == list(range(20))


def test_writers_are_merged_by_time(tmp_path: Path) -> None:
    one, other = Journal(tmp_path), Journal(tmp_path)
    for number in range(0, 20, 2):
        one.append(answer(number))
        other.append(answer(number + 1))
    assert numbers(tmp_path) == list(range(20))
    inside = read_records(tmp_path, since=1e9 + 5, until=1e9 + 8)
    assert [int(record["event_id"]) for record in inside] == [5, 6, 7]


def test_only_the_owner_may_read_what_is_new(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o755)
    for folder in (tmp_path / "mine", tmp_path / "new" / "journal"):
        journal = Journal(folder)
        journal.keep_picture(b"x", PICTURE)
        journal.missed(1.0)
        modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
        assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "new" / "journal").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o755, "a folder that was there is left as it is"


def test_the_count_of_bytes_is_what_lies_on_the_disk(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=1500)
    for number in range(10):
        journal.append(answer(number))
    journal.keep_picture(b"x" * 100, PICTURE)
    segments = list(tmp_path.glob("*.journal"))
    size = sum(path.stat().st_size for path in segments) + 100
    assert (journal.bytes, journal.segments) == (size, len(segments))
    journal.trim()
    assert (journal.bytes, journal.segments) == (size, len(segments))
    assert SEGMENT_BYTES == 64 << 20 and isinstance(account(tmp_path), Reading)
