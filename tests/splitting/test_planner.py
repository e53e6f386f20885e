"""The planner: gaps in time hold, near-duplicates stay together, balance is better than greedy, and what cannot be is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from boxwright.artifacts import SIDES, Dataset
from boxwright.errors import SpecError, SplitError
from boxwright.spec import parse_spec
from boxwright.splitting import folds, split
from boxwright.splitting.split import shared_parts
from tests.worlds import dataset, digest_of, encoded, row, spec

BOX = (1.0, 2.0, 30.0, 40.0)


def timed(times: list[float], cameras: list[str] | None = None) -> Dataset:
    cameras = cameras or ["k"] * len(times)
    return dataset([row(k, at=str(t), camera=c) for k, (t, c) in enumerate(zip(times, cameras), start=1)])


@given(st.lists(st.integers(0, 4000), min_size=8, max_size=40), st.booleans())
def test_a_gap_of_time_lies_between_any_two_sides(times: list[int], per_camera: bool) -> None:
    cameras = [f"k{k % 2}" for k in range(len(times))]
    data = timed([float(t) for t in times], cameras)
    clause = {"time": "at", "time_gap": "1min", **({"time_per": "camera"} if per_camera else {})}
    try:
        dealt = split(data, spec(split=clause))
    except SplitError as error:
        assert "time need at least" in str(error) or "free" in str(error)
        return
    for i in range(len(times)):
        for j in range(i):
            if dealt.side[i] != dealt.side[j] and (not per_camera or cameras[i] == cameras[j]):
                assert abs(times[i] - times[j]) >= 60


def test_a_gap_needs_times_and_a_condition() -> None:
    with pytest.raises(SplitError, match=r"'002\.jpg' has no time in 'at'"):
        split(
            dataset([row(1, at="5"), row(2, at="noon"), row(3, at="9")]), spec(split={"time": "at", "time_gap": "1s"})
        )
    for clause in ("time_gap: 1min", "{time: at, time_gap: soon}"):
        with pytest.raises(SpecError, match="time"):
            parse_spec(
                f"name: x\nclasses: [{{name: a}}]\nsplit: {clause if clause[0] == '{' else '{' + clause + '}'}\n"
            )


def test_near_duplicates_are_kept_together_or_reported(shared) -> None:
    films = sorted(next(shared("data/bccd").rglob("BloodImage_00037.jpg")).parent.glob("BloodImage_000[3-5]*.jpg"))
    kept = {digest_of(p.name): p.read_bytes() for p in films}
    data = dataset([{**row(k, picture=digest_of(p.name)), "file_name": p.name} for k, p in enumerate(films, start=1)])
    pair = [data.file_names.index(f"BloodImage_000{n}.jpg") for n in (37, 38)]
    apart = 0
    for seed in range(6):
        together = split(data, spec(split={"near_duplicates": "together", "seed": seed}), read=kept.__getitem__)
        assert together.side[pair[0]] == together.side[pair[1]] and together.summary.near_duplicates.on_two_sides == 0
        told = split(data, spec(split={"near_duplicates": "report", "seed": seed}), read=kept.__getitem__)
        on_two = told.side[pair[0]] != told.side[pair[1]]
        assert told.summary.near_duplicates.pairs == 1 and told.summary.near_duplicates.on_two_sides == int(on_two)
        assert told.side == split(data, spec(split={"seed": seed})).side
        apart += on_two
    assert apart
    with pytest.raises(SplitError, match="not at hand"):
        split(data, spec(split={"near_duplicates": "together"}))


def test_new_keys_at_their_defaults_change_no_document_and_no_split() -> None:
    plain = spec(split={"group_by": ["clip"]})
    assert set(plain.as_document["split"]) == {"group_by", "train", "val", "test", "straddling", "stratify_by", "seed"}
    assert split(uneven(1), plain).summary.near_duplicates is None


def uneven(seed: int, groups: int = 40) -> Dataset:
    """Clips of uneven size; class 1 is rare, cameras are uneven."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for clip in range(groups):
        camera, rare = f"k{int(rng.integers(4)) ** 2 % 3}", rng.random() < 0.12
        for _ in range(int(rng.integers(1, 12))):
            boxes = [BOX] * int(rng.integers(0, 5))
            rows.append(
                row(
                    len(rows) + 1,
                    boxes,
                    classes=[int(rare and k == 0) for k in range(len(boxes))],
                    clip=f"c{clip}",
                    camera=camera,
                )
            )
    return dataset(rows)


def imbalance(data: Dataset, sides: tuple[str, ...]) -> float:
    """Mean absolute difference of shares from 0.7, 0.15, 0.15 over pictures, class by camera."""
    at = np.array([SIDES.index(s) for s in sides])
    cameras = np.array([c["camera"] for c in data.conditions])
    columns, shares, worst = data.annotations, np.array([0.7, 0.15, 0.15]), []
    for camera in np.unique(cameras):
        for class_id in (0, 1):
            rows = columns.image_index[(columns.class_id == class_id) & (cameras[columns.image_index] == camera)]
            if len(rows):
                worst.append(np.abs(np.bincount(at[rows], minlength=3) / len(rows) - shares).mean())
    return float(np.mean(worst))


def test_balanced_is_better_than_largest_first_and_never_parts_a_group() -> None:
    greedy, searched = [], []
    for seed in range(6):
        data = uneven(seed)
        for deal, told in (("largest_first", greedy), ("balanced", searched)):
            dealt = split(data, spec(split={"group_by": ["clip"], "stratify_by": "camera", "deal": deal, "seed": seed}))
            told.append(imbalance(data, dealt.side))
            assert dealt == split(
                data, spec(split={"group_by": ["clip"], "stratify_by": "camera", "deal": deal, "seed": seed})
            )
    assert np.mean(searched) < 0.8 * np.mean(greedy)


def test_rare_classes_are_on_every_side_where_groups_allow() -> None:
    for seed in range(5):
        rows = [row(k, [BOX], classes=[int(k % 12 == 0)], clip=f"c{k}") for k in range(1, 49)]  # 4 groups hold class 1
        dealt = split(dataset(rows), spec(split={"group_by": ["clip"], "deal": "balanced", "seed": seed}))
        assert all(dealt.summary.objects[side]["pouch"] for side in SIDES)
        assert not dealt.summary.unmet


def test_what_cannot_be_satisfied_is_said() -> None:
    rows = [row(k, [BOX], classes=[int(k == 1)], clip=f"c{k}") for k in range(1, 31)]
    told = split(dataset(rows), spec(split={"group_by": ["clip"]})).summary.unmet
    assert len(told) == 1 and told[0].startswith("class pouch is in 1 group only: it cannot be on ")
    big = [row(k, clip="big" if k <= 80 else f"c{k}") for k in range(1, 101)]
    told = split(dataset(big), spec(split={"group_by": ["clip"], "train": 0.4, "val": 0.3, "test": 0.3})).summary.unmet
    assert any("% of the pictures" in sentence and "the largest holds 80%" in sentence for sentence in told)


def test_settled_groups_stay_in_a_search() -> None:
    before = split(uneven(3, 30), spec(split={"group_by": ["clip"]}))
    after = split(uneven(3, 30), spec(split={"group_by": ["clip"], "deal": "balanced"}), keep=before)
    assert after.side == before.side


@given(st.lists(st.integers(0, 12), min_size=5, max_size=60), st.integers(2, 5), st.integers(0, 3))
def test_folds_keep_groups_whole_and_none_is_empty(groups: list[int], k: int, seed: int) -> None:
    names = [f"g{g}" for g in groups]
    if len(set(names)) < k:
        with pytest.raises(SplitError, match=f"{k} folds"):
            folds(names, k, seed=seed)
        return
    fold = folds(names, k, seed=seed)
    assert set(fold.tolist()) == set(range(k))
    assert all(len(set(fold[[n == g for n in names]].tolist())) == 1 for g in set(names))
    np.testing.assert_array_equal(fold, folds(names, k, seed=seed))
    loads = np.random.default_rng(0).integers(0, 4, (len(names), 3))
    assert set(folds(names, k, loads=loads, seed=seed).tolist()) == set(range(k))


def test_folds_are_even_where_groups_are() -> None:
    fold = folds([f"g{k // 2}" for k in range(100)], 5)
    assert np.bincount(fold).tolist() == [20] * 5


def photo(seed: int) -> NDArray[np.uint8]:
    """A scene with many corners: rectangles of all sizes and greys."""
    rng = np.random.default_rng(seed)
    scene = np.full((480, 1100, 3), 120, np.uint8)
    for _ in range(500):
        left, top = int(rng.integers(0, 1080)), int(rng.integers(0, 460))
        width, height = (int(n) for n in rng.integers(12, 70, 2))
        scene[top : top + height, left : left + width] = rng.integers(0, 255, 3, dtype=np.uint8)
    return scene


def test_images_that_share_a_part_are_kept_together_or_reported() -> None:
    tiles = {f"{p}_{k}.png": photo(p)[:, 300 * k : 300 * k + 480] for p in range(5) for k in range(3)}
    kept = {digest_of(name): encoded(np.ascontiguousarray(tile)) for name, tile in tiles.items()}
    data = dataset([{**row(k, picture=digest_of(n)), "file_name": n} for k, n in enumerate(tiles, start=1)])
    of_photo = [name[0] for name in data.file_names]
    pairs = shared_parts(data, kept.__getitem__)
    assert len(pairs) >= 10 and all(of_photo[a] == of_photo[b] for a, b in pairs)  # each tile with its neighbours
    apart = 0
    for seed in range(3):
        together = split(data, spec(split={"overlaps": "together", "seed": seed}), read=kept.__getitem__)
        assert all(together.side[a] == together.side[b] for a, b in pairs)
        assert set(together.side) == {"train", "val", "test"}
        assert together.summary.overlaps.on_two_sides == 0 and together.summary.overlaps.pairs == len(pairs)
        told = split(data, spec(split={"overlaps": "report", "seed": seed}), read=kept.__getitem__)
        on_two = sum(told.side[a] != told.side[b] for a, b in pairs)
        assert told.summary.overlaps.on_two_sides == on_two
        assert told.side == split(data, spec(split={"seed": seed})).side
        apart += on_two
    assert apart  # alone they would land in two subsets
    with pytest.raises(SplitError, match="not at hand"):
        split(data, spec(split={"overlaps": "together"}))
