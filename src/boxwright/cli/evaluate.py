"""`boxwright evaluate`: two COCO files, or predictions and a data set of the store, to figures and a page."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer

from boxwright.artifacts import Bundle, Dataset, Matches, Predictions, Report, Split
from boxwright.cli.pictures import pictures_of_files, pictures_of_store
from boxwright.cli.terminal import (
    STORE,
    Bars,
    JsonOption,
    StoreOption,
    find,
    give,
    open_store,
    save_artifact,
    say,
    write_page,
)
from boxwright.errors import InputError
from boxwright.evaluation import GroundTruth, Scored, match
from boxwright.evaluation import evaluate as evaluate_matches
from boxwright.evaluation.slices import picture_labels
from boxwright.ingestion import TruthColumns, read_conditions, read_results, read_truth
from boxwright.lifecycle import Stages
from boxwright.pages import report_page
from boxwright.spec import Spec, load_spec
from boxwright.spec.spec import ConditionClause


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("evaluate")(evaluate)


def evaluate(
    truth: Annotated[str, typer.Argument(help="COCO ground truth, or data set of the store.")],
    detections: Annotated[str, typer.Argument(help="COCO results, or predictions of the store.")],
    spec: Annotated[Path | None, typer.Option("--spec", help="Slice by its conditions, observe its clauses.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="With a data set: judge its test side.")] = None,
    score_threshold: Annotated[
        float, typer.Option("--score-threshold", min=0, max=1, help="Operating point of COCO results.")
    ] = 0.5,
    groups: Annotated[
        Path | None, typer.Option("--groups", help="CSV or Parquet: file name, group; intervals resample groups.")
    ] = None,
    conditions: Annotated[
        Path | None, typer.Option("--conditions", help="CSV or Parquet: file name, then conditions.")
    ] = None,
    pictures: Annotated[Path | None, typer.Option("--pictures", help="Folder of the pictures, for the page.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also save the report into this folder.")] = None,
    page: Annotated[Path | None, typer.Option("--page", help="Also write the HTML page.")] = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Evaluate; COCO's figures equal pycocotools'."""
    promise = load_spec(spec) if spec else None
    if Path(truth).is_file():
        columns = read_truth(Path(truth))
        matches, report = _of_files(columns, Path(detections), promise, score_threshold, groups, conditions)
        views = pictures_of_files(columns, matches, pictures or Path(truth).parent)
    else:
        matches, report, views = _of_store(store, truth, detections, promise, split)
    if out:
        save_artifact(report, out)
    if page:
        write_page(page, report_page(report, **views))
    result = as_document(report)
    give(result, as_json=as_json, lines=[*_lines(report), report.digest])


def as_document(report: Report) -> dict[str, Any]:
    """The report as one JSON object: what `--json` prints."""
    document = report.parts().document
    return {**document, "failures": len(report.failures), "digest": report.digest, "made_from": dict(report.made_from)}


def _of_files(
    truth: TruthColumns,
    detections: Path,
    spec: Spec | None,
    threshold: float,
    groups: Path | None,
    conditions: Path | None,
) -> tuple[Matches, Report]:
    results = read_results(detections, truth)
    if spec and list(spec.class_names) != truth.class_names and set(spec.class_names) != set(truth.class_names):
        raise InputError(
            f"The spec's classes ({', '.join(spec.class_names)}) are not those of the ground truth ({', '.join(truth.class_names)})."
        )
    extra = read_conditions(conditions) if conditions else {}
    clauses = spec.conditions if spec else _clauses(extra)
    of_group = read_conditions(groups) if groups else {}
    of_pictures = picture_labels(clauses, [_of(extra, name) for name in truth.file_names])
    images = pa.table(
        {
            "image_id": truth.image_ids,
            "file_name": truth.file_names,
            "group": [next(iter(_of(of_group, name).values()), name) for name in truth.file_names],
            **of_pictures,
        }
    )
    sides = (
        GroundTruth(
            truth.image, truth.class_id, truth.boxes_xywh, truth.area, truth.crowd, truth.crowd, truth.annotation_id
        ),
        Scored(results.image, results.class_id, results.boxes_xywh, results.score),
    )
    matches = match(*sides, class_names=truth.class_names, images=images)
    report = evaluate_matches(
        matches, title=detections.name, score_thresholds=dict.fromkeys(truth.class_names, threshold), spec=spec,
        conditions=clauses,
    )  # fmt: skip
    return matches, report


def _of(table: dict[str, dict[str, str]], name: str) -> dict[str, str]:
    return table.get(name) or table.get(Path(name).name) or {}


def _clauses(extra: dict[str, dict[str, str]]) -> tuple[ConditionClause, ...]:
    """Conditions of a file without a spec: every column, by its values."""
    names = list(dict.fromkeys(key for row in extra.values() for key in row))
    reserved = {"image_id", "file_name", "group"}
    if reserved & set(names):
        raise InputError(f"A condition cannot be called '{min(reserved & set(names))}'; rename the column.")
    return tuple(ConditionClause(name=name) for name in names)


def _of_store(
    store: Path, truth: str, detections: str, spec: Spec | None, split: str | None
) -> tuple[Matches, Report, dict[str, Any]]:
    if spec is None or split is None:
        raise InputError(
            "A data set of the store is judged with --spec and --split; for COCO files give two JSON files."
        )
    data, parts, found = find(store, truth, Dataset), find(store, split, Split), find(store, detections, Predictions)
    opened = open_store(store)
    bundle = opened.get(found.made_from["bundle"], Bundle) if "bundle" in found.made_from else None
    with Bars().shown() as bars:
        stages = Stages(opened, spec, None, store / "work", bars)
        matches = stages.match(found, data, parts, "test")
        if bundle is None:
            raise InputError("These predictions name no bundle; evaluate them as COCO files.")
        report = stages.evaluate(matches, found, bundle, data, parts)
    opened.put(matches)
    opened.put(report, name=f"report/{spec.name}", reason="evaluate")
    if bundle.contract.score_thresholds is None:
        say("the bundle has no score thresholds yet (`boxwright choose`); the operating point counts every detection")
    return matches, report, pictures_of_store(opened, data, found)


def _lines(report: Report) -> list[str]:
    def show(value: float | None) -> str:
        return "undefined" if value is None or value == -1 or math.isnan(value) else f"{value:.4f}"

    lines = [f"{name:10} {show(value)}" for name, value in report.metrics.items()]
    lines.append(f"{'':10} {'AP':>9} {'AP50':>9} {'objects':>8}")
    lines += [f"{n[:24]:24} {show(c['ap'])} {show(c['ap50'])} {c['objects']:>8}" for n, c in report.per_class.items()]
    point = report.operating["all"]
    lines.append(
        f"at the operating point: precision {show(point['precision'])}, recall {show(point['recall'])}, F1 {show(point['f1'])}"
    )
    return lines
