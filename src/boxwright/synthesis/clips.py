"""Clips: a few consecutive frames of one camera over one load of the belt.

A clip is planned once, from its number and the season's seed alone, and drawn frame by frame as the belt moves on. Its
frames are near-duplicates, so a clip is the group that must not straddle a split.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from boxwright.synthesis.cameras import CAMERAS, Camera
from boxwright.synthesis.clutter import paint_clutter
from boxwright.synthesis.light import LIGHTINGS
from boxwright.synthesis.packages import CLASSES, SEASONS, paint_package
from boxwright.synthesis.sprite import Sprite

_EMPTY_EVERY = 25
_EDGE = 6.0


@dataclass(frozen=True)
class Item:
    """One thing on the belt.

    Args:
        sprite: how it looks.
        class_id: index into CLASSES, or -1 for clutter.
        x: along the belt in the clip's first frame, world units.
        y: across the belt, world units.
        angle: radians.
        level: height of what it lies on, world units.
    """

    sprite: Sprite
    class_id: int
    x: float
    y: float
    angle: float
    level: float


@dataclass(frozen=True)
class Clip:
    """One load of the belt before one camera.

    Args:
        name: unique across seasons and seeds.
        season: one of SEASONS.
        camera: who looks.
        lighting: one of LIGHTINGS.
        items: everything on the belt, lowest first.
        step: how far the belt moves between frames, world units.
        arm: where a robot's gripper hangs, (x, y) on the belt, or None.
        bar: x of a bar across the belt that never moves, or None.
    """

    name: str
    season: str
    camera: Camera
    lighting: str
    items: tuple[Item, ...]
    step: float
    arm: tuple[float, float] | None
    bar: float | None


def generator_of(season: str, seed: int, *numbers: int) -> np.random.Generator:
    """A generator that depends on nothing but its arguments."""
    return np.random.default_rng([seed, SEASONS.index(season), *numbers])


def plan_clip(number: int, *, season: str, seed: int, frames_per_clip: int) -> Clip:
    """The clip of that number: same arguments, same clip.

    Every nine clips see each camera in each lighting once; one clip in 25 has no package.
    """
    deck = generator_of(season, seed, 0, number // 9).permutation(9)
    camera_index, lighting_index = divmod(int(deck[number % 9]), 3)
    camera, rng = CAMERAS[camera_index], generator_of(season, seed, 1, number)
    step = float(rng.uniform(2.5, 5.5))
    reach = camera.reach + 8
    span = (-reach - step * (frames_per_clip - 1), reach)
    clutter = _clutter(season, span, rng)
    empty = number % _EMPTY_EVERY == int(generator_of(season, seed, 2).integers(_EMPTY_EVERY))
    packages = () if empty else _load(season, span, rng)
    return Clip(
        name=f"{season}-s{seed}-clip-{number:04d}",
        season=season,
        camera=camera,
        lighting=LIGHTINGS[lighting_index],
        items=(*clutter, *packages),
        step=step,
        arm=(float(rng.uniform(-30, 30)), float(rng.uniform(-20, 20))) if rng.random() < 0.16 else None,
        bar=float(rng.uniform(-40, 40)) if rng.random() < 0.12 else None,
    )


def _clutter(season: str, span: tuple[float, float], rng: np.random.Generator) -> tuple[Item, ...]:
    """Unannotated things, under the packages."""
    per_unit = {"summer": 0.012, "winter": 0.024}[season]
    count = rng.poisson(per_unit * (span[1] - span[0]))
    return tuple(
        Item(paint_clutter(season, rng), -1, *_spot(span, rng), angle=_angle(rng), level=0.0) for _ in range(count)
    )


def _spot(span: tuple[float, float], rng: np.random.Generator) -> tuple[float, float]:
    limit = 32.0 - _EDGE
    return float(rng.uniform(*span)), float(rng.uniform(-limit, limit))


def _angle(rng: np.random.Generator) -> float:
    return float(rng.uniform(0, 2 * np.pi))


def _load(season: str, span: tuple[float, float], rng: np.random.Generator) -> tuple[Item, ...]:
    """Packages spread along the belt, and at times a pile of them; a pile's members lie on each other."""
    per_unit = float(rng.choice([0.03, 0.05, 0.075], p=[0.3, 0.45, 0.25]))
    count = max(2, rng.poisson(per_unit * (span[1] - span[0])))
    items: list[Item] = []
    for _ in range(count):
        _try_to_add(items, season, span, rng)
    if rng.random() < 0.22:
        centre = _spot((span[0] * 0.5, span[1] * 0.5), rng)
        for layer in range(int(rng.integers(4, 8))):
            x, y = np.array(centre) + rng.normal(0, 8.5, 2)
            package = _package(season, rng)
            items.append(Item(package[1], package[0], float(x), float(np.clip(y, -26, 26)), _angle(rng), 1.5 * layer))
    return tuple(items)


def _package(season: str, rng: np.random.Generator) -> tuple[int, Sprite]:
    class_id = int(rng.integers(len(CLASSES)))
    scale = float(rng.uniform(0.55, 0.7)) if rng.random() < 0.15 else float(rng.uniform(0.85, 1.15))
    return class_id, paint_package(class_id, season, rng, scale=scale)


def _try_to_add(items: list[Item], season: str, span: tuple[float, float], rng: np.random.Generator) -> None:
    """Adds a package where it hides little of the others; gives up after a few places."""
    class_id, sprite = _package(season, rng)
    radius = _radius(sprite)
    for _ in range(12):
        x, y = _spot(span, rng)
        if all(np.hypot(x - o.x, y - o.y) > 0.8 * (radius + _radius(o.sprite)) for o in items):
            items.append(Item(sprite, class_id, x, y, _angle(rng), 0.0))
            return


def _radius(sprite: Sprite) -> float:
    """Half the mean side, world units."""
    return sum(sprite.alpha.shape) / 16
