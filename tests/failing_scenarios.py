"""Four scenarios on disks that fail at every n-th call in turn; the tests run them small, benchmarks/reliability/failing_disk.py all.

Each takes a folder that is not there yet, and the options of `Failing`, and gives how many positions were failed. What must hold at every
position is asserted: acknowledged records are readable, a name has its old or its new value, artifacts and files are whole or absent, and
no error but a StoreError or ServingError comes out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from boxwright.artifacts import QUEUE_SCHEMA, OperatingPoint, ReviewQueue, Rollout
from boxwright.errors import ServingError, StoreError
from boxwright.lifecycle.releasing import release, take_back
from boxwright.lifecycle.review_log import entries, note
from boxwright.lifecycle.reviewing import export_queue
from boxwright.lifecycle.stages import ROLLOUT, current_rollout
from boxwright.serving import Journal, promote, rollback
from boxwright.store import Store, digest_of_bytes, using
from tests.disks import Failing, positions
from tests.serving.journals import account, answer, numbers
from tests.tiny_bundles import jpeg, keep_verdict, tiny_bundle


def journal_scenario(folder: Path, *, flush: bool = False, **options: Any) -> int:
    """A server's life: answers with and without a picture over several segments, and a disk that is well again at the end.

    A refused record may be there all the same, where not even the cut back succeeded; that costs nothing.
    """

    def once(disk: Failing) -> None:
        where = folder / str(disk.n)
        acknowledged, refused = _serve(where, disk, flush=flush)
        if acknowledged:
            found, there = account(where), numbers(where)
            assert [number for number in there if number not in refused] == acknowledged
            assert there == sorted(there) and len(there) - len(acknowledged) <= ("truncate" in disk.calls)
            assert (found.lost, found.duplicates, found.damaged, found.missed) == (0, 0, {}, len(refused))
            assert found.skipped_bytes == 0

    return positions(once, **options)


def _serve(folder: Path, disk: Failing, *, flush: bool) -> tuple[list[int], list[int]]:
    """Numbers acknowledged, and numbers refused."""
    acknowledged: list[int] = []
    refused: list[int] = []
    try:
        journal = Journal(folder, fs=disk, flush_to_disk=flush, segment_bytes=1500)
    except ServingError:
        return acknowledged, refused
    for number in range(8):
        try:
            if number == 3:
                journal.keep_picture(b"picture", "d" * 64)
            journal.append(answer(number))
            acknowledged.append(number)
        except ServingError:
            refused.append(number)
            journal.missed(float(number))
    disk.mend()
    assert journal.probe() and journal.writable
    journal.append(answer(100))
    acknowledged.append(100)
    journal.close()
    return acknowledged, refused


def names_scenario(folder: Path, **options: Any) -> int:
    """An artifact is put under a name that stands for another, or for nothing yet."""
    old, new = point(0.1), point(0.2)

    def once(disk: Failing) -> None:
        root = folder / str(disk.n)
        if disk.n % 2:
            Store(root).put(old, name="line/point")
        before = [event.digest for event in Store(root).history("line/point")]
        with using(disk):
            failed = fails(lambda: Store(root).put(new, name="line/point", reason="new"))
        assert disk.failed or not failed
        store = Store(root)
        all_artifacts_are_whole(store)
        after = [event.digest for event in store.history("line/point")]
        assert after in (before, [*before, new.digest])
        assert failed or after == [*before, new.digest], "what was acknowledged is there"
        store.put(new, name="line/point")
        assert store.get("line/point", OperatingPoint) == new

    return positions(once, **options)


def rollout_scenario(folder: Path, *, by_the_door: bool = True, **options: Any) -> int:
    """A bundle is promoted, and taken back again.

    With `by_the_door` False only the rollout is put under its name, as `release` and `take_back` do once they have judged again.
    """
    bundles = [tiny_bundle(folder / name, scores=scores) for name, scores in (("a", (0.9, 0.6)), ("b", (0.8, 0.7)))]
    root = folder / "store"
    one, other = (keep_verdict(Store(root), bundle) for bundle in bundles)
    release(Store(root), one, reason="first")

    def put(wanted: Rollout) -> None:
        before = current_rollout(Store(root))
        Store(root).put(wanted, name=ROLLOUT, reason="next", expected=before.digest if before else None)

    def primary() -> str:
        return _present(root).primary

    def forth(disk: Failing) -> None:
        before = primary()
        wanted = other if before == bundles[0].digest else one
        with using(disk):
            if by_the_door:
                failed = fails(lambda: release(Store(root), wanted, reason="next"))
            else:
                failed = fails(lambda: put(promote(wanted, current=current_rollout(Store(root)))))
        assert primary() == wanted.bundle or (failed and primary() == before)
        all_artifacts_are_whole(Store(root))

    def back(disk: Failing) -> None:
        before = primary()
        with using(disk):
            if by_the_door:
                failed = fails(lambda: take_back(Store(root), reason="back"))
            else:
                failed = fails(lambda: put(rollback(_present(root))))
        assert primary() != before or failed
        all_artifacts_are_whole(Store(root))

    return positions(forth, **options) + positions(back, **options)


def _present(root: Path) -> Rollout:
    rollout = current_rollout(Store(root))
    assert rollout is not None
    return rollout


def queue_scenario(folder: Path, *, form: str = "coco", **options: Any) -> int:
    """A review queue is handed out as files, and the store notes that it was."""
    pictures = {digest_of_bytes(data): data for data in (jpeg(60), jpeg(90))}
    journal = Journal(folder / "journal")
    for digest, data in pictures.items():
        journal.keep_picture(data, digest)
    queue = _queue_of(list(pictures))
    seen: list[set[tuple[str, bytes]]] = []

    def once(disk: Failing) -> None:
        root, out = folder / f"store-{disk.n}", folder / f"out-{disk.n}"
        Store(root).put(queue)
        with using(disk):
            failed = fails(lambda: export_queue(Store(root), queue, folder / "journal", out, form=form))  # type: ignore[arg-type]
        found = (path for path in out.rglob("*") if path.is_file() and not path.name.startswith("."))
        seen.append({(path.relative_to(out).as_posix(), path.read_bytes()) for path in found})
        noted = [entry["what"] for entry in entries(Store(root))]
        assert noted in ([], ["exported"])
        assert failed or (noted == ["exported"] and len(seen[-1]) >= 3)

    tried = positions(once, **options)
    assert all(files <= seen[-1] for files in seen), "no file differs from what it is in a whole export"
    return tried


def review_log_scenario(folder: Path, **options: Any) -> int:
    """A line is added to the log of reviews."""

    def once(disk: Failing) -> None:
        store = Store(folder / str(disk.n))
        note(store, "closed", queue="a" * 64)
        with using(disk):
            failed = fails(lambda: note(store, "closed", queue="b" * 64))
        assert failed or len(entries(store)) == 2
        note(store, "closed", queue="c" * 64)
        assert [entry["queue"][0] for entry in entries(store)] in (["a", "c"], ["a", "b", "c"])

    return positions(once, **options)


def point(threshold: float) -> OperatingPoint:
    """A small artifact."""
    return OperatingPoint(score_thresholds={"carton": threshold}, rule={}, observed={})


def fails(do: Callable[[], object]) -> bool:
    """Whether it ended in a StoreError; any other error is not caught."""
    try:
        do()
    except StoreError:
        return True
    return False


def all_artifacts_are_whole(store: Store) -> None:
    """Read each against its digest."""
    for kind in (OperatingPoint, Rollout):
        for digest in store.digests(kind.kind):
            store.get(digest, kind)


def _queue_of(digests: list[str]) -> ReviewQueue:
    """One item per picture, each with a proposed box."""
    rows = [
        {
            "item": f"item-{k}", "picture": digest, "file_name": "", "camera": "", "priority": "P1", "reason": "random",
            "value": 0.5, "selected_at": 1.0, "due_at": 2.0,
            "proposal": json.dumps({"boxes_xyxy": [[1, 2, 30, 40]], "class_id": [0], "score": [0.5]}),
        }
        for k, digest in enumerate(digests)
    ]  # fmt: skip
    return ReviewQueue(class_names=("carton",), items=pa.Table.from_pylist(rows, schema=QUEUE_SCHEMA))
