"""`boxwright evaluate`: detections against ground truth, from files or from the store, to figures and a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from boxwright.artifacts import Bundle, Dataset, Matches, Predictions, Report, Split
from boxwright.cli.failures import write_failures
from boxwright.cli.grouped import grouped
from boxwright.cli.judged import MatchOptions, match_files, match_stored
from boxwright.cli.options import DetectionFiles, Output, SpecIfGiven, Tables
from boxwright.cli.pictures import pictures_of_dataset, pictures_of_files, pictures_of_store
from boxwright.cli.progress import Bars, say
from boxwright.cli.report_lines import report_lines
from boxwright.cli.terminal import (
    STORE,
    StoreOption,
    find,
    find_dataset,
    give,
    is_source,
    open_store,
    write_page,
)
from boxwright.errors import InputError
from boxwright.evaluation import Reducer
from boxwright.evaluation import evaluate as evaluate_matches
from boxwright.evaluation.average_precision import mean_defined
from boxwright.evaluation.evaluate import STEPS
from boxwright.evaluation.match import MAX_DETECTIONS
from boxwright.ingestion import How, TruthColumns, read_ground_truth
from boxwright.lifecycle import Stages
from boxwright.lifecycle.looks import count_look
from boxwright.pages import report_page
from boxwright.spec import Spec
from boxwright.spec.spec import ConditionClause
from boxwright.store import Store
from boxwright.store.digest import digest_of_bytes


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("evaluate")(evaluate)


@dataclass(frozen=True)
class Judging:
    """Which images are judged, and where answers begin."""

    split: Annotated[str | None, typer.Option("--split", help="With a dataset: judge one of its sides.")] = None
    side: Annotated[
        str | None,
        typer.Option("--side", "--subset", help="Which images: test (with a split the default), a set, val or train."),
    ] = None
    score_threshold: Annotated[
        float | None, typer.Option("--score-threshold", min=0, max=1, help="Operating point of COCO results; 0.5.")
    ] = None


@dataclass(frozen=True)
class MoreAp:
    """Average precision by other rules than COCO's, beside it."""

    iou: Annotated[
        list[float] | None, typer.Option("--iou", help="Also AP at this IoU threshold; may be given again.")
    ] = None
    max_detections: Annotated[
        int, typer.Option("--max-detections", min=1, help="With --iou: detections kept per picture and class.")
    ] = MAX_DETECTIONS
    class_agnostic: Annotated[bool, typer.Option("--class-agnostic", help="Take all classes for one.")] = False

    def check(self) -> None:
        """InputError where a threshold is none."""
        if any(not 0 < threshold <= 1 for threshold in self.iou or ()):
            found = ", ".join(map(str, self.iou or ()))
            raise InputError(f"--iou takes thresholds above 0 and up to 1; found {found}.")


@dataclass(frozen=True)
class ReportOutput(Output):
    """Where the report and its failures go beside stdout."""

    failures: Annotated[
        Path | None, typer.Option("--failures", help="Folder for the lists to label, to collect and to look at.")
    ] = None


@grouped
def evaluate(
    truth: Annotated[
        str, typer.Argument(help="Ground truth: a COCO file, files of any format, or a dataset of the store.")
    ],
    detections: Annotated[
        str, typer.Argument(help="Detections: COCO results, a folder of text files, or predictions of the store.")
    ],
    document: SpecIfGiven,
    judging: Judging,
    tables: Tables,
    files: DetectionFiles,
    more: MoreAp,
    output: ReportOutput,
    store: StoreOption = STORE,
) -> None:
    """Evaluate; COCO's figures equal pycocotools'."""
    promise, side = document.read(), judging.side
    of_files, foreign = is_source(truth), is_source(detections)
    _check_there(truth, detections, of_files=of_files, foreign=foreign)
    _check_options(of_files, foreign, judging=judging, tables=tables, files=files, more=more)
    more.check()
    notes = Notes()
    if of_files or foreign:
        folder = tables.pictures or (Path(truth) if Path(truth).is_dir() else Path(truth).parent)
        how = files.how(folder if of_files else None)
        met = Met(truth, Path(detections), promise, how, notes, tables if of_files else Tables())
        read = met.files(side) if of_files else met.stored(store, judging.split, side or "test")
        threshold = 0.5 if judging.score_threshold is None else judging.score_threshold
        report = read.report(threshold, more.class_agnostic)
        if more.iou:
            report = replace(report, metrics={**report.metrics, **read.ap_at(more)})
        views = read.views(folder)
    else:
        report, views = _of_store(store, truth, detections, promise, judging.split, side or "test")
    output.save(report)
    if output.page:
        write_page(output.page, report_page(report, **views))
    if output.failures:
        write_failures(output.failures, report)
    lines = [*report_lines(report), report.digest]
    give({**as_document(report), "notes": notes.told}, as_json=output.as_json, lines=lines)


def _check_there(truth: str, detections: str, *, of_files: bool, foreign: bool) -> None:
    """InputError where a JSON file is named that is not there: no name of the store ends so."""
    for named, there, what in ((truth, of_files, "ground truth"), (detections, foreign, "detections")):
        if not there and Path(named).suffix == ".json":
            raise InputError(
                f"No file found at '{named}'. Give the {what} as a file, a folder, or a name of the store (`boxwright show` lists them)."
            )


@dataclass
class Notes:
    """What is told about how files were read: on stderr, and kept for `--json`."""

    told: list[str] = field(default_factory=list)

    def __call__(self, sentence: str) -> None:
        """Tell one."""
        self.told.append(sentence)
        say(sentence)


@dataclass
class Met:
    """Detections from files and the ground truth they are judged with."""

    reference: str
    detections: Path
    spec: Spec | None
    how: How
    notes: Notes
    tables: Tables
    truth: TruthColumns | None = None
    matches: Matches | None = None
    store: Store | None = None
    dataset: Dataset | None = None
    parts: Split | None = None
    side: str = ""

    def files(self, side: str | None) -> Met:
        """With ground truth from files."""
        self.truth = read_ground_truth(Path(self.reference), pictures=self.tables.pictures, side=side)
        for note in self.truth.notes:
            self.notes(note)
        return self

    def stored(self, store: Path, split: str | None, side: str) -> Met:
        """With one side of a stored dataset."""
        self.dataset, self.store, self.side = find_dataset(store, self.reference), open_store(store), side
        self.parts = find(store, split, Split) if split else None
        return self

    def report(self, threshold: float, class_agnostic: bool) -> Report:
        """The report at one score threshold."""
        self.matches, clauses = self._match(self.notes, MatchOptions(class_agnostic=class_agnostic))
        names = self.matches.class_names
        with Bars().shown() as bars:
            report = evaluate_matches(
                self.matches, title=self.detections.name, score_thresholds=dict.fromkeys(names, threshold),
                spec=self.spec, conditions=clauses,
                progress=lambda step: bars("evaluate", STEPS.index(step) + 1, len(STEPS), step),
            )  # fmt: skip
        if self.dataset is None:
            return report
        if self.parts and self.store and self.parts.kind_of_set(self.side) == "golden":
            judged = digest_of_bytes(np.ascontiguousarray(self.matches.detections.column("score").to_numpy()).tobytes())
            count_look(self.store, self.spec.name if self.spec else self.dataset.name, self.side, judged)
        made_from = {"dataset": self.dataset.digest, **({"split": self.parts.digest} if self.parts else {})}
        measured = {**report.measured, **({"side": self.side} if self.parts else {})}
        return replace(report, measured=measured, made_from={**report.made_from, **made_from})

    def ap_at(self, more: MoreAp) -> dict[str, float]:
        """`ap@0.33` to AP at that IoU threshold alone, all areas."""
        thresholds, most = sorted({float(iou) for iou in more.iou or ()}), more.max_detections
        matches = self._match(lambda _: None, MatchOptions(thresholds, most, more.class_agnostic))[0]
        precision = Reducer(matches).curves(max_detections=most).precision
        return {f"ap@{iou:g}": mean_defined(precision[i]) for i, iou in enumerate(thresholds)}

    def views(self, folder: Path) -> dict[str, Any]:
        """What the page shows."""
        assert self.truth is not None and self.matches is not None
        if self.dataset is not None and self.store is not None:
            return pictures_of_dataset(self.truth, self.matches, self.store, self.dataset)
        return pictures_of_files(self.truth, self.matches, folder)

    def _match(self, tell: Callable[[str], None], options: MatchOptions) -> tuple[Matches, tuple[ConditionClause, ...]]:
        if self.dataset is None:
            assert self.truth is not None
            return match_files(
                self.truth,
                self.detections,
                spec=self.spec,
                how=self.how,
                tell=tell,
                tables=self.tables,
                options=options,
            )
        matches, clauses, self.truth = match_stored(
            self.dataset, self.detections, parts=self.parts, side=self.side, spec=self.spec, how=self.how, tell=tell,
            options=options,
        )  # fmt: skip
        return matches, clauses


def _check_options(
    of_files: bool, foreign: bool, *, judging: Judging, tables: Tables, files: DetectionFiles, more: MoreAp
) -> None:
    """InputError where an option would do nothing with what is judged."""
    if of_files:
        refuse_given({"--split": judging.split}, of_files=True)
        return
    of_detections = {
        "--iou": more.iou, "--class-agnostic": more.class_agnostic, "--score-threshold": judging.score_threshold,
        **files.by_option,
    }  # fmt: skip
    refuse_given({**({} if foreign else of_detections), **tables.by_option}, of_files=False)


def refuse_given(options: Mapping[str, object], *, of_files: bool) -> None:
    """InputError where one of these options was given: it would do nothing here, and its giver thinks it does."""
    given = [name for name, value in options.items() if value is not None and value is not False and value != []]
    if given:
        here, where = ("COCO files", "data of the store") if of_files else ("data of the store", "COCO files")
        raise InputError(f"{' and '.join(given)} would do nothing with {here}; it is for {where}. Leave it out.")


def as_document(report: Report) -> dict[str, Any]:
    """The report as one JSON object: what `--json` prints."""
    document = report.parts().document
    return {**document, "failures": len(report.failures), "digest": report.digest, "made_from": dict(report.made_from)}


def _of_store(
    store: Path, truth: str, detections: str, spec: Spec | None, split: str | None, side: str
) -> tuple[Report, dict[str, Any]]:
    if spec is None or split is None:
        raise InputError(
            "Predictions of the store are judged with --spec and --split; detections from files need neither."
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
    return report, pictures_of_store(opened, data, found)
