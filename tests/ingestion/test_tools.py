"""Tracks, turned rectangles, outlines and links, as CVAT, Label Studio, LabelMe and YOLO mean them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from boxwright.ingestion import Reading, read_source
from boxwright.ingestion.formats.labelstudio import picture_name
from tests.ingestion.worlds import jpeg


def corners(reading: Reading) -> list[list[float]]:
    return [box for record in reading.pictures for box in record.boxes.boxes_xyxy.tolist()]


def test_a_track_is_interpolated_and_goes_on_to_the_end(tmp_path: Path) -> None:
    box = '<box frame="{0}" outside="{1}" occluded="0" keyframe="1" xtl="{2}" ytl="0" xbr="{3}" ybr="8"/>'
    track = box.format(1, 0, 0, 10) + box.format(5, 0, 8, 22) + box.format(7, 1, 8, 22) + box.format(9, 0, 1, 2)
    (tmp_path / "v.xml").write_text(
        "<annotations><meta><task><size>12</size><labels><label><name>x</name></label></labels></task></meta>"
        f'<track id="3" label="x">{track}</track></annotations>'
    )
    reading = read_source(tmp_path / "v.xml")
    found = [record.boxes.boxes_xyxy[:, [0, 2]].tolist() for record in reading.pictures]
    one, last = [[8.0, 22.0]], [[1.0, 2.0]]
    assert found == [[], [[0, 10]], [[2, 13]], [[4, 16]], [[6, 19]], one, one, [], [], last, last, last]
    assert reading.pictures[1].boxes.attributes == [{"occluded": False, "track_id": 3}]


@pytest.mark.parametrize("degrees", [0, 30, 90, 200, 359])
def test_turned_rectangles_are_enclosed(degrees: int, tmp_path: Path) -> None:
    """CVAT turns about the centre, Label Studio about the left top corner; an oracle with complex numbers."""
    turn = complex(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
    for tool, anchor in (("cvat", complex(40, 30)), ("labelstudio", complex(30, 25))):
        points = [anchor + (complex(x, y) - anchor) * turn for x, y in ((30, 25), (50, 25), (50, 35), (30, 35))]
        if tool == "cvat":
            text = (
                '<annotations><image id="0" name="a.jpg" width="100" height="100">'
                f'<box label="x" occluded="0" xtl="30" ytl="25" xbr="50" ybr="35" rotation="{degrees}"/></image></annotations>'
            )
        else:
            value = {"x": 30, "y": 25, "width": 20, "height": 10, "rotation": degrees, "rectanglelabels": ["x"]}
            region = {"type": "rectanglelabels", "original_width": 100, "original_height": 100, "value": value}
            text = json.dumps([{"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"result": [region]}]}])
        path = tmp_path / f"a.{'xml' if tool == 'cvat' else 'json'}"
        path.write_text(text)
        reading = read_source(path)
        xs, ys = [p.real for p in points], [p.imag for p in points]
        assert corners(reading) == [pytest.approx([min(xs), min(ys), max(xs), max(ys)])]
        assert reading.turned["rotated box"] == int(degrees != 0)
        assert {p.code for p in reading.problems} == ({"turned-upright"} if degrees else set())


def test_yolo_outlines_are_enclosed_and_detections_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(100, 50))
    (tmp_path / "classes.txt").write_text("x\n")
    lines = [
        "0 0.1 0.2 0.5 0.1 0.6 0.3 0.2 0.4",
        "0 0.1 0.1 0.3 0.1 0.2 0.9",
        "0 0.5 0.5 0.2 0.2 0.93",
        "0 0.5 0.5 0.2 0.2",
    ]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    reading = read_source(tmp_path)
    assert np.allclose(corners(reading), [[10, 5, 60, 20], [10, 5, 30, 45], [40, 20, 60, 30]])
    assert dict(reading.turned) == {"rotated box or outline of four corners": 1, "polygon": 1}
    assert sorted(p.code for p in reading.problems) == ["no-box", "turned-upright", "turned-upright"]


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("/data/local-files/?d=images/a%20b.png", "images/a b.png"),
        ("/data/upload/1/ab12cd34-a.png", "data/upload/1/ab12cd34-a.png"),
        ("s3://bucket/x/a.png", "x/a.png"),
        ("https://host/x/%C3%BC.png?token=1", "x/ü.png"),
        ("a#b%20.png", "a#b%20.png"),
    ],
)
def test_links_of_label_studio(link: str, name: str) -> None:
    assert picture_name(link) == name


def test_tasks_nobody_has_answered(tmp_path: Path) -> None:
    result = [{"type": "rectanglelabels", "original_width": 10, "original_height": 10, "value": {"x": 0, "y": 0, "width": 50, "height": 50, "rotation": 0, "rectanglelabels": ["x"]}}]  # fmt: skip
    tasks = [
        {"id": 1, "data": {"image": "a.jpg"}, "annotations": [], "predictions": [{"result": result}]},
        {"id": 2, "data": {"image": "b.jpg"}, "annotations": [{"result": result, "was_cancelled": True}]},
        {"id": 3, "data": {"image": "c.jpg"}, "annotations": [{"result": []}]},
        {"id": 4, "data": {"image": "d.jpg"}, "annotations": [{"result": []}, {"result": result, "ground_truth": True, "completed_by": 7}]},
    ]  # fmt: skip
    (tmp_path / "e.json").write_text(json.dumps(tasks))
    reading = read_source(tmp_path / "e.json")
    assert [record.labelled for record in reading.pictures] == [False, False, True, True]
    assert [len(record.boxes) for record in reading.pictures] == [0, 0, 0, 1]
    assert reading.pictures[3].boxes.attributes == [{"annotator": 7}]
    assert sorted(p.code for p in reading.problems) == ["several-annotations", "unlabelled", "unlabelled"]


def test_labelme_shapes(tmp_path: Path) -> None:
    shapes = [
        {"label": "x", "shape_type": "rectangle", "points": [[9, 8], [1, 2]], "flags": {"wet": True}},
        {"label": "x", "shape_type": "circle", "points": [[20, 20], [23, 24]]},
        {"label": "x", "shape_type": "linestrip", "points": [[1, 1], [2, 2]]},
        {"label": "x", "shape_type": "polygon", "points": [[1, 1], [4, 1], [2, 6]], "group_id": 1},
        {"label": "y", "shape_type": "polygon", "points": [[5, 1], [6, 1], [6, 6]], "group_id": 1},
        {"label": "x", "shape_type": "polygon", "points": [[7, 1], [9, 1], [9, 3]], "group_id": 1},
    ]
    (tmp_path / "a.json").write_text(
        json.dumps({"shapes": shapes, "imagePath": "..\\a.jpg", "imageHeight": 50, "imageWidth": 50})
    )
    reading = read_source(tmp_path / "a.json")
    assert corners(reading) == [[1, 2, 9, 8], [15, 15, 25, 25], [1, 1, 9, 6], [5, 1, 6, 6]]
    assert [p.code for p in reading.problems] == ["no-box"]
    assert dict(reading.turned) == {"circle": 1, "polygon": 3}
