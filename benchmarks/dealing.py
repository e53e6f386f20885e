"""`deal: balanced` and the greedy dealing against scikit-learn's StratifiedGroupKFold, on whole groups of real sets.

    python3 -m venv build/peers_sklearn && build/peers_sklearn/bin/pip install scikit-learn
    python benchmarks/dealing.py DATA --peer build/peers_sklearn/bin/python

DATA holds `deeppcb`, `bccd`, `litter_boxes` and `manifest.csv`. Groups: boards, blocks of slides, batches of photos. Sides 0.6,
0.2, 0.2; scikit-learn deals five folds (one sample per box, stratified by class), three of which make train. All are judged by
the worst share: how far a side's part of a class (or of the pictures) is from its share, in points; by Pearson's chi-square
of boxes; and by the classes that a side has none of though they are in three groups or more.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from defusedxml.ElementTree import parse
from numpy.typing import NDArray

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
SEEDS = 10
PEER = """
import json, sys, time
import numpy as np
from sklearn.model_selection import StratifiedGroupKFold
work = json.load(sys.stdin)
y, groups = np.array(work["y"]), np.array(work["groups"])
out = []
for seed in range(work["seeds"]):
    c = time.process_time()
    fold = np.zeros(work["n"], int)
    for k, (_, test) in enumerate(StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(y, y, groups)):
        fold[np.unique(groups[test])] = k
    out.append({"side": np.where(fold < 3, 0, fold - 2).tolist(), "seconds": time.process_time() - c})
json.dump(out, sys.stdout)
"""


def main() -> None:
    """One table row per set and way."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("data", type=Path)
    words.add_argument("--peer", type=Path, help="a Python with scikit-learn")
    asked = words.parse_args()
    print("| set | groups | way | worst share, points (median, worst of seeds) | chi-square | classes absent | CPU s |")
    print("|---|---|---|---|---|---|---|")
    for name, read in (("DeepPCB", boards), ("BCCD", cells), ("TACO", litter)):
        of_group = read(asked.data)
        ways = {"boxwright, balanced": ours(of_group, search=True), "boxwright, greedy": ours(of_group, search=False)}
        if asked.peer:
            ways["StratifiedGroupKFold"] = theirs(of_group, asked.peer)
        for way, tries in ways.items():
            worst, chi, absent = zip(*(judged(of_group, side) for side, _ in tries), strict=True)
            print(
                f"| {name} | {len(of_group)} | {way} | {np.median(worst):.1f}, {max(worst):.1f} | {np.median(chi):.1f} | "
                f"{np.median(absent):.0f} | {np.median([s for _, s in tries]):.3f} |"
            )


def ours(of_group: NDArray, *, search: bool) -> list[tuple[NDArray, float]]:
    """Sides and CPU seconds for every seed; compilation is not counted."""
    from boxwright.splitting.deal import balanced, largest_first

    fixed = np.full(len(of_group), -1)
    deal: Callable[..., NDArray] = balanced if search else largest_first
    more = {"rare": range(1, of_group.shape[1])} if search else {}
    deal(of_group[:9], SHARES, fixed[:9], seed=0, **more)
    found = []
    for seed in range(SEEDS):
        begun = time.process_time()
        found.append((deal(of_group, SHARES, fixed, seed=seed, **more), time.process_time() - begun))
    return found


def theirs(of_group: NDArray, python: Path) -> list[tuple[NDArray, float]]:
    """The same by scikit-learn in its own environment: samples are boxes, and one of class -1 for a group without any."""
    group, column = np.nonzero(of_group[:, 1:])
    counts = of_group[group, column + 1].astype(int)
    bare = np.setdiff1d(np.arange(len(of_group)), group)
    work = {
        "y": [*np.repeat(column, counts).tolist(), *[-1] * len(bare)], "groups": [*np.repeat(group, counts).tolist(), *bare.tolist()],
        "n": len(of_group), "seeds": SEEDS,
    }  # fmt: skip
    done = subprocess.run([python, "-W", "ignore", "-c", PEER], input=json.dumps(work), capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return [(np.array(one["side"]), one["seconds"]) for one in json.loads(done.stdout)]


def judged(of_group: NDArray, side: NDArray) -> tuple[float, float, int]:
    """Worst share of a feature in three groups or more, in points; chi-square; classes absent from a side."""
    shares = np.array(list(SHARES.values()))
    have = np.stack([of_group[side == s].sum(axis=0) for s in range(3)])
    total = of_group.sum(axis=0)
    spread = (of_group > 0).sum(axis=0) >= 3
    expected = shares[:, None] * total
    off = 100 * np.abs(have / total - shares[:, None])[:, spread]
    chi = ((have - expected) ** 2 / expected)[:, 1:].sum()
    return float(off.max()), float(chi), int((have[:, 1:] == 0).any(axis=0)[spread[1:]].sum())


def loads(pictures: dict[str, tuple[str, list[str]]]) -> NDArray[np.float64]:
    """(groups, 1 + classes) pictures and boxes of each class, of picture to group and its boxes' classes."""
    tallies: dict[str, Counter[str]] = defaultdict(Counter)
    for group, classes in pictures.values():
        tallies[group].update(["", *classes])
    names = sorted({name for tally in tallies.values() for name in tally})
    return np.array([[tally[name] for name in names] for _, tally in sorted(tallies.items())], np.float64)


def groups_of(data: Path, dataset: str) -> dict[str, str]:
    """Path to group, as the manifest has it."""
    with (data / "manifest.csv").open(encoding="utf-8") as file:
        return {row["path"]: row["group"] for row in csv.DictReader(file) if row["dataset"] == dataset}


def boards(data: Path) -> NDArray[np.float64]:
    """DeepPCB: text files of x1 y1 x2 y2 class; a board design is a group."""
    return loads(
        {
            path: (group, [line.split()[-1] for line in (data / path).read_text().splitlines() if line.strip()])
            for path, group in groups_of(data, "deeppcb").items()
            if path.endswith(".txt") and "_not/" in path
        }
    )


def cells(data: Path) -> NDArray[np.float64]:
    """BCCD: VOC; a block of neighbouring numbers is a group."""
    return loads(
        {
            path: (group, [str(one.findtext("name")) for one in parse(data / path).iter("object")])
            for path, group in groups_of(data, "bccd").items()
            if path.endswith(".xml")
        }
    )


def litter(data: Path) -> NDArray[np.float64]:
    """TACO: COCO; five photos that follow each other in a batch are a group."""
    tree = json.loads((data / "litter_boxes/taco/annotations.json").read_text())
    names = {one["id"]: one["name"] for one in tree["categories"]}
    classes: dict[int, list[str]] = defaultdict(list)
    for one in tree["annotations"]:
        classes[one["image_id"]].append(names[one["category_id"]])
    order = sorted(tree["images"], key=lambda one: one["file_name"])
    return loads(
        {
            one["file_name"]: (f"{one['file_name'].split('/')[0]}/{k // 5:04d}", classes[one["id"]])
            for k, one in enumerate(order)
        }
    )


if __name__ == "__main__":
    main()
