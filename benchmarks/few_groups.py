"""Few and unequal groups: do intervals hold what they say, and are they narrow enough to be of use?

    python benchmarks/few_groups.py --data-sets 400

The worlds of benchmarks/intervals.py with groups of given numbers of images: six boards of which one contains 60 % of the
images, four cameras, twelve clips. Groups differ by `of_group` standard deviations of an object's difficulty.

New groups: the truth is the figure of 20,000 groups of the same world, group size being no part of quality. These groups: the
truth is the figure of the same groups on `--afresh` more images of each, weighed by the sizes seen; its own error
counts against the interval, so let them be many.

    pooled      t on Kish's effective groups, around the pooled figure: what reports said before
    report      what reports say: groups weighed alike, m / (m + 30) of a vote for a group of m objects
    votes       one whole vote a group, whatever its size
    jackknife   the report's weighing, with the variance of leaving out one group at a time
    one by one  each group's own figure on the log odds, mean and t of groups - 1
    these       what reports say of these groups: images drawn within groups
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from intervals import CONFIDENCE, METRICS, World, reduce, simulate_sizes
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.statistics import (
    Resampling,
    effective_groups,
    logit,
    share_intervals,
    sigmoid,
    t_quantile,
    vote_weights,
    wilson,
)

POPULATION = 20_000  # groups of 5 images
SIZES = {
    "6 (146, 5 x 20)": (146, 20, 20, 20, 20, 20),
    "6 (50 each)": (50,) * 6,
    "4 (146, 40, 20, 10)": (146, 40, 20, 10),
    "5 (60, 4 x 8)": (60, 8, 8, 8, 8),
    "8 (120, 60, 40, 4 x 20, 5)": (120, 60, 40, 20, 20, 20, 20, 5),
    "12 (200 ... 5)": (200, 120, 80, 50, 30, 20, 15, 12, 10, 8, 6, 5),
}
WORLDS = tuple(
    World(f"AP50 {ap50}, groups {tau}", quality, alarms, of_group=tau, pictures=40.0, objects=6.0)
    for ap50, quality, alarms in ((0.9, 1.88, 1.0), (0.97, 2.7, 0.5))
    for tau in (0.2, 0.4, 0.8)
)


@cache
def truth_of(world: World) -> NDArray[np.float64]:
    """(metrics,) of the population."""
    rng = np.random.default_rng(2**31)
    (matches,) = simulate_sizes(world, np.full(POPULATION, 5), 1, rng)
    return reduce(matches, np.ones((1, len(matches.images)), np.float32))[:, 0]


@dataclass(frozen=True)
class Seen:
    """One data set's figures, (metrics,) and replicates (metrics, rows) of every weighing."""

    value: NDArray
    pooled: NDArray
    voted: NDArray
    whole: NDArray
    left_out: NDArray
    alone: NDArray
    within: NDArray
    of_these: NDArray
    objects: int
    kish: float
    kish_voted: float
    kish_whole: float
    freedom: float


def look(world: World, sizes: tuple[int, ...], seed: list[int], *, replicates: int, afresh: int) -> Seen:
    """Simulate a data set and reduce it under every weighting."""
    (everything,) = simulate_sizes(world, np.array(sizes) + afresh, 1, np.random.default_rng(seed))
    of_all = everything.images.column("group").to_numpy()
    first = np.cumsum([0, *(np.array(sizes[:-1]) + afresh)])
    unseen = np.arange(len(of_all)) - first[of_all] >= np.array(sizes)[of_all]
    truth = reduce(part_of(everything, unseen), (np.array(sizes)[of_all[unseen]] / afresh)[None].astype(np.float32))
    matches = part_of(everything, ~unseen)
    group = matches.images.column("group").to_numpy()
    objects = np.bincount(matches.objects.column("image").to_numpy(), minlength=len(group))
    drawn = Resampling.of([f"{g:03d}" for g in group], replicates=replicates, seed=seed[-1])
    whole = vote_weights(group, objects, half_a_vote=0.0)
    voted = vote_weights(group, objects)
    alone = group[None] == np.unique(group)[:, None]
    ones = np.ones((1, len(group)))
    blocks = [
        ones, drawn.new, voted * np.concatenate([ones, drawn.new]), whole * np.concatenate([ones, drawn.new]), ~alone * voted,
        alone, drawn.these,
    ]  # fmt: skip
    found = reduce(matches, np.concatenate(blocks).astype(np.float32))
    value, pooled, of_votes, of_whole, left_out, by_group, within = np.split(
        found, np.cumsum([len(b) for b in blocks])[:-1], axis=1
    )
    return Seen(
        value[:, 0], pooled, of_votes, of_whole, left_out, by_group, within, truth[:, 0], int(objects.sum()),
        *(_kish(np.bincount(group, objects * w)) for w in (ones[0], voted, whole)),
        freedom=float(drawn.freedom_within(objects[:, None])[0]),
    )  # fmt: skip


def part_of(matches: Matches, images: NDArray) -> Matches:
    """The tables of some images, (images,) bool."""
    place = np.cumsum(images) - 1
    tables = {}
    for name in ("detections", "objects"):
        table = getattr(matches, name)
        kept = table.filter(images[table.column("image").to_numpy()])
        image = place[kept.column("image").to_numpy()].astype(np.int32)
        tables[name] = kept.set_column(kept.column_names.index("image"), "image", pa.array(image))
    return replace(matches, images=matches.images.filter(images), **tables)


def _kish(sizes: NDArray) -> float:
    return float(effective_groups(sizes[:, None])[0])


def _shares(seen: Seen, spread: NDArray, centre: NDArray, groups: float) -> NDArray:
    """(2, metrics) ends as reports reckon them."""
    n = np.full(len(METRICS), groups)
    low, high = share_intervals(
        seen.value,
        spread.T,
        objects=np.full(len(METRICS), seen.objects),
        groups=n,
        confidence=CONFIDENCE,
        centre=centre,
    )
    alike = low == high
    for i in np.flatnonzero(alike):
        low[i], high[i] = wilson(float(seen.value[i]), groups, confidence=CONFIDENCE)
    return np.stack([low, high])


def pooled(seen: Seen) -> NDArray:
    return _shares(seen, seen.pooled, seen.value, seen.kish)


def report(seen: Seen) -> NDArray:
    return _shares(seen, seen.voted[:, 1:], seen.voted[:, 0], seen.kish_voted)


def votes(seen: Seen) -> NDArray:
    return _shares(seen, seen.whole[:, 1:], seen.whole[:, 0], seen.kish_whole)


def jackknife(seen: Seen) -> NDArray:
    n = seen.left_out.shape[1]
    odds = logit(np.clip(seen.left_out, 0.5 / seen.objects, 1 - 0.5 / seen.objects))
    error = np.sqrt((n - 1) / n * np.square(odds - odds.mean(axis=1, keepdims=True)).sum(axis=1))
    return _around(seen.voted[:, 0], error * t_quantile(0.5 + CONFIDENCE / 2, n - 1), seen)


def one_by_one(seen: Seen) -> NDArray:
    odds = logit(np.clip(seen.alone, 0.002, 0.998))
    n = odds.shape[1]
    reach = t_quantile(0.5 + CONFIDENCE / 2, n - 1) * odds.std(axis=1, ddof=1) / np.sqrt(n)
    return _around(sigmoid(odds.mean(axis=1)), reach, seen)


def _around(centre: NDArray, reach: NDArray, seen: Seen) -> NDArray:
    odds = logit(np.clip(centre, 0.5 / seen.objects, 1 - 0.5 / seen.objects))
    return np.stack([np.minimum(sigmoid(odds - reach), seen.value), np.maximum(sigmoid(odds + reach), seen.value)])


def these(seen: Seen) -> NDArray:
    return _shares(seen, seen.within, seen.value, seen.freedom + 1)


METHODS: dict[str, Callable[[Seen], NDArray]] = {
    "pooled": pooled, "report": report, "votes": votes, "jackknife": jackknife, "one by one": one_by_one, "these": these,
}  # fmt: skip


def study(world: World, name: str, *, data_sets: int, **settings: int) -> list[dict]:
    """One record per method and metric."""
    seen = [
        look(world, SIZES[name], [WORLDS.index(world), len(SIZES[name]), seed], **settings) for seed in range(data_sets)
    ]
    records = []
    for method, ends_of in METHODS.items():
        ends = np.array([ends_of(one) for one in seen])  # (data sets, 2, metrics)
        truth = np.array([one.of_these for one in seen]) if method == "these" else truth_of(world)[None]
        for i, metric in enumerate(METRICS):
            low, high, true = ends[:, 0, i], ends[:, 1, i], np.broadcast_to(truth[:, i], len(seen))
            there = np.isfinite(low)
            low, high, true = low[there], high[there], true[there]
            records.append(
                {
                    "world": world.name, "groups": name, "method": method, "metric": metric,
                    "truth": float(true.mean()), "effective": float(np.mean([one.kish for one in seen])),
                    "effective_voted": float(np.mean([one.kish_voted for one in seen])),
                    "covered": float(np.mean((low <= true) & (true <= high))),
                    "too_high": float(np.mean(low > true)), "too_low": float(np.mean(high < true)),
                    "none": float(np.mean(~there)), "width": float(np.median(high - low)) if there.any() else np.nan,
                    "out_of_range": float(np.mean((low < 0) | (high > 1))),
                }
            )  # fmt: skip
    return records


def table(records: list[dict], metrics: tuple[str, ...]) -> list[str]:
    """A line per groups and method: coverage over the worlds, mean [least..most], and median width."""
    lines = [
        f"| groups | method | {' | '.join(f'{m}: holds the truth, % | width' for m in metrics)} |",
        "|---" * (2 + 2 * len(metrics)) + "|",
    ]
    for name in dict.fromkeys(r["groups"] for r in records):
        for method in METHODS:
            cells = []
            for metric in metrics:
                of = [r for r in records if (r["groups"], r["method"], r["metric"]) == (name, method, metric)]
                held = 100 * np.array([r["covered"] for r in of])
                cells += [
                    f"{held.mean():.1f} [{held.min():.1f}..{held.max():.1f}]",
                    f"{np.mean([r['width'] for r in of]):.3f}",
                ]
            lines.append(f"| {name} | {method} | {' | '.join(cells)} |")
    return lines


def in_short(records: list[dict]) -> list[str]:
    """Per method: coverage over every cell, and the width against `pooled` where groups are unequal."""
    lines = [
        "| method | holds the truth, % | cells within 93 to 97 % | no interval, % | width against pooled |",
        "|---" * 5 + "|",
    ]
    key = lambda r: (r["world"], r["groups"], r["metric"])  # noqa: E731
    base = {key(r): r["width"] for r in records if r["method"] == "pooled"}
    for method in METHODS:
        of = [r for r in records if r["method"] == method]
        held = 100 * np.array([r["covered"] for r in of])
        ratio = np.array([r["width"] / base[key(r)] for r in of if base[key(r)] > 0])
        good = np.mean((held >= 93 - 1e-9) & (held <= 97 + 1e-9))
        lines.append(
            f"| {method} | {held.mean():.1f} [{held.min():.1f}..{held.max():.1f}] | {100 * good:.0f} % | {100 * np.mean([r['none'] for r in of]):.1f} | {np.median(ratio):.2f} [{ratio.min():.2f}..{ratio.max():.2f}] |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-sets", type=int, default=400)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument(
        "--afresh", type=int, default=2000, help="images of each group that tell the truth of these groups"
    )
    parser.add_argument("--worlds", type=int, nargs="+", default=list(range(len(WORLDS))))
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--out", type=Path, default=Path("build/few_groups.json"))
    given = parser.parse_args()
    began, records = time.perf_counter(), []
    given.out.parent.mkdir(parents=True, exist_ok=True)
    for number in given.worlds:
        for name in given.sizes:
            records += study(
                WORLDS[number], name, data_sets=given.data_sets, replicates=given.replicates, afresh=given.afresh
            )
            given.out.write_text(json.dumps(records, indent=1))
            print(f"{WORLDS[number].name}, {name}: {time.perf_counter() - began:.0f} s", flush=True)
    print(
        "\n".join(
            [*in_short(records), "", *table(records, ("ap50", "recall")), "", *table(records, ("ap", "precision"))]
        )
    )


if __name__ == "__main__":
    main()
