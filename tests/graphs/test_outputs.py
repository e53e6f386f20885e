"""Outputs are held against the contract: laws on arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.errors import OutputError
from boxwright.graphs import Expected, check_outputs
from boxwright.graphs.outputs import FARTHEST_PX

EXPECTED = Expected(classes=3, input_hw=(32, 64), score_floor=0.1)


def outputs(images: int = 2, cells: int = 5) -> tuple[np.ndarray, np.ndarray]:
    boxes = np.tile(np.float32([2, 3, 20, 30]), (images, cells, 1))
    return boxes, np.full((images, cells, 3), 0.5, np.float32)


def kind_of(boxes: np.ndarray, scores: np.ndarray, **more: bool) -> str:
    with pytest.raises(OutputError) as found:
        check_outputs(boxes, scores, images=2, expected=EXPECTED, **more)
    return found.value.kind


def test_sound_outputs_pass_unchanged() -> None:
    boxes, scores = outputs()
    checked = check_outputs(boxes, scores, images=2, expected=EXPECTED)
    assert checked[0] is boxes and checked[1] is scores


@given(
    st.integers(0, 1),
    st.integers(0, 4),
    st.integers(0, 2),
    st.sampled_from([np.nan, np.inf, -np.inf, 7, -0.5, 1.002, -0.002]),
)
def test_one_wrong_score_anywhere_is_found_and_located(image: int, cell: int, column: int, wrong: float) -> None:
    boxes, scores = outputs()
    scores[image, cell, column] = wrong
    with pytest.raises(OutputError, match=rf"image {image}, cell {cell}, column {column}") as found:
        check_outputs(boxes, scores, images=2, expected=EXPECTED)
    assert found.value.kind == ("score_range" if np.isfinite(wrong) else "not_finite")


@given(
    st.integers(0, 1),
    st.integers(0, 4),
    st.integers(0, 3),
    st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -(FARTHEST_PX + 2)]),
)
def test_one_wrong_box_is_found_where_the_score_reaches_the_floor(
    image: int, cell: int, column: int, wrong: float
) -> None:
    boxes, scores = outputs()
    boxes[image, cell, column] = wrong
    with pytest.raises(OutputError, match=rf"image {image}, cell {cell}") as found:
        check_outputs(boxes, scores, images=2, expected=EXPECTED)
    assert found.value.kind == ("box_range" if np.isfinite(wrong) else "not_finite")
    scores[image, cell] = 0.09
    check_outputs(boxes, scores, images=2, expected=EXPECTED)
    if not np.isfinite(wrong):
        assert kind_of(boxes, scores, every_cell=True) == "not_finite"


def test_scores_within_rounding_of_the_range_are_clipped() -> None:
    boxes, scores = outputs()
    scores[0, 0] = [1.0005, -0.0005, 0.3]
    checked = check_outputs(boxes, scores, images=2, expected=EXPECTED)[1]
    assert checked[0, 0].tolist() == pytest.approx([1, 0, 0.3])
    assert scores[0, 0, 0] > 1  # the argument stays as it was


def test_a_box_turned_inside_out_is_no_box_and_one_without_area_is() -> None:
    boxes, scores = outputs()
    boxes[1, 2] = [9, 3, 2, 30]
    assert kind_of(boxes, scores) == "box_size"
    boxes[1, 2] = [9, 3, 9, 30]
    check_outputs(boxes, scores, images=2, expected=EXPECTED)


def test_shapes_and_types() -> None:
    boxes, scores = outputs()
    for wrong in (boxes[:1], boxes[:, :4], boxes[..., :3], boxes[0], boxes[None], np.float32(1) + boxes[0, 0, 0]):
        assert kind_of(np.asarray(wrong), scores) == "shape"
    for wrong in (scores[:1], scores[:, :4], scores[..., :2], scores[0]):
        assert kind_of(boxes, wrong) == "shape"
    for kind in (np.int64, np.bool_, np.complex64, object):
        assert kind_of(boxes.astype(kind), scores) == kind_of(boxes, scores.astype(kind)) == "type"
    assert kind_of([boxes], scores) == "type"  # type: ignore[arg-type]
    for kind in (np.float16, np.float64):
        check_outputs(boxes.astype(kind), scores.astype(kind), images=2, expected=EXPECTED)


def test_no_cell_is_no_detection_but_not_of_a_model_under_test() -> None:
    boxes, scores = outputs(cells=0)
    check_outputs(boxes, scores, images=2, expected=EXPECTED)
    assert kind_of(boxes, scores, every_cell=True) == "shape"


def test_no_network_of_ours_is_out_of_range_however_wild() -> None:
    """Training looks at val from the first step on, and a bundle may be made of any checkpoint."""
    torch = pytest.importorskip("torch")
    from boxwright.training.model import Network

    for side, scale in ((64, 1), (64, 10), (160, 100)):
        torch.manual_seed(scale)
        network = Network(classes=3, width=0.25).eval()
        with torch.no_grad():
            for weights in network.parameters():
                if weights.ndim > 1:
                    weights.mul_(scale)
            boxes, scores = network(torch.randint(0, 256, (1, side, side, 3), dtype=torch.uint8))
        expected = Expected(classes=3, input_hw=(side, side), score_floor=0.0)
        check_outputs(boxes.numpy(), scores.numpy(), images=1, expected=expected, every_cell=True)
