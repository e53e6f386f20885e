"""A training that is killed without warning ends with the weights of one that was not."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.numpy import load_file

from tests.training import small_training
from tests.training.small_training import EVERY, trained
from tests.training.tiny_runs import same


def killed(folder: Path, step: int) -> int:
    """Steps in the state it leaves."""
    command = [sys.executable, str(small_training.__file__), str(folder), str(step)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return torch.load(folder / "state.pt", weights_only=True)["state"]["step"]


def test_a_killed_training_goes_on_from_its_last_look(tmp_path: Path) -> None:
    assert killed(tmp_path / "parted", EVERY + 2) == EVERY
    parted, whole = trained(tmp_path / "parted"), trained(tmp_path / "whole")
    assert same(load_file(parted.weights), load_file(whole.weights))
    told = [replace(look, seconds=0.0) for look in parted.history.looks]
    assert told == [replace(look, seconds=0.0) for look in whole.history.looks]
    assert parted.history.best_step == whole.history.best_step
