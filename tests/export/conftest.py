"""One small network, exported once: its scores and boxes differ from cell to cell, so that there is something to compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from boxwright.artifacts import Bundle, Checkpoint
from boxwright.export import export
from boxwright.images import letterbox
from boxwright.training.model import Network, to_unit
from tests.once import once
from tests.worlds import NAMES, encoded, picture, spec

INPUT_HW = (64, 96)
SIZES = [(64, 96), (75, 61), (40, 120), (33, 47)]
PICTURES = [picture(*size_hw, seed=seed) for seed, size_hw in enumerate(SIZES)]


@dataclass(frozen=True)
class Exported:
    """What went in and what came out."""

    network: Network
    bundle: Bundle
    pictures: list[bytes]
    checkpoint: Checkpoint


def lively_network() -> Network:
    """A network that learnt nothing but the mean and spread of its features, with scores and sizes that vary."""
    torch.manual_seed(3)
    network = Network(classes=len(NAMES), width=0.25, strides=(16, 32))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the plain mean of what was seen
    placed = np.stack([letterbox(one, input_hw=INPUT_HW)[0] for one in PICTURES])
    with torch.no_grad():
        network.raw(to_unit(torch.from_numpy(placed)))
        network.head.score.bias.zero_()
        network.head.score.weight.mul_(6)
        network.head.sides.bias.fill_(-0.3)
    return network.eval()


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Exported:
    network, pictures = lively_network(), [encoded(one) for one in PICTURES]
    with once(tmp_path_factory, worker_id, "exported") as (root, empty):
        (root / "weights").write_bytes(b"not read")
        recipe = {"model": {"input_hw": list(INPUT_HW)}}
        checkpoint = Checkpoint(weights=root / "weights", class_names=NAMES, recipe=recipe, history={})
        if empty:
            made = export(
                checkpoint, spec(), load=lambda _: network, pictures=pictures, work_folder=root / "work", golden=2
            )
            (root / "bundle").mkdir()
            made.save(root / "bundle")
    return Exported(network, Bundle.load(root / "bundle"), pictures, checkpoint)
