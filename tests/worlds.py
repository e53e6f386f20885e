"""Tiny worlds, written by hand: pictures, rows, and one small artifact of every kind.

Builders take only what a test cares about; everything else is ordinary and the same each time.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from boxwright.artifacts import (
    CORRECTION_SCHEMA,
    DRIFT_SCHEMA,
    EVENT_SCHEMA,
    QUEUE_SCHEMA,
    SUSPECT_SCHEMA,
    Agreement,
    Artifact,
    Bundle,
    Check,
    Checkpoint,
    Comparison,
    Contract,
    Corrections,
    Dataset,
    Drift,
    Events,
    Matches,
    OperatingPoint,
    Predictions,
    Report,
    ReviewQueue,
    Rollout,
    Split,
    Suspects,
    Verdict,
    detection_table,
)
from boxwright.artifacts.agreement import (
    AgreementFinding,
    AnnotatorFigures,
    AtIou,
    ClassAgreement,
    EdgeHabit,
    PairAgreement,
    RequiredAgreement,
    Resemblance,
    Separated,
    SliceAgreement,
    Tally,
)
from boxwright.artifacts.calibration import ClassCalibration
from boxwright.artifacts.checkpoint import TrainingHistory, ValLook
from boxwright.artifacts.comparison import AlarmChanges, ComparedMetric, ComparedSlice, CostPair, ObjectChanges
from boxwright.artifacts.drift import DriftSummary
from boxwright.artifacts.operating_point import Chosen, ConditionEvidence
from boxwright.artifacts.report import (
    AtThreshold,
    CalibrationError,
    CertifiedPrecision,
    Claim,
    ClassMetrics,
    ClassScores,
    Confusion,
    Crowding,
    Curves,
    ErrorCost,
    ErrorCosts,
    LrpError,
    MissedBy,
    OperatingMetrics,
    OptimalLrp,
    OverlapBin,
    ReliabilityBin,
    ScoreCalibration,
    SliceResult,
    Support,
    Thinned,
    VocClass,
    VocMetrics,
    WeakSlice,
    WeakSlices,
)
from boxwright.artifacts.resampled import Resampled
from boxwright.artifacts.review_queue import Selection
from boxwright.artifacts.split import SplitSummary
from boxwright.artifacts.suspects import SuspectGroup, SuspectTally
from boxwright.detections import DetectionColumns, Detections
from boxwright.spec import Observed, Spec
from boxwright.spec.spec import OutputClause
from boxwright.store import digest_of_bytes

NAMES = ("carton", "pouch")
DAY = 1_750_000_000.0
Box = Sequence[float]


def digest_of(text: str) -> str:
    """A digest to point at, as if an artifact called `text` had it."""
    return digest_of_bytes(text.encode())


def picture(height: int, width: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """(height, width, 3) smooth picture without any symmetry, so that every turn of it differs."""
    y, x = np.mgrid[:height, :width]
    shift = 17 * seed
    channels = [x * 200 // width + shift, y * 150 // height + 50, (x + 2 * y) * 120 // (width + 2 * height) + shift]
    return np.stack(channels, axis=-1).astype(np.uint8)


def encoded(pixels: NDArray | Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """The picture as a file of a format."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def spec(**sections: Any) -> Spec:
    """A spec for NAMES with some sections given."""
    return Spec.model_validate({"name": "line", "classes": [{"name": name} for name in NAMES], **sections})


def row(
    image_id: int,
    boxes: Sequence[Box] = (),
    *,
    classes: Sequence[int] | None = None,
    ids: Sequence[int] | None = None,
    picture: str | None = None,
    side: str = "",
    **conditions: Any,
) -> dict[str, Any]:
    """One picture of a dataset; annotation ids are 10 * image_id and on."""
    n = len(boxes)
    return {
        "image_id": image_id,
        "file_name": f"{image_id:03}.jpg",
        "picture": digest_of(f"picture {image_id}") if picture is None else picture,
        "width": 100,
        "height": 80,
        "side": side,
        "labelled": True,
        "conditions": json.dumps(conditions, sort_keys=True),
        "annotation_id": list(ids) if ids is not None else [10 * image_id + k for k in range(n)],
        "class_id": list(classes) if classes is not None else [0] * n,
        **{name: [float(box[k]) for box in boxes] for k, name in enumerate(("x1", "y1", "x2", "y2"))},
        "area": [float((box[2] - box[0]) * (box[3] - box[1])) for box in boxes],
        "crowd": [False] * n,
        "ignore": [False] * n,
        "attributes": ["{}"] * n,
    }


def dataset(rows: list[dict[str, Any]], *, name: str = "line") -> Dataset:
    """A dataset of some rows."""
    return Dataset.from_rows(rows, name=name, class_names=NAMES, provenance={"format": "by hand"})


def corrections(answers: Mapping[str, tuple[Sequence[Box], Sequence[int]]]) -> Corrections:
    """Answers: digest of a picture to its boxes and their classes."""
    rows = [
        {
            "item": f"item-{k}", "picture": digest, "file_name": f"seen/{k}.jpg", "width": 100, "height": 80,
            "conditions": json.dumps({"camera": "cam-9"}), "reviewer": "ann", "answered_at": DAY, "in_time": True,
            "class_id": list(classes), "ignore": [False] * len(boxes),
            **{name: [float(box[i]) for box in boxes] for i, name in enumerate(("x1", "y1", "x2", "y2"))},
        }
        for k, (digest, (boxes, classes)) in enumerate(answers.items())
    ]  # fmt: skip
    return Corrections(class_names=NAMES, answers=pa.Table.from_pylist(rows, schema=CORRECTION_SCHEMA))


def events(
    detections: Sequence[Detections],
    *,
    pictures: Sequence[str] | None = None,
    cameras: Sequence[str] | None = None,
    brightness: float = 100.0,
    latency_ms: float = 10.0,
) -> Events:
    """One event per entry of `detections`, ten seconds apart."""
    n = len(detections)
    rows = [
        {
            "event_id": f"event-{k}", "at": DAY + 10 * k, "bundle": digest_of("bundle"),
            "picture": pictures[k] if pictures is not None else digest_of(f"seen {k}"), "file_name": f"seen/{k}.jpg",
            "camera": cameras[k] if cameras is not None else "cam-1", "width": 100, "height": 80,
            "brightness": brightness, "contrast": 20.0, "sharpness": 5.0, "latency_ms": latency_ms,
            "detections": len(detections[k]),
        }
        for k in range(n)
    ]  # fmt: skip
    return Events(
        class_names=NAMES,
        events=pa.Table.from_pylist(rows, schema=EVENT_SCHEMA),
        detections=detection_table(DetectionColumns.from_list(list(detections))),
    )


def seen(*scores: float) -> Detections:
    """Detections with these scores, side by side, of class 0."""
    boxes = np.array([[10 * k, 10, 10 * k + 8, 30] for k in range(len(scores))], float).reshape(-1, 4)
    return Detections(boxes, np.array(scores), np.zeros(len(scores)))


def queue_item(
    item: str, *, picture: str, file_name: str, camera: str = "cam-1", due_at: float = DAY
) -> dict[str, Any]:
    """One row of a review queue."""
    return {
        "item": item, "picture": picture, "file_name": file_name, "camera": camera, "priority": "P2",
        "reason": "uncertain", "value": 0.5, "selected_at": DAY - 3600, "due_at": due_at, "proposal": "{}",
    }  # fmt: skip


def queue(items: list[dict[str, Any]]) -> ReviewQueue:
    """A queue of some items."""
    return ReviewQueue(
        class_names=NAMES,
        items=pa.Table.from_pylist(items, schema=QUEUE_SCHEMA),
        summary=Selection(seed=0, chosen={"novel": 1}),
    )


def _agreement() -> Agreement:
    found = Observed(0.9, 0.8, None, 3)
    edges = {"left": EdgeHabit(share=0.01, px=0.5)}
    of_pair = dict.fromkeys(("alpha", "f1", "f1_class", "mean_iou", "kappa"), found)
    return Agreement(
        title="a, b", annotators=("a", "b"), class_names=("carton", "pouch"), iou_threshold=0.5,
        figures={"alpha": found, "f1": found},
        tally=Tally(pictures=2, pictures_of_several=2, boxes={"a": 2, "b": 1}, objects=3, drawn_by_all=1, too_far_off=0,
                    of_one_class=1),
        over_iou=(AtIou(iou_threshold=0.5, alpha=found, f1=found, f1_class=found),),
        per_class={"carton": ClassAgreement(alpha=found, f1=found, mean_iou=found, boxes={"a": 2, "b": 1})},
        slices=(SliceAgreement(condition="size", value="8+ px", objects=3, alpha=found, f1=found, f1_class=found,
                               mean_iou=found),),
        people={"a": AnnotatorFigures(pictures=2, boxes=2, alone=1, lacks=0, edges=edges, vitality=found),
                "b": AnnotatorFigures(pictures=2, boxes=1, alone=0, lacks=1)},
        pairs=(PairAgreement(a="a", b="b", both=1, only_a=1, only_b=0, same_class=1, **of_pair),),
        separation=Separated(iou_threshold=0.5, found=False, ks=None, observed=(1.0, 0.0), expected=(0.5, 0.5)),
        required=RequiredAgreement(figure="alpha", least=0.8, judged_on="bound", found=found, status="no evidence", note=""),
        findings=(AgreementFinding(kind="rule", axis="class", value="carton", sentence="say it", support=3,
                                   measured={"rate": 0.5}),),
        resampling=Resampled(unit="picture", groups=2, replicates=1000, confidence=0.95),
        resemblance=Resemblance(correlation=0.2, too_narrow=False),
        facts={"sources": {"a": "a.json"}},
        differences=pa.table({"image": [0, 1], "boxes": pa.array([[1.0, None], []], pa.list_(pa.float64())), "iou": [0.4, None]}),
        made_from={"annotations[a]": digest_of("a")},
    )  # fmt: skip


def one_of_each_kind(folder: Path) -> dict[str, Artifact]:
    """Kind to a small artifact that holds something in every part; files are written under `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    made = (
        dataset([row(1, [(1, 2, 30, 40), (5, 6, 7.5, 8)], classes=[0, 1], camera="a"), row(2), row(3, [(0, 0, 9, 9)])]),
        Split(
            image_ids=np.array([1, 2, 3]),
            side=("train", "val", "test"),
            group=("a", "b", "c"),
            summary=SplitSummary(seed=0, groups={"train": 1}),
            made_from={"dataset": digest_of("dataset")},
        ),
        _checkpoint(folder),
        _bundle(folder),
        OperatingPoint(
            score_thresholds={"carton": 0.3, "pouch": 0.45},
            rule={"choose": "best_f1"},
            observed={"carton": Chosen(0.9, None, None, 4, rule_kept=True)},
            calibration={"carton": ClassCalibration(method="isotonic", x=(0.1, 0.9), y=(0.0, 1.0), detections=20, true=7)},
            condition_thresholds={"camera": {"cam-1": {"carton": 0.2}}},
            condition_evidence={"camera": {"cam-1": {"carton": ConditionEvidence(True, "", 0.5, 0.4, gain=0.1)}}},
            most_answered={"*": 9, "carton": 5},
            made_from={"bundle": digest_of("bundle")},
        ),
        _predictions(),
        _matches(),
        _report(),
        _comparison(),
        Verdict(
            spec_name="line",
            bundle=digest_of("bundle"),
            checks=(
                Check("ap50 >= 0.7", 0.7, 0.8, 0.75, 0.85, "met"),
                Check("recall >= 0.9", 0.9, None, None, None, "no evidence", "no objects"),
            ),
            looks={"gold": (digest_of("bundle"),)},
            made_from={"report": digest_of("report")},
        ),
        Rollout(
            primary=digest_of("bundle"), previous=digest_of("older"), verdict=digest_of("verdict"),
            previous_verdict=None, number=2, made_from={"bundle": digest_of("bundle")},
        ),
        events([seen(0.9, 0.2), seen(), seen(0.5)]),
        _drift(),
        queue([queue_item("e1", picture=digest_of("p1"), file_name="a.jpg"),
               queue_item("e2", picture=digest_of("p2"), file_name="")]),
        corrections({digest_of("p1"): ([(1, 2, 3, 4)], [1]), digest_of("p2"): ([], [])}),
        _agreement(),
        _suspects(),
    )  # fmt: skip
    return {artifact.kind: artifact for artifact in made}


def _suspects() -> Suspects:
    rows = [
        {"image_id": 1, "file_name": "a.jpg", "annotation_id": 10, "detection": 4, "kind": "location", "score": 0.9, "x1": 1.0,
         "y1": 2.0, "x2": 30.0, "y2": 40.0, "class_id": 0, "proposed_class_id": None, "proposed_box": [3.0, 2.0, 33.0, 41.0]},
        {"image_id": 2, "file_name": "b.jpg", "annotation_id": None, "detection": 7, "kind": "missing", "score": 0.25, "x1": 5.0,
         "y1": 6.0, "x2": 7.5, "y2": 8.0, "class_id": None, "proposed_class_id": 1, "proposed_box": [5.0, 6.0, 7.5, 8.0]},
    ]  # fmt: skip
    return Suspects(
        class_names=NAMES, rows=pa.Table.from_pylist(rows, schema=SUSPECT_SCHEMA), groups=(SuspectGroup("location", "carton", None, None, None, 6, 40, 2.5, 0.5),),
        summary=SuspectTally(2, 3, 4, 2, 0.5, {"location": 1, "missing": 0}, seed=0), made_from={"dataset": digest_of("dataset")},
    )  # fmt: skip


def _file(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _checkpoint(folder: Path) -> Checkpoint:
    return Checkpoint(
        weights=_file(folder / "weights.safetensors", b"weights"),
        class_names=NAMES,
        recipe={"training": {"steps": 3}},
        history=TrainingHistory(looks=(ValLook(1, 0.5, 0.25, 2.0),), steps=1),
        made_from={"dataset": digest_of("dataset"), "split": digest_of("split")},
    )


def _bundle(folder: Path) -> Bundle:
    return Bundle(
        model=_file(folder / "model.onnx", b"a model of no use"),
        contract=Contract(
            class_names=NAMES, input_hw=(64, 96), output=OutputClause(), score_thresholds={"carton": 0.3},
            parity={"least_iou": 0.999}, training_side_px={"p50": 20.0}, spec_name="line",
        ),
        golden={
            "golden/0.jpg": _file(folder / "golden" / "0.jpg", b"a picture"),
            "golden/answers.json": _file(folder / "golden" / "answers.json", b"[]"),
        },
        made_from={"checkpoint": digest_of("checkpoint")},
    )  # fmt: skip


def _predictions() -> Predictions:
    images = {
        "image_id": np.array([1, 2, 3]), "file_name": ["001.jpg", "002.jpg", "003.jpg"],
        "detections": np.array([2, 0, 1]), "latency_ms": [10.0, 11.5, 9.0], "brightness": [90.0, 100.0, 110.0],
        "contrast": [20.0, 21.0, 22.0], "sharpness": [4.0, 5.0, 6.0],
    }  # fmt: skip
    return Predictions(
        class_names=NAMES,
        images=pa.table(images),
        detections=detection_table(DetectionColumns.from_list([seen(0.9, 0.2), seen(), seen(0.5)])),
        measured_on={"hardware": "none", "threads": 1, "memory_mb": 12.5},
        made_from={"bundle": digest_of("bundle")},
    )


def _matches() -> Matches:
    corners = {name: [1.0, 2.0] for name in ("x1", "y1", "x2", "y2")}
    return Matches(
        class_names=NAMES,
        iou_thresholds=(0.5, 0.75),
        area_names=("all", "small"),
        images=pa.table({"image_id": [1, 2], "file_name": ["a", "b"], "group": ["g", "h"], "camera": ["c", None]}),
        detections=pa.table(
            {"image": [0, 1], "class_id": [0, 1], "score": [0.9, 0.1], **corners, "rank": [0, 0],
             "hit": np.array([3, 0], np.uint64), "ignored": np.array([0, 1], np.uint64), "annotation": [0, -1],
             "iou": [0.8, 0.0], "nearest": [0, -1], "nearest_iou": [0.8, 0.0], "other": [-1, 0], "other_iou": [0.0, 0.2]}
        ),
        objects=pa.table(
            {"image": [0, 1], "class_id": [0, 1], "annotation_id": [10, 20], **corners, "area": [4.0, 9.0],
             "left_out": np.array([0, 2], np.uint64), "ignore": [False, True], "crowd": [False, False],
             "detection": [0, -1]}
        ),
        made_from={"predictions": digest_of("predictions"), "dataset": digest_of("dataset")},
    )  # fmt: skip


def _report() -> Report:
    found = Observed(0.8, 0.7, None, 40)
    error = CalibrationError(value=0.05, low=0.01, high=0.09, null=0.02)
    point = AtThreshold(
        precision=0.9, recall=0.8, f1=None, false_alarms_per_image=0.5, true=9, false=1, objects=12, score_threshold=0.3
    )
    return Report(
        title="candidate on test",
        class_names=NAMES,
        metrics={"ap": 0.5, "ap_small": -1.0},
        per_class={
            "carton": ClassMetrics(ap=0.5, ap50=0.8, ap75=0.4, ar100=0.6, objects=40),
            "pouch": ClassMetrics(ap=-1.0, ap50=-1.0, ap75=-1.0, ar100=-1.0, objects=0),
        },
        operating=OperatingMetrics(
            all=replace(point, score_threshold=None), per_class={"carton": point},
            condition_thresholds={"camera": {"a": {"carton": 0.2}}},
        ),
        confusion=Confusion(labels=(*NAMES, "background"), counts=((1, 0, 0), (0, 2, 0), (0, 0, 0)), rule="greedy"),
        slices=tuple(
            SliceResult(condition="camera", value=value, images=2, objects=n, ap50=of, precision=of, recall=of, errors={"Cls": n})
            for value, n, of in (("a", 40, found), ("b", 0, Observed(None)))
        ),
        observed={"ap50": found},
        curves=Curves(recall=(0.0, 1.0), precision={"carton": (1.0, 0.5)}),
        measured={"latency_p95_ms": 12.0},
        support=Support(images=3, objects=40, detections=50, groups=3),
        intervals={"ap50": found},
        resampling=Resampled(unit="group", groups=3, replicates=1000, confidence=0.95),
        errors=ErrorCosts(
            kinds={"Cls": ErrorCost(name="wrong class", dap=1.0, low=None, high=None, share=2.0, count=3)},
            ap50=80.0, per_class={"carton": {"Cls": 2.0}}, rule="TIDE",
        ),
        calibration=ScoreCalibration(
            d_ece=error,
            per_class={"carton": ClassScores(d_ece=error, laece0=error, laace0=CalibrationError(), detections=50)},
            reliability=(ReliabilityBin(class_name=None, low=0.0, high=0.1, count=5, mean_score=0.05, precision=0.1),),
        ),
        olrp=OptimalLrp(all=LrpError(olrp=0.4), per_class={"carton": LrpError(olrp=0.4), "pouch": LrpError()}),
        voc=VocMetrics(
            ap_11_points=0.7, ap_all_points=0.71,
            per_class={"carton": VocClass(ap_11_points=0.7, ap_all_points=0.71), "pouch": VocClass()},
        ),
        weak_slices=WeakSlices(
            found=(WeakSlice(what="missed", slice={"camera": "a"}, support=40, groups=3, rate=0.4, elsewhere=0.1,
                             excess=12.0, p=0.01),),
            searched=12, rate=0.1,
        ),
        crowding=Crowding(
            by_overlap=(OverlapBin(low=0.0, high=0.1, objects=12, found=11, threshold=1, suppression=0, model=0),),
            missed=MissedBy(threshold=1),
            sweep=(Thinned(iou_threshold=0.3, duplicates_removed=1, other_false_removed=0, true_removed=0),),
            iou_threshold=0.6,
        ),
        certificates=(
            CertifiedPrecision(
                class_name=None, certified_precision=0.8, observed=0.9, confidence=0.95, units=3, images=3, detections=10,
                cap=100, beyond_cap=0, if_independent=0.85,
                claims=(Claim(precision=0.8, certified=True, e_value=30.0, more_units=0, more_images=0, note=""),),
            ),
        ),
        failures=pa.table({"kind": ["miss", "false alarm"], "severity": [0.9, 0.1], "image_id": [1, 2]}),
        made_from={"matches": digest_of("matches")},
    )  # fmt: skip


def _comparison() -> Comparison:
    found = ComparedMetric(
        key="ap50", metric="ap50", class_name=None, conditions={}, a=0.7, b=0.8, difference=0.1, low=0.02, high=None,
        support=40, verdict="no significant difference",
    )  # fmt: skip
    return Comparison(
        title_a="in service",
        title_b="candidate",
        class_names=NAMES,
        metrics=(found,),
        objects={"all": ObjectChanges(fixed=1, broken=0, still_missed=2, both_found=3)},
        false_alarms={"all": AlarmChanges(gone=1, new=0, still_there=2)},
        slices=(
            ComparedSlice(
                condition="camera", value="a", objects=3, ap50=found, precision=found, recall=found, fixed=1, broken=0,
                gone=1, new=0,
            ),
        ),
        error_types={"Cls": CostPair(a=1.5, b=0.5)},
        resampling=Resampled(unit="group", groups=8, replicates=1000, confidence=0.95),
        judged_on=digest_of("pictures"),
        changed=pa.table({"what": ["object"], "change": ["fixed"], "image_id": [1]}),
        made_from={"matches_a": digest_of("a"), "matches_b": digest_of("b")},
    )  # fmt: skip


def _drift() -> Drift:
    rows = [
        {"window": k, "begins": DAY, "ends": DAY + 60, "slice": "all", "feature": "brightness", "events": 50,
         "reference": 100.0, "value": 100.0 + k, "effect": 0.1 * k, "p_value": 0.5, "limit": 0.3, "alarm": k == 1}
        for k in range(2)
    ]  # fmt: skip
    return Drift(
        rows=pa.Table.from_pylist(rows, schema=DRIFT_SCHEMA),
        summary=DriftSummary(outcome="alarm", windows=2, alarms=("window 1: brightness",)),
        made_from={"events": digest_of("events")},
    )


def answering_bundle(folder: Path, *, thresholds: Mapping[str, float] | None = None, **contract: Any) -> Bundle:
    """A bundle that loads and gives every image the same three boxes: scores 0.9, 0.3 (carton) and 0.06 (pouch)."""
    from onnx import TensorProto, helper, numpy_helper, save

    boxes = np.array([[[2, 2, 12, 12], [16, 4, 28, 14], [4, 18, 14, 30]]], np.float32)
    scores = np.array([[[0.9, 0], [0.3, 0], [0, 0.06]]], np.float32)
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value, name))
        for name, value in (("boxes", boxes), ("scores", scores))
    ]
    given = [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 32, 32, 3])]
    asked = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, list(v.shape))
        for n, v in (("boxes", boxes), ("scores", scores))
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "same", given, asked), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 9
    folder.mkdir(parents=True, exist_ok=True)
    save(model, folder / "model.onnx")
    kept = None if thresholds is None else dict(thresholds)
    made = Contract(class_names=NAMES, input_hw=(32, 32), output=OutputClause(), score_thresholds=kept, **contract)
    return Bundle(model=folder / "model.onnx", contract=made)
