"""A store that really went through the loop is whole, and goes on from a copy, wherever that lies."""

from __future__ import annotations

import shutil
from pathlib import Path

from boxwright.artifacts import KINDS, Bundle, Dataset
from boxwright.lifecycle import ROLLOUT
from boxwright.store import Store
from boxwright.store.check import check
from boxwright.store.copy import copy
from tests.lifecycle.servers import served


def quiet(_what: str, _done: int, _of: int) -> None:
    """Tells nobody."""


def test_a_turned_store_is_whole_and_is_served_from_a_copy_of_its_copy(world, tmp_path: Path) -> None:
    found = check(world.root / "store", KINDS, tell=quiet)
    assert found.faults == () and found.artifacts > 8
    for source, target in ((world.root / "store", tmp_path / "backup"), (tmp_path / "backup", tmp_path / "restored")):
        made = copy(source, target, KINDS, tell=quiet)
        assert made.faults == ()
    shutil.rmtree(tmp_path / "backup")
    store = Store(tmp_path / "restored")
    assert {ROLLOUT, "dataset/small", "candidate/small"} <= set(store.names()) <= set(world.store.names())
    assert store.get("candidate/small", Bundle) == world.candidate
    dataset = store.get("dataset/small", Dataset)
    data = store.pictures.read(dataset.picture_digests[0])
    with served(["--store", str(tmp_path / "restored")], tmp_path / "log") as server:
        status, answer, _ = server.ask("POST", "/v1/detect", data)
        assert (status, answer["model"]["bundle"]) == (200, world.candidate.digest)
    assert check(tmp_path / "restored", KINDS, tell=quiet).faults == ()
