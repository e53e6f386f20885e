"""A step is done once for the same inputs, and again when anything it depends on changed or its result is gone."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from boxwright.artifacts import Dataset, OperatingPoint
from boxwright.errors import InputError
from boxwright.store import Steps, Store, identity_of
from tests.worlds import dataset, row, spec


class Worker:
    """Makes an operating point, and counts how often it was asked to."""

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold, self.calls = threshold, 0

    def __call__(self, *_inputs: object) -> OperatingPoint:
        self.calls += 1
        return OperatingPoint(score_thresholds={"carton": self.threshold}, rule={}, observed={})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_the_second_time_nothing_is_done(store: Store) -> None:
    said: list[str] = []
    work = Worker()
    first = Steps(store, said.append)(OperatingPoint, "choose", work, "input", 3)
    again = Steps(store, said.append)(OperatingPoint, "choose", work, "input", 3)  # another process, the same store
    assert first == again
    assert work.calls == 1
    assert "unchanged" in said[-1]
    assert "unchanged" not in said[0]


def test_anything_in_the_key_that_changes_makes_it_again(store: Store) -> None:
    steps, work = Steps(store, lambda _: None), Worker()
    artifact, other = Worker(0.1)(), Worker(0.2)()
    for step, inputs in [
        ("choose", (artifact,)), ("choose", (other,)), ("predict", (artifact,)), ("choose", (artifact, 1)),
        ("choose", (spec(monitoring={"window": 20}),)), ("choose", (spec(monitoring={"window": 30}),)), ("choose", ()),
    ]:  # fmt: skip
        steps(OperatingPoint, step, work, *inputs)
    assert work.calls == 7
    steps(OperatingPoint, "choose", work, artifact)
    assert work.calls == 7


def test_a_result_that_is_gone_is_made_again(store: Store) -> None:
    steps, work, said = Steps(store, lambda _: None), Worker(), []
    digest = steps(OperatingPoint, "choose", work).digest
    shutil.rmtree(store.folder(digest, kind="operating_point"))
    assert Steps(store, said.append)(OperatingPoint, "choose", work).digest == digest
    assert work.calls == 2
    assert "made again" in said[0]


def test_a_missing_library_is_no_damage(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made = dataset([row(1), row(2)])
    digest = Steps(store, lambda _: None)(Dataset, "correct", lambda: made).digest
    monkeypatch.setitem(sys.modules, "lance", None)
    with pytest.raises(InputError, match=r"pip install 'boxwright\[data\]'"):
        Steps(store, lambda _: None)(Dataset, "correct", lambda: made)
    assert store.digests("dataset") == [digest]  # it was not put out of the way


def test_a_step_that_fails_is_not_in_the_ledger(store: Store) -> None:
    def fail() -> OperatingPoint:
        raise RuntimeError("no luck")

    steps, work = Steps(store, lambda _: None), Worker()
    with pytest.raises(RuntimeError):
        steps(OperatingPoint, "choose", fail)
    steps(OperatingPoint, "choose", work)
    assert work.calls == 1


def test_a_torn_line_costs_one_step_and_no_more(store: Store) -> None:
    work = Worker()
    Steps(store, lambda _: None)(OperatingPoint, "one", work)
    with store.place.local("ledger.jsonl").open("a") as file:
        file.write('{"key": "ab')  # the writer died here
    Steps(store, lambda _: None)(OperatingPoint, "two", work)
    steps = Steps(store, lambda _: None)
    steps(OperatingPoint, "one", work)
    steps(OperatingPoint, "two", work)
    assert work.calls == 2


def test_identity_is_of_content_and_order_of_arguments_matters() -> None:
    assert identity_of({"a": 1, "b": 2}) == identity_of({"b": 2, "a": 1})
    assert identity_of(Worker(0.1)()) == identity_of(Worker(0.1)().digest)
    assert len({identity_of(), identity_of(1), identity_of("1"), identity_of(1, 2), identity_of(2, 1)}) == 5
