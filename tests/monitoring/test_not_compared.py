"""What could not be compared is told: too few images, an unknown camera, a silent one. No alarm is not all-clear."""

from __future__ import annotations

import numpy as np
import pytest

from boxwright.artifacts import Drift
from boxwright.artifacts.drift import NotCompared, OtherBundle
from boxwright.monitoring import Features, watch
from boxwright.monitoring.sources import sources
from boxwright.pages import drift_page
from tests.monitoring.test_watch import features, joined, watched
from tests.worlds import events, seen, spec

THREE = ("a", "b", "c")


def of_cameras(*values: str, seed: int = 1) -> Features:
    """One image per value, without any change."""
    return Features(features(len(values), seed).values, np.full(len(values), 10.0), list(values))


def told(drift: Drift, what: str) -> list[str]:
    return [sentence for sentence in drift.summary.cannot_compare if what in sentence]


@pytest.mark.parametrize(
    ("n", "outcome"), [(1, "too few to compare"), (5, "too few to compare"), (19, "too few to compare"), (20, "quiet")]
)
def test_few_events_are_not_judged(n: int, outcome: str) -> None:
    drift = watched(features(n, 1), features(100, 2), window=100)
    assert (drift.summary.outcome, drift.alarms) == (outcome, [])
    if n < 20:
        assert drift.summary.comparisons == 0
        assert told(
            drift,
            f"all: too few to compare, {n} event{'s' * (n > 1)} and 20 are needed; fewer cannot tell a shift from chance",
        )
        assert drift.summary.too_few[0] == NotCompared("all", None, "events", (0,), most=n, needed=20)
        page = drift_page(drift, title="t")
        assert "Too few to compare" in page and "no all-clear" in page and "No alarm fired" not in page


def test_five_events_far_off_are_not_judged_either() -> None:
    assert watched(features(5, 1, shift=8), features(100, 2), window=100).summary.outcome == "too few to compare"


def test_no_events_are_not_judged() -> None:
    assert watched(features(0, 1), features(30, 2)).summary.outcome == "too few to compare"


def test_a_whole_window_of_the_spec_is_enough() -> None:
    assert watched(features(12, 1), features(100, 2), window=12).summary.outcome == "quiet"
    assert watched(features(11, 1), features(100, 2), window=12).summary.outcome == "too few to compare"


def test_a_reference_of_a_few_images_judges_nothing() -> None:
    drift = watched(features(200, 1), features(9, 2), window=100)
    assert drift.summary.outcome == "too few to compare"
    assert told(
        drift,
        "all: too few to compare, the reference has 9 images with a value and 10 are needed; judge the bundle on more",
    )


def test_a_small_remainder_is_told_beside_windows_that_were_judged() -> None:
    drift = watched(features(28, 1), features(100, 2), window=16, by=None)
    assert drift.summary.outcome == "quiet"
    assert told(drift, "all: too few to compare in 1 of 2 windows, 12 events and 16 are needed")


def test_a_camera_with_few_events_is_told_over_all_windows_at_once() -> None:
    traffic = of_cameras(*(["a"] * 37 + ["b"] * 3) * 2)
    drift = watched(traffic, features(200, 2, cameras=("a", "b")), window=40)
    assert drift.summary.outcome == "quiet"
    assert len(told(drift, "camera=b")) == 1
    assert told(drift, "camera=b: too few to compare in 2 of 2 windows, at most 3 events and 20 are needed")


def test_a_feature_without_values_is_told() -> None:
    traffic = features(40, 1)
    traffic.values["mean score"][:35] = np.nan
    drift = watched(traffic, features(60, 2), window=40, by=None)
    assert told(drift, "mean score of all: too few to compare, 5 events and 10 are needed")


def test_a_class_of_one_side_only_is_told_and_the_rest_is_compared() -> None:
    traffic, reference = features(40, 1), features(60, 2)
    traffic = Features({**traffic.values, "boxes of can": np.ones(40)}, traffic.latency_ms, traffic.slices)
    reference = Features({**reference.values, "boxes of jar": np.ones(60)}, reference.latency_ms, reference.slices)
    drift = watched(traffic, reference, window=40)
    assert told(drift, "boxes of can: only traffic has it")
    assert told(drift, "boxes of jar: only the reference has it")
    assert drift.summary.outcome == "quiet"


def test_an_unknown_camera_is_told_like_an_alarm() -> None:
    traffic = of_cameras(*(["a", "b", "c"] * 20), "cam-9", "C ")
    drift = watched(traffic, features(300, 2, cameras=THREE), window=62)
    assert (drift.summary.outcome, drift.alarms) == ("alarm", [])
    assert [one.slice for one in drift.summary.unknown] == ["camera=C ", "camera=cam-9"]
    assert drift.summary.unknown[0].near == ""
    assert told(drift, "camera=cam-9 is unknown: 1 of 62 events, the first at 2025-06-15")
    assert "camera=cam-9 is unknown" in drift_page(drift, title="t")
    assert "Cameras that cannot be compared" in drift_page(drift, title="t")


def test_a_slip_in_a_cameras_name_is_met_with_the_right_one() -> None:
    traffic = of_cameras(*["cam-01", "cam-02"] * 20, "Cam-01", "cam_02")
    drift = watched(traffic, features(100, 2, cameras=("cam-01", "cam-02")), window=50)
    assert [one.near for one in drift.summary.unknown] == ["cam-01", "cam-02"]
    assert told(drift, "Did you mean 'cam-02'?")


def test_a_camera_that_the_spec_names_is_not_unknown() -> None:
    declared = {"conditions": [{"name": "camera", "bins": ["a", "b", "new"]}], "monitoring": {"window": 90}}
    traffic = of_cameras(*["a", "b", "new"] * 30)
    drift = watch(events([seen()] * 90), traffic, features(100, 2, cameras=("a", "b")), spec(**declared))
    assert (drift.summary.unknown, drift.summary.outcome) == ((), "quiet")
    assert told(drift, "camera=new: too few to compare, the reference has 0 images")


@pytest.mark.parametrize("kept", [30, 0])
def test_a_camera_that_went_silent_is_told_like_an_alarm(kept: int) -> None:
    traffic = of_cameras(*["a", "b", "c"] * kept, *["a", "b"] * 45)
    drift = watched(traffic, features(300, 2, cameras=THREE), window=45)
    assert (drift.summary.outcome, drift.alarms) == ("alarm", [])
    assert [(one.slice, one.events, one.events_since) for one in drift.summary.silent] == [("camera=c", kept, 90)]
    assert told(
        drift,
        "camera=c is silent: no event since 2025-06-15 15:21 UTC, and 90 from others" if kept else "none of 90 events",
    )


def test_cameras_that_take_turns_or_send_in_bursts_are_not_called_silent() -> None:
    for values in (
        ["a", "b", "c"] * 60,
        (["a"] * 15 + ["b"] * 15 + ["c"] * 15) * 4,
        ["a"] * 200,  # the reference knows no other
        ["a", "b"] * 4,  # c may come yet
        (["a"] * 100 + ["b"] * 100) * 2,
    ):
        known = tuple(dict.fromkeys(values)) if len(values) != 8 else THREE
        drift = watched(of_cameras(*values), features(300, 2, cameras=known), window=60)
        assert (drift.summary.silent, drift.summary.unknown) == ((), ()), values[:20]


def test_silence_by_chance_is_as_rare_as_the_spec_says() -> None:
    rng = np.random.default_rng(3)
    settings = spec(monitoring={"false_alarm": 0.05})
    reference = list(rng.choice(THREE, 200, p=[0.6, 0.3, 0.1]))
    rang = sum(
        bool(sources(list(rng.choice(THREE, 200, p=[0.6, 0.3, 0.1])), np.arange(200.0), reference, settings).silent)
        for _ in range(400)
    )
    assert rang <= 0.05 * 400


def test_events_without_a_camera_are_counted() -> None:
    drift = watched(of_cameras(*["a", "b", ""] * 20), features(100, 2, cameras=("a", "b")), window=60)
    assert drift.summary.unnamed == 20
    assert told(drift, "20 of 60 events name no camera")
    assert drift.summary.outcome == "quiet"


def test_a_reference_without_cameras_has_nothing_to_say_of_them() -> None:
    drift = watched(of_cameras(*["a", "b"] * 30), of_cameras(*[""] * 60), window=60)
    assert (drift.summary.outcome, drift.summary.unknown, drift.summary.silent) == ("quiet", (), ())
    assert told(drift, "The reference names no camera, so the 2 in traffic cannot be compared one by one")
    nowhere = watched(of_cameras(*[""] * 60), of_cameras(*[""] * 60), window=60)
    assert nowhere.summary.cannot_compare == ()


def test_one_camera_in_two_spellings_of_unicode_is_one() -> None:
    from boxwright.monitoring import features_of_events

    one, other = (features_of_events(events([seen()], cameras=[name]), {}, near=0.1) for name in ("Süd", "Su\u0308d"))
    assert list(one.slices) == list(other.slices)


def test_an_alarm_stays_an_alarm_beside_what_cannot_be_compared() -> None:
    traffic = joined(features(60, 1, shift=2), features(3, 2, cameras=("new",)))
    drift = watched(traffic, features(300, 4), window=63)
    assert drift.summary.outcome == "alarm"
    assert drift.summary.alarms and told(drift, "camera=new is unknown")


def test_events_of_other_bundles_are_told() -> None:
    some = OtherBundle("f" * 64, 7, same_classes=False)
    drift = watch(events([seen()] * 30), features(30, 1), features(60, 2), spec(), other_bundles=[some])
    assert told(
        drift,
        "7 events were answered by bundle ffffffffffff, which has other classes or another order of them; left out here",
    )
