"""Every n-th call to the disk fails in turn: a name holds the old or the new value, an artifact is whole or absent, and nothing but a
StoreError reaches the caller. A power cut forgets what was not flushed; what was acknowledged is still there."""

from __future__ import annotations

import errno
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from boxwright.artifacts import EVENT_SCHEMA, Dataset, Events, OperatingPoint
from boxwright.errors import StoreError
from boxwright.store import Fs, Store, append_line, using, write_bytes
from tests.disks import Failing, Unsynced, positions
from tests.failing_scenarios import (
    fails,
    names_scenario,
    point,
    queue_scenario,
    review_log_scenario,
    rollout_scenario,
)
from tests.worlds import dataset, row


def events_of(data: Dataset) -> Events:
    """An artifact with tables of some size, which Arrow writes."""
    draw = np.random.default_rng(0)
    rows = [
        {
            "event_id": draw.bytes(16).hex(),
            "at": float(k),
            "bundle": "b",
            "picture": draw.bytes(32).hex(),
            "detections": 0,
        }
        for k in range(len(data))
    ]
    table = pa.Table.from_pylist(rows, schema=EVENT_SCHEMA)
    none = {name: pa.array([], pa.float64()) for name in ("x1", "y1", "x2", "y2", "score")}
    return Events(
        class_names=("carton",), events=table, detections=pa.table({**none, "class_id": pa.array([], pa.int32())})
    )


@pytest.mark.parametrize("from_then_on", [False, True])
def test_a_file_holds_the_old_or_the_new(tmp_path: Path, from_then_on: bool) -> None:
    def once(disk: Failing) -> None:
        path = tmp_path / str(disk.n) / "page.html"
        write_bytes(path, b"old")
        with using(disk):
            failed = fails(lambda: write_bytes(path, b"new" * 1000))
        assert path.read_bytes() in ((b"old", b"new" * 1000) if failed else (b"new" * 1000,))

    assert positions(once, half=True, from_then_on=from_then_on) >= 5


def test_a_history_that_failed_once_takes_the_next_line(tmp_path: Path) -> None:
    def once(disk: Failing) -> None:
        path = tmp_path / f"{disk.n}.jsonl"
        append_line(path, "one")
        with using(disk):
            failed = fails(lambda: append_line(path, "two" * 100))
        append_line(path, "three")
        lines = path.read_text().splitlines()
        assert lines in (["one", "three"], ["one", "two" * 100, "three"]) and (failed or len(lines) == 3)

    assert positions(once, half=True, calls=("open", "write", "fsync", "truncate")) >= 3


def test_a_refusal_says_what_cannot_be_written_and_why(tmp_path: Path) -> None:
    with using(Failing(1, ("write",), code=errno.ENOSPC)), pytest.raises(StoreError) as refused:
        write_bytes(tmp_path / "page.html", b"x")
    assert str(refused.value) == f"'{tmp_path}/page.html' cannot be written: No space left on device."
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written: File exists"):
        write_bytes(tmp_path / "file" / "page.html", b"x")


@pytest.mark.parametrize(
    "options", [{"code": errno.EIO}, {"code": errno.ENOSPC, "half": True}, {"code": errno.ENOSPC, "from_then_on": True}]
)
def test_names_and_artifacts(tmp_path: Path, options: dict[str, Any]) -> None:
    assert names_scenario(tmp_path, **options) >= 20


def test_the_rollout_has_moved_or_not(tmp_path: Path) -> None:
    assert rollout_scenario(tmp_path, by_the_door=False, half=True) >= 20


@pytest.mark.slow
def test_promote_and_rollback_on_a_failing_disk(tmp_path: Path) -> None:
    assert rollout_scenario(tmp_path, half=True) >= 20


@pytest.mark.parametrize("form", ["coco", "cvat", "labelstudio"])
def test_an_exported_queue_is_whole_or_absent(tmp_path: Path, form: str) -> None:
    assert queue_scenario(tmp_path, form=form, half=True, code=errno.ENOSPC) >= 15


def test_a_line_of_the_review_log_is_whole_or_absent(tmp_path: Path) -> None:
    assert review_log_scenario(tmp_path, half=True) >= 3


def test_a_file_that_may_not_grow_leaves_no_artifact(tmp_path: Path) -> None:
    """The real thing, where libraries write by themselves: files beyond so many bytes are refused by the system."""
    big = dataset([row(k, [(1.0, 2.0, 30.0, 40.0)]) for k in range(1, 400)])
    for number, most in enumerate((100, 1000, 5000, 20_000)):
        store = Store(tmp_path / str(number))
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        try:
            failed = fails(lambda store=store, most=most: store.put(replace(point(0.1), rule={"x": "y" * 3 * most})))
            failed_on_tables = fails(lambda store=store: store.put(events_of(big)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert failed and failed_on_tables
        assert store.digests(OperatingPoint.kind) == store.digests(Events.kind) == []
        assert store.get(store.put(events_of(big)), Events) == events_of(big)


# -- power cuts


class CutPowerOnReturn:
    """A store, and what is left of it after a power cut."""

    def __init__(self, tmp_path: Path, fs: Fs) -> None:
        self.root, self._tmp, self._fs, self._cuts = tmp_path / "here" / "store", tmp_path, fs, 0

    def after_the_cut(self) -> Store:
        self._cuts += 1
        assert isinstance(self._fs, Unsynced)
        return Store(
            self._fs.cut_power(self._tmp, self._tmp.parent / f"{self._tmp.name}-{self._cuts}") / "here" / "store"
        )


def test_what_a_store_acknowledged_outlives_a_power_cut(tmp_path: Path) -> None:
    disk = Unsynced()
    world = CutPowerOnReturn(tmp_path, disk)
    with using(disk):
        for k in range(1, 4):
            Store(world.root).put(point(k / 10), name="line/point")
            left = world.after_the_cut()
            assert [event.digest for event in left.history("line/point")] == [
                point(n / 10).digest for n in range(1, k + 1)
            ]
            for n in range(1, k + 1):
                assert left.get(point(n / 10).digest, OperatingPoint) == point(n / 10)
        write_bytes(world.root / "a" / "b" / "page.html", b"page")
        assert (world.after_the_cut().place.fetch("a/b/page.html")).read_bytes() == b"page"
