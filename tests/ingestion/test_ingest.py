"""The same boxes whichever format they come in; nothing is lost, nothing is mended in silence."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from boxwright.errors import FormatError, InputError
from boxwright.images import write_jpeg
from boxwright.ingestion import ingest, read_conditions, read_results, read_truth, write_truth
from boxwright.spec import parse_spec
from boxwright.store import Store

BOXES = {"a": [("bolt", 10, 12, 30, 36), ("nut", 40, 4, 60, 20)], "b": [], "c": [("nut", 0, 0, 64, 48)]}
SIZE = (64, 48)


def pictures(folder: Path) -> None:
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for name in BOXES:
        (folder / f"{name}.jpg").write_bytes(write_jpeg(rng.integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)))


def as_coco(root: Path) -> Path:
    pictures(root / "images")
    ids = {"bolt": 7, "nut": 9}
    images = [
        {"id": 10 + i, "file_name": f"{n}.jpg", "width": 64, "height": 48, "conditions": {"site": "x"}}
        for i, n in enumerate(BOXES)
    ]
    annotations = [
        {
            "id": 100 + 10 * i + k,
            "image_id": 10 + i,
            "category_id": ids[c],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": 5.0,
        }
        for i, boxes in enumerate(BOXES.values())
        for k, (c, x1, y1, x2, y2) in enumerate(boxes)
    ]
    tree = {"images": images, "annotations": annotations, "categories": [{"id": v, "name": k} for k, v in ids.items()]}
    (root / "annotations.json").write_text(json.dumps(tree))
    return root / "annotations.json"


def as_yolo(root: Path) -> Path:
    pictures(root / "images")
    (root / "labels").mkdir()
    (root / "data.yaml").write_text("names: {0: bolt, 1: nut}\n")
    for name, boxes in BOXES.items():
        lines = [
            f"{['bolt', 'nut'].index(c)} {(x1 + x2) / 2 / 64} {(y1 + y2) / 2 / 48} {(x2 - x1) / 64} {(y2 - y1) / 48}"
            for c, x1, y1, x2, y2 in boxes
        ]
        (root / "labels" / f"{name}.txt").write_text("\n".join(lines))
    return root


def as_voc(root: Path) -> Path:
    pictures(root / "JPEGImages")
    (root / "Annotations").mkdir()
    for name, boxes in BOXES.items():
        objects = "".join(
            f"<object><name>{c}</name><bndbox><xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
            for c, x1, y1, x2, y2 in boxes
        )
        size = "<size><width>64</width><height>48</height></size>"
        (root / "Annotations" / f"{name}.xml").write_text(
            f"<annotation><filename>{name}.jpg</filename>{size}{objects}</annotation>"
        )
    return root


@pytest.mark.parametrize("make", [as_coco, as_yolo, as_voc])
def test_every_format_gives_the_same_boxes(make, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    source = make(tmp_path / "source") if (tmp_path / "source").mkdir() is None else None
    dataset, reading = ingest(source, name="parts", keep=store.pictures.add)
    assert reading.problems == []
    assert dataset.class_names == ("bolt", "nut")
    assert len(dataset) == 3
    found = {
        Path(name).stem: [
            (dataset.class_names[c], *box) for c, box in zip(a.class_id, a.boxes_xyxy.round(3).tolist(), strict=True)
        ]
        for name, a in ((n, dataset.annotations[i]) for i, n in enumerate(dataset.file_names))
    }
    assert {k: sorted(v) for k, v in found.items()} == {
        k: sorted((c, *map(float, b)) for c, *b in v) for k, v in BOXES.items()
    }
    for digest in dataset.picture_digests:
        assert store.pictures.read(digest)


def test_coco_ids_conditions_and_areas_survive(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    (tmp_path / "source").mkdir()
    dataset, _ = ingest(as_coco(tmp_path / "source"), name="parts", keep=store.pictures.add)
    assert dataset.image_ids.tolist() == [10, 11, 12]
    assert dataset.provenance["category_ids"] == [7, 9]
    assert set(dataset.annotations.area.tolist()) == {5.0}
    assert all(c["site"] == "x" and "brightness" in c for c in dataset.conditions)
    write_truth(tmp_path / "again.json", dataset)
    again = read_truth(tmp_path / "again.json")
    first = read_truth(tmp_path / "source" / "annotations.json")
    assert np.array_equal(again.boxes_xywh, first.boxes_xywh)
    assert again.category_ids == [7, 9]


def test_the_spec_gives_the_class_ids_and_unknown_classes_are_told(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    spec = parse_spec("name: x\nclasses: [{name: nut}]\n")
    dataset, reading = ingest(as_voc(tmp_path / "source"), name="p", keep=Store(tmp_path / "s").pictures.add, spec=spec)
    assert [p.code for p in reading.problems] == ["unknown-class"]
    assert dataset.annotations.class_id.tolist() == [0, 0]


def test_condition_files(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["file_name", "site"], ["a.jpg", "north"]])
    assert read_conditions(path) == {"a.jpg": {"site": "north"}}
    path.write_text("only\nx\n")
    with pytest.raises(FormatError, match="at least one condition"):
        read_conditions(path)
    (tmp_path / "source").mkdir()
    path.write_text("file_name,site\nnobody.jpg,north\n")
    with pytest.raises(InputError, match="names no picture"):
        ingest(as_voc(tmp_path / "source"), name="p", keep=Store(tmp_path / "s").pictures.add, conditions=path)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"image_id": 99, "category_id": 7, "bbox": [0, 0, 1, 1], "score": 1}, "image_id 99"),
        ({"image_id": 10, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}, "category_id 1"),
        ({"image_id": 10, "category_id": 7, "bbox": [0, 0, 1], "score": 1}, "four numbers"),
        ({"image_id": 10, "category_id": 7, "bbox": [0, 0, 1, 1]}, "'score' is missing"),
        (["x"], "expected an object"),
    ],
)
def test_results_that_do_not_fit(entry: object, message: str, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    truth = read_truth(as_coco(tmp_path / "source"))
    (tmp_path / "dt.json").write_text(json.dumps([entry]))
    with pytest.raises(FormatError, match=message):
        read_results(tmp_path / "dt.json", truth)
