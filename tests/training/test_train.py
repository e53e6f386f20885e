"""A whole training: only `train` is learnt from, the handful is proven first, a seed gives its weights again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from boxwright.errors import InputError, StoreError, TrainingError
from boxwright.training import load_network
from tests.training import small_training
from tests.training.painted import painted
from tests.training.small_training import DIGESTS, FILES, SIDE, data, trained
from tests.training.tiny_runs import copied, same


def test_only_the_train_side_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, parts = data()
    held_back = {made.picture_digests[k] for k, side in enumerate(parts.side) if side != "train"}
    monkeypatch.setattr(small_training, "FILES", {k: v for k, v in FILES.items() if k not in held_back})
    checkpoint = trained(tmp_path)
    assert checkpoint.history.pictures == 4
    assert checkpoint.made_from == {"dataset": made.digest, "split": parts.digest}


def test_the_same_seed_gives_the_same_weights_and_another_does_not(tmp_path: Path) -> None:
    one, other = (load_file(trained(tmp_path / name, steps=2).weights) for name in ("one", "other"))
    assert same(one, other)
    assert not same(one, load_file(trained(tmp_path / "longer", steps=3).weights))


def test_weights_come_back_as_they_were_kept(tmp_path: Path) -> None:
    checkpoint = trained(tmp_path, steps=1)
    assert same(copied(load_network(checkpoint).state_dict()), load_file(checkpoint.weights))
    checkpoint.weights.write_bytes(checkpoint.weights.read_bytes()[:-8])
    with pytest.raises(StoreError, match="cannot be read"):
        load_network(checkpoint)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    checkpoint = trained(tmp_path, steps=1)
    checkpoint.recipe["model"]["width"] = 0.5
    with pytest.raises(StoreError, match="do not fit the recipe"):
        load_network(checkpoint)


def test_a_handful_that_cannot_be_learnt_ends_it_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot learn 4 pictures by heart"):
        trained(tmp_path, overfit_check=True, learning_rate=1e-9)
    assert not (tmp_path / "state.pt").exists()


def test_nothing_to_learn_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = painted((SIDE, SIDE), np.zeros((0, 4)))
    monkeypatch.setattr(small_training, "SCENES", [empty] * len(DIGESTS))
    with pytest.raises(InputError, match="nothing to learn"):
        trained(tmp_path)


def test_history_is_finite(tmp_path: Path) -> None:
    looks = trained(tmp_path).history.looks
    assert [look.step for look in looks] == [3, 6, 8]
    assert np.isfinite([(look.score_loss, look.box_loss, look.seconds) for look in looks]).all()
