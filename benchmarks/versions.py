"""One box changed in a dataset of a million: what the next version and its diff cost, and how much the disk grows.

    python3 -m venv build/peers_versions && build/peers_versions/bin/python -m pip install dvc
    python benchmarks/versions.py [--pictures 100000] [--boxes 10] [--dvc build/peers_versions/bin/dvc] [--out versions.md]

In one process, from the earlier version in memory: the next version is put together (Dataset), stored under its name (put)
and compared with the one before (diff). Beside it the two usual ways: the whole table written again as Parquet and compared
row by row in Arrow, and `dvc add` of that Parquet file, which keeps a version but cannot say what changed. Times are CPU
seconds of this process and its children; figures of the first line are the median of five changes. Then the same from the
command line: `boxwright diff` of two versions in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from boxwright.artifacts import ROW_SCHEMA, Dataset
from boxwright.labels import diff
from boxwright.store import Store

CLASSES = ("open", "short", "mousebite", "spur", "copper", "pin-hole")


def cpu_seconds() -> float:
    """Of this process and of all children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def peak_mb() -> float:
    """Peak memory of this process, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def size_of(folder: Path) -> int:
    """Bytes of all files under a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def timed(make: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and its CPU seconds."""
    begin = cpu_seconds()
    made = make()
    return made, cpu_seconds() - begin


def dataset(pictures: int, boxes: int) -> Dataset:
    """Made rows with everything a row has."""
    rng = np.random.default_rng(0)
    n, m = pictures, pictures * boxes
    x1, y1 = rng.uniform(0, 560, m).round(2), rng.uniform(0, 400, m).round(2)
    w, h = rng.uniform(5, 80, m).round(2), rng.uniform(5, 80, m).round(2)
    offsets = pa.array(np.arange(0, m + 1, boxes), pa.int32())

    def lists(values: Any, kind: pa.DataType) -> pa.Array:
        return pa.ListArray.from_arrays(offsets, pa.array(values, kind))

    columns = {
        "image_id": np.arange(1, n + 1), "file_name": [f"camera-{i % 40:02}/{i:07}.jpg" for i in range(n)],
        "picture": [rng.bytes(32).hex() for _ in range(n)], "width": np.full(n, 640, np.int32),
        "height": np.full(n, 480, np.int32), "side": [""] * n, "labelled": np.ones(n, np.bool_),
        "conditions": [f'{{"brightness": {v:.2f}, "lighting": "{"dim" if v < 60 else "bright"}"}}' for v in rng.uniform(0, 255, n)],
        "annotation_id": lists(np.arange(1, m + 1), pa.int64()), "class_id": lists(rng.integers(0, 6, m), pa.int32()),
        "x1": lists(x1, pa.float64()), "y1": lists(y1, pa.float64()), "x2": lists(x1 + w, pa.float64()),
        "y2": lists(y1 + h, pa.float64()), "area": lists(w * h, pa.float64()), "crowd": lists(np.zeros(m, np.bool_), pa.bool_()),
        "ignore": lists(np.zeros(m, np.bool_), pa.bool_()), "attributes": lists(["{}"] * m, pa.string()),
    }  # fmt: skip
    return Dataset(name="million", class_names=CLASSES, rows=pa.table(columns, schema=ROW_SCHEMA), provenance={})


def with_moved(before: Dataset, boxes: int, seed: int) -> Dataset:
    """The next version: one box moved on each of `boxes` pictures."""
    which = np.random.default_rng(seed).choice(len(before), boxes, replace=False)
    column = before.rows.column("x2").combine_chunks()
    column = pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
    values = column.flatten().to_numpy().copy()
    values[column.offsets.to_numpy()[which]] += 1.5
    moved = pa.ListArray.from_arrays(column.offsets, pa.array(values))
    rows = before.rows.set_column(before.rows.column_names.index("x2"), ROW_SCHEMA.field("x2"), moved)
    return replace(before, rows=rows, made_from={"dataset": before.digest})


def ours(store: Store, before: Dataset, boxes: int, seed: int) -> tuple[Dataset, float, float, int]:
    """The next version, CPU seconds of storing it and of the diff, bytes grown."""
    size = size_of(store.place.local(""))

    def put() -> Dataset:
        after = with_moved(before, boxes, seed)
        store.put(after, name="dataset/million", reason="benchmark")
        return after

    after, of_put = timed(put)
    found, of_diff = timed(lambda: diff(before, after))
    assert found.counts["moved"] == boxes == len(found.boxes), found.counts
    return after, of_put, of_diff, size_of(store.place.local("")) - size


def parquet(folder: Path, before: Dataset, after: Dataset) -> tuple[float, float, int]:
    """The same with one Parquet file per version: CPU seconds of writing and of comparing rows, bytes grown."""
    pq.write_table(before.rows, folder / "before.parquet", compression="zstd")
    size = size_of(folder)
    _, of_put = timed(lambda: pq.write_table(after.rows, folder / "after.parquet", compression="zstd"))

    def compare() -> int:
        one, other = (pq.read_table(folder / f"{name}.parquet").to_pylist() for name in ("before", "after"))
        by_id = {row["image_id"]: row for row in one}
        return sum(by_id[row["image_id"]] != row for row in other)

    _, of_diff = timed(compare)
    grown = size_of(folder) - size
    return of_put, of_diff, grown


def with_dvc(dvc: Path, folder: Path, before: Dataset, after: Dataset) -> tuple[float, int]:
    """The same Parquet file as two versions in DVC: CPU seconds of writing and adding the second, bytes grown."""
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}

    def run(*words: str) -> None:
        subprocess.run([str(dvc.absolute()), *words], cwd=folder, check=True, capture_output=True, env=environment)

    run("init", "--no-scm")
    pq.write_table(before.rows, folder / "rows.parquet", compression="zstd")
    run("add", "rows.parquet")
    size = size_of(folder / ".dvc")

    def add() -> None:
        pq.write_table(after.rows, folder / "rows.parquet", compression="zstd")
        run("add", "rows.parquet")

    _, seconds = timed(add)
    return seconds, size_of(folder / ".dvc") - size


def from_the_command_line(store: Store) -> tuple[float, float]:
    """CPU seconds and peak MiB of `boxwright diff NAME~1 NAME --json` in a process of its own, started twice."""
    words = [sys.executable, "-m", "boxwright.cli.main", "diff", "dataset/million@1", "dataset/million@2", "--json"]
    found = 0.0
    for _ in range(2):  # the first may compile
        run = [*words, "--store", str(store.place.local(""))]
        done, found = timed(lambda run=run: subprocess.run(run, check=True, capture_output=True))
        assert b'"moved": 1' in done.stdout
    return found, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--boxes", type=int, default=10)
    parser.add_argument("--dvc", type=Path, default=Path("build/peers_versions/bin/dvc"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd() / "build" if Path("build").is_dir() else None) as scratch:
        lines = measure(Path(scratch), given.pictures, given.boxes, given.dvc)
    text = "\n".join(lines)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


def measure(folder: Path, pictures: int, boxes: int, dvc: Path) -> list[str]:
    """The lines of the table."""
    first = dataset(pictures, boxes)
    store = Store(folder / "store")
    store.put(first, name="dataset/million")
    first, of_get = timed(lambda: store.get("dataset/million", Dataset))
    base, base_size = peak_mb(), size_of(store.place.local(""))
    diff(first, first)  # loads or compiles the kernels
    before, rounds = first, []
    for seed in range(5):
        before, *figures = ours(store, before, 1, seed)
        rounds.append(figures)
    of_put, of_diff, grown = (statistics.median(column) for column in zip(*rounds, strict=True))
    lines = [
        f"{pictures * boxes:,} boxes on {pictures:,} pictures; {base_size / 2**20:.1f} MiB as a first version, "
        f"{of_get:.2f} CPU s to load and verify it, peak memory {base:.0f} MiB then and {peak_mb():.0f} MiB at the end.",
        "",
        "| boxes changed | | new version, CPU s | diff, CPU s | together | growth, KiB |",
        "|---|---|---|---|---|---|",
        f"| 1 | Boxwright | {of_put:.2f} | {of_diff:.2f} | {of_put + of_diff:.2f} | {grown / 1024:.1f} |",
    ]
    for many in (100, 10_000):
        before, one, other, size = ours(store, before, min(many, pictures), many)
        lines.append(f"| {many:,} | Boxwright | {one:.2f} | {other:.2f} | {one + other:.2f} | {size / 1024:.1f} |")
    after = with_moved(first, 1, 0)
    (folder / "parquet").mkdir()
    one, other, size = parquet(folder / "parquet", first, after)
    lines.append(
        f"| 1 | Parquet again, rows compared | {one:.2f} | {other:.2f} | {one + other:.2f} | {size / 1024:.1f} |"
    )
    if dvc.is_file():
        (folder / "dvc").mkdir()
        seconds, size = with_dvc(dvc, folder / "dvc", first, after)
        lines.append(f"| 1 | Parquet in DVC | {seconds:.2f} | cannot | - | {size / 1024:.1f} |")
    seconds, peak = from_the_command_line(store)
    lines += [
        "",
        f"`boxwright diff` of two of these versions, process start included: {seconds:.2f} CPU s, peak {peak:.0f} MiB.",
    ]
    shutil.rmtree(store.place.local(""))
    return lines


if __name__ == "__main__":
    main()
