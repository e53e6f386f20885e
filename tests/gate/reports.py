"""Reports written by hand: a few figures with intervals, on pictures that have a name."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from boxwright.artifacts import Report
from boxwright.spec import Spec
from tests.worlds import NAMES, digest_of, spec


def figure(
    value: float | None, low: float | None = None, high: float | None = None, support: int = 100, **more: Any
) -> dict[str, Any]:
    """One observed figure."""
    return {"value": value, "low": low, "high": high, "support": support, "note": "", **more}


def report(
    observed: dict[str, dict[str, Any]], *, side: str | None = "test", bundle: str = "bundle", pictures: str = "test pictures",
    measured: dict[str, Any] | None = None, slices: tuple[dict[str, Any], ...] = (), images: int = 50,
) -> Report:  # fmt: skip
    """A report with these figures."""
    return Report(
        title="a candidate",
        class_names=NAMES,
        metrics={"ap": 0.5},
        per_class={},
        operating={},
        confusion={},
        slices=slices,
        observed=observed,
        curves={},
        measured={"judged_on": digest_of(pictures), **({"side": side} if side else {}), **(measured or {})},
        support={"images": images, "objects": 100, "detections": 120, "groups": 20},
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
