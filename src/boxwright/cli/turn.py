"""`boxwright turn`: one round of the loop; steps whose inputs have not changed are not done again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from boxwright.artifacts import Artifact, Corrections, Dataset, Predictions, Split
from boxwright.cli.documents import RecipeOption, SetOption, because, read_both
from boxwright.cli.gate import JunitOption, MarkdownOption, as_lines, write_forms
from boxwright.cli.grouped import grouped
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
from boxwright.lifecycle import Turned, refuse_unseen, refuse_withdrawn
from boxwright.lifecycle import turn as turn_loop
from boxwright.pages import report_page, verdict_page
from boxwright.spec import Spec
from boxwright.store import Store


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("turn")(turn)


@dataclass(frozen=True)
class Round:
    """What goes into the round beside the dataset, and how far it goes."""

    corrections: Annotated[str | None, typer.Option("--corrections", help="Corrections to put in first.")] = None
    keep: Annotated[str | None, typer.Option("--keep", help="Earlier split; groups it knows stay where they were.")] = (
        None
    )
    from_source: Annotated[bool, typer.Option("--from-source", help="Take the sides the files gave.")] = False
    no_release: Annotated[bool, typer.Option("--no-release", help="Judge, but promote nothing.")] = False


@dataclass(frozen=True)
class RoundOutput:
    """Where pages and forms go beside stdout."""

    pages: Annotated[Path | None, typer.Option("--pages", help="Folder for the reports' and the verdict's page.")] = (
        None
    )
    junit: JunitOption = None
    markdown: MarkdownOption = None
    as_json: JsonOption = False


@grouped
def turn(
    dataset: Annotated[str, typer.Argument(help="Dataset: name or digest.")],
    spec: SpecOption,
    recipe: RecipeOption,
    round_: Round,
    output: RoundOutput,
    values: SetOption = None,
    store: StoreOption = STORE,
) -> None:
    """Correct, split, train, export, choose, predict, evaluate, decide, promote; exit code 1 if the gate says no."""
    promise, method = read_both(spec, recipe, values)
    opened = open_store(store)
    data = find(store, dataset, Dataset)
    answers = find(store, round_.corrections, Corrections) if round_.corrections else None
    if answers is not None:
        refuse_withdrawn(opened, answers)
        refuse_unseen(opened, data, answers)
    with Bars().shown() as bars:
        made = turn_loop(
            opened, promise, method, data, corrections=answers,
            keep=find(store, round_.keep, Split) if round_.keep else None, from_source=round_.from_source,
            release=not round_.no_release, work_folder=store / "work", say=say, progress=bars, waiting=bars.waiting,
        )  # fmt: skip
    for name, artifact in _named(data, promise, made).items():
        opened.point(name, artifact.digest, reason=because("turn", values))
    if output.pages:
        _write_pages(output.pages, opened, made)
    write_forms(made.verdict, made.report, junit=output.junit, markdown=output.markdown)
    give(_as_document(made, values), as_json=output.as_json, lines=[*as_lines(made.verdict), made.candidate.digest])
    if made.rollout is not None:
        say_next("boxwright serve", as_json=output.as_json)
    elif made.verdict.verdict != "pass" and output.pages:
        verdict, report = output.pages / "verdict.html", output.pages / "report.html"
        say_next(f"open {verdict} (what to do) and {report} (what goes wrong)", as_json=output.as_json)
    raise typer.Exit(0 if made.verdict.verdict == "pass" else 1)


def _named(data: Dataset, spec: Spec, made: Turned) -> dict[str, Artifact]:
    """Name in the store to what it stands for from now on."""
    names: dict[str, Artifact] = {
        f"dataset/{data.name}": made.dataset, f"split/{data.name}": made.split, f"candidate/{spec.name}": made.candidate,
        f"report/{spec.name}": made.report, f"verdict/{spec.name}": made.verdict,
        f"checkpoint/{spec.name}": made.checkpoint, f"predictions/{spec.name}": made.predictions,
    }  # fmt: skip
    return names | {f"report/{spec.name}/{on.name}": on.report for on in made.sets if on.report}


def _write_pages(folder: Path, store: Store, made: Turned) -> None:
    views = pictures_of_store(store, made.dataset, made.predictions)
    write_page(folder / "report.html", report_page(made.report, **views))
    for on in made.sets:
        if on.report and on.kind == "challenge":  # pictures of a golden set are not for browsing
            seen = store.get(on.report.made_from["predictions"], Predictions)
            views = pictures_of_store(store, made.dataset, seen)
            write_page(folder / f"report-{on.name}.html", report_page(on.report, **views))
    write_page(folder / "verdict.html", verdict_page(made.verdict, report=made.report))


def _as_document(made: Turned, values: list[str] | None) -> dict[str, Any]:
    return {
        "dataset": made.dataset.digest, "split": made.split.digest, "checkpoint": made.checkpoint.digest,
        "candidate": made.candidate.digest, "report": made.report.digest,
        "sets": {on.name: on.report.digest for on in made.sets if on.report},
        "looks": {name: list(bundles) for name, bundles in made.verdict.looks.items()},
        "verdict": made.verdict.verdict, "verdict_digest": made.verdict.digest, "set": values or [],
        "promoted": made.rollout is not None, "metrics": dict(made.report.metrics),
    }  # fmt: skip
