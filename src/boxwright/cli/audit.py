"""`boxwright audit`: labels that are probably wrong, from a results file, a bundle, or models trained out of fold."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from boxwright.artifacts import Bundle, Dataset, Predictions, Suspects
from boxwright.boxes import xyxy_from_xywh
from boxwright.cli.documents import SetOption, because, read_those_given
from boxwright.cli.grouped import grouped
from boxwright.cli.options import DetectionFiles, Output
from boxwright.cli.pictures import picture_reader
from boxwright.cli.progress import Bars, say
from boxwright.cli.suspect_lines import suspect_lines
from boxwright.cli.terminal import STORE, StoreOption, find, give, open_store, write_page
from boxwright.detections import AnnotationColumns, DetectionColumns, offsets_from_counts
from boxwright.errors import InputError
from boxwright.images import read_picture
from boxwright.ingestion import How, TruthColumns, read_conditions, read_predictions, read_truth
from boxwright.ingestion.finding import load_json
from boxwright.labels.audit import (
    SURE_FROM,
    AuditedImages,
    answer_sheet,
    apply_answers,
    read_sheet,
    sheet_text,
    suspects,
)
from boxwright.lifecycle import Stages, predict_dataset
from boxwright.lifecycle.out_of_fold import out_of_fold
from boxwright.lifecycle.suspected import axes_of, suspect_queue, suspects_of
from boxwright.pages import suspects_page
from boxwright.spec import Spec
from boxwright.spec.spec import seconds_from
from boxwright.store import Steps, Store, write_bytes
from boxwright.training import Recipe

_DUE_IN = 3 * 86400.0
_FOLDS = 3

Reader = Callable[[int], NDArray | None]


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("audit")(audit)


@dataclass(frozen=True)
class OutOfFold:
    """With a dataset: the spec's due times, and how detectors are trained where none is given."""

    spec: Annotated[Path | None, typer.Option("--spec", help="With a data set: due times; needed to train.")] = None
    recipe: Annotated[Path | None, typer.Option("--recipe", help="Without detections: how to train, out of fold.")] = (
        None
    )
    folds: Annotated[
        int | None, typer.Option("--folds", min=2, help=f"Without detections: parts; {_FOLDS} where not given.")
    ] = None
    values: SetOption = None
    queue: Annotated[bool, typer.Option("--queue", help="With a data set: also make a review queue.")] = False

    @property
    def given(self) -> bool:
        """Whether any of it was."""
        return bool(self.spec or self.recipe or self.folds or self.values)


@dataclass(frozen=True)
class Answers:
    """With COCO files: sheets for a person's answers, and what comes of them."""

    answers_to: Annotated[
        Path | None, typer.Option("--answers-to", help="COCO files: sheet for answers, .csv or .json.")
    ] = None
    answers: Annotated[
        Path | None, typer.Option("--answers", help="COCO files: the sheet with a person's answers.")
    ] = None
    corrected: Annotated[
        Path | None, typer.Option("--corrected", help="With --answers: ground truth with what was answered.")
    ] = None

    def check(self, *, auditing: bool) -> None:
        """InputError where they do not go together, or with an audit."""
        if (self.answers is None) != (self.corrected is None):
            raise InputError(
                "--answers FILE and --corrected OUT go together: what was answered, and where to write it."
            )
        if self.answers and (auditing or self.answers_to):
            raise InputError(
                "--answers and --corrected apply answers and audit nothing; leave out --page, --out and what else an audit takes."
            )
        if self.answers_to and self.answers_to.exists():
            raise InputError(
                f"'{self.answers_to}' is there already and may hold answers; name another file, or remove it."
            )

    def write(self, found: Suspects, least_score: float) -> None:
        """The sheet, where one is asked for."""
        if self.answers_to:
            sheet = answer_sheet(found, least_score=least_score)
            as_csv = self.answers_to.suffix.lower() == ".csv"
            write_bytes(self.answers_to, sheet_text(sheet, as_csv=as_csv).encode())
            say(f"answers: {self.answers_to} ({len(sheet)} suspects)")


@dataclass(frozen=True)
class Suspicion:
    """How suspects are found, and which are worth an answer; COCO files also say what they are grouped by."""

    conditions: Annotated[
        Path | None, typer.Option("--conditions", help="COCO files: CSV or Parquet to group by; file name first.")
    ] = None
    pictures: Annotated[Path | None, typer.Option("--pictures", help="COCO files: folder of the pictures.")] = None
    least_score: Annotated[
        float, typer.Option("--least-score", min=0, max=1, help="Suspects that go to the queue or the answer sheet.")
    ] = SURE_FROM
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the planted errors it learns from.")] = 0


@dataclass(frozen=True)
class _Audited:
    """The suspects, how their pictures are read, and what went into a queue."""

    found: Suspects
    read: Reader
    queued: dict[str, Any]


@grouped
def audit(
    truth: Annotated[str, typer.Argument(help="COCO ground truth, or data set of the store.")],
    training: OutOfFold,
    suspicion: Suspicion,
    files: DetectionFiles,
    sheets: Answers,
    output: Output,
    detections: Annotated[
        str | None, typer.Argument(help="COCO results of a detector that did not learn these labels, or a bundle.")
    ] = None,
    store: StoreOption = STORE,
) -> None:
    """List boxes that are probably labelled wrong, most suspicious first; nothing is changed without an answer."""
    sheets.check(auditing=bool(output.page or output.out or suspicion.conditions or suspicion.pictures))
    if Path(truth).is_file():
        _refuse_of_store(training)
        if sheets.answers and sheets.corrected:
            _correct(Path(truth), sheets.answers, sheets.corrected, as_json=output.as_json)
            return
        audited = _audit_files(Path(truth), detections, suspicion, files)
    else:
        _refuse_of_files(suspicion, files, sheets, detections is not None and bool(training.recipe or training.folds))
        audited = _audit_stored(store, truth, detections, training, suspicion)
    found, queued = audited.found, audited.queued
    output.save(found)
    sheets.write(found, suspicion.least_score)
    if output.page:
        write_page(output.page, suspects_page(found, read_picture=audited.read))
    lines = [*suspect_lines(found), *([f"queue: {queued['queued']} pictures"] if queued else []), found.digest]
    give({**as_document(found), **queued}, as_json=output.as_json, lines=lines)


def _refuse_of_store(training: OutOfFold) -> None:
    """InputError where an option is for datasets of the store."""
    if training.queue:
        raise InputError("--queue is for a data set of the store; for COCO files use --answers-to FILE.")
    if training.given:
        raise InputError(
            "--spec, --recipe, --set and --folds are for a data set of the store; with COCO files they do nothing."
        )


def _refuse_of_files(suspicion: Suspicion, files: DetectionFiles, sheets: Answers, trains_beside: bool) -> None:
    """InputError where an option is for COCO files."""
    if sheets.answers_to or sheets.answers or suspicion.pictures or suspicion.conditions:
        raise InputError(
            "--answers-to, --answers, --pictures and --conditions are for COCO files; a data set of the store has its own "
            "pictures and conditions, and its answers come through --queue and `boxwright review`."
        )
    if files != DetectionFiles():
        raise InputError("--match-by, --category-ids and --classes say how a file of detections is read; here is none.")
    if trains_beside:
        raise InputError("--recipe and --folds train detectors of their own; leave them out where a bundle is given.")


def _audit_files(truth: Path, detections: str | None, suspicion: Suspicion, files: DetectionFiles) -> _Audited:
    if detections is None:
        raise InputError("COCO ground truth is audited with a results file; give it after the ground truth.")
    columns = read_truth(truth)
    for note in columns.notes:
        say(note)
    folder = suspicion.pictures or truth.parent
    found = _of_files(columns, Path(detections), suspicion.conditions, suspicion.seed, files.how(folder))
    return _Audited(found, _by_id(columns, picture_reader(columns, folder)), {})


def _audit_stored(
    store: Path, truth: str, detections: str | None, training: OutOfFold, suspicion: Suspicion
) -> _Audited:
    _not_a_path(Path(truth))
    opened, data = open_store(store), find(store, truth, Dataset)
    promise, method = read_those_given(training.spec, training.recipe, training.values)
    folds = training.folds or _FOLDS
    found = _of_store(opened, store, data, detections, promise, method, folds, suspicion.seed)
    opened.put(found, name=f"suspects/{data.name}", reason=because("audit", training.values))
    if not training.queue:
        return _Audited(found, _of_pictures(opened, data), {})
    due_in = seconds_from(promise.review.due["P2"]) if promise else _DUE_IN
    made = suspect_queue(found, data, due_in=due_in, least_score=suspicion.least_score)
    queue = opened.put(made, name=f"review/suspects-{data.name}", reason="audit")
    return _Audited(found, _of_pictures(opened, data), {"review_queue": queue, "queued": len(made)})


def as_document(found: Suspects) -> dict[str, Any]:
    """The suspects as one JSON object: what `--json` prints."""
    document = found.parts().document
    return {
        "suspects": [_record(row, found.class_names) for row in found.rows.to_pylist()],
        "groups": document["groups"],
        **document["summary"],
        "digest": found.digest,
        "made_from": dict(found.made_from),
    }


def _record(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    record = {
        "image": row["image_id"],
        "file_name": row["file_name"],
        "annotation_id": row["annotation_id"],
        "detection": row["detection"],
        "kind": row["kind"],
        "score": round(row["score"], 6),
        "box_xyxy": [row[corner] for corner in ("x1", "y1", "x2", "y2")],
    }
    if row["class_id"] is not None:
        record["class_name"] = names[row["class_id"]]
    if row["proposed_class_id"] is not None:
        record["proposed_class_name"] = names[row["proposed_class_id"]]
    if row["proposed_box"] is not None:
        record["proposed_box_xyxy"] = row["proposed_box"]
    return record


def _of_files(truth: TruthColumns, results: Path, conditions: Path | None, seed: int, how: How) -> Suspects:
    if not truth.file_names:
        raise InputError("The ground truth lists no image; there is nothing to audit.")
    predicted = read_predictions(results, truth, how)
    for sentence in predicted.told:
        say(sentence)
    found = predicted.columns
    extra = read_conditions(conditions) if conditions else {}
    told = [extra.get(name) or extra.get(Path(name).name) or {} for name in truth.file_names]
    if extra and not any(told):
        raise InputError(
            f"'{conditions}' holds none of the pictures; its first column must be their file name, such as "
            f"'{truth.file_names[0]}'."
        )
    pictures = len(truth.file_names)
    order, rows = np.argsort(truth.image, kind="stable"), np.argsort(found.image, kind="stable")
    boxes = _upright(xyxy_from_xywh(truth.boxes_xywh))
    annotations = AnnotationColumns(
        offsets=offsets_from_counts(np.bincount(truth.image, minlength=pictures)),
        boxes_xyxy=boxes[order], class_id=truth.class_id[order], area=truth.area[order], crowd=truth.crowd[order],
        ignore=truth.crowd[order], annotation_id=truth.annotation_id[order],
    )  # fmt: skip
    detections = DetectionColumns(
        offsets=offsets_from_counts(np.bincount(found.image, minlength=pictures)),
        boxes_xyxy=_upright(xyxy_from_xywh(found.boxes_xywh))[rows], score=found.score[rows],
        class_id=found.class_id[rows],
    )  # fmt: skip
    return suspects(
        annotations, detections, class_names=truth.class_names, detection_rows=rows, seed=seed,
        images=AuditedImages(truth.image_ids, truth.file_names, truth.sizes_hw, axes_of(truth.file_names, told)),
    )  # fmt: skip


def _upright(boxes: NDArray) -> NDArray:
    """Boxes with x1 <= x2 and y1 <= y2; one of negative size has none."""
    return np.concatenate([boxes[:, :2], np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1)


def _of_store(
    opened: Store, place: Path, data: Dataset, bundle: str | None, spec: Spec | None, recipe: Recipe | None,
    folds: int,
    seed: int,
) -> Suspects:  # fmt: skip
    with Bars().shown() as bars:
        do = Steps(opened, say, bars.waiting)
        if bundle is not None:
            loaded = find(place, bundle, Bundle)
            ids = data.image_ids[data.rows.column("labelled").to_numpy(zero_copy_only=False)]

            def predict(bundle: Bundle, data: Dataset) -> Predictions:
                return predict_dataset(opened, bundle, data, ids, lambda done, of: bars("predict", done, of))

            return suspects_of(data, [do(Predictions, "predict to audit", predict, loaded, data)], seed=seed)
        if spec is None or recipe is None:
            raise InputError(
                "A data set is audited with a bundle that did not learn these labels, or with --spec and --recipe, to train "
                "out of fold."
            )
        stages = Stages(opened, spec, recipe, place / "work", bars)
        return suspects_of(data, out_of_fold(do, stages, data, spec, folds=folds, say=say), seed=seed)


def _not_a_path(truth: Path) -> None:
    """InputError for what is meant as a file and is none; a store would only say that it has no such name."""
    if truth.is_dir() and not (truth / "manifest.json").is_file():
        raise InputError(
            f"'{truth}' is a folder; audit a COCO file (`boxwright convert '{truth}' OUT --to coco`) or a data set of the store."
        )
    if truth.suffix.lower() == ".json":
        raise InputError(
            f"'{truth}' does not exist; give COCO ground truth, or a data set of the store such as dataset/NAME."
        )


def _correct(truth: Path, answers: Path, corrected: Path, *, as_json: bool) -> None:
    if corrected.exists() and (corrected.samefile(truth) or (answers.exists() and corrected.samefile(answers))):
        raise InputError(f"--corrected '{corrected}' is one of the files it is made from; name another file.")
    read_truth(truth)  # complains of what is wrong with it
    made = apply_answers(load_json(truth), read_sheet(answers))
    write_bytes(corrected, (json.dumps(made.tree, ensure_ascii=False) + "\n").encode())
    counts = {name: getattr(made, name) for name in ("added", "removed", "relabelled", "moved", "left")}
    line = f"added {made.added}, removed {made.removed}, relabelled {made.relabelled}, moved {made.moved}, left as is {made.left}"
    give({"corrected": str(corrected), **counts}, as_json=as_json, lines=[line, str(corrected)])


def _by_id(truth: TruthColumns, at: Reader) -> Reader:
    position = {int(image): row for row, image in enumerate(truth.image_ids)}
    return lambda image: at(position[image])


def _of_pictures(store: Store, data: Dataset) -> Reader:
    digest_of = dict(zip(data.image_ids.tolist(), data.picture_digests, strict=True))

    def read(image: int) -> NDArray | None:
        digest = digest_of[image]
        if digest not in store.pictures:
            return None
        return read_picture(store.pictures.read(digest), name=digest[:12], bit_depth=data.bit_depth)

    return read
