"""A store with something of everything: all kinds, versions of a dataset with their pictures, names, logs, a journal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from boxwright.artifacts import Dataset
from boxwright.serving.journal import Journal
from boxwright.store import Steps, Store, digest_of_bytes
from tests.serving.journals import answer
from tests.worlds import dataset, one_of_each_kind, row

BOX = (1.0, 2.0, 30.0, 40.0)


def picture(number: int) -> bytes:
    """Bytes that stand for an image."""
    return f"picture {number} ".encode() * 40


def version(number: int, *, name: str = "line") -> Dataset:
    """Versions that add, change and drop rows; each refers to pictures number to 11 + 2 * number."""
    rows = [
        row(k, [BOX] if k % 3 else [BOX, (5.0, 5.0, 9.0 + number, 9.0)], picture=digest_of_bytes(picture(k)))
        for k in range(1 + number, 12 + 2 * number)
    ]
    return dataset(rows, name=name)


def write_version(store: Store, number: int) -> str:
    """Its pictures, its rows, a name and a line in the ledger, as stages write them; its digest."""
    store.pictures.add([picture(k) for k in range(1 + number, 12 + 2 * number)])
    digest = store.put(version(number), name="dataset/line", reason=f"version {number}")
    Steps(store, lambda _: None)(Dataset, "step", lambda n: version(n, name="made"), number)
    return digest


def fill(root: Path) -> Store:
    """A whole store with every kind, three versions, and a journal."""
    store = Store(root)
    for number in range(3):
        write_version(store, number)
    for kind, artifact in one_of_each_kind(root.parent / "made").items():
        if kind != Dataset.kind:
            store.put(replace(artifact, made_from={"dataset": version(1).digest}), name=f"{kind}/line")
    store.place.append("reviews.jsonl", json.dumps({"at": 1.0, "actor": "ann", "what": "closed", "queue": "q"}))
    journal = Journal(root / "journal")
    for k in range(3):
        journal.keep_picture(picture(k), digest_of_bytes(picture(k)))
        journal.append(answer(k, picture=digest_of_bytes(picture(k))))
    journal.close()
    for segment in (root / "journal").glob("*.journal"):
        segment.chmod(0o600)
    (root / "journal").chmod(0o700)
    return store


def add_what_is_no_part(root: Path) -> None:
    """Locks, temporary files, leftovers and an unfinished run."""
    (root / "artifacts" / "split" / f".{'b' * 64}.x1y2z3_a").mkdir()
    (root / "artifacts" / "split" / f".{'b' * 64}.x1y2z3_a" / "document.json").write_text("{}")
    (root / "artifacts" / "report" / f".damaged-17-{'c' * 64}").mkdir()
    (root / "tables" / "rows" / "line.lance" / "data" / ".tmpAbC").write_bytes(b"half")
    (root / "tables" / "rows" / "line.lance" / "_versions" / "184.manifest#1").write_bytes(b"half")
    (root / "tables" / "pictures.unflushed").touch()
    (root / "journal" / "pictures" / f"{'d' * 64}.0123").write_bytes(b"half")
    (root / "work" / "run").mkdir(parents=True)
    (root / "work" / "run" / "state").write_bytes(b"x")
    with (root / "names" / "dataset" / "line.jsonl").open("a") as file:
        file.write('{"at": 17500')  # a writer died here


def contents(root: Path) -> dict[str, bytes]:
    """Path to bytes of every file, what says how the copy was made left out."""
    return {key: path.read_bytes() for key, path in _files(root) if key != "copy.json"}


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(root)), path


def quiet(_what: str, _done: int, _of: int) -> None:
    """Tells nobody."""
