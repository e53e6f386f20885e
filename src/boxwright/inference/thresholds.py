"""Which detections a bundle answers: those that reach the score threshold of their class, and of their image's conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import Predictions
from boxwright.artifacts.bundle import Contract
from boxwright.artifacts.condition_thresholds import spelled, threshold_rows
from boxwright.detections import Detections
from boxwright.errors import StoreError


class Thresholds:
    """The thresholds of a contract; where none were chosen, every detection is answered."""

    def __init__(self, contract: Contract) -> None:
        self.of_class: NDArray[np.float64] | None = None
        self._condition: str | None = None
        self._by_value: dict[str, NDArray[np.float64]] = {}
        if contract.score_thresholds is not None:
            _check_complete(contract, contract.score_thresholds)
            self.of_class, self._condition, self._by_value = threshold_rows(
                contract.class_names, contract.score_thresholds, contract.condition_thresholds
            )

    @property
    def lowest(self) -> float:
        """The lowest score that is answered of any class under any condition; 0 where none was chosen."""
        rows = [row for row in (self.of_class, *self._by_value.values()) if row is not None and len(row)]
        return min((float(row.min()) for row in rows), default=0.0)

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
        value = conditions.get(self._condition) if self._condition else None
        return self.of_class if value is None else self._by_value.get(spelled(str(value)), self.of_class)


def _check_complete(contract: Contract, chosen: Mapping[str, float]) -> None:
    missing = [name for name in contract.class_names if name not in chosen]
    if missing:
        raise StoreError(
            f"The contract names score thresholds, but none for the class '{missing[0]}'; choose again: `boxwright choose`."
        )
