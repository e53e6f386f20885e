"""Planted leaks of every kind are found, each under its kind; a clean split stays clean; the published leak is found."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from boxwright.images import read_picture, write_jpeg
from boxwright.splitting import Sided, Window, audit, time_from_exif, time_from_text
from boxwright.splitting.when import nearest_in_time
from tests.worlds import encoded


def films(shared, count: int = 12) -> list[Path]:
    folder = next(shared("data/bccd").rglob("BloodImage_00100.jpg")).parent
    return sorted(folder.glob("BloodImage_001*.jpg"))[:count]


def sided(paths: list[Path], sides: list[str]) -> Sided:
    return Sided([p.name for p in paths], sides, [p.read_bytes for p in paths])


def test_a_clean_split_has_no_leak(shared) -> None:
    paths = films(shared)
    found = audit(sided(paths, ["train"] * 8 + ["val"] * 2 + ["test"] * 2))
    assert found.leaks == () and found.pictures == {"train": 8, "val": 2, "test": 2}
    assert found.looked == ("exact", "near", "overlap")


def test_planted_leaks_are_found_under_their_kind(shared) -> None:
    paths = films(shared)
    pixels = read_picture(paths[2].read_bytes())
    planted = [
        ("same.jpg", paths[0].read_bytes()),
        ("again.jpg", write_jpeg(read_picture(paths[1].read_bytes()), quality=60)),
        ("part.png", encoded(np.ascontiguousarray(pixels[120:, 200:]))),
        ("flat.png", encoded(np.zeros((64, 64, 3), np.uint8))),
        ("text.jpg", b"no picture at all"),
    ]
    names = [p.name for p in paths] + [name for name, _ in planted] + ["flat2.png"]
    read = (
        [p.read_bytes for p in paths]
        + [partial(bytes, data) for _, data in planted]
        + [partial(encoded, np.zeros((80, 64, 3), np.uint8))]
    )
    found = audit(Sided(names, ["train"] * len(paths) + ["test"] * 6, read))
    assert [(k.kind, k.a, k.b) for k in found.leaks] == [
        ("exact", paths[0].name, "same.jpg"),
        ("near", paths[1].name, "again.jpg"),
        ("overlap", paths[2].name, "part.png"),
    ]
    assert found.leaks[0].distance == 0 and found.leaks[1].distance <= 8
    np.testing.assert_allclose(found.leaks[2].shift_xy, (200, 120), atol=8)
    assert [name for name, _ in found.problems] == ["text.jpg"] and found.flat == 2
    assert found.leaky == {"test": {"exact": 1, "near": 1, "overlap": 1, "any": 3}}


def test_leaks_within_a_side_are_none(shared) -> None:
    path = films(shared)[0]
    copies = Sided(
        ["a.jpg", "b.jpg", "c.jpg"],
        ["train", "train", "test"],
        [path.read_bytes, path.read_bytes, films(shared)[1].read_bytes],
    )
    assert audit(copies).leaks == ()


def test_a_is_on_the_earlier_side_whatever_the_order_of_the_pictures(shared) -> None:
    path = films(shared)[0]
    for sides in (["test", "train"], ["train", "test"]):
        found = audit(Sided(["x.jpg", "y.jpg"], sides, [path.read_bytes, path.read_bytes]))
        assert [(k.side_a, k.side_b) for k in found.leaks] == [("train", "test")]


def test_groups_and_times_are_told_once_a_picture() -> None:
    names = [f"{k}.jpg" for k in range(6)]
    world = Sided(names, ["train", "train", "train", "test", "test", "val"], [None] * 6)
    found = audit(world, groups=["a", "a", "b", "a", None, "b"],
                  window=Window(np.array([0.0, 5, 100, 7, np.nan, 300]), 10, ["k", "k", "k", "k", "k", "l"]))  # fmt: skip
    assert [(k.kind, k.a, k.b, k.distance) for k in found.leaks] == [
        ("group", "2.jpg", "5.jpg", 0.0), ("group", "0.jpg", "3.jpg", 0.0), ("time", "1.jpg", "3.jpg", 2.0),
    ]  # fmt: skip
    other = audit(world, window=Window(np.array([0.0, 5, 100, 7, 8, 300]), 10, ["k", "k", "k", "l", "l", "l"]))
    assert other.leaks == ()


def test_names_alone_are_a_suggestion_and_no_leak() -> None:
    names = [f"clip{c}_{f:04d}.jpg" for c in range(6) for f in range(4)]
    found = audit(Sided(names, ["test" if n.endswith("3.jpg") else "train" for n in names], [None] * len(names)))
    assert found.leaks == ()
    assert found.suggestions[0]["straddling"] == 6 and not found.suggestions[0]["confirmed"]


def test_the_nearest_in_time_is_that_of_the_slow_loop() -> None:
    rng = np.random.default_rng(0)
    times = np.where(rng.random(60) < 0.1, np.nan, rng.uniform(0, 100, 60))
    among, of = np.arange(40), np.arange(40, 60)
    nearest, gap = nearest_in_time(times, among, of)
    for k, row in enumerate(of):
        apart = np.abs(times[among] - times[row])
        if np.isnan(times[row]):
            assert nearest[k] == -1 and gap[k] == np.inf
        else:
            assert gap[k] == pytest.approx(np.nanmin(apart)) and apart[nearest[k]] == pytest.approx(gap[k])


def test_times_of_cameras_and_tables(shared) -> None:
    photo = next(p for p in shared("data/aerial_cars").rglob("DJI_0019*") if p.suffix.lower() in (".jpg", ".jpeg"))
    later = next(p for p in photo.parent.glob("DJI_0028*") if p.suffix == photo.suffix)
    minutes = (time_from_exif(later.read_bytes()) - time_from_exif(photo.read_bytes())) / 60
    assert 5 < minutes < 20  # 17:52 to 18:05
    assert (
        np.isnan(time_from_exif(b"nothing"))
        and np.isnan(time_from_text("yesterday"))
        and np.isnan(time_from_text(None))
    )
    assert (
        time_from_text("2018-03-26T17:52:00")
        == time_from_text("2018:03:26 17:52:00")
        == time_from_text("2018-03-26T19:52:00+02:00")
    )
    assert time_from_text("12.5") == 12.5 and np.isnan(time_from_text("inf"))
