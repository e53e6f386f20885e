"""Groups never straddle, nothing is left out, the same seed deals the same, and every side that is wanted gets some."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.artifacts import SIDES, Dataset, Split
from boxwright.errors import SplitError
from boxwright.spec import Spec
from boxwright.splitting import split
from tests.worlds import dataset, digest_of, row, spec

BOX = (1.0, 2.0, 30.0, 40.0)


def clips(sizes: list[int], **more: Any) -> Dataset:
    """One clip of so many pictures each; clip k has k % 3 boxes a picture."""
    rows: list[dict[str, Any]] = []
    for clip, size in enumerate(sizes):
        for _ in range(size):
            rows.append(row(len(rows) + 1, [BOX] * (clip % 3), clip=f"clip-{clip}", camera=f"cam-{clip % 2}", **more))
    return dataset(rows)


def by_clip(**clause: Any) -> Spec:
    return spec(split={"group_by": ["clip"], **clause})


def sides_of(dealt: Split, data: Dataset, key: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for side, conditions in zip(dealt.side, data.conditions, strict=True):
        found[conditions[key]].add(side)
    return found


@given(st.lists(st.integers(1, 6), min_size=3, max_size=12), st.integers(0, 5))
def test_every_picture_has_one_side_and_no_group_straddles(sizes: list[int], seed: int) -> None:
    data = clips(sizes)
    dealt = split(data, by_clip(seed=seed))
    np.testing.assert_array_equal(dealt.image_ids, data.image_ids)
    assert sorted(np.concatenate([dealt.ids(side) for side in SIDES]).tolist()) == data.image_ids.tolist()
    assert all(len(sides) == 1 for sides in sides_of(dealt, data, "clip").values())
    assert set(dealt.side) == set(SIDES)  # every side that is wanted
    assert dealt.summary.images == {side: dealt.side.count(side) for side in SIDES}
    assert sum(sum(classes.values()) for classes in dealt.summary.objects.values()) == len(data.annotations.class_id)


@given(st.lists(st.integers(1, 4), min_size=3, max_size=10), st.integers(0, 3), st.randoms(use_true_random=False))
def test_the_same_data_and_seed_give_the_same_split(sizes: list[int], seed: int, rng) -> None:
    data = clips(sizes)
    shuffled = data.rows.to_pylist()
    rng.shuffle(shuffled)
    assert split(data, by_clip(seed=seed)) == split(dataset(shuffled), by_clip(seed=seed))


def test_another_seed_deals_otherwise() -> None:
    data = clips([2] * 20)
    assert len({split(data, by_clip(seed=seed)).side for seed in range(5)}) > 1


def test_shares_are_met_where_groups_allow() -> None:
    dealt = split(clips([2] * 50), by_clip(train=0.6, val=0.2, test=0.2))
    assert dealt.summary.images == pytest.approx({"train": 60, "val": 20, "test": 20}, abs=4)


def test_a_side_that_is_not_wanted_stays_empty() -> None:
    dealt = split(clips([2] * 10), by_clip(train=0.8, val=0.2, test=0))
    assert set(dealt.side) == {"train", "val"}


def test_without_group_by_every_picture_stands_alone() -> None:
    dealt = split(clips([5, 5]), spec())
    assert len(set(dealt.group)) == 10


def test_strata_are_shared_alike() -> None:
    data = clips([1] * 60)
    dealt = split(data, by_clip(train=0.5, val=0.25, test=0.25, stratify_by="camera"))
    for side in SIDES:
        cameras = [c["camera"] for c, s in zip(data.conditions, dealt.side) if s == side]
        assert cameras.count("cam-0") / len(cameras) == pytest.approx(0.5, abs=0.15)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=3, max_size=15))
def test_pictures_with_the_same_bytes_are_on_one_side_whatever_their_group(pictures: list[tuple[int, int]]) -> None:
    rows = [row(k, clip=f"clip-{c}", picture=digest_of(f"bytes {p}")) for k, (c, p) in enumerate(pictures, start=1)]
    data = dataset(rows)
    try:
        dealt = split(data, by_clip())
    except SplitError as error:
        assert "groups by clip" in str(error)  # joined into fewer than three
        return
    sides: dict[str, set[str]] = defaultdict(set)
    for digest, side in zip(data.picture_digests, dealt.side):
        sides[digest].add(side)
    assert all(len(s) == 1 for s in sides.values())
    assert all(len(s) == 1 for s in sides_of(dealt, data, "clip").values())


def test_pictures_that_are_not_at_hand_are_not_taken_for_the_same() -> None:
    data = dataset([row(k, picture="") for k in range(1, 7)])
    assert len(set(split(data, spec()).group)) == 6


def test_too_few_groups_are_refused_with_advice() -> None:
    with pytest.raises(SplitError, match=r"2 groups by clip.*need at least one each"):
        split(clips([5, 5]), by_clip())


@pytest.mark.parametrize("missing", [{}, {"clip": ""}])
def test_a_picture_without_the_condition_is_named(missing: dict[str, str]) -> None:
    data = dataset([row(1, clip="a"), row(2, **missing), row(3, clip="b")])
    with pytest.raises(SplitError, match=r"'002\.jpg' has no 'clip'"):
        split(data, by_clip())


@given(st.integers(3, 8), st.integers(0, 6), st.integers(0, 3))
def test_what_was_dealt_before_is_kept(old: int, new: int, seed: int) -> None:
    before = split(clips([2] * old), by_clip(seed=seed))
    data = clips([2] * (old + new))
    after = split(data, by_clip(seed=seed + 1), keep=before)
    assert after.side[: 2 * old] == before.side
    assert all(len(sides) == 1 for sides in sides_of(after, data, "clip").values())


def test_new_pictures_of_a_known_group_follow_it() -> None:
    before = split(clips([1, 1, 1]), by_clip())
    rows = [*clips([1, 1, 1]).rows.to_pylist(), *(row(10 + k, clip=f"clip-{k}") for k in range(3))]
    after = split(dataset(rows), by_clip(), keep=before)
    assert after.side[3:] == before.side


def given_sides(sides: dict[str, list[str]]) -> Dataset:
    """Clip to the sides its pictures were given by the source."""
    pairs = [(clip, side) for clip, given in sides.items() for side in given]
    return dataset([row(k, clip=clip, side=side) for k, (clip, side) in enumerate(pairs, start=1)])


def test_sides_of_the_source_are_taken() -> None:
    data = given_sides({"a": ["train", "train"], "b": ["val"], "c": ["test"]})
    assert split(data, by_clip(), from_source=True).side == ("train", "train", "val", "test")


def test_pictures_without_a_side_are_dealt_among_train_and_val_when_the_source_has_a_test() -> None:
    data = given_sides({"t": ["test"], **{f"c{k}": ["", ""] for k in range(10)}})
    dealt = split(data, by_clip(), from_source=True)
    assert dealt.ids("test").tolist() == [1]
    assert set(dealt.side[1:]) == {"train", "val"}


def test_groups_the_source_tore_apart_are_refused() -> None:
    data = given_sides({"a": ["train", "test"], "b": ["val"]})
    with pytest.raises(SplitError, match="'a' straddles the given sides"):
        split(data, by_clip(), from_source=True)


def test_groups_the_source_tore_apart_are_reported_when_asked() -> None:
    data = given_sides({"a": ["train", "test", "train"], "b": ["val"]})
    dealt = split(data, by_clip(straddling="report"), from_source=True)
    assert dealt.side == ("train", "test", "train", "val")
    assert dealt.summary.straddling == {"a": {"train": 2, "test": 1}}
    assert split(given_sides({"a": ["train"], "b": ["val"], "c": ["test"]}), by_clip(straddling="report"),
                 from_source=True).summary.straddling == {}  # fmt: skip


def test_a_split_that_straddles_cannot_be_made_by_hand_either() -> None:
    with pytest.raises(SplitError, match=r"'g' is in test \(1 images\), train \(2 images\)"):
        Split(image_ids=np.arange(3), side=("train", "train", "test"), group=("g", "g", "g"))


def test_ids_and_groups_can_be_asked_for() -> None:
    dealt = Split(image_ids=np.array([3, 1, 2]), side=("train", "train", "val"), group=("x", "y", "z"))
    assert dealt.ids("train").tolist() == [1, 3]
    assert dealt.ids("test").tolist() == []
    assert dealt.groups_of(np.array([2, 3])) == ["z", "x"]
    with pytest.raises(SplitError, match="found 'dev'"):
        dealt.ids("dev")


def test_a_split_names_its_dataset() -> None:
    data = clips([1, 1, 1])
    assert dict(split(data, by_clip()).made_from) == {"dataset": data.digest}


def with_sets(*sets: dict[str, Any], **clause: Any) -> Spec:
    """A spec that groups by clip and keeps some sets aside; sets are golden where they do not say otherwise."""
    return spec(split={"group_by": ["clip"], **clause}, conditions=[{"name": "camera"}, {"name": "site"}],
                sets=[{"kind": "golden", **one} for one in sets])  # fmt: skip


GOLD = {"name": "gold", "where": {"camera": "cam-1"}}


@given(st.lists(st.integers(1, 4), min_size=8, max_size=14), st.integers(0, 5))
def test_pictures_of_a_set_do_nothing_else(sizes: list[int], seed: int) -> None:
    data = clips(sizes)
    dealt = split(data, with_sets(GOLD, seed=seed))
    in_set = {int(i) for i, c in zip(data.image_ids, data.conditions, strict=True) if c["camera"] == "cam-1"}
    assert set(dealt.ids("gold").tolist()) == in_set
    assert all(not in_set & set(dealt.ids(side).tolist()) for side in SIDES)
    assert sorted(np.concatenate([dealt.ids(side) for side in dealt.sides]).tolist()) == data.image_ids.tolist()
    assert all(len(sides) == 1 for sides in sides_of(dealt, data, "clip").values())
    assert dealt.summary.images["gold"] == len(in_set)
    assert dealt.summary.objects["gold"]["carton"] == len(
        data.annotations.take(data.positions(dealt.ids("gold"))).class_id
    )
    assert (dealt.kind_of_set("gold"), dealt.kind_of_set("test")) == ("golden", None)


def test_shares_are_of_what_the_sets_leave() -> None:
    dealt = split(clips([2] * 100), with_sets(GOLD, train=0.6, val=0.2, test=0.2))
    assert dealt.summary.images == pytest.approx({"train": 60, "val": 20, "test": 20, "gold": 100}, abs=4)


def test_a_split_without_sets_is_what_it_was() -> None:
    assert split(clips([1, 1, 1]), by_clip()).digest == split(clips([1, 1, 1]), with_sets()).digest
    assert not split(clips([1, 1, 1]), by_clip()).summary.sets


def two_sites() -> Dataset:
    """Five clips of two pictures; of clip 0 one picture is on site a, all others on site b."""
    return dataset(
        [
            row(k, clip=f"c{(k - 1) // 2}", camera=f"cam-{(k - 1) // 2}", site="a" if k == 1 else "b")
            for k in range(1, 11)
        ]
    )


def test_a_group_of_which_a_part_belongs_is_refused_or_taken_whole() -> None:
    part = {"name": "gold", "where": {"site": "a"}}
    with pytest.raises(SplitError, match=r"'gold' takes 1 of the 2 images of group 'c0'.*straddling: take"):
        split(two_sites(), with_sets(part))
    dealt = split(two_sites(), with_sets({**part, "straddling": "take"}))
    assert dealt.ids("gold").tolist() == [1, 2]
    assert dealt.summary.sets["gold"].taken_along == 1


def test_two_sets_cannot_want_one_group() -> None:
    both = (
        {"name": "gold", "where": {"clip": "c1"}},
        {"name": "hard", "kind": "challenge", "where": {"camera": "cam-1"}},
    )
    with pytest.raises(SplitError, match="'c1' is asked for by the set 'hard' and is in the set 'gold'"):
        split(two_sites(), with_sets(*both))


def test_a_set_of_nothing_is_refused() -> None:
    with pytest.raises(SplitError, match="'gold' is empty: no picture has camera=cam-77"):
        split(two_sites(), with_sets({"name": "gold", "where": {"camera": "cam-77"}}))
    with pytest.raises(SplitError, match="--set gold=FILE"):
        split(two_sites(), with_sets({"name": "gold"}))


def test_a_set_can_be_listed_by_file_names() -> None:
    data = dataset(
        [{**row(k, clip=f"c{(k - 1) // 2}"), "file_name": f"{'ab'[k % 2]}/{(k + 1) // 2}.jpg"} for k in range(1, 13)]
    )
    listed = split(data, with_sets({"name": "gold"}), lists={"gold": [data.file_names[0], data.file_names[1]]})
    assert listed.ids("gold").tolist() == [1, 2]
    assert listed.summary.sets["gold"].listed == 2
    for name, reason in (("1.jpg", "2 pictures end in it"), ("x.jpg", "no picture is called so")):
        with pytest.raises(SplitError, match=reason):
            split(data, with_sets({"name": "gold"}), lists={"gold": [name]})
    with pytest.raises(SplitError, match="'silver' is no set of the spec"):
        split(data, with_sets({"name": "gold"}), lists={"silver": []})


@given(st.integers(8, 12), st.integers(0, 6))
def test_a_set_is_frozen_by_keep(old: int, new: int) -> None:
    before = split(clips([2] * old), with_sets(GOLD))
    data = clips([2] * (old + new))
    for later in (with_sets(GOLD), with_sets(), with_sets({"name": "gold"})):  # also where the spec forgets it
        after = split(data, later, keep=before)
        assert after.side[: 2 * old] == before.side
        assert after.kind_of_set("gold") == "golden"
        assert all(len(sides) == 1 for sides in sides_of(after, data, "clip").values())
    grown = split(data, with_sets(GOLD), keep=before)
    assert all(s == "gold" for s, c in zip(grown.side, data.conditions, strict=True) if c["camera"] == "cam-1")


def test_a_new_set_takes_what_trained_before_and_says_so() -> None:
    data = clips([2] * 12)
    before = split(data, by_clip())
    after = split(data, with_sets(GOLD), keep=before)
    assert len(after.ids("gold")) == 12
    moved = after.summary.sets["gold"].moved_from
    assert sum(moved.values()) == 12 and set(moved) <= set(SIDES)
    stayed = [s for s, c in zip(after.side, data.conditions, strict=True) if c["camera"] == "cam-0"]
    assert stayed == [s for s, c in zip(before.side, data.conditions, strict=True) if c["camera"] == "cam-0"]


def test_groups_never_leave_a_set_for_another() -> None:
    before = split(clips([2] * 12), with_sets(GOLD))
    with pytest.raises(SplitError, match="is asked for by the set 'other' and is in the set 'gold'"):
        split(clips([2] * 12), with_sets({"name": "other", "where": {"camera": "cam-1"}}), keep=before)


def test_a_set_comes_before_the_sides_of_the_source() -> None:
    data = dataset(
        [row(k, clip=f"c{k}", camera=f"cam-{k % 2}", side=["train", "val", "test"][k % 3]) for k in range(1, 13)]
    )
    dealt = split(data, with_sets(GOLD), from_source=True)
    assert dealt.ids("gold").tolist() == [1, 3, 5, 7, 9, 11]
    assert [dealt.side[k - 1] for k in range(2, 13, 2)] == [["train", "val", "test"][k % 3] for k in range(2, 13, 2)]


def test_pictures_with_the_same_bytes_as_one_of_a_set_follow_it_or_are_refused() -> None:
    twin = [
        row(k, clip=f"c{k}", camera="cam-1" if k == 1 else "cam-0", picture=digest_of("twin") if k < 3 else None)
        for k in range(1, 9)
    ]
    with pytest.raises(SplitError, match="takes 1 of the 2 images of group"):
        split(dataset(twin), with_sets(GOLD))
    assert split(dataset(twin), with_sets({**GOLD, "straddling": "take"})).ids("gold").tolist() == [1, 2]


def test_a_split_with_sets_goes_there_and_back(tmp_path) -> None:
    dealt = split(clips([2] * 12), with_sets(GOLD))
    dealt.save(tmp_path)
    loaded = Split.load(tmp_path)
    assert (
        loaded == dealt and loaded.sides == ("train", "val", "test", "gold") and loaded.kind_of_set("gold") == "golden"
    )
    with pytest.raises(SplitError, match="train, val, test, gold; found 'silver'"):
        loaded.ids("silver")
