"""What the audit found, with names, ids, what is proposed, and where suspects gather: the artifact people work with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts.suspects import SUSPECT_KINDS, SUSPECT_SCHEMA, Suspects, SuspectTally
from boxwright.detections import AnnotationColumns, DetectionColumns
from boxwright.errors import InputError
from boxwright.labels.audit.score import ENOUGH_LABELS, Found, audit, too_few
from boxwright.labels.audit.systematic import Tally, groups

SURE_FROM = 0.5  # suspects counted in summaries and groups


@dataclass(frozen=True)
class AuditedImages:
    """The pictures of an audit.

    Attributes:
        image_ids, file_names: (pictures,).
        sizes_hw: (pictures, 2), NaN where not known.
        conditions: name to the value of each picture, to group by.
    """

    image_ids: NDArray
    file_names: Sequence[str]
    sizes_hw: NDArray
    conditions: Mapping[str, Sequence[str]] = field(default_factory=dict)


def suspects(
    annotations: AnnotationColumns,
    detections: DetectionColumns,
    *,
    class_names: Sequence[str],
    images: AuditedImages,
    detection_rows: NDArray | None = None,
    seed: int = 0,
    made_from: Mapping[str, str] | None = None,
) -> Suspects:
    """Boxes that are probably labelled wrong.

    Args:
        annotations, detections: of the same pictures in the same order; classes numbered alike.
        class_names: by class_id.
        images: the pictures.
        detection_rows: (m,) what the detections are called elsewhere, such as their place in a file; their row when None.
        seed: of the planted errors that the audit learns from.
        made_from: digests of what the two sides came from.

    Raises:
        InputError: the two sides are of different numbers of pictures.
    """
    if len(annotations) != len(detections):
        raise InputError(
            f"An audit needs both sides of the same pictures; found annotations of {len(annotations)} and detections of "
            f"{len(detections)}."
        )
    found = audit(annotations, detections, sizes_hw=images.sizes_hw, classes=len(class_names), seed=seed)
    rows = np.arange(len(detections.score)) if detection_rows is None else detection_rows
    table = _table(found, annotations, detections, images, rows)
    sure = found.score >= SURE_FROM
    counts = {kind: int((found.kind[sure] == i).sum()) for i, kind in enumerate(SUSPECT_KINDS)}
    return Suspects(
        class_names=tuple(class_names),
        rows=table,
        groups=tuple(groups(_tally(found, sure, annotations, detections), class_names, images.conditions)),
        summary=SuspectTally(
            pictures=len(annotations),
            annotations=len(annotations.class_id),
            detections=len(detections.score),
            suspected=len(np.unique(found.annotation[found.annotation >= 0])) + int((found.annotation < 0).sum()),
            sure_from=SURE_FROM,
            sure=counts,
            seed=seed,
            too_few_below=ENOUGH_LABELS if too_few(annotations) else None,
        ),
        made_from=made_from or {},
    )


def _tally(found: Found, sure: NDArray, a: AnnotationColumns, d: DetectionColumns) -> Tally:
    kind, annotation, detection = found.kind[sure], found.annotation[sure], found.detection[sure]
    of_label = annotation >= 0
    class_id = _chosen(of_label, a.class_id, annotation, d.class_id, detection)
    image = _chosen(of_label, a.image_index, annotation, d.image_index, detection)
    swapped = (kind == SUSPECT_KINDS.index("class")) & (detection >= 0)
    proposed = np.full(len(kind), -1, np.int64)
    proposed[swapped] = d.class_id[detection[swapped]]
    asked = ~a.ignore
    names = np.array(SUSPECT_KINDS, dtype=object)[kind]
    return Tally(names, class_id, proposed, image, a.class_id[asked], a.image_index[asked])


def _chosen(of_label: NDArray, labels: NDArray, at: NDArray, detections: NDArray, there: NDArray) -> NDArray:
    """Rows of the labels where `of_label`, else of the detections."""
    out = np.zeros((len(of_label), *labels.shape[1:]), np.result_type(labels, detections))
    out[of_label], out[~of_label] = labels[at[of_label]], detections[there[~of_label]]
    return out


def _table(
    found: Found,
    a: AnnotationColumns,
    d: DetectionColumns,
    images: AuditedImages,
    rows: NDArray,
) -> pa.Table:
    of_label, speaks = found.annotation >= 0, found.detection >= 0
    image = _chosen(of_label, a.image_index, found.annotation, d.image_index, found.detection)
    boxes = _chosen(of_label, a.boxes_xyxy, found.annotation, d.boxes_xyxy, found.detection)
    kind = found.kind
    other_class = speaks & np.isin(kind, [SUSPECT_KINDS.index("missing"), SUSPECT_KINDS.index("class")])
    other_place = speaks & np.isin(kind, [SUSPECT_KINDS.index("missing"), SUSPECT_KINDS.index("location")])
    columns: dict[str, Any] = {
        "image_id": np.asarray(images.image_ids, np.int64)[image],
        "file_name": pa.array(np.array(list(images.file_names), dtype=object)[image].tolist(), pa.string()),
        "annotation_id": _nullable(a.annotation_id, found.annotation, of_label),
        "detection": _nullable(rows, found.detection, speaks),
        "kind": pa.array([SUSPECT_KINDS[k] for k in kind.tolist()], pa.string()),
        "score": found.score,
        **dict(zip(("x1", "y1", "x2", "y2"), boxes.T, strict=True)),
        "class_id": _nullable(a.class_id, found.annotation, of_label),
        "proposed_class_id": _nullable(d.class_id, found.detection, other_class),
        "proposed_box": _boxes(d.boxes_xyxy, found.detection, other_place),
    }
    return pa.table(columns).cast(SUSPECT_SCHEMA)


def _nullable(values: NDArray, at: NDArray, there: NDArray) -> pa.Array:
    taken = np.zeros(len(at), np.int64)
    taken[there] = values[at[there]]
    return pa.array(taken, mask=~there)


def _boxes(boxes: NDArray, at: NDArray, there: NDArray) -> pa.Array:
    """A list of four numbers, or null."""
    offsets = np.concatenate([[0], np.cumsum(np.where(there, 4, 0))]).astype(np.int32)
    flat = pa.array(boxes[at[there]].ravel(), pa.float64())
    return pa.ListArray.from_arrays(pa.array(offsets), flat, mask=pa.array(~there))
