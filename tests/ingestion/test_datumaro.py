"""Formats we do not read ourselves, through Datumaro; the samples are written by Datumaro's own exporters."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from boxwright.cli.main import run
from boxwright.errors import FormatError
from boxwright.ingestion import Reading, look, read_source

HAS = importlib.util.find_spec("datumaro") is not None
needs_datumaro = pytest.mark.skipif(not HAS, reason="datumaro is not installed: pip install 'boxwright[datumaro]'")
BOXES = {
    "a": [("bolt", [10.0, 5.0, 30.0, 35.0]), ("nut", [40.0, 5.0, 60.5, 35.25])],
    "b": [],
    "c": [("nut", [1.0, 2.0, 4.0, 6.0])],
}


def written(folder: Path, format: str, *, sides: tuple[str, str] = ("train", "val"), more: tuple = ()) -> Path:
    """Three pictures of 80x60 as another tool's files."""
    import datumaro as dm  # type: ignore[import-not-found]

    items = []
    for number, (name, boxes) in enumerate(BOXES.items(), start=1):
        annotations = [
            dm.Bbox(x1, y1, x2 - x1, y2 - y1, label=["bolt", "nut"].index(label), attributes={"occluded": k == 0})
            for k, (label, (x1, y1, x2, y2)) in enumerate(boxes)
        ]
        picture = dm.Image.from_numpy(np.full((60, 80, 3), 40 * number, np.uint8))
        extra = list(more) if name == "b" else []
        items.append(dm.DatasetItem(name, subset=sides[name == "c"], media=picture, annotations=[*annotations, *extra]))
    dataset = dm.Dataset.from_iterable(items, categories=["bolt", "nut"])
    dataset.export(str(folder), format, save_media=True)
    return folder


def told(reading: Reading) -> list[tuple[str, list[tuple[str, list[float]]]]]:
    names = reading.class_names
    return [
        (r.side, [(names[c], b) for c, b in zip(r.boxes.class_id, r.boxes.boxes_xyxy.tolist(), strict=True)])
        for r in reading.pictures
    ]


@needs_datumaro
@pytest.mark.parametrize("format", ["wider_face", "open_images", "datumaro"])
def test_a_format_is_recognised_and_read(format: str, tmp_path: Path) -> None:
    reading = read_source(written(tmp_path / "s", format))
    assert reading.format == f"datumaro:{format}"
    assert reading.class_names == ["bolt", "nut"]
    assert told(reading) == [("train", BOXES["a"]), ("train", []), ("val", BOXES["c"])]
    assert reading.pictures[0].boxes.attributes_of(0)["occluded"] is True
    assert [p.code for p in reading.problems] == ["empty-or-unlabelled"]
    assert len(list(look(reading))) == 3
    assert {p.code for p in reading.problems} == {"empty-or-unlabelled"}


@needs_datumaro
def test_kitti(tmp_path: Path) -> None:
    """KITTI's own layout: training/image_2 and training/label_2; its extra columns become attributes."""
    reading = read_source(written(tmp_path / "s", "kitti_detection", sides=("training", "training")))
    assert reading.format == "datumaro:kitti_detection"
    assert [boxes for _, boxes in told(reading)] == list(BOXES.values())


@needs_datumaro
def test_motion_sequences(tmp_path: Path) -> None:
    reading = read_source(written(tmp_path / "s", "mot_seq_gt"))
    assert reading.format == "datumaro:mot_seq"
    assert [boxes for _, boxes in told(reading)] == list(BOXES.values())
    assert [r.file_name for r in reading.pictures] == [f"img1/00000{i}.jpg" for i in (1, 2, 3)]


@needs_datumaro
def test_old_label_me_by_name(tmp_path: Path) -> None:
    """Its XML opens like VOC's, so it is read by Datumaro only where that is asked for."""
    reading = read_source(written(tmp_path / "s", "label_me"), format="datumaro:label_me")
    assert told(reading) == [("train", BOXES["a"]), ("train", []), ("val", BOXES["c"])]


@needs_datumaro
def test_outlines_are_enclosed_and_others_told(tmp_path: Path) -> None:
    import datumaro as dm  # type: ignore[import-not-found]

    more = (
        dm.Polygon([1, 1, 9, 2, 5, 8], label=0, attributes={"is_crowd": True}),
        dm.Bbox(25, 20, 10, 20, label=1, attributes={"ignore": True}),
        dm.Points([3, 3], label=0),
        dm.Bbox(2, 2, 3, 3),
    )
    reading = read_source(written(tmp_path / "s", "datumaro", more=more))
    assert told(reading)[1][1] == [("bolt", [1, 1, 9, 8]), ("nut", [25, 20, 35, 40])]
    boxes = reading.pictures[1].boxes
    assert (boxes.crowd.tolist(), boxes.ignore.tolist()) == ([True, False], [False, True])
    assert dict(reading.turned) == {"polygon": 1}
    assert sorted(p.code for p in reading.problems) == ["no-box", "turned-upright", "unknown-class"]


@needs_datumaro
def test_hostile_folders(tmp_path: Path) -> None:
    source = written(tmp_path / "s", "wider_face")
    split = source / "wider_face_split" / "wider_face_train_bbx_gt.txt"
    rng = np.random.default_rng(0)
    whole = split.read_bytes()
    for _ in range(60):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 4):
            data[place] = rng.integers(0, 256)
        split.write_bytes(bytes(data))
        try:
            for seen in look(read_source(source, format="datumaro:wider_face")):
                assert seen.record.path.resolve().is_relative_to(source)
        except FormatError as error:
            assert "Datumaro cannot read" in str(error) or "class" in str(error)
    split.unlink()
    outside = tmp_path / "outside.txt"
    outside.write_bytes(whole)
    split.symlink_to(outside)
    with pytest.raises(FormatError, match="leads out of the folder"):
        read_source(source, format="datumaro:wider_face")
    shutil.rmtree(source)


@needs_datumaro
def test_converted_to_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path / "s", "open_images")
    assert run(["convert", str(source), str(tmp_path / "coco"), "--to", "coco", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (found["from"], found["images"], found["annotations"]) == ("datumaro:open_images", 3, 3)
    assert sorted(told(read_source(tmp_path / "coco"))) == sorted(told(read_source(source)))


def test_names_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="A format is given as yolo or datumaro:NAME; found 'kitti'"):
        read_source(tmp_path, format="kitti")
    expected = "is not among the formats" if HAS else r"not installed: pip install 'boxwright\[datumaro\]'"
    with pytest.raises(FormatError, match=expected):
        read_source(tmp_path, format="datumaro:cifar")  # unpickles


@pytest.mark.skipif(HAS, reason="datumaro is installed")
def test_without_datumaro_the_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("?")
    with pytest.raises(FormatError, match=r"Datumaro reads some more formats: pip install 'boxwright\[datumaro\]'"):
        read_source(tmp_path)


@needs_datumaro
def test_rotated_boxes_of_dota(tmp_path: Path) -> None:
    from PIL import Image

    for place in ("images", "labelTxt"):
        (tmp_path / "s" / "train" / place).mkdir(parents=True)
    Image.new("RGB", (80, 60)).save(tmp_path / "s" / "train" / "images" / "a.png")
    line = "35 20 35 40 25 40 25 20 nut 1\n20 10 30 20 20 30 10 20 bolt 0\n"
    (tmp_path / "s" / "train" / "labelTxt" / "a.txt").write_text(line)
    reading = read_source(tmp_path / "s")
    assert reading.format == "datumaro:dota"
    boxes = {name: np.array(box) for _, rows in told(reading) for name, box in rows}
    assert np.abs(boxes["nut"] - [25, 20, 35, 40]).max() < 0.02
    assert np.abs(boxes["bolt"] - [10, 10, 30, 30]).max() < 0.02
    assert dict(reading.turned) == {"rotated box": 2}
