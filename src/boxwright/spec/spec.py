"""spec.yaml: what must hold, before anyone says how.

Each field says what it promises and its unit; `boxwright init` writes the same words beside an example. Pixels are
those of the upright original picture unless the name says otherwise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from boxwright.errors import SpecError
from boxwright.spec.clause import Count, GrownSection, Name, Positive, Share, Value, seconds_from
from boxwright.spec.document import Section, parse_document, read_document
from boxwright.spec.images import ImageClause
from boxwright.spec.labels import LabelClause
from boxwright.spec.metadata import MetadataClause
from boxwright.spec.overrides import Override
from boxwright.spec.requirement import SET, JudgeFor, Requirement, parse_requirement
from boxwright.spec.sane import MOST, MOST_CHARACTERS, one_line
from boxwright.spec.sets import SetClause, check_named, check_sets
from boxwright.spec.split import SplitClause

_PRIORITIES = ("P0", "P1", "P2", "P3")
OF_OBJECTS = ("box_size", "crowding", "border")  # conditions of an object, not of its picture
NOT_CONDITIONS = (
    "image_id",
    "file_name",
    "group",
    "height",
    "width",
)  # what an evaluation knows of an image beside its conditions
MEASURED = ("box_size", "brightness", "contrast", "sharpness", "resolution", "crowding", "border")
MOST_SIDE_PX = 16_384  # of a model's input
_OPEN = 100_000  # an upper edge from here on means "and more"


class ClassClause(Section):
    """One class, in the order of class_id."""

    name: Name
    includes: tuple[str, ...] = ()  # what counts as this class
    excludes: tuple[str, ...] = ()  # what looks like it and is not
    least_visible: Share = 0.0  # share of an object that must be visible for it to be annotated
    least_size_px: Annotated[float, Field(ge=0, le=100_000)] = 0.0  # shorter side under which an object is not judged


class ConditionClause(Section):
    """An axis along which data is sliced."""

    name: Name
    source: Literal["metadata", "measured"] = "metadata"  # a key that comes with the pictures, or one of MEASURED
    bins: tuple[float | str, ...] = ()  # allowed values (metadata) or rising edges (measured)

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, value: object) -> object:
        """Values of metadata are text, also where YAML reads `1` as a number; yes and no must be quoted."""
        if not isinstance(value, dict) or not isinstance(value.get("bins"), list | tuple):
            return value
        if any(isinstance(b, bool) for b in value["bins"]):
            raise ValueError("a bin is read as true or false; quote it ('yes', 'no')")
        if value.get("source", "metadata") == "metadata":
            return {**value, "bins": [str(b) if _is_sane(b) else b for b in value["bins"]]}
        return value

    @field_validator("bins", mode="after")
    @classmethod
    def _bins_are_names(cls, value: tuple[float | str, ...]) -> tuple[float | str, ...]:
        for label in value:
            if isinstance(label, str) and len(one_line(label)) > MOST_CHARACTERS:
                raise ValueError(f"a bin must have at most {MOST_CHARACTERS} characters, found {len(label)}")
        return value

    @model_validator(mode="after")
    def _bins_fit(self) -> ConditionClause:
        if len(set(self.bins)) < len(self.bins):
            raise ValueError(f"bins of '{self.name}' must differ from each other")
        if self.name in NOT_CONDITIONS:
            raise ValueError(f"a condition cannot be called '{self.name}'; give it another name")
        if self.source == "measured":
            if self.name not in MEASURED:
                raise ValueError(f"'{self.name}' cannot be measured; known: {', '.join(MEASURED)}")
            edges = [b for b in self.bins if isinstance(b, int | float) and math.isfinite(b)]
            if len(edges) < 2 or len(edges) != len(self.bins) or sorted(set(edges)) != edges:
                raise ValueError(f"bins of '{self.name}' must be at least two rising numbers, the edges of the bins")
            if edges[0] < -MOST or edges[-1] > MOST:
                raise ValueError(f"bins of '{self.name}' must lie between -{MOST:.0e} and {MOST:.0e}")
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the slices; `[a, b)` for measured bins; an upper edge of 100000 or more is left open: `96+`."""
        if self.source == "metadata":
            return tuple(str(b) for b in self.bins)
        return tuple(
            f"{_short(a)}+" if float(b) >= _OPEN else f"{_short(a)}-{_short(b)}"
            for a, b in zip(self.bins, self.bins[1:], strict=False)
        )


class ConstraintClause(Section):
    """What the detector may cost."""

    input_hw: tuple[int, int] | None = None  # height, width of the model's input; None leaves it to the recipe
    latency_p95_ms: Positive | None = None  # from encoded picture to boxes, one picture at a time
    hardware: Value | None = None  # part of the processor's name the latency is promised for; None: any
    memory_mb: Positive | None = None  # peak of the predicting process

    @field_validator("input_hw")
    @classmethod
    def _multiples(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and any(side <= 0 or side % 32 for side in value):
            raise ValueError("height and width must be positive multiples of 32")
        if value is not None and max(value) > MOST_SIDE_PX:
            raise ValueError(f"height and width must be at most {MOST_SIDE_PX} px")
        return value


class SuppressionClause(Section):
    """How overlapping detections are thinned."""

    method: Literal["nms", "none"] = "nms"
    iou_threshold: Share = 0.6  # of two detections above this, the lower scored goes; raise it where objects crowd
    across_classes: bool = False  # whether boxes of different classes suppress each other


class CostClause(Section):
    """What an error costs, in any unit; only the ratio matters."""

    false_alarm: Positive = 1.0  # one false detection
    miss: Positive = 5.0  # one object that is not found


class OperatingPointClause(GrownSection):
    """How the score threshold of each class is chosen on val."""

    later = ("cost", "by")

    choose: Literal["best_f1", "least_precision", "least_recall", "least_cost"] = "best_f1"
    least: Share = 0.9  # the precision or recall to keep, for least_precision and least_recall
    cost: CostClause = CostClause()  # for least_cost
    by: Name | None = None  # metadata condition whose values get thresholds of their own where val shows a gain


class OutputClause(GrownSection):
    """What the server answers."""

    later = ("calibration",)

    box_format: Literal["xyxy"] = "xyxy"  # left, top, right, bottom
    pixels: Literal["original"] = "original"  # frame of the boxes: the upright original picture
    score_floor: Share = 0.05  # detections below are not even logged
    max_detections: Annotated[int, Field(ge=1, le=10_000)] = 100  # a picture
    suppression: SuppressionClause = SuppressionClause()
    calibration: Literal["fit", "none"] = "fit"  # fit scores, on val, to the chance that a detection is true
    operating_point: OperatingPointClause = OperatingPointClause()


class FailureClause(Section):
    """What is done when the detector should not be trusted alone."""

    unknown_object: Literal["review", "answer"] = "review"  # a picture unlike the reference
    low_score: Literal["review", "answer"] = "review"  # a detection near its score threshold
    low_score_margin: Share = 0.1  # how near is near
    degraded: Literal["refuse", "answer"] = "refuse"  # not ready or overloaded: 503/429, or answer late


class CoverageClause(Section):
    """Data the promise rests on."""

    where: dict[Name, Value] = {}  # `class: open`, `lighting: dim`, ...; empty: everything
    split: Name = "any"  # train, val, test, the name of a set, or any
    least_objects: Count = 0
    least_images: Count = 0

    @property
    def figures(self) -> tuple[CoverageFigure, ...]:
        """The counts the clause asks for, each with its key and the least number."""
        selectors = ", ".join(f"{name}={value}" for name, value in sorted({**self.where, "split": self.split}.items()))
        asked = (("objects", self.least_objects), ("images", self.least_images))
        return tuple(CoverageFigure(f"{of}[{selectors}]", of, least) for of, least in asked if least)


@dataclass(frozen=True)
class CoverageFigure:
    """One count of a coverage clause: its key, what is counted, and the least number."""

    key: str
    of: str
    least: int


class AcceptanceClause(Section):
    """What the gate asks."""

    require: tuple[str, ...] = ()  # clauses; see requirement.py for the grammar
    judge_on: Literal["bound", "value"] = "bound"  # the interval's worse end, or the figure itself
    judge_for: JudgeFor = "new_groups"  # other groups like those seen, or other images of the same groups
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95  # of the intervals

    @field_validator("require")
    @classmethod
    def _parse(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for clause in value:
            try:
                parse_requirement(one_line(clause)).check_range()
            except SpecError as error:
                raise ValueError(str(error).rstrip(".")) from error
        return value


class MonitoringClause(Section):
    """When to ring."""

    window: Annotated[int, Field(ge=10, le=10_000_000)] = 100  # events looked at together
    false_alarm: Annotated[float, Field(gt=0, ge=1e-9, lt=0.5)] = (
        0.01  # chance of any statistical alarm in a window without change
    )
    least_effect: Positive = 0.3  # shift of the mean, in reference standard deviations, worth an alarm
    latency_p99_ms: Positive | None = None  # limit of its own
    by: Literal["camera"] | None = "camera"  # also look at the windows of each camera by itself


class ReviewClause(Section):
    """By when people look."""

    due: dict[str, str] = {"P0": "1h", "P1": "8h", "P2": "3d", "P3": "14d"}
    budget: Annotated[int, Field(ge=1, le=1_000_000)] = 50  # items a selection may ask for
    random_share: Share = 0.2  # of the items, drawn uniformly: the part that figures may rest on

    @field_validator("due")
    @classmethod
    def _durations(cls, value: dict[str, str]) -> dict[str, str]:
        if set(value) != set(_PRIORITIES):
            raise ValueError(f"due must give a time for each of {', '.join(_PRIORITIES)}, found {', '.join(value)}")
        for text in value.values():
            seconds_from(text)
        return value


class RetrainingClause(Section):
    """When a new round is due."""

    every: str = "30d"  # at the latest
    least_corrections: Annotated[int, Field(ge=1, le=int(MOST))] = 20  # reviewed pictures that make a round worthwhile

    @field_validator("every")
    @classmethod
    def _duration(cls, value: str) -> str:
        seconds_from(value)
        return value


class Spec(GrownSection):
    """The whole of spec.yaml."""

    later = ("images", "metadata")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]  # artifacts are found under it
    classes: Annotated[tuple[ClassClause, ...], Field(min_length=1)]
    metadata: tuple[MetadataClause, ...] = ()  # conditions that are read off the files at ingestion
    conditions: tuple[ConditionClause, ...] = ()
    split: SplitClause = SplitClause()
    constraints: ConstraintClause = ConstraintClause()
    output: OutputClause = OutputClause()
    failure_modes: FailureClause = FailureClause()
    sets: tuple[SetClause, ...] = ()
    coverage: tuple[CoverageClause, ...] = ()
    labels: LabelClause = LabelClause()
    images: ImageClause = ImageClause()
    acceptance: AcceptanceClause = AcceptanceClause()
    monitoring: MonitoringClause = MonitoringClause()
    review: ReviewClause = ReviewClause()
    retraining: RetrainingClause = RetrainingClause()

    @model_validator(mode="after")
    def _names_agree(self) -> Spec:
        for what, names in (
            ("class", self.class_names), ("condition", tuple(c.name for c in self.conditions)),
            ("metadata", tuple(c.name for c in self.metadata)),
        ):  # fmt: skip
            twice = {n for n in names if names.count(n) > 1}
            if twice:
                raise ValueError(f"{what} '{min(twice)}' is listed twice")
        known = {c.name: c for c in self.conditions}
        taken = {"image_id", "file_name", "group", "class", "split", SET} & {*known, *(c.name for c in self.metadata)}
        if taken:
            raise ValueError(f"a condition cannot be called '{min(taken)}'; choose another name")
        for clause in self.coverage:
            unknown = set(clause.where) - {"class", *known}
            if unknown:
                raise ValueError(f"coverage names the unknown condition '{min(unknown)}'")
            for name, value in clause.where.items():
                if name != "class" and name in OF_OBJECTS:
                    raise ValueError(f"coverage counts pictures and cannot ask for '{name}', a condition of objects")
                if name != "class" and known[name].labels and value not in known[name].labels:
                    raise ValueError(
                        f"coverage: '{name}' has no slice '{value}' (it has {', '.join(known[name].labels)})"
                    )
            if clause.where.get("class", self.class_names[0]) not in self.class_names:
                raise ValueError(f"coverage names the class '{clause.where['class']}', which is not in classes")
        for requirement in self.requirements:
            if requirement.class_name not in (None, "*", *self.class_names):
                raise ValueError(
                    f"acceptance clause '{requirement.text}' names the class '{requirement.class_name}', "
                    f"which is not in classes ({', '.join(self.class_names)})"
                )
            for name, value in requirement.conditions:
                if name not in known:
                    raise ValueError(f"acceptance clause '{requirement.text}' names the unknown condition '{name}'")
                if known[name].labels and value not in known[name].labels:
                    raise ValueError(
                        f"acceptance clause '{requirement.text}': '{name}' has no slice '{value}' "
                        f"(it has {', '.join(known[name].labels)})"
                    )
        return self

    @model_validator(mode="after")
    def _thresholds_by_a_condition(self) -> Spec:
        by = self.output.operating_point.by
        if by is not None and by not in [c.name for c in self.conditions if c.source == "metadata"]:
            raise ValueError(f"output.operating_point.by names '{by}', which is no metadata condition of this spec")
        return self

    @model_validator(mode="after")
    def _sets_agree(self) -> Spec:
        check_sets(self.sets, self.conditions, self.split.group_by)
        check_named(self.sets, self.requirements, [clause.split for clause in self.coverage])
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names by class_id."""
        return tuple(c.name for c in self.classes)

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """Everything the gate must judge: the clauses, and what the constraints amount to."""
        clauses = list(self.acceptance.require)
        if self.constraints.latency_p95_ms is not None:
            clauses.append(f"latency_p95_ms <= {_exact(self.constraints.latency_p95_ms)}")
        if self.constraints.memory_mb is not None:
            clauses.append(f"memory_mb <= {_exact(self.constraints.memory_mb)}")
        return tuple(parse_requirement(clause) for clause in clauses)

    @property
    def as_document(self) -> dict:
        """The spec as a JSON object."""
        return json.loads(self.model_dump_json())


def load_spec(path: str | Path, overrides: Sequence[Override] = ()) -> Spec:
    """The spec in a YAML file, with the overrides in it; SpecError with the key's path when it is wrong."""
    return read_document(path, Spec, overrides)


def parse_spec(text: str, *, name: str = "spec.yaml") -> Spec:
    """The spec in YAML text."""
    return parse_document(text.encode(), Spec, name=name)


def _is_sane(value: object) -> bool:
    """Whether a number may be written out; any other is told with its place when the field is checked."""
    return isinstance(value, int | float) and abs(value) < 1 << 63


def _exact(value: float) -> str:
    """The number to its last digit, without an empty fraction."""
    return repr(value).removesuffix(".0")


def _short(edge: float | str) -> str:
    return f"{edge:g}" if isinstance(edge, int | float) else str(edge)
