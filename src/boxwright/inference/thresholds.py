"""Which detections a bundle answers: those that reach the score threshold of their class, and of their image's conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Predictions
from boxwright.artifacts.bundle import Contract
from boxwright.detections import Detections


class Thresholds:
    """The thresholds of a contract; where none were chosen, every detection is answered."""

    def __init__(self, contract: Contract) -> None:
        names, chosen = contract.class_names, contract.score_thresholds
        self.of_class: NDArray[np.float64] | None = None
        self._by_condition: dict[str, dict[str, NDArray[np.float64]]] = {}
        if chosen is None:
            return
        self.of_class = np.array([chosen[n] for n in names])
        for condition, by_value in contract.condition_thresholds.items():
            self._by_condition[condition] = {
                value: np.array([of_class.get(name, chosen[name]) for name in names])
                for value, of_class in by_value.items()
            }

    def answered(self, detections: Detections, conditions: Mapping[str, Any] | None = None) -> NDArray[np.bool_]:
        """(n,) which detections of one image are answered.

        Args:
            detections: as `Detector.detect` gives them.
            conditions: what is known of the image, such as its camera; a value the contract knows has thresholds of its own,
                any other goes by the class's.
        """
        thresholds = self._for(conditions or {})
        if thresholds is None:
            return np.ones(len(detections), np.bool_)
        return detections.score >= thresholds[detections.class_id]

    def answered_of(
        self, predictions: Predictions, conditions: Sequence[Mapping[str, Any]] | None
    ) -> NDArray[np.bool_]:
        """(n,) the same for the detections of many images; conditions in the order of the images, or None."""
        columns = predictions.columns
        parts = [
            self.answered(columns[i], conditions[i] if conditions else None) for i in range(len(predictions.image_ids))
        ]
        return np.concatenate([np.zeros(0, np.bool_), *parts])

    def _for(self, conditions: Mapping[str, Any]) -> NDArray[np.float64] | None:
        for condition, by_value in self._by_condition.items():
            if conditions.get(condition) in by_value:
                return by_value[conditions[condition]]
        return self.of_class
