"""`boxwright turn`: one round of the loop; steps whose inputs have not changed are not done again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from boxwright.artifacts import Corrections, Dataset, Predictions, Split
from boxwright.cli.documents import RecipeOption, SetOption, because, read_both
from boxwright.cli.gate import JunitOption, MarkdownOption, as_lines, write_forms
from boxwright.cli.pictures import pictures_of_store
from boxwright.cli.progress import Bars, say
from boxwright.cli.terminal import (
    STORE,
    JsonOption,
    SpecOption,
    StoreOption,
    find,
    give,
    open_store,
    say_next,
    write_page,
)
from boxwright.lifecycle import refuse_unseen, refuse_withdrawn
from boxwright.lifecycle import turn as turn_loop
from boxwright.pages import report_page, verdict_page


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("turn")(turn)


def turn(
    dataset: Annotated[str, typer.Argument(help="Dataset: name or digest.")],
    spec: SpecOption,
    recipe: RecipeOption,
    corrections: Annotated[str | None, typer.Option("--corrections", help="Corrections to put in first.")] = None,
    keep: Annotated[
        str | None, typer.Option("--keep", help="Earlier split; groups it knows stay where they were.")
    ] = None,
    from_source: Annotated[bool, typer.Option("--from-source", help="Take the sides the files gave.")] = False,
    no_release: Annotated[bool, typer.Option("--no-release", help="Judge, but promote nothing.")] = False,
    pages: Annotated[
        Path | None, typer.Option("--pages", help="Folder for the reports' and the verdict's page.")
    ] = None,
    junit: JunitOption = None,
    markdown: MarkdownOption = None,
    values: SetOption = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Correct, split, train, export, choose, predict, evaluate, decide, promote; exit code 1 if the gate says no."""
    promise, method = read_both(spec, recipe, values)
    opened = open_store(store)
    data = find(store, dataset, Dataset)
    answers = find(store, corrections, Corrections) if corrections else None
    if answers is not None:
        refuse_withdrawn(opened, answers)
        refuse_unseen(opened, data, answers)
    with Bars().shown() as bars:
        made = turn_loop(
            opened, promise, method, data, corrections=answers, keep=find(store, keep, Split) if keep else None,
            from_source=from_source, release=not no_release, work_folder=store / "work", say=say, progress=bars,
            waiting=bars.waiting,
        )  # fmt: skip
    names = {
        f"dataset/{data.name}": made.dataset, f"split/{data.name}": made.split, f"candidate/{promise.name}": made.candidate,
        f"report/{promise.name}": made.report, f"verdict/{promise.name}": made.verdict,
        f"checkpoint/{promise.name}": made.checkpoint, f"predictions/{promise.name}": made.predictions,
    }  # fmt: skip
    names |= {f"report/{promise.name}/{on.name}": on.report for on in made.sets if on.report}
    for name, artifact in names.items():
        opened.point(name, artifact.digest, reason=because("turn", values))
    if pages:
        write_page(
            pages / "report.html", report_page(made.report, **pictures_of_store(opened, made.dataset, made.predictions))
        )
        for on in made.sets:
            if on.report and on.kind == "challenge":  # pictures of a golden set are not for browsing
                seen = opened.get(on.report.made_from["predictions"], Predictions)
                views = pictures_of_store(opened, made.dataset, seen)
                write_page(pages / f"report-{on.name}.html", report_page(on.report, **views))
        write_page(pages / "verdict.html", verdict_page(made.verdict, report=made.report))
    write_forms(made.verdict, made.report, junit=junit, markdown=markdown)
    result = {
        "dataset": made.dataset.digest, "split": made.split.digest, "checkpoint": made.checkpoint.digest,
        "candidate": made.candidate.digest, "report": made.report.digest,
        "sets": {on.name: on.report.digest for on in made.sets if on.report}, "looks": {name: list(bundles) for name, bundles in made.verdict.looks.items()},
        "verdict": made.verdict.verdict,
        "verdict_digest": made.verdict.digest, "set": values or [], "promoted": made.rollout is not None, "metrics": dict(made.report.metrics),
    }  # fmt: skip
    give(result, as_json=as_json, lines=[*as_lines(made.verdict), made.candidate.digest])
    if made.rollout is not None:
        say_next("boxwright serve", as_json=as_json)
    elif made.verdict.verdict != "pass" and pages:
        say_next(
            f"open {pages / 'verdict.html'} (what to do) and {pages / 'report.html'} (what goes wrong)", as_json=as_json
        )
    raise typer.Exit(0 if made.verdict.verdict == "pass" else 1)
