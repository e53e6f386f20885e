"""A step of the optimiser: every parameter moves as the slow form of its own method says, once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from boxwright.training.model import Network
from boxwright.training.optimizer import Optimizer
from tests.training.oracles import adamw_loop, muon_loop
from tests.training.tiny_runs import copied, same, tiny_network

RATE, DECAY = 0.01, 0.3
LAST = ("head.score.weight", "head.sides.weight")


def gradients(network: Network, seed: int) -> dict[str, np.ndarray]:
    """Small ones, that no clipping touches."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 1e-3, tuple(p.shape)) for name, p in network.named_parameters()}


def give(network: Network, found: dict[str, np.ndarray]) -> None:
    for name, parameter in network.named_parameters():
        parameter.grad = torch.from_numpy(found[name]).float().reshape(parameter.shape)


def stepped(network: Network, seeds: range, *, share: float = 1.0) -> list[dict[str, np.ndarray]]:
    """The gradients of some steps, which were taken."""
    optimizer, given = Optimizer(network, learning_rate=RATE, weight_decay=DECAY), []
    for seed in seeds:
        given.append(gradients(network, seed))
        give(network, given[-1])
        optimizer.step(share=share, clip=10.0)
    return given


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_three_steps_equal_the_slow_forms(share: float) -> None:
    network = tiny_network()
    before = copied(dict(network.named_parameters()))
    given = stepped(network, range(3), share=share)
    for name, parameter in network.named_parameters():
        mine = [g[name] for g in given]
        if parameter.ndim == 4 and name not in LAST:  # kernels between hidden features, as matrices
            rows = len(parameter)
            expected = muon_loop(
                before[name].reshape(rows, -1), [g.reshape(rows, -1) for g in mine], rate=5 * RATE * share
            )
        else:
            decay = DECAY if name in LAST else 0.0
            expected = adamw_loop(before[name], mine, rate=RATE * share, decay=decay)
        moved = np.abs(expected.reshape(before[name].shape) - before[name]).max()
        assert moved > 1e-4, name
        np.testing.assert_allclose(
            parameter.detach().numpy(), expected.reshape(before[name].shape), atol=5e-3 * moved, err_msg=name
        )


def test_a_muon_step_on_a_known_matrix() -> None:
    """A gradient that is the identity: every diagonal weight falls by the same, nothing else moves but for decay."""
    network = tiny_network()
    kernel = network.pyramid.lateral[0][0].weight  # type: ignore[index]
    rows, inputs = kernel.shape[:2]
    with torch.no_grad():
        kernel.zero_()
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    kernel.grad = torch.eye(rows, inputs).reshape(kernel.shape)
    Optimizer(network, learning_rate=RATE, weight_decay=DECAY).step(share=1.0, clip=10.0)
    value = 1 / np.sqrt(min(rows, inputs))
    for _ in range(4):
        value = 3.4445 * value - 4.7750 * value**3 + 2.0315 * value**5
    expected = -5 * RATE * 0.2 * np.sqrt(max(rows, inputs)) * value * np.eye(rows, inputs)
    np.testing.assert_allclose(kernel.detach().numpy().reshape(rows, inputs), expected, atol=1e-5)


def test_a_step_goes_downhill() -> None:
    network = tiny_network()
    before = copied(dict(network.named_parameters()))
    given = stepped(network, range(1))[0]
    for name, parameter in network.named_parameters():
        decayed = before[name] * (1 - RATE * (0.5 if parameter.ndim == 4 and name not in LAST else DECAY))
        start = decayed if parameter.ndim == 4 else before[name]
        assert float(((parameter.detach().numpy() - start) * given[name]).sum()) < 0, name


def test_what_adamw_moves_is_clipped() -> None:
    """Ten times the gradient beyond the limit is the same step."""
    ends = []
    for times in (1.0, 10.0):
        network = tiny_network()
        optimizer = Optimizer(network, learning_rate=RATE, weight_decay=0.0)
        for seed in range(2):  # Adam's very first step has the same length for any gradient
            more = 1e5 * (times if seed else 1.0)
            give(network, {name: more * g for name, g in gradients(network, seed).items()})
            optimizer.step(share=1.0, clip=0.5)
        ends.append(copied(dict(network.named_parameters())))
    np.testing.assert_allclose(ends[0]["head.score.bias"], ends[1]["head.score.bias"], rtol=1e-5)


def test_gradients_are_forgotten_after_a_step_and_what_has_none_stays() -> None:
    network = tiny_network()
    before = copied(dict(network.named_parameters()))
    optimizer = Optimizer(network, learning_rate=RATE, weight_decay=DECAY)
    optimizer.step(share=1.0, clip=10.0)
    assert same(copied(dict(network.named_parameters())), before)
    give(network, gradients(network, 0))
    optimizer.step(share=1.0, clip=10.0)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_state_taken_up_goes_on_the_same_way() -> None:
    whole, parted = tiny_network(), tiny_network()
    stepped(whole, range(4))
    first = Optimizer(parted, learning_rate=RATE, weight_decay=DECAY)
    for seed in range(2):
        give(parted, gradients(parted, seed))
        first.step(share=1.0, clip=10.0)
    second = Optimizer(parted, learning_rate=RATE, weight_decay=DECAY)
    second.load_state_dict(first.state_dict())
    for seed in range(2, 4):
        give(parted, gradients(parted, seed))
        second.step(share=1.0, clip=10.0)
    assert same(copied(dict(whole.named_parameters())), copied(dict(parted.named_parameters())))
