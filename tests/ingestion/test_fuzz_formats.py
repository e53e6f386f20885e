"""Valid files of every format with some bytes changed: refused in a sentence or reported, never another exception."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from boxwright.errors import InputError
from boxwright.ingestion import TARGETS, look, read_source, write_source
from boxwright.ingestion.finding import SIDE_FILE
from tests.ingestion.worlds import world

ROUNDS = 120
PIECES = [
    b"NaN", b"Infinity", b"-1e999", b"1e308", b"9" * 400, b"null", b"true", b"[]", b"{}", b'"', b"[" * 50, b"\x00", b"\xff\xfe", b"../../",
    b"&a;", b"<", b">", b"]]>", b"-", b"0", b"1e-320", b"\n", b"\t", b",", b"/etc/passwd", b'"\\ud800"', b"&#0;", b"&#xFFFF;", b"%00",
]  # fmt: skip


def changed(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes with one to three wounds: cut, swapped, doubled, or with a piece put in."""
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, max(len(data), 1)))
        upto = at + int(rng.integers(0, 30))
        kind = rng.integers(0, 5)
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + data[upto:]
        elif kind == 2:
            data = data[:upto] + data[at:]
        elif kind == 3:
            data = data[:at] + bytes(rng.integers(0, 256, 3, dtype=np.uint8)) + data[at + 3 :]
        else:
            data = data[:at] + PIECES[int(rng.integers(len(PIECES)))] + data[upto if rng.random() < 0.5 else at :]
    return data


@pytest.mark.parametrize("format", TARGETS)
def test_damaged_files(format: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(sorted(TARGETS).index(format))
    reading = next(
        w for w in (world(s, tmp_path / f"p{s}") for s in range(99)) if sum(len(r.boxes) for r in w.pictures) > 6
    )
    out = tmp_path / "out"
    out.mkdir()
    write_source(reading, out, format=format, put=lambda record, path: shutil.copyfile(record.path, path))
    labels = [p for p in out.rglob("*") if p.suffix in (".json", ".xml", ".txt", ".yaml")]
    refused = reported = 0
    for _ in range(ROUNDS):
        victim = labels[int(rng.integers(len(labels)))]
        whole, side_file = victim.read_bytes(), out / SIDE_FILE
        victim.write_bytes(changed(whole, rng))
        hidden = side_file.is_file() and victim != side_file and rng.random() < 0.5
        if hidden:
            side_file.rename(tmp_path / SIDE_FILE)
        try:
            found = read_source(out)
            for seen in look(found, depth="header"):
                boxes = seen.record.boxes
                assert np.isfinite(boxes.boxes_xyxy).all()
                assert seen.size_hw is not None
                assert (boxes.boxes_xyxy >= 0).all()
                assert (boxes.boxes_xyxy <= [seen.size_hw[1], seen.size_hw[0]] * 2).all()
                assert (boxes.class_id < len(found.class_names)).all()
            reported += bool(found.problems)
        except InputError as error:
            refused += 1
            assert str(error).strip()
        finally:
            victim.write_bytes(whole)
            if hidden:
                (tmp_path / SIDE_FILE).rename(side_file)
    assert refused + reported > ROUNDS // 6
