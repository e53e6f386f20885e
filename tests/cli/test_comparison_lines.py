"""A comparison in the terminal: what differs is named whole, class by class."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from boxwright.artifacts import Comparison
from boxwright.cli.comparison_lines import comparison_lines
from boxwright.evaluation import Contender, compare
from tests.evaluation.random_worlds import random_world


@pytest.fixture(scope="module")
def found() -> Comparison:
    matches = random_world(1).matches()
    return compare(*(Contender(t, matches, np.zeros(len(matches.detections))) for t in "AB"))


@pytest.mark.parametrize("verdicts", list(product(("better", "worse", "no significant difference"), repeat=3)), ids=str)
def test_what_differs_of_a_class_is_named_whole(found: Comparison, verdicts: tuple[str, str, str]) -> None:
    """The end of a long cell was kept, as of a file's name: `...ter, recall better`."""
    of = dict(zip(("ap50", "precision", "recall"), verdicts, strict=True))
    named = {"ap50": "AP50", "precision": "precision", "recall": "recall"}
    metrics = tuple(replace(m, verdict=of.get(m.metric, m.verdict)) for m in found.metrics)
    lines = comparison_lines(replace(found, metrics=metrics))
    head = next(i for i, line in enumerate(lines) if line.startswith("class "))
    rows = lines[head + 1 : head + 1 + len(found.class_names)]
    assert len(rows) == len(found.class_names) > 0
    for row in rows:
        assert "..." not in row
        for verdict in ("better", "worse"):
            asked = [named[metric] for metric, one in of.items() if one == verdict]
            assert (f"{', '.join(asked)} {verdict}" in row) if asked else (verdict not in row)
