"""Third-party layouts are read as their makers meant them; broken files are reported record by record or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boxwright.cli.main import run
from boxwright.ingestion import check

OURS = ("coco", "yolo", "voc")
BROKEN = [
    "coco_bbox_missing",
    "coco_bom",
    "coco_dangling_image",
    "coco_duplicate_annotation_ids",
    "coco_duplicate_boxes",
    "coco_missing_picture",
    "coco_negative_size",
    "coco_negatives_kept",
    "coco_truncated_json",
    "coco_unicode_names",
    "voc_no_size",
    "voc_parts_and_difficult",
    "voc_swapped_corners",
    "yolo_class_out_of_range",
    "yolo_empty_and_missing",
    "yolo_out_of_unit",
]


def checked(source: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict, str]:
    code = run(["check", str(source), "--json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out) if captured.out else {}, captured.err


@pytest.mark.parametrize("case", BROKEN)
def test_broken_files(case: str, shared, capsys: pytest.CaptureFixture[str]) -> None:
    folder: Path = shared(f"cases/broken/{case}")
    expected = json.loads((folder / "expected.json").read_text())
    code, found, complaint = checked(folder, capsys)
    if expected["outcome"] == "refuse":
        assert code == 2
        assert complaint.strip().count("\n") <= 1
        assert "Traceback" not in complaint
        return
    if expected["boxes_ok"] is not None:
        assert found["annotations"] == expected["boxes_ok"]
    told = " | ".join(f"{p['where']} {p['message']}" for p in found["problems"])
    for bad in expected["bad"]:
        first, last = bad.split()[0].split("/")[0], bad.split()[-1]
        assert first in told, told
        if last.isdigit():
            assert f"{bad}" in told or f" {last}" in told
    if expected["outcome"] == "accept":
        assert (code, found["problems"]) == (0, [])
    else:
        assert found["problems"]
        assert code == int(any(p["severity"] == "error" for p in found["problems"]))


@pytest.mark.parametrize("case", ["coco_instances", "yolo_strict", "rf_voc", "voc1"])
def test_layouts(case: str, shared) -> None:
    folder: Path = shared(f"cases/formats/{case}")
    expected = json.loads((folder / "expected.json").read_text())
    reading, images, _ = check(folder / "data")
    assert images == expected["n_items"]
    by_stem = {Path(record.file_name).stem: record for record in reading.pictures}
    for item in expected["items"]:
        record = by_stem[Path(item["id"]).name]
        assert record.side == item["subset"]
        wanted = sorted((b["label"], *b["xywh"]) for b in item["boxes"] if b["label"] not in ("head", "hand", "foot"))
        found = sorted(
            (b.class_name, b.box_xyxy[0], b.box_xyxy[1], b.box_xyxy[2] - b.box_xyxy[0], b.box_xyxy[3] - b.box_xyxy[1])
            for b in record.boxes
        )
        assert [w[0] for w in wanted] == [f[0] for f in found]
        for one, other in zip(wanted, found, strict=True):
            assert other[1:] == pytest.approx(one[1:], abs=1.01)


def test_nothing_we_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert run(["check", str(tmp_path)]) == 2
    assert "in no format we read" in capsys.readouterr().err
    assert run(["check", str(tmp_path / "nowhere")]) == 2
    assert "does not exist" in capsys.readouterr().err
