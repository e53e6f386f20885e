"""Early stop: a run ends when val no longer improves, keeps its best average, and stays ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from boxwright.training.fit import Fit, Forward
from tests.training.tiny_runs import SIDE, copied, same, tiny_fit

PICTURES = np.full((1, SIDE, SIDE, 3), 90, np.uint8)


def told(*figures: float) -> Callable[[Forward], float]:
    """A val mAP that is what it is told to be, look after look."""
    left = list(figures)
    return lambda _: left.pop(0)


def averages(fit: Fit, by_look: list[dict]) -> None:
    """Run, keeping the average as it was at each look."""
    look = fit._validate
    assert look is not None

    def watched(forward: Forward) -> float:
        by_look.append(copied(fit.average))
        return look(forward)

    fit._validate = watched
    fit.run()


@pytest.mark.parametrize(
    "patience, figures, looks, best",
    [
        (2, (0.1, 0.3, 0.2, 0.25, 0.9), 4, 1),  # two looks below 0.3 end it; 0.9 is never seen
        (3, (0.1, 0.3, 0.2, 0.25, 0.31, 0.0), 6, 4),
        (1, (0.5, 0.4), 2, 0),
        (2, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0), 6, 5),  # as good as the best is not worse: the later weights are taken
        (2, (0.1, 0.2, 0.3, 0.4, 0.5, 0.6), 6, 5),
    ],
)
def test_it_ends_after_so_many_looks_below_the_best(
    tmp_path: Path, patience: int, figures: tuple[float, ...], looks: int, best: int
) -> None:
    fit = tiny_fit(tmp_path, validate=told(*figures), steps=6, validate_every=1, patience=patience)
    seen: list[dict] = []
    averages(fit, seen)
    assert [look["step"] for look in fit.state.history] == list(range(1, looks + 1))
    assert [look["val_map"] for look in fit.state.history] == list(figures[:looks])
    assert (fit.state.step, fit.state.best_step, fit.state.best_map) == (looks, best + 1, figures[best])
    assert same(copied(fit.best), seen[best])


def test_a_look_is_taken_every_so_many_steps_and_at_the_end(tmp_path: Path) -> None:
    fit = tiny_fit(tmp_path, validate=told(0.1, 0.2, 0.3), steps=5, validate_every=2)
    fit.run()
    assert [look["step"] for look in fit.state.history] == [2, 4, 5]


def test_what_is_looked_at_is_the_average(tmp_path: Path) -> None:
    answers = []

    def validate(forward: Forward) -> float:
        answers.append(
            (forward(PICTURES), fit.forward(fit.average)(PICTURES), fit.forward(fit.network.state_dict())(PICTURES))
        )
        return 0.0

    fit = tiny_fit(tmp_path, validate=validate)
    fit.run()
    for looked, average, last in answers:
        assert (looked[0] == average[0]).all()
        assert (looked[0] != last[0]).any()


def test_a_run_that_ended_early_stays_ended(tmp_path: Path) -> None:
    """It was killed after its last look, before its weights were stored: taken up again it trained on."""
    first = tiny_fit(tmp_path, validate=told(0.5, 0.1, 0.1), validate_every=1, patience=2)
    first.run()
    assert first.state.step == 3
    again = tiny_fit(tmp_path, validate=told(), validate_every=1, patience=2)
    again.run()
    assert again.state.step == 3
    assert same(copied(again.best), copied(first.best))


def test_without_val_it_goes_to_the_end(tmp_path: Path) -> None:
    fit = tiny_fit(tmp_path, steps=5, validate_every=1, patience=1)
    fit.run()
    assert fit.state.step == 5
    assert all("val_map" not in look for look in fit.state.history)
