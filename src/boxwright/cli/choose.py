"""`boxwright choose`: score thresholds on val; the bundle becomes a candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from boxwright.artifacts import Bundle, Dataset, Matches, OperatingPoint, Predictions, Split
from boxwright.cli.documents import SetOption, because, read_spec
from boxwright.cli.progress import Bars, say
from boxwright.cli.terminal import STORE, JsonOption, SpecOption, StoreOption, find, give, open_store, save_artifact
from boxwright.lifecycle import Stages
from boxwright.store import Steps


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("choose")(choose)


def choose(
    bundle: Annotated[str, typer.Argument(help="Bundle: folder, name or digest.")],
    dataset: Annotated[str, typer.Argument(help="Dataset: name or digest.")],
    split: Annotated[str, typer.Argument(help="Split whose val side chooses: name or digest.")],
    spec: SpecOption,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the candidate into this folder.")] = None,
    values: SetOption = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Fit scores to what is true, choose the least per class by the spec's rule; the candidate's digest is the last line."""
    promise = read_spec(spec, values)
    exported, data, parts = find(store, bundle, Bundle), find(store, dataset, Dataset), find(store, split, Split)
    opened = open_store(store)
    with Bars().shown() as bars:
        stages = Stages(opened, promise, None, store / "work", bars)
        do = Steps(opened, say, bars.waiting)
        seen = do(Predictions, "predict val", stages.predict, exported, data, parts, "val")
        met = do(Matches, "match val", stages.match, seen, data, parts, "val", also=stages.of_match)
    point = do(OperatingPoint, "choose", stages.choose, met, exported, also=stages.of_choice)
    candidate = stages.candidate(exported, point)
    opened.put(exported)
    opened.put(candidate, name=f"candidate/{promise.name}", reason=because("choose", values))
    if out:
        save_artifact(candidate, out)
    lines = [
        f"{name}: {_mapped(point, name)}score >= {threshold:.3f} (val precision {_show(point.observed[name].precision)}, "
        f"recall {_show(point.observed[name].recall)})" for name, threshold in point.score_thresholds.items()
    ]  # fmt: skip
    result = {
        "candidate": candidate.digest,
        "operating_point": point.digest,
        "score_thresholds": dict(point.score_thresholds),
        "calibration": {name: fitted.method for name, fitted in point.calibration.items()},
        "condition_thresholds": candidate.contract.condition_thresholds,
    }
    give(result, as_json=as_json, lines=[*lines, *_by_condition(point), candidate.digest])


def _mapped(point: OperatingPoint, name: str) -> str:
    """How a class's scores were calibrated."""
    fitted = point.calibration.get(name)
    return f"{fitted.method} on {fitted.detections} detections, {fitted.true} true; " if fitted else ""


def _by_condition(point: OperatingPoint) -> list[str]:
    """A line for each class and value that was tried, with what came of it."""
    return [
        f"{name} on {condition}={value}: "
        + (f"score >= {record.threshold:.3f} (cross-validated gain {record.gain:.3f}, at least {record.low:.3f})"
           if record.accepted else f"the class's threshold stays: {record.reason}")
        for condition, values in point.condition_evidence.items()
        for value, of_class in values.items()
        for name, record in of_class.items()
    ]  # fmt: skip


def _show(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
