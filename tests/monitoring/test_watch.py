"""Watching: no bells without change, bells on a real one, every event in one window, cameras one by one."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxwright.artifacts import Drift
from boxwright.detections import Detections
from boxwright.monitoring import Features, features_of_events, features_of_predictions, watch
from tests.worlds import NAMES, events, one_of_each_kind, seen, spec

NAMES_OF_FEATURES = ("boxes per picture", "mean score", "brightness", "contrast", "sharpness")


def features(
    n: int, seed: int, *, shift: float = 0.0, cameras: tuple[str, ...] = ("a",), latency_ms: float = 10
) -> Features:
    """n pictures; `brightness` is moved by `shift` of its standard deviations."""
    rng = np.random.default_rng(seed)
    values = {name: rng.normal(100, 10, n) for name in NAMES_OF_FEATURES}
    values["boxes per picture"] = rng.poisson(3, n).astype(float)
    values["brightness"] += 10 * shift
    return Features(values, np.full(n, latency_ms), [cameras[k % len(cameras)] for k in range(n)])


def watched(traffic: Features, reference: Features, **monitoring: Any) -> Drift:
    return watch(events([seen()] * len(traffic)), traffic, reference, spec(monitoring=monitoring))


def joined(*parts: Features) -> Features:
    values = {name: np.concatenate([p.values[name] for p in parts]) for name in NAMES_OF_FEATURES}
    return Features(values, np.concatenate([p.latency_ms for p in parts]), [s for p in parts for s in p.slices])


def test_without_change_it_hardly_ever_rings() -> None:
    cameras = ("a", "b", "c")
    rang = 0
    for seed in range(20):
        reference = features(300, 1000 + seed, cameras=cameras)
        drift = watched(features(90, seed, cameras=cameras), reference, window=90, least_effect=0.01, false_alarm=0.01)
        assert len({row["slice"] for row in drift.rows.to_pylist()}) == 4
        rang += bool(drift.alarms)
    assert rang <= 2  # 20 windows at 1 %: more than 2 has a chance of 1 in 1000


@pytest.mark.parametrize("shift", [1.0, -1.0])
def test_a_clear_shift_rings_and_names_what_moved(shift: float) -> None:
    drift = watched(features(100, 1, shift=shift), features(300, 2), window=100)
    assert {row["feature"] for row in drift.alarms} == {"brightness"}
    row = next(row for row in drift.alarms if row["slice"] == "all")
    assert row["effect"] == pytest.approx(shift, abs=0.3)
    assert row["p_value"] < 0.01
    assert drift.summary.first_alarm_window == 0
    assert "brightness" in drift.summary.alarms[0]


def test_a_shift_too_small_to_matter_does_not_ring() -> None:
    drift = watched(features(2000, 1, shift=0.25), features(2000, 2), window=2000, least_effect=0.5)
    row = next(row for row in drift.rows.to_pylist() if row["feature"] == "brightness" and row["slice"] == "all")
    assert row["p_value"] < 0.001  # real
    assert drift.alarms == []  # and of no matter


def test_the_window_in_which_it_began_is_named() -> None:
    traffic = joined(features(60, 1), features(60, 2), features(60, 3, shift=2))
    drift = watched(traffic, features(300, 4), window=60)
    assert drift.summary.windows == 3
    assert drift.summary.first_alarm_window == 2
    assert {row["window"] for row in drift.alarms} == {2}


def test_one_camera_that_moved_rings_by_its_name() -> None:
    cameras = ("a", "b", "c", "d")
    traffic = features(160, 1, cameras=cameras)
    mine = np.array([s == "b" for s in traffic.slices])
    traffic.values["brightness"][mine] += 20
    drift = watched(traffic, features(400, 2, cameras=cameras), window=160, least_effect=0.8)
    assert {row["slice"] for row in drift.alarms} == {"camera=b"}


def test_by_none_looks_at_everything_together_only() -> None:
    cameras = ("a", "b")
    drift = watched(features(80, 1, cameras=cameras), features(80, 2, cameras=cameras), window=80, by=None)
    assert {row["slice"] for row in drift.rows.to_pylist()} == {"all"}


def test_a_camera_the_reference_hardly_knows_is_not_compared_and_that_is_said() -> None:
    drift = watched(features(80, 1, cameras=("a", "new")), features(80, 2, cameras=("a",)), window=80)
    assert drift.summary.not_compared == ("new",)
    assert {row["slice"] for row in drift.rows.to_pylist()} == {"all", "camera=a"}


def test_latency_rings_only_against_its_limit() -> None:
    slow, usual = features(50, 1, latency_ms=300), features(100, 2, latency_ms=10)
    assert watched(slow, usual, window=50).alarms == []
    assert watched(slow, usual, window=50, latency_p99_ms=300).alarms == []
    rings = watched(slow, usual, window=50, latency_p99_ms=299).alarms
    assert [(row["feature"], row["value"], row["limit"]) for row in rings] == [("latency p99 (ms)", 300, 299)]


@given(st.integers(0, 140), st.integers(10, 40))
@settings(max_examples=25)
def test_every_event_is_in_exactly_one_window(n: int, window: int) -> None:
    drift = watched(features(n, 1), features(30, 2), window=window)
    rows = [row for row in drift.rows.to_pylist() if row["feature"] == "latency p50 (ms)"]
    assert [row["window"] for row in rows] == list(range(drift.summary.windows))
    assert sum(row["events"] for row in rows) == n
    assert all(row["events"] <= 2 * window for row in rows)
    assert all(later["begins"] > earlier["ends"] for earlier, later in pairwise(rows))


def test_no_events_no_rows_no_alarm() -> None:
    drift = watched(features(0, 1), features(30, 2), window=10)
    assert (len(drift.rows), drift.alarms, drift.summary.windows) == (0, [], 0)


def test_values_that_are_not_there_are_left_out() -> None:
    traffic, reference = features(40, 1), features(60, 2)
    traffic.values["mean score"][:35] = np.nan
    traffic.values["contrast"][:10] = np.nan
    drift = watched(traffic, reference, window=40, by=None)
    counts = {row["feature"]: row["events"] for row in drift.rows.to_pylist()}
    assert "mean score" not in counts  # five values say nothing
    assert counts["contrast"] == 30


def test_drift_says_what_it_was_made_from() -> None:
    some = events([seen()] * 20)
    drift = watch(some, features(20, 1), features(30, 2), spec(), reference_digest="r" * 64)
    assert dict(drift.made_from) == {"events": some.digest, "reference": "r" * 64}


def test_features_of_events_by_hand() -> None:
    answers = [
        seen(0.9, 0.55, 0.3),
        seen(),
        Detections(np.array([[0, 0, 1, 1]]), np.array([0.8]), np.array([1])),
    ]
    found = features_of_events(
        events(answers, cameras=["a", "", "b"], brightness=77), {"carton": 0.5, "pouch": 0.9}, near=0.1
    )
    assert len(found) == 3
    assert list(found.slices) == ["a", "", "b"]
    expected = {
        "boxes per picture": [2, 0, 0],
        "mean score": [0.725, np.nan, np.nan],
        "best score": [0.9, 0, 0.8],
        "boxes near threshold": [1, 0, 1],
        "boxes of carton": [2, 0, 0],
        "boxes of pouch": [0, 0, 0],
        "brightness": [77, 77, 77],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found.values[name], values, atol=1e-6, err_msg=name)
    taken = found.take(np.array([2, 0]))
    assert list(taken.slices) == ["b", "a"]
    np.testing.assert_allclose(taken.values["boxes per picture"], [0, 2])


def test_reference_and_traffic_are_measured_alike(tmp_path) -> None:
    predictions = one_of_each_kind(tmp_path)["predictions"]
    thresholds = dict.fromkeys(NAMES, 0.5)
    reference = features_of_predictions(predictions, thresholds, near=0.1)  # type: ignore[arg-type]
    traffic = features_of_events(events([seen(0.9, 0.2), seen(), seen(0.5)]), thresholds, near=0.1)
    assert reference.values.keys() == traffic.values.keys()
    for name in ("boxes per picture", "mean score", "best score", "boxes near threshold", "boxes of carton"):
        np.testing.assert_array_equal(reference.values[name], traffic.values[name])
    assert list(reference.slices) == ["", "", ""]


class Counted(str):
    """A camera that counts how often it is compared or spelt otherwise."""

    asked: ClassVar[list[int]] = [0]

    def __eq__(self, other: object) -> bool:
        Counted.asked[0] += 1
        return str.__eq__(self, str(other))

    def __hash__(self) -> int:
        return str.__hash__(self)

    def casefold(self) -> str:
        Counted.asked[0] += 1
        return str.casefold(self)


@pytest.mark.parametrize("known", [True, False])
def test_the_work_grows_with_the_images_and_not_with_images_times_cameras(known: bool) -> None:
    n, cameras = 3_000, 1_000
    traffic = features(n, 1, cameras=tuple(Counted(f"cam-{k}") for k in range(cameras)))
    there = "cam" if known else "line"
    reference = features(n, 2, cameras=tuple(Counted(f"{there}-{k}") for k in range(cameras)))
    Counted.asked[0] = 0
    drift = watched(traffic, reference, window=500)
    assert drift.summary.comparisons == 6 * len(NAMES_OF_FEATURES)
    assert len(drift.summary.unknown) == (0 if known else cameras)
    assert Counted.asked[0] < 20 * (n + n) + 50 * cameras  # every camera against every image would be 6,000,000
