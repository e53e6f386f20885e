"""Whatever bytes come from outside: an answer or one of our errors, no crash, no hang. Longer: `pytest -m slow`, or the benchmarks."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.reliability.broken_images import read_all
from benchmarks.reliability.fuzz import fuzz, watched
from benchmarks.reliability.fuzz_targets import TARGETS


@pytest.fixture(autouse=True)
def _alarm() -> Iterator[None]:
    before = signal.getsignal(signal.SIGPROF)
    yield
    signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize("target", TARGETS)
def test_a_second_of_mutated_input(target: str, tmp_path: Path) -> None:
    found = fuzz(target, 1.0, 3, tmp_path)
    assert found["findings"] == []
    assert found["seeds"]["read"] > 0  # the target reads something, so that a mutation can break it
    assert found["inputs"] > sum(found["seeds"].values())


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_a_minute_of_mutated_input(target: str) -> None:
    assert watched(target, 60.0, 4)["findings"] == []


def test_curated_and_some_mutated_images() -> None:
    found = read_all(100, 5)
    assert (found["curated"] >= 500, found["untyped"], found["findings"]) == (True, 0, [])
    assert found["read"] > 50 and found["refused"] > 300


@pytest.mark.slow
def test_ten_thousand_mutated_images() -> None:
    assert read_all(10_000, 6)["findings"] == []
