"""Every miss and every false alarm at the operating point, with what was near it, the worst first.

A false alarm is the worse the surer the model was; a miss the worse the less there was to build on: nothing near, then
another class, then a box too far off, then a score just under the threshold.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts import Matches
from boxwright.boxes import pairwise_iou
from boxwright.evaluation.operating import operating_bit

_NEAR = 0.1
_MATCH = 0.5
SCHEMA = pa.schema(
    [
        ("kind", pa.string()),  # miss, or false alarm
        ("reason", pa.string()),
        ("severity", pa.float64()),  # in [0, 1], the worst first
        ("image_id", pa.int64()),
        ("file_name", pa.string()),
        ("class_id", pa.int32()),  # annotated, for a miss; said, for a false alarm
        ("other_class_id", pa.int32()),  # of the nearest box on the other side, or -1
        ("score", pa.float64()),  # of the false alarm, or of what was nearest to the miss
        ("iou", pa.float64()),  # with the nearest box of the other side
        ("x1", pa.float64()),
        ("y1", pa.float64()),
        ("x2", pa.float64()),
        ("y2", pa.float64()),
    ]
)


def failures(matches: Matches, thresholds: NDArray) -> pa.Table:
    """The table of failures at (K,) score thresholds, in descending severity."""
    detections, objects = _numpy(matches.detections), _numpy(matches.objects)
    bit = operating_bit(matches)
    passes = detections["score"] >= thresholds[detections["class_id"]]
    hit = detections["hit"] & bit != 0
    false = passes & ~hit & (detections["ignored"] & bit == 0)
    asked = objects["left_out"] & np.uint64(1) == 0
    taker = objects["detection"]
    found = (taker >= 0) & passes[np.maximum(taker, 0)] if len(passes) else np.zeros(len(taker), bool)
    missed = asked & ~found
    rows = [_false_alarm(i, detections, objects, thresholds) for i in np.flatnonzero(false).tolist()]
    rows += [_miss(i, objects, detections, thresholds) for i in np.flatnonzero(missed).tolist()]
    image_id, names = matches.images.column("image_id").to_pylist(), matches.images.column("file_name").to_pylist()
    for row in rows:
        image = row.pop("image")
        row["image_id"], row["file_name"] = image_id[image], names[image]
    rows.sort(key=lambda row: (-row["severity"], row["image_id"], row["x1"]))
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _numpy(table: pa.Table) -> dict[str, NDArray]:
    columns = {name: table.column(name).to_numpy(zero_copy_only=False) for name in table.column_names}
    columns["boxes"] = np.stack([columns[name] for name in ("x1", "y1", "x2", "y2")], axis=1)
    by_image = np.argsort(columns["image"], kind="stable")
    columns["by_image"], columns["sorted_image"] = by_image, columns["image"][by_image]
    return columns


def _near(side: dict[str, NDArray], image: int, box: NDArray) -> tuple[NDArray, NDArray]:
    """Rows of the other side on the same picture, and their IoU with the box."""
    low, high = np.searchsorted(side["sorted_image"], [image, image + 1])
    rows = side["by_image"][low:high]
    return rows, pairwise_iou(side["boxes"][rows], box[None])[:, 0]


def _record(kind: str, reason: str, severity: float, side: dict[str, NDArray], i: int) -> dict:
    x1, y1, x2, y2 = side["boxes"][i].tolist()
    return {
        "kind": kind, "reason": reason, "severity": float(severity), "image": int(side["image"][i]),
        "class_id": int(side["class_id"][i]), "x1": x1, "y1": y1, "x2": x2, "y2": y2,
    }  # fmt: skip


def _false_alarm(i: int, detections: dict, objects: dict, thresholds: NDArray) -> dict:
    rows, iou = _near(objects, detections["image"][i], detections["boxes"][i])
    best = int(np.argmax(iou)) if len(iou) else -1
    overlap = float(iou[best]) if best >= 0 else 0.0
    same = best >= 0 and objects["class_id"][rows[best]] == detections["class_id"][i]
    if overlap < _NEAR:
        reason = "nothing annotated here"
    elif overlap < _MATCH:
        reason = "box badly placed" if same else "badly placed, and another class"
    else:
        reason = "second box on one object" if same else "annotated as another class"
    score = float(detections["score"][i])
    record = _record("false alarm", reason, score, detections, i)
    other = int(objects["class_id"][rows[best]]) if overlap >= _NEAR else -1
    return {**record, "other_class_id": other, "score": score, "iou": overlap}


def _miss(i: int, objects: dict, detections: dict, thresholds: NDArray) -> dict:
    rows, iou = _near(detections, objects["image"][i], objects["boxes"][i])
    same = detections["class_id"][rows] == objects["class_id"][i]
    limit = thresholds[detections["class_id"][rows]]
    passes = detections["score"][rows] >= limit
    candidates = (
        ("score under the threshold", same & ~passes & (iou >= _MATCH), 0.3),
        ("taken for another class", ~same & passes & (iou >= _MATCH), 0.7),
        ("box badly placed", same & passes & (iou >= _NEAR), 0.5),
        ("another class, under its threshold", ~same & ~passes & (iou >= _MATCH), 0.6),
    )
    for reason, mask, severity in candidates:
        if mask.any():
            best = np.flatnonzero(mask)[np.argmax(iou[mask])]
            record = _record("miss", reason, severity, objects, i)
            other = int(detections["class_id"][rows[best]])
            return {
                **record,
                "other_class_id": other,
                "score": float(detections["score"][rows[best]]),
                "iou": float(iou[best]),
            }
    record = _record("miss", "nothing found here", 0.9, objects, i)
    return {**record, "other_class_id": -1, "score": 0.0, "iou": float(iou.max(initial=0.0))}
