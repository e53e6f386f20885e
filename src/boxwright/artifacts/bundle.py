"""Bundle: the one thing that ships. An ONNX model, its contract, and golden pictures with their answers.

The contract says how a picture enters (letterbox, size, colour), how boxes leave (suppression, floor, calibration,
thresholds), and what parity with the checkpoint was measured. A bundle with score thresholds chosen on val is a candidate:
its digest is what is evaluated, judged, promoted and served. Golden pictures are answered again wherever the bundle is
loaded; their answers, like parity, are kept with the model's own scores, before calibration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError, field_validator

from boxwright.artifacts.artifact import Artifact, Parts
from boxwright.artifacts.calibration import ClassCalibration
from boxwright.artifacts.condition_thresholds import ByCondition, only_condition
from boxwright.errors import InputError, StoreError
from boxwright.spec.spec import GrownSection, OutputClause


class Contract(GrownSection):
    """What goes in, what comes out."""

    later = ("calibration", "condition_thresholds", "most_answered", "bit_depth")

    class_names: tuple[str, ...]
    input_hw: tuple[int, int]  # height, width of the model's input
    pad_value: int = 114  # grey of the letterbox
    colour: str = "RGB"
    bit_depth: int | None = None  # bits used of samples of more than 8 bits, as in the training data; None: all
    output: OutputClause  # as the spec promises it
    score_thresholds: dict[str, float] | None = None  # class name to least score that is answered; None: not chosen yet
    condition_thresholds: dict[str, dict[str, dict[str, float]]] = Field(default_factory=dict)  # see OperatingPoint
    most_answered: dict[str, int] = Field(default_factory=dict)  # see OperatingPoint
    calibration: dict[str, ClassCalibration] | None = None  # class name to raw to answered score; None: answered raw
    parity: dict[str, Any] = Field(default_factory=dict)  # figures measured at export
    training_side_px: dict[str, float] = Field(default_factory=dict)  # percentiles of object sides seen in training
    spec_name: str = ""
    degraded: Literal["refuse", "answer"] = "refuse"  # what a server does when it cannot keep its journal

    @field_validator("condition_thresholds")
    @classmethod
    def _of_one_condition(cls, value: dict[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, dict[str, float]]]:
        try:
            only_condition(value)
        except InputError as error:
            raise ValueError(str(error)) from error
        return value


@dataclass(frozen=True, eq=False, kw_only=True)
class Bundle(Artifact):
    """An exported detector.

    Attributes:
        model: ONNX file, uint8 pictures in, boxes and scores of every cell out.
        contract: see Contract.
        golden: relative path to file: pictures (golden/*.jpg) and the answers expected (golden/answers.json).
    """

    kind: ClassVar[str] = "bundle"
    document_name: ClassVar[str] = "contract.json"

    model: Path
    contract: Contract
    golden: Mapping[str, Path] = field(default_factory=dict)

    def with_thresholds(
        self,
        thresholds: Mapping[str, float],
        *,
        point: str,
        condition_thresholds: ByCondition | None = None,
        most_answered: Mapping[str, int] | None = None,
        calibration: Mapping[str, ClassCalibration] | None = None,
    ) -> Self:
        """The candidate: this bundle with an operating point.

        Args:
            thresholds: class name to least score.
            point: the operating point's digest.
            condition_thresholds, most_answered, calibration: as in OperatingPoint; None keeps the contract's.

        Raises:
            StoreError: a file of the bundle has changed since it was loaded.
        """
        changed: dict[str, Any] = {"score_thresholds": dict(thresholds)}
        if condition_thresholds is not None:
            changed["condition_thresholds"] = {
                condition: {value: dict(of_class) for value, of_class in values.items()}
                for condition, values in condition_thresholds.items()
            }
        if most_answered is not None:
            changed["most_answered"] = dict(most_answered)
        if calibration is not None:
            changed["calibration"] = dict(calibration) or None
        contract = self.contract.model_copy(update=changed)
        candidate = replace(self, contract=contract, made_from={"bundle": self.digest, "operating_point": point})
        if candidate._manifest["files"] != self._manifest["files"]:
            raise StoreError(
                f"The files of bundle {self.digest[:12]} have changed since it was loaded; nothing was made of them."
            )
        return candidate

    def parts(self) -> Parts:
        return Parts(self.contract.model_dump(mode="json"), files={"model.onnx": self.model, **self.golden})

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        try:
            contract = Contract.model_validate(parts.document)
        except ValidationError as error:
            first = error.errors()[0]
            raise StoreError(f"The bundle's contract.json is wrong at {first['loc']}: {first['msg']}.") from error
        files = dict(parts.files)
        return cls(model=files.pop("model.onnx"), contract=contract, golden=files, made_from=made_from)
