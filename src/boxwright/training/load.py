"""A checkpoint back into a network: for export, for parity, for training on from known weights."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from boxwright.artifacts import Checkpoint
from boxwright.errors import StoreError
from boxwright.training.model import Network
from boxwright.training.recipe import Recipe
from boxwright.training.run import new_network


def load_network(checkpoint: Checkpoint) -> Network:
    """The trained network, in evaluation mode on the CPU; StoreError when the weights do not fit the recipe."""
    recipe = Recipe.model_validate(checkpoint.recipe)
    network = new_network(len(checkpoint.class_names), recipe)
    network.load_state_dict(_read_weights(checkpoint.weights, network))
    return network.eval()


def _read_weights(path: Path, network: Network) -> dict[str, torch.Tensor]:
    try:
        weights = load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise StoreError(f"The weights in '{path}' cannot be read: {error}") from error
    wanted = network.state_dict()
    wrong = [name for name in wanted if name not in weights or weights[name].shape != wanted[name].shape]
    if wrong or set(weights) - set(wanted):
        raise StoreError(
            f"The weights in '{path}' do not fit the recipe: '{(wrong or sorted(set(weights) - set(wanted)))[0]}'."
        )
    return weights
