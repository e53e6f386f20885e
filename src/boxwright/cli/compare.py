"""`boxwright compare`: B against A on the same pictures; what got better, what got worse, object by object."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from boxwright.artifacts import Comparison, Dataset, Matches, Predictions, Report
from boxwright.cli.documents import SetOption, read_spec_if_given
from boxwright.cli.evaluate import match_files, refuse_given
from boxwright.cli.pictures import pictures_of_files, pictures_of_store
from boxwright.cli.terminal import STORE, JsonOption, StoreOption, find, give, open_store, save_artifact, write_page
from boxwright.errors import InputError
from boxwright.evaluation import Contender
from boxwright.evaluation import compare as compare_matches
from boxwright.evaluation.operating import least_scores
from boxwright.ingestion import read_truth
from boxwright.pages import comparison_page
from boxwright.spec.spec import ConditionClause
from boxwright.store import Store

_OF_CLASS = ("ap50", "precision", "recall")
_OF_ALL = ("ap", "ap75", "f1", "false_alarms_per_image", *_OF_CLASS)


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("compare")(compare)


def compare(
    a: Annotated[str, typer.Argument(help="COCO results, or report of the store.")],
    b: Annotated[str, typer.Argument(help="The same, of what is compared with it.")],
    truth: Annotated[Path | None, typer.Option("--truth", help="With COCO results: the COCO ground truth.")] = None,
    spec: Annotated[Path | None, typer.Option("--spec", help="Slice by its conditions, compare its figures.")] = None,
    score_threshold: Annotated[
        float | None, typer.Option("--score-threshold", min=0, max=1, help="Operating point of COCO results; 0.5.")
    ] = None,
    groups: Annotated[
        Path | None, typer.Option("--groups", help="CSV or Parquet: file name, group; intervals resample groups.")
    ] = None,
    conditions: Annotated[
        Path | None, typer.Option("--conditions", help="CSV or Parquet: file name, then conditions.")
    ] = None,
    pictures: Annotated[Path | None, typer.Option("--pictures", help="Folder of the pictures, for the page.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also save the comparison into this folder.")] = None,
    page: Annotated[Path | None, typer.Option("--page", help="Also write the HTML page.")] = None,
    values: SetOption = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Compare two sets of detections; differences are of B minus A, with paired intervals."""
    promise = read_spec_if_given(spec, values)
    clauses: tuple[ConditionClause, ...] = promise.conditions if promise else ()
    if truth is not None:
        columns = read_truth(truth)
        options: dict[str, Any] = {"spec": promise, "groups": groups, "conditions": conditions, "pictures": pictures}
        sides = []
        for results in (a, b):
            matches, clauses = match_files(columns, Path(results), **options)
            of_class = dict.fromkeys(matches.class_names, 0.5 if score_threshold is None else score_threshold)
            sides.append(Contender(Path(results).name, matches, least_scores(matches, of_class)))
        views = pictures_of_files(columns, sides[1].matches, pictures or truth.parent)
    elif Path(a).is_file() and Path(a).suffix == ".json":
        raise InputError(f"'{a}' is a file; COCO results are compared with --truth GROUND_TRUTH.json.")
    else:
        only_files = {
            "--score-threshold": score_threshold, "--groups": groups, "--conditions": conditions, "--pictures": pictures,
        }  # fmt: skip
        refuse_given(only_files, of_files=False)
        opened = open_store(store)
        sides = [_of_report(opened, find(store, name, Report)) for name in (a, b)]
        views = _views(opened, sides[1].matches)
    found = compare_matches(*sides, spec=promise, conditions=clauses)
    if truth is None:
        open_store(store).put(found, reason="compare")
    if out:
        save_artifact(found, out)
    if page:
        write_page(page, comparison_page(found, **views))
    give(as_document(found), as_json=as_json, lines=[*as_lines(found), found.digest])


def _of_report(store: Store, report: Report) -> Contender:
    """A judged bundle as its report has it: matches from the store, thresholds from its operating point."""
    digest = report.made_from.get("matches")
    if digest is None:
        raise InputError(f"Report '{report.title}' names no matches; compare COCO results with --truth instead.")
    matches = store.get(digest, Matches)
    of_class = {name: record["score_threshold"] for name, record in report.operating["per_class"].items()}
    return Contender(
        report.title, matches, least_scores(matches, of_class, report.operating.get("condition_thresholds"))
    )


def _views(store: Store, matches: Matches) -> dict[str, Any]:
    made_from = matches.made_from
    return pictures_of_store(
        store, store.get(made_from["dataset"], Dataset), store.get(made_from["predictions"], Predictions)
    )


def as_document(comparison: Comparison) -> dict[str, Any]:
    """The comparison as one JSON object: what `--json` prints."""
    document = comparison.parts().document
    changed = comparison.changed.to_pylist()
    return {**document, "changed": changed, "digest": comparison.digest, "made_from": dict(comparison.made_from)}


def as_lines(comparison: Comparison) -> list[str]:
    """The comparison for people."""
    lines = [f"A  {comparison.title_a}", f"B  {comparison.title_b}"]
    lines.append(f"{'':24} {'A':>8} {'B':>8} {'B - A':>8}  interval")
    for record in comparison.figures:
        told = record["verdict"] in ("better", "worse") and record["metric"] in _OF_CLASS
        if record["metric"] in _OF_ALL and (record["class_name"] is None or told):
            interval = "" if record["low"] is None else f"[{record['low']:+.4f}, {record['high']:+.4f}]"
            numbers = " ".join(f"{_show(record[name]):>8}" for name in ("a", "b", "difference"))
            lines.append(f"{record['key'][:24]:24} {numbers}  {interval:20} {record['verdict']}")
    objects, alarms = comparison.objects["all"], comparison.false_alarms["all"]
    lines.append("objects: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in objects.items()))
    lines.append("false alarms: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in alarms.items()))
    worse = [
        (record["condition"], record["value"], metric)
        for record in comparison.slices
        for metric in ("ap50", "precision", "recall")
        if record[metric]["verdict"] == "worse"
    ]
    lines += [f"worse: {metric} where {condition}={value}" for condition, value, metric in worse]
    return lines


def _show(value: float | None) -> str:
    return "-" if value is None or not np.isfinite(value) else f"{value:.4f}"
