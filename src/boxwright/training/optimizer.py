"""Muon for weight matrices, AdamW for everything else.

A convolution's kernel, seen as a matrix (outputs x inputs), is moved along its momentum made orthogonal: every direction
gets the same length, so that rare features learn as fast as common ones (K. Jordan et al., "Muon: an optimizer for
hidden layers", 2024; the quintic Newton-Schulz iteration and its coefficients are from there). Biases, normalisation
and the last layers, which are no maps between hidden features, stay with AdamW (Loshchilov & Hutter, ICLR 2019).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from boxwright.training.model import Network

_MOMENTUM = 0.95
_ITERATIONS = 4
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_SAME_SIZE_AS_ADAM = 0.2  # root mean square of an AdamW step, by which Muon's is matched
_MATRIX_RATE = 5.0  # the matrices' rate as a multiple of AdamW's
_MATRIX_DECAY = 0.1


class Optimizer:
    """Both optimisers behind one step.

    Args:
        network: whose parameters are moved.
        learning_rate: of AdamW; the matrices' follows from it.
        weight_decay: of the last layers.
    """

    def __init__(self, network: Network, *, learning_rate: float, weight_decay: float) -> None:
        self._rate = learning_rate
        last = [p for p in network.parameters() if p is network.head.score.weight or p is network.head.sides.weight]
        names = {id(p) for p in last}
        self._matrices = [p for p in network.parameters() if p.ndim == 4 and id(p) not in names]
        others = [p for p in network.parameters() if p.ndim != 4]
        groups: list[dict[str, Any]] = [
            {"params": last, "weight_decay": weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self._adam = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.99))
        self._momentum = [torch.zeros_like(p) for p in self._matrices]
        self._others: list[nn.Parameter] = [*last, *others]

    def step(self, *, share: float, clip: float) -> None:
        """Move all parameters along their gradients, at a share of the learning rate, and forget the gradients."""
        for group in self._adam.param_groups:
            group["lr"] = self._rate * share
        nn.utils.clip_grad_norm_(self._others, clip)
        self._adam.step()
        self._move_matrices(self._rate * _MATRIX_RATE * share)
        self._adam.zero_grad(set_to_none=True)
        for parameter in self._matrices:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs."""
        return {"adam": self._adam.state_dict(), "momentum": self._momentum}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left."""
        self._adam.load_state_dict(state["adam"])
        for kept, saved in zip(self._momentum, state["momentum"], strict=True):
            kept.copy_(saved)

    @torch.no_grad()
    def _move_matrices(self, rate: float) -> None:
        for parameter, momentum in zip(self._matrices, self._momentum, strict=True):
            if parameter.grad is None:
                continue
            momentum.lerp_(parameter.grad, 1 - _MOMENTUM)
            ahead = parameter.grad.lerp(momentum, _MOMENTUM)
            direction = orthogonal(ahead.reshape(ahead.shape[0], -1)).reshape(parameter.shape)
            size = _SAME_SIZE_AS_ADAM * max(parameter.shape[0], parameter[0].numel()) ** 0.5
            parameter.mul_(1 - rate * _MATRIX_DECAY).add_(direction, alpha=-rate * size)


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearly the closest matrix with orthonormal rows or columns: singular values brought near 1."""
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x
