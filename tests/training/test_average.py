"""The running average of the weights: equals the slow loop, and is what is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.oracles import average_loop
from tests.training.tiny_runs import copied, same, tiny_fit


@pytest.mark.parametrize("first_step", [0, 50_000])
def test_it_equals_the_slow_loop(tmp_path: Path, first_step: int) -> None:
    """From the start, where it forgets quickly, and late, where it keeps 0.999."""
    fit = tiny_fit(tmp_path, steps=first_step + 6, validate_every=10**6)
    fit.state.step = first_step
    start = copied(fit.average)
    seen: list[dict[str, np.ndarray]] = []
    fit.run(lambda *_: seen.append(copied(fit.network.state_dict())))
    assert len(seen) == 6
    for name, value in copied(fit.average).items():
        values = [weights[name] for weights in seen]
        if np.issubdtype(value.dtype, np.floating):
            expected = average_loop(start[name], values, first_step=first_step)
            np.testing.assert_allclose(value, expected, atol=1e-5)
        else:
            assert value == values[-1]  # a count of batches is not averaged


def test_what_is_kept_without_looks_is_the_last_average(tmp_path: Path) -> None:
    fit = tiny_fit(tmp_path)
    fit.run()
    assert same(copied(fit.best), copied(fit.average))
    assert not same(copied(fit.best), copied(fit.network.state_dict()))
