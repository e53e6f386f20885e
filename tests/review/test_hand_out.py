"""A queue as files: whole or not there, the same boxes in each form, upright pictures, and "looked at" never guessed."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from boxwright.artifacts import ReviewQueue
from boxwright.errors import FormatError, InputError
from boxwright.images import read_picture
from boxwright.pages import queue_page
from boxwright.review import hand_out, reviewed_pictures
from boxwright.store import digest_of_bytes
from tests.review.conftest import BOXES, Asked, asked_about
from tests.worlds import DAY, encoded, picture, queue, queue_item

ASKED = asked_about(3)


def out(folder: Path, form: Any, asked: Asked = ASKED, **more: Any) -> Path:
    handed = hand_out(asked.queue, folder, form=form, look=asked.pictures.__getitem__, version="v", **more)
    assert handed.items == len(asked.queue)
    return folder


def boxes_in(folder: Path, form: str) -> list[list[list[float]]]:
    """Boxes per picture, read by hand."""
    if form == "cvat":
        images = ET.parse(folder / "annotations.xml").getroot().findall("image")
        return [
            [[float(b.attrib[k]) for k in ("xtl", "ytl", "xbr", "ybr")] for b in image.findall("box")]
            for image in images
        ]
    if form == "coco":
        tree = json.loads((folder / "annotations.json").read_text())
        found: list[list[list[float]]] = [[] for _ in tree["images"]]
        for a in tree["annotations"]:
            x, y, w, h = a["bbox"]
            found[a["image_id"] - 1].append([x, y, x + w, y + h])
        return found
    tasks = json.loads((folder / "tasks.json").read_text())
    values = [[r["value"] for r in task["predictions"][0]["result"]] for task in tasks]
    return [
        [[v["x"] * 0.8, v["y"] * 0.6, (v["x"] + v["width"]) * 0.8, (v["y"] + v["height"]) * 0.6] for v in t]
        for t in values
    ]


@pytest.mark.parametrize("form", ["coco", "cvat", "labelstudio"])
def test_each_form_holds_the_same_boxes_and_pictures(tmp_path: Path, form: str) -> None:
    folder = out(tmp_path / "q", form)
    for found in boxes_in(folder, form):
        assert np.abs(np.array(found) - BOXES).max() < 1e-9
    for item in ASKED.queue.items.to_pylist():
        assert (folder / "images" / f"{item['item']}.png").read_bytes() == ASKED.pictures[item["picture"]]


@pytest.mark.parametrize("form", ["coco", "cvat", "labelstudio"])
def test_low_scores_stay_out_when_asked(tmp_path: Path, form: str) -> None:
    assert [len(b) for b in boxes_in(out(tmp_path / "q", form, least_score=0.5), form)] == [1, 1, 1]


@pytest.mark.parametrize("form", ["coco", "cvat", "labelstudio"])
@pytest.mark.parametrize("before", ["coco", "cvat", "labelstudio"])
def test_nobodys_work_is_written_over(tmp_path: Path, form: str, before: str) -> None:
    folder = out(tmp_path / "q", before)
    kept = {p: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    with pytest.raises(InputError, match="may hold a reviewer's work; name another folder"):
        out(folder, form)
    assert {p: p.read_bytes() for p in folder.iterdir() if p.is_file()} == kept


@pytest.mark.parametrize("form", ["coco", "cvat", "labelstudio"])
def test_a_missing_picture_leaves_no_annotations(tmp_path: Path, form: Any) -> None:
    def look(digest: str) -> bytes:
        if digest == ASKED.queue.items.column("picture")[2].as_py():
            raise InputError("gone")
        return ASKED.pictures[digest]

    with pytest.raises(InputError, match="gone"):
        hand_out(ASKED.queue, tmp_path / "q", form=form, look=look, version="v")
    assert not list((tmp_path / "q").glob("*.json")) and not list((tmp_path / "q").glob("*.xml"))


def _queue(**more: Any) -> ReviewQueue:
    data = encoded(picture(60, 80))
    return queue([{**queue_item("item-0", picture=digest_of_bytes(data), file_name="a", due_at=DAY), **more}])


@pytest.mark.parametrize("item", ["../../evil", "a/b", "", "a b", "x" * 80])
def test_an_item_that_is_no_plain_name_is_refused(tmp_path: Path, item: str) -> None:
    with pytest.raises(InputError, match="is no plain name"):
        hand_out(_queue(item=item), tmp_path / "q", form="coco", look=lambda _: encoded(picture(60, 80)), version="v")
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("proposal", ["{", '{"boxes_xyxy": [[9, 9, 1, 1]], "score": [1], "class_id": [0]}',
                                      '{"boxes_xyxy": [[1, 1, 9, 9]], "score": [1], "class_id": [2]}',
                                      '{"boxes_xyxy": [[1, 1, 9, 9]], "score": [1], "class_id": [-1]}'])  # fmt: skip
def test_a_proposal_that_cannot_be_read_is_said(tmp_path: Path, proposal: str) -> None:
    with pytest.raises(InputError, match="proposal of item 'item-0' cannot be read"):
        hand_out(_queue(proposal=proposal), tmp_path / "q", form="coco", look=lambda _: b"", version="v")


@pytest.mark.parametrize("form", ["coco", "cvat", "labelstudio"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_handed_out_upright(tmp_path: Path, form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(picture(60, 80), "JPEG", exif=exif, quality=95)
    digest = digest_of_bytes(data)
    asked = Asked(_queue(picture=digest), {digest: data})
    folder = out(tmp_path / "q", form, asked)
    with Image.open(folder / "images" / "item-0.jpeg") as opened:
        assert opened.getexif().get(0x0112, 1) == 1
        shown = np.asarray(opened.convert("RGB"), int)
    upright = read_picture(data).astype(int)
    assert shown.shape == upright.shape
    assert np.abs(shown - upright).mean() < 2


@pytest.mark.parametrize("form", ["TIFF", "BMP", "WEBP", "PPM"])
def test_what_browsers_do_not_show_becomes_a_jpeg(tmp_path: Path, form: str) -> None:
    data = encoded(picture(60, 80), form)
    digest = digest_of_bytes(data)
    folder = out(tmp_path / "q", "coco", Asked(_queue(picture=digest), {digest: data}))
    with Image.open(folder / "images" / "item-0.jpeg") as opened:
        assert (opened.format, opened.size) == ("JPEG", (80, 60))


def test_label_studio_tasks_hold_their_pictures_or_point_at_them(tmp_path: Path) -> None:
    folder = out(tmp_path / "q", "labelstudio")
    for task in json.loads((folder / "tasks.json").read_text()):
        kind, _, data = task["data"]["image"].partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data) == ASKED.pictures[task["data"]["picture"]]
    assert ET.fromstring((folder / "label_config.xml").read_text()).tag == "View"
    pointed = out(tmp_path / "p", "labelstudio", local_files="/round 1/")
    images = [task["data"]["image"] for task in json.loads((pointed / "tasks.json").read_text())]
    assert images == [f"/data/local-files/?d=round%201/images/item-{k}.png" for k in range(3)]


def test_class_names_survive_the_xml(tmp_path: Path) -> None:
    named = ReviewQueue(class_names=("a & b", '<c> "d"'), items=ASKED.queue.items)
    folder = out(tmp_path / "q", "cvat", Asked(named, ASKED.pictures))
    root = ET.parse(folder / "annotations.xml").getroot()
    assert [b.attrib["label"] for b in root.findall("image/box")] == ["a & b", '<c> "d"'] * 3
    assert [x.findtext("name") for x in root.findall("meta/task/labels/label")] == ["a & b", '<c> "d"', "reviewed"]
    assert [x["name"] for x in json.loads((folder / "labels.json").read_text())] == ["a & b", '<c> "d"', "reviewed"]


def test_the_tag_says_who_was_looked_at() -> None:
    image = '<image id="0" name="a.png">{}</image><image id="1" name="b.png"/>'
    tag = '<tag label="reviewed" source="manual"></tag>'
    labels = "<meta><job><labels><label><name>reviewed</name></label></labels></job></meta>"
    for inside, found in ((tag, {"a.png"}), ("", set())):
        text = f"<annotations>{labels}{image.format(inside)}</annotations>"
        assert reviewed_pictures(text.encode(), name="x") == found
    assert reviewed_pictures(f"<annotations>{image.format('')}</annotations>".encode(), name="x") is None
    assert reviewed_pictures(f"<annotations>{image.format(tag)}</annotations>".encode(), name="x") == {"a.png"}


@pytest.mark.parametrize("text", ["", "<annotations>", '<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>'])
def test_hostile_xml_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="cannot be read as XML"):
        reviewed_pictures(text.encode(), name="x.xml")


def test_what_is_in_doubt_is_said(tmp_path: Path) -> None:
    suspects = [
        {"kind": "missing", "class_id": None, "proposed_class_id": 1, "box_xyxy": [3, 4, 9, 9], "score": 0.934},
        {"kind": "class", "class_id": 0, "proposed_class_id": 1, "box_xyxy": [1, 1, 9, 9], "score": 0.8},
        {"kind": "spurious", "class_id": 0, "box_xyxy": ["x"], "score": 0.8},
        "junk",
    ]
    proposal = {"boxes_xyxy": [[1, 1, 9, 9]], "score": [1], "class_id": [0], "suspects": suspects}
    data = encoded(picture(60, 80))
    asked = Asked(_queue(picture=digest_of_bytes(data), proposal=json.dumps(proposal)), {digest_of_bytes(data): data})
    (task,) = json.loads((out(tmp_path / "q", "labelstudio", asked) / "tasks.json").read_text())
    assert task["data"]["why"].endswith("missing pouch 0.93 at 3, 4, class carton, rather pouch 0.80 at 1, 1")
    page = queue_page(asked.queue, read_picture=lambda _: picture(60, 80))
    assert "missing pouch 0.93; class carton, rather pouch 0.80" in page
    assert 'class="box failure"' in page
