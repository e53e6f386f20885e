"""Laws of the generated packing line: same arguments same bytes, longer runs only add, labels are what is seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from boxwright.errors import InputError
from boxwright.synthesis import CLASSES, SEASONS, Frame, packing_line, world
from boxwright.synthesis.clips import Clip, plan_clip
from boxwright.synthesis.drawing import LEAST_VISIBLE_PX, NOTHING, Drawing, annotate
from boxwright.synthesis.light import LIGHTINGS, lamp

SIZE_HW = (288, 384)


def _same(one: Frame, other: Frame) -> bool:
    return (
        one.file_name == other.file_name
        and one.conditions == other.conditions
        and np.array_equal(one.picture, other.picture)
        and np.array_equal(one.annotations.boxes_xyxy, other.annotations.boxes_xyxy)
        and np.array_equal(one.annotations.class_id, other.annotations.class_id)
        and np.array_equal(one.annotations.ignore, other.annotations.ignore)
    )


@pytest.fixture(scope="module", params=SEASONS)
def frames(request: pytest.FixtureRequest) -> list[Frame]:
    """Fifty short clips of one season: two blocks of the 25 of which one is empty."""
    return list(packing_line(100, season=request.param, seed=5, frames_per_clip=2))


def _drawings(season: str) -> list[tuple[Clip, Drawing]]:
    clips = [plan_clip(number, season=season, seed=8, frames_per_clip=4) for number in range(9)]
    return [(clip, world.draw_frame(clip, 1, size_hw=SIZE_HW)) for clip in clips]


@pytest.mark.parametrize("season", SEASONS)
def test_same_arguments_give_the_same_bytes(season: str) -> None:
    one, other = (list(packing_line(10, season=season, seed=3)) for _ in range(2))
    assert all(map(_same, one, other)) and len(one) == len(other) == 10


@pytest.mark.parametrize("shorter", [1, 6, 8])
def test_a_longer_run_only_adds_frames(shorter: int) -> None:
    long_run = list(packing_line(11, seed=3))
    short_run = list(packing_line(shorter, seed=3))
    assert len(short_run) == shorter
    assert all(_same(*pair) for pair in zip(short_run, long_run, strict=False))


def test_seeds_and_seasons_share_nothing() -> None:
    runs = [list(packing_line(24, season=season, seed=seed)) for season in SEASONS for seed in (1, 2, 12)]
    clips = [{frame.conditions["clip"] for frame in run} for run in runs]
    names = [frame.file_name for run in runs for frame in run]
    assert len(set.union(*clips)) == sum(map(len, clips)) == len(runs) * 6
    assert len(set(names)) == len(names)
    assert not np.array_equal(runs[0][0].picture, runs[1][0].picture)


def test_a_clip_is_one_camera_and_lighting(frames: list[Frame]) -> None:
    settings = {(f.conditions["clip"], f.conditions["camera"], f.conditions["lighting"]) for f in frames}
    assert len(settings) == 50
    assert all(count == 2 for count in Counter(f.conditions["clip"] for f in frames).values())


def test_boxes_are_valid_and_inside(frames: list[Frame]) -> None:
    for frame in frames:
        assert frame.picture.shape == (*SIZE_HW, 3) and frame.picture.dtype == np.uint8
        boxes = frame.annotations.boxes_xyxy
        assert (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= SIZE_HW[::-1]).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        sides = boxes[:, 2:] - boxes[:, :2]
        assert frame.annotations.ignore[sides.min(axis=1, initial=1e9) < 6].all()


def test_everything_occurs(frames: list[Frame]) -> None:
    classes = np.concatenate([frame.annotations.class_id for frame in frames])
    assert set(classes.tolist()) == set(range(len(CLASSES)))
    assert {f.conditions["camera"] for f in frames} == {"cam-01", "cam-02", "cam-03"}
    assert {f.conditions["lighting"] for f in frames} == set(LIGHTINGS)
    assert 4 <= sum(len(frame.annotations) == 0 for frame in frames) <= 12
    assert 0 < np.concatenate([frame.annotations.ignore for frame in frames]).mean() < 0.2


def _slow_boxes(drawing: Drawing) -> list[tuple[int, int, int, int, bool]]:
    """(x1, y1, x2, y2, ignored) of each visible thing, from the coordinates of its pixels."""
    rows: list[tuple[int, int, int, int, bool]] = []
    for number in sorted(set(drawing.id_map.ravel().tolist()) - {NOTHING}):
        y, x = np.nonzero(drawing.id_map == number)
        if len(x) < LEAST_VISIBLE_PX:
            continue
        box = (int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1)
        hidden = len(x) / drawing.area_px[number] < 0.25
        rows.append((*box, hidden or min(box[2] - box[0], box[3] - box[1]) < 6))
    return rows


@pytest.mark.parametrize("season", SEASONS)
def test_boxes_are_tight_around_the_id_map(season: str) -> None:
    for clip, drawing in _drawings(season):
        annotations = annotate(drawing, {i: item.class_id for i, item in enumerate(clip.items)})
        found = [
            (*box, bool(skip)) for box, skip in zip(annotations.boxes_xyxy.tolist(), annotations.ignore, strict=True)
        ]
        assert found == _slow_boxes(drawing)


def _in_colour(clip: Clip, number: int, grey: int) -> NDArray[np.float64]:
    """(h, w) the clip's second frame with one thing all in one grey, before the light."""
    item = clip.items[number]
    sprite = replace(item.sprite, rgb=np.full_like(item.sprite.rgb, grey), side_rgb=(grey, grey, grey))
    items = (*clip.items[:number], replace(item, sprite=sprite), *clip.items[number + 1 :])
    return world.draw_frame(replace(clip, items=items), 1, size_hw=SIZE_HW).picture[..., 0].astype(np.float64)


@pytest.mark.parametrize("season", SEASONS)
def test_the_id_map_is_what_the_picture_shows(season: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thing painted white less the same painted black is its share of each pixel, once shadows are off."""
    monkeypatch.setattr(world, "lamp", lambda season, lighting: replace(lamp(season, lighting), shade=0.0))
    for clip, drawing in _drawings(season):
        for number in list(drawing.area_px)[:6]:
            share = (_in_colour(clip, number, 255) - _in_colour(clip, number, 0)) / 255
            owned = drawing.id_map == number
            assert (share[owned] > 0.12).all()  # half, less what two soft edges on top may take
            assert (share[~owned] < 0.52).all()


def test_what_a_thing_leaves_behind_is_someone_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    clip, drawing = _drawings("summer")[0]
    top = max(drawing.area_px, key=lambda n: int((drawing.id_map == n).sum()))
    without = world.draw_frame(replace(clip, items=clip.items[:top] + clip.items[top + 1 :]), 1, size_hw=SIZE_HW)
    theirs = np.where(without.id_map >= top, without.id_map + 1, without.id_map)
    elsewhere = drawing.id_map != top
    assert np.array_equal(theirs[elsewhere], drawing.id_map[elsewhere])


@pytest.mark.parametrize("size_hw", [(64, 64), (240, 320), (301, 457), (480, 300)])
def test_any_size_works(size_hw: tuple[int, int]) -> None:
    for frame in packing_line(9, seed=1, size_hw=size_hw, frames_per_clip=1):
        assert frame.picture.shape == (*size_hw, 3)
        assert (frame.annotations.boxes_xyxy[:, 2:] <= size_hw[::-1]).all()


def test_zero_frames_is_ordinary() -> None:
    assert list(packing_line(0, seed=1)) == []


def test_unknown_season_names_the_known_ones_at_once() -> None:
    with pytest.raises(InputError, match=r"^Season 'spring' is not known; the line runs in summer and winter\.$"):
        packing_line(3, season="spring", seed=1)


@pytest.mark.parametrize("wrong", [{"frames": -1}, {"seed": -1}, {"frames_per_clip": 0}, {"size_hw": (20, 300)}])
def test_wrong_figures_are_refused_at_once(wrong: dict[str, object]) -> None:
    arguments: dict[str, object] = {"frames": 1, "seed": 1, **wrong}
    with pytest.raises(InputError):
        packing_line(**arguments)  # type: ignore[arg-type]
