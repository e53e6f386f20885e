"""Many processes move the rollout at once: its history stays one chain, and whoever lost is told who won."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from boxwright.artifacts import Rollout
from boxwright.errors import NameMoved
from boxwright.lifecycle import ROLLOUT, release
from boxwright.store import NEW_NAME, Store
from tests.tiny_bundles import keep_verdict, tiny_bundle

PROGRAM = Path(__file__).with_name("movers.py")


def judged(folder: Path, many: int) -> tuple[Store, list[str]]:
    """A store with so many judged bundles, and the digests of their verdicts."""
    store = Store(folder / "store")
    bundles = [tiny_bundle(folder / f"{k}", scores=(0.9 - 0.02 * k, 0.6)) for k in range(many)]
    return store, [keep_verdict(store, bundle).digest for bundle in bundles]


def moved_by(store: Store, verdicts: list[str], *, many: int, seed: int) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(store.place.local("")), str(many), str(seed), *verdicts],
        capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == many
    return found


def check_chain(store: Store) -> list[Rollout]:
    """Every entry of the history was made from the one before it."""
    chain = [store.get(event.digest, Rollout) for event in store.history(ROLLOUT)]
    for before, after in zip([None, *chain], chain, strict=False):
        assert after.made_from.get("rollout") == (before.digest if before else None)
        assert after.number == (before.number + 1 if before else 1)
        assert after.previous == (before.primary if before else None)
    return chain


def check_outcomes(found: list[dict[str, Any]], chain: list[Rollout]) -> Counter[str]:
    """Who was told that it is done either stands in the history, each entry by one process, or found its bundle in place."""
    done = Counter(one["rollout"] for one in found if one["outcome"] == "done")
    assert set(done) <= {rollout.digest for rollout in chain}
    for one in found:
        if one["outcome"] == "lost":
            assert "someone else was faster: " in one["told"] and " UTC (" in one["told"]
    return Counter(one["outcome"] for one in found)


@pytest.mark.parametrize("seed", [1])
def test_forty_processes_make_one_chain(tmp_path: Path, seed: int) -> None:
    """None of them finds a rollout when it begins: only one first release can be the first."""
    store, verdicts = judged(tmp_path, 3)
    found = moved_by(store, verdicts, many=42, seed=seed)
    chain = check_chain(store)
    outcomes = check_outcomes(found, chain)
    assert outcomes["lost"] > 0 and outcomes["done"] >= len(chain) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_two_hundred_processes_make_one_chain(tmp_path: Path, seed: int) -> None:
    store, verdicts = judged(tmp_path, 6)
    for k in range(2):
        found = moved_by(store, verdicts, many=200, seed=10 * seed + k)
        outcomes = check_outcomes(found, check_chain(store))
        assert outcomes["lost"] > 0


def test_two_first_releases_are_told_apart(tmp_path: Path) -> None:
    """Both set out from an empty store; the second must not hide that it knew nothing of the first."""
    store, verdicts = judged(tmp_path, 2)
    from boxwright.artifacts import Verdict

    first, second = (store.get(digest, Verdict) for digest in verdicts)
    release(store, first, reason="the faster one", current=None)
    with pytest.raises(
        NameMoved, match=r"'rollout' did not exist when this began, and someone else was faster: .*the faster one"
    ):
        release(store, second, reason="the slower one", current=None)
    with pytest.raises(NameMoved, match="the faster one"):  # the same move, made by somebody else
        release(store, first, reason="the slower one", current=None)
    assert len(check_chain(store)) == 1


def test_a_name_that_must_be_new(tmp_path: Path) -> None:
    from tests.store.test_store import point

    store = Store(tmp_path / "store")
    a, b = store.put(point(0.1)), store.put(point(0.2))
    assert store.point("x", a, expected=NEW_NAME, reason="first")
    assert not store.point("x", a, expected=NEW_NAME)  # it stands there already
    with pytest.raises(NameMoved, match="did not exist when this began.*first"):
        store.point("x", b, expected=NEW_NAME)
    with pytest.raises(NameMoved, match=f"stood for {b[:12]}"):
        store.point("x", store.put(point(0.3)), expected=b)
    assert store.point("x", b, expected=a)
    assert [event.digest for event in store.history("x")] == [a, b]
