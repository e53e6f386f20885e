"""Decoding equals the slow loop: floor, way back, suppression, order, most detections."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from boxwright.images import Placement
from boxwright.inference import decode
from boxwright.spec.spec import OutputClause
from tests.inference.oracles import decode_loop

place, size = st.integers(-8, 40), st.integers(0, 20)
few_scores = st.sampled_from([0.0, 0.2, 0.25, 0.5, 0.75, 1.0])  # many ties, and some exactly at the floor
cell = st.tuples(place, place, size, size, few_scores, few_scores)
placements = st.builds(  # halves and doubles, so that both sides of a threshold are computed without rounding
    lambda scale, shift_x, shift_y, height, width: Placement(
        scale_xy=scale, shift_xy=(float(shift_x), float(shift_y)), original_hw=(height, width), input_hw=(32, 32)
    ),
    st.tuples(*[st.sampled_from([0.5, 1.0, 2.0])] * 2), st.integers(0, 9), st.integers(0, 9), st.integers(1, 40), st.integers(1, 40),
)  # fmt: skip
outputs = st.builds(
    lambda method, threshold, across, most: OutputClause.model_validate(
        {
            "score_floor": 0.25,
            "max_detections": most,
            "suppression": {"method": method, "iou_threshold": threshold, "across_classes": across},
        }
    ),
    st.sampled_from(["nms", "none"]), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans(), st.sampled_from([1, 3, 100]),
)  # fmt: skip


@given(st.lists(cell, max_size=12), placements, outputs)
def test_it_equals_the_slow_loop(cells: list, placement: Placement, output: OutputClause) -> None:
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h, _, _ in cells], np.float32).reshape(-1, 4)
    scores = np.array([c[4:] for c in cells], np.float32).reshape(-1, 2)
    found = decode(boxes, scores, placement, output)
    expected = decode_loop(boxes.tolist(), scores.tolist(), placement, output)
    np.testing.assert_array_equal(found.boxes_xyxy, np.array([f.box for f in expected], np.float32).reshape(-1, 4))
    assert found.score.tolist() == [f.score for f in expected]
    assert found.class_id.tolist() == [f.class_id for f in expected]
