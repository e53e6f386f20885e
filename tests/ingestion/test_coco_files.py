"""COCO files as people have them: several in a folder, ids and names of other tools, boxes in disguise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.coco import Ids, RowOfId, as_flag, as_id, whole
from boxwright.errors import FormatError
from boxwright.images import write_jpeg
from boxwright.ingestion import Reading, check, read_results, read_source, read_truth
from boxwright.ingestion.formats import coco_pictures
from boxwright.ingestion.formats.coco_suspects import suspicion
from tests.ingestion.carefully import read_carefully

BOX = [2, 3, 10, 8]
CLASSES = {1: "spring", 2: "pin"}


def tree(images: dict[Any, str], classes: dict[Any, str] = CLASSES, *, boxes: list | None = None, **more: Any) -> dict:
    """A COCO tree with one box of the first class per image, unless boxes (image id, category id, bbox) are given."""
    boxes = [(i, next(iter(classes)), BOX) for i in images] if boxes is None else boxes
    return {
        "images": [{"id": i, "file_name": name, "width": 80, "height": 60} for i, name in images.items()],
        "categories": [{"id": i, "name": name} for i, name in classes.items()],
        "annotations": [
            {"id": n, "image_id": i, "category_id": c, "bbox": b, "area": b[2] * b[3], "iscrowd": 0}
            for n, (i, c, b) in enumerate(boxes, start=1)
        ],
        **more,
    }


def write(path: Path, content: Any, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(json.dumps(content, ensure_ascii=False).encode(encoding))
    return path


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(write_jpeg(np.full((60, 80, 3), 128, np.uint8)))


def boxes_of(reading: Reading) -> dict[str, list[str]]:
    return {r.file_name: [reading.class_names[k] for k in r.boxes.class_id] for r in reading.pictures}


def codes(reading: Reading) -> list[str]:
    return sorted(p.code for p in reading.problems)


def test_classes_of_many_files_are_joined_by_name(tmp_path: Path) -> None:
    write(tmp_path / "a.json", tree({1: "a.jpg"}))
    write(tmp_path / "b.json", tree({1: "b.jpg"}, {7: "pin", 1: "nut"}))
    write(tmp_path / "c.json", tree({1: "c.jpg"}, {"x": "nut", "y": "spring"}))
    reading = read_source(tmp_path)
    assert boxes_of(reading) == {"a.jpg": ["spring"], "b.jpg": ["pin"], "c.jpg": ["nut"]}
    assert reading.class_names == ["spring", "pin", "nut"] and reading.category_ids is None
    assert codes(reading) == ["other-category-ids"]


def test_category_ids_stay_where_all_files_agree(tmp_path: Path) -> None:
    write(tmp_path / "a.json", tree({1: "a.jpg"}, {7: "spring"}))
    write(tmp_path / "b.json", tree({2: "b.jpg"}, {3: "pin", 7: "spring"}))
    reading = read_source(tmp_path)
    assert (reading.class_names, reading.category_ids) == (["pin", "spring"], [3, 7])
    assert not reading.problems
    assert [r.image_id for r in reading.pictures] == [1, 2]


def test_a_name_with_two_ids_is_refused_only_where_both_are_used(tmp_path: Path) -> None:
    path = write(tmp_path / "gt.json", tree({1: "a.jpg"}, {0: "fish", 1: "fish"}, boxes=[(1, 1, BOX)]))
    reading = read_source(path)
    assert (reading.class_names, reading.category_ids, codes(reading)) == (["fish"], [1], ["unused-category"])
    assert read_truth(path).category_ids == [1] and "left out" in read_truth(path).notes[0]
    write(path, tree({1: "a.jpg"}, {0: "fish", 1: "fish"}, boxes=[(1, 1, BOX), (1, 0, BOX)]))
    for read in (read_source, read_truth):
        with pytest.raises(FormatError, match="two categories are called 'fish' \\(ids 0 and 1\\)"):
            read(path)


@pytest.mark.parametrize("used", [False, True])
def test_the_root_of_roboflow(tmp_path: Path, used: bool) -> None:
    content = tree({1: "a.jpg"}, boxes=[(1, 0 if used else 1, BOX)])
    content["categories"] = [
        {"id": 0, "name": "sea", "supercategory": "none"},
        {"id": 1, "name": "fish", "supercategory": "sea"},
        {"id": 2, "name": "jelly", "supercategory": "sea"},
    ]
    reading = read_source(write(tmp_path / "gt.json", content))
    assert reading.class_names == (["sea"] if used else []) + ["fish", "jelly"]
    assert codes(reading) == ([] if used else ["root-category"])
    content["categories"][2]["supercategory"] = "none"  # then sea is not above all others: an unused class stays
    assert "sea" in read_source(write(tmp_path / "gt.json", content)).class_names


def keypoints(content: dict) -> dict:
    return {**content, "annotations": [{**a, "keypoints": [1, 1, 2]} for a in content["annotations"]]}


def captions(images: dict[int, str]) -> dict:
    content = tree(images)
    del content["categories"]
    return {**content, "annotations": [{"id": 1, "image_id": i, "caption": "a table"} for i in images]}


def panoptic(images: dict[int, str]) -> dict:
    segments = [{"id": 9, "category_id": 1, "bbox": BOX, "area": 80, "iscrowd": 0}]
    found = [{"image_id": i, "file_name": "p.png", "segments_info": segments} for i in images]
    return {**tree(images), "annotations": found}


def test_everything_that_coco_2017_puts_into_one_folder(tmp_path: Path) -> None:
    for side, images in (("train", {1: "a.jpg", 2: "b.jpg"}), ("val", {3: "c.jpg"})):
        folder = tmp_path / "annotations"
        for number, name in images.items():
            image(tmp_path / f"{side}2017" / name)
            assert number
        write(folder / f"instances_{side}2017.json", tree(images))
        write(folder / f"person_keypoints_{side}2017.json", keypoints(tree(images, {1: "person"})))
        write(folder / f"captions_{side}2017.json", captions(images))
        write(folder / f"panoptic_{side}2017.json", panoptic(images))
        write(folder / f"stuff_{side}2017.json", tree(images, {92: "banner"}))
    image(tmp_path / "test2017" / "t.jpg")
    for name in ("test2017", "test-dev2017"):
        write(tmp_path / "annotations" / f"image_info_{name}.json", {**tree({4: "t.jpg"}), "annotations": None})
    seen = check(tmp_path)
    assert boxes_of(seen.reading) == {"a.jpg": ["spring"], "b.jpg": ["spring"], "c.jpg": ["spring"], "t.jpg": []}
    assert (seen.images, seen.annotations, seen.unlabelled) == (4, 3, 1)
    assert codes(seen.reading) == ["left-aside"] * 8 + ["listed-again", "unlabelled"]
    assert [r.side for r in seen.reading.pictures] == ["test", "train", "train", "val"]


def test_keypoints_alone_are_read(tmp_path: Path) -> None:
    write(tmp_path / "person_keypoints_val2017.json", keypoints(tree({1: "a.jpg"}, {1: "person"})))
    assert boxes_of(read_source(tmp_path)) == {"a.jpg": ["person"]}


def test_keypoints_with_images_of_their_own_are_left_aside_as_an_error(tmp_path: Path) -> None:
    write(tmp_path / "instances.json", tree({1: "a.jpg", 2: "b.jpg"}))
    write(tmp_path / "keypoints.json", keypoints(tree({1: "a.jpg", 2: "b.jpg", 3: "c.jpg"})))
    reading = read_source(tmp_path)
    assert sorted(boxes_of(reading)) == ["a.jpg", "b.jpg"]
    (told,) = reading.problems
    assert (told.code, told.severity) == ("left-aside", "error") and "1 images that no other file" in told.message


@pytest.mark.parametrize("make", [captions, panoptic])
def test_without_boxes_there_is_nothing_to_read(tmp_path: Path, make: Any) -> None:
    path = write(tmp_path / "some.json", make({1: "a.jpg"}))
    for source in (path, tmp_path):
        with pytest.raises(FormatError, match="no COCO file with boxes"):
            read_source(source)


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize(
    "names", [("a.json", "b.json"), ("all.json", "train.json"), ("v1/labels.json", "v2/labels.json")]
)
def test_files_of_the_same_images_are_never_merged(tmp_path: Path, names: tuple[str, str], there: bool) -> None:
    if there:
        image(tmp_path / "images" / "a.jpg")
        image(tmp_path / "images" / "b.jpg")
    elif "/" in names[0]:
        return  # without the images, each folder may have an a.jpg of its own
    write(tmp_path / names[0], tree({1: "a.jpg", 2: "b.jpg"}))
    write(tmp_path / names[1], tree({5: "a.jpg"}))
    with pytest.raises(FormatError, match="never merged") as told:
        read_source(tmp_path)
    assert all(str(Path(name).name) in str(told.value) for name in names)


def test_the_same_names_in_two_sides_are_other_images(tmp_path: Path) -> None:
    for side in ("train", "val"):
        image(tmp_path / side / "1.jpg")
        write(tmp_path / "annotations" / f"instances_{side}.json", tree({1: "1.jpg"}))
    seen = check(tmp_path)
    assert (seen.images, seen.annotations) == (2, 2) and not seen.reading.problems
    (tmp_path / "val" / "1.jpg").unlink()
    seen = check(tmp_path)
    assert codes(seen.reading) == ["missing-picture"] and [r.side for r in seen.reading.pictures] == ["train", "val"]


def test_one_image_in_two_files_is_told_and_no_question(tmp_path: Path) -> None:
    for name in "abcdef":
        image(tmp_path / f"{name}.jpg")
    write(tmp_path / "train.json", tree({1: "a.jpg", 2: "b.jpg", 3: "c.jpg"}))
    write(tmp_path / "val.json", tree({1: "c.jpg", 2: "d.jpg", 3: "e.jpg", 4: "f.jpg"}))
    seen = check(tmp_path)
    assert codes(seen.reading) == ["duplicate-picture"] and seen.images == 6


def test_a_file_whose_annotations_are_empty_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "gt.json", tree({1: "a.jpg", 2: "b.jpg"}, boxes=[]))
    reading = read_source(path)
    assert all(r.labelled for r in reading.pictures) and codes(reading) == ["nothing-annotated"]
    for missing in (None, ...):
        content = tree({1: "a.jpg"}, boxes=[], annotations=None)
        if missing is ...:
            del content["annotations"]
        write(path, content)
        assert not read_source(path).pictures[0].labelled
        with pytest.raises(FormatError, match="nobody has labelled"):
            read_truth(path)


NAMES = {
    "images\\a.jpg": "spelling", "./images//a.jpg": "", "C:\\line 1\\images\\a.jpg": "path end", "/mnt/x/a.jpg": "path end",
    "../../upload/4/a.jpg": "path end", "IMAGES/A.JPG": "case", "a.jpg": "", "images/a.jpg": "",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_that_other_machines_write(tmp_path: Path, name: str) -> None:
    image(tmp_path / "images" / "a.jpg")
    path = write(tmp_path / "gt.json", tree({1: name}))
    for source in (tmp_path, path):
        seen = check(source)
        assert (seen.images, seen.annotations) == (1, 1)
        assert codes(seen.reading) == (["other-file-names"] if NAMES[name] else [])
        assert ".." not in seen.reading.pictures[0].file_name


def test_names_are_never_guessed_between_two_images(tmp_path: Path) -> None:
    for name in ("x/1.jpg", "y/1.jpg", "train/2.jpg", "val2017/3.jpg"):
        image(tmp_path / name)
    write(tmp_path / "gt.json", tree({1: "C:\\data\\1.jpg", 2: "C:\\data\\val\\2.jpg", 3: "C:\\train2017\\3.jpg"}))
    seen = check(tmp_path)
    assert seen.images == 0
    assert codes(seen.reading) == ["ambiguous-file-names", *["missing-picture"] * 3]


def test_an_image_of_train_is_not_taken_for_one_that_val_lacks(tmp_path: Path) -> None:
    image(tmp_path / "train" / "1.jpg")
    image(tmp_path / "val" / "2.jpg")
    write(tmp_path / "annotations" / "val.json", tree({1: "1.jpg", 2: "2.jpg"}))
    seen = check(tmp_path)
    assert [r.file_name for r in seen.reading.pictures if r.path.is_file()] == ["2.jpg"]
    assert codes(seen.reading) == ["missing-picture"]


def test_a_name_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    image(tmp_path / "outside.jpg")
    image(tmp_path / "data" / "a.jpg")
    write(tmp_path / "data" / "gt.json", tree({1: "../outside.jpg", 2: str(tmp_path / "outside.jpg"), 3: "a.jpg"}))
    seen = check(tmp_path / "data")
    assert seen.images == 1 and codes(seen.reading) == [
        "outside-folder",
        "outside-folder",
        "unknown-image",
        "unknown-image",
    ]


@pytest.mark.parametrize(
    "ids", [["1", "2"], ["01", "1"], ["a", "b"], [2**63 + 1, 2**63 + 2], [1.0, 2.0], [2**60 + 1, 2**60 + 2]]
)
@pytest.mark.parametrize("carefully", [False, True])
def test_ids_of_any_kind_join_images_and_boxes(
    tmp_path: Path, ids: list, carefully: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if carefully:
        read_carefully(monkeypatch)
    one, two = ids
    classes = {one: "spring", two: "pin"}
    content = tree({one: "a.jpg", two: "b.jpg"}, classes, boxes=[(two, one, BOX), (one, two, BOX)])
    path = write(tmp_path / "gt.json", content)
    assert boxes_of(read_source(path)) == {"a.jpg": ["pin"], "b.jpg": ["spring"]}
    truth = read_truth(path)
    said = {truth.file_names[i]: truth.class_names[k] for i, k in zip(truth.image, truth.class_id, strict=True)}
    assert said == {"a.jpg": "pin", "b.jpg": "spring"}
    results = write(tmp_path / "dt.json", [{"image_id": one, "category_id": two, "bbox": BOX, "score": 0.5}])
    found = read_results(results, truth)
    assert truth.file_names[found.image[0]] == "a.jpg" and truth.class_names[found.class_id[0]] == "pin"


def test_texts_and_numbers_of_one_id_are_joined_unless_both_are_listed(tmp_path: Path) -> None:
    path = write(tmp_path / "gt.json", tree({"1": "a.jpg", "02": "b.jpg"}, boxes=[(1, "1", BOX), (2, 1, BOX)]))
    reading = read_source(path)
    assert boxes_of(reading) == {"a.jpg": ["spring"], "b.jpg": []}
    assert codes(reading) == ["other-image-ids", "unknown-image"]  # 2 is not "02"
    write(path, tree({"1": "a.jpg", 1: "b.jpg"}, boxes=[(1, 1, BOX), ("1", 2, BOX)]))
    assert boxes_of(read_source(path)) == {"a.jpg": ["pin"], "b.jpg": ["spring"]}


def test_texts_that_spell_integers_stay_ids(tmp_path: Path) -> None:
    reading = read_source(write(tmp_path / "gt.json", tree({"12": "a.jpg", "7": "b.jpg"}, {"3": "x", "20": "y"})))
    assert [r.image_id for r in reading.pictures] == [12, 7]
    assert (reading.class_names, reading.category_ids) == (["x", "y"], [3, 20]) and not reading.problems


any_id = st.one_of(
    st.integers(-3, 3), st.integers(2**62 - 2, 2**62 + 2), st.integers(2**64 - 3, 2**64), st.integers(-3, 3).map(str),
    st.integers(0, 3).map(lambda n: f"0{n}"), st.floats(-3, 3), st.just(2.0**53), st.text(max_size=2), st.booleans(), st.none(),
)  # fmt: skip


@given(st.lists(any_id, max_size=8), any_id)
def test_no_two_ids_are_taken_for_one(listed: list, asked: Any) -> None:
    ids, rows = Ids(), RowOfId(dict.fromkeys(i for v in listed if (i := as_id(v)) is not None))
    codes = {ids.code(v): as_id(v) for v in listed if as_id(v) is not None}
    assert all(ids.id_of(code) == id for code, id in codes.items())  # type: ignore[arg-type]
    code = ids.code(asked)
    if code is None:
        assert asked not in rows
        return
    joined = int(ids.joined(np.array([code]), list(codes))[0])  # type: ignore[arg-type]
    found = codes.get(joined)
    assert (found is None) == (rows.get(asked) is None)
    if found is not None:
        assert str(found) == str(as_id(asked)) and list(codes.values())[rows[asked]] == found


def test_what_cannot_be_an_id_is_none() -> None:
    assert [as_id(v) for v in (True, 1.5, float("nan"), float("inf"), 2.0**60, "", None, [1], 1 << 200)] == [None] * 9
    assert [as_id(v) for v in (1.0, -0.0, "01", 2**64 - 1)] == [1, 0, "01", 2**64 - 1]
    assert [whole(v) for v in ("12", "012", "-3", "x", 2**62, 5)] == [12, None, -3, None, None, 5]


def test_flags_as_tools_write_them() -> None:
    assert not any(map(as_flag, (0, None, False, "0", "false", "", 0.0, "None")))
    assert all(map(as_flag, (1, True, "1", "true", 1.0, "yes")))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "gt.json", tree({1: "ü.jpg"}), encoding)
    for source in (path, tmp_path):
        assert boxes_of(read_source(source)) == {"ü.jpg": ["spring"]}
    assert read_truth(path).file_names == ["ü.jpg"]
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    with pytest.raises(FormatError, match="gt.json"):
        read_source(path)


def of(boxes: list, *, area: list | None = None, size: tuple[int, int] | None = (60, 80)) -> str:
    found = suspicion(
        np.array(boxes, float).reshape(-1, 4),
        np.full(len(boxes), np.nan) if area is None else np.array(area, float),
        np.array([size or (np.nan, np.nan)] * len(boxes), float).reshape(-1, 2),
    )
    return "" if found is None else found[0]


def test_corners_are_suspected_by_area_and_by_leaving_the_image() -> None:
    corners = [[10, 9, 31, 31], [40, 30, 79, 58], [5, 5, 20, 25]]
    assert of(corners, area=[21 * 22, 39 * 28, 15 * 20]) == "suspected-corners"
    assert of(corners, area=[22 * 23, 40 * 29, 16 * 21]) == "suspected-corners"  # last pixel included
    assert of([[40, 30, 79, 58], [50, 20, 70, 40]]) == "suspected-corners"
    assert of([[40, 30, 79, 58], [50, 20, 70, 40]], size=None) == ""  # without a size nothing speaks for it
    assert of([[40, 30, 79, 58], [50, 20, 70, 40]], area=[79 * 58, 70 * 40]) == "suspected-corners"


def test_right_boxes_are_not_suspected() -> None:
    assert of([]) == ""
    assert of([[0, 0, 1, 1]]) == ""  # one pixel
    assert of([[0, 0, 20, 30]], area=[600]) == ""  # corners and sizes are the same here
    assert of([[1, 1, 80, 60]], area=[4800]) == ""  # leaves its image by rounding
    assert of([[10, 10, 30, 20], [70, 5, 30, 20], [10, 10, 60, 20]]) == ""  # one is cut
    assert of([[0.2, 0.3, 0.5, 0.5], [10, 10, 30, 20], [10, 10, 30, 20]]) == ""


def test_fractions_are_suspected() -> None:
    assert of([[0.1, 0.2, 0.5, 0.5]]) == "suspected-fractions"
    assert of([[0.1, 0.2, 0.5, 0.5], [0, 0, 1, 1], [0.5, 0.5, 0.9, 0.9]]) == "suspected-fractions"


@given(st.integers(0, 10_000))
def test_random_right_files_are_not_suspected(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    size = np.array([60.0, 80.0])
    corner = rng.random((n, 2)) * [70, 50]
    sides = rng.random((n, 2)) * ([80, 60] - corner - 1) + 1
    boxes = np.concatenate([corner, sides], axis=1).round(1)
    area = boxes[:, 2] * boxes[:, 3] * np.where(rng.random(n) < 0.5, 1.0, rng.random(n))
    assert suspicion(boxes, area if n > 3 else area * np.nan, np.tile(size, (n, 1))) is None


@pytest.mark.parametrize("name", ["cases/metrics/coco_val2014_100/gt.json", "cases/metrics/pcb_rule_detector/gt.json",
    "cases/metrics/tm_no_detection/gt.json", "data/nuclei_dsb2018/annotations/fixed.json", "data/litter_boxes/taco/annotations.json",
    "cases/formats/coco_instances"])  # fmt: skip
def test_real_files_are_not_suspected(name: str, shared) -> None:
    reading = read_source(shared(name))
    assert not [
        code for code in reading.counts if code[0].startswith(("suspected", "other-", "root", "unused", "left"))
    ]


def test_a_folder_that_nobody_named_is_not_searched_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("x/a.jpg", "x/b.jpg", "x/c.jpg"):
        image(tmp_path / name)
    path = write(tmp_path / "gt.json", tree({1: "C:\\a.jpg"}))
    assert check(path).images == 1
    monkeypatch.setattr(coco_pictures, "_MOST_UNASKED", 4)
    assert check(path).images == 0
    assert check(tmp_path).images == 1


def test_an_image_that_is_missing_where_it_should_be_is_not_looked_for_elsewhere(tmp_path: Path) -> None:
    for name in ("images/1.jpg", "masks/1.jpg", "masks/2.jpg", "cam2/3.jpg"):
        image(tmp_path / name)
    for names in (
        {1: "1.jpg", 2: "2.jpg"},  # beside 1.jpg, in images
        {1: "images/1.jpg", 2: "images/2.jpg"},
        {1: "images\\1.jpg", 2: "images\\2.jpg"},
        {1: "images/1.jpg", 2: "D:\\line\\cam1\\3.jpg"},  # another camera's
    ):
        write(tmp_path / "annotations" / "gt.json", tree(names))
        seen = check(tmp_path)
        found = [str(r.path.relative_to(tmp_path)) for r in seen.reading.pictures if r.path.is_file()]
        assert found == ["images/1.jpg"], names


def test_a_name_that_no_disk_can_hold_is_a_missing_image(tmp_path: Path) -> None:
    """Of 999 characters: more than a file system takes, fewer than were looked up."""
    path = write(tmp_path / "a.json", tree({1: "x" * 995 + ".png", 2: "b.png"}))
    assert any(problem.severity == "error" for problem in check(path).reading.problems)
    assert read_truth(path).file_names == ["x" * 995 + ".png", "b.png"]
