"""What lies on the line and is not a package: tools, tape, stains, paper. Never annotated, so false alarms can happen.

Winter brings three of its own: ice packs (close to a summer pouch), returnable crates, and wet patches that mirror the
lamps.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from boxwright.synthesis.sprite import Canvas, Colour, Sprite, darker, ellipse, jittered, rectangle, rounded

_STEEL: Colour = (150, 154, 160)


def paint_clutter(season: str, rng: np.random.Generator) -> Sprite:
    """Something unannotated, as often found in that season."""
    kinds = tuple(_ODDS[season])
    odds = np.array([_ODDS[season][kind] for kind in kinds])
    return kinds[int(rng.choice(len(kinds), p=odds / odds.sum()))](rng)


def _cutter(rng: np.random.Generator) -> Sprite:
    grip = jittered((210, 170, 40), rng)
    canvas = Canvas(18, 3.4, grip)
    canvas.outline([(-9, -1.4), (3, -1.7), (3, 1.7), (-9, 1.4)])
    canvas.outline([(3, -1), (8, -1), (9, 1), (3, 1)])
    canvas.paint(rectangle(6, 4, x=6), (190, 194, 198))
    canvas.paint(rectangle(8, 0.8, x=-3), darker(grip, 0.4))
    return canvas.sprite(height=1, side_rgb=darker(grip, 0.5))


def _wrench(rng: np.random.Generator) -> Sprite:
    steel = jittered(_STEEL, rng)
    canvas = Canvas(22, 6, steel)
    canvas.outline(rectangle(17, 2.2))
    canvas.outline([(7, -2.8), (11, -2.6), (9, -0.8), (9, 0.8), (11, 2.6), (7, 2.8), (5.5, 0)])
    canvas.outline(ellipse(6, 5.6, x=-8))
    canvas.paint(ellipse(2.6, 2.4, x=-8), (60, 62, 66))
    canvas.glow(rectangle(16, 0.5, y=-0.5), (255, 255, 255), strength=0.6, blur=0.3)
    return canvas.sprite(height=0.8, side_rgb=darker(steel, 0.5))


def _tape_scrap(rng: np.random.Generator) -> Sprite:
    length = float(rng.uniform(6, 16))
    tape = jittered((214, 194, 150), rng)
    canvas = Canvas(length, 5, tape)
    bend = rng.uniform(-1, 1, 4)
    canvas.outline([(-length / 2, -1 + bend[0]), (0, -1.2 + bend[1]), (length / 2, -1 + bend[2]),
                    (length / 2 - 1, 1 + bend[2]), (0, 1.2 + bend[1]), (-length / 2 + 0.6, 1 + bend[0])])  # fmt: skip
    canvas.glow(rectangle(length * 0.3, 5, x=bend[3] * 2), (255, 255, 250), strength=0.6, blur=0.8)
    return canvas.sprite(height=0.2, side_rgb=darker(tape, 0.7))


def _tape_roll(rng: np.random.Generator) -> Sprite:
    size = float(rng.uniform(8, 11))
    tape = jittered((190, 156, 104), rng)
    canvas = Canvas(size, size, tape)
    canvas.outline(ellipse(size, size))
    canvas.paint(ellipse(size * 0.66, size * 0.66), (226, 216, 196))
    canvas.paint(ellipse(size * 0.58, size * 0.58), (52, 54, 58))
    return canvas.sprite(height=2, side_rgb=darker(tape, 0.6))


def _paper(rng: np.random.Generator) -> Sprite:
    length, width = rng.uniform(9, 14), rng.uniform(7, 10)
    canvas = Canvas(length, width, (228, 228, 222))
    canvas.outline(rectangle(length, width) + rng.uniform(-0.5, 0.5, (4, 2)))
    for row in np.arange(-width / 2 + 1.5, width / 2 - 1, 1.3):
        text = length * float(rng.uniform(0.3, 0.75))
        canvas.paint(rectangle(text, 0.45, x=(text - length * 0.8) / 2, y=row), (120, 120, 126))
    return canvas.sprite(height=0.1, side_rgb=(150, 150, 146))


def _stain(rng: np.random.Generator) -> Sprite:
    length, width = rng.uniform(8, 24), rng.uniform(5, 12)
    blot = ellipse(length, width) * rng.uniform(0.6, 1.0, (28, 1))
    canvas = Canvas(length, width, jittered((54, 48, 44), rng, spread=6))
    canvas.outline(blot)
    canvas.alpha[:] = canvas.alpha * 0.55
    return canvas.sprite(height=0, side_rgb=(0, 0, 0))


def _wet_patch(rng: np.random.Generator) -> Sprite:
    length, width = rng.uniform(14, 34), rng.uniform(6, 16)
    blot = ellipse(length, width) * rng.uniform(0.65, 1.0, (28, 1))
    canvas = Canvas(length, width, (84, 94, 106))
    canvas.outline(blot)
    canvas.glow(ellipse(length * 0.6, width * 0.3, y=width * 0.08), (236, 242, 250), strength=0.95, blur=0.7)
    canvas.glow(ellipse(length * 0.2, width * 0.2, x=-length * 0.3), (236, 242, 250), strength=0.8, blur=0.4)
    canvas.alpha[:] = canvas.alpha * 0.7
    return canvas.sprite(height=0, side_rgb=(0, 0, 0))


def _ice_pack(rng: np.random.Generator) -> Sprite:
    length, width = rng.uniform(17, 23), rng.uniform(11, 15)
    gel = jittered((92, 158, 206), rng)
    canvas = Canvas(length, width, gel)
    canvas.outline(rounded(length, width, power=7))
    canvas.paint(rectangle(length * 0.06, width, x=length * 0.46), (214, 226, 234))
    canvas.paint(rectangle(length * 0.06, width, x=-length * 0.46), (214, 226, 234))
    canvas.paint(ellipse(length * 0.36, width * 0.5), (220, 232, 240))
    canvas.glow(ellipse(length * 0.5, width * 0.16, y=-width * 0.28), (255, 255, 255), strength=0.85, blur=0.6)
    return canvas.sprite(height=2, side_rgb=darker(gel, 0.5))


def _crate(rng: np.random.Generator) -> Sprite:
    length, width = rng.uniform(26, 34), rng.uniform(19, 24)
    plastic = _pick_crate(rng)
    canvas = Canvas(length, width, plastic)
    canvas.outline(rounded(length, width, power=12))
    canvas.paint(rectangle(length * 0.86, width * 0.82), darker(plastic, 0.35))
    for x in np.linspace(-0.36, 0.36, 7) * length:
        canvas.stroke([(x, -width * 0.4), (x, width * 0.4)], darker(plastic, 0.62), thick=0.5)
    for y in np.linspace(-0.3, 0.3, 4) * width:
        canvas.stroke([(-length * 0.42, y), (length * 0.42, y)], darker(plastic, 0.62), thick=0.5)
    return canvas.sprite(height=8, side_rgb=darker(plastic, 0.6))


def _pick_crate(rng: np.random.Generator) -> Colour:
    colours: tuple[Colour, ...] = ((70, 92, 120), (88, 104, 84), (112, 112, 116))
    return jittered(colours[int(rng.integers(len(colours)))], rng)


_ODDS: dict[str, dict[Callable[[np.random.Generator], Sprite], float]] = {
    "summer": {_cutter: 2, _wrench: 2, _tape_scrap: 3, _tape_roll: 2, _paper: 2, _stain: 3},
    "winter": {_cutter: 1, _wrench: 1, _tape_scrap: 1, _tape_roll: 1, _paper: 1, _stain: 1, _wet_patch: 4,
               _ice_pack: 4, _crate: 2.5},
}  # fmt: skip
