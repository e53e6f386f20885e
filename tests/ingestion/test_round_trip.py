"""The law of formats: what was written reads as it was, with the side file to the last bit, without it to a millionth."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from boxwright.ingestion import TARGETS, Reading, look, read_source, write_source
from boxwright.ingestion.finding import SIDE_FILE
from tests.ingestion.worlds import told, world


def written(reading: Reading, out: Path, format: str) -> Path:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    write_source(reading, out, format=format, put=lambda record, path: shutil.copyfile(record.path, path))
    return out


def again(folder: Path) -> Reading:
    reading = read_source(folder)
    reading.pictures = [seen.record for seen in look(reading, depth="header")]
    return reading


@pytest.mark.parametrize("format", TARGETS)
@settings(max_examples=40)
@given(seed=st.integers(0, 100_000))
def test_what_was_written_reads_as_it_was(format: str, seed: int, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "pictures", ignore_errors=True)
    reading = world(seed, tmp_path / "pictures")
    found = again(written(reading, tmp_path / "out", format))
    assert told(found) == told(reading)
    assert {p.code for p in found.problems} <= {"unlabelled", "duplicate-box"}


@pytest.mark.parametrize("format", [name for name in TARGETS if name != "coco"])
@settings(max_examples=25)
@given(seed=st.integers(0, 100_000))
def test_the_labels_alone_hold_every_box(format: str, seed: int, tmp_path: Path) -> None:
    """Without the side file other tools still see the same pictures, sides, classes and boxes."""
    shutil.rmtree(tmp_path / "pictures", ignore_errors=True)
    reading = world(seed, tmp_path / "pictures", plain=True)
    assume(any(record.labelled for record in reading.pictures))
    out = written(reading, tmp_path / "out", format)
    (out / SIDE_FILE).unlink()
    found = told(again(out), by="labels")
    target, expected = TARGETS[format], {}
    for record, (side, labelled, rows) in zip(reading.pictures, told_in_order(reading), strict=True):
        name = record.file_name.replace("/", "__") if target.flat else record.path.name
        expected.setdefault(name, []).append((side, labelled, rows))
    if format == "cvat":  # pictures nobody has looked at are not in the file
        expected = {n: [e for e in entries if e[1]] for n, entries in expected.items()}
    names = [name for name, entries in expected.items() if len(entries) == 1 and name in found]
    assert target.flat is False or len(names) == len(expected)
    for name in names:
        (side, labelled, rows) = expected[name][0]
        assert found[name][:2] == (side, labelled)
        assert [row[0] for row in found[name][2]] == [row[0] for row in rows]
        ours, theirs = (np.array([row[1:] for row in r]).reshape(-1, 4) for r in (rows, found[name][2]))
        assert np.abs(ours - theirs).max(initial=0) < 1e-6


def told_in_order(reading: Reading) -> list:
    names = reading.class_names
    return [
        (
            r.side,
            r.labelled,
            [(names[c], *box) for c, box in zip(r.boxes.class_id, r.boxes.boxes_xyxy.tolist(), strict=True)],
        )
        for r in reading.pictures
    ]


@settings(max_examples=20)
@given(seed=st.integers(0, 100_000), chain=st.permutations(sorted(TARGETS)))
def test_a_chain_of_formats_ends_where_it_began(seed: int, chain: list[str], tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "pictures", ignore_errors=True)
    reading = world(seed, tmp_path / "pictures")
    first, source = told(reading), reading
    for number, format in enumerate(chain):
        source = again(written(source, tmp_path / f"out{number}", format))
        assert told(source) == first, format


@pytest.mark.parametrize("format", [name for name in TARGETS if name != "coco"])
def test_the_labels_lead_where_another_tool_changed_them(format: str, tmp_path: Path) -> None:
    """A box removed there stays removed; the others keep their ids."""
    reading = next(
        w
        for w in (world(s, tmp_path / f"p{s}", plain=True) for s in range(50))
        if any(len(r.boxes) > 2 for r in w.pictures)
    )
    before = written(reading, tmp_path / "before", format)
    victim = next(r for r in reading.pictures if len(r.boxes) > 2)
    full, kept = victim.boxes, victim.boxes.take(np.array([0, *range(2, len(victim.boxes))]))
    victim.boxes = kept
    after = written(reading, tmp_path / "after", format)
    shutil.copyfile(before / SIDE_FILE, after / SIDE_FILE)
    found = next(r for r in again(after).pictures if r.file_name == victim.file_name)
    assert found.boxes.annotation_id.tolist() == kept.annotation_id.tolist()
    assert len(found.boxes) == len(full) - 1
