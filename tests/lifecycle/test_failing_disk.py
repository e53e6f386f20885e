"""A review queue on its way out while every n-th call to the disk fails in turn: files are whole or absent, and the log agrees."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pyarrow as pa
import pytest

from boxwright.artifacts import QUEUE_SCHEMA, ReviewQueue
from boxwright.errors import StoreError
from boxwright.lifecycle.review_log import entries, note
from boxwright.lifecycle.reviewing import export_queue
from boxwright.serving import Journal
from boxwright.store import Store, digest_of_bytes, using
from tests.disks import Failing, positions
from tests.tiny_bundles import jpeg


def queue_of(digests: list[str]) -> ReviewQueue:
    """One item per picture, each with a proposed box."""
    rows = [
        {
            "item": f"item-{k}", "picture": digest, "file_name": "", "camera": "", "priority": "P1", "reason": "random",
            "value": 0.5, "selected_at": 1.0, "due_at": 2.0,
            "proposal": json.dumps({"boxes_xyxy": [[1, 2, 30, 40]], "class_id": [0], "score": [0.5]}),
        }
        for k, digest in enumerate(digests)
    ]  # fmt: skip
    return ReviewQueue(class_names=("carton",), items=pa.Table.from_pylist(rows, schema=QUEUE_SCHEMA), summary={})


@pytest.mark.parametrize("form", ["coco", "cvat", "labelstudio"])
@pytest.mark.parametrize("half", [False, True])
def test_an_exported_queue_is_whole_or_absent(tmp_path: Path, form: str, half: bool) -> None:
    pictures = {digest_of_bytes(data): data for data in (jpeg(60), jpeg(90))}
    journal = Journal(tmp_path / "journal")
    for digest, data in pictures.items():
        journal.keep_picture(data, digest)
    queue = queue_of(list(pictures))
    whole: set[tuple[str, bytes]] = set()

    def once(disk: Failing) -> None:
        root, folder = tmp_path / f"store-{disk.n}", tmp_path / f"out-{disk.n}"
        Store(root).put(queue)
        failed = False
        with using(disk):
            try:
                export_queue(Store(root), queue, tmp_path / "journal", folder, form=form)  # type: ignore[arg-type]
            except StoreError:
                failed = True
        files = {
            (path.relative_to(folder).as_posix(), path.read_bytes())
            for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        }
        noted = [entry["what"] for entry in entries(Store(root))]
        assert failed or (noted == ["exported"] and len(files) >= 3)
        assert noted in ([], ["exported"])
        seen.append(files)

    seen: list[set[tuple[str, bytes]]] = []
    assert positions(once, code=errno.ENOSPC, half=half) >= 15
    whole = seen[-1]
    assert all(files <= whole for files in seen), "no file differs from what it is in a whole export"


def test_a_line_of_the_review_log_is_whole_or_absent(tmp_path: Path) -> None:
    def once(disk: Failing) -> None:
        store = Store(tmp_path / str(disk.n))
        note(store, "closed", queue="a" * 64)
        with using(disk):
            try:
                note(store, "closed", queue="b" * 64)
                failed = False
            except StoreError:
                failed = True
        assert failed or len(entries(store)) == 2
        note(store, "closed", queue="c" * 64)
        assert [entry["queue"][0] for entry in entries(store)] in (["a", "c"], ["a", "b", "c"])

    assert positions(once, half=True, from_then_on=False) >= 3
