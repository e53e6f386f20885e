"""The network: where cells are, how sides become boxes, and that an image is answered as if it were alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from boxwright.training.model import Network, to_unit
from tests.training.cells import grid


def network(*, strides: tuple[int, ...] = (8, 16, 32), seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return Network(classes=2, width=0.25, strides=strides).eval()


def images(count: int, height: int = 64, width: int = 96) -> torch.Tensor:
    return torch.randint(
        0, 256, (count, height, width, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


@pytest.mark.parametrize("strides", [(8, 16, 32), (8,), (16, 32), (32,)])
def test_cells_lie_row_by_row_at_their_centres(strides: tuple[int, ...]) -> None:
    with torch.inference_mode():
        logits, boxes, centres, of_cell = network(strides=strides).raw(to_unit(images(2)))
    expected = [((i + 0.5) * s, (j + 0.5) * s, s) for s in strides for j in range(64 // s) for i in range(96 // s)]
    np.testing.assert_array_equal(torch.cat([centres, of_cell[:, None]], dim=1).numpy(), expected)
    assert logits.shape == (2, len(expected), 2)
    assert boxes.shape == (2, len(expected), 4)


def test_sides_are_left_top_right_bottom_in_strides() -> None:
    made = network(strides=(8, 32))
    with torch.no_grad():
        made.head.sides.weight.zero_()
        made.head.sides.bias.copy_(torch.tensor([0.1, 0.2, 0.3, 0.4]))
        made.level_scale.copy_(torch.tensor([1.0, 2.0]))
        _, boxes, centres, strides = made.raw(to_unit(images(1)))
    for box, (x, y), stride in zip(boxes[0].tolist(), centres.tolist(), strides.tolist(), strict=True):
        scale = {8.0: 1.0, 32.0: 2.0}[stride]
        left, top, right, bottom = (float(np.exp(side * scale)) * stride for side in (0.1, 0.2, 0.3, 0.4))
        assert box == pytest.approx([x - left, y - top, x + right, y + bottom], rel=1e-5)


def test_a_box_is_never_turned_inside_out_nor_endless() -> None:
    made = network()
    with torch.no_grad():
        made.head.sides.bias.fill_(1e4)
        wide = made.raw(to_unit(images(1)))[1]
        made.head.sides.bias.fill_(-1e4)
        thin = made.raw(to_unit(images(1)))[1]
    assert torch.isfinite(wide).all()
    assert (thin[..., 2:] >= thin[..., :2]).all()


def test_one_agrees_with_many() -> None:
    made, several = network(), images(3)
    with torch.inference_mode():
        boxes, scores = made(several)
        for i in range(3):
            for one, many in zip(made(several[i : i + 1]), (boxes, scores), strict=True):
                np.testing.assert_allclose(one[0].numpy(), many[i].numpy(), rtol=1e-4, atol=1e-4)


def test_what_is_served_is_what_is_trained() -> None:
    made, several = network(), images(2)
    with torch.inference_mode():
        boxes, scores = made(several)
        logits, same, _, _ = made.raw(several.permute(0, 3, 1, 2).float() / 255)
    np.testing.assert_array_equal(boxes.numpy(), same.numpy())
    np.testing.assert_allclose(scores.numpy(), 1 / (1 + np.exp(-logits.numpy())), atol=1e-6)


def test_an_untrained_network_says_that_everything_is_background() -> None:
    with torch.inference_mode():
        assert network()(images(2))[1].max() < 0.2


def test_the_cells_of_the_tests_are_those_of_the_network() -> None:
    with torch.inference_mode():
        _, _, centres, strides = network(strides=(16, 32)).raw(to_unit(images(1, 64, 64)))
    expected = grid(64, (16, 32))
    np.testing.assert_array_equal(centres.numpy(), expected[0])
    np.testing.assert_array_equal(strides.numpy(), expected[1])
