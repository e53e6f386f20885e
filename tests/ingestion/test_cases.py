"""Third-party layouts are read as their makers meant them; broken files are reported record by record or refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from boxwright.cli.main import run
from boxwright.ingestion import PictureRecord, check, read_source

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
    "cvat_track_outside",
    "cvat_unknown_label",
    "labelme_group_id",
    "ls_no_original_size",
    "ls_percent",
    "voc_no_size",
    "voc_parts_and_difficult",
    "voc_swapped_corners",
    "yolo_class_out_of_range",
    "yolo_empty_and_missing",
    "yolo_out_of_unit",
]


def test_every_broken_case_is_listed(shared) -> None:
    folder: Path = shared("cases/broken")
    assert sorted(p.name for p in folder.iterdir() if p.is_dir()) == BROKEN


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


@pytest.mark.parametrize("case", [name for name in BROKEN if name in ("ls_percent", "labelme_group_id")])
def test_boxes_where_the_case_names_them(case: str, shared) -> None:
    folder: Path = shared(f"cases/broken/{case}")
    expected = json.loads((folder / "expected.json").read_text())
    found = [box for record in read_source(folder).pictures for box in xywh(record)]
    assert found == [pytest.approx(box) for box in expected["xywh"]]


def xywh(record: PictureRecord) -> list[list[float]]:
    x1, y1, x2, y2 = record.boxes.boxes_xyxy.T
    return np.stack([x1, y1, x2 - x1, y2 - y1], axis=1).tolist()


@pytest.mark.parametrize("case", ["coco_instances", "yolo_strict", "rf_voc", "voc1", "cvat_task", "ls_yolo_same_size"])
def test_layouts(case: str, shared) -> None:
    folder: Path = shared(f"cases/formats/{case}")
    expected = json.loads((folder / "expected.json").read_text())
    found = check(folder / "data")
    assert found.images == len(expected["items"])
    by_stem = {Path(record.file_name).stem: record for record in found.reading.pictures}
    for item in expected["items"]:
        record = by_stem[Path(item.get("id", item.get("image"))).stem]
        if "subset" in item:
            assert record.side == item["subset"]
        if "size_hw" in item and record.size_hw is not None:
            assert list(record.size_hw) == item["size_hw"]
        names = [found.reading.class_names[i] for i in record.boxes.class_id]
        parts = ("head", "hand", "foot")  # of a person: no objects of their own
        wanted = sorted((b["label"], *b["xywh"]) for b in item["boxes"] if b["label"] not in parts)
        boxes = sorted((name, *box) for name, box in zip(names, xywh(record), strict=True))
        assert [w[0] for w in wanted] == [f[0] for f in boxes]
        for one, other in zip(wanted, boxes, strict=True):
            assert other[1:] == pytest.approx(one[1:], abs=1.01)


def test_attributes_of_cvat_have_the_types_their_labels_declare(shared) -> None:
    reading = read_source(shared("cases/formats/cvat_task/data"))
    box = next(record for record in reading.pictures if len(record.boxes)).boxes
    assert box.attributes == [{"a1": True, "a2": "v3", "a3": "0003", "a4": 2.4, "occluded": True}]
    assert {p.code for p in reading.problems} == {"no-box", "unknown-class"}  # polyline, points; a label without a name


def test_nothing_we_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert run(["check", str(tmp_path)]) == 2
    assert "No annotations found in" in capsys.readouterr().err
    assert run(["check", str(tmp_path / "nowhere")]) == 2
    assert "does not exist" in capsys.readouterr().err
