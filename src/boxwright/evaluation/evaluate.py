"""From matches to a report: every figure is a reduction of the match tables.

Reads as the table of contents of an evaluation: match; COCO's figures; per class; at the operating point; confusion;
slices; what the spec's clauses ask, with intervals; error types and what to do about them; calibration; certificates; weak
slices; what suppression did; failures, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import Bundle, Dataset, Matches, Predictions, Report
from boxwright.errors import InputError
from boxwright.evaluation.average_precision import RECALL_POINTS, UNDEFINED, Reducer, coco_metrics, mean_defined
from boxwright.evaluation.calibration import calibration_figures
from boxwright.evaluation.certificate import certificates
from boxwright.evaluation.confusion import RULE, confusion
from boxwright.evaluation.diagnose import WORDS, Diagnosis, diagnose, tally
from boxwright.evaluation.error_types import error_types
from boxwright.evaluation.failures import failures
from boxwright.evaluation.match import match
from boxwright.evaluation.observe import AVERAGES, OF_POINT, Observer, observe
from boxwright.evaluation.olrp import olrp
from boxwright.evaluation.operating import answered, count, figures, least_scores
from boxwright.evaluation.remedies import advice
from boxwright.evaluation.sides import scored_of, truth_of
from boxwright.evaluation.slices import Axis, axis, picture_labels, standard_conditions
from boxwright.evaluation.suppression import suppression
from boxwright.evaluation.voc import voc_ap
from boxwright.evaluation.weak_slices import weak_slices
from boxwright.spec import Observed, Spec
from boxwright.spec.spec import ConditionClause
from boxwright.statistics import Resampling, replicates_for
from boxwright.store.digest import digest_of_bytes, digest_of_table

CONFIDENCE = 0.95
STEPS = ("curves", "weak slices", "calibration", "intervals", "error types", "slices", "certificates and failures")


def match_dataset(
    predictions: Predictions,
    dataset: Dataset,
    *,
    image_ids: NDArray,
    groups: Sequence[str],
    conditions: Sequence[ConditionClause] = (),
) -> Matches:
    """Match a bundle's predictions with a dataset's annotations on some pictures.

    Args:
        predictions: of at least these pictures.
        dataset: their annotations.
        image_ids: (n,) which pictures.
        groups: (n,) what may not straddle a split; intervals resample these.
        conditions: the spec's; kept as columns of the table `images`.
    """
    if predictions.class_names != dataset.class_names:
        raise InputError(
            f"The predictions are of the classes {', '.join(predictions.class_names)}, the data set has "
            f"{', '.join(dataset.class_names)}; they cannot be compared."
        )
    rows = dataset.positions(image_ids)
    sizes = dataset.sizes_hw[rows]
    known = [{"resolution": int(min(size)), **dataset.conditions[row]} for row, size in zip(rows, sizes, strict=True)]
    of_pictures = picture_labels(conditions, known)
    images = pa.table(
        {
            "image_id": np.asarray(image_ids, np.int64),
            "file_name": [dataset.file_names[row] for row in rows],
            "group": list(groups),
            "height": sizes[:, 0],
            "width": sizes[:, 1],
            **of_pictures,
        }
    )
    return match(
        truth_of(dataset, rows),
        scored_of(predictions, image_ids),
        class_names=dataset.class_names,
        images=images,
        made_from={"dataset": dataset.digest, "predictions": predictions.digest},
    )


def evaluate(
    matches: Matches,
    *,
    title: str,
    score_thresholds: Mapping[str, float],
    condition_thresholds: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None,
    spec: Spec | None = None,
    conditions: Sequence[ConditionClause] = (),
    predictions: Predictions | None = None,
    bundle: Bundle | None = None,
    covered: Mapping[str, Observed] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """The report of one set of matches.

    Args:
        matches: as `match` gives them, with COCO's thresholds and areas.
        title: what was evaluated on what.
        score_thresholds: class name to the least score that is answered.
        condition_thresholds: condition to value to class name to the least score that replaces it there.
        spec: whose conditions are sliced by and whose clauses are observed.
        conditions: to slice by where there is no spec.
        predictions: for latency and memory.
        bundle: for parity, suppression, and for the verdict to name.
        covered: counts of the spec's coverage clauses, see `coverage`.
        progress: told what is begun, one of STEPS each time.
    """
    progress("curves")
    reducer = Reducer(matches)
    metrics = coco_metrics(reducer)
    least = least_scores(matches, score_thresholds, condition_thresholds)
    passes = answered(matches, least)
    groups = matches.images.column("group").to_pylist()
    resampling = Resampling.of(groups, replicates=replicates_for(len(matches.detections)))
    weights = resampling.new if len(resampling.new) else None
    confidence = spec.acceptance.confidence if spec else CONFIDENCE
    clauses = (*(spec.conditions if spec else conditions),)
    clauses += standard_conditions(matches, clauses)
    axes = [axis(matches, clause) for clause in clauses]
    point = diagnose(matches, passes)
    progress("weak slices")
    weak = weak_slices(matches, point, axes, groups=groups)
    progress("calibration")
    calibrated = calibration_figures(matches, weights, confidence=confidence)
    observer = Observer(matches, reducer, passes, resampling, confidence=confidence)
    measured = {**measured_figures(predictions, bundle), "judged_on": judged_on(matches)}
    progress("intervals")
    observed = observe(observer, matches, spec, measured, calibrated)
    progress("error types")
    whole = observer.whole()
    types = error_types(
        matches,
        weights=observer.weightings(whole)[: 1 + len(resampling.new)] if len(resampling.new) else None,
        confidence=confidence,
        groups=float(observer.holding(whole).effective[-1]),
    )
    progress("slices")
    slices = tuple(slice_records(matches, observer, axes, point))
    progress("certificates and failures")
    suppressed_at = bundle.contract.output.suppression if bundle else None
    return Report(
        title=title,
        class_names=matches.class_names,
        metrics=metrics,
        per_class=per_class(reducer, matches),
        operating=operating(matches, passes, score_thresholds, condition_thresholds),
        confusion={
            "labels": [*matches.class_names, "background"],
            "counts": confusion(matches, passes).tolist(),
            "rule": RULE,
        },
        slices=slices,
        observed={key: asdict(figure) for key, figure in {**observed, **(covered or {})}.items()},
        curves=curves(reducer, matches),
        measured=measured,
        support={
            "images": len(matches.images),
            "objects": int(reducer.objects(area=0, weights=np.ones(reducer.images)).sum()),
            "detections": len(matches.detections),
            "groups": len(set(groups)),
        },
        intervals={
            key: {"value": metrics.get(key, figure.value) if figure.value is not None else None, "low": figure.low,
                  "high": figure.high, "these_low": figure.these_low, "these_high": figure.these_high, "support": figure.support}
            for key, figure in observed.items()
            if key in (*AVERAGES, *OF_POINT)
        },
        resampling={
            "unit": "picture" if resampling.single else "group",
            "groups": resampling.groups,
            "effective_groups": float(observer.holding(whole).effective[-1]),
            "largest_share": resampling.largest_share(reducer.objects_of_images()),
            "weighed": "as they are" if observer.even(whole) else "alike",
            "replicates": len(resampling.new),
            "these_replicates": len(resampling.these),
            "confidence": confidence,
        },
        error_types=types_with_advice(types, tally(point, matches), advice(point, axes)),
        error_summary={**{k: v for k, v in types.items() if k != "types"}, "rule": ERROR_RULE},
        calibration=calibrated,
        olrp=olrp(matches, reducer),
        voc=voc_ap(matches, reducer),
        weak_slices=weak,
        suppression=suppression(
            matches, passes, point,
            iou_threshold=suppressed_at.iou_threshold if suppressed_at and suppressed_at.method == "nms" else None,
        ),
        certificates=tuple(
            certificates(
                matches, passes, groups, confidence=confidence, caps=bundle.contract.most_answered if bundle else None
            )
        ),
        failures=failures(matches, passes, point, axes=axes, weak=weak),
        made_from={"matches": matches.digest, **({"bundle": bundle.digest} if bundle else {}), **matches.made_from},
    )  # fmt: skip


ERROR_RULE = (
    "TIDE's six kinds at IoU 0.5 and background 0.1. dap: points of AP50 that mending this kind alone would give (they do not "
    "add up). share: Shapley value over all sets of kinds (the six and AP50 make 100). count: of all detections; answered: at "
    "the score thresholds."
)


def types_with_advice(
    types: Mapping[str, Any], at_point: Mapping[str, int], of_kind: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, Any]]:
    """Error types with their counts at the operating point and what to do about them."""
    return {
        kind: {"name": WORDS[kind], **record, "answered": at_point[kind], **of_kind[kind]}
        for kind, record in types["types"].items()
    }


def per_class(reducer: Reducer, matches: Matches) -> dict[str, dict[str, float]]:
    """Class name to ap, ap50, ap75, ar100 (-1 where undefined) and the number of objects asked for."""
    curve = reducer.curves()
    objects = reducer.objects(area=0, weights=np.ones(reducer.images))
    return {
        name: {
            "ap": mean_defined(curve.precision[:, :, i]),
            "ap50": mean_defined(curve.precision[0, :, i]),
            "ap75": mean_defined(curve.precision[5, :, i]),
            "ar100": mean_defined(curve.recall[:, i]),
            "objects": int(objects[i]),
        }
        for i, name in enumerate(matches.class_names)
    }


def operating(
    matches: Matches,
    passes: NDArray,
    score_thresholds: Mapping[str, float],
    condition_thresholds: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Figures at the score thresholds, all classes together and each by itself."""
    table = [part.sum(axis=0, dtype=np.float64) for part in count(matches, passes).with_total()]
    values = figures(table[0], table[1], table[2], np.array(float(len(matches.images))))

    def record(column: int) -> dict[str, Any]:
        totals = zip(("true", "false", "objects"), table, strict=True)
        return {
            **{name: _plain(value[column]) for name, value in values.items()},
            **{name: int(total[column]) for name, total in totals},
        }

    classes = {
        name: {**record(i), "score_threshold": float(score_thresholds.get(name, 0.0))}
        for i, name in enumerate(matches.class_names)
    }
    found = {"all": record(-1), "per_class": classes}
    return {**found, "condition_thresholds": condition_thresholds} if condition_thresholds else found


def curves(reducer: Reducer, matches: Matches) -> dict[str, Any]:
    """Precision at 101 recall points at IoU 0.50, per class that has objects."""
    precision = reducer.curves(ious=(0,)).precision[0]
    return {
        "recall": RECALL_POINTS.tolist(),
        "precision": {
            name: precision[:, i].tolist() for i, name in enumerate(matches.class_names) if precision[0, i] > UNDEFINED
        },
    }


def slice_records(matches: Matches, observer: Observer, axes: Sequence[Axis], point: Diagnosis) -> list[dict[str, Any]]:
    """One record per condition and value: support, AP50, precision and recall with intervals, errors by kind."""
    records = []
    for of_axis in axes:
        for label in of_axis.labels:
            part = of_axis.slice(label)
            found = observer.slice(part, ("ap50", "precision", "recall"))
            objects = found["recall", None].support
            if not objects and part.detections is not None and not part.detections.any():
                continue
            records.append(
                {
                    "condition": of_axis.name,
                    "value": label,
                    "images": int(part.pictures.sum()),
                    "objects": objects,
                    **{name: asdict(found[name, None]) for name in ("ap50", "precision", "recall")},
                    "errors": tally(point, matches, part),
                }
            )
    return records


def measured_figures(predictions: Predictions | None, bundle: Bundle | None) -> dict[str, Any]:
    """Latency percentiles, hardware, memory and parity, as far as they were measured."""
    told = predictions.measured_on if predictions is not None and len(predictions.latency_ms) else {}
    measured = {
        key: value for key, value in told.items() if not key.startswith(("latency_", "parity_"))
    }  # these are found here
    if predictions is not None and len(predictions.latency_ms):
        for percent in (50, 95, 99):
            measured[f"latency_p{percent}_ms"] = float(np.percentile(predictions.latency_ms, percent))
    if bundle is not None and bundle.contract.parity:
        measured["parity_iou"] = bundle.contract.parity["least_iou"]
        measured["parity_score"] = bundle.contract.parity["largest_score_difference"]
    return measured


def judged_on(matches: Matches) -> str:
    """Digest of the pictures and annotations that judged; reports can be compared only where it is the same."""
    truth = matches.objects.select(["image", "class_id", "x1", "y1", "x2", "y2", "ignore"])
    return digest_of_bytes((digest_of_table(matches.images.select(["image_id"])) + digest_of_table(truth)).encode())


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
