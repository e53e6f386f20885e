"""Reports written by hand: a few figures with intervals, on pictures that have a name."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from boxwright.artifacts import Report
from boxwright.artifacts.report import AtThreshold, ClassMetrics, OperatingMetrics, SliceResult, Support
from boxwright.spec import Observed, Spec
from tests.worlds import NAMES, digest_of, spec


def figure(
    value: float | None, low: float | None = None, high: float | None = None, support: int = 100, **more: Any
) -> Observed:
    """One observed figure."""
    return Observed(value, low, high, support, **more)


def slice_of(condition: str, value: str, images: int, objects: int, found: Observed) -> SliceResult:
    """A slice on which all figures are the same."""
    return SliceResult(
        condition=condition,
        value=value,
        images=images,
        objects=objects,
        ap50=found,
        precision=found,
        recall=found,
        errors={},
    )


def nothing_answered(objects: int = 0) -> OperatingMetrics:
    """An operating point at which nothing is answered."""
    undefined = AtThreshold(
        precision=None, recall=None, f1=None, false_alarms_per_image=None, true=0, false=0, objects=objects
    )
    return OperatingMetrics(all=undefined, per_class={})


def report(
    observed: dict[str, Observed], *, side: str | None = "test", bundle: str = "bundle", pictures: str = "test pictures",
    measured: dict[str, Any] | None = None, slices: tuple[SliceResult, ...] = (), images: int = 50,
) -> Report:  # fmt: skip
    """A report with these figures."""
    return Report(
        title="a candidate",
        class_names=NAMES,
        metrics={"ap": 0.5},
        per_class={name: ClassMetrics(ap=0.5, ap50=0.8, ap75=0.5, ar100=0.6, objects=50) for name in NAMES},
        operating=nothing_answered(100),
        slices=slices,
        observed=observed,
        measured={"judged_on": digest_of(pictures), **({"side": side} if side else {}), **(measured or {})},
        support=Support(images=images, objects=100, detections=120, groups=20),
        failures=pa.table({"kind": ["miss", "miss", "false alarm"], "reason": ["nothing found here"] * 2 + ["box badly placed"]}),
        made_from={name: digest_of(name) for name in ("matches", "dataset", "split")} | {"bundle": digest_of(bundle)},
    )  # fmt: skip


def asking(*clauses: str, judge_on: str = "bound", judge_for: str = "new_groups", **sections: Any) -> Spec:
    """A spec with these clauses."""
    return spec(
        conditions=[{"name": "lighting", "bins": ["bright", "dim"]}, {"name": "camera"}],
        sets=[{"name": "gold", "kind": "golden", "where": {"camera": "cam-9"}},
              {"name": "night", "kind": "challenge", "where": {"lighting": "dim"}}],
        acceptance={"require": list(clauses), "judge_on": judge_on, "judge_for": judge_for},
        **sections,
    )  # fmt: skip
