"""Whole segments and pictures go when they are too old or too many; nothing vanishes in silence, and nothing that is being written."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.errors import ServingError
from boxwright.serving import Journal, kept_picture
from boxwright.serving.journal import retention
from boxwright.serving.journal.ages import Ages
from boxwright.serving.journal.frame import Frame, Kind
from boxwright.serving.journal.retention import Keeping
from boxwright.serving.journal.scan import read_frames
from boxwright.store import Clock
from tests.disks import Failing
from tests.serving.journals import account, answer, numbers, old_segment

DAY = 86400.0


def aged(path: Path, days: float) -> None:
    """Let a file have been written so long ago."""
    moment = time.time() - days * DAY
    os.utime(path, (moment, moment))


def filled(folder: Path, count: int = 30, **options: float | None) -> Journal:
    """A journal of several segments, 30 records and 10 pictures of 1,000 bytes; the oldest segment first."""
    journal = Journal(folder, segment_bytes=1500, **options)  # type: ignore[arg-type]
    for number in range(count):
        journal.append(answer(number))
    for k in range(10):
        journal.keep_picture(bytes(1000), f"{k:064d}")
        aged(kept_picture(folder, f"{k:064d}"), 10 - k)
    segments = sorted(folder.glob("*.journal"))
    for k, segment in enumerate(segments[:-1]):
        aged(segment, len(segments) - k)
    return journal


def accounts(folder: Path) -> list[dict]:
    """What the journal says was deleted."""
    return [
        json.loads(frame.payload)
        for path in sorted(folder.glob("*.journal"))
        for frame in read_frames(path)
        if isinstance(frame, Frame) and frame.kind == Kind.RETENTION
    ]


def test_what_is_too_old_goes_and_the_journal_says_so(tmp_path: Path) -> None:
    journal = filled(tmp_path, keeping=Keeping(days=6.5, picture_days=3.5))
    before = len(list(tmp_path.glob("*.journal")))
    trimmed = journal.trim()
    segments, pictures = sorted(tmp_path.glob("*.journal")), list((tmp_path / "pictures").iterdir())
    assert len(segments) in (6, 7) and before > 7 and len(pictures) == 3  # one may be new, for what was said
    assert (len(trimmed.segments), len(trimmed.pictures)) == (before - 6, 7)
    (said,) = accounts(tmp_path)
    assert (said["pictures"], said["picture_bytes"], len(said["segments"])) == (7, 7000, before - 6)
    assert {entry["why"] for entry in said["segments"]} == {"age"}
    left = numbers(tmp_path)
    assert left == list(range(left[0], 30)) and left[0] > 0
    found = account(tmp_path)
    assert (found.lost, found.deleted_segments, found.whole) == (0, before - 6, True)
    journal.append(answer(30))
    assert numbers(tmp_path)[-1] == 30


def test_beyond_the_budget_pictures_go_first_and_then_the_oldest_segments(tmp_path: Path) -> None:
    journal = filled(tmp_path)
    journal.close()
    trimmed = Journal(tmp_path, keeping=Keeping(max_bytes=journal.bytes - 2500)).trim()
    assert sorted(int(path.name) for path in (tmp_path / "pictures").iterdir()) == list(range(3, 10))
    assert (numbers(tmp_path), trimmed.segments) == (list(range(30)), ())
    Journal(tmp_path, keeping=Keeping(max_bytes=4000)).trim()
    assert not list((tmp_path / "pictures").iterdir())
    assert 0 < numbers(tmp_path)[0] < 29 and numbers(tmp_path)[-1] == 29
    assert {entry["why"] for entry in accounts(tmp_path)[-1]["segments"]} == {"budget"}
    assert account(tmp_path).lost == 0


def test_segments_deleted_in_the_middle_are_not_called_lost(tmp_path: Path) -> None:
    segments = sorted(filled(tmp_path).folder.glob("*.journal"))
    middle = segments[3:5]
    for k, segment in enumerate(middle, start=1):
        aged(segment, len(segments) + k)
    Journal(tmp_path, keeping=Keeping(days=len(segments) + 0.5)).trim()
    assert not any(segment.exists() for segment in middle)
    found = account(tmp_path)
    assert (found.lost, found.deleted_segments) == (0, 2) and found.records < 30


def test_what_a_living_process_writes_stays(tmp_path: Path) -> None:
    code = "import sys; from boxwright.serving import Journal; from pathlib import Path; j = Journal(Path(sys.argv[1])); print('ready', flush=True); sys.stdin.read()"
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None and other.stdin is not None and other.stdout.readline()
    theirs = next(tmp_path.glob("*.journal"))
    old_segment(tmp_path / f"{1:020d}-{other.pid}.journal", [answer(0)])
    journal = Journal(tmp_path, keeping=Keeping(days=1.0, max_bytes=0))
    for segment in tmp_path.glob("*.journal"):
        aged(segment, 500)
    journal.trim()
    assert theirs.exists() and len(list(tmp_path.glob("*.journal"))) == 3
    other.stdin.close()
    other.wait()
    journal.trim()
    assert not theirs.exists() and len(list(tmp_path.glob("*.journal"))) == 1, "only our own"


class Ahead(Clock):
    """A clock that is some days ahead of the true one."""

    def __init__(self, days: float) -> None:
        self.days = days

    def wall(self) -> float:
        return time.time() + self.days * DAY


def of_forty_days(folder: Path) -> None:
    """A segment and a picture of each of the last 40 days."""
    for day in range(40, 0, -1):
        journal = Journal(folder, clock=Ahead(-day))
        journal.append(answer(day))
        journal.keep_picture(bytes(10), f"{day:064d}")
        journal.close()
        for path in (newest(folder), kept_picture(folder, f"{day:064d}")):
            aged(path, day)


def newest(folder: Path) -> Path:
    return max(folder.glob("*.journal"), key=lambda path: path.stat().st_mtime)


@pytest.mark.parametrize("days", [20, 401, 10_000])
def test_a_clock_that_is_ahead_makes_nothing_much_older(tmp_path: Path, days: float) -> None:
    """It once deleted every segment but the open one, and every picture."""
    of_forty_days(tmp_path)
    clock = Ahead(days)
    for _ in range(3):  # also after restarts, when there are files of the wrong time
        journal = Journal(tmp_path, clock=clock, keeping=Keeping(days=50.0, picture_days=30.0))
        journal.append(answer(1000))
        journal.trim()
        journal.close()
        aged(newest(tmp_path), -days)
        clock.days += 0.01
    assert sorted(numbers(tmp_path))[:40] == list(range(1, 41))
    left = sorted(int(path.name) for path in (tmp_path / "pictures").iterdir())
    assert list(range(1, 27)) == left[:26] and len(left) <= 27
    clock.days = 0
    Journal(tmp_path, clock=clock, keeping=Keeping(days=20.5)).trim()
    assert min(sorted(numbers(tmp_path))[20:]) >= 1000 and sorted(numbers(tmp_path))[:20] == list(range(1, 21))


def test_what_was_written_under_a_clock_that_nobody_set_is_not_the_oldest(tmp_path: Path) -> None:
    of_forty_days(tmp_path)
    journal = Journal(tmp_path)
    journal.append(answer(1000))
    journal.close()
    os.utime(newest(tmp_path), (600, 600))
    Journal(tmp_path, keeping=Keeping(days=30.5)).trim()
    assert sorted(numbers(tmp_path)) == [*range(1, 31), 1000]
    Journal(
        tmp_path, keeping=Keeping(max_bytes=sum(path.stat().st_size for path in tmp_path.glob("*.journal")) // 2)
    ).trim()
    left = numbers(tmp_path)
    assert 1000 in left and 1 in left and 30 not in left


def test_a_server_without_requests_witnesses_every_day(tmp_path: Path) -> None:
    """So that what is old goes although nothing was written for long."""
    clock = Ahead(0)
    journal = Journal(tmp_path, clock=clock, keeping=Keeping(days=100.5))
    journal.append(answer(0))
    written = {path: time.time() for path in tmp_path.glob("*.journal")}
    for day in range(1, 103):
        clock.days = day
        journal.trim()
        for path in tmp_path.glob("*.journal"):
            moment = written.setdefault(path, clock.wall())
            os.utime(path, (moment, moment))
        assert bool(numbers(tmp_path)) == (day <= 100), day
    assert 99 <= len(written) <= 103


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=20), st.floats(1, 50), st.floats(0, 1e5))
def test_ages_are_those_of_the_clock_less_what_nobody_saw(days: list[float], most: float, ahead: float) -> None:
    begin = 1.8e9
    now = begin + max(days)
    moments = [begin + day for day in days]
    for moment in moments:
        assert Ages(moments, now=now, most=1e9).of(moment) == pytest.approx(now - moment, abs=1e-3)
        age, later = (Ages(moments, now=at, most=most).of(moment) for at in (now, now + ahead))
        assert age <= now - moment + 1e-3
        assert age - 1e-3 <= later <= age + most + 1e-3, "a clock that jumps adds no more than this"


def test_a_picture_that_is_met_while_it_is_to_be_deleted_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retention chose it, and a request came before it was deleted: the answer said that it is kept."""
    of_forty_days(tmp_path)
    journal = Journal(tmp_path, keeping=Keeping(picture_days=30.5))
    choose = retention.choose

    def chosen_and_met(*args: Any, **options: Any) -> Any:
        found = choose(*args, **options)
        assert journal.keep_picture(bytes(10), f"{40:064d}")
        return found

    monkeypatch.setattr(retention, "choose", chosen_and_met)
    journal.trim()
    assert kept_picture(tmp_path, f"{40:064d}").is_file() and not kept_picture(tmp_path, f"{39:064d}").exists()


def test_a_picture_that_goes_while_it_is_met_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    path = kept_picture(tmp_path, "0" * 64)
    journal.keep_picture(b"x", path.name)
    aged(path, 40)
    utime = os.utime

    def gone(one: Any, *args: Any, **options: Any) -> None:
        path.unlink(missing_ok=True)
        utime(one, *args, **options)

    monkeypatch.setattr(os, "utime", gone)
    assert journal.keep_picture(b"x", path.name)
    assert path.read_bytes() == b"x"


def test_a_full_disk_can_be_trimmed_and_the_account_follows(tmp_path: Path) -> None:
    filled(tmp_path).close()
    disk = Failing(0, ("write",), code=errno.ENOSPC, from_then_on=True)
    journal = Journal(tmp_path, fs=disk, keeping=Keeping(days=3.0))
    disk.n = 1
    journal.trim()
    assert len(list(tmp_path.glob("*.journal"))) <= 4 and accounts(tmp_path) == []
    disk.mend()
    assert journal.probe()
    assert len(accounts(tmp_path)) == 1 and account(tmp_path).lost == 0


def test_what_cannot_be_deleted_is_told(tmp_path: Path) -> None:
    filled(tmp_path).close()
    disk = Failing(0, ("unlink",), code=errno.EACCES, from_then_on=True)
    journal = Journal(tmp_path, fs=disk, keeping=Keeping(days=3.0))
    disk.n = 1
    with pytest.raises(ServingError, match="cannot be deleted"):
        journal.trim()


def test_a_picture_that_is_met_again_is_new_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.keep_picture(b"x", "0" * 64)
    aged(kept_picture(tmp_path, "0" * 64), 40)
    journal.keep_picture(b"x", "0" * 64)
    journal.trim()
    assert kept_picture(tmp_path, "0" * 64).is_file()


def test_half_written_pictures_of_stopped_writers_go(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for name in (".half", ".fresh", "notes.txt"):
        (tmp_path / "pictures" / name).write_bytes(b"x")
    aged(tmp_path / "pictures" / ".half", 1)
    aged(tmp_path / "pictures" / "notes.txt", 1000)
    journal.trim()
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [".fresh", "notes.txt"]


def test_a_look_remembers_only_what_may_go_however_many_pictures_there_are(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for k in range(20_000):
        (tmp_path / "pictures" / f"{k:064d}").touch()
    tracemalloc.start()
    try:
        assert journal.trim().pictures == ()
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_what_is_too_much_for_one_look_goes_with_the_next_and_records_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boxwright.serving.journal.retention.MOST_PICTURES", 4)
    filled(tmp_path).close()
    journal = Journal(tmp_path, keeping=Keeping(max_bytes=100))
    for left in (range(4, 10), range(8, 10)):
        assert journal.trim().segments == ()
        assert sorted(int(path.name) for path in (tmp_path / "pictures").iterdir()) == list(left)
    assert len(journal.trim().segments) > 0 and account(tmp_path).lost == 0
