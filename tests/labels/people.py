"""People who draw boxes, made up: recall, phantoms, confusion, edge bias and spread are known, and so is every rule they follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from boxwright.labels.agreement.ratings import Ratings

SIDE_PX = 640


@dataclass
class Truth:
    """Objects as they are: picture, class_id and box of each."""

    pictures: int
    classes: int
    picture: NDArray
    class_id: NDArray
    boxes_xyxy: NDArray


@dataclass
class Person:
    """How somebody draws; `leaves_out` is a rule of their own: the truth to a mask, or to a chance of each object."""

    recall: float = 0.97
    phantoms: float = 0.05  # a picture
    right: float = 0.97  # of the classes
    bias: Sequence[float] = (0, 0, 0, 0)  # shares of the side, outwards
    spread: float = 0.015  # share of the side
    leaves_out: Callable[[Truth], NDArray] | None = None
    calls: Callable[[Truth, NDArray], NDArray] | None = None  # truth and the classes said, to the classes said
    seen: NDArray | None = field(default=None)


def world(seed: int, *, pictures: int = 120, objects: int = 8, classes: int = 4, shares: Sequence[float] = ()) -> Truth:
    """Objects on a jittered grid, so that none touches another; sides from 8 to 70 px."""
    rng = np.random.default_rng(seed)
    cells = 16
    picture, boxes = [], []
    for p in range(pictures):
        count = int(rng.integers(max(objects - 3, 1), objects + 4))
        for cell in rng.permutation(cells)[: min(count, cells)]:
            w, h = np.exp(rng.uniform(np.log(8), np.log(70), 2).mean() + rng.normal(0, 0.15, 2))
            x, y = (cell % 4) * 160 + rng.uniform(20, 50), (cell // 4) * 160 + rng.uniform(20, 50)
            picture.append(p)
            boxes.append((x, y, x + w, y + h))
    share = np.array(shares or [1 / classes] * classes)
    return Truth(pictures, classes, np.array(picture), rng.choice(classes, len(boxes), p=share), np.array(boxes))


def drawn(truth: Truth, people: Sequence[Person], *, seed: int = 0) -> Ratings:
    """What the people draw of it."""
    rng = np.random.default_rng(seed + 1000)
    parts, saw = [], np.ones((truth.pictures, len(people)), np.bool_)
    for r, person in enumerate(people):
        if person.seen is not None:
            saw[:, r] = person.seen
        n = len(truth.picture)
        chance = np.full(n, person.recall)
        if person.leaves_out is not None:
            chance = chance * (1 - person.leaves_out(truth).astype(float))
        keep = rng.random(n) < chance
        said = np.where(rng.random(n) < person.right, truth.class_id, _another(rng, truth.class_id, truth.classes))
        if person.calls is not None:
            said = person.calls(truth, said)
        box = truth.boxes_xyxy
        side = np.stack([box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]] * 2, axis=1)
        off = np.array(person.bias) + rng.normal(0, person.spread, (n, 4))
        moved = box + off * side * np.array([-1, -1, 1, 1])
        made_up = int(rng.poisson(person.phantoms * truth.pictures))
        corner, size = rng.uniform(0, SIDE_PX - 60, (made_up, 2)), rng.uniform(8, 50, (made_up, 2))
        parts.append(
            (
                np.concatenate([truth.picture[keep], rng.integers(0, truth.pictures, made_up)]),
                np.concatenate([said[keep], rng.integers(0, truth.classes, made_up)]),
                np.concatenate([moved[keep], np.concatenate([corner, corner + size], axis=1)]),
            )
        )
    slot = np.concatenate([p[0] * len(people) + r for r, p in enumerate(parts)])
    seen = saw.ravel()[slot]
    order = np.flatnonzero(seen)[np.argsort(slot[seen], kind="stable")]
    return Ratings(
        annotators=tuple(f"person-{r}" for r in range(len(people))),
        class_names=tuple(f"class-{k}" for k in range(truth.classes)),
        file_names=[f"{p:05d}.jpg" for p in range(truth.pictures)],
        sizes_hw=np.full((truth.pictures, 2), float(SIDE_PX)),
        saw=saw,
        offsets=np.searchsorted(slot[order], np.arange(truth.pictures * len(people) + 1)),
        boxes_xyxy=np.concatenate([p[2] for p in parts])[order],
        class_id=np.concatenate([p[1] for p in parts])[order].astype(np.int32),
        conditions=[{}] * truth.pictures,
    )


def _another(rng: np.random.Generator, class_id: NDArray, classes: int) -> NDArray:
    return (class_id + rng.integers(1, max(classes, 2), len(class_id))) % classes
