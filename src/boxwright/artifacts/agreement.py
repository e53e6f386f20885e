"""Agreement: how far several people agree about the same pictures, where they differ, and what rule seems to be missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import pyarrow as pa

from boxwright.artifacts.artifact import Artifact
from boxwright.artifacts.codec import Document, table
from boxwright.artifacts.resampled import Resampled
from boxwright.artifacts.verdict import Status
from boxwright.spec import Observed


@dataclass(frozen=True)
class Tally:
    """What was rated, in numbers.

    Attributes:
        pictures: of anybody.
        pictures_of_several: that more than one annotator had.
        boxes: annotator to boxes drawn.
        objects: on pictures of several.
        drawn_by_all: by everybody who had the picture.
        too_far_off: boxes of one object that did not meet.
        of_one_class: of those drawn by all.
    """

    pictures: int
    pictures_of_several: int
    boxes: Mapping[str, int]
    objects: int
    drawn_by_all: int
    too_far_off: int
    of_one_class: int


@dataclass(frozen=True)
class AtIou:
    """Agreement where boxes mean the same object from an IoU threshold on."""

    iou_threshold: float
    alpha: Observed
    f1: Observed
    f1_class: Observed


@dataclass(frozen=True)
class ClassAgreement:
    """Agreement about one class: alpha against the rest, F1 of place and class, mean IoU, boxes by annotator."""

    alpha: Observed
    f1: Observed
    mean_iou: Observed
    boxes: Mapping[str, int]


@dataclass(frozen=True)
class SliceAgreement:
    """Agreement about the objects of one value of one condition."""

    condition: str
    value: str
    objects: int
    alpha: Observed
    f1: Observed
    f1_class: Observed
    mean_iou: Observed


@dataclass(frozen=True)
class EdgeHabit:
    """How far outside the mean of the others' an annotator draws an edge: share of the object's side, and px."""

    share: float
    px: float


@dataclass(frozen=True)
class AnnotatorFigures:
    """One annotator among the others.

    Attributes:
        pictures, boxes: had and drawn.
        alone: objects that only they drew.
        lacks: objects that only they did not draw.
        edges: left, top, right and bottom to the habit; empty without common objects.
        vitality: alpha minus alpha without them; None with two annotators.
    """

    pictures: int
    boxes: int
    alone: int
    lacks: int
    edges: Mapping[str, EdgeHabit] = field(default_factory=dict)
    vitality: Observed | None = None


@dataclass(frozen=True)
class PairAgreement:
    """Two annotators.

    Attributes:
        a, b: their names.
        both, only_a, only_b: boxes drawn by both, or by one.
        same_class: of those drawn by both.
        alpha, f1, f1_class, mean_iou, kappa: of the two.
    """

    a: str
    b: str
    both: int
    only_a: int
    only_b: int
    same_class: int
    alpha: Observed
    f1: Observed
    f1_class: Observed
    mean_iou: Observed
    kappa: Observed


@dataclass(frozen=True)
class Separated:
    """Where boxes of one object part from boxes that overlap by chance.

    Attributes:
        iou_threshold: that the data ask for.
        found: whether they part anywhere.
        ks: distance of the two distributions, None without boxes.
        observed, expected: histograms of 1 - IoU with the nearest box of somebody else, on the same and on another picture.
    """

    iou_threshold: float
    found: bool
    ks: float | None
    observed: tuple[float, ...]
    expected: tuple[float, ...]


@dataclass(frozen=True)
class RequiredAgreement:
    """What was asked, and whether it is met.

    Attributes:
        figure: alpha, or f1 where there is one class.
        least: the minimum asked for.
        judged_on: the lower end of the interval (`bound`), or the `value`.
        found: the figure.
        status, note: the answer, and why.
    """

    figure: Literal["alpha", "f1"]
    least: float
    judged_on: Literal["bound", "value"]
    found: Observed
    status: Status
    note: str


@dataclass(frozen=True)
class AgreementFinding:
    """A pattern in what people differ about.

    Attributes:
        kind: rule, class-rule, hard, person, edges, fatigue or learning.
        axis, value: where.
        sentence: in words, with what to write down.
        support: objects it rests on; None for trends.
        measured: the figures behind the sentence, by name.
    """

    kind: str
    axis: str
    value: str
    sentence: str
    support: int | None = None
    measured: Mapping[str, float | str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Resemblance:
    """Whether neighbouring pictures quarrel alike: their correlation (None where unknown), and whether intervals are too narrow for it."""

    correlation: float | None = None
    too_narrow: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Agreement(Artifact):
    """What several people drew, compared.

    Attributes:
        title: what was rated.
        annotators, class_names: in order.
        iou_threshold: from which on two boxes mean the same object.
        figures: alpha, f1 (place), f1_class (place and class), mean_iou, kappa.
        tally: what was rated.
        over_iou: per IoU threshold.
        per_class, slices, people, pairs: by class name, condition and value, annotator, and two of them.
        separation: the IoU threshold the data ask for.
        required: None where nothing was asked.
        findings: patterns, the strongest first.
        resampling, resemblance: what the intervals rest on.
        facts: of the reading: sources, problems, matched_by, not_seen_by.
        differences: one row per object people differ about, the worst first.
    """

    kind: ClassVar[str] = "agreement"
    document_name: ClassVar[str] = "agreement.json"

    title: str
    annotators: tuple[str, ...]
    class_names: tuple[str, ...]
    iou_threshold: float
    figures: Mapping[str, Observed]
    tally: Tally
    over_iou: tuple[AtIou, ...]
    per_class: Mapping[str, ClassAgreement]
    slices: tuple[SliceAgreement, ...]
    people: Mapping[str, AnnotatorFigures]
    pairs: tuple[PairAgreement, ...]
    separation: Separated
    required: RequiredAgreement | None
    findings: tuple[AgreementFinding, ...]
    resampling: Resampled
    resemblance: Resemblance = field(default_factory=Resemblance)
    facts: Document = field(default_factory=dict)
    differences: pa.Table = table()

    @property
    def counts(self) -> Mapping[str, int]:
        """Pictures several had, objects, and objects people differ about."""
        return {
            "pictures": self.tally.pictures_of_several,
            "objects": self.tally.objects,
            "differences": len(self.differences),
        }
