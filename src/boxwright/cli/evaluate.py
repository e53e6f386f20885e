"""`boxwright evaluate`: two COCO files, or predictions and a data set of the store, to figures and a page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer

from boxwright.artifacts import Bundle, Dataset, Matches, Predictions, Report, Split
from boxwright.cli.documents import SetOption, read_spec_if_given
from boxwright.cli.failures import write_failures
from boxwright.cli.measured import in_thirds, measure_pictures
from boxwright.cli.pictures import picture_reader, pictures_of_files, pictures_of_store
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
from boxwright.evaluation import GroundTruth, Reducer, Scored, match
from boxwright.evaluation import evaluate as evaluate_matches
from boxwright.evaluation.average_precision import mean_defined
from boxwright.evaluation.evaluate import STEPS
from boxwright.evaluation.match import COCO_IOUS, MAX_DETECTIONS
from boxwright.evaluation.slices import picture_labels
from boxwright.images import MEASURES
from boxwright.ingestion import TruthColumns, read_conditions, read_results, read_truth
from boxwright.lifecycle import Stages
from boxwright.pages import report_page
from boxwright.spec import Spec
from boxwright.spec.spec import OF_OBJECTS, ConditionClause


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("evaluate")(evaluate)


def evaluate(
    truth: Annotated[str, typer.Argument(help="COCO ground truth, or data set of the store.")],
    detections: Annotated[str, typer.Argument(help="COCO results, or predictions of the store.")],
    spec: Annotated[Path | None, typer.Option("--spec", help="Slice by its conditions, observe its clauses.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="With a data set: judge one of its sides.")] = None,
    side: Annotated[str, typer.Option("--side", help="With a split: test, a set, val or train.")] = "test",
    score_threshold: Annotated[
        float | None, typer.Option("--score-threshold", min=0, max=1, help="Operating point of COCO results; 0.5.")
    ] = None,
    groups: Annotated[
        Path | None, typer.Option("--groups", help="CSV or Parquet: file name, group; intervals resample groups.")
    ] = None,
    conditions: Annotated[
        Path | None, typer.Option("--conditions", help="CSV or Parquet: file name, then conditions.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="Folder of the pictures, for the page and to measure light.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also save the report into this folder.")] = None,
    iou: Annotated[
        list[float] | None, typer.Option("--iou", help="Also AP at this IoU threshold; may be given again.")
    ] = None,
    max_detections: Annotated[
        int, typer.Option("--max-detections", min=1, help="With --iou: detections kept per picture and class.")
    ] = MAX_DETECTIONS,
    class_agnostic: Annotated[bool, typer.Option("--class-agnostic", help="Take all classes for one.")] = False,
    failures: Annotated[
        Path | None, typer.Option("--failures", help="Folder for the lists to label, to collect and to look at.")
    ] = None,
    page: Annotated[Path | None, typer.Option("--page", help="Also write the HTML page.")] = None,
    values: SetOption = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Evaluate; COCO's figures equal pycocotools'."""
    promise = read_spec_if_given(spec, values)
    of_files = Path(truth).is_file()
    if not of_files and Path(truth).suffix == ".json":
        raise InputError(
            f"There is no file '{truth}'; the ground truth is a COCO JSON file, or a data set of the store."
        )
    only_files = {
        "--iou": iou, "--class-agnostic": class_agnostic, "--score-threshold": score_threshold, "--groups": groups,
        "--conditions": conditions, "--pictures": pictures,
    }  # fmt: skip
    refuse_given({"--split": split} if of_files else only_files, of_files=of_files)
    if any(not 0 < threshold <= 1 for threshold in iou or ()):
        raise InputError(f"--iou takes thresholds above 0 and up to 1; found {', '.join(map(str, iou or ()))}.")
    if of_files:
        columns = read_truth(Path(truth))
        files = (groups, conditions, pictures, class_agnostic)
        matches, report = _of_files(
            columns, Path(detections), promise, 0.5 if score_threshold is None else score_threshold, *files
        )
        if iou:
            at_iou = ap_at(columns, Path(detections), iou, max_detections, class_agnostic)
            report = replace(report, metrics={**report.metrics, **at_iou})
        views = pictures_of_files(columns, matches, pictures or Path(truth).parent)
    else:
        matches, report, views = _of_store(store, truth, detections, promise, split, side)
    if out:
        save_artifact(report, out)
    if page:
        write_page(page, report_page(report, **views))
    if failures:
        write_failures(failures, report)
    result = as_document(report)
    give(result, as_json=as_json, lines=[*_lines(report), report.digest])


def refuse_given(options: Mapping[str, object], *, of_files: bool) -> None:
    """InputError where one of these options was given: it would do nothing here, and its giver thinks it does."""
    given = [name for name, value in options.items() if value is not None and value is not False and value != []]
    if given:
        here, where = ("COCO files", "data of the store") if of_files else ("data of the store", "COCO files")
        raise InputError(f"{' and '.join(given)} would do nothing with {here}; it is for {where}. Leave it out.")


def ap_at(
    truth: TruthColumns, detections: Path, ious: list[float], most: int, class_agnostic: bool
) -> dict[str, float]:
    """`ap@0.33` to AP at that IoU threshold alone, all areas."""
    thresholds = sorted({float(iou) for iou in ious})
    matches, _ = match_files(
        truth, detections, spec=None, groups=None, conditions=None, ious=thresholds, max_detections=most,
        class_agnostic=class_agnostic,
    )  # fmt: skip
    precision = Reducer(matches).curves(max_detections=most).precision
    return {f"ap@{iou:g}": mean_defined(precision[i]) for i, iou in enumerate(thresholds)}


def as_document(report: Report) -> dict[str, Any]:
    """The report as one JSON object: what `--json` prints."""
    document = report.parts().document
    return {**document, "failures": len(report.failures), "digest": report.digest, "made_from": dict(report.made_from)}


def match_files(
    truth: TruthColumns,
    detections: Path,
    *,
    spec: Spec | None,
    groups: Path | None,
    conditions: Path | None,
    pictures: Path | None = None,
    ious: Sequence[float] = COCO_IOUS,
    max_detections: int = MAX_DETECTIONS,
    class_agnostic: bool = False,
) -> tuple[Matches, tuple[ConditionClause, ...]]:
    """A COCO results file met with its ground truth, and the conditions it can be sliced by.

    Args:
        truth: the ground truth.
        detections: the results file.
        spec: whose conditions are sliced by; without one every column of `conditions` is.
        groups, conditions: CSV or Parquet keyed by file name.
        pictures: folder of the pictures, to measure their light, contrast and sharpness; not measured when None.
        ious, max_detections: of the match; COCO's unless said otherwise.
        class_agnostic: all classes are taken for one.
    """
    if not truth.file_names:
        raise InputError("The ground truth lists no image; there is nothing to judge.")
    results = read_results(detections, truth)
    if len(results.score) and not (results.score.min() >= 0 and results.score.max() <= 1):
        say(f"'{detections}' holds scores outside 0 to 1; calibration and certificates say nothing about such scores")
    if spec and list(spec.class_names) != truth.class_names and set(spec.class_names) != set(truth.class_names):
        raise InputError(
            f"The spec's classes ({', '.join(spec.class_names)}) are not those of the ground truth ({', '.join(truth.class_names)})."
        )
    extra = read_conditions(conditions) if conditions else {}
    measured = _measured(truth, pictures, spec)
    clauses = spec.conditions if spec else (*_clauses(extra), *in_thirds(measured))
    of_group = read_conditions(groups) if groups else {}
    for path, table in ((conditions, extra), (groups, of_group)):
        _check_names(path, table, truth.file_names)
    known = bool(np.isfinite(truth.sizes_hw).all() and len(truth.sizes_hw))
    sizes = {"height": truth.sizes_hw[:, 0], "width": truth.sizes_hw[:, 1]} if known else {}
    resolution = truth.sizes_hw.min(axis=1) if known else np.full(len(truth.file_names), np.nan)
    of_pictures = [
        {**({"resolution": float(side)} if known else {}), **measured.get(name, {}), **_of(extra, name)}
        for name, side in zip(truth.file_names, resolution, strict=True)
    ]
    images = pa.table(
        {
            "image_id": truth.image_ids,
            "file_name": truth.file_names,
            "group": [_group_of(of_group, name) for name in truth.file_names],
            **sizes,
            **picture_labels(clauses, of_pictures),
        }
    )
    one_class = (lambda ids: np.zeros_like(ids)) if class_agnostic else (lambda ids: ids)
    sides = (
        GroundTruth(
            truth.image, one_class(truth.class_id), truth.boxes_xywh, truth.area, truth.crowd, truth.crowd,
            truth.annotation_id,
        ),
        Scored(results.image, one_class(results.class_id), results.boxes_xywh, results.score),
    )  # fmt: skip
    names = ["object"] if class_agnostic else truth.class_names
    matches = match(*sides, class_names=names, images=images, iou_thresholds=ious, max_detections=max_detections)
    return matches, clauses


def _measured(truth: TruthColumns, pictures: Path | None, spec: Spec | None) -> dict[str, dict[str, float]]:
    """What is measured from the pictures, where they are given and something asks for it."""
    if pictures is None or (spec and not any(c.source == "measured" and c.name in MEASURES for c in spec.conditions)):
        return {}
    with Bars().shown() as bars:
        found = measure_pictures(
            truth.file_names, picture_reader(truth, pictures), lambda done, of: bars("measure", done, of)
        )
    if not found and truth.file_names:
        raise InputError(
            f"None of the {len(truth.file_names)} pictures is in '{pictures}', such as '{truth.file_names[0]}'; "
            f"--pictures is the folder their file names are relative to."
        )
    return found


def _of_files(
    truth: TruthColumns,
    detections: Path,
    spec: Spec | None,
    threshold: float,
    groups: Path | None,
    conditions: Path | None,
    pictures: Path | None,
    class_agnostic: bool,
) -> tuple[Matches, Report]:
    matches, clauses = match_files(
        truth, detections, spec=spec, groups=groups, conditions=conditions, pictures=pictures,
        class_agnostic=class_agnostic,
    )  # fmt: skip
    with Bars().shown() as bars:
        report = evaluate_matches(
            matches, title=detections.name, score_thresholds=dict.fromkeys(matches.class_names, threshold), spec=spec,
            conditions=clauses, progress=lambda step: bars("evaluate", STEPS.index(step) + 1, len(STEPS), step),
        )  # fmt: skip
    return matches, report


def _check_names(path: Path | None, table: dict[str, dict[str, str]], names: Sequence[str]) -> None:
    """InputError where a table keyed by file name holds none of the pictures; a sentence where it lacks some."""
    if path is None:
        return
    known = sum(bool(_of(table, name)) for name in names)
    if not known:
        raise InputError(
            f"'{path}' holds none of the {len(names)} pictures; its first column must be their file name, such as '{names[0]}'."
        )
    if known < len(names):
        say(f"'{path}' says nothing about {len(names) - known} of {len(names)} pictures; each stands for itself")


def _group_of(table: dict[str, dict[str, str]], name: str) -> str:
    """The column `group` where there is one, else the first; a picture that is not listed is a group of its own."""
    row = _of(table, name)
    return row.get("group") or next(iter(row.values()), "") or name


def _of(table: dict[str, dict[str, str]], name: str) -> dict[str, str]:
    return table.get(name) or table.get(Path(name).name) or {}


def _clauses(extra: dict[str, dict[str, str]]) -> tuple[ConditionClause, ...]:
    """Conditions of a file without a spec: every column, by its values."""
    names = list(dict.fromkeys(key for row in extra.values() for key in row))
    reserved = {"image_id", "file_name", "group", "height", "width", "class", "split", "set", *OF_OBJECTS}
    if reserved & set(names):
        raise InputError(f"A condition cannot be called '{min(reserved & set(names))}'; rename the column.")
    return tuple(ConditionClause(name=name) for name in names)


def _of_store(
    store: Path, truth: str, detections: str, spec: Spec | None, split: str | None, side: str
) -> tuple[Matches, Report, dict[str, Any]]:
    if spec is None or split is None:
        raise InputError(
            "A data set of the store is judged with --spec and --split; for COCO files give two JSON files."
        )
    data, parts, found = find(store, truth, Dataset), find(store, split, Split), find(store, detections, Predictions)
    if tuple(spec.class_names) != data.class_names:
        raise InputError(
            f"The spec's classes ({', '.join(spec.class_names)}) are not those of dataset '{data.name}' "
            f"({', '.join(data.class_names)}); judge it with the spec it was ingested with."
        )
    opened = open_store(store)
    bundle = opened.get(found.made_from["bundle"], Bundle) if "bundle" in found.made_from else None
    with Bars().shown() as bars:
        stages = Stages(opened, spec, None, store / "work", bars)
        matches = stages.match(found, data, parts, side)
        if bundle is None:
            raise InputError("These predictions name no bundle; evaluate them as COCO files.")
        report = stages.evaluate(matches, found, bundle, data, parts, side)
    opened.put(matches)
    opened.put(report, name=f"report/{spec.name}" + ("" if side == "test" else f"/{side}"), reason="evaluate")
    if bundle.contract.score_thresholds is None:
        say("the bundle has no score thresholds yet (`boxwright choose`); the operating point counts every detection")
    return matches, report, pictures_of_store(opened, data, found)


def _lines(report: Report) -> list[str]:
    def show(value: float | None) -> str:
        return "undefined" if value is None or value == -1 or math.isnan(value) else f"{value:.4f}"

    lines = [f"{name:10} {show(value)}" for name, value in report.metrics.items()]
    lines.append(f"{'':24} {'AP':>9} {'AP50':>9} {'objects':>8}")
    lines += [
        f"{name[:24]:24} {show(of['ap']):>9} {show(of['ap50']):>9} {of['objects']:>8}"
        for name, of in report.per_class.items()
    ]
    point = report.operating["all"]
    lines.append(
        f"at the operating point: precision {show(point['precision'])}, recall {show(point['recall'])}, F1 {show(point['f1'])}"
    )
    return lines
