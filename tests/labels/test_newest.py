"""Two who correct the same version both get their work into the newest one, or the second is told why not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import boxwright.labels.newest as newest
from boxwright.artifacts import Corrections, Dataset
from boxwright.errors import InputError, NameMoved
from boxwright.labels import correct, correct_newest, diff
from boxwright.store import Store
from tests.worlds import corrections, dataset, digest_of, row

A, B, C = (1.0, 2.0, 30.0, 40.0), (50.0, 10.0, 60.0, 20.0), (5.5, 6.5, 17.5, 28.5)
NAME = "dataset/line"


def answer(picture: int, *boxes: tuple) -> Corrections:
    return corrections({digest_of(f"picture {picture}"): (list(boxes), [0] * len(boxes))})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.put(dataset([row(k, [A]) for k in range(1, 9)]), name=NAME)
    return store


def boxes_of(data: Dataset, image_id: int) -> list[float]:
    return next(r["x1"] for r in data.rows.to_pylist() if r["image_id"] == image_id)


def test_answers_go_into_the_newest_version_also_from_an_older_one(store: Store) -> None:
    first = store.get(NAME, Dataset)
    correct_newest(store, first, answer(1, A, B), name=NAME, reason="one")
    made = correct_newest(store, first, answer(2, C), name=NAME, reason="two")
    assert made.rebased
    now = store.get(NAME, Dataset)
    assert (boxes_of(now, 1), boxes_of(now, 2)) == ([A[0], B[0]], [C[0]])
    assert [event.reason for event in store.history(NAME)] == ["", "one", "two"]
    assert len({event.digest for event in store.history(NAME)}) == 3
    assert now.made_from["dataset"] == store.history(NAME)[1].digest


def test_two_answers_about_one_picture_are_not_merged(store: Store) -> None:
    first = store.get(NAME, Dataset)
    correct_newest(store, first, answer(1, A, B), name=NAME, reason="one")
    before = store.history(NAME)
    with pytest.raises(InputError, match=r"001\.jpg.*Nothing was written"):
        correct_newest(store, first, answer(1, C), name=NAME, reason="two")
    assert store.history(NAME) == before


def test_who_is_overtaken_while_writing_starts_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = store.get(NAME, Dataset)
    calls = []

    def overtaken(data: Dataset, answers: Corrections) -> Dataset:
        if not calls:
            calls.append(1)
            store.put(correct(data, answer(5, B)), name=NAME, reason="someone else")
        return correct(data, answers)

    monkeypatch.setattr(newest, "correct", overtaken)
    correct_newest(store, first, answer(2, C), name=NAME, reason="mine")
    now = store.get(NAME, Dataset)
    assert (boxes_of(now, 5), boxes_of(now, 2)) == ([B[0]], [C[0]])
    assert [event.reason for event in store.history(NAME)] == ["", "someone else", "mine"]


def test_a_name_that_moved_is_not_moved_again(store: Store) -> None:
    first = store.get(NAME, Dataset)
    other, mine = correct(first, answer(1, B)), correct(first, answer(2, C))
    store.put(other, name=NAME, expected=first.digest)
    with pytest.raises(NameMoved, match="someone else was faster"):
        store.put(mine, name=NAME, expected=first.digest)
    assert store.resolve(NAME) == other.digest
    assert store.get(mine.digest, Dataset) == mine  # kept all the same


def test_processes_that_correct_at_the_same_time_lose_nothing(store: Store) -> None:
    folder = str(store.place.local(""))
    first = store.resolve(NAME)
    digests = {k: store.put(answer(k, A, C)) for k in range(1, 5)}
    words = [sys.executable, "-m", "boxwright.cli.main", "correct", first]
    running = [
        subprocess.Popen([*words, digest, "--store", folder, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for digest in digests.values()
    ]
    done = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0] * 4, done
    made = {json.loads(out)["dataset"] for out, _ in done}
    later = Store(folder)
    assert made == {event.digest for event in later.history(NAME)[1:]} and len(made) == 4
    now = later.get(NAME, Dataset)
    assert [boxes_of(now, k) for k in range(1, 9)] == [[A[0], C[0]]] * 4 + [[A[0]]] * 4
    found = diff(later.get(f"{NAME}@1", Dataset), now)
    assert (found.counts["added"], found.counts["removed"], sum(found.counts.values())) == (4, 0, 4)
    assert found.per_annotator["ann"]["added"] == 4
