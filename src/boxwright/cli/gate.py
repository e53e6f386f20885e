"""`boxwright gate`: is the evidence enough?"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer

from boxwright.artifacts import Comparison, Parts, Report, Verdict
from boxwright.artifacts.codec import document_keys
from boxwright.cli.documents import because, parted, read_spec
from boxwright.cli.grouped import grouped
from boxwright.cli.named import by_name
from boxwright.cli.options import Output
from boxwright.cli.progress import say
from boxwright.cli.terminal import (
    STORE,
    SpecOption,
    StoreOption,
    find,
    give,
    open_store,
    write_page,
)
from boxwright.errors import InputError, StoreError
from boxwright.gate import OnSet, as_junit, as_markdown, decide, pair
from boxwright.lifecycle import ROLLOUT
from boxwright.lifecycle.looks import looks_at
from boxwright.pages import verdict_page
from boxwright.spec import Spec
from boxwright.spec.sets import SetClause
from boxwright.store import write_bytes

JunitOption = Annotated[Path | None, typer.Option("--junit", help="Also write JUnit XML, one case per requirement.")]
MarkdownOption = Annotated[Path | None, typer.Option("--markdown", help="Also write the verdict as Markdown.")]


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("gate")(gate)


@dataclass(frozen=True)
class Compared:
    """What the candidate is compared with."""

    baseline: Annotated[
        str | None, typer.Option("--baseline", help="Report of what is in service, on the same pictures.")
    ] = None
    first_release: Annotated[bool, typer.Option("--first-release", help="Nothing is in service to compare with.")] = (
        False
    )
    baseline_sets: Annotated[
        list[str] | None, typer.Option("--baseline-set", help="NAME=REPORT of what is in service; repeatable.")
    ] = None
    comparisons: Annotated[
        list[str] | None,
        typer.Option("--comparison", help="Of baseline and candidate, for paired differences; repeatable."),
    ] = None


@dataclass(frozen=True)
class VerdictOutput(Output):
    """Where the verdict goes beside stdout."""

    junit: JunitOption = None
    markdown: MarkdownOption = None


@grouped
def gate(
    report: Annotated[str, typer.Argument(help="Report: folder, JSON of `evaluate --json`, name or digest.")],
    spec: SpecOption,
    compared: Compared,
    output: VerdictOutput,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=REPORT|KEY=VALUE",
            help="The report on a golden or challenge set, or a value of the spec for this command; repeatable.",
        ),
    ] = None,
    store: StoreOption = STORE,
) -> None:
    """Judge every requirement of the spec; exit code 1 unless all are met."""
    given = parted(spec, sets)
    promise = read_spec(spec, given.of_spec)
    judged = read_report(store, report)
    before = read_report(store, compared.baseline) if compared.baseline else None
    if compared.first_release and store.is_dir() and open_store(store).history(ROLLOUT):
        raise InputError(f"--first-release, but a bundle is in service in '{store}'; give its report with --baseline.")
    baselines = by_name(compared.baseline_sets, "--baseline-set")
    on_sets = _on_sets(store, promise, by_name(given.of_sets, "--set"), baselines)
    comparisons = [find(store, c, Comparison) for c in compared.comparisons or ()]
    pairs = pair(comparisons, judged, baseline=before, sets=on_sets)
    verdict = decide(
        judged,
        promise,
        baseline=before,
        first_release=compared.first_release,
        differences=pairs.differences,
        sets=on_sets,
    )
    verdict = replace(verdict, made_from={**verdict.made_from, **pairs.made_from})
    if store.is_dir():
        open_store(store).put(verdict, name=f"verdict/{promise.name}", reason=because("gate", given.of_spec))
    output.save(verdict)
    if output.page:
        write_page(output.page, verdict_page(verdict, report=judged))
    write_forms(verdict, judged, junit=output.junit, markdown=output.markdown)
    give(as_document(verdict), as_json=output.as_json, lines=[*as_lines(verdict), verdict.digest])
    raise typer.Exit(0 if verdict.verdict == "pass" else 1)


def write_forms(verdict: Verdict, report: Report, *, junit: Path | None, markdown: Path | None) -> None:
    """The verdict for continuous integration and for people, each whole or not at all."""
    if junit:
        write_bytes(junit, as_junit(verdict))
        say(f"junit: {junit}")
    if markdown:
        write_bytes(markdown, as_markdown(verdict, report).encode())
        say(f"markdown: {markdown}")


def _on_sets(store: Path, spec: Spec, reports: dict[str, str], baselines: dict[str, str]) -> list[OnSet]:
    """What is known on each set of the spec: the reports given, and the looks at golden sets that the store counted."""
    names = {clause.name for clause in spec.sets}
    if unknown := {*reports, *baselines} - names:
        raise InputError(f"Spec '{spec.name}' declares no set '{min(unknown)}'; declare it under `sets` in spec.yaml.")
    if alone := set(baselines) - set(reports):
        raise InputError(f"--baseline-set gives '{min(alone)}', but --set gives no report of the candidate on it.")

    def looks(clause: SetClause) -> tuple[str, ...]:
        counted = clause.kind == "golden" and store.is_dir()
        return looks_at(open_store(store), spec.name, clause.name) if counted else ()

    return [
        OnSet(
            clause.name, clause.kind,
            report=read_report(store, reports[clause.name]) if clause.name in reports else None,
            baseline=read_report(store, baselines[clause.name]) if clause.name in baselines else None,
            looks=looks(clause),
        )
        for clause in spec.sets
    ]  # fmt: skip


def as_document(verdict: Verdict) -> dict[str, Any]:
    """The verdict as one JSON object."""
    return {
        "verdict": verdict.verdict,
        "checks": [asdict(check) for check in verdict.checks],
        "looks": {name: list(bundles) for name, bundles in verdict.looks.items()},
        "spec_name": verdict.spec_name,
        "spec_digest": verdict.spec_digest,
        "bundle": verdict.bundle,
        "digest": verdict.digest,
        "made_from": dict(verdict.made_from),
    }


def as_lines(verdict: Verdict) -> list[str]:
    """The verdict for people."""

    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.4g}"

    lines = []
    for check in verdict.checks:
        interval = f" [{number(check.low)}, {number(check.high)}]" if check.low is not None else ""
        note = f"  ({check.note})" if check.note else ""
        lines.append(
            f"{check.status:11} {check.requirement}: required {number(check.required)}, observed {number(check.observed)}{interval}{note}"
        )
    return [*lines, *verdict.looks_told, f"verdict: {verdict.verdict}"]


def read_report(store: Path, reference: str) -> Report:
    """A report from the store, a folder, or the JSON that `evaluate --json` printed (whose verdict can promote nothing)."""
    path = Path(reference)
    if path.is_file():
        try:
            document = json.loads(path.read_text())
            fields = {name: document[name] for name in document_keys(Report)}
            report = Report.from_parts(Parts(fields, {"failures": pa.table({})}), {})  # a text file names no bundle
            _ = report.digest  # raises for values that have no digest, such as NaN
            return report
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise StoreError(
                f"'{path}' is not the JSON of `boxwright evaluate --json` ({type(error).__name__}: {error})."
            ) from error
    return find(store, reference, Report)
