"""Keypoints and polygons without kpt_shape: read by what all lines show, told where they do not show it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from boxwright.images import write_jpeg
from boxwright.ingestion import Reading, read_source
from boxwright.ingestion.formats.yolo_pose import look_at_lines


def pose(rng: np.random.Generator, lines: int, points: int, values: int) -> np.ndarray:
    """Boxes anywhere, their keypoints inside."""
    size = rng.uniform(0.05, 0.3, (lines, 2))
    centre = rng.uniform(size / 2, 1 - size / 2)
    spots = centre[:, None] + (rng.random((lines, points, 2)) - 0.5) * size[:, None]
    if values == 3:
        spots = np.concatenate([spots, rng.integers(0, 3, (lines, points, 1))], axis=2)
    return np.concatenate([np.zeros((lines, 1)), centre, size, spots.reshape(lines, -1)], axis=1)


def polygons(rng: np.random.Generator, lines: int, corners: int) -> np.ndarray:
    """Outlines around centres anywhere."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, (lines, corners)))
    radius = rng.uniform(0.02, 0.15, (lines, 1))
    centre = rng.uniform(radius, 1 - radius, (lines, 2))[:, None]
    spots = centre + radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=2)
    return np.concatenate([np.zeros((lines, 1)), spots.reshape(lines, -1)], axis=1)


@pytest.mark.parametrize("points", [1, 2, 3, 4, 17, 21])
def test_visibility_is_sure(points: int) -> None:
    found = look_at_lines(pose(np.random.default_rng(points), 40, points, 3))
    assert (found.shape, found.sure) == ((points, 3), True)


@pytest.mark.parametrize("points", [4, 5, 17, 21])
def test_points_in_their_box_are_taken_for_keypoints_and_an_error(points: int) -> None:
    found = look_at_lines(pose(np.random.default_rng(points), 40, points, 2))
    assert (found.shape, found.sure, found.severity) == ((points, 2), True, "error")


@pytest.mark.parametrize("seed", range(20))
def test_polygons_are_never_taken_for_keypoints(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for corners in (3, 4, 5, 6, 8, 12):
        for lines in (1, 2, 3, 10, 100):
            assert not look_at_lines(polygons(rng, lines, corners)).sure


def test_a_few_lines_are_told_and_rotated_boxes_are_not() -> None:
    rng = np.random.default_rng(0)
    assert look_at_lines(pose(rng, 2, 5, 2)).shape == (5, 2)
    assert not look_at_lines(pose(rng, 2, 5, 2)).sure
    assert look_at_lines(polygons(rng, 50, 4)).shape is None
    assert look_at_lines(np.zeros((0, 5))).shape is None


def dataset(folder: Path, rows: np.ndarray, *, yaml: str = "names: [x]\n") -> Reading:
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    (folder / "data.yaml").write_text(yaml)
    for number, row in enumerate(rows):
        (folder / "images" / f"{number}.jpg").write_bytes(write_jpeg(np.full((48, 64, 3), number, np.uint8)))
        (folder / "labels" / f"{number}.txt").write_text(" ".join(f"{v:g}" for v in row) + "\n")
    return read_source(folder)


def boxes(reading: Reading) -> np.ndarray:
    return np.concatenate([record.boxes.boxes_xyxy for record in reading.pictures])


def of_rows(rows: np.ndarray) -> np.ndarray:
    low, high = rows[:, 1:3] - rows[:, 3:5] / 2, rows[:, 1:3] + rows[:, 3:5] / 2
    return np.concatenate([low, high], axis=1) * [64, 48, 64, 48]


@pytest.mark.parametrize(("points", "values"), [(17, 3), (4, 3), (5, 2)])
@pytest.mark.parametrize("said", [True, False])
def test_the_box_of_keypoints_is_read(points: int, values: int, said: bool, tmp_path: Path) -> None:
    rows = pose(np.random.default_rng(1), 6, points, values)
    yaml = f"names: [x]\nkpt_shape: [{points}, {values}]\n" if said else "names: [x]\n"
    reading = dataset(tmp_path, rows, yaml=yaml)
    assert np.allclose(boxes(reading), of_rows(rows), atol=1e-2)
    codes = {p.code for p in reading.problems}
    assert codes == {"keypoints-left-out"} | (set() if said else {"keypoints-by-look"})
    assert f"6 lines have {points} keypoints" in reading.problems[-1].message
    if not said:
        assert f"`kpt_shape: [{points}, {values}]`" in reading.problems[0].message


def test_outlines_of_one_length_are_told(tmp_path: Path) -> None:
    reading = dataset(tmp_path, polygons(np.random.default_rng(2), 6, 7))
    assert dict(reading.turned) == {"polygon": 6}
    told = {p.code: p.message for p in reading.problems}
    assert "`kpt_shape: [5, 2]`" in told["keypoints-or-polygon"]


def test_lines_that_kpt_shape_does_not_fit(tmp_path: Path) -> None:
    rows = pose(np.random.default_rng(3), 2, 4, 2)
    reading = dataset(tmp_path, rows, yaml="names: [x]\nkpt_shape: [5, 2]\n")
    assert not len(boxes(reading))
    assert "expected 15 columns (a box and keypoints of shape [5, 2]) or 5; found 13" in reading.problems[0].message


@pytest.mark.parametrize("shape", ["17", "[17]", "[17, 4]", "[a, 2]", "[0, 2]", "[true, 2]", "{}"])
def test_a_kpt_shape_that_is_none(shape: str, tmp_path: Path) -> None:
    from boxwright.errors import FormatError

    with pytest.raises(FormatError, match="kpt_shape must be"):
        dataset(tmp_path, np.zeros((1, 5)), yaml=f"names: [x]\nkpt_shape: {shape}\n")
