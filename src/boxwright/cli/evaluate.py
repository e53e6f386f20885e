"""`boxwright evaluate`: detections against ground truth, from files or from the store, to figures and a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from boxwright.artifacts import Bundle, Dataset, Matches, Predictions, Report, Split
from boxwright.cli.documents import SetOption, read_spec_if_given
from boxwright.cli.failures import write_failures
from boxwright.cli.judged import (
    CategoryIdsOption,
    ClassesOption,
    MatchByOption,
    how_read,
    match_files,
    match_stored,
)
from boxwright.cli.pictures import pictures_of_dataset, pictures_of_files, pictures_of_store
from boxwright.cli.progress import Bars, say
from boxwright.cli.report_lines import report_lines
from boxwright.cli.terminal import (
    STORE,
    JsonOption,
    StoreOption,
    find,
    find_dataset,
    give,
    is_source,
    open_store,
    save_artifact,
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
from boxwright.store import Store
from boxwright.store.digest import digest_of_bytes


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("evaluate")(evaluate)


def evaluate(
    truth: Annotated[
        str, typer.Argument(help="Ground truth: a COCO file, files of any format, or a dataset of the store.")
    ],
    detections: Annotated[
        str, typer.Argument(help="Detections: COCO results, a folder of text files, or predictions of the store.")
    ],
    spec: Annotated[Path | None, typer.Option("--spec", help="Slice by its conditions, observe its clauses.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="With a dataset: judge one of its sides.")] = None,
    side: Annotated[
        str | None,
        typer.Option("--side", "--subset", help="Which images: test (with a split the default), a set, val or train."),
    ] = None,
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
    match_by: MatchByOption = "auto",
    category_ids: CategoryIdsOption = "auto",
    classes: ClassesOption = None,
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
    of_files, foreign = is_source(truth), is_source(detections)
    for named, there, what in ((truth, of_files, "ground truth"), (detections, foreign, "detections")):
        if not there and Path(named).suffix == ".json":
            raise InputError(
                f"No file found at '{named}'. Give the {what} as a file, a folder, or a name of the store (`boxwright show` lists them)."
            )
    _check_options(
        of_files,
        foreign,
        split={"--split": split},
        tables={"--groups": groups, "--conditions": conditions, "--pictures": pictures},
        of_detections={
            "--iou": iou, "--class-agnostic": class_agnostic, "--score-threshold": score_threshold, "--classes": classes,
            "--match-by": None if match_by == "auto" else match_by,
            "--category-ids": None if category_ids == "auto" else category_ids,
        },
    )  # fmt: skip
    if any(not 0 < threshold <= 1 for threshold in iou or ()):
        raise InputError(f"--iou takes thresholds above 0 and up to 1; found {', '.join(map(str, iou or ()))}.")
    notes = Notes()
    if of_files or foreign:
        folder = pictures or (Path(truth) if Path(truth).is_dir() else Path(truth).parent)
        how = how_read(match_by, category_ids, classes, folder if of_files else None)
        met = Met(
            truth, Path(detections), promise, how, notes,
            {"groups": groups, "conditions": conditions, "pictures": pictures} if of_files else {},
        )  # fmt: skip
        read = met.files(side) if of_files else met.stored(store, split, side or "test")
        report = read.report(0.5 if score_threshold is None else score_threshold, class_agnostic)
        if iou:
            report = replace(report, metrics={**report.metrics, **read.ap_at(iou, max_detections, class_agnostic)})
        views = read.views(folder)
    else:
        report, views = _of_store(store, truth, detections, promise, split, side or "test")
    if out:
        save_artifact(report, out)
    if page:
        write_page(page, report_page(report, **views))
    if failures:
        write_failures(failures, report)
    give({**as_document(report), "notes": notes.told}, as_json=as_json, lines=[*report_lines(report), report.digest])


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
    tables: dict[str, Path | None]
    truth: TruthColumns | None = None
    matches: Matches | None = None
    store: Store | None = None
    dataset: Dataset | None = None
    parts: Split | None = None
    side: str = ""

    def files(self, side: str | None) -> Met:
        """With ground truth from files."""
        self.truth = read_ground_truth(Path(self.reference), pictures=self.tables["pictures"], side=side)
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
        self.matches, clauses = self._match(self.notes, class_agnostic=class_agnostic)
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

    def ap_at(self, ious: list[float], most: int, class_agnostic: bool) -> dict[str, float]:
        """`ap@0.33` to AP at that IoU threshold alone, all areas."""
        thresholds = sorted({float(iou) for iou in ious})
        matches, _ = self._match(lambda _: None, ious=thresholds, max_detections=most, class_agnostic=class_agnostic)
        precision = Reducer(matches).curves(max_detections=most).precision
        return {f"ap@{iou:g}": mean_defined(precision[i]) for i, iou in enumerate(thresholds)}

    def views(self, folder: Path) -> dict[str, Any]:
        """What the page shows."""
        assert self.truth is not None and self.matches is not None
        if self.dataset is not None and self.store is not None:
            return pictures_of_dataset(self.truth, self.matches, self.store, self.dataset)
        return pictures_of_files(self.truth, self.matches, folder)

    def _match(self, tell: Any, **options: Any) -> tuple[Matches, Any]:
        if self.dataset is None:
            assert self.truth is not None
            return match_files(
                self.truth, self.detections, spec=self.spec, how=self.how, tell=tell, **self.tables, **options
            )
        matches, clauses, self.truth = match_stored(
            self.dataset, self.detections, parts=self.parts, side=self.side, spec=self.spec, how=self.how, tell=tell,
            **options,
        )  # fmt: skip
        return matches, clauses


def _check_options(
    of_files: bool,
    foreign: bool,
    *,
    split: Mapping[str, object],
    tables: Mapping[str, object],
    of_detections: Mapping[str, object],
) -> None:
    """InputError where an option would do nothing with what is judged."""
    if of_files:
        refuse_given(split, of_files=True)
    else:
        refuse_given({**({} if foreign else of_detections), **tables}, of_files=False)


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
