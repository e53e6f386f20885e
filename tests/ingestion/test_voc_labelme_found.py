"""Pascal VOC's XML and LabelMe's JSON as tools and people leave them."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from tests.ingestion.looked import images, looked


def voc(filename: str | None, name: str = "bolt", x: int = 11, *, more: str = "") -> str:
    said = f"<filename>{filename}</filename>" if filename is not None else ""
    corners = f"<xmin>{x}</xmin><ymin>13</ymin><xmax>{x + 19}</xmax><ymax>36</ymax>"
    thing = f"<object><name>{name}</name>{more}<bndbox>{corners}</bndbox></object>"
    return f"<annotation>{said}<size><width>64</width><height>48</height></size>{thing}</annotation>"


@pytest.mark.parametrize(
    ("encoding", "declared", "name"),
    [
        ("shift_jis", "Shift_JIS", "ボルト"),
        ("gb18030", "GB18030", "螺栓"),
        ("latin-1", "ISO-8859-1", "Schräubchen"),
        ("utf-16", "utf-16", "ü"),
        ("utf-16-be", "utf-16", "ü"),
        ("utf-8", "utf-16", "ü"),  # as .NET writes it
        ("utf-8-sig", "UTF-8", "ü"),
        ("utf-8", "", "ü"),
    ],
)
def test_encodings(encoding: str, declared: str, name: str, tmp_path: Path) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    (tmp_path / "a.xml").write_bytes((head + voc("a.png", name)).encode(encoding))
    images(tmp_path, "a.png")
    found = looked(tmp_path)
    assert found.boxes == {"a.png": [(name, 10, 12, 20, 24)]}
    assert found.codes == []


@pytest.mark.parametrize("declared", ["", "utf-7", "punycode", "hex", "nothing-like-it"])
def test_encodings_that_cannot_be_are_told(declared: str, tmp_path: Path) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    (tmp_path / "a.xml").write_bytes((head + voc("a.png", "ü")).encode("latin-1"))
    images(tmp_path, "a.png")
    found = looked(tmp_path)
    assert found.boxes == {} and found.codes == ["broken-file", "unlabelled"]


def test_a_copied_filename_leads_to_no_other_image(tmp_path: Path) -> None:
    for stem, x in (("a", 11), ("b", 21), ("c", 31)):
        (tmp_path / f"{stem}.xml").write_text(voc("b.png", x=x))
    images(tmp_path, "a.png", "b.png")
    found = looked(tmp_path)
    assert {name: rows[0][1] for name, rows in found.boxes.items()} == {"a.png": 10, "b.png": 20}
    assert found.codes == ["ambiguous-name", "missing-picture", "other-filename"]


def test_of_two_endings_the_filename_decides(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(voc("a.jpg"))
    images(tmp_path, "a.jpg", "a.png")
    assert list(looked(tmp_path).boxes) == ["a.jpg"]
    (tmp_path / "a.xml").write_text(voc("a"))
    assert "ambiguous-name" in looked(tmp_path).codes


def test_equal_names_in_two_sets(tmp_path: Path) -> None:
    for one, x in (("s1", 11), ("s2", 31)):
        (tmp_path / one / "Annotations").mkdir(parents=True)
        (tmp_path / one / "Annotations/a.xml").write_text(voc("a.png", x=x))
        images(tmp_path, f"{one}/JPEGImages/a.png")
    found = looked(tmp_path)
    assert {name: rows[0][1] for name, rows in found.boxes.items()} == {
        "s1/JPEGImages/a.png": 10,
        "s2/JPEGImages/a.png": 30,
    }


def test_blanks_and_cases_in_names(tmp_path: Path) -> None:
    (tmp_path / "a b.xml").write_text(voc(" a b.png ", "\n  hex nut\n"))
    (tmp_path / "x.XML").write_text(voc("X.PNG"))
    (tmp_path / unicodedata.normalize("NFD", "Öl.xml")).write_text(voc("Öl.png"))
    images(tmp_path, "a b.png", "x.png", "Öl.png")
    found = looked(tmp_path)
    assert {name: rows[0][0] for name, rows in found.boxes.items()} == {
        "a b.png": "hex nut",
        "x.png": "bolt",
        "Öl.png": "bolt",
    }
    assert found.codes == []


@pytest.mark.parametrize(("text", "empty"), [(" 1 ", True), ("True", True), ("0", False), ("Unspecified", False)])
def test_difficult_in_words(text: str, empty: bool, tmp_path: Path) -> None:
    from boxwright.ingestion import read_source

    (tmp_path / "a.xml").write_text(voc("a.png", more=f"<difficult>{text}</difficult>"))
    images(tmp_path, "a.png")
    boxes = read_source(tmp_path).pictures[0].boxes
    assert boxes.ignore.tolist() == [empty]
    assert ("difficult" in boxes.attributes_of(0)) == (text != "Unspecified")


def test_one_xml_file_with_its_images_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(voc("a.png"))
    images(tmp_path, "elsewhere/a.png")
    assert list(looked(tmp_path / "a.xml", pictures=tmp_path / "elsewhere").boxes) == ["a.png"]


def shape(label: Any = "bolt", kind: str | None = "rectangle", points: Any = ((10, 12), (30, 36)), **more: Any) -> dict:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}, **more}


def labelme(place: Path, said: Any, *shapes: dict, **more: Any) -> None:
    tree = {"version": "5.4.1", "shapes": list(shapes), "imagePath": said, "imageHeight": 48, "imageWidth": 64, **more}
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps({key: value for key, value in tree.items() if value != "gone"}))


BOX = ("bolt", 10.0, 12.0, 20.0, 24.0)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("gone", ["other-filename"]),
        (None, ["other-filename"]),
        ("a.bmp", ["other-filename"]),
        ("..\\..\\y\\zzz.png", ["other-filename"]),
        ("../../../x/a.png", ["names-matched"]),
        ("D:\\old\\a.png", ["names-matched"]),
        ("A.PNG", ["names-matched"]),
        ("./a.png", []),
    ],
)
def test_labelme_finds_its_image(said: Any, told: list[str], tmp_path: Path) -> None:
    labelme(tmp_path / "a.JSON", said, shape(), imageHeight=None, imageWidth=None)
    labelme(tmp_path / "b.json", "b.png", shape("nut"))
    images(tmp_path, "a.png", "b.png")
    found = looked(tmp_path)
    assert found.boxes["a.png"] == [BOX]
    assert found.codes == told


def test_labelme_takes_no_image_of_another_folder(tmp_path: Path) -> None:
    labelme(tmp_path / "train/a.json", "..\\val\\b.png", shape())
    labelme(tmp_path / "c1/x.json", "x.png", shape())
    labelme(tmp_path / "c2/x.json", "D:\\old\\x.png", shape("nut"))
    images(tmp_path, "train/b.png", "c1/x.png", "c2/x.png")
    found = looked(tmp_path)
    assert {name: rows[0][0] for name, rows in found.boxes.items()} == {"c1/x.png": "bolt", "c2/x.png": "nut"}
    assert "train/b.png" in found.unlabelled and "missing-picture" in found.codes


def test_labelme_shapes_of_all_versions(tmp_path: Path) -> None:
    square = [[1, 1], [5, 1], [5, 9], [1, 9]]
    shapes = [
        shape(None), shape(group_id=1), shape(group_id=1, points=[[0, 0], [5, 5]]),
        shape("nut", "mask", [[0, 0], [9, 9]]), shape("nut", "points"), shape("nut", None, square),
        shape("nut", "oriented_rectangle", [[20, 20], [30, 20], [30, 30], [20, 30]]), shape(points=[[5, 5]]),
    ]  # fmt: skip
    labelme(tmp_path / "a.json", "a.png", *shapes)
    images(tmp_path, "a.png")
    found = looked(tmp_path)
    assert found.boxes == {
        "a.png": [("bolt", 0, 0, 30, 36), ("nut", 0, 0, 10, 10), ("nut", 1, 1, 4, 8), ("nut", 20, 20, 10, 10)]
    }
    assert found.codes == ["bad-box", "joined-boxes", "no-box", "unknown-class"]


def test_labelme_composed_and_decomposed(tmp_path: Path) -> None:
    labelme(tmp_path / "x.json", unicodedata.normalize("NFD", "Öl.png"), shape())
    images(tmp_path, "Öl.png")
    assert looked(tmp_path).boxes == {"Öl.png": [BOX]}
