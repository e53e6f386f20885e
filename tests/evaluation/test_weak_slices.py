"""Weak slices: planted ones are found, chance and single bad groups are not, and the arithmetic is that of a slow loop."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from boxwright.artifacts import Matches
from boxwright.evaluation.diagnose import Diagnosis
from boxwright.evaluation.slices import Axis
from boxwright.evaluation.weak_slices import LEAST_SUPPORT, weak_slices

CAMERAS, SIZES, LIGHTS = ("c0", "c1", "c2", "c3"), ("small", "medium", "large"), ("day", "night")


class Site:
    """Objects of clips: each clip is of one camera and one light; sizes and classes vary from object to object.

    Nothing is detected but what takes an object, so only misses can be weak. `rate(site)` is the chance of each to be missed.
    """

    def __init__(self, seed: int, *, clips: int = 40, a_clip: int = 30) -> None:
        self.rng = np.random.default_rng(seed)
        n = clips * a_clip
        self.clip = np.repeat(np.arange(clips), a_clip)
        self.camera = (np.arange(clips) % 4)[self.clip]
        self.light = self.rng.permutation(np.arange(clips) % 2)[self.clip]
        self.size = self.rng.integers(0, 3, n)
        self.class_id = self.rng.integers(0, 2, n)
        self.clips = clips

    def mood(self, spread: float) -> np.ndarray:
        """(objects,) what the clip adds to the log odds of a miss."""
        return self.rng.normal(0, spread, self.clips)[self.clip]

    def searched(self, odds: np.ndarray, **settings) -> dict:
        missed = self.rng.random(len(odds)) < 1 / (1 + np.exp(-odds))
        return self.of(missed, **settings)

    def of(self, missed: np.ndarray, **settings) -> dict:
        n = len(missed)
        nothing = np.zeros(0, np.int32)
        matches = Matches(
            class_names=("cat", "dog"),
            iou_thresholds=(0.5,),
            area_names=("all",),
            images=pa.table({"image_id": np.arange(self.clips)}),
            detections=pa.table({"image": nothing, "class_id": nothing}),
            objects=pa.table({"image": self.clip.astype(np.int32), "class_id": self.class_id.astype(np.int32)}),
        )
        off, no = np.zeros(0, np.int8), np.zeros(0, bool)
        point = Diagnosis(off, no, no, np.zeros(0, np.int64), np.where(missed, 2, 0).astype(np.int8))
        axes = [
            Axis(name, labels, None, codes, nothing, self.clips)
            for name, labels, codes in (
                ("camera", CAMERAS, self.camera), ("light", LIGHTS, self.light), ("size", SIZES, self.size),
            )
        ]  # fmt: skip
        assert len(missed) == n == len(self.clip)
        return weak_slices(matches, point, axes, groups=[f"clip {i}" for i in range(self.clips)], **settings)


def slices(found: dict) -> list[dict]:
    return [record.slice for record in found.found]


@pytest.mark.parametrize("spread", [0.0, 0.7])
def test_where_nothing_is_planted_little_is_found(spread: float) -> None:
    worlds = 200
    alarms = 0
    for seed in range(worlds):
        site = Site(seed)
        alarms += bool(site.searched(-1.5 + site.mood(spread)).found)
    assert alarms <= 0.1 * worlds


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "planted", [{"camera": "c2"}, {"size": "small"}, {"class": "dog"}, {"camera": "c1", "size": "small"}]
)
def test_what_is_planted_is_found_first(seed: int, planted: dict[str, str]) -> None:
    site = Site(seed, a_clip=60)
    codes = {"camera": (CAMERAS, site.camera), "size": (SIZES, site.size), "class": (("cat", "dog"), site.class_id)}
    inside = np.logical_and.reduce(
        [of == labels.index(planted[n]) for n, (labels, of) in codes.items() if n in planted]
    )
    found = site.searched(-2.5 + 3 * inside + site.mood(0.3))
    record = next(r for r in found.found if r.slice == planted)
    assert record.support == inside.sum()
    assert record.rate > record.elsewhere + 0.2
    assert record.excess == pytest.approx(record.support * (record.rate - record.elsewhere))
    assert record.groups == len(set(site.clip[inside].tolist()))
    excess = [r.excess for r in found.found]
    assert excess == sorted(excess, reverse=True)
    if len(planted) == 1:
        assert slices(found)[0] == planted


@pytest.mark.parametrize("seed", range(20))
def test_one_bad_clip_is_no_weak_condition(seed: int) -> None:
    site = Site(seed)
    found = site.searched(np.where(site.clip == 5, 3.0, -2.0))
    assert {"camera": CAMERAS[5 % 4]} not in slices(found)
    assert {"light": LIGHTS[int(site.light[site.clip == 5][0])]} not in slices(found)


@pytest.mark.parametrize("least", [LEAST_SUPPORT, 60, 400])
def test_least_support_is_kept(least: int) -> None:
    site = Site(0, clips=12, a_clip=20)
    found = site.of(site.size == 0, least_support=least, false_discovery=0.999)
    assert all(least <= record.support <= 240 - least for record in found.found)
    counts = []
    for of in (site.class_id, site.camera, site.light, site.size):
        counts += [of == code for code in range(of.max() + 1)]
    wide = [c for c in counts if least <= c.sum() <= 240 - least and len(set(site.clip[c])) >= 5]
    assert found.searched >= len(wide)
    if least == 400:
        assert (found.found, found.searched, found.rate) == ((), 0, 0.999)


def test_few_groups_are_not_looked_at() -> None:
    site = Site(0, clips=16, a_clip=40)  # four clips a camera: under five
    found = site.of(site.camera == 1, false_discovery=0.999)
    assert not any("camera" in s for s in slices(found))


def test_numbers_follow_a_slow_loop() -> None:
    site = Site(7)
    missed = site.rng.random(len(site.clip)) < np.where(site.camera == 2, 0.5, 0.1)
    record = next(r for r in site.of(missed).found if r.slice == {"camera": "c2"})
    inside = [m for m, c in zip(missed.tolist(), site.camera, strict=True) if c == 2]
    outside = [m for m, c in zip(missed.tolist(), site.camera, strict=True) if c != 2]
    rate, elsewhere = sum(inside) / len(inside), sum(outside) / len(outside)
    assert (record.rate, record.elsewhere) == pytest.approx((rate, elsewhere))
    residual = dict.fromkeys(range(40), 0.0)
    for clip, camera, m in zip(site.clip.tolist(), site.camera.tolist(), missed.tolist(), strict=True):
        residual[clip] += (m - rate) / len(inside) if camera == 2 else -(m - elsewhere) / len(outside)
    t = (rate - elsewhere) / math.sqrt(40 / 39 * sum(v * v for v in residual.values()))
    assert record.groups == 10
    assert record.p == pytest.approx(stats.t.sf(t, 9))


def test_a_camera_that_misses_everything_is_found() -> None:
    site = Site(0)
    assert {"camera": "c2"} in slices(site.of(site.camera == 2))


def test_nothing_in_nothing_out() -> None:
    site = Site(0, clips=40)
    assert site.of(np.zeros(1200, bool)).found == ()
    assert site.of(np.ones(1200, bool)).found == ()
