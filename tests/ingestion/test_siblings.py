"""Siblings of the public reports: the same kinds of fault in other fields, tools and spellings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from boxwright.cli.main import run
from boxwright.ingestion import Checked, check
from boxwright.ingestion.formats.yolo_pose import look_at_lines

BOX = [("bolt", [10.0, 12.0, 30.0, 36.0])]
VOC_OBJECT = (
    "<object><name>bolt</name><bndbox><xmin>11</xmin><ymin>13</ymin><xmax>30</xmax><ymax>36</ymax></bndbox></object>"
)


def image(path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = sum(path.as_posix().encode())
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8)).save(path, **options)
    return path


def text(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def voc(content: str, name: str = "a.png") -> str:
    size = "<size><width>64</width><height>48</height><depth>3</depth></size>"
    return f"<annotation><filename>{name}</filename>{size}{content}</annotation>"


def boxes(found: Checked) -> dict[str, list[tuple[str, list[float]]]]:
    names = found.reading.class_names
    return {
        r.file_name: [
            (names[c], b) for c, b in zip(r.boxes.class_id.tolist(), r.boxes.boxes_xyxy.tolist(), strict=True)
        ]
        for r in found.reading.pictures
    }


def told(found: Checked, code: str) -> list[str]:
    return [f"{p.severity} {p.where}: {p.message}" for p in found.reading.problems if p.code == code]


@pytest.mark.parametrize(
    "written",
    [
        voc(VOC_OBJECT).replace("<annotation>", '<annotation xmlns="http://example.org/voc">'),
        voc(VOC_OBJECT).replace("</", "</v:").replace("<", "<v:").replace("<v:/v:", "</v:").replace(
            "<v:annotation>", '<v:annotation xmlns:v="http://example.org/voc">', 1
        ),
        voc(VOC_OBJECT.replace("object", "Object").replace("bndbox", "BndBox")),
        voc(VOC_OBJECT).replace("annotation", "Annotation"),
        voc(f"<objects>{VOC_OBJECT}</objects>"),
        f"<?xml version='1.0'?><!-- {'licence ' * 1000} -->{voc(VOC_OBJECT)}",
    ],
    ids=["namespace", "prefix", "upper case", "upper case root", "in a list", "after a long comment"],
)  # fmt: skip
def test_voc_as_other_tools_write_its_elements(written: str, tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    text(tmp_path / "a.xml", written)
    assert boxes(check(tmp_path)) == {"a.png": BOX}


def test_a_box_outside_of_an_object_is_told(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    text(tmp_path / "a.xml", voc(VOC_OBJECT + VOC_OBJECT.replace("object", "thing")))
    found = check(tmp_path)
    assert boxes(found) == {"a.png": BOX}
    assert told(found, "no-box") == ["error a.xml: 1 <bndbox> stand in no <object>, as VOC has it; they were left out"]


def test_cvat_in_a_namespace(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    box = '<box label="bolt" xtl="10" ytl="12" xbr="30" ybr="36"/>'
    text(
        tmp_path / "a.xml",
        f'<annotations xmlns="http://x.org"><image id="0" name="a.png" width="64" height="48">{box}</image></annotations>',
    )
    assert boxes(check(tmp_path)) == {"a.png": BOX}


def test_equal_names_in_mirrored_folders(tmp_path: Path) -> None:
    for place, name in (("x", "bolt"), ("y", "nut")):
        image(tmp_path / f"voc/JPEGImages/{place}/1.png")
        text(tmp_path / f"voc/Annotations/{place}/1.xml", voc(VOC_OBJECT.replace("bolt", name), "1.png"))
        image(tmp_path / f"labelme/images/{place}/1.png")
        shape = {"label": name, "points": [[10, 12], [30, 36]], "shape_type": "rectangle"}
        tree = {"imagePath": "1.png", "imageHeight": 48, "imageWidth": 64, "shapes": [shape]}
        text(tmp_path / f"labelme/json/{place}/1.json", json.dumps(tree))
    nut = [("nut", BOX[0][1])]
    assert boxes(check(tmp_path / "voc")) == {"JPEGImages/x/1.png": BOX, "JPEGImages/y/1.png": nut}
    assert boxes(check(tmp_path / "labelme")) == {"images/x/1.png": BOX, "images/y/1.png": nut}


def coco(annotations: list[dict], names: tuple[str, ...] = ("a.png",)) -> str:
    images = [{"id": i, "file_name": name, "width": 64, "height": 48} for i, name in enumerate(names, start=1)]
    listed = [{"id": i, "image_id": 1, "category_id": 1, "iscrowd": 0} | a for i, a in enumerate(annotations, start=1)]
    return json.dumps({"images": images, "annotations": listed, "categories": [{"id": 1, "name": "bolt"}]})


def region(kind: str, value: dict) -> dict:
    return {
        "id": kind, "type": kind, "to_name": "image", "original_width": 64, "original_height": 48, "value": value
    }  # fmt: skip


LEFT_OUT = {
    "coco without bbox": ("a.json", coco([{"segmentation": [[1, 1, 9, 1, 9, 9]]}])),
    "coco outside": ("a.json", coco([{"bbox": [100, 100, 5, 5]}])),
    "coco without size": ("a.json", coco([{"bbox": [10, 10, 0, 5]}])),
    "yolo with scores": ("a.txt", "0 0.5 0.5 0.25 0.5 0.9\n"),
    "voc turned": ("a.xml", voc(VOC_OBJECT.replace(">11<", ">31<"))),
    "labelme points": (
        "a.json",
        json.dumps({"imagePath": "a.png", "shapes": [{"label": "b", "shape_type": "point", "points": [[1, 1]]}]}),
    ),
    "cvat points": (
        "a.xml",
        '<annotations><image id="0" name="a.png" width="64" height="48"><points label="b" points="1,1"/></image></annotations>',
    ),
    "label studio brush": (
        "a.json",
        json.dumps([
            {"data": {"image": "a.png"}, "annotations": [{"result": [region("brushlabels", {"brushlabels": ["b"]})]}]}
        ]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_an_image_whose_annotations_were_all_left_out_is_not_empty(kind: str, tmp_path: Path) -> None:
    name, content = LEFT_OUT[kind]
    image(tmp_path / "a.png")
    text(tmp_path / name, content)
    if name.endswith(".txt"):
        text(tmp_path / "classes.txt", "bolt\n")
    found = check(tmp_path)
    assert (found.images, found.annotations, found.unlabelled) == (1, 0, 1)
    (said,) = told(found, "unlabelled")
    assert "its only annotation was left out; it is kept as not labelled, which is not the same as empty" in said


def test_an_image_that_is_only_judged_as_a_whole_stays_empty(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    choice = region("choices", {"choices": ["nothing here"]})
    text(tmp_path / "a.json", json.dumps([{"data": {"image": "a.png"}, "annotations": [{"result": [choice]}]}]))
    assert check(tmp_path).unlabelled == 0


def test_convert_leaves_out_what_check_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "b.jpg"):
        image(tmp_path / "in" / name)
    half = (tmp_path / "in/b.jpg").read_bytes()
    text(tmp_path / "in/b.jpg", half[: len(half) // 2] + b"\xff\xd9")
    tree = json.loads(coco([{"bbox": [10, 12, 20, 24]}, {"bbox": [1, 2, 3, 4], "image_id": 2}], ("a.png", "b.jpg")))
    text(tmp_path / "in/gt.json", json.dumps(tree))
    assert run(["convert", str(tmp_path / "in"), str(tmp_path / "out"), "--to", "voc", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["images"], found["annotations"], found["refused"]) == (1, 1, 1)
    assert not (tmp_path / "out/JPEGImages/b.jpg").exists()


def test_convert_refuses_where_every_box_was_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image(tmp_path / "in/a.png")
    text(tmp_path / "in/gt.json", coco([{"bbox": [10, 12, -20, 24]}]))
    assert run(["convert", str(tmp_path / "in"), str(tmp_path / "out"), "--to", "yolo"]) == 2
    assert "every one was refused (1 bad-box), and nothing was written." in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_set_without_classes_is_read_as_it_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image(tmp_path / "in/a.png")
    text(tmp_path / "in/gt.json", json.dumps({"images": json.loads(coco([]))["images"], "categories": []}))
    assert run(["convert", str(tmp_path / "in"), str(tmp_path / "out"), "--to", "yolo"]) == 0
    found = check(tmp_path / "out")
    assert (found.images, found.unlabelled, found.reading.class_names) == (1, 1, [])
    capsys.readouterr()


@pytest.mark.parametrize("to", ["voc", "cvat", "labelstudio", "labelme", "yolo"])
def test_names_that_differ_only_by_composition_stay_apart(
    to: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("\u00c4.png", "A\u0308.png")
    for name in names:
        image(tmp_path / "in" / name)
    content = coco([{"bbox": [10, 12, 20, 24]}, {"bbox": [1, 2, 3, 4], "image_id": 2}], names)
    text(tmp_path / "in/gt.json", content)
    assert run(["convert", str(tmp_path / "in"), str(tmp_path / "out"), "--to", to]) == 0
    assert (check(tmp_path / "out").annotations, check(tmp_path / "out").unlabelled) == (2, 0)
    capsys.readouterr()


def test_images_of_phones_and_browsers_by_their_endings(tmp_path: Path) -> None:
    for name in ("a.mpo", "b.jfif"):
        image(tmp_path / "images" / name, format="JPEG")
        text(tmp_path / "labels" / Path(name).with_suffix(".txt"), "0 0.5 0.5 0.25 0.5\n")
    text(tmp_path / "classes.txt", "bolt\n")
    found = check(tmp_path)
    assert (found.images, found.annotations, found.unlabelled) == (2, 2, 0)


def test_a_listed_link_that_leads_nowhere_is_not_called_unlisted(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("nowhere.png")
    text(tmp_path / "gt.json", coco([{"bbox": [10, 12, 20, 24]}], ("a.png", "b.png")))
    found = check(tmp_path)
    assert len(told(found, "missing-picture")) == 1
    assert not told(found, "unlisted-picture")


def _two_keypoints(rng: np.random.Generator) -> list[float]:
    centre, size = rng.uniform(0.3, 0.7, 2), rng.uniform(0.05, 0.35, 2)
    return [*centre, *size, *(centre + rng.uniform(-0.5, 0.5, (2, 2)) * size).ravel()]


def _rotated(rng: np.random.Generator) -> list[float]:
    angle, size = rng.uniform(0, np.pi), rng.uniform(0.01, 0.3, 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size / 2 @ turn.T + rng.uniform(0.1, 0.9, 2)
    return np.clip(np.roll(corners, int(rng.integers(4)), axis=0) + rng.normal(0, 0.005, (4, 2)), 0, 1).ravel().tolist()


def test_two_keypoints_and_rotated_boxes_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    for make, shape in ((_two_keypoints, (2, 2)), (_rotated, None)):
        for _ in range(200):
            rows = np.array([[0.0, *make(rng)] for _ in range(int(rng.integers(5, 30)))])
            found = look_at_lines(rows)
            assert (found.shape, found.sure) == (shape, shape is not None)


def test_a_pose_dataset_of_two_keypoints_without_kpt_shape(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    wanted = {}
    for i in range(6):
        image(tmp_path / f"images/{i}.png")
        values = _two_keypoints(rng)
        text(tmp_path / f"labels/{i}.txt", " ".join(["0", *map(str, values)]))
        wanted[f"images/{i}.png"] = values[2:4]
    text(tmp_path / "classes.txt", "bolt\n")
    found = check(tmp_path)
    for record in found.reading.pictures:
        x1, y1, x2, y2 = record.boxes.boxes_xyxy[0]
        assert np.allclose([(x2 - x1) / 64, (y2 - y1) / 48], wanted[record.file_name])
    assert told(found, "keypoints-by-look")[0].startswith("error ")


def test_lines_of_a_list_in_quotes_and_names_that_begin_with_a_hash(tmp_path: Path) -> None:
    for name in ("#1", "b c"):
        image(tmp_path / f"images/{name}.png")
        text(tmp_path / f"labels/{name}.txt", "0 0.5 0.5 0.25 0.5\n")
    text(tmp_path / "data.yaml", "train: train.txt\nnames: [bolt]\n")
    text(tmp_path / "train.txt", '\ufeff# made by hand\r\n"images/b c.png"\r\n#1.png  \r\n')
    found = check(tmp_path)
    assert {r.file_name: r.side for r in found.reading.pictures} == {
        "images/#1.png": "train",
        "images/b c.png": "train",
    }
    assert not told(found, "list-names-no-image")


def test_annotations_of_another_format_beside_voc_and_cvat_are_told(tmp_path: Path) -> None:
    for name in "ab":
        image(tmp_path / f"{name}.png")
    text(tmp_path / "a.xml", voc(VOC_OBJECT))
    text(tmp_path / "gt.json", coco([{"bbox": [10, 12, 20, 24]}], ("b.png",)))
    found = check(tmp_path)
    assert boxes(found) == {"a.png": BOX, "b.png": []}
    (said,) = told(found, "other-labels")
    assert said.startswith("warning gt.json: is a coco file here; the voc annotations were read instead")


def test_frames_that_were_numbered_anew_are_not_taken_for_others(tmp_path: Path) -> None:
    for i in range(10):
        image(tmp_path / f"images/frame_{i:06d}.png")
    shapes = "".join(
        f'<box frame="{n}" outside="0" keyframe="1" xtl="{n}" ytl="12" xbr="{n + 9}" ybr="36"/>' for n in (0, 5, 45)
    )
    meta = "<task><size>10</size><mode>interpolation</mode><frame_filter>step=5</frame_filter></task>"
    text(
        tmp_path / "a.xml",
        f'<annotations><meta>{meta}</meta><track id="0" label="bolt">{shapes}</track></annotations>',
    )
    found = check(tmp_path)
    assert found.annotations == 0
    (said,) = told(found, "bad-frame")
    assert "the images are numbered 0 to 9, and the frames 0 to 45 in steps of 5" in said


def test_an_empty_annotation_file_is_told(tmp_path: Path) -> None:
    for name in "ab":
        image(tmp_path / f"{name}.png")
    text(tmp_path / "a.xml", voc(VOC_OBJECT))
    text(tmp_path / "b.xml", "\n")
    found = check(tmp_path)
    assert (found.annotations, found.unlabelled) == (1, 1)
    assert told(found, "broken-file")[0].startswith("error b.xml: is named like an image and is empty")
