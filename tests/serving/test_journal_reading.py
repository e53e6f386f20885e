"""Reading steps over damage and gives an account of it; one wrong bit costs one record, wherever it lies."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxwright.errors import BoxwrightError
from boxwright.serving import Journal, read_events, read_stretch
from boxwright.serving.journal import Reading, read_records
from boxwright.serving.journal.frame import HEADER_BYTES, MAGIC, SIGNATURE, Kind, encode
from boxwright.serving.journal.sequences import Sequence
from tests.serving.journals import account, answer, numbers, old_segment, only_segment


def written(folder: Path, count: int = 10, *, close: bool = True) -> bytes:
    """A journal of one segment; its bytes."""
    journal = Journal(folder)
    for number in range(count):
        journal.append(answer(number))
    if close:
        journal.close()
    return only_segment(folder).read_bytes()


def test_one_wrong_bit_costs_one_record_and_is_counted(tmp_path: Path) -> None:
    data = written(tmp_path)
    segment = only_segment(tmp_path)
    first = data.index(MAGIC, data.index(MAGIC) + 1)
    for position in range(first, data.rindex(MAGIC), 37):
        for bit in (0, 7):
            segment.write_bytes(data[:position] + bytes([data[position] ^ (1 << bit)]) + data[position + 1 :])
            found = account(tmp_path)
            assert (found.records, found.lost) == (9, 1), f"bit {bit} of byte {position}"
            assert 0 < found.skipped_bytes < 700 and found.places[0].segment == segment.name
            assert numbers(tmp_path) == sorted(numbers(tmp_path))
    assert "1 record lost (missing sequence numbers)" in found.sentence()


def test_a_wrong_bit_in_the_segments_beginning_costs_nothing(tmp_path: Path) -> None:
    data = written(tmp_path)
    for position in range(len(SIGNATURE) + HEADER_BYTES + 20):
        only_segment(tmp_path).write_bytes(data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :])
        found = account(tmp_path)
        assert (found.records, found.lost) == (10, 0) and found.skipped_bytes > 0


def test_cut_anywhere_only_the_tail_is_missing(tmp_path: Path) -> None:
    data = written(tmp_path, close=False)
    segment = only_segment(tmp_path)
    for cut in range(len(data), 0, -29):
        segment.write_bytes(data[:cut])
        found = account(tmp_path)
        assert numbers(tmp_path) == list(range(found.records))
        assert (found.lost, found.skipped_bytes) == (0, 0)
        assert found.unfinished <= 1 and (found.records == 10 or found.unfinished or found.records < 10)
    assert found.records == 0 and found.sentence() == ""


def test_a_lost_tail_is_counted_where_the_writer_was_closed(tmp_path: Path) -> None:
    data = written(tmp_path)
    begins = [k for k in range(len(data)) if data.startswith(MAGIC, k)]
    only_segment(tmp_path).write_bytes(data[: begins[8]] + data[begins[-1] :])  # the last three records
    assert (account(tmp_path).records, account(tmp_path).lost) == (7, 3)


def test_a_missing_segment_is_counted(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=1500)
    for number in range(30):
        journal.append(answer(number))
    segments = sorted(tmp_path.glob("*.journal"))
    assert len(segments) > 5
    segments[2].unlink()
    found = account(tmp_path)
    assert (found.records + found.lost, found.lost > 0) == (30, True)


def test_more_writers_than_files_may_be_open_are_read(tmp_path: Path) -> None:
    """Writers whose times overlap, as under one wrong clock, are read side by side."""
    for writer in range(130):
        journal = Journal(tmp_path)
        for k in range(2):
            journal.append(answer(2 * writer + k, at=1e9 + 1000 * k + writer))
        journal.close()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 80, hard))
    try:
        found = account(tmp_path)
        assert (found.records, found.unreadable, found.whole) == (260, {}, True)
        assert numbers(tmp_path) == [*range(0, 260, 2), *range(1, 260, 2)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_zeros_at_the_end_are_an_unfinished_write(tmp_path: Path) -> None:
    data = written(tmp_path, close=False)
    for zeros in (1, 39, 40, 4096):
        only_segment(tmp_path).write_bytes(data + bytes(zeros))
        found = account(tmp_path)
        assert (found.records, found.unfinished, found.skipped_bytes, found.whole) == (10, 1, 0, True)


def test_a_copied_segment_counts_once_and_mends_what_the_other_lost(tmp_path: Path) -> None:
    data = written(tmp_path)
    segment = only_segment(tmp_path)
    shutil.copyfile(segment, tmp_path / "restored-from-backup.journal")
    assert (account(tmp_path).records, account(tmp_path).duplicates) == (10, 10)
    position = data.index(b'"event_id":"4"')
    segment.write_bytes(data[:position] + b"#" + data[position + 1 :])
    found = account(tmp_path)
    assert (found.records, found.lost, found.duplicates) == (10, 0, 9)
    assert numbers(tmp_path) == list(range(10))


def test_a_renamed_segment_is_found_in_its_place(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=1500)
    for number in range(20):
        journal.append(answer(number))
    for k, segment in enumerate(sorted(tmp_path.glob("*.journal"))[::-1]):
        segment.rename(tmp_path / f"moved-{k}.journal")
    assert numbers(tmp_path) == list(range(20))


WRONG: dict[str, tuple[str, bytes]] = {
    "not JSON": ("not JSON", b"{]"),
    "not UTF-8": ("not JSON", b'{"a": "\xfe"}'),
    "deep": ("not JSON", b"[" * 100_000),
    "a list": ("not an object", b"[1, 2]"),
    "a number too long": ("not JSON", b'{"at": ' + b"9" * 5000 + b"}"),
    "no key": ("missing key", json.dumps({k: v for k, v in answer(0).items() if k != "score"}).encode()),
    "a text as time": ("wrong type", json.dumps(answer(0, at="noon")).encode()),
    "truth as width": ("wrong type", json.dumps(answer(0, width=True)).encode()),
    "NaN": ("not finite", json.dumps(answer(0, latency_ms=float("nan"))).encode()),
    "infinite": ("not finite", json.dumps(answer(0)).encode().replace(b"0.5", b"1e999")),
    "infinite box": ("not finite", json.dumps(answer(0)).encode().replace(b"1.5", b"-1e999")),
    "two scores": ("lengths differ", json.dumps(answer(0, score=[0.5, 0.4])).encode()),
    "box of three": ("wrong type", json.dumps(answer(0, boxes_xyxy=[[1, 2, 3]])).encode()),
    "box of texts": ("wrong type", json.dumps(answer(0, boxes_xyxy=[["1", 2, 3, 4]])).encode()),
    "box of boxes": ("wrong type", json.dumps(answer(0, boxes_xyxy=[[[1], 2, 3, 4]])).encode()),
    "class beyond the names": ("unknown class", json.dumps(answer(0, class_id=[2])).encode()),
    "class below none": ("unknown class", json.dumps(answer(0, class_id=[-1])).encode()),
    "score of seven": ("absurd number", json.dumps(answer(0, score=[7])).encode()),
    "box inside out": ("absurd number", json.dumps(answer(0, boxes_xyxy=[[9, 2, 3, 4]])).encode()),
    "huge number": ("absurd number", json.dumps(answer(0, width=10**300)).encode()),
    "the year 10,000": ("absurd number", json.dumps(answer(0, at=3e11)).encode()),
    "half a surrogate": ("not text", json.dumps(answer(0, camera="\ud800")).encode()),
    "16 MiB": ("missing key", json.dumps({"camera": "x" * ((16 << 20) - 20)}).encode()),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("old", [False, True])
def test_a_whole_frame_that_makes_no_sense_is_counted_by_kind(tmp_path: Path, case: str, old: bool) -> None:
    kind, payload = WRONG[case]
    if old:
        old_segment(tmp_path / "0001-1.journal", [answer(0)])
        head = len(payload).to_bytes(4, "little") + zlib.crc32(payload).to_bytes(4, "little")
        with (tmp_path / "0001-1.journal").open("ab") as file:
            file.write(head + payload)
        old_segment(tmp_path / "0002-1.journal", [answer(2)])
    else:
        frames = [json.dumps(answer(0)).encode(), payload, json.dumps(answer(2)).encode()]
        data = b"".join(encode(Kind.RECORD, p, writer=7, epoch=0, seq=k) for k, p in enumerate(frames))
        (tmp_path / "a.journal").write_bytes(SIGNATURE + data)
    found = account(tmp_path)
    assert numbers(tmp_path) == [0, 2]
    assert (dict(found.damaged), found.lost, found.skipped_bytes) == ({kind: 1}, 0, 0)
    assert found.sentence() == f"the journal is not complete: 1 damaged record left out (1 {kind})"
    assert len(read_events(tmp_path)) == 2


def test_a_frame_of_a_kind_to_come_is_counted_and_not_lost(tmp_path: Path) -> None:
    frames = [
        encode(kind, json.dumps(answer(k)).encode(), writer=7, epoch=0, seq=k) for k, kind in enumerate((1, 77, 1))
    ]  # type: ignore[arg-type]
    (tmp_path / "a.journal").write_bytes(SIGNATURE + b"".join(frames))
    assert (numbers(tmp_path), dict(account(tmp_path).damaged)) == ([0, 2], {"of an unknown kind": 1})


# -- the format of before


def test_a_journal_of_before_is_read_and_gone_on_with(tmp_path: Path) -> None:
    old_segment(tmp_path / "00000001000000000000-41.journal", [answer(0), answer(1)])
    old_segment(tmp_path / "00000001000000050000-41.journal", [answer(2)])
    journal = Journal(tmp_path)
    journal.append(answer(3))
    assert numbers(tmp_path) == [0, 1, 2, 3]
    assert account(tmp_path).whole


def test_a_damaged_segment_of_before_is_read_around_the_damage(tmp_path: Path) -> None:
    segment = tmp_path / "00000001000000000000-41.journal"
    data = old_segment(segment, [answer(number) for number in range(10)])
    for position in range(0, len(data), 23):
        segment.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        found = account(tmp_path)
        assert found.records == 9 and found.skipped_bytes > 0, position
    for cut in range(len(data) - 1, 0, -41):
        segment.write_bytes(data[:cut])
        assert numbers(tmp_path) == list(range(account(tmp_path).records))
        assert account(tmp_path).skipped_bytes == 0


def test_a_segment_of_before_that_was_copied_counts_once(tmp_path: Path) -> None:
    for name in ("0001-41", "0002-41"):
        old_segment(tmp_path / f"{name}.journal", [answer(0), answer(1)])
    assert (numbers(tmp_path), account(tmp_path).duplicates) == ([0, 1], 2)


# -- any bytes


def garbage(data: bytes, draw: random.Random) -> bytes:
    """The bytes with a few mutations: bits, cuts, repeats, zeros, foreign frames."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        at, size = draw.randrange(len(changed) + 1), draw.choice((1, 3, 40, 200, 5000))
        what = draw.randrange(6)
        if what == 0 and at < len(changed):
            changed[at] ^= 1 << draw.randrange(8)
        elif what == 1:
            del changed[at : at + size]
        elif what == 2:
            changed[at:at] = draw.randbytes(size)
        elif what == 3:
            changed[at:at] = changed[max(0, at - size) : at]
        elif what == 4:
            changed[at : at + size] = bytes(min(size, len(changed) - at))
        else:
            payload = draw.choice([payload for _, payload in WRONG.values() if len(payload) < 1000])
            seq = draw.choice((0, 5, 2**63))
            changed[at:at] = encode(
                draw.randrange(8), payload, writer=draw.randrange(3), epoch=draw.randrange(3), seq=seq
            )  # type: ignore[arg-type]
    return bytes(changed)


@pytest.mark.parametrize("seed", range(6))
def test_no_bytes_bring_anything_but_records_and_an_account(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    data = written(tmp_path / "new")
    old = old_segment(tmp_path / "old.journal", [answer(number) for number in range(10)])
    folder = tmp_path / "mutated"
    folder.mkdir()
    for _ in range(40):
        (folder / "1-1.journal").write_bytes(garbage(data, draw))
        (folder / "2-2.journal").write_bytes(garbage(old, draw))
        found = Reading()
        read = list(read_records(folder, reading=found))
        assert found.records == len(read)
        assert json.loads(json.dumps(found.as_json()))["records"] == len(read)
        assert isinstance(found.sentence(), str)
        assert len(read_events(folder)) == len(read)
        Journal(folder / "x").close()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=3))
def test_random_bytes_are_no_records(tmp_path_factory: pytest.TempPathFactory, files: list[bytes]) -> None:
    folder = tmp_path_factory.mktemp("journal")
    for number, data in enumerate(files):
        (folder / f"{number}-{number}.journal").write_bytes(data)
    assert list(read_records(folder)) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.mkdir(),
        lambda path: os.mkfifo(path),
        lambda path: path.symlink_to("/proc/self/mem"),
        lambda path: path.symlink_to(path),
    ],
)
def test_what_is_no_file_is_told_and_passed_over(tmp_path: Path, make: Callable[[Path], None]) -> None:
    written(tmp_path)
    make(tmp_path / "0-0.journal")
    found = account(tmp_path)
    assert found.records == 10 and list(found.unreadable) in (["0-0.journal"], [])
    assert found.unreadable or (tmp_path / "0-0.journal").is_symlink()


def test_a_name_of_any_bytes_is_told_in_text(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[2J.journal")).mkdir()
    hostile = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xfe\n.journal"))
    hostile.write_bytes(b"no frame at all")
    found = account(tmp_path)
    assert (list(found.unreadable), found.places[0].segment) == (
        ["\\udcff\\x1b[2J.journal"],
        "\\udcfe\\n.journal",
    )
    assert found.sentence().isprintable() and json.dumps(found.as_json(), ensure_ascii=False).encode()


def test_a_strange_gap_is_counted_and_a_hostile_cause_is_made_printable(tmp_path: Path) -> None:
    payloads = ({}, {"count": True, "begins": 1, "ends": 1, "cause": "x"}, {"count": 1e300, "begins": 1, "ends": 1, "cause": "x"},
                {"count": 2, "begins": 1, "ends": 3, "cause": "\x1b[2J\ud800"})  # fmt: skip
    frames = [encode(Kind.GAP, json.dumps(p).encode(), writer=7, epoch=0, seq=k) for k, p in enumerate(payloads)]
    (tmp_path / "a.journal").write_bytes(SIGNATURE + b"".join(frames))
    found = account(tmp_path)
    assert (dict(found.damaged), found.missed, found.gaps[0].cause) == ({"not a gap": 3}, 2, "\\x1b[2J\\ud800")


def test_many_false_frames_keep_no_reader_for_ever(tmp_path: Path) -> None:
    head = encode(Kind.RECORD, b"x" * (1 << 20), writer=1, epoch=0, seq=0)[:HEADER_BYTES]
    (tmp_path / "a.journal").write_bytes(SIGNATURE + head * (2 << 20 >> 5))
    found = account(tmp_path)
    assert (found.records, found.skipped_bytes) == (0, HEADER_BYTES * (2 << 20 >> 5))


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(BoxwrightError, match="cannot be read"):
        list(read_records(tmp_path / "nowhere"))
    with pytest.raises(BoxwrightError, match="no journal"):
        read_stretch(tmp_path / "nowhere")


# -- counting


@given(st.lists(st.integers(0, 60), max_size=80), st.sets(st.integers(0, 60), max_size=3))
def test_holes_are_what_a_set_says(seen: list[int], marks: set[int]) -> None:
    sequence, known = Sequence(), set()
    for number in seen:
        assert sequence.add(number, 0.0) == (number not in known)
        known.add(number)
    for mark in marks:
        sequence.mark(mark, 0.0)
    ends = [*known, *marks, *(number + 1 for number in known)]
    expected = set(range(min(ends, default=0), max(ends, default=0))) - known
    found = {number for hole in sequence.holes() for number in range(hole.begin, hole.end)}
    assert found == expected
    without = {
        number for hole in sequence.holes(without=[(10, 20), (15, 30)]) for number in range(hole.begin, hole.end)
    }
    assert without == expected - set(range(10, 30))
