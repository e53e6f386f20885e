"""ClassCalibration: from a detector's raw score to the chance that the detection is true, for one class.

Fitted on val (evaluation/calibrate.py), kept in the candidate's contract, applied by the Detector to every answer. The map
rises strictly, so it changes no ranking within a class: of every mapped score a small share is the raw score, which parts
detections that the fitted map alone would make equal. A detection's score is float32; raw scores nearer to each other than
about 1e-5 can meet in it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from boxwright.spec.document import Section
from boxwright.statistics import logit, sigmoid

RAW_SHARE = 0.01  # of a mapped score; what keeps the map strictly rising

Unit = Annotated[float, Field(ge=0, le=1)]


class ClassCalibration(Section):
    """One class's map from raw to calibrated score."""

    method: Literal["isotonic", "platt"]
    x: tuple[Unit, ...] = ()  # isotonic: raw scores of the knots, strictly rising
    y: tuple[Unit, ...] = ()  # isotonic: the share that is true there, rising; straight lines between, level outside
    a: Annotated[float, Field(gt=0)] = 1.0  # platt: sigmoid(a logit(score) + b)
    b: float = 0.0
    own_share: Unit = 1.0  # platt: weight of the class's own fit, the rest is the fit of all classes together
    detections: Annotated[int, Field(ge=0)] = 0  # of val it rests on
    true: Annotated[int, Field(ge=0)] = 0  # of these

    @model_validator(mode="after")
    def _rising(self) -> ClassCalibration:
        if len(self.x) != len(self.y) or (self.method == "isotonic") != bool(self.x):
            raise ValueError("an isotonic map has as many x as y and at least one; a platt map has none")
        if any(b <= a for a, b in zip(self.x, self.x[1:], strict=False)) or list(self.y) != sorted(self.y):
            raise ValueError("the knots of a calibration must rise")
        return self

    def apply(self, score: NDArray) -> NDArray[np.float64]:
        """(n,) calibrated scores in [0, 1] of raw scores in [0, 1]; strictly rising."""
        score = np.asarray(score, np.float64)
        if self.method == "isotonic":
            mapped = np.interp(score, self.x, self.y)
        else:
            mapped = sigmoid(self.a * logit(score) + self.b)
        return np.clip((1 - RAW_SHARE) * mapped + RAW_SHARE * score, 0, 1)
