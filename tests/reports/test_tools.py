"""CVAT, Label Studio, Pascal VOC and LabelMe as public reports found them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.ingestion.looked import looked

Report = Callable[[str], Path]


def test_cvat_images_of_a_video_have_no_ending(report: Report) -> None:
    found = looked(report("cvat_images_of_video"))
    assert found.boxes == {f"images/frame_{n:06d}.PNG": [("bolt", float(n), 2.0, 10.0, 10.0)] for n in (0, 5, 10)}
    assert found.codes == []


def test_cvat_masks_have_a_box_and_tags_none(report: Report) -> None:
    found = looked(report("cvat_masks_and_tags"))
    assert found.boxes == {"images/a.png": [("bolt", 10, 20, 4, 6), ("nut", 1, 2, 10, 10)]}
    assert found.codes == ["no-box", "turned-upright"]
    assert "1 of the kind tag" in found.told


def test_cvat_the_same_name_in_two_subsets_is_two_images(report: Report) -> None:
    found = looked(report("cvat_same_name_two_tasks"))
    assert found.boxes == {
        "images/Train/a.png": [("bolt", 1, 2, 10, 10)],
        "images/Validation/a.png": [("nut", 30, 2, 10, 10)],
    }
    assert found.sides == {"images/Train/a.png": "train", "images/Validation/a.png": "val"}
    assert found.codes == []


def test_cvat_a_video_with_a_frame_step(report: Report) -> None:
    found = looked(report("cvat_video_frame_step"))
    bolts = {n: [("bolt", float(n), 5.0, 10.0, 10.0)] for n in (0, 5, 10, 15, 20)}
    nuts = {n: [("nut", 30.0, 5.0, 10.0, 10.0)] for n in (40, 45)}
    assert found.boxes == {f"images/frame_{n:06d}.png": (bolts | nuts).get(n, []) for n in range(0, 50, 5)}
    assert found.codes == []


def test_cvat_a_video_with_a_start_frame(report: Report) -> None:
    found = looked(report("cvat_video_start_frame"))
    wanted = {n: [("bolt", (n - 100) * 5.0, 5.0, 10.0, 10.0)] for n in range(100, 105)}
    assert found.boxes == {f"images/frame_{n:06d}.png": wanted.get(n, []) for n in range(100, 110)}
    assert found.codes == []


def test_label_studio_pages(report: Report) -> None:
    found = looked(report("ls_pages_item_index"))
    assert found.boxes == {"images/p0.png": [("bolt", 16, 12, 32, 24)], "images/p1.png": [("nut", 32, 24, 16, 12)]}
    assert found.codes == []


def test_label_studio_two_images_in_a_task(report: Report) -> None:
    found = looked(report("ls_two_images_in_task"))
    assert found.boxes == {
        "images/left.png": [("bolt", 16, 12, 32, 24)],
        "images/right.png": [("nut", 40, 30, 20, 15), ("nut", 8, 6, 20, 15)],
    }
    assert found.codes == []


def test_label_studio_two_labels_on_one_region(report: Report) -> None:
    found = looked(report("ls_two_labels_one_region"))
    both = [("vehicle", 16, 12, 32, 24), ("truck", 16, 12, 32, 24), ("vehicle", 0, 0, 16, 12)]
    assert found.boxes == {"images/a.png": both}
    assert found.codes == ["duplicate-box"]


def test_voc_odd_texts(report: Report) -> None:
    found = looked(report("voc_odd_texts"))
    names = {"a": "bolt", "b": "bolt", "c": "螺栓", "d": "bolt", "e": "bolt"}
    assert found.boxes == {f"JPEGImages/{stem}.png": [(name, 10, 12, 20, 24)] for stem, name in names.items()}
    assert found.codes == ["other-filename"]
    assert "'b.jpg' for 'b.png'" in found.told


def test_voc_fractions_stay_and_edges_are_told(report: Report) -> None:
    found = looked(report("voc_subpixel_and_edges"))
    assert found.boxes["p.png"] == [("spring", 11.5, 9.25, 29.0, 25.5)]
    assert found.boxes["q.png"] == [("spring", 0, 0, 80, 60)]
    assert found.codes == ["counted-from-0", "other-filename", "outside-picture"]
    assert "q.xml its <filename> 'other.png' is another file" in found.told
    assert "leaves the 80x60 picture and was cut to it" in found.told


def test_labelme_paths_of_windows(report: Report) -> None:
    found = looked(report("labelme_windows_path"))
    assert found.boxes == {f"images/{n}.png": [("bolt", 10, 12, 20, 24)] for n in "ab"}
    assert found.codes == ["names-matched", "names-matched"]
    assert "'C:\\Users\\someone\\pics\\b.png' with 'images/b.png'" in found.told
