"""The packing line itself: clips planned, frames drawn, labels read off the id map.

Read `packing_line` first. Every frame is a function of season, seed and its own number; nothing is carried from one
frame to the next but the clip's plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.detections import Annotations
from boxwright.errors import InputError
from boxwright.synthesis.cameras import affine_at, background, project, zoom_of
from boxwright.synthesis.clips import Clip, Item, generator_of, plan_clip
from boxwright.synthesis.drawing import NOTHING, Drawing, Stance, annotate
from boxwright.synthesis.light import clip_light, lamp
from boxwright.synthesis.packages import SEASONS
from boxwright.synthesis.sprite import Picture

_LEAST_SIDE_PX = 64


@dataclass(frozen=True)
class Frame:
    """One picture of the line with its exact labels.

    Args:
        file_name: unique across seasons and seeds.
        picture: (h, w, 3) uint8 RGB.
        annotations: the tight boxes of the visible pixels; class_id indexes CLASSES.
        conditions: `camera`, `lighting`, `season` and `clip`; the clip is the group that must not straddle a split.
    """

    file_name: str
    picture: Picture
    annotations: Annotations
    conditions: dict[str, str]


def packing_line(
    frames: int,
    *,
    season: str = "summer",
    seed: int,
    size_hw: tuple[int, int] = (288, 384),
    frames_per_clip: int = 4,
) -> Iterator[Frame]:
    """Frames of the line in one season; the same arguments give the same bytes, and a longer run only adds to it.

    Args:
        frames: how many; 0 is fine.
        season: one of SEASONS.
        seed: 0 or more; clips of two seeds share nothing, not even a name.
        size_hw: (height, width) of each picture in pixels, 64 or more.
        frames_per_clip: consecutive frames of one camera over one load of the belt.

    Raises:
        InputError: at once, not on the first frame.
    """
    if season not in SEASONS:
        raise InputError(f"Season '{season}' is not known; the line runs in {' and '.join(SEASONS)}.")
    if frames < 0 or seed < 0 or frames_per_clip < 1:
        raise InputError(
            "A packing line needs frames >= 0, seed >= 0 and frames_per_clip >= 1; "
            f"found {frames}, {seed} and {frames_per_clip}."
        )
    if min(size_hw) < _LEAST_SIDE_PX:
        raise InputError(f"A picture of the line needs {_LEAST_SIDE_PX} pixels or more a side; found {size_hw}.")
    return _run(frames, season, seed, size_hw, frames_per_clip)


def _run(frames: int, season: str, seed: int, size_hw: tuple[int, int], frames_per_clip: int) -> Iterator[Frame]:
    for number in range(-(-frames // frames_per_clip)):
        clip = plan_clip(number, season=season, seed=seed, frames_per_clip=frames_per_clip)
        rng = generator_of(season, seed, 3, number)
        light = clip_light(clip.camera, season=season, lighting=clip.lighting, size_hw=size_hw, rng=rng)
        for index in range(min(frames_per_clip, frames - number * frames_per_clip)):
            drawing = draw_frame(clip, index, size_hw=size_hw)
            yield Frame(
                file_name=f"{season}-s{seed}-{clip.camera.name}-clip-{number:04d}-{index:03d}.jpg",
                picture=light.expose(drawing.picture, rng),
                annotations=annotate(drawing, {i: item.class_id for i, item in enumerate(clip.items)}),
                conditions={
                    "camera": clip.camera.name,
                    "lighting": clip.lighting,
                    "season": season,
                    "clip": clip.name,
                },
            )


def draw_frame(clip: Clip, index: int, *, size_hw: tuple[int, int]) -> Drawing:
    """One frame of a clip before light and lens, with its id map; things are numbered as in `clip.items`."""
    travel = clip.step * index
    homography = clip.camera.plane_to_picture(size_hw)
    drawing = Drawing(
        background(clip.camera, travel=travel, size_hw=size_hw), np.full(size_hw, NOTHING, np.int16), area_px={}
    )
    order = sorted(range(len(clip.items)), key=lambda i: _depth(clip.items[i]))
    for number in order:
        item = clip.items[number]
        if abs(item.x + travel) < clip.camera.reach + 20:
            stance = _stance(item, clip, homography, travel)
            drawing.lay(item.sprite, stance, number=number if item.class_id >= 0 else NOTHING)
    _cover(drawing, clip, homography, index)
    return drawing


def _depth(item: Item) -> tuple[bool, float, float]:
    """Clutter first, then by level, then from the far side of the belt to the near one."""
    return item.class_id >= 0, item.level, item.y


def _stance(item: Item, clip: Clip, homography: NDArray[np.float64], travel: float) -> Stance:
    local = affine_at(homography, item.x + travel, item.y)
    zoom = zoom_of(local)
    lean = np.array(clip.camera.lean_xy) * zoom
    turn = np.array([[np.cos(item.angle), -np.sin(item.angle)], [np.sin(item.angle), np.cos(item.angle)]])
    foot = local[:, :2] @ (item.x + travel, item.y) + local[:, 2] + lean * item.level
    shining = lamp(clip.season, clip.lighting)
    lift = np.round(lean * item.sprite.height).astype(int)
    shadow = np.round(local[:, :2] @ shining.shadow_xy * (item.sprite.height + 0.5)).astype(int)
    return Stance(
        affine=np.concatenate([local[:, :2] @ turn, foot[:, None]], axis=1),
        lift_xy=(int(lift[0]), int(lift[1])),
        shadow_xy=(int(shadow[0]), int(shadow[1])),
        shade=shining.shade,
    )


def _cover(drawing: Drawing, clip: Clip, homography: NDArray[np.float64], index: int) -> None:
    """What hangs before the camera: a bar over the belt, a robot's arm that swings a little."""
    if clip.bar is not None:
        for low, high, colour in ((0.0, 5.0, (92, 96, 102)), (1.2, 2.4, (150, 154, 160))):
            x1, x2 = clip.bar + low, clip.bar + high
            drawing.cover(project(homography, np.array([(x1, -42.0), (x2, -42.0), (x2, 42.0), (x1, 42.0)])), colour)
    if clip.arm is not None:
        x, y = clip.arm[0] + 2.0 * index, clip.arm[1] + 1.5 * index
        zoom = zoom_of(affine_at(homography, x, y))
        wrist_x, wrist_y = project(homography, np.array([(x, y)]))[0]
        for low, high, colour in ((-3.0, 3.0, (214, 118, 36)), (-1.0, 0.6, (160, 84, 24))):  # up, out of the picture
            left, right = wrist_x + low * zoom, wrist_x + high * zoom
            slant = 0.12 * wrist_y
            drawing.cover(
                np.array([(left, wrist_y), (right, wrist_y), (right + slant, -4), (left + slant, -4)]), colour
            )
        for at in (-4.6, 3.0):
            jaw = np.array([(x + at, y - 2), (x + at + 1.6, y - 2), (x + at + 1.6, y + 6), (x + at, y + 6)])
            drawing.cover(project(homography, jaw), (58, 60, 66))
        wrist = np.array([(x - 5.2, y - 2.5), (x + 5.2, y - 2.5), (x + 5.2, y + 1.5), (x - 5.2, y + 1.5)])
        drawing.cover(project(homography, wrist), (84, 88, 94))
