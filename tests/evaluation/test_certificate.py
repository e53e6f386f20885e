"""Certificates: wrong no more often than they say, whatever hangs together within a group; never certified for free."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.artifacts.codec import plain
from boxwright.artifacts.operating_point import ALL_CLASSES
from boxwright.errors import InputError
from boxwright.evaluation.certificate import (
    BETS,
    certificates,
    certified_precision,
    certify,
    e_value,
    gains,
    most_answered,
)
from boxwright.statistics import clopper_pearson_lower
from tests.evaluation.made_matches import made

units = st.lists(st.integers(0, 8).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=40)


@given(units, st.floats(0.05, 0.95))
def test_the_e_value_equals_the_slow_loop(counts: list[tuple[int, int]], precision: float) -> None:
    false, kept = np.array(counts).T
    largest = 1.0
    wealth = [1.0] * len(BETS)
    for f, n in counts:
        y = ((1 - precision) * n - f) / (precision * 8)
        wealth = [w * (1 + bet * y) for w, bet in zip(wealth, BETS, strict=True)]
        largest = max(largest, sum(wealth) / len(wealth))
    assert e_value(gains(false, kept, precision=precision, cap=8)) == pytest.approx(largest)


@given(units, st.floats(0.05, 0.9), st.floats(0.01, 0.09))
def test_a_higher_precision_is_never_easier(counts: list[tuple[int, int]], low: float, more: float) -> None:
    false, kept = np.array(counts).T
    easy, hard = (e_value(gains(false, kept, precision=p, cap=8)) for p in (low, low + more))
    assert hard <= easy + 1e-12


@pytest.mark.parametrize("rho", [0.0, 0.1, 0.3])
def test_false_certificates_are_rarer_than_they_say_where_boxes_counted_alone_are_not(rho: float) -> None:
    """1,000 test sets whose precision is exactly what is claimed."""
    rng = np.random.default_rng(int(rho * 10))
    ours = boxes = 0
    for _ in range(1000):
        kept = np.minimum(rng.poisson(6, 300), 14)
        share = rng.beta(0.1 * (1 - rho) / rho, 0.9 * (1 - rho) / rho, 300) if rho else 0.1
        false = rng.binomial(kept, share)
        ours += certify(false, kept, precision=0.9, confidence=0.95, cap=14).certified
        boxes += clopper_pearson_lower(int((kept - false).sum()), int(kept.sum()), confidence=0.95) >= 0.9
    assert ours <= 50
    assert boxes > 90 or rho < 0.3


def test_a_deserved_certificate_is_given_and_what_is_missing_is_about_right() -> None:
    rng = np.random.default_rng(0)

    def drawn(n: int) -> tuple[np.ndarray, np.ndarray]:
        kept = np.minimum(rng.poisson(6, n), 14)
        return rng.binomial(kept, 0.02), kept

    assert np.mean([certify(*drawn(500), precision=0.95, confidence=0.95, cap=14).certified for _ in range(40)]) > 0.9
    missing = []
    for _ in range(40):
        short = certify(*drawn(200), precision=0.95, confidence=0.95, cap=14)
        assert not short.certified
        missing.append(200 + (short.more_units or 10_000))
    needed = int(np.median(missing))
    assert (
        np.mean([certify(*drawn(needed), precision=0.95, confidence=0.95, cap=14).certified for _ in range(40)]) > 0.2
    )
    assert needed < 500


def test_what_can_never_be_certified_is_said() -> None:
    below = certify(np.full(50, 2), np.full(50, 10), precision=0.9, confidence=0.95, cap=10)
    assert (below.certified, below.more_units) == (False, None)
    assert "observed precision 0.8000 is not above 0.9" in below.note
    nothing = certify(np.zeros(5), np.zeros(5), precision=0.9, confidence=0.95, cap=10)
    assert (nothing.certified, nothing.observed, nothing.more_units) == (False, None, None)
    empty = certify(np.zeros(0), np.zeros(0), precision=0.9, confidence=0.95, cap=10)
    assert (empty.certified, empty.e_value) == (False, 1.0)
    wild = np.zeros(30)
    wild[:2] = 100
    barely = certify(wild, np.full(30, 100), precision=0.93, confidence=0.95, cap=100)
    assert not barely.certified


def test_a_cap_that_is_broken_or_counts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="cap is 3"):
        certify(np.zeros(2), np.array([2, 4]), precision=0.9, confidence=0.95, cap=3)
    for false, kept, precision in (([2], [1], 0.9), ([-1], [1], 0.9), ([0], [1], 1.0), ([0, 0], [1], 0.9)):
        with pytest.raises(InputError):
            certify(np.array(false), np.array(kept), precision=precision, confidence=0.95, cap=5)


def test_the_highest_certified_precision_is_where_certificates_end() -> None:
    rng = np.random.default_rng(3)
    kept = rng.integers(0, 8, 2000)
    false = rng.binomial(kept, 0.05)
    highest = certified_precision(false, kept, confidence=0.95, cap=8)
    assert 0.88 < highest < 0.95
    assert certify(false, kept, precision=highest - 1e-6, confidence=0.95, cap=8).certified
    assert not certify(false, kept, precision=highest + 1e-6, confidence=0.95, cap=8).certified


def test_one_group_is_one_unit_however_many_pictures_it_has() -> None:
    n = 900
    rng = np.random.default_rng(0)
    image = rng.integers(0, 300, n)
    true = rng.random(n) < 0.99
    matches = made(image, rng.integers(0, 2, n), rng.random(n), true, class_names=("a", "b"), images=300)
    passes = np.ones(n, bool)
    caps = most_answered(matches, passes)
    alone, together = (
        certificates(matches, passes, groups, confidence=0.95, caps=caps)
        for groups in ([str(i) for i in range(300)], [str(i // 100) for i in range(300)])
    )
    assert [r.class_name for r in alone] == [None, "a", "b"]
    json.dumps(plain(alone), allow_nan=False)
    assert alone[0].units == 300
    assert alone[0].cap == caps[ALL_CLASSES] == np.bincount(image).max()
    assert alone[0].certified_precision > 0.8
    assert together[0].units == 3
    assert together[0].certified_precision < 0.2
    assert together[0].if_independent == alone[0].if_independent
    claim = together[0].claims[0]
    assert claim.more_images >= claim.more_units * 100


def test_detections_beyond_the_cap_are_left_out_the_lowest_first_and_counted() -> None:
    image, score = np.zeros(4), np.array([0.9, 0.2, 0.8, 0.7])
    matches = made(image, np.zeros(4), score, [True, False, True, False], class_names=("a",), images=1)
    (whole, _) = certificates(
        matches, np.array([True, True, True, True]), ["g"], confidence=0.95, caps={ALL_CLASSES: 2, "a": 3}
    )
    assert (whole.detections, whole.beyond_cap, whole.observed, whole.cap) == (2, 2, 1.0, 2)


def test_only_what_is_answered_and_not_ignored_counts() -> None:
    matches = made(
        [0, 0, 1, 1], np.zeros(4), [0.9, 0.8, 0.7, 0.1], [True, False, True, False], class_names=("a",), images=2,
        ignored=[False, True, False, False],
    )  # fmt: skip
    (whole, of_class) = certificates(matches, np.array([True, True, True, False]), ["x", "y"], confidence=0.95)
    assert (whole.detections, whole.observed) == (2, 1.0)
    assert replace(of_class, class_name=None) == whole
    assert whole.cap == 100  # nobody said a smaller one
