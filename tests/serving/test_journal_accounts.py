"""What the journal says about what is missing is true: a bad neighbor hides no good record, nothing counts twice or vanishes."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from boxwright.errors import ServingError
from boxwright.serving import Journal
from boxwright.serving.journal import Reading, read_records
from boxwright.serving.journal.frame import SIGNATURE, Kind, encode
from boxwright.serving.journal.retention import Keeping
from boxwright.serving.journal.sequences import Sequence
from tests.disks import Failing
from tests.serving.journals import account, answer, numbers

WRITER = "0123456789abcdef"


@pytest.mark.parametrize("place", [10, -3])
def test_many_damaged_records_hide_no_good_one(tmp_path: Path, place: int) -> None:
    frames = []
    for number in range(1000):
        frame = bytearray(encode(Kind.RECORD, json.dumps(answer(number)).encode(), writer=7, epoch=0, seq=number))
        if number < 450:
            frame[place] ^= 1
        frames.append(bytes(frame))
    (tmp_path / "a.journal").write_bytes(SIGNATURE + b"".join(frames))
    assert numbers(tmp_path) == list(range(450, 1000))


def test_every_smallest_frame_damaged_hides_no_good_one(tmp_path: Path) -> None:
    bad = bytearray(encode(Kind.PROBE, b"{}", writer=7, epoch=0, seq=0))
    bad[9] ^= 1
    good = encode(Kind.RECORD, json.dumps(answer(1)).encode(), writer=7, epoch=0, seq=1)
    (tmp_path / "a.journal").write_bytes(SIGNATURE + bytes(bad) * 3000 + good)
    assert numbers(tmp_path) == [1]


def test_frames_between_false_ones_keep_no_reader_for_ever(tmp_path: Path) -> None:
    good = encode(Kind.PROBE, b"{}", writer=1, epoch=0, seq=0)
    false = encode(Kind.RECORD, b"x" * (1 << 20), writer=1, epoch=0, seq=0)[:40]
    (tmp_path / "a.journal").write_bytes(SIGNATURE + (good + false) * 50_000)
    assert account(tmp_path).skipped_bytes > 2_000_000


@pytest.mark.parametrize("name", ["x.missed", f"{WRITER}.missed"])
def test_a_link_is_never_taken_for_a_count(tmp_path: Path, name: str) -> None:
    (tmp_path / "ledger").write_bytes(b"precious\n" * 1000)
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / name).symlink_to(tmp_path / "ledger")
    Journal(tmp_path / "journal").close()
    assert (tmp_path / "ledger").read_bytes() == b"precious\n" * 1000
    assert (tmp_path / "journal" / name).is_symlink()


def test_a_damaged_count_is_kept_and_told_as_a_gap_of_unknown_size(tmp_path: Path) -> None:
    full = Failing(0, ("open", "write"), code=errno.ENOSPC, from_then_on=True)
    journal = Journal(tmp_path, fs=full)
    full.n = 1
    journal.missed(5.0)
    journal.close()
    (count,) = tmp_path.glob("*.missed")
    damaged = bytearray(count.read_bytes())
    damaged[30] ^= 1
    count.write_bytes(damaged)
    for _ in range(3):
        Journal(tmp_path).close()
    found = account(tmp_path)
    assert [gap.count for gap in found.gaps] == [0] and not found.whole
    assert "1 gap of unknown size" in found.sentence()
    (kept,) = tmp_path.glob("*.missed.unread-*")
    assert kept.read_bytes() == bytes(damaged)


def segments_of(folder: Path) -> list[Path]:
    """A journal of many segments, closed; its segments."""
    journal = Journal(folder, segment_bytes=1500)
    for number in range(40):
        journal.append(answer(number))
    journal.close()
    return sorted(folder.glob("*.journal"))


def test_what_retention_could_not_delete_does_not_count_as_deleted(tmp_path: Path) -> None:
    segments = segments_of(tmp_path)
    disk = Failing(0, ("unlink",), code=errno.EACCES, from_then_on=True)
    other = Journal(tmp_path, keeping=Keeping(max_bytes=0), fs=disk)
    disk.n = 1
    for _ in range(5):
        with pytest.raises(ServingError, match="cannot be deleted"):
            other.trim()
    assert (account(tmp_path).deleted_segments, numbers(tmp_path)) == (0, list(range(40)))
    segments[3].unlink()
    found = account(tmp_path)
    assert found.lost == 40 - found.records > 0


def test_a_segment_that_was_accounted_for_and_is_there_is_not_deleted(tmp_path: Path) -> None:
    class Dying(Failing):
        def unlink(self, path: Path) -> None:
            if path.suffix == ".journal":
                raise KeyboardInterrupt

    segments = segments_of(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        Journal(tmp_path, keeping=Keeping(max_bytes=0), fs=Dying(0)).trim()
    assert account(tmp_path).deleted_segments == 0
    for segment in segments:
        segment.unlink()
    assert (account(tmp_path).deleted_segments, account(tmp_path).lost) == (len(segments), 0)


def test_a_reader_is_not_told_of_a_loss_while_another_process_trims(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=1500)
    for number in range(60):
        journal.append(answer(number))
    found = Reading()
    records = read_records(tmp_path, reading=found)
    next(records)
    trimmed = Journal(tmp_path, keeping=Keeping(max_bytes=0)).trim()
    left = 1 + len(list(records))
    assert left < 60 and (found.lost, found.deleted_segments) == (0, len(trimmed.segments))


def test_a_segment_that_a_process_began_to_write_meanwhile_stays(tmp_path: Path) -> None:
    class Late(Failing):
        """Between the look whether a segment is open and its deletion, its writer takes the lock."""

        def unlink(self, path: Path) -> None:
            super().unlink(path)

        def write(self, handle: int, data: bytes | memoryview) -> int:
            if self.n and not taken:
                taken.append(os.open(segments[0], os.O_RDONLY))
                assert self.lock(taken[0], wait=False)
            return super().write(handle, data)

    taken: list[int] = []
    segments = segments_of(tmp_path)
    disk = Late(0)
    other = Journal(tmp_path, keeping=Keeping(max_bytes=0), fs=disk)
    disk.n = 10**6
    with pytest.raises(ServingError, match="a process writes it"):
        other.trim()
    os.close(taken[0])
    assert segments[0].exists() and not segments[1].exists()


def test_numbers_that_run_backwards_with_holes_are_counted_at_once() -> None:
    sequence = Sequence()
    for number in range(400_000, 0, -2):
        assert sequence.add(number, 0.0)
    gone = [(number, number + 1) for number in range(1, 200_000, 2)]
    assert sum(hole.end - hole.begin for hole in sequence.holes(without=gone)) == 199_999 - len(gone) + 1


@pytest.mark.parametrize("before", [0, 2])
def test_answers_missed_after_closing_are_told_by_the_next_process(tmp_path: Path, before: int) -> None:
    disk = Failing(0, ("write",), code=errno.ENOSPC, from_then_on=True)
    journal = Journal(tmp_path, fs=disk)
    disk.n = 1 if before else 0
    for number in range(before):
        journal.missed(float(number))
    journal.close()
    disk.mend()
    for number in range(3):
        journal.missed(float(before + number))
    Journal(tmp_path).close()
    assert account(tmp_path).missed == before + 3
    assert not list(tmp_path.glob("*.missed"))
