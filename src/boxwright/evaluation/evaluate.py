"""From matches to a report: every figure is a reduction of the match tables.

Reads as the table of contents of an evaluation: match; COCO's figures; per class; at the operating point; confusion;
slices; what the spec's clauses ask, with intervals; failures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import Bundle, Dataset, Matches, Predictions, Report
from boxwright.errors import InputError
from boxwright.evaluation.average_precision import RECALL_POINTS, UNDEFINED, Reducer, coco_metrics, mean_defined
from boxwright.evaluation.bootstrap import group_weights
from boxwright.evaluation.confusion import RULE, confusion
from boxwright.evaluation.failures import failures
from boxwright.evaluation.match import match
from boxwright.evaluation.observe import Observer, observe
from boxwright.evaluation.operating import count, figures, thresholds_by_class
from boxwright.evaluation.sides import scored_of, truth_of
from boxwright.evaluation.slices import cut, labels, picture_labels
from boxwright.spec import Observed, Spec
from boxwright.spec.spec import ConditionClause
from boxwright.store.digest import digest_of_bytes, digest_of_table

CONFIDENCE = 0.95


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
    of_pictures = picture_labels(conditions, [dataset.conditions[row] for row in rows])
    images = pa.table(
        {
            "image_id": np.asarray(image_ids, np.int64),
            "file_name": [dataset.file_names[row] for row in rows],
            "group": list(groups),
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
    spec: Spec | None = None,
    conditions: Sequence[ConditionClause] = (),
    predictions: Predictions | None = None,
    bundle: Bundle | None = None,
    covered: Mapping[str, Observed] | None = None,
) -> Report:
    """The report of one set of matches.

    Args:
        matches: as `match` gives them, with COCO's thresholds and areas.
        title: what was evaluated on what.
        score_thresholds: class name to the least score that is answered.
        spec: whose conditions are sliced by and whose clauses are observed.
        conditions: to slice by where there is no spec.
        predictions: for latency and memory.
        bundle: for parity, and for the verdict to name.
        covered: counts of the spec's coverage clauses, see `coverage`.
    """
    reducer = Reducer(matches)
    thresholds = thresholds_by_class(matches, score_thresholds)
    groups = matches.images.column("group").to_pylist()
    weights = group_weights(groups)
    measured = {**measured_figures(predictions, bundle), "judged_on": _judged_on(matches)}
    confidence = spec.acceptance.confidence if spec else CONFIDENCE
    observer = Observer(matches, reducer, thresholds, weights, confidence=confidence, groups=groups)
    return Report(
        title=title,
        class_names=matches.class_names,
        metrics=coco_metrics(reducer),
        per_class=per_class(reducer, matches),
        operating=operating(matches, thresholds),
        confusion={
            "labels": [*matches.class_names, "background"],
            "counts": confusion(matches, thresholds).tolist(),
            "rule": RULE,
        },
        slices=tuple(slice_records(matches, observer, spec.conditions if spec else conditions)),
        observed={k: asdict(o) for k, o in {**observe(observer, matches, spec, measured), **(covered or {})}.items()},
        curves=curves(reducer, matches),
        measured=measured,
        support={
            "images": len(matches.images),
            "objects": int(reducer.objects(area=0, weights=np.ones(reducer.images)).sum()),
            "detections": len(matches.detections),
            "groups": len(set(groups)),
        },
        failures=failures(matches, thresholds),
        made_from={"matches": matches.digest, **({"bundle": bundle.digest} if bundle else {}), **matches.made_from},
    )


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


def operating(matches: Matches, thresholds: NDArray) -> dict[str, Any]:
    """Figures at the score thresholds, all classes together and each by itself."""
    counts = count(matches, thresholds)
    everything = np.ones((1, len(matches.images)))

    def record(class_id: int | None) -> dict[str, Any]:
        part = counts.only_class(class_id)
        values = {name: _plain(v[0]) for name, v in figures(part, everything).items()}
        totals = {"true": part.true, "false": part.false, "objects": part.objects}
        return {**values, **{name: int(v.sum()) for name, v in totals.items()}}

    classes = {
        name: {**record(i), "score_threshold": float(thresholds[i])} for i, name in enumerate(matches.class_names)
    }
    return {"all": record(None), "per_class": classes}


def curves(reducer: Reducer, matches: Matches) -> dict[str, Any]:
    """Precision at 101 recall points at IoU 0.50, per class that has objects."""
    precision = reducer.curves(ious=(0,)).precision[0]
    return {
        "recall": RECALL_POINTS.tolist(),
        "precision": {
            name: precision[:, i].tolist() for i, name in enumerate(matches.class_names) if precision[0, i] > UNDEFINED
        },
    }


def slice_records(matches: Matches, observer: Observer, conditions: Sequence[ConditionClause]) -> list[dict[str, Any]]:
    """One record per condition and value: support, AP50, precision and recall with intervals."""
    records = []
    for clause in conditions:
        for label in labels(matches, clause):
            part = cut(matches, conditions, [(clause.name, label)])
            found = observer.slice(part, ("ap50", "precision", "recall"))
            records.append(
                {
                    "condition": clause.name,
                    "value": label,
                    "images": int(part.pictures.sum()),
                    "objects": found["recall", None].support,
                    **{name: asdict(found[name, None]) for name in ("ap50", "precision", "recall")},
                }
            )
    return records


def measured_figures(predictions: Predictions | None, bundle: Bundle | None) -> dict[str, Any]:
    """Latency percentiles, hardware, memory and parity, as far as they were measured."""
    measured: dict[str, Any] = {}
    if predictions is not None and len(predictions.latency_ms):
        for percent in (50, 95, 99):
            measured[f"latency_p{percent}_ms"] = float(np.percentile(predictions.latency_ms, percent))
        measured.update(predictions.measured_on)
    if bundle is not None and bundle.contract.parity:
        measured["parity_iou"] = bundle.contract.parity["least_iou"]
        measured["parity_score"] = bundle.contract.parity["largest_score_difference"]
    return measured


def _judged_on(matches: Matches) -> str:
    """Digest of the pictures and annotations that judged; reports can be compared only where it is the same."""
    truth = matches.objects.select(["image", "class_id", "x1", "y1", "x2", "y2", "ignore"])
    return digest_of_bytes((digest_of_table(matches.images.select(["image_id"])) + digest_of_table(truth)).encode())


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
