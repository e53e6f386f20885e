"""Label Studio's exports: several images a task, several labels a region, and regions without a box."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from boxwright.ingestion import read_source
from tests.ingestion.looked import Looked, images, looked

BOLT, NUT = ("bolt", 16.0, 12.0, 32.0, 24.0), ("nut", 16.0, 12.0, 32.0, 24.0)
PLACE = {"x": 25, "y": 25, "width": 50, "height": 50, "rotation": 0}


def region(*labels: str, to: str | None = "image", id: str | None = "r1", **more: Any) -> dict[str, Any]:
    value = {**PLACE, **({"rectanglelabels": list(labels)} if labels else {})}
    size = {"original_width": 64, "original_height": 48, "image_rotation": 0}
    return {"id": id, "type": "rectanglelabels", "from_name": "label", "to_name": to, **size, "value": value, **more}


def annotation(*regions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 1, "was_cancelled": False, "result": list(regions), **more}


def task(data: dict[str, Any], *annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 1, "data": data, "annotations": list(annotations), **more}


def found_in(folder: Path, *tasks: dict[str, Any], names: tuple[str, ...], config: str = "") -> Looked:
    numbered = [{**one, "id": number} for number, one in enumerate(tasks, start=1)]
    (folder / "export.json").write_text(json.dumps(numbered))
    if config:
        (folder / "label_config.xml").write_text(f"<View>{config}</View>")
    images(folder, *names)
    return looked(folder)


def control(to: str) -> str:
    labels = '<Label value="bolt"/><Label value="nut"/>'
    return f'<RectangleLabels name="of-{to}" toName="{to}">{labels}</RectangleLabels>'


TWO = '<Image name="img-left" value="$left"/><Image name="img-right" value="$right"/>'
SIDES = {"left": "/data/upload/1/left.png", "right": "/data/upload/1/right.png"}
NAMES = ("left.png", "right.png")


def test_two_controls_with_the_same_labels(tmp_path: Path) -> None:
    """The same id on both images is two regions."""
    done = annotation(region("bolt", to="img-left"), region("nut", to="img-right"))
    config = TWO + control("img-left") + control("img-right")
    found = found_in(tmp_path, task(SIDES, done), names=NAMES, config=config)
    assert found.boxes == {"left.png": [BOLT], "right.png": [NUT]}
    assert found.codes == []
    assert read_source(tmp_path).class_names == ["bolt", "nut"]


def test_without_configuration_a_name_must_be_a_key_of_data(tmp_path: Path) -> None:
    done = annotation(region("bolt", to="left"), region("nut", to="right"))
    assert found_in(tmp_path, task(SIDES, done), names=NAMES).boxes == {"left.png": [BOLT], "right.png": [NUT]}


@pytest.mark.parametrize("names", [("img-left", "img-right"), ("img", "img")])
def test_a_region_that_may_lie_on_either_image_lies_on_none(names: tuple[str, str], tmp_path: Path) -> None:
    """And an image whose boxes are not known is not taken as empty."""
    done = annotation(region("bolt", to=names[0]), region("nut", to=names[1], id="r2"))
    found = found_in(tmp_path, task(SIDES, done), names=NAMES)
    assert found.boxes == {}
    assert sorted(found.unlabelled) == ["left.png", "right.png"]
    assert found.codes == ["unknown-image"] * 2 and "label_config.xml" in found.told


@pytest.mark.parametrize(
    ("data", "config", "to"),
    [
        (("image", "reference"), "", "image"),
        (
            ("photo", "golden"),
            '<Image name="ref" value="$golden"/><Image name="img" value="$photo"/>' + control("img"),
            "img",
        ),
    ],
)
def test_a_reference_beside_the_image_is_no_negative(
    data: tuple[str, str], config: str, to: str, tmp_path: Path
) -> None:
    first, second = ({data[0]: name, data[1]: "ref.png"} for name in ("a.png", "b.png"))
    tasks = task(first, annotation(region("bolt", to=to))), task(second, annotation())
    found = found_in(tmp_path, *tasks, names=("a.png", "b.png", "ref.png"), config=config)
    assert found.boxes == {"a.png": [BOLT], "b.png": []}
    assert found.unlabelled == []


def test_pages(tmp_path: Path) -> None:
    pages = {"pages": ["p0.png", "p1.png", "p2.png"]}
    regions = (region("bolt", item_index=1), region("nut", item_index=7, id="r2"), region("nut", id="r3"))
    found = found_in(tmp_path, task(pages, annotation(*regions)), names=("p0.png", "p1.png", "p2.png"))
    assert found.boxes == {"p1.png": [BOLT]}
    assert found.unlabelled == ["p0.png", "p2.png"]
    assert found.codes == ["unknown-image"] * 2 and "page 7" in found.told


def test_pages_repeated_by_the_configuration(tmp_path: Path) -> None:
    image = '<Image name="page_{{idx}}" value="$images[{{idx}}].url"/>'
    config = f'<Repeater on="$images" indexFlag="{{{{idx}}}}">{image}{control("page_{{idx}}")}</Repeater>'
    done = annotation(region("bolt", to="page_0"), region("nut", to="page_1"))
    data = {"images": [{"url": "p0.png"}, {"url": "p1.png"}]}
    found = found_in(tmp_path, task(data, done), names=("p0.png", "p1.png"), config=config)
    assert found.boxes == {"p0.png": [BOLT], "p1.png": [NUT]}


def test_regions_without_box_are_told_by_type(tmp_path: Path) -> None:
    kinds = ("brushlabels", "keypointlabels", "videorectangle", "choices", "magicwand", "relation")
    others = [{"id": f"x{k}", "type": kind, "value": {"choices": ["dark"]}} for k, kind in enumerate(kinds)]
    ellipse = {"x": 50, "y": 50, "radiusX": 10, "radiusY": 10, "rotation": 0, "ellipselabels": ["nut"]}
    said = [
        {"id": "r1", "type": "choices", "from_name": "state", "to_name": "image", "value": {"choices": ["broken"]}},
        {"id": "r1", "type": "textarea", "from_name": "note", "to_name": "image", "value": {"text": ["hello"]}},
        {"id": "r1", "type": "rating", "from_name": "stars", "to_name": "image", "value": {"rating": 4}},
    ]
    drawn = region(id="e", type="ellipselabels")
    drawn["value"] = ellipse
    found = found_in(
        tmp_path, task({"image": "a.png"}, annotation(region("bolt"), *others, *said, drawn)), names=("a.png",)
    )
    assert found.boxes == {"a.png": [BOLT, ("nut", 25.6, 19.2, 12.8, 9.6)]}
    assert found.codes == ["no-box"] * 6 + ["turned-upright"]
    assert all(f"1 of the type {kind} " in found.told for kind in kinds)
    attributes = read_source(tmp_path).pictures[0].boxes.attributes_of(0)
    assert attributes == {"state": "broken", "note": "hello", "stars": 4}


def test_a_rectangle_whose_labels_are_given_apart(tmp_path: Path) -> None:
    outline = region(type="rectangle")
    apart = {"id": "r1", "type": "labels", "to_name": "image", "value": {**PLACE, "labels": ["bolt", "nut"]}}
    found = found_in(tmp_path, task({"image": "a.png"}, annotation(outline, apart)), names=("a.png",))
    assert found.boxes == {"a.png": [BOLT, NUT]}


def test_regions_without_id_lend_each_other_no_label(tmp_path: Path) -> None:
    found = found_in(
        tmp_path, task({"image": "a.png"}, annotation(region("bolt", id=None), region(id=None))), names=("a.png",)
    )
    assert found.boxes == {"a.png": [BOLT]}
    assert found.codes == ["unknown-class"]


def test_which_of_several_annotations_was_read_is_told(tmp_path: Path) -> None:
    first = annotation(region("bolt"), id=11, completed_by=4)
    chosen = annotation(region("nut"), id=12, completed_by={"id": 5, "email": "x@y"}, ground_truth=True)
    cancelled = annotation(id=13, was_cancelled=True)
    found = found_in(tmp_path, task({"image": "a.png"}, first, chosen, cancelled), names=("a.png",))
    assert found.boxes == {"a.png": [NUT]}
    assert "has 2 annotations; 12 by x@y (marked as ground truth) was read" in found.told


@pytest.mark.parametrize("kind", ["drafts", "predictions"])
def test_what_nobody_submitted_is_no_label(kind: str, tmp_path: Path) -> None:
    found = found_in(tmp_path, task({"image": "a.png"}, **{kind: [annotation(region("bolt"))]}), names=("a.png",))
    assert found.unlabelled == ["a.png"] and f"only {kind}" in found.told


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("/data/upload/1/ab12cd34-Öl.png", []),
        ("/data/local-files/?d=images/O%CC%88l.png", ["names-matched"]),
        ("C:\\data\\images\\Öl.png", ["names-matched"]),
        ("s3://bucket/x/images/%C3%96l.png", ["names-matched"]),
    ],
)
def test_links(link: str, told: list[str], tmp_path: Path) -> None:
    found = found_in(tmp_path, task({"image": link}, annotation(region("bolt"))), names=("images/Öl.png",))
    assert found.boxes == {"images/Öl.png": [BOLT]}
    assert found.codes == told


def test_two_uploads_of_one_name_share_no_image(tmp_path: Path) -> None:
    tasks = [task({"image": f"/data/upload/1/{n}-a.png"}, annotation(region("bolt"))) for n in ("ab12cd34", "ff12cd34")]
    found = found_in(tmp_path, *tasks, names=("a.png",))
    assert found.boxes == {} and "ambiguous-name" in found.codes
