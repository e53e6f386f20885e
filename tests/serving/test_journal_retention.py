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

import pytest

from boxwright.errors import ServingError
from boxwright.serving import Journal, kept_picture
from boxwright.serving.journal.frame import Frame, Kind
from boxwright.serving.journal.scan import read_frames
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


def retention(folder: Path) -> list[dict]:
    """What the journal says was deleted."""
    return [
        json.loads(frame.payload)
        for path in sorted(folder.glob("*.journal"))
        for frame in read_frames(path)
        if isinstance(frame, Frame) and frame.kind == Kind.RETENTION
    ]


def test_what_is_too_old_goes_and_the_journal_says_so(tmp_path: Path) -> None:
    journal = filled(tmp_path, keep_days=6.5, keep_picture_days=3.5)
    before = len(list(tmp_path.glob("*.journal")))
    trimmed = journal.trim()
    segments, pictures = sorted(tmp_path.glob("*.journal")), list((tmp_path / "pictures").iterdir())
    assert len(segments) in (6, 7) and before > 7 and len(pictures) == 3  # one may be new, for what was said
    assert (len(trimmed.segments), len(trimmed.pictures)) == (before - 6, 7)
    (said,) = retention(tmp_path)
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
    trimmed = Journal(tmp_path, max_bytes=journal.bytes - 2500).trim()
    assert sorted(int(path.name) for path in (tmp_path / "pictures").iterdir()) == list(range(3, 10))
    assert (numbers(tmp_path), trimmed.segments) == (list(range(30)), ())
    Journal(tmp_path, max_bytes=4000).trim()
    assert not list((tmp_path / "pictures").iterdir())
    assert 0 < numbers(tmp_path)[0] < 29 and numbers(tmp_path)[-1] == 29
    assert {entry["why"] for entry in retention(tmp_path)[-1]["segments"]} == {"budget"}
    assert account(tmp_path).lost == 0


def test_segments_deleted_in_the_middle_are_not_called_lost(tmp_path: Path) -> None:
    journal = filled(tmp_path, keep_days=400.0)
    middle = sorted(tmp_path.glob("*.journal"))[3:5]
    for segment in middle:
        aged(segment, 500)
    journal.trim()
    assert not any(segment.exists() for segment in middle)
    found = account(tmp_path)
    assert (found.lost, found.deleted_segments) == (0, 2) and found.records < 30


def test_what_a_living_process_writes_stays(tmp_path: Path) -> None:
    code = "import sys; from boxwright.serving import Journal; from pathlib import Path; j = Journal(Path(sys.argv[1])); print('ready', flush=True); sys.stdin.read()"
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None and other.stdin is not None and other.stdout.readline()
    theirs = next(tmp_path.glob("*.journal"))
    old_segment(tmp_path / f"{1:020d}-{other.pid}.journal", [answer(0)])
    journal = Journal(tmp_path, keep_days=1.0, max_bytes=0)
    for segment in tmp_path.glob("*.journal"):
        aged(segment, 500)
    journal.trim()
    assert theirs.exists() and len(list(tmp_path.glob("*.journal"))) == 3
    other.stdin.close()
    other.wait()
    journal.trim()
    assert not theirs.exists() and len(list(tmp_path.glob("*.journal"))) == 1, "only our own"


def test_a_full_disk_can_be_trimmed_and_the_account_follows(tmp_path: Path) -> None:
    filled(tmp_path).close()
    disk = Failing(0, ("write",), code=errno.ENOSPC, from_then_on=True)
    journal = Journal(tmp_path, fs=disk, keep_days=3.0)
    disk.n = 1
    journal.trim()
    assert len(list(tmp_path.glob("*.journal"))) <= 4 and retention(tmp_path) == []
    disk.mend()
    assert journal.probe()
    assert len(retention(tmp_path)) == 1 and account(tmp_path).lost == 0


def test_what_cannot_be_deleted_is_told(tmp_path: Path) -> None:
    filled(tmp_path).close()
    disk = Failing(0, ("unlink",), code=errno.EACCES, from_then_on=True)
    journal = Journal(tmp_path, fs=disk, keep_days=3.0)
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
    journal = Journal(tmp_path, max_bytes=100)
    for left in (range(4, 10), range(8, 10)):
        assert journal.trim().segments == ()
        assert sorted(int(path.name) for path in (tmp_path / "pictures").iterdir()) == list(left)
    assert len(journal.trim().segments) > 0 and account(tmp_path).lost == 0
