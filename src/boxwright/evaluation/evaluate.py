"""From matches to a report: every figure is a reduction of the match tables.

Reads as the table of contents of an evaluation: match; COCO's figures; per class; at the operating point; confusion;
slices; what the spec's clauses ask, with intervals; error types and what to do about them; calibration; certificates; weak
slices; what suppression did; failures, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import Bundle, Dataset, Matches, Predictions, Report
from boxwright.artifacts.codec import Fact
from boxwright.artifacts.report import (
    AtThreshold,
    ClassMetrics,
    Confusion,
    Curves,
    OperatingMetrics,
    SliceResult,
    Support,
)
from boxwright.artifacts.resampled import Resampled
from boxwright.errors import InputError
from boxwright.evaluation.average_precision import RECALL_POINTS, UNDEFINED, Reducer, coco_metrics, mean_defined
from boxwright.evaluation.calibration import calibration_figures
from boxwright.evaluation.certificate import certificates
from boxwright.evaluation.confusion import RULE, confusion
from boxwright.evaluation.diagnose import Diagnosis, diagnose, tally
from boxwright.evaluation.error_types import error_types, with_advice
from boxwright.evaluation.failures import failures
from boxwright.evaluation.match import match
from boxwright.evaluation.observe import AVERAGES, OF_POINT, Observer, observe
from boxwright.evaluation.olrp import olrp
from boxwright.evaluation.operating import answered, count, figures, least_scores
from boxwright.evaluation.remedies import evidence
from boxwright.evaluation.sides import scored_of, truth_of
from boxwright.evaluation.slices import Axis, axis, picture_labels, standard_conditions
from boxwright.evaluation.suppression import suppression
from boxwright.evaluation.voc import voc_ap
from boxwright.evaluation.weak_slices import weak_slices
from boxwright.spec import Observed, Spec
from boxwright.spec.spec import ConditionClause
from boxwright.statistics import Resampling, replicates_for
from boxwright.store.digest import digest_of_bytes, digest_of_columns

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
    costs = error_types(
        matches,
        weights=observer.weightings(whole)[: 1 + len(resampling.new)] if len(resampling.new) else None,
        confidence=confidence,
        groups=float(observer.holding(whole).effective[-1]),
    )
    progress("slices")
    slices = tuple(slice_results(matches, observer, axes, point))
    progress("certificates and failures")
    suppressed_at = bundle.contract.output.suppression if bundle else None
    return Report(
        title=title,
        class_names=matches.class_names,
        metrics=metrics,
        per_class=per_class(reducer, matches),
        operating=operating(matches, passes, score_thresholds, condition_thresholds),
        confusion=Confusion(
            (*matches.class_names, "background"), tuple(map(tuple, confusion(matches, passes).tolist())), RULE
        ),
        slices=slices,
        observed={**observed, **(covered or {})},
        curves=curves(reducer, matches),
        measured=measured,
        support=Support(
            images=len(matches.images),
            objects=int(reducer.objects(area=0, weights=np.ones(reducer.images)).sum()),
            detections=len(matches.detections),
            groups=len(set(groups)),
        ),
        intervals={
            key: figure if figure.value is None else replace(figure, value=metrics.get(key, figure.value))
            for key, figure in observed.items()
            if key in (*AVERAGES, *OF_POINT)
        },
        resampling=Resampled(
            unit="picture" if resampling.single else "group",
            groups=resampling.groups,
            replicates=len(resampling.new),
            confidence=confidence,
            these_replicates=len(resampling.these),
            effective_groups=float(observer.holding(whole).effective[-1]),
            largest_share=resampling.largest_share(reducer.objects_of_images()),
            weighed="as they are" if observer.even(whole) else "alike",
        ),
        errors=with_advice(costs, tally(point, matches), evidence(point, axes)),
        calibration=calibrated,
        olrp=olrp(matches, reducer),
        voc=voc_ap(matches, reducer),
        weak_slices=weak,
        crowding=suppression(
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


def per_class(reducer: Reducer, matches: Matches) -> dict[str, ClassMetrics]:
    """Class name to its metrics over all scores."""
    curve = reducer.curves()
    objects = reducer.objects(area=0, weights=np.ones(reducer.images))
    return {
        name: ClassMetrics(
            ap=mean_defined(curve.precision[:, :, i]),
            ap50=mean_defined(curve.precision[0, :, i]),
            ap75=mean_defined(curve.precision[5, :, i]),
            ar100=mean_defined(curve.recall[:, i]),
            objects=int(objects[i]),
        )
        for i, name in enumerate(matches.class_names)
    }


def operating(
    matches: Matches,
    passes: NDArray,
    score_thresholds: Mapping[str, float],
    condition_thresholds: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None,
) -> OperatingMetrics:
    """Figures at the score thresholds, all classes together and each by itself."""
    table = [part.sum(axis=0, dtype=np.float64) for part in count(matches, passes).with_total()]
    values = figures(table[0], table[1], table[2], np.array(float(len(matches.images))))

    def of_column(column: int, score_threshold: float | None) -> AtThreshold:
        precision, recall, f1, alarms = (_plain(values[name][column]) for name in OF_POINT)
        true, false, objects = (int(total[column]) for total in table)
        return AtThreshold(precision, recall, f1, alarms, true, false, objects, score_threshold)

    of_class = {
        name: of_column(i, float(score_thresholds.get(name, 0.0))) for i, name in enumerate(matches.class_names)
    }
    return OperatingMetrics(of_column(-1, None), of_class, condition_thresholds or {})


def curves(reducer: Reducer, matches: Matches) -> Curves:
    """Precision at 101 recall points at IoU 0.50, per class that has objects."""
    precision = reducer.curves(ious=(0,)).precision[0]
    return Curves(
        tuple(RECALL_POINTS.tolist()),
        {
            name: tuple(precision[:, i].tolist())
            for i, name in enumerate(matches.class_names)
            if precision[0, i] > UNDEFINED
        },
    )


def slice_results(
    matches: Matches, observer: Observer, axes: Sequence[Axis], point: Diagnosis
) -> Iterator[SliceResult]:
    """One per condition and value: support, AP50, precision and recall with intervals, errors by kind."""
    for of_axis in axes:
        for label in of_axis.labels:
            part = of_axis.slice(label)
            found = observer.slice(part, ("ap50", "precision", "recall"))
            objects = found["recall", None].support
            if not objects and part.detections is not None and not part.detections.any():
                continue
            yield SliceResult(
                condition=of_axis.name,
                value=label,
                images=int(part.pictures.sum()),
                objects=objects,
                ap50=found["ap50", None],
                precision=found["precision", None],
                recall=found["recall", None],
                errors=tally(point, matches, part),
            )


def measured_figures(predictions: Predictions | None, bundle: Bundle | None) -> dict[str, Fact]:
    """Latency percentiles, hardware, memory and parity, as far as they were measured."""
    told = predictions.measured_on if predictions is not None and len(predictions.latency_ms) else {}
    measured = {
        key: value for key, value in told.items() if not key.startswith(("latency_", "parity_"))
    }  # these are found here
    if predictions is not None and len(predictions.latency_ms):
        for percent in (50, 95, 99):
            measured[f"latency_p{percent}_ms"] = float(np.percentile(predictions.latency_ms, percent))
    parity = bundle.contract.parity if bundle is not None else {}
    if parity.get(
        "detections_compared"
    ):  # where nothing was compared, nothing was measured: least_iou 1 is no evidence
        measured["parity_iou"] = parity["least_iou"]
        measured["parity_score"] = parity["largest_score_difference"]
    return measured


def judged_on(matches: Matches) -> str:
    """Digest of the pictures and annotations that judged; reports can be compared only where it is the same."""
    truth = matches.objects.select(["image", "class_id", "x1", "y1", "x2", "y2", "ignore"])
    return digest_of_bytes((digest_of_columns(matches.images.select(["image_id"])) + digest_of_columns(truth)).encode())


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
