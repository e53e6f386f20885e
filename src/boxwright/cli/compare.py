"""`boxwright compare`: B against A on the same pictures; what got better, what got worse, object by object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from boxwright.artifacts import Comparison, Dataset, Matches, Predictions, Report
from boxwright.cli.comparison_lines import comparison_lines
from boxwright.cli.evaluate import refuse_given
from boxwright.cli.grouped import grouped
from boxwright.cli.judged import match_files
from boxwright.cli.options import DetectionFiles, Output, SpecIfGiven, Tables
from boxwright.cli.pictures import pictures_of_files, pictures_of_store
from boxwright.cli.progress import say
from boxwright.cli.terminal import (
    STORE,
    StoreOption,
    find,
    give,
    is_source,
    open_store,
    write_page,
)
from boxwright.errors import InputError
from boxwright.evaluation import Contender
from boxwright.evaluation import compare as compare_matches
from boxwright.evaluation.operating import least_scores
from boxwright.ingestion import read_ground_truth
from boxwright.pages import comparison_page
from boxwright.spec import Spec
from boxwright.spec.spec import ConditionClause
from boxwright.store import Store


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("compare")(compare)


@dataclass(frozen=True)
class FromFiles:
    """The ground truth of detections in files, and where their answers begin."""

    truth: Annotated[Path | None, typer.Option("--truth", help="With detections: the ground truth, any format.")] = None
    score_threshold: Annotated[
        float | None, typer.Option("--score-threshold", min=0, max=1, help="Operating point of COCO results; 0.5.")
    ] = None


@grouped
def compare(
    a: Annotated[
        str, typer.Argument(help="Detections (COCO results, a folder of text files), or a report of the store.")
    ],
    b: Annotated[str, typer.Argument(help="The same, of what is compared with it.")],
    document: SpecIfGiven,
    judged: FromFiles,
    tables: Tables,
    files: DetectionFiles,
    output: Output,
    store: StoreOption = STORE,
) -> None:
    """Compare two sets of detections; differences are of B minus A, with paired intervals."""
    promise = document.read()
    clauses: tuple[ConditionClause, ...] = promise.conditions if promise else ()
    if judged.truth is not None:
        sides, clauses, views = _from_files((a, b), judged.truth, judged.score_threshold, promise, tables, files)
    elif is_source(a) or is_source(b):
        raise InputError(
            f"'{a if is_source(a) else b}' is a file of detections; compare two of them with --truth GROUND_TRUTH."
        )
    else:
        only_files = {"--score-threshold": judged.score_threshold, **tables.by_option, **files.by_option}
        refuse_given(only_files, of_files=False)
        opened = open_store(store)
        sides = [_of_report(opened, find(store, name, Report)) for name in (a, b)]
        views = _views(opened, sides[1].matches)
    found = compare_matches(*sides, spec=promise, conditions=clauses)
    if judged.truth is None:
        open_store(store).put(found, reason="compare")
    output.save(found)
    if output.page:
        write_page(output.page, comparison_page(found, **views))
    give(as_document(found), as_json=output.as_json, lines=[*comparison_lines(found), found.digest])


def _from_files(
    detections: tuple[str, str], truth: Path, score_threshold: float | None, spec: Spec | None, tables: Tables,
    files: DetectionFiles,
) -> tuple[list[Contender], tuple[ConditionClause, ...], dict[str, Any]]:  # fmt: skip
    """Both sides from files, the conditions to slice by, and what the page shows."""
    columns = read_ground_truth(truth, pictures=tables.pictures)
    for note in columns.notes:
        say(note)
    folder = tables.pictures or (truth if truth.is_dir() else truth.parent)
    how, clauses = files.how(folder), ()
    sides = []
    for results in map(Path, detections):
        matches, clauses = match_files(columns, results, spec=spec, how=how, tables=tables)
        of_class = dict.fromkeys(matches.class_names, 0.5 if score_threshold is None else score_threshold)
        sides.append(Contender(results.name, matches, least_scores(matches, of_class)))
    return sides, clauses, pictures_of_files(columns, sides[1].matches, folder)


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
