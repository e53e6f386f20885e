"""One clause of acceptance, such as `recall[open, lighting=dim] >= 0.9` or `ap50 >= baseline - 0.01`.

    clause    metric [ "[" selector { "," selector } "]" ] comparison bound
    selector  a class name, or condition=value, or * for every class, or set=name
    bound     number | "baseline" [ ("+" | "-") number ]

A metric is one of METRICS. Without a selector it is taken over everything; without `set` it is taken on the test side.
Quote names that hold other signs than letters, digits, `_`, `-`, `.` and blanks.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from typing import Literal

from boxwright.errors import SpecError
from boxwright.spec.sane import MOST

METRICS = {
    "ap": "mean AP over IoU 0.50 to 0.95",
    "ap50": "AP at IoU 0.50",
    "ap75": "AP at IoU 0.75",
    "ap_small": "AP of objects under 32 x 32 px",
    "ap_medium": "AP of objects from 32 x 32 to 96 x 96 px",
    "ap_large": "AP of objects over 96 x 96 px",
    "ar100": "recall over IoU 0.50 to 0.95, 100 detections a picture",
    "precision": "precision at the operating point, IoU 0.50",
    "recall": "recall at the operating point, IoU 0.50",
    "f1": "harmonic mean of both",
    "false_alarms_per_image": "false detections at the operating point, a picture",
    "d_ece": "detection calibration error: scores against precision, all classes",
    "laece0": "calibration error of scores against IoU, mean over classes",
    "latency_p50_ms": "median time from encoded picture to boxes",
    "latency_p95_ms": "95th percentile of it",
    "latency_p99_ms": "99th percentile of it",
    "memory_mb": "peak memory of the predicting process",
    "parity_iou": "least IoU between boxes of checkpoint and bundle",
    "parity_score": "largest score difference between checkpoint and bundle",
}
UNBOUNDED = frozenset({"false_alarms_per_image", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "memory_mb"})
SLICEABLE = frozenset({"ap", "ap50", "ap75", "precision", "recall", "f1", "false_alarms_per_image"})
JudgeFor = Literal["new_groups", "these_groups"]
NO_INTERVAL = "no interval: "  # how a note begins that says why there is none for new groups
SET = "set"  # the selector that names a set of pictures of the spec; no condition can be called so

_QUOTED = r"'[^']*'|\"[^\"]*\""
_NAMED = rf"(?:{_QUOTED})\s*|[^\s,='\"\]][^,='\"\]]*"  # blanks before and behind are no choice, so that nothing is tried twice
_SELECTOR = re.compile(rf"\s*(?P<first>{_NAMED})(?:=\s*(?P<second>{_NAMED}))?(?:,|$)")
_CLAUSE = re.compile(
    rf"^\s*(?P<metric>[a-z0-9_]+)\s*(?:\[(?P<selectors>(?:{_QUOTED}|[^\]'\"])*)\])?\s*(?P<comparison>>=|<=|>|<)\s*(?P<bound>.+?)\s*$"
)
_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?"
_BOUND = re.compile(rf"^(?:(?P<number>[+-]?{_NUMBER})|baseline(?:\s*(?P<sign>[+-])\s*(?P<margin>{_NUMBER}))?)$")
_LONGEST = 500  # characters of a clause


@dataclass(frozen=True)
class Observed:
    """What a report found for one figure.

    Attributes:
        value: the figure, or None when it is undefined (no objects of that slice, nothing measured).
        low, high: interval at the spec's confidence for new groups like those seen, or None when there is none.
        support: objects, detections or pictures the figure rests on.
        note: what a reader must know, such as the hardware of a latency.
        these_low, these_high: interval for other images of the same groups; equal to the first where every image is a group
            of its own.
        groups: groups that contain anything the figure rests on.
        effective_groups: how many of equal weight these are worth in the interval for new groups.
        centre: the figure with few and unequal groups weighed alike, which that interval stands around; the value itself
            where groups are even.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    support: int = 0
    note: str = ""
    these_low: float | None = None
    these_high: float | None = None
    groups: int = 0
    effective_groups: float = 0.0
    centre: float | None = None

    @property
    def groups_differ(self) -> bool:
        """Whether the two intervals are of two questions: some group has several images."""
        return (self.these_low, self.these_high) not in ((None, None), (self.low, self.high))

    def judged_for(self, whom: JudgeFor) -> Observed:
        """The same with `low` and `high` for those a spec's `judge_for` names."""
        if whom == "new_groups" or (self.low, self.these_low) == (None, None):
            return self
        note = (
            self.note if self.these_low is not None or self.value is None else "no interval: too few images in a group"
        )
        if self.these_low is not None and note.startswith(NO_INTERVAL):
            note = ""  # that was said of the other interval
        return replace(self, low=self.these_low, high=self.these_high, note=note)


@dataclass(frozen=True)
class Requirement:
    """A parsed clause.

    Attributes:
        text: as the spec says it.
        metric: one of METRICS.
        class_name: class it is about; None for all together, `*` for each by itself.
        conditions: condition name to value the slice is cut by.
        comparison: `>=`, `>`, `<=` or `<`.
        bound: the number, or the margin added to the baseline's figure.
        against_baseline: whether the bound is relative to the baseline.
        on_set: golden or challenge set the figure is taken on; None for the test side.
    """

    text: str
    metric: str
    class_name: str | None
    conditions: tuple[tuple[str, str], ...]
    comparison: str
    bound: float
    against_baseline: bool
    on_set: str | None = None

    @property
    def figure(self) -> str:
        """Key of the figure in the report of its set, such as `recall[open, lighting=dim]`; see `figure_key`."""
        return figure_key(self.metric, self.class_name, self.conditions)

    @property
    def key(self) -> str:
        """Key of the figure among those of all sets: `figure`, and `set=name` where the clause names one."""
        return figure_key(
            self.metric, self.class_name, (*self.conditions, *([(SET, self.on_set)] if self.on_set else []))
        )

    @property
    def higher_is_better(self) -> bool:
        """Whether the clause asks for at least, not at most."""
        return self.comparison[0] == ">"

    def required(self, baseline: float | None) -> float | None:
        """The number to reach; None when the baseline's figure is needed and not known."""
        if not self.against_baseline:
            return self.bound
        return None if baseline is None else baseline + self.bound

    def holds(self, value: float, required: float) -> bool:
        """Whether a value meets the clause."""
        if self.higher_is_better:
            return value >= required if self.comparison == ">=" else value > required
        return value <= required if self.comparison == "<=" else value < required

    def check_range(self) -> None:
        """SpecError where the bound is one that the metric can never reach, or never miss."""
        if self.against_baseline:
            return
        most = MOST if self.metric in UNBOUNDED else 1.0
        if not 0 <= self.bound <= most:
            said = "at least 0" if self.metric in UNBOUNDED else "a share from 0 to 1, such as 0.9 for 90 %"
            raise SpecError(f"'{self.text}': {self.metric} is {said}; found the bound {self.bound:g}.")


def figure_key(metric: str, class_name: str | None = None, conditions: tuple[tuple[str, str], ...] = ()) -> str:
    """The one spelling of a figure: metric, then class and conditions in brackets."""
    selectors = [class_name] if class_name else []
    selectors += [f"{name}={value}" for name, value in conditions]
    return f"{metric}[{', '.join(selectors)}]" if selectors else metric


def parse_requirement(text: str) -> Requirement:
    """The clause a line of the spec states; SpecError with what is wrong otherwise."""
    if len(text) > _LONGEST:
        raise SpecError(
            f"'{text[:40]}...' is no acceptance clause: it has {len(text)} characters, and at most {_LONGEST} are read; "
            f"write for example 'ap50 >= 0.9'."
        )
    match = _CLAUSE.match(text)
    if not match:
        raise SpecError(
            f"'{text}' is no acceptance clause; write for example 'ap50 >= 0.9', 'recall[open] >= 0.95', "
            f"'precision[lighting=dim] >= 0.8' or 'ap50 >= baseline - 0.01'."
        )
    metric = match["metric"]
    if metric not in METRICS:
        near = difflib.get_close_matches(metric, METRICS, n=1)
        advice = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(METRICS)}."
        raise SpecError(f"'{text}': unknown metric '{metric}'; {advice}")
    bound = _BOUND.match(match["bound"])
    if not bound:
        raise SpecError(f"'{text}': the right side must be a number or 'baseline - 0.01', found '{match['bound']}'.")
    if not abs(float(bound["number"] or bound["margin"] or 0)) <= MOST:
        raise SpecError(f"'{text}': the right side must be a finite number of at most {MOST:.0e}.")
    class_name, selected = _parse_selectors(match["selectors"] or "", text)
    sets = [value for name, value in selected if name == SET]
    if len(sets) > 1:
        raise SpecError(f"'{text}' names two sets, '{sets[0]}' and '{sets[1]}'; write one clause for each.")
    conditions = tuple(pair for pair in selected if pair[0] != SET)
    if (class_name or conditions) and metric not in SLICEABLE:
        raise SpecError(f"'{text}': '{metric}' is measured over everything and takes no selector but `set=name`.")
    margin = float(bound["margin"] or 0) * (-1 if bound["sign"] == "-" else 1)
    return Requirement(
        text=text.strip(),
        metric=metric,
        class_name=class_name,
        conditions=conditions,
        comparison=match["comparison"],
        bound=float(bound["number"]) if bound["number"] else margin,
        against_baseline=bound["number"] is None,
        on_set=sets[0] if sets else None,
    )


def _parse_selectors(selectors: str, text: str) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    class_name, conditions = None, []
    position = 0
    while position < len(selectors.rstrip()):
        match = _SELECTOR.match(selectors, position)
        if not match:
            raise SpecError(
                f"'{text}': cannot read the selector '{selectors[position:].strip()}'; quote names with other signs."
            )
        position = match.end()
        first, second = _unquoted(match["first"]), match["second"]
        if second is not None:
            conditions.append((first, _unquoted(second)))
        elif class_name is None:
            class_name = first
        else:
            raise SpecError(f"'{text}' names two classes, '{class_name}' and '{first}'; write one clause for each.")
    return class_name, tuple(sorted(conditions))


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
