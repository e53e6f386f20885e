"""Two lists of images are paired by content, then by name, and never across folders that mean something."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.labels.same_image import RULES, same_images


def met(before: list, after: list, **options) -> list[tuple[int, str]]:
    """Row of `before` and rule for each of `after`; entries are names, or (name, digest)."""
    columns = [
        pa.chunked_array([pa.array([e if isinstance(e, str) else e[k] for e in side] if k == 0 else ["" if isinstance(e, str) else e[1] for e in side], pa.string())])
        for side in (before, after)
        for k in (0, 1)
    ]  # fmt: skip
    found = same_images(*columns, **options)
    row = dict(zip(found.after.tolist(), zip(found.before.tolist(), found.rule.tolist(), strict=True), strict=True))
    return [(row[i][0], RULES[row[i][1]]) if i in row else (-1, "") for i in range(len(after))]


def test_content_before_name() -> None:
    before, after = [("a.png", "1"), ("b.png", "2")], [("a.png", "2"), ("b.png", "1")]
    assert met(before, after) == [(1, "content"), (0, "content")]
    assert met([("x/q.png", "1"), "b.png"], [("other.png", "1"), "b.png"]) == [(0, "content"), (1, "exact")]


def test_a_content_that_occurs_twice_is_told_apart_by_name() -> None:
    before, after = [("a.png", "1"), ("b.png", "1")], [("b.png", "1"), ("a.png", "1")]
    assert met(before, after) == [(1, "content"), (0, "content")]
    assert met(before, [("data/b.png", "1"), ("data/a.png", "1")]) == [(1, "path end"), (0, "path end")]


@pytest.mark.parametrize(
    "one, other, same",
    [
        ("v1/f1.png", "data/v1/f1.png", True),
        ("images/a.png", "media/upload/7/a.png", True),
        ("a.png", "C:\\line\\images\\a.png", True),
        ("f1.png", "v1/f1.png", True),
        ("v1/f1.png", "v2/f1.png", False),
        ("site-a/cam1/f1.png", "site-b/cam1/f1.png", False),
        ("train/1.png", "val/1.png", False),
        ("a.png", "a.jpg", False),
        ("frame_000001", "frame_000001.png", True),
        ("v1/frame_1", "v2/frame_1.png", False),
    ],
)
def test_the_end_of_a_path_pairs_where_one_side_says_nothing_before_it(one: str, other: str, same: bool) -> None:
    assert (met([one], [other]) != [(-1, "")]) == same
    assert (met([other], [one]) != [(-1, "")]) == same


def test_loose_trusts_the_end_but_not_another_subset() -> None:
    assert met(["v1/f1.png"], ["v2/f1.png"], loose=True) == [(0, "path end")]
    assert met(["train/1.png"], ["val/1.png"], loose=True) == [(-1, "")]


def test_what_looks_alike_and_stays_alone_is_counted() -> None:
    names = [pa.chunked_array([pa.array(v, pa.string())]) for v in (["v1/f.png"], [""], ["v2/f.png"], [""])]
    found = same_images(*names)
    assert found.unclear == 1 and found.examples == (("v1/f.png", "v2/f.png"),) and found.told() == {}


NAMES = st.lists(
    st.lists(st.sampled_from(["a", "b", "train", "val", "images", "1.png", "2.png", "1.jpg", "1"]), min_size=1, max_size=3).map("/".join),
    max_size=7, unique=True,
)  # fmt: skip


@given(NAMES, NAMES)
def test_no_image_is_in_two_pairs_and_equal_names_meet(before: list, after: list) -> None:
    found = met(before, after)
    rows = [row for row, _ in found if row >= 0]
    assert len(set(rows)) == len(rows)
    for name, (row, rule) in zip(after, found, strict=True):
        assert (rule == "exact") == (name in before)
        if name in before:
            assert before[row] == name


@given(NAMES)
def test_a_list_meets_itself_in_any_order(names: list) -> None:
    assert [row for row, _ in met(names, names[::-1])] == list(range(len(names)))[::-1]
