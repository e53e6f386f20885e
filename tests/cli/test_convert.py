"""`boxwright convert` as a person uses it: files to files, the store to files, refusals that leave nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from boxwright.cli.main import run
from boxwright.ingestion import TARGETS, read_source
from tests.ingestion.worlds import jpeg

Capture = pytest.CaptureFixture[str]


def source(folder: Path) -> Path:
    """A COCO file with two pictures, one crowd and one box with attributes."""
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(jpeg(40, 30))
    tree = {
        "images": [{"id": i, "file_name": n, "width": 40, "height": 30} for i, n in ((4, "a.jpg"), (9, "b.jpg"))],
        "categories": [{"id": 3, "name": "nut"}, {"id": 7, "name": "bolt"}],
        "annotations": [
            {"id": 11, "image_id": 4, "category_id": 7, "bbox": [1.1, 2.2, 10.3, 5.5], "attributes": {"occluded": True}},
            {"id": 12, "image_id": 4, "category_id": 3, "bbox": [20, 20, 9, 9], "iscrowd": 1, "area": 50},
        ],
    }  # fmt: skip
    (folder / "gt.json").write_text(json.dumps(tree))
    return folder / "gt.json"


@pytest.mark.parametrize("format", TARGETS)
def test_there_and_back(format: str, tmp_path: Path, capsys: Capture) -> None:
    path = source(tmp_path / "in")
    assert run(["convert", str(path), str(tmp_path / "there"), "--to", format, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["from"], found["to"], found["images"], found["annotations"], found["refused"]) == (
        "coco",
        format,
        2,
        2,
        0,
    )
    lost = {one["what"]: one["count"] for one in found["lost"]}
    assert (lost.get("crowd"), lost.get("annotation ids")) == {
        "coco": (None, None), "yolo": (1, 2), "voc": (1, 2), "cvat": (None, 2), "labelstudio": (None, 2), "labelme": (None, 2),
    }[format]  # fmt: skip
    assert run(["check", str(tmp_path / "there")]) == 0
    assert run(["convert", str(tmp_path / "there"), str(tmp_path / "back"), "--to", "coco"]) == 0
    first, again = (json.loads(p.read_text()) for p in (path, tmp_path / "back" / "annotations.json"))
    assert [(i["id"], i["file_name"]) for i in again["images"]] == [(4, "a.jpg"), (9, "b.jpg")]
    assert again["categories"] == first["categories"]
    keys = ("id", "image_id", "category_id", "bbox")
    assert [[a[k] for k in keys] for a in again["annotations"]] == [[a[k] for k in keys] for a in first["annotations"]]
    assert again["annotations"][0]["attributes"] == {"occluded": True}
    assert (again["annotations"][1]["iscrowd"], again["annotations"][1]["area"]) == (1, 50)
    capsys.readouterr()


def test_yolo_as_other_tools_read_it(tmp_path: Path) -> None:
    """The lines by the definition of the format, parsed here without our reader."""
    assert run(["convert", str(source(tmp_path / "in")), str(tmp_path / "out"), "--to", "yolo", "--link"]) == 0
    (line,) = (tmp_path / "out/labels/a.txt").read_text().splitlines()  # the crowd is no object
    class_id, cx, cy, w, h = map(float, line.split())
    box = np.array([(cx - w / 2) * 40, (cy - h / 2) * 30, w * 40, h * 30])
    assert class_id == 1 and np.abs(box - [1.1, 2.2, 10.3, 5.5]).max() < 1e-9
    assert (tmp_path / "out/labels/b.txt").read_text() == ""
    assert (tmp_path / "out/images/a.jpg").stat().st_ino == (tmp_path / "in/a.jpg").stat().st_ino


def test_a_stored_version(tmp_path: Path, capsys: Capture) -> None:
    store = str(tmp_path / "store")
    assert run(["ingest", str(source(tmp_path / "in")), "--name", "line", "--store", store]) == 0
    assert run(["convert", "line", str(tmp_path / "out"), "--to", "voc", "--store", store]) == 0
    assert (tmp_path / "out/JPEGImages/a.jpg").read_bytes() == (tmp_path / "in/a.jpg").read_bytes()
    reading = read_source(tmp_path / "out")
    assert [record.image_id for record in reading.pictures] == [4, 9]
    assert reading.pictures[0].boxes.annotation_id.tolist() == [11, 12]
    assert run(["convert", "nobody", str(tmp_path / "x"), "--to", "voc", "--store", store]) == 2
    assert not (tmp_path / "x").exists()
    capsys.readouterr()


def test_refusals_leave_nothing_behind(tmp_path: Path, capsys: Capture) -> None:
    path = source(tmp_path / "in")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    before = sorted(p.name for p in tmp_path.iterdir())
    for words in (
        [str(tmp_path / "full"), "--to", "yolo"],
        [str(tmp_path / "out"), "--to", "nonsense"],
        [str(tmp_path / "out"), "--to", "coco", "--link", "--no-pictures"],
        [str(tmp_path / "out"), "--to", "coco", "--only", "train"],
        [str(tmp_path / "out"), "--to", "coco", "--only", "nowhere"],
    ):
        assert run(["convert", str(path), *words]) == 2
        assert capsys.readouterr().err.count("boxwright: ") == 1
        assert sorted(p.name for p in tmp_path.iterdir()) == before
    (tmp_path / "in" / "b.jpg").unlink()
    assert run(["convert", str(path), str(tmp_path / "some"), "--to", "yolo", "--strict"]) == 1
    assert (tmp_path / "some" / "labels" / "a.txt").is_file()
    capsys.readouterr()


def test_labels_without_any_picture(shared, tmp_path: Path, capsys: Capture) -> None:
    path = next(p for p in shared("data/litter_boxes").rglob("*.json") if b'"images"' in p.read_bytes()[:100_000])
    assert run(["convert", str(path), str(tmp_path / "out"), "--to", "cvat", "--no-pictures", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == 1500 and found["annotations"] > 4000
