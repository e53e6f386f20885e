"""Versions of a name can be called by number; who moves a name can say what it must stand for."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from boxwright.artifacts import OperatingPoint
from boxwright.errors import NameMoved, StoreError
from boxwright.store import Store, append_line


def point(threshold: float) -> OperatingPoint:
    return OperatingPoint(score_thresholds={"carton": threshold}, rule={}, observed={})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    for k in range(3):
        store.put(point(k / 10), name="line/point", reason=f"number {k + 1}")
    return store


@pytest.mark.parametrize(
    ("reference", "number"),
    [
        ("line/point", 3),
        ("line/point@1", 1),
        ("line/point@3", 3),
        ("line/point~0", 3),
        ("line/point~1", 2),
        ("line/point~2", 1),
    ],
)
def test_versions_by_number(store: Store, reference: str, number: int) -> None:
    assert store.get(reference, OperatingPoint) == point((number - 1) / 10)
    name, history, position = store.versions(reference)
    assert (name, len(history), position) == ("line/point", 3, number - 1)


@pytest.mark.parametrize("reference", ["line/point@0", "line/point@4", "line/point~3", "line/point@99999"])
def test_versions_that_are_not_there(store: Store, reference: str) -> None:
    with pytest.raises(StoreError, match="has 3 versions"):
        store.resolve(reference)


@pytest.mark.parametrize(
    "reference", ["other@1", "line/point@", "line/point@1@1", "@1", "line/point@-1", "line/point~x"]
)
def test_what_is_no_version(store: Store, reference: str) -> None:
    with pytest.raises(StoreError):
        store.resolve(reference)


@pytest.mark.parametrize("name", ["a@1", "a~1"])
def test_no_name_can_look_like_a_version(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match="cannot be a name"):
        store.put(point(0.5), name=name)


def test_a_name_moves_only_from_where_it_was_expected(store: Store) -> None:
    first, last = point(0.0).digest, point(0.2).digest
    with pytest.raises(NameMoved):
        store.put(point(0.7), name="line/point", expected=first)
    assert store.resolve("line/point") == last
    assert store.get(point(0.7).digest, OperatingPoint) == point(0.7)
    store.put(point(0.7), name="line/point", expected=last)
    store.put(point(0.7), name="line/point", expected=last)  # said twice: it already stands there
    assert len(store.history("line/point")) == 4
    with pytest.raises(NameMoved, match="stands for nothing"):
        store.point("new", last, expected=first)


def test_of_many_that_expect_the_same_one_moves_the_name(tmp_path: Path) -> None:
    stores = [Store(tmp_path / "store") for _ in range(8)]
    begin = stores[0].put(point(0.9), name="x")
    for k, store in enumerate(stores):
        store.put(point(k / 100))
    told: list[int] = []
    barrier = threading.Barrier(len(stores))

    def move(k: int) -> None:
        barrier.wait()
        try:
            stores[k].point("x", point(k / 100).digest, expected=begin)
        except NameMoved:
            told.append(k)

    threads = [threading.Thread(target=move, args=(k,)) for k in range(len(stores))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == len(stores) - 1
    assert len(stores[0].history("x")) == 2


@pytest.mark.parametrize("line", ["b", "b" * 5000, "ä" * 3000])
def test_the_line_before_is_given_whole(tmp_path: Path, line: str) -> None:
    seen: list[str | None] = []
    path = tmp_path / "x.jsonl"

    def after(last: str | None) -> bool:
        seen.append(last)
        return last != line

    assert append_line(path, "a", after=after)
    assert append_line(path, line, after=after)
    assert not append_line(path, "c", after=after)
    with path.open("a") as file:
        file.write("torn")
    assert not append_line(path, "d", after=after)
    assert seen == [None, "a", line, line]
    assert path.read_text() == f"a\n{line}\n"
