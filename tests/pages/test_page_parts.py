"""Laws of the parts: numbers in words, scales, views of a picture, the reading of drift's limits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from boxwright.pages.axes import Frame, share_axis, value_axis, whole_axis
from boxwright.pages.drift import _band, _is_plain
from boxwright.pages.error_types import stack
from boxwright.pages.figures import (
    DASH,
    amount,
    count,
    duration,
    judged,
    moment,
    percent,
    points,
    roughly,
    share,
    signed,
)
from boxwright.pages.intervals import required_bar, ruler
from boxwright.pages.queue import proposal_of
from boxwright.pages.svg import element
from boxwright.pages.views import Box, around, view
from boxwright.spec import Observed


@pytest.mark.parametrize("write", [share, count, judged])
@pytest.mark.parametrize("value", [None, -1.0, math.nan, math.inf])
def test_undefined_is_a_dash(write: Any, value: float | None) -> None:
    assert write(value) == DASH


def test_numbers_in_words() -> None:
    assert (share(0.8996), judged(0.8996), judged(0.0), judged(0.000003)) == ("0.900", "0.8996", "0.0000", "3.0e-06")
    assert (amount(-1.0), amount(1234.5), amount(0.0), amount(math.nan)) == ("−1.000", "1,234.5", "0.000", DASH)
    assert (moment(0.0), moment(math.nan), moment(1e30)) == ("1970-01-01 00:00 UTC", DASH, DASH)
    assert (duration(3600), duration(90), duration(3 * 86400), duration(-7200)) == ("1 h", "1.5 min", "3 d", "−2 h")


def test_differences_points_and_estimates_in_words() -> None:
    assert (signed(0.0123), signed(-0.0351), signed(-0.0001), signed(None)) == ("+0.012", "−0.035", "0.000", DASH)
    assert (points(11.28), points(-0.26), points(None)) == ("11.3", "−0.3", DASH)
    assert (percent(0.95), percent(0.999), percent(None)) == ("95\u00a0%", "99.9\u00a0%", DASH)
    known = [roughly(v) for v in (0, 7, 1989, 54155, 999_999, 1_480_237, 2.2e9, None)]
    assert known == ["0", "7", "2,000", "54,000", "1 million", "1.5 million", "2.2 billion", DASH]


def test_stacks_leave_out_what_has_no_length() -> None:
    drawn = stack([(60.0, "a", 0), (0.0, "b", 1), (-3.0, "c", 2), (40.0, "<d>", 3)], whole=100.0, label='"x"')
    assert drawn.count("<rect") == 2 and "&lt;d&gt;" in drawn and 'width="400"' in drawn
    assert stack([(1.0, "a", 0)], whole=0.0, label="").count("<rect") == 0


@pytest.mark.parametrize("seed", range(20))
def test_axes_cover_their_values_with_few_distinct_ticks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=rng.integers(1, 6)) * 10.0 ** rng.integers(-6, 7)).tolist()
    axis = value_axis("", values)
    assert axis.low <= min(values) and max(values) <= axis.high and axis.low < axis.high
    texts = [text for _, text in axis.ticks]
    assert 2 <= len(texts) <= 8 and len(set(texts)) == len(texts)
    spare = 1e-9 * (axis.high - axis.low)
    assert all(axis.low - spare <= tick <= axis.high + spare for tick, _ in axis.ticks)


@pytest.mark.parametrize("values", [[], [None, math.nan], [0.0], [1.0, 1.0], [0.93, 0.94], [-1e-9, 0.0]])
def test_axes_of_odd_values(values: list[float | None]) -> None:
    assert value_axis("", values).low < value_axis("", values).high
    inside = value_axis("", [v for v in values if v is None or v >= 0 or math.isnan(v)], within=(0.0, 1.0))
    assert 0 <= inside.low < inside.high <= 1


def test_frames_keep_labels_inside_and_break_lines() -> None:
    frame = Frame(whole_axis("window", 0, 120), share_axis("Precision"), 340, 190)
    assert 0 < frame.left < frame.right <= 340 and 0 < frame.top < frame.bottom < 190
    assert frame.path([(0, 0.5), (1, None), (2, math.nan), (3, 0.5), (4, 0.6)]).count("M") == 2


def test_elements_escape_text_and_attributes() -> None:
    drawn = element("text", "<b>&", class_='"x"', stroke_width=1.5, title=None)
    assert drawn == '<text class="&#34;x&#34;" stroke-width="1.5">&lt;b&gt;&amp;</text>'


@pytest.mark.parametrize("size_hw", [None, (480, 640), (50, 60), (2000, 100)])
@pytest.mark.parametrize("box", [(10, 12, 30, 40), (0, 0, 5, 5), (600, 440, 640, 480), (3, 3, 3, 3), (0, 0, 640, 480)])
def test_views_hold_the_box_and_its_surroundings(size_hw: tuple[int, int] | None, box: tuple[float, ...]) -> None:
    window = around(box, size_hw)
    inside_picture = size_hw is None or (box[2] <= size_hw[1] and box[3] <= size_hw[0])
    if inside_picture:
        assert window.x <= box[0] and window.y <= box[1]
        assert window.x + window.width >= box[2] and window.y + window.height >= box[3]
    assert window.width == window.height > 0
    if size_hw and max(size_hw) >= 96:
        assert window.width >= 96
    picture = None if size_hw is None else np.zeros((*size_hw, 3), np.uint8)
    drawn = view(picture, window, [Box("failure", box, "x")], label="x")
    assert drawn.count("<image") == int(size_hw is not None and inside_picture) or not inside_picture


def test_a_box_outside_of_its_picture_has_no_pixels() -> None:
    window = around((5000, 5000, 5010, 5010), None)
    drawn = view(np.zeros((50, 60, 3), np.uint8), window, [Box("failure", (5000, 5000, 5010, 5010), "x")], label="x")
    assert "<image" not in drawn and "box failure" in drawn


def test_rulers_leave_out_what_rests_on_nothing() -> None:
    scale = ruler([Observed(0.0, 0.0, 0.0, 0), Observed(0.8, 0.71, None, 9)])
    assert (scale.low, scale.high) == (0.7, 1.0)
    assert "circle" not in scale.bar(Observed(0.0, 0.0, 0.0)) and "circle" in scale.bar(Observed(0.75, support=1))


def test_required_bars() -> None:
    assert required_bar("ap >= 0.5", None, 0.4, (None, None)) == ""
    assert required_bar("ap >= 0.5", 0.5, None, (None, None)) == ""
    assert "met-side" in required_bar("ap >= 0.5", 0.5, 0.5, (None, None))
    assert "met-side" not in required_bar("what is this", 0.5, 0.6, (0.55, 0.65))


def test_bands_are_read_back_from_effects() -> None:
    spreads = [{"value": 10 + 2 * e, "reference": 10.0, "effect": e, "limit": 0.3, "p_value": 0.5} for e in (0.1, -0.4)]
    side = _band(spreads)
    assert side is not None and side(spreads[0]) == pytest.approx((9.4, 10.6)) and not _is_plain(spreads)
    rates = [{**row, "value": 10 * math.exp(row["effect"])} for row in spreads]
    side = _band(rates)
    assert side is not None and side(rates[0]) == pytest.approx((10 * math.exp(-0.3), 10 * math.exp(0.3)))
    assert _is_plain([{**row, "p_value": 1.0, "limit": 60.0} for row in rates])
    assert _band([{**row, "value": row["value"] + i} for i, row in enumerate(spreads)]) is None
    still = [{**row, "effect": 0.0, "value": 10.0, "p_value": 1.0} for row in spreads]
    assert _band(still) is None and not _is_plain(still)


@pytest.mark.parametrize(
    "text",
    [
        '{"boxes_xyxy": [[1, 2, 3, 4]], "score": [0.5], "class_id": [1]}',
        '{"x1": [1], "y1": [2], "x2": [3], "y2": [4], "score": [0.5], "class_id": [1]}',
        '[{"x1": 1, "y1": 2, "x2": 3, "y2": 4, "score": 0.5, "class_id": 1}]',
        '{"detections": [{"box_xyxy": [1, 2, 3, 4], "score": 0.5, "class_id": 1}]}',
    ],
)
def test_proposals_are_read(text: str) -> None:
    found = proposal_of(text)
    assert found is not None and found.boxes_xyxy.tolist() == [[1, 2, 3, 4]] and found.class_id.tolist() == [1]


@pytest.mark.parametrize("text", ["{", "3", '{"a": 1}', '[{"x1": 5}]', "[[1, 2]]", '{"boxes_xyxy": [[9, 9, 1, 1]]}'])
def test_damaged_proposals_are_none(text: str) -> None:
    assert proposal_of(text) is None
    assert proposal_of("") is not None and proposal_of("[]") is not None
