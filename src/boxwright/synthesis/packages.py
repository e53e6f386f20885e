"""The packages on the line: one painter per class, and another where winter changed the design.

Summer's four classes differ in shape and print: a brown carton with tape and label, a glossy pouch with sealed ends, a
lying bottle with a neck, a standing can with a metal rim. In winter the pouch comes in kraft paper, so that it looks
much like summer's carton, and the can is sold as a gift tin. Carton and bottle stay as they were.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from boxwright.synthesis.sprite import Canvas, Colour, Sprite, darker, ellipse, jittered, rectangle, rounded

CLASSES: tuple[str, ...] = ("carton", "pouch", "bottle", "can")

_WHITE: Colour = (238, 238, 234)
_INK: Colour = (40, 38, 42)
_KRAFT: tuple[Colour, ...] = ((178, 132, 84), (164, 118, 72), (190, 146, 98))
_BRANDS: tuple[Colour, ...] = ((214, 62, 48), (232, 148, 30), (34, 140, 132), (120, 70, 160), (222, 196, 52))
_GLASS: tuple[Colour, ...] = ((58, 124, 84), (66, 128, 178), (196, 206, 204))
_CAPS: tuple[Colour, ...] = ((226, 60, 50), (240, 240, 236), (40, 70, 150))

Painter = Callable[[np.random.Generator, float], Sprite]


def paint_package(class_id: int, season: str, rng: np.random.Generator, *, scale: float) -> Sprite:
    """A package of one class in the season's design.

    Args:
        class_id: index into CLASSES.
        season: "summer" or "winter".
        rng: draws size, brand, print and wear.
        scale: size beside the ordinary, 1 = ordinary.
    """
    return _DESIGNS[season][class_id](rng, scale)


def _pick(colours: tuple[Colour, ...], rng: np.random.Generator, *, spread: float = 9.0) -> Colour:
    return jittered(colours[int(rng.integers(len(colours)))], rng, spread=spread)


def _barcode(canvas: Canvas, rng: np.random.Generator, *, x: float, y: float, length: float, width: float) -> None:
    canvas.paint(rectangle(length, width, x=x, y=y), _WHITE)
    for at in np.arange(-length / 2 + 0.5, length / 2 - 0.4, 0.75):
        if rng.random() < 0.7:
            canvas.paint(rectangle(0.4, width * 0.72, x=x + at, y=y), _INK)


def _label(canvas: Canvas, rng: np.random.Generator, *, x: float, y: float, length: float, width: float) -> None:
    canvas.paint(rectangle(length, width, x=x, y=y), _WHITE)
    for row in np.linspace(-0.32, 0.05, 3):
        text = length * float(rng.uniform(0.4, 0.8))
        canvas.paint(rectangle(text, width * 0.08, x=x - (length * 0.84 - text) / 2, y=y + row * width), _INK)
    _barcode(canvas, rng, x=x, y=y + width * 0.3, length=length * 0.8, width=width * 0.3)


def _carton(rng: np.random.Generator, scale: float) -> Sprite:
    length, width = rng.uniform(18, 27) * scale, rng.uniform(14, 20) * scale
    board = _pick(_KRAFT, rng)
    canvas = Canvas(length, width, board)
    canvas.outline(rectangle(length, width))
    canvas.speckle(rng, amount=3.5)
    canvas.stroke(rectangle(length, width), darker(board, 0.78), thick=0.5, closed=True)
    canvas.stroke([(-length / 2, 0), (length / 2, 0)], darker(board, 0.6), thick=0.3)
    canvas.glow(rectangle(length, width * 0.16), (226, 204, 158), strength=0.75, blur=0.3)
    x, y = rng.choice([-0.26, 0.26]) * length, rng.choice([-0.29, 0.29]) * width
    _label(canvas, rng, x=x, y=y, length=length * 0.38, width=width * 0.34)
    mark = _pick(_BRANDS, rng)
    canvas.paint(ellipse(width * 0.24, width * 0.24, x=-x, y=-y), mark)
    canvas.paint(rectangle(length * 0.26, width * 0.05, x=-x, y=-y * 0.52), darker(board, 0.45))
    return canvas.sprite(height=float(rng.uniform(5, 9)) * scale, side_rgb=darker(board, 0.66))


def _pillow(length: float, width: float, *, waist: float) -> list[tuple[float, float]]:
    """Outline of a sealed bag: serrated ends, sides drawn in by `waist` of the width beside the seals."""
    teeth, half, side = 8, length / 2, width / 2
    end = [(half - 0.45 * (k % 2), -side + width * k / teeth) for k in range(teeth + 1)]
    flank = [(half * 0.8, side), (half * 0.66, side * (1 - waist)), (0, side), (-half * 0.66, side * (1 - waist)),
             (-half * 0.8, side)]  # fmt: skip
    return [*end, *flank, *[(-x, -y) for x, y in end], *[(-x, -y) for x, y in flank]]


def _pouch(rng: np.random.Generator, scale: float) -> Sprite:
    length, width = rng.uniform(19, 26) * scale, rng.uniform(12, 16) * scale
    film = _pick(_BRANDS, rng)
    light: Colour = (min(255, film[0] + 60), min(255, film[1] + 60), min(255, film[2] + 60))
    canvas = Canvas(length, width, film)
    canvas.outline(_pillow(length, width, waist=0.12))
    for side in (-1, 1):
        canvas.glow(rectangle(length, width * 0.16, y=side * width * 0.48), darker(film, 0.5), strength=0.8, blur=1)
        canvas.paint(rectangle(length * 0.11, width, x=side * length * 0.45), light)
        for at in (0.42, 0.46):
            x = side * length * at
            canvas.stroke([(x, -width / 2), (x, width / 2)], darker(film, 0.7), thick=0.25)
    canvas.paint(ellipse(length * 0.42, width * 0.58), _WHITE)
    canvas.paint(ellipse(length * 0.34, width * 0.44), _pick(_BRANDS, rng))
    canvas.paint(rectangle(length * 0.24, width * 0.09), _WHITE)
    canvas.glow(
        ellipse(length * 0.5, width * 0.14, x=-length * 0.06, y=-width * 0.3), (255, 255, 255), strength=0.85, blur=0.5
    )
    return canvas.sprite(height=2.2 * scale, side_rgb=darker(film, 0.5))


def _kraft_pouch(rng: np.random.Generator, scale: float) -> Sprite:
    length, width = rng.uniform(19, 26) * scale, rng.uniform(13, 17) * scale
    paper = _pick(_KRAFT, rng)
    canvas = Canvas(length, width, paper)
    canvas.outline(_pillow(length, width, waist=0.03))
    canvas.speckle(rng, amount=4)
    for side in (-1, 1):
        canvas.glow(rectangle(length, width * 0.1, y=side * width * 0.48), darker(paper, 0.6), strength=0.6, blur=0.8)
        canvas.stroke([(side * length * 0.43, -width), (side * length * 0.43, width)], darker(paper, 0.7), thick=0.3)
    canvas.paint(rectangle(length * 0.2, width, x=-length * 0.29), darker(_pick(_BRANDS, rng), 0.7))
    _label(canvas, rng, x=length * 0.12, y=0, length=length * 0.36, width=width * 0.5)
    return canvas.sprite(height=2.4 * scale, side_rgb=darker(paper, 0.55))


def _bottle(rng: np.random.Generator, scale: float) -> Sprite:
    length, width = rng.uniform(23, 30) * scale, rng.uniform(7.5, 9.5) * scale
    half, side = length / 2, width / 2
    glass, cap, band = _pick(_GLASS, rng), _pick(_CAPS, rng), _pick(_BRANDS, rng)
    canvas = Canvas(length, width, glass)
    neck = [(half * 0.3, side), (half * 0.58, side * 0.42), (half, side * 0.42)]
    body = [(-half, -side * 0.8), (-half, side * 0.8), (-half * 0.94, side), *neck]
    canvas.outline([*body, *[(x, -y) for x, y in reversed(body)]])
    for edge in (-1, 1):
        canvas.glow(rectangle(length, side * 0.3, y=edge * side * 0.95), darker(glass, 0.35), strength=0.8, blur=0.5)
    canvas.paint(rectangle(length * 0.13, width * 0.44, x=half * 0.87), cap)
    canvas.stroke([(half * 0.74, -side), (half * 0.74, side)], darker(cap, 0.5), thick=0.3)
    canvas.paint(rectangle(length * 0.34, width, x=-half * 0.36), band)
    canvas.paint(rectangle(length * 0.2, width * 0.34, x=-half * 0.36), _WHITE)
    canvas.glow(rectangle(length * 0.86, side * 0.22, y=-side * 0.4), (255, 255, 255), strength=0.8, blur=0.4)
    return canvas.sprite(height=3.0 * scale, side_rgb=darker(glass, 0.5))


def _can(rng: np.random.Generator, scale: float) -> Sprite:
    size = rng.uniform(10, 13) * scale
    metal, body = jittered((196, 198, 202), rng), _pick(_BRANDS, rng)
    canvas = Canvas(size, size, metal)
    canvas.outline(ellipse(size, size))
    canvas.paint(ellipse(size * 0.84, size * 0.84), darker(metal, 0.6))
    canvas.paint(ellipse(size * 0.76, size * 0.76), darker(metal, 0.9))
    canvas.glow(ellipse(size * 0.5, size * 0.2, x=-size * 0.1, y=-size * 0.2), (255, 255, 255), strength=0.8, blur=0.5)
    turn = float(rng.uniform(-0.3, 0.3))
    canvas.paint(ellipse(size * 0.34, size * 0.18, x=size * 0.12, y=turn), darker(metal, 0.5))
    canvas.paint(ellipse(size * 0.12, size * 0.1, x=size * 0.18, y=turn), _INK)
    return canvas.sprite(height=float(rng.uniform(7, 10)) * scale, side_rgb=darker(body, 0.85))


def _gift_tin(rng: np.random.Generator, scale: float) -> Sprite:
    size = rng.uniform(11, 14) * scale
    lid = _pick(((150, 30, 40), (24, 84, 56), (30, 44, 96)), rng)
    gold = jittered((206, 170, 80), rng)
    canvas = Canvas(size, size, lid)
    canvas.outline(rounded(size, size, power=4.5))
    canvas.stroke(rounded(size * 0.84, size * 0.84, power=4.5), gold, thick=0.5, closed=True)
    for turn in np.arange(3) * np.pi / 3:
        arm = np.array([(np.cos(turn), np.sin(turn))]) * size * 0.3
        canvas.stroke(np.concatenate([-arm, arm]), _WHITE, thick=0.55)
    canvas.paint(ellipse(size * 0.2, size * 0.2), _WHITE)
    return canvas.sprite(height=float(rng.uniform(4, 7)) * scale, side_rgb=darker(lid, 0.7))


_DESIGNS: dict[str, tuple[Painter, ...]] = {
    "summer": (_carton, _pouch, _bottle, _can),
    "winter": (_carton, _kraft_pouch, _bottle, _gift_tin),
}
SEASONS: tuple[str, ...] = tuple(_DESIGNS)
