"""New groups or these: which interval is judged on, and whether groups or images are what is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from boxwright.artifacts import Check
from boxwright.gate import decide
from boxwright.gate.settle import more_groups
from boxwright.spec import Observed
from tests.gate.reports import asking, figure, report

GROUPS_LIMIT = {"these_low": 0.965, "these_high": 0.985, "groups": 6, "effective_groups": 5.8, "centre": 0.97}
IMAGES_LIMIT = {"these_low": 0.89, "these_high": 0.995, "groups": 6, "effective_groups": 5.8, "centre": 0.97}


def only(*clauses: str, found: dict, judge_for: str = "new_groups", images: int = 246, **more) -> Check:
    verdict = decide(report({"ap50": found}, images=images), asking(*clauses, judge_for=judge_for), **more)
    (check,) = verdict.checks
    return check


def test_the_default_speaks_for_new_groups_and_the_other_interval_is_said() -> None:
    boards = figure(0.976, 0.88, 0.995, **GROUPS_LIMIT)
    check = only("ap50 >= 0.95", found=boards)
    assert (check.status, check.low, check.high) == ("no evidence", 0.88, 0.995)
    assert "for these groups the interval is [0.9650, 0.9850]" in check.note
    check = only("ap50 >= 0.95", found=boards, judge_for="these_groups")
    assert (check.status, check.low, check.high) == ("met", 0.965, 0.985)
    check = only("ap50 >= 0.97", found=boards, judge_for="these_groups")
    assert check.status == "no evidence" and "for new groups the interval is [0.8800, 0.9950]" in check.note


def test_where_groups_differ_the_advice_counts_groups() -> None:
    check = only("ap50 >= 0.95", found=figure(0.976, 0.88, 0.995, **GROUPS_LIMIT))
    assert check.lacking is not None and check.lacking.more_groups is not None
    more = check.lacking.more_groups
    assert f"about {more} more groups of the test side" in check.note
    assert "more images of the same groups would not" in check.note
    assert check.lacking.objects is None
    assert check.lacking.images == pytest.approx(more * 246 / 6, abs=1)


def test_where_images_are_few_the_advice_counts_images() -> None:
    check = only("ap50 >= 0.95", found=figure(0.976, 0.88, 0.995, **IMAGES_LIMIT))
    assert check.lacking is not None and check.lacking.more_groups is None
    assert check.lacking.images and "more objects" in check.note and "more groups" not in check.note


def test_where_every_image_is_a_group_the_advice_counts_images() -> None:
    alone = {"these_low": 0.88, "these_high": 0.995, "groups": 246, "effective_groups": 240.0, "centre": 0.976}
    check = only("ap50 >= 0.95", found=figure(0.976, 0.88, 0.995, **alone))
    assert check.lacking is not None and check.lacking.more_groups is None and check.lacking.images
    assert "for these groups" not in check.note


def test_judged_for_these_groups_the_advice_counts_images() -> None:
    check = only("ap50 >= 0.97", found=figure(0.976, 0.88, 0.995, **GROUPS_LIMIT), judge_for="these_groups")
    assert check.lacking is not None and check.lacking.more_groups is None and check.lacking.images


def test_one_large_group_that_alone_clears_the_requirement_is_said() -> None:
    """The pooled figure clears 0.95, the six boards weighed alike do not."""
    check = only("ap50 >= 0.95", found=figure(0.976, 0.88, 0.995, **{**GROUPS_LIMIT, "centre": 0.94}))
    assert "with groups weighed alike, 0.9400, does not clear it" in check.note
    assert check.lacking is not None and check.lacking.more_groups is None


@given(st.floats(1.01, 30), st.floats(3, 40), st.sampled_from([0.8, 0.95, 0.99]))
def test_so_many_more_groups_and_not_one_fewer(shrink: float, effective: float, confidence: float) -> None:
    def width(groups: float) -> float:
        return float(stats.t.ppf(0.5 + confidence / 2, groups - 1)) / (groups - 1) ** 0.5

    more = more_groups(shrink, effective, confidence)
    assert more is not None
    assert width(effective + more) <= width(effective) / shrink * (1 + 1e-3)
    assert more == 1 or width(effective + more - 1.01) > width(effective) / shrink * (1 - 1e-3)


def test_a_paired_interval_is_shown_within_the_range_of_its_metric() -> None:
    pairs = {"ap50": Observed(0.02, -0.9, 0.6, 90, these_low=-0.01, these_high=0.05)}
    before = report({"ap50": figure(0.5, 0.4, 0.6)}, bundle="older")
    found = figure(0.52, 0.4, 0.6)
    check = only("ap50 >= baseline - 0.05", found=found, baseline=before, differences=pairs)
    assert (check.low, check.high, check.status) == (0.0, 1.0, "no evidence")
    check = only("ap50 >= baseline - 0.05", found=found, baseline=before, differences=pairs, judge_for="these_groups")
    assert (check.low, check.high, check.status) == (pytest.approx(0.49), pytest.approx(0.55), "met")
