"""`boxwright compare`: B against A on the same pictures; what got better, what got worse, object by object."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from boxwright.artifacts import Comparison, Dataset, Matches, Predictions, Report
from boxwright.cli.comparison_lines import comparison_lines
from boxwright.cli.documents import SetOption, read_spec_if_given
from boxwright.cli.evaluate import refuse_given
from boxwright.cli.judged import CategoryIdsOption, ClassesOption, MatchByOption, how_read, match_files
from boxwright.cli.pictures import pictures_of_files, pictures_of_store
from boxwright.cli.progress import say
from boxwright.cli.terminal import (
    STORE,
    JsonOption,
    StoreOption,
    find,
    give,
    is_source,
    open_store,
    save_artifact,
    write_page,
)
from boxwright.errors import InputError
from boxwright.evaluation import Contender
from boxwright.evaluation import compare as compare_matches
from boxwright.evaluation.operating import least_scores
from boxwright.ingestion import read_ground_truth
from boxwright.pages import comparison_page
from boxwright.spec.spec import ConditionClause
from boxwright.store import Store


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("compare")(compare)


def compare(
    a: Annotated[
        str, typer.Argument(help="Detections (COCO results, a folder of text files), or a report of the store.")
    ],
    b: Annotated[str, typer.Argument(help="The same, of what is compared with it.")],
    truth: Annotated[
        Path | None, typer.Option("--truth", help="With detections: the ground truth, any format.")
    ] = None,
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
    match_by: MatchByOption = "auto",
    category_ids: CategoryIdsOption = "auto",
    classes: ClassesOption = None,
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
        columns = read_ground_truth(truth, pictures=pictures)
        for note in columns.notes:
            say(note)
        folder = pictures or (truth if truth.is_dir() else truth.parent)
        how = how_read(match_by, category_ids, classes, folder)
        options: dict[str, Any] = {
            "spec": promise, "groups": groups, "conditions": conditions, "pictures": pictures, "how": how,
        }  # fmt: skip
        sides = []
        for results in (a, b):
            matches, clauses = match_files(columns, Path(results), **options)
            of_class = dict.fromkeys(matches.class_names, 0.5 if score_threshold is None else score_threshold)
            sides.append(Contender(Path(results).name, matches, least_scores(matches, of_class)))
        views = pictures_of_files(columns, sides[1].matches, folder)
    elif is_source(a) or is_source(b):
        raise InputError(
            f"'{a if is_source(a) else b}' is a file of detections; compare two of them with --truth GROUND_TRUTH."
        )
    else:
        only_files = {
            "--score-threshold": score_threshold, "--groups": groups, "--conditions": conditions, "--pictures": pictures,
            "--match-by": None if match_by == "auto" else match_by, "--classes": classes,
            "--category-ids": None if category_ids == "auto" else category_ids,
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
    give(as_document(found), as_json=as_json, lines=[*comparison_lines(found), found.digest])


def _of_report(store: Store, report: Report) -> Contender:
    """A judged bundle as its report has it: matches from the store, thresholds from its operating point."""
    digest = report.made_from.get("matches")
    if digest is None:
        raise InputError(f"Report '{report.title}' names no matches; compare COCO results with --truth instead.")
    matches = store.get(digest, Matches)
    of_class = {name: point.score_threshold or 0.0 for name, point in report.operating.per_class.items()}
    return Contender(report.title, matches, least_scores(matches, of_class, report.operating.condition_thresholds))


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
