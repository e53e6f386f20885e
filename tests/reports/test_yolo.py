"""YOLO datasets after public reports: the boxes that are there, and a word for each that is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from boxwright.cli.main import run
from boxwright.ingestion import Checked, check

Report = Callable[[str], Path]
POSE_BOX = [[24.0, 12.0, 40.0, 36.0]]  # x=24 y=12 w=16 h=24


def boxes(found: Checked) -> dict[str, list[list[float]]]:
    return {Path(r.file_name).name: np.round(r.boxes.boxes_xyxy, 3).tolist() for r in found.reading.pictures}


def sides(found: Checked) -> dict[str, str]:
    return {Path(r.file_name).name: r.side for r in found.reading.pictures}


def told(found: Checked, code: str) -> list[str]:
    return [f"{p.severity} {p.where}: {p.message}" for p in found.reading.problems if p.code == code]


@pytest.mark.parametrize("name", ["yolo_pose_labels", "yolo_pose_5x2"])
def test_the_box_of_a_pose_line(name: str, report: Report) -> None:
    found = check(report(name))
    assert boxes(found) == {"a.png": POSE_BOX, "b.png": POSE_BOX}
    assert not found.reading.turned
    (left_out,) = told(found, "keypoints-left-out")
    assert f"2 lines have {4 if name == 'yolo_pose_labels' else 5} keypoints" in left_out


def test_labels_beside_images_in_a_folder_called_images(report: Report) -> None:
    found = check(report("yolo_label_beside_in_images"))
    assert {name: len(rows) for name, rows in boxes(found).items()} == {"1.png": 1, "2.png": 1}
    assert "the only image of val is also in train" in told(found, "subsets-overlap")[0]


def test_labels_nobody_reads(report: Report) -> None:
    found = check(report("yolo_labels_nobody_reads"))
    names = {
        Path(r.file_name).name: [found.reading.class_names[i] for i in r.boxes.class_id] for r in found.reading.pictures
    }
    assert names == {"p.png": ["spring"], "q.png": ["pin"], "r.png": []}
    assert [r.labelled for r in found.reading.pictures] == [True, True, False]
    assert "labels/train/Q.txt: was read as the label of 'images/train/q.png'" in told(found, "label-matched")[0]
    (orphan,) = told(found, "orphan-label")
    assert orphan.startswith("error labels/train/z.txt: is the label of no image here")


def test_a_list_of_another_machine(report: Report) -> None:
    found = check(report("yolo_list_absolute"))
    assert sides(found) == {"1.png": "train", "2.png": "train", "3.png": "train", "4.png": "val", "5.png": "val"}
    assert len(told(found, "list-matched")) == 2


def test_a_list_is_the_set(report: Report) -> None:
    found = check(report("yolo_list_excludes"))
    assert sides(found) == {"1.png": "train", "2.png": "train", "3.png": "train", "9.png": "val"}
    (left_out,) = told(found, "unlisted-picture")
    assert "2 images here, the first 'images/train/4.png'" in left_out and "left out" in left_out
    assert not told(found, "orphan-label")


def test_lines_that_name_no_image(report: Report) -> None:
    found = check(report("yolo_list_typo"))
    train, val = told(found, "list-names-no-image")
    assert "train.txt: 2 of 5 lines" in train and "'images/77.png'" in train
    assert "val.txt: 2 of 2 lines" in val and "'pictures/4.png'" in val
    assert sides(found) == {"1.png": "train", "2.png": "train", "3.png": "train"}
    assert "2 images here, the first 'images/4.png'" in told(found, "unlisted-picture")[0]


def test_names_are_read_as_written(report: Report) -> None:
    found = check(report("yolo_names_numbers"))
    assert found.reading.class_names == ["02146", "21008"]
    assert found.annotations == 2


def test_val_that_is_train(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    folder = report("yolo_train_is_val")
    found = check(folder)
    assert set(sides(found).values()) == {"train"}
    assert told(found, "subsets-overlap")[0].startswith("error data.yaml: all 3 images of val are also in train")
    assert run(["check", str(folder)]) == 1
    capsys.readouterr()


def test_one_label_for_two_images_is_given_to_neither(report: Report) -> None:
    found = check(report("yolo_two_endings_one_label"))
    assert boxes(found) == {"a.jpg": [], "a.png": []}
    assert found.unlabelled == 2
    (shared,) = told(found, "shared-label")
    assert "labels/a.txt: is the label file of 2 images alike ('images/a.jpg', 'images/a.png')" in shared


def test_upper_case_folders_and_endings(report: Report) -> None:
    found = check(report("yolo_upper_case"))
    assert (found.annotations, found.unlabelled) == (1, 0)
    assert "Labels/Train/a.TXT: was read as the label of 'Images/Train/a.PNG'" in told(found, "label-matched")[0]


def test_folders_that_are_not_there(report: Report) -> None:
    found = check(report("yolo_yaml_names_missing_folder"))
    train, val = told(found, "missing-entry")
    assert "'images/train' for train, which is not there" in train
    assert "'images/val' for val, which is not there" in val
    assert sides(found) == {"1.png": "", "2.png": "", "3.png": ""}


@pytest.mark.parametrize("given", ["set/dataset.yaml", "set", "."])
def test_a_yaml_file_of_another_name(given: str, report: Report) -> None:
    found = check(report("yolo_yaml_other_name") / given)
    assert (found.images, found.annotations, found.reading.class_names) == (5, 5, ["bolt"])


@pytest.mark.parametrize(
    ("name", "images", "annotations", "classes"),
    [
        ("aerial_cars", 49, 954, ["car", "truck", "bus", "minibus", "cyclist"]),
        ("apple_orchard/AppleBBCH76", 250, 2611, ["apple"]),
    ],
)
def test_real_folders_without_a_yaml_file(name: str, images: int, annotations: int, classes: list[str], shared) -> None:
    from boxwright.ingestion import check_reading, read_source

    reading = read_source(shared(f"data/{name}"))
    found = check_reading(reading, depth="header")
    assert (found.images, found.annotations, found.unlabelled) == (images, annotations, 0)
    assert reading.class_names == classes
    assert not [p for p in reading.problems if p.severity == "error"]


def test_apples_in_two_formats(shared) -> None:
    from boxwright.ingestion import check_reading, read_source

    found = check_reading(read_source(shared("data/apple_orchard/AppleBBCH81"), format="yolo"), depth="header")
    assert (found.images, found.annotations, found.unlabelled) == (191, 1459, 1)
