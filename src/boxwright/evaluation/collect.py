"""What data there is against the plan, before anything is trained: counts per class, condition and size, and what to
collect next.

A clause of `coverage` is counted and met or not. A clause of `acceptance` says nothing about counts, but it can only be met
where enough was seen. With the bound b and the confidence c of the spec, z the normal quantile of (1 + c) / 2:

    least   ln((1 - c) / 2) / ln(b)         a detector without a single error must be seen on so many objects before the
                                            lower bound of Clopper and Pearson reaches b
    needed  z^2 p (1 - p) / (p - b)^2       p = (1 + b) / 2: a detector that is half-way between b and perfect, with the
                                            normal interval of a share (Wald)

and for at most b false alarms a picture, -ln((1 - c) / 2) / b pictures without any (Poisson). The larger of the two is
asked for. Both take objects as independent and a metric as a share, which is right for recall, about right for precision and
a rule of thumb for AP and F1; pictures of one group resemble each other, so collect more where groups are large.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import SIDES, Dataset, Split
from boxwright.evaluation.coverage import coverage
from boxwright.evaluation.slices import label_of
from boxwright.spec import Requirement, Spec
from boxwright.spec.spec import OF_OBJECTS, ConditionClause
from boxwright.statistics import two_sided_z

_SIZES = ConditionClause(name="box_size", source="measured", bins=(0, 32, 96, 100_000))  # COCO's
_SHARES = ("recall", "precision", "f1", "ap", "ap50", "ap75")


class HasSides(Protocol):
    """What is asked of a split: the image ids of a side."""

    def ids(self, side: str) -> NDArray[np.int64]: ...


@dataclass(frozen=True)
class Cell:
    """Objects of a class in a slice of a condition (or of all, where condition is empty), of one size (or of any)."""

    class_name: str
    condition: str
    value: str
    size: str
    objects: int
    images: int


@dataclass(frozen=True)
class Clause:
    """A count the spec asks for; `met` is None where there is no split to count on."""

    key: str
    least: int
    found: int | None
    missing: int | None
    met: bool | None


@dataclass(frozen=True)
class Wanted:
    """What to collect, and why.

    Attributes:
        what: `clause`, `requirement` or `empty`.
        where: class and conditions to values.
        of: `objects` or `images`.
        side: where it is missing; `any` for all together.
        found, needed, more: on that side.
        to_collect: about how many of all new ones, where new groups are dealt by the spec's shares.
        why: a sentence.
    """

    what: str
    where: Mapping[str, str]
    of: str
    side: str
    found: int
    needed: int
    more: int
    to_collect: int
    why: str


@dataclass(frozen=True)
class Coverage:
    """What there is, and what is missing."""

    pictures: int
    unlabelled: int
    objects: int
    ignored: int
    cells: tuple[Cell, ...]
    clauses: tuple[Clause, ...]
    empty: tuple[Cell, ...]
    collect: tuple[Wanted, ...]

    @property
    def met(self) -> bool:
        """Whether no clause is known to be broken."""
        return all(clause.met is not False for clause in self.clauses)

    @property
    def as_document(self) -> dict[str, Any]:
        """As a JSON object."""
        return {"met": self.met, **asdict(self)}


def cover(dataset: Dataset, spec: Spec, split: HasSides | None = None) -> Coverage:
    """What there is against the plan.

    Args:
        dataset: its classes may stand in another order than the spec's; classes the spec does not name are not counted.
        spec: classes, conditions, coverage and acceptance.
        split: for clauses about a side; without it these have no answer, and requirements are weighed by the spec's share.
    """
    table = _Table(dataset, spec)
    cells = tuple(table.cells())
    clauses = tuple(_clauses(dataset, spec, split))
    empty = tuple(cell for cell in cells if cell.condition and not cell.size and not cell.objects)
    wanted = [*_of_clauses(clauses, spec), *_of_requirements(table, spec, split), *_of_gaps(empty)]
    return Coverage(
        pictures=len(dataset),
        unlabelled=int((~dataset.rows.column("labelled").to_numpy()).sum()),
        objects=int(table.asked.sum()),
        ignored=int(dataset.annotations.ignore.sum()),
        cells=cells,
        clauses=clauses,
        empty=empty,
        collect=tuple(_once(wanted)),
    )


def objects_needed(bound: float, confidence: float) -> int:
    """Objects on which a share must be seen to be shown to be at least `bound`; see the file's opening.

    Args:
        bound: in (0, 1).
        confidence: of the two-sided interval, in (0, 1).
    """
    least = math.log((1 - confidence) / 2) / math.log(bound)
    middle = (1 + bound) / 2
    usual = two_sided_z(confidence) ** 2 * middle * (1 - middle) / (middle - bound) ** 2
    return math.ceil(max(least, usual) - 1e-9)


def pictures_needed(bound: float, confidence: float) -> int:
    """Pictures without a false alarm that show at most `bound` a picture (Poisson)."""
    return math.ceil(-math.log((1 - confidence) / 2) / bound - 1e-9)


class _Table:
    """Codes of every annotation and picture: class, the label of each condition, and size."""

    def __init__(self, dataset: Dataset, spec: Spec) -> None:
        self.dataset, self.spec = dataset, spec
        found = dataset.annotations
        to_spec = [spec.class_names.index(n) if n in spec.class_names else -1 for n in dataset.class_names]
        self.of_class = (
            np.array([*to_spec, -1], np.int64)[found.class_id] if len(found.class_id) else np.zeros(0, np.int64)
        )
        self.picture = found.image_index
        self.asked = ~found.ignore & (self.of_class >= 0)
        boxes = found.boxes_xyxy
        side = np.sqrt(np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0))
        sizes = next((c for c in spec.conditions if c.name == "box_size"), _SIZES)
        self.sizes = sizes.labels
        self.of_size = _binned(sizes, side)
        self.labels: dict[str, tuple[str, ...]] = {}
        self.of_picture: dict[str, NDArray[np.int64]] = {}
        for clause in spec.conditions:
            if clause.name not in OF_OBJECTS:
                names = [label_of(clause, c.get(clause.name)) for c in dataset.conditions]
                self.labels[clause.name] = clause.labels or tuple(sorted({n for n in names if n}))
                at = {label: i for i, label in enumerate(self.labels[clause.name])}
                self.of_picture[clause.name] = np.array([at.get(name, -1) for name in names], np.int64)

    def cells(self) -> Iterator[Cell]:
        """Every class over everything, then at every value of every condition; each of any size, and of each size."""
        everywhere = np.zeros(len(self.dataset), np.int64)
        for condition, labels, codes in (
            ("", ("",), everywhere),
            *((n, self.labels[n], c) for n, c in self.of_picture.items()),
        ):
            counts, images = self._counted(codes, len(labels))
            for k, class_name in enumerate(self.spec.class_names):
                for v, value in enumerate(labels):
                    yield Cell(class_name, condition, value, "", int(counts[k, v].sum()), int(images[k, v]))
                    for s, size in enumerate(self.sizes):
                        yield Cell(class_name, condition, value, size, int(counts[k, v, s]), 0)

    def _counted(self, codes: NDArray, values: int) -> tuple[NDArray, NDArray]:
        """(classes, values, sizes + 1) objects, the last for sizes outside all bins; (classes, values) pictures."""
        classes, sizes = len(self.spec.class_names), len(self.sizes) + 1
        value = codes[self.picture]
        keep = self.asked & (value >= 0)
        size = np.where(self.of_size >= 0, self.of_size, sizes - 1)
        flat = (self.of_class * values + value) * sizes + size
        counts = np.bincount(flat[keep], minlength=classes * values * sizes).reshape(classes, values, sizes)
        seen = np.unique((self.of_class * values + value)[keep] * max(len(self.dataset), 1) + self.picture[keep])
        images = np.bincount(seen // max(len(self.dataset), 1), minlength=classes * values).reshape(classes, values)
        return counts, images

    def count(
        self, class_name: str | None, conditions: Sequence[tuple[str, str]], rows: NDArray | None
    ) -> tuple[int, int]:
        """Objects and pictures of a slice, on some rows or on all."""
        pictures = np.ones(len(self.dataset), np.bool_)
        if rows is not None:
            pictures[:] = False
            pictures[rows] = True
        objects = self.asked.copy()
        for name, value in conditions:
            if name in self.of_picture:
                code = self.labels[name].index(value) if value in self.labels[name] else -2
                pictures &= self.of_picture[name] == code
            elif name == "box_size" and value in self.sizes:
                objects &= self.of_size == self.sizes.index(value)
        if class_name:
            objects &= self.of_class == self.spec.class_names.index(class_name)
        return int((objects & pictures[self.picture]).sum()), int(pictures.sum())


def _binned(clause: ConditionClause, values: NDArray) -> NDArray[np.int64]:
    edges = np.array(clause.bins, np.float64)
    code = np.searchsorted(edges, values, "right") - 1
    code[values == edges[-1]] = len(edges) - 2
    return np.where((code >= 0) & (code < len(clause.labels)), code, -1)


@dataclass(frozen=True)
class _Sides:
    """A split whose sets may be empty; without a split only clauses about everything are counted."""

    split: HasSides | None

    def ids(self, side: str) -> NDArray[np.int64]:
        if self.split is None or (isinstance(self.split, Split) and side not in self.split.sides):
            return np.zeros(0, np.int64)
        return self.split.ids(side)


def _clauses(dataset: Dataset, spec: Spec, split: HasSides | None) -> Iterator[Clause]:
    for clause in spec.coverage:
        known = clause.split == "any" or split is not None
        counted = spec.model_copy(update={"coverage": (clause,)})
        observed = coverage(_in_order_of(dataset, spec), _Sides(split), counted) if known else {}  # type: ignore[arg-type]
        for figure in clause.figures:
            found = int(observed[figure.key].value or 0) if known else None
            missing = None if found is None else max(0, figure.least - found)
            yield Clause(figure.key, figure.least, found, missing, None if missing is None else missing == 0)


def _in_order_of(dataset: Dataset, spec: Spec) -> Dataset:
    """The dataset, if its class_ids are the spec's; else the same with them."""
    return dataset if dataset.class_names == spec.class_names else dataset.with_classes(spec.class_names)


def _of_clauses(clauses: Sequence[Clause], spec: Spec) -> Iterator[Wanted]:
    """What clauses of coverage lack, the largest share first."""
    by_key = {figure.key: (clause, figure) for clause in spec.coverage for figure in clause.figures}
    broken = [c for c in clauses if c.missing]
    for c in sorted(broken, key=lambda c: -(c.missing or 0) / c.least):
        clause, figure = by_key[c.key]
        yield Wanted(
            "clause", dict(clause.where), figure.of, clause.split, c.found or 0, c.least, c.missing or 0,
            _dealt(c.missing or 0, clause.split, spec), f"coverage asks for {c.key} >= {c.least}",
        )  # fmt: skip


def _of_requirements(table: _Table, spec: Spec, split: HasSides | None) -> Iterator[Wanted]:
    """Where too little can be seen for a clause of acceptance to be met, the most missing first."""
    found = [w for r in spec.requirements for w in _of_requirement(table, spec, split, r)]
    yield from sorted(found, key=lambda w: -w.more)


def _of_requirement(table: _Table, spec: Spec, split: HasSides | None, requirement: Requirement) -> Iterator[Wanted]:
    bound, confidence = requirement.bound, spec.acceptance.confidence
    alarms = requirement.metric == "false_alarms_per_image" and not requirement.higher_is_better and bound > 0
    share = requirement.metric in _SHARES and requirement.higher_is_better and 0 < bound < 1
    if requirement.against_baseline or not (alarms or share):
        return
    side = requirement.on_set or "test"
    if split is None and requirement.on_set:
        return
    rows = None if split is None else table.dataset.positions(_Sides(split).ids(side))
    needed = pictures_needed(bound, confidence) if alarms else objects_needed(bound, confidence)
    classes = spec.class_names if requirement.class_name == "*" else (requirement.class_name,)
    for class_name in classes:
        objects, images = table.count(class_name, requirement.conditions, rows)
        seen = images if alarms else objects
        expected = seen if split is not None else math.floor(seen * spec.split.test)
        if expected < needed:
            where = {**({"class": class_name} if class_name else {}), **dict(requirement.conditions)}
            guessed = "" if split is not None else f" (expected by the share of the test side of {seen})"
            more = needed - expected
            yield Wanted(
                "requirement", where, "images" if alarms else "objects", side, expected, needed, more,
                _dealt(more, side, spec),
                f"'{requirement.text}' needs about {needed} {'pictures' if alarms else 'objects'} to be shown at "
                f"{confidence:.0%}; there are {expected}{guessed}",
            )  # fmt: skip


def _of_gaps(empty: Sequence[Cell]) -> Iterator[Wanted]:
    for cell in empty:
        where = {"class": cell.class_name, cell.condition: cell.value}
        why = f"no object of {cell.class_name} at {cell.condition}={cell.value}: figures there will say nothing"
        yield Wanted("empty", where, "objects", "any", 0, 1, 1, 1, why)


def _once(wanted: Sequence[Wanted]) -> Iterator[Wanted]:
    """Each place on each side once, with the reason that comes first and asks for most of its kind."""
    seen = set()
    for item in wanted:
        place = (tuple(sorted(item.where.items())), item.of, item.side if item.what != "empty" else "any")
        anywhere = (place[0], "objects")
        if place in seen or (item.what == "empty" and anywhere in seen):
            continue
        seen |= {place, anywhere}
        yield item


def _dealt(more: int, side: str, spec: Spec) -> int:
    """New ones to collect so that about `more` of them come to a side."""
    share = getattr(spec.split, side) if side in SIDES else 1.0
    return math.ceil(more / share - 1e-9) if share > 0 else more
