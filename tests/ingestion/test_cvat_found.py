"""CVAT's XML as it comes out of tasks, jobs, projects and videos."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tests.ingestion.looked import Looked, images, looked

LABELS = "<labels><label><name>bolt</name></label><label><name>nut</name></label></labels>"
BOLT = ("bolt", 1.0, 2.0, 10.0, 10.0)


def box(x: float, *, label: str = "", frame: int | None = None, outside: int = 0, more: str = "") -> str:
    place = f'frame="{frame}" outside="{outside}" keyframe="1" ' if frame is not None else ""
    named = f'label="{label}" ' if label else ""
    return f'<box {place}{named}occluded="0" xtl="{x}" ytl="2" xbr="{x + 10}" ybr="12" {more}/>'


def track(*shapes: str, label: str = "bolt", more: str = "") -> str:
    return f'<track id="0" label="{label}" {more}>{"".join(shapes)}</track>'


def image(name: str, label: str, x: float, *, subset: str = "", more: str = "") -> str:
    folder = f'subset="{subset}" ' if subset else ""
    return f'<image id="{x}" name="{name}" {folder}width="64" height="48">{box(x, label=label)}{more}</image>'


def file(body: str, meta: str = "", kind: str = "task") -> str:
    return f"<annotations><version>1.1</version><meta><{kind}>{meta}{LABELS}</{kind}></meta>{body}</annotations>"


def video(
    body: str, size: int | None, start: int = 0, stop: int | None = None, step: int = 1, kind: str = "task"
) -> str:
    words = [f"<size>{size}</size>"] if size else []
    words += [f"<stop_frame>{stop}</stop_frame>"] if stop is not None else []
    words += [f"<start_frame>{start}</start_frame><mode>interpolation</mode><frame_filter>step={step}</frame_filter>"]
    return file(body, "".join(words), kind)


def stills(folder: Path, frames: range, below: str = "images", ending: str = "png") -> None:
    images(folder, *(f"{below}/frame_{n:06d}.{ending}" for n in frames))


def left_edges(found: Looked) -> dict[str, list[float]]:
    return {name.split("/")[-1].split(".")[0][-3:]: [row[1] for row in rows] for name, rows in found.boxes.items()}


def test_a_start_and_a_step(tmp_path: Path) -> None:
    """A track of one keyframe goes on to the last frame of the task, never between its frames."""
    (tmp_path / "a.xml").write_text(video(track(box(5, frame=13)), 4, 10, 21, 3))
    stills(tmp_path, range(10, 22, 3))
    found = looked(tmp_path)
    assert left_edges(found) == {"010": [], "013": [5], "016": [5], "019": [5]}
    assert found.codes == []


@pytest.mark.parametrize("size", [5, None])
def test_the_stop_frame_says_how_many_where_no_size_does(size: int | None, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(video(track(box(0, frame=0), box(10, frame=10)), size, 0, 20, 5))
    stills(tmp_path, range(0, 25, 5))
    assert left_edges(looked(tmp_path)) == {"000": [0], "005": [5], "010": [10], "015": [10], "020": [10]}


def test_tracks_without_meta_lie_on_the_frames_of_the_images(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(f"<annotations>{track(box(0, frame=0), box(10, frame=10))}</annotations>")
    stills(tmp_path, range(0, 15, 5))
    assert left_edges(looked(tmp_path)) == {"000": [0], "005": [5], "010": [10]}


def test_a_job_counts_frames_of_its_task(tmp_path: Path) -> None:
    tracks = track(box(0, frame=10), box(20, frame=20), box(20, frame=25, outside=1))
    (tmp_path / "a.xml").write_text(video(tracks, 4, 2, 5, 5, kind="job"))
    stills(tmp_path, range(10, 30, 5))
    found = looked(tmp_path)
    assert left_edges(found) == {"010": [0], "015": [10], "020": [20], "025": []}
    assert found.codes == []


def test_a_job_of_a_video_with_a_start_frame_lies_on_the_frames_of_its_images(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(video(track(box(0, frame=100), box(10, frame=101)), 3, 0, 2, kind="job"))
    stills(tmp_path, range(100, 103))
    found = looked(tmp_path)
    assert left_edges(found) == {"100": [0], "101": [10], "102": [10]}
    assert found.codes == ["bad-frame"] and "warning" in found.told


def test_frames_off_the_grid_are_left_out_and_told(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        video(track(box(0, frame=0), box(3, frame=3), box(5, frame=5, outside=1)), 2, 0, 5, 5)
    )
    stills(tmp_path, range(0, 10, 5))
    found = looked(tmp_path)
    assert left_edges(found) == {"000": [0], "005": []}
    assert "frame '3' is not one of 0 to 5 in steps of 5" in found.told


def test_two_tasks_of_a_project_number_their_frames_alike(tmp_path: Path) -> None:
    tasks = "".join(
        f"<task><id>{n}</id><size>2</size><mode>interpolation</mode><subset>{s}</subset></task>"
        for n, s in ((1, "Train"), (2, "Test"))
    )
    one = track(box(1, frame=0), more='task_id="1" subset="Train"')
    other = track(box(30, frame=1), label="nut", more='task_id="2" subset="Test"')
    (tmp_path / "a.xml").write_text(file(one + other, f"<tasks>{tasks}</tasks>", "project"))
    stills(tmp_path, range(2), "images/Train")
    stills(tmp_path, range(2), "images/Test")
    found = looked(tmp_path)
    nut = ("nut", 30.0, 2.0, 10.0, 10.0)
    assert found.boxes == {
        "images/Train/frame_000000.png": [BOLT], "images/Train/frame_000001.png": [BOLT],
        "images/Test/frame_000000.png": [], "images/Test/frame_000001.png": [nut],
    }  # fmt: skip
    assert set(found.sides.values()) == {"train", "test"}


def test_two_videos_in_one_folder_have_folders_of_their_names(tmp_path: Path) -> None:
    for cam, x in (("cam1", 1), ("cam2", 30)):
        (tmp_path / f"{cam}.xml").write_text(video(track(box(x, frame=0)), 2))
        stills(tmp_path, range(2), cam)
    found = looked(tmp_path)
    assert {name: rows[0][1] for name, rows in found.boxes.items()} == {
        f"cam{c}/frame_00000{n}.png": x for c, x in ((1, 1.0), (2, 30.0)) for n in (0, 1)
    }


@pytest.mark.parametrize(
    ("names", "size"), [([f"img_{n}.png" for n in range(1, 13)], 12), ([f"img_{n:02d}.png" for n in range(3)], 5)]
)
def test_images_of_other_names_only_in_an_order_beyond_doubt(names: list[str], size: int, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(video(track(box(0, frame=0), box(1, frame=1)), size))
    images(tmp_path, *names)
    found = looked(tmp_path)
    assert found.boxes == {}
    assert "which image is which frame is not clear" in found.told


def test_frames_without_image_and_boxes_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(video(track(box(0, frame=3), box(1, frame=5), box(1, frame=6, outside=1)), 100))
    stills(tmp_path, range(3, 6), ending="jpg")
    found = looked(tmp_path)
    assert left_edges(found) == {"003": [0], "004": [0.5], "005": [1]}
    assert found.codes == ["missing-frames"] and "97 frames" in found.told


def test_turns_are_interpolated_and_outlines_are_not(tmp_path: Path) -> None:
    turned = track(box(10, frame=0, more='rotation="350"'), box(10, frame=2, more='rotation="10"'))
    points = ("1,1;5,1;5,8", "11,1;15,1;15,8")
    outline = "".join(f'<polygon frame="{2 * k}" outside="0" points="{p}"/>' for k, p in enumerate(points))
    (tmp_path / "a.xml").write_text(video(turned + track(outline, label="nut"), 3))
    stills(tmp_path, range(3))
    found = looked(tmp_path)
    rows = list(found.boxes.values())[1]
    assert rows == [("bolt", 10, 2, 10, 10), ("nut", 1, 1, 4, 7)]
    assert found.codes == ["not-interpolated", "turned-upright", "turned-upright"]


def test_a_video_in_which_nobody_found_anything(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(video("", 2))
    stills(tmp_path, range(2))
    assert looked(tmp_path).boxes == {"images/frame_000000.png": [], "images/frame_000001.png": []}


def test_equal_names(tmp_path: Path) -> None:
    """In two files named after sides, and in two tasks' folders."""
    for one, x in (("train", 1), ("val", 30)):
        (tmp_path / "sides").mkdir(exist_ok=True)
        (tmp_path / f"sides/{one}.xml").write_text(file(image("a.png", "bolt", x)))
        images(tmp_path, f"sides/{one}/a.png", f"tasks/{one}1/pics/a.png")
        (tmp_path / f"tasks/{one}1/annotations.xml").write_text(file(image("a.png", "bolt", x)))
    for folder, name in (("sides", "{}/a.png"), ("tasks", "{}1/pics/a.png")):
        found = looked(tmp_path / folder)
        assert {key: rows[0][1] for key, rows in found.boxes.items()} == {
            name.format("train"): 1,
            name.format("val"): 30,
        }
        assert found.codes == []


def test_equal_names_of_two_subsets_and_one_file(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        file(image("a.png", "bolt", 1, subset="Train") + image("a.png", "nut", 2, subset="Test"))
    )
    images(tmp_path, "images/a.png")
    found = looked(tmp_path)
    assert found.boxes == {}
    assert found.codes == ["ambiguous-name", "missing-picture", "missing-picture"]


def test_shapes_without_box_are_told_by_kind(tmp_path: Path) -> None:
    shapes = (
        '<skeleton label="bolt"><points label="1" points="1,2"/></skeleton><cuboid label="bolt" xtl1="1"/><sphere/><sphere/>'
        '<polyline label="bolt" points="1,2;3,4"/><ellipse label="nut" cx="20" cy="20" rx="5" ry="3"/><tag label="nut"/>'
    )
    (tmp_path / "a.xml").write_text(file(image("a.png", "bolt", 1, more=shapes)))
    images(tmp_path, "a.png")
    found = looked(tmp_path)
    assert found.boxes == {"a.png": [BOLT, ("nut", 15, 17, 10, 6)]}
    assert found.codes == ["no-box"] * 5 + ["turned-upright"]
    assert all(f"1 of the kind {kind}" in found.told for kind in ("skeleton", "cuboid", "polyline", "tag"))
    assert "2 of the kind sphere" in found.told


@pytest.mark.parametrize("name", [unicodedata.normalize("NFD", "Öl.png"), "images\\Öl.png", "C:\\x\\Öl.PNG"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_spellings_and_encodings(name: str, encoding: str, tmp_path: Path) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + file(image(name, "bolt", 1))
    (tmp_path / "a.xml").write_bytes(text.encode(encoding))
    images(tmp_path, "images/Öl.png")
    found = looked(tmp_path)
    assert found.boxes == {"images/Öl.png": [BOLT]}
    assert found.codes == ["names-matched"]
