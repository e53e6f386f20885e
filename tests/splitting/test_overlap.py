"""Tiles of one photo share a part; tiles of different photos do not."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from boxwright.images import read_picture
from boxwright.splitting import overlaps
from tests.worlds import encoded


def test_tiles_of_the_orchard_meet_only_tiles_of_their_photo(shared) -> None:
    paths = sorted((shared("data/apple_orchard/AppleBBCH81") / "data" / "images").glob("*.jpg"))
    found = overlaps([p.read_bytes for p in paths])
    photos = [p.stem.rsplit("_", 1)[0] for p in paths]
    assert all(photos[a] == photos[b] for a, b in zip(found.a, found.b, strict=True))
    assert len(set(found.a) | set(found.b)) >= 0.98 * len(paths)  # nearly each tile has a neighbour
    assert found.correlation.min() > 0.95


def test_the_known_pair_of_blood_films_is_shifted(shared) -> None:
    folder = next(shared("data/bccd").rglob("BloodImage_00386.jpg")).parent
    found = overlaps([(folder / f"BloodImage_00{n}.jpg").read_bytes for n in (386, 391, 392)])
    assert (found.a.tolist(), found.b.tolist()) == ([0], [1])
    np.testing.assert_allclose(found.shift_xy[0], (-28, -8), atol=8)
    assert found.share[0] > 0.9


def test_most_planted_shifts_are_found_and_measured(shared) -> None:
    photo = read_picture(next(shared("data/aerial_cars").rglob("DJI_0005-*.jpg")).read_bytes())
    left, top, w, h = 600, 300, 640, 480
    shifts = [
        (-300, -200),
        (-250, 31),
        (-121, 77),
        (-63, -2),
        (-7, 150),
        (2, 74),
        (13, -13),
        (97, 160),
        (222, 55),
        (290, -111),
    ]
    found = 0
    for x, y in shifts:
        tiles = [photo[top : top + h, left : left + w], photo[top + y : top + y + h, left + x : left + x + w]]
        one = overlaps([partial(encoded, np.ascontiguousarray(t)) for t in tiles])
        found += len(one.a)
        if len(one.a):
            np.testing.assert_allclose(one.shift_xy[0], (x, y), atol=8)
    assert found >= 9


def test_boards_share_parts_only_with_their_own_kind(shared) -> None:
    paths = sorted(p for p in shared("data/deeppcb").rglob("*_temp.jpg"))
    found = overlaps([p.read_bytes for p in paths])
    assert all(paths[a].stem[:5] == paths[b].stem[:5] for a, b in zip(found.a, found.b, strict=True))


def test_nothing_in_nothing_out() -> None:
    assert not len(overlaps([]).a)
    blank = partial(encoded, np.zeros((200, 200, 3), np.uint8))
    assert not len(
        overlaps([blank, blank, partial(bytes, b"no picture"), partial(encoded, np.zeros((4, 4, 3), np.uint8))]).a
    )


def test_pairs_of_no_interest_are_not_looked_at(shared) -> None:
    paths = sorted((shared("data/apple_orchard/AppleBBCH81") / "data" / "images").glob("DSC_1079*.jpg"))
    assert len(overlaps([p.read_bytes for p in paths]).a)
    assert not len(overlaps([p.read_bytes for p in paths], wanted=lambda a, _: np.zeros(len(a), np.bool_)).a)


@pytest.mark.parametrize("step", [8, 20])
def test_a_repeated_pattern_alone_is_no_overlap_of_different_scenes(step: int) -> None:
    y, x = np.mgrid[:320, :320]
    stripes = ((x // step + y // step) % 2 * 200).astype(np.uint8)
    rng = np.random.default_rng(0)
    scenes = [
        np.clip(stripes * 0.2 + np.kron(rng.uniform(0, 200, (20, 20)), np.ones((16, 16))), 0, 255) for _ in range(2)
    ]
    found = overlaps([partial(encoded, np.stack([s] * 3, axis=-1).astype(np.uint8)) for s in scenes])
    assert not len(found.a)
