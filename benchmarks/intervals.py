"""Do the intervals hold what they say? Simulated evaluations of detectors whose true figures are known.

    python benchmarks/intervals.py --data-sets 500

A world gives groups of pictures (boards, clips, cameras) that are hard or easy together, pictures that differ within
them, and objects within those; a detector finds each object with an overlap and a score that hang on all three, and
raises false alarms, more of them in some groups than in others. No box is drawn: hits are laid straight into the match
tables.

For every world and number of groups: the share of 95 % intervals that hold the truth. Truth is told twice. The
population's figure is what the same reductions say of 100,000 groups. The same-size figure is the mean over the data sets
simulated: AP of few objects is not AP of many (its envelope takes maxima, and near 1 it climbs by whole hundredths of
recall), so that the two differ, and no interval around the one need hold the other. Then pairs of detectors drawn alike:
different on every picture, equally good in the population; the share of intervals of their difference that leave out
zero is the type I error, 5 % by promise.

    report      what reports say: Student's t on the log-odds, groups weighed alike where they are few
    wallace     every group weighed by its objects, t with as many groups as the uneven ones are worth, by Wallace's approximation
                (Annals of Mathematical Statistics 30, 1959)
    widened     percentiles taken further out for few groups (Hesterberg 2015)
    percentile  the plain percentiles of the replicates
    bca         Efron's bias-corrected and accelerated percentiles, acceleration by leaving out one group at a time
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

from boxwright.artifacts import Matches
from boxwright.evaluation import Reducer
from boxwright.evaluation.match import COCO_IOUS
from boxwright.statistics import (
    effective_groups,
    group_weights,
    percentile_interval,
    plain_intervals,
    share_intervals,
    vote_weights,
    wilson,
)

CONFIDENCE = 0.95
POPULATION = 100_000  # groups
METRICS = ("ap50", "ap", "precision", "recall")
THRESHOLD = 0.5


@dataclass(frozen=True)
class World:
    """Pictures and the detectors looked at in them.

    Attributes:
        name: for the table.
        quality: mean of what an object's overlap and score are drawn from; in standard deviations of one object.
        alarms: mean false alarms per picture, before the groups' own.
        classes: how many.
        tail: class c has a share proportional to 1 / (c + 1) ** tail.
        of_group, of_picture: standard deviations of difficulty shared by a group, by a picture.
        shared: part of every difficulty that two detectors have in common.
        pictures, objects: mean number per group, per picture.
    """

    name: str
    quality: float
    alarms: float
    classes: int = 3
    tail: float = 1.0
    of_group: float = 0.8
    of_picture: float = 0.5
    shared: float = 0.5
    pictures: float = 5.0
    objects: float = 4.0


WORLDS = (
    World("AP50 0.6", 0.58, 2.0),
    World("AP50 0.9", 1.88, 1.0),
    World("AP50 0.98", 3.1, 0.4),
    World("long tail", 1.0, 1.5, classes=30, tail=1.3),
)


def simulate(world: World, groups: int, detectors: int, rng: np.random.Generator) -> list[Matches]:
    """The match tables of some detectors on the same pictures of so many groups."""
    return simulate_sizes(world, 1 + rng.poisson(world.pictures - 1, groups), detectors, rng)


def simulate_sizes(world: World, per_group: NDArray, detectors: int, rng: np.random.Generator) -> list[Matches]:
    """The same for groups of so many pictures each, (groups,)."""
    groups = len(per_group)
    group = np.repeat(np.arange(groups), per_group)
    picture = np.repeat(np.arange(len(group)), rng.poisson(world.objects * rng.gamma(4, 0.25, groups)[group]))
    share = 1 / np.arange(1, world.classes + 1) ** world.tail
    class_id = rng.choice(world.classes, len(picture), p=share / share.sum()).astype(np.int32)
    common = [rng.normal(size=n) for n in (groups, len(group), len(picture), groups)]
    made = []
    for _ in range(detectors):
        own = [_mixed(part, world.shared, rng) for part in common]
        made.append(_matches(world, group, picture, class_id, own, share / share.sum(), rng))
    return made


def _mixed(common: NDArray, shared: float, rng: np.random.Generator) -> NDArray:
    """Standard normal, correlated with what is common."""
    return np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal(size=len(common))


def _matches(
    world: World,
    group: NDArray,
    picture: NDArray,
    class_id: NDArray,
    difficulty: list[NDArray],
    share: NDArray,
    rng: np.random.Generator,
) -> Matches:
    of_group, of_picture, of_object, of_alarms = difficulty
    eased = world.quality + world.of_group * of_group[group[picture]] + world.of_picture * of_picture[picture]
    overlap = 1 / (1 + np.exp(-0.7 * (eased + of_object)))  # a half where quality and difficulty balance
    sure = 0.8 * (eased + of_object) + 0.7 * rng.normal(size=len(picture))
    loud = of_alarms - 0.3 * of_group  # groups that are hard are also a little louder
    alarm = np.repeat(np.arange(len(group)), rng.poisson(world.alarms * np.exp(0.6 * loud[group] - 0.18)))
    alarm_score = -1.5 + 0.5 * loud[group[alarm]] + rng.normal(size=len(alarm))
    image = np.concatenate([picture, alarm]).astype(np.int32)
    score = 1 / (1 + np.exp(-np.concatenate([sure, alarm_score])))
    reached = np.concatenate([np.searchsorted(COCO_IOUS, overlap, "right"), np.zeros(len(alarm), np.int64)])
    of_class = np.concatenate([class_id, rng.choice(world.classes, len(alarm), p=share).astype(np.int32)])
    return _tables(world, group, picture, class_id, image, of_class, score, reached)


def _tables(
    world: World,
    group: NDArray,
    picture: NDArray,
    class_id: NDArray,
    image: NDArray,
    of_class: NDArray,
    score: NDArray,
    reached: NDArray,
) -> Matches:
    """Columns that reductions read; `reached` is how many of COCO's thresholds a detection's overlap passes."""
    return Matches(
        class_names=tuple(str(c) for c in range(world.classes)),
        iou_thresholds=COCO_IOUS,
        area_names=("all",),
        images=pa.table({"image_id": np.arange(len(group)), "group": group}),
        detections=pa.table(
            {
                "image": image,
                "class_id": of_class,
                "score": score,
                "rank": np.zeros(len(image), np.int32),
                "hit": (np.uint64(1) << reached.astype(np.uint64)) - np.uint64(1),
                "ignored": np.zeros(len(image), np.uint64),
            }
        ),
        objects=pa.table(
            {"image": picture.astype(np.int32), "class_id": class_id, "left_out": np.zeros(len(picture), np.uint64)}
        ),
        made_from={},
    )


def reduce(matches: Matches, weights: NDArray) -> NDArray[np.float64]:
    """(len(METRICS), r) figures under r weightings of the pictures."""
    average, _ = Reducer(matches).replicates(weights)  # (r, T, K)
    true, answered, objects = (weights @ part for part in _counts(matches))
    return np.stack(
        [np.nanmean(average[:, 0], axis=1), np.nanmean(average, axis=(1, 2)), true / answered, true / objects]
    )


def _counts(matches: Matches) -> tuple[NDArray, NDArray, NDArray]:
    """Per picture: answers that are true at IoU 0.5, answers, objects."""
    image, score, hit = (matches.detections.column(name).to_numpy() for name in ("image", "score", "hit"))
    objects = matches.objects.column("image").to_numpy()
    images, answered = len(matches.images), score >= THRESHOLD
    true = answered & (hit & np.uint64(1) != 0)
    return tuple(np.bincount(rows, minlength=images) for rows in (image[true], image[answered], objects))


@dataclass(frozen=True)
class Sample:
    """A figure and its replicates.

    Attributes:
        value: scalar.
        spread: (r,).
        without: (groups,) the figure with each group left out; empty where no method asks.
        groups: how many there are.
        objects: how many there are; 0 for a difference, which is no share.
        even: as how many groups of one size the groups count, (sum of objects)^2 / sum of (objects^2) (Kish 1965).
        centre, voted, votes: the figure, its replicates and how many groups count where few are weighed alike.
    """

    value: float
    spread: NDArray
    without: NDArray
    groups: int
    objects: int
    even: float
    centre: float
    voted: NDArray
    votes: float

    def minus(self, other: Sample) -> Sample:
        return Sample(
            self.value - other.value,
            self.spread - other.spread,
            self.without - other.without,
            self.groups,
            0,
            self.even,
            self.centre - other.centre,
            self.voted - other.voted,
            self.votes,
        )


def report(sample: Sample) -> tuple[float, float]:
    """As the observer does it: a share on the log-odds, a difference on its own scale."""
    value, spread, even = np.array([sample.value]), sample.voted[:, None], np.array([sample.votes])
    centre = np.array([sample.centre])
    if not sample.objects:
        low, high = plain_intervals(
            value, spread, groups=even, confidence=CONFIDENCE, within=(-1.0, 1.0), centre=centre
        )
        return float(low[0]), float(high[0])
    objects = np.array([sample.objects])
    low, high = share_intervals(value, spread, objects=objects, groups=even, confidence=CONFIDENCE, centre=centre)
    if low[0] == high[0]:
        return wilson(sample.value, sample.votes, confidence=CONFIDENCE)
    return float(low[0]), float(high[0])


def wallace(sample: Sample) -> tuple[float, float]:
    """Groups as they are; Student's t from the normal distribution, good to three digits from four degrees of freedom on."""
    n = sample.even
    z = stats.norm.ppf(0.5 + CONFIDENCE / 2) * (8 * n - 5) / (8 * n - 7)
    t = np.sqrt((n - 1) * np.expm1(z * z / (n - 1))) * np.sqrt(n / (n - 1))
    if not sample.objects:
        reach = t * np.nanstd(sample.spread, ddof=1)
        return sample.value - reach, sample.value + reach
    count = sample.objects

    def odds(share: NDArray | float) -> NDArray:
        inner = (count * np.asarray(share) + 0.5) / (count + 1)
        return np.log(inner / (1 - inner))

    reach = t * np.nanstd(odds(sample.spread), ddof=1)
    if reach < 1e-12:
        return wilson(sample.value, sample.groups, confidence=CONFIDENCE)
    low, high = (1 / (1 + np.exp(-(odds(sample.value) + side * reach))) for side in (-1, 1))
    low, high = (np.clip((end * (count + 1) - 0.5) / count, 0, 1) for end in (low, high))
    return float(low), float(high)


def widened(sample: Sample) -> tuple[float, float]:
    """Percentiles for few groups."""
    low, high = percentile_interval(sample.spread, confidence=CONFIDENCE, groups=sample.groups)
    return (np.nan, np.nan) if low is None or high is None else (low, high)


def percentile(sample: Sample) -> tuple[float, float]:
    low, high = np.nanquantile(sample.spread, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    return float(low), float(high)


def bca(sample: Sample) -> tuple[float, float]:
    """Efron 1987; of replicates equal to the figure half lie below."""
    spread = np.sort(sample.spread[np.isfinite(sample.spread)])
    below = (np.mean(spread < sample.value) + np.mean(spread <= sample.value)) / 2
    z = stats.norm.ppf(np.clip(below, 1 / len(spread), 1 - 1 / len(spread)))
    pull = np.nanmean(sample.without) - sample.without
    scale = np.nansum(pull**2) ** 1.5
    skew = np.nansum(pull**3) / (6 * scale) if scale > 0 else 0.0
    ends = z + stats.norm.ppf([0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    low, high = np.quantile(spread, stats.norm.cdf(z + ends / (1 - skew * ends)))
    return low, high


METHODS: dict[str, Callable[[Sample], tuple[float, float]]] = {
    "report": report,
    "wallace": wallace,
    "widened": widened,
    "percentile": percentile,
    "bca": bca,
}


@cache
def truth_of(world: World) -> tuple[float, ...]:
    """The population's figures, METRICS in order."""
    (matches,) = simulate(world, POPULATION, 1, np.random.default_rng(2**31))
    return tuple(reduce(matches, np.ones((1, len(matches.images))))[:, 0].tolist())


def samples(matches: Matches, replicates: int, seed: int, *, leave_out: bool) -> list[Sample]:
    """One per metric."""
    group = matches.images.column("group").to_numpy()
    names = np.unique(group)
    weights = group_weights([str(g) for g in group], replicates=replicates, seed=seed)
    assert weights is not None
    ones = np.ones((1, len(group)))
    without = (group[None] != names[:, None]) if leave_out else np.zeros((0, len(group)))
    objects = np.bincount(matches.objects.column("image").to_numpy(), minlength=len(group))
    votes = vote_weights(group, objects)
    again = np.zeros((0, len(group))) if (votes == 1).all() else votes * np.concatenate([ones, weights])
    found = reduce(matches, np.concatenate([ones, weights, without, again]).astype(np.float32))
    even, held = (float(effective_groups(np.bincount(group, objects * w)[:, None])[0]) for w in (ones[0], votes))
    end, last = 1 + len(weights), 1 + len(weights) + len(without)
    return [
        Sample(
            row[0], row[1:end], row[end:last], len(names), len(matches.objects), even,
            *((row[last], row[last + 1 :]) if len(again) else (row[0], row[1:end])), held,
        )
        for row in found
    ]  # fmt: skip


def study(world: World, groups: int, *, data_sets: int, replicates: int, methods: list[str]) -> list[dict]:
    """One record per method and metric."""
    alone: dict[str, list[Sample]] = {metric: [] for metric in METRICS}
    paired: dict[str, list[Sample]] = {metric: [] for metric in METRICS}
    for seed in range(data_sets):
        rng = np.random.default_rng([seed, groups, WORLDS.index(world)])
        first, second = (
            samples(m, replicates, seed, leave_out="bca" in methods) for m in simulate(world, groups, 2, rng)
        )
        for metric, one, other in zip(METRICS, first, second):
            alone[metric].append(one)
            paired[metric].append(one.minus(other))
    return [
        {"world": world.name, "groups": groups, "method": method, "metric": metric}
        | coverage(METHODS[method], alone[metric], paired[metric], truth)
        for method in methods
        for metric, truth in zip(METRICS, truth_of(world))
    ]


def coverage(method: Callable, alone: list[Sample], paired: list[Sample], truth: float) -> dict[str, float]:
    """Shares of intervals that hold the truth, or zero."""
    low, high = np.array([method(sample) for sample in alone]).T
    below, above = np.array([method(sample) for sample in paired]).T
    values = np.array([sample.value for sample in alone])
    usual = values.mean()
    return {
        "truth": truth,
        "same_size": float(usual),
        "spread": float(np.std(values)),
        "covered": float(np.mean((low <= truth) & (truth <= high))),
        "too_high": float(np.mean(low > truth)),
        "too_low": float(np.mean(high < truth)),
        "covered_same_size": float(np.mean((low <= usual) & (usual <= high))),
        "width": float(np.nanmean(high - low)),
        "holds_figure": float(np.mean((low <= values) & (values <= high))),
        "type_1": float(np.mean((below > 0) | (above < 0))),
    }


def table(records: list[dict]) -> list[str]:
    """Per cent; a line per world, number of groups and method."""
    heads = [f"{m}: population (too high, too low) / same size" for m in METRICS] + [f"{m}: type I" for m in METRICS]
    lines = [f"| world | groups | method | {' | '.join(heads)} |", "|---" * (3 + len(heads)) + "|"]
    rows: dict[tuple, dict[str, dict]] = {}
    for r in records:
        rows.setdefault((r["world"], r["groups"], r["method"]), {})[r["metric"]] = r
    for key, of in rows.items():
        cells = [
            f"{100 * of[m]['covered']:.1f} ({100 * of[m]['too_high']:.1f}, {100 * of[m]['too_low']:.1f})"
            f" / {100 * of[m]['covered_same_size']:.1f}"
            for m in METRICS
        ] + [f"{100 * of[m]['type_1']:.1f}" for m in METRICS]
        lines.append(f"| {' | '.join([*map(str, key), *cells])} |")
    return lines


def in_short(records: list[dict], methods: list[str]) -> list[str]:
    """Per method the mean, least and most over worlds, numbers of groups and metrics; width against the first's."""
    names = ("covered", "covered_same_size", "type_1")
    lines = [
        "| method | holds the population's figure, % | holds the same-size figure, % | type I, % | holds its own figure, % | width |",
        "|---" * 6 + "|",
    ]
    widths = {m: np.array([r["width"] for r in records if r["method"] == m]) for m in methods}
    for method in methods:
        of = [r for r in records if r["method"] == method]
        shares = [100 * np.array([r[name] for r in of]) for name in names]
        cells = [f"{s.mean():.1f} [{s.min():.1f}..{s.max():.1f}]" for s in shares]
        own = f"{100 * np.mean([r['holds_figure'] for r in of]):.1f}"
        lines.append(f"| {' | '.join([method, *cells, own])} | {np.mean(widths[method] / widths[methods[0]]):.2f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-sets", type=int, default=500)
    parser.add_argument("--replicates", type=int, default=400)
    parser.add_argument("--worlds", type=int, nargs="+", default=list(range(len(WORLDS))), help="positions in WORLDS")
    parser.add_argument("--groups", type=int, nargs="+", default=[20, 50, 200])
    parser.add_argument(
        "--methods", nargs="+", choices=list(METHODS), default=["report", "wallace", "widened", "percentile"]
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("build/intervals.json"))
    given = parser.parse_args()
    began, worlds = time.perf_counter(), [WORLDS[number] for number in given.worlds]
    settings = {"data_sets": given.data_sets, "replicates": given.replicates, "methods": given.methods}
    with ProcessPoolExecutor(given.processes) as pool:
        work = [pool.submit(study, world, groups, **settings) for world in worlds for groups in given.groups]
        records = [record for done in work for record in done.result()]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(records, indent=1))
    for world in worlds:
        truth = {r["metric"]: round(r["truth"], 4) for r in records if r["world"] == world.name}
        print(f"{world.name}: {truth}")
    print("\n".join(["", *in_short(records, given.methods), "", *table(records)]))
    print(f"\n{time.perf_counter() - began:.0f} s; every record is in {given.out}.")


if __name__ == "__main__":
    main()
