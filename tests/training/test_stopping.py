"""A run that is told to stop ends its step, writes its state, and goes on from there as if nothing had happened."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from boxwright.errors import TrainingError
from boxwright.training.fit import Fit, Forward
from boxwright.training.sample import Batch
from tests.training.tiny_runs import copied, same, tiny_batch, tiny_fit


def mean_score(forward: Forward) -> float:
    """A val figure that depends on the weights."""
    return float(forward(tiny_batch(99).pictures)[1].mean())


def told(fit: Fit) -> list[dict[str, float]]:
    """History, but for the time it took."""
    return [{key: value for key, value in look.items() if key != "seconds"} for look in fit.state.history]


def run_until(fit: Fit, stop_at: int, number: int) -> None:
    def progress(step: int, _steps: int, text: str) -> None:
        if step == stop_at and "look" not in text:
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt):
        fit.run(progress)


@pytest.mark.parametrize("number, stop_at", [(signal.SIGINT, 1), (signal.SIGTERM, 4), (signal.SIGTERM, 5)])
def test_a_stopped_run_gives_what_a_whole_one_gives(tmp_path: Path, number: int, stop_at: int) -> None:
    whole = tiny_fit(tmp_path / "whole", validate=mean_score)
    whole.run()
    before = signal.getsignal(number)
    parted = tiny_fit(tmp_path / "parted", validate=mean_score)
    run_until(parted, stop_at, number)
    assert parted.state.step == stop_at
    assert signal.getsignal(number) is before
    again = tiny_fit(tmp_path / "parted", validate=mean_score)
    assert again.state.step == stop_at
    again.run()
    assert same(copied(again.best), copied(whole.best))
    assert same(copied(again.network.state_dict()), copied(whole.network.state_dict()))
    assert (again.state.best_step, again.state.best_map) == (whole.state.best_step, whole.state.best_map)
    assert told(again) == told(whole)


def test_each_step_takes_the_batch_of_its_number(tmp_path: Path) -> None:
    asked: list[int] = []

    def batch(step: int) -> Batch:
        asked.append(step)
        return tiny_batch(step)

    run_until(tiny_fit(tmp_path, batch=batch), 3, signal.SIGTERM)
    assert asked == list(range(len(asked)))
    drawn_ahead = len(asked)
    tiny_fit(tmp_path, batch=batch).run()
    assert asked[drawn_ahead:] == [3, 4, 5]


def test_a_batch_that_cannot_be_drawn_ends_the_run_with_its_own_error(tmp_path: Path) -> None:
    def batch(step: int) -> Batch:
        if step == 2:
            raise OSError("the disk is gone")
        return tiny_batch(step)

    with pytest.raises(OSError, match="the disk is gone"):
        tiny_fit(tmp_path, batch=batch).run()


def test_a_loss_that_is_not_finite_ends_the_run_and_names_the_step(tmp_path: Path) -> None:
    def batch(step: int) -> Batch:
        made = tiny_batch(step)
        made.boxes_xyxy[..., 2:] += float("inf") if step == 3 else 0.0
        return made

    with pytest.raises(TrainingError, match="at step 3; lower training.learning_rate"):
        tiny_fit(tmp_path, batch=batch).run()


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda _: b"", lambda _: b"not a state"])
def test_a_damaged_state_is_said_in_one_sentence(tmp_path: Path, damage) -> None:
    tiny_fit(tmp_path).run()
    path = tmp_path / "state.pt"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TrainingError, match=r"(?s)cannot be taken up \(.*delete the file to begin anew"):
        tiny_fit(tmp_path)
