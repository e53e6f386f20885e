"""ReviewQueue: what people should look at, why, and by when.

A bundle logs detections down to its score floor, most of them far too faint to be answered. What a queue hands out of a proposal is
what would be answered, and a margin below it: `least_scores`. Fainter boxes stay in the queue and are handed out on request only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from boxwright.artifacts.artifact import Artifact
from boxwright.artifacts.codec import Document, table
from boxwright.artifacts.drift import OtherBundle

QUEUE_SCHEMA = pa.schema(
    [
        ("item", pa.string()),  # id of the item: the event's id, or dataset-IMAGE_ID
        ("picture", pa.string()),  # digest
        ("file_name", pa.string()),
        ("camera", pa.string()),
        ("priority", pa.string()),  # P0 first
        ("reason", pa.string()),  # uncertain, novel, random, suspect
        ("value", pa.float64()),  # how uncertain, novel or suspect, in [0, 1]
        ("selected_at", pa.float64()),  # seconds since 1970
        ("due_at", pa.float64()),
        ("proposal", pa.string()),  # JSON: boxes to start from, as `Proposal.read` takes it
    ]
)


@dataclass(frozen=True)
class Proposal:
    """Boxes to start from: a bundle's detections, or the annotations that are in doubt.

    Attributes:
        boxes_xyxy: (n, 4) float64, continuous pixels of the upright picture.
        score: (n,) float64 in [0, 1]; 1 where none is given.
        class_id: (n,) int32.
        ignore: (n,) bool, not to be judged.
    """

    boxes_xyxy: NDArray[np.float64]
    score: NDArray[np.float64]
    class_id: NDArray[np.int32]
    ignore: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    def __getitem__(self, rows: NDArray | slice) -> Proposal:
        return Proposal(self.boxes_xyxy[rows], self.score[rows], self.class_id[rows], self.ignore[rows])

    @classmethod
    def read(cls, text: str) -> Proposal | None:
        """The boxes a queue's `proposal` holds, as columns or as records; None when it cannot be read.

        Columns: `{"boxes_xyxy": [[x1, y1, x2, y2]], "score": [..], "class_id": [..], "ignore": [..]}`, boxes also as x1, y1,
        x2, y2. Records: `[{"box_xyxy": [..], "score": .., "class_id": .., "ignore": ..}]`, the box also as x1, y1, x2, y2.
        `score` and `ignore` may be left out.
        """
        try:
            found = json.loads(text) if text else []
            if isinstance(found, dict) and isinstance(found.get("detections"), list):
                found = found["detections"]
            rows = [] if found == {} else list(_records(found))
            boxes = np.array([row[0] for row in rows], np.float64).reshape(len(rows), 4)
            score = np.array([row[1] for row in rows], np.float64).reshape(len(rows))
            class_id = np.array([row[2] for row in rows], np.int32).reshape(len(rows))
            ignore = np.array([bool(row[3]) for row in rows], np.bool_)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return None
        sane = np.isfinite(boxes).all() and (boxes[:, 2:] >= boxes[:, :2]).all() and (class_id >= 0).all()
        return cls(boxes, score, class_id, ignore) if sane and ((score >= 0) & (score <= 1)).all() else None


@dataclass(frozen=True)
class Doubt:
    """Something about a picture's annotations that may be wrong.

    Attributes:
        kind: missing, spurious, class or location.
        class_id: of the annotation, or what is missing; -1 where none is said.
        rather: class_id it should rather have, or -1.
        box_xyxy: where.
        score: how sure, in [0, 1].
    """

    kind: str
    class_id: int
    rather: int
    box_xyxy: tuple[float, ...]
    score: float

    def words(self, class_names: Sequence[str]) -> str:
        """Such as `missing carton 0.93` or `class pouch, rather carton 0.81`."""
        known = class_names[self.class_id] if 0 <= self.class_id < len(class_names) else "box"
        rather = class_names[self.rather] if 0 <= self.rather < len(class_names) else known
        name = rather if self.kind == "missing" else known if rather == known else f"{known}, rather {rather}"
        return f"{self.kind} {name} {self.score:.2f}"

    @classmethod
    def read_all(cls, text: str) -> list[Doubt]:
        """The `suspects` beside a proposal's columns; those that cannot be read are left out."""
        try:
            found = json.loads(text) if text else {}
            return [d for s in found.get("suspects") or [] if (d := cls._read(s)) is not None]
        except (ValueError, TypeError, AttributeError, RecursionError):
            return []

    @classmethod
    def _read(cls, record: Any) -> Doubt | None:
        try:
            box, score = tuple(float(v) for v in record["box_xyxy"]), float(record["score"])
            ids = [-1 if record.get(k) is None else int(record[k]) for k in ("class_id", "proposed_class_id")]
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return None
        sane = len(box) == 4 and bool(np.isfinite([*box, score]).all()) and box[0] <= box[2] and box[1] <= box[3]
        return cls(str(record.get("kind"))[:40], ids[0], ids[1], box, score) if sane else None


def _records(found: Any) -> Iterator[tuple[Any, Any, Any, Any]]:
    corners = ("x1", "y1", "x2", "y2")
    if isinstance(found, dict):
        boxes = found["boxes_xyxy"] if "boxes_xyxy" in found else list(zip(*(found[c] for c in corners), strict=True))
        score, ignore = found.get("score", [1.0] * len(boxes)), found.get("ignore", [False] * len(boxes))
        yield from zip(boxes, score, found["class_id"], ignore, strict=True)
        return
    for record in found:
        box = record["box_xyxy"] if "box_xyxy" in record else [record[c] for c in corners]
        yield box, record.get("score", 1.0), record["class_id"], record.get("ignore", False)


@dataclass(frozen=True)
class Selection:
    """How the items were chosen; None for what a way of choosing does not know.

    Attributes:
        events: looked at.
        pictures_at_hand: of them, that were kept.
        left_out: why to how many pictures.
        chosen: reason to how many items.
        margin: around a threshold, in which a score is uncertain.
        seed: of the random share.
        suspects, least_score: suspected labels, and the minimum score that was asked for.
        other_bundles: whose events are left out.
        journal: what the journal lacks, where it lacks anything.
    """

    events: int | None = None
    pictures_at_hand: int | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    chosen: Mapping[str, int] = field(default_factory=dict)
    margin: float | None = None
    seed: int | None = None
    suspects: int | None = None
    least_score: float | None = None
    other_bundles: tuple[OtherBundle, ...] = ()
    journal: Document | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class ReviewQueue(Artifact):
    """Items in the order in which people should take them.

    Attributes:
        class_names: by class_id.
        items: as QUEUE_SCHEMA.
        summary: how they were chosen.
        least_scores: camera to class name to the least score of a proposal that is handed out; the empty name stands for every
            camera without thresholds of its own. Empty: all proposals are handed out.
    """

    kind: ClassVar[str] = "review_queue"

    class_names: tuple[str, ...]
    items: pa.Table = table(QUEUE_SCHEMA)
    summary: Selection = field(default_factory=Selection)
    least_scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.items)

    def handed_out(
        self, score: NDArray, class_id: NDArray, *, camera: str, least_score: float | None = None
    ) -> NDArray[np.bool_]:
        """(n,) which boxes of an item's proposal go to people.

        Args:
            score, class_id: (n,) of the proposed boxes.
            camera: of the item, empty where it is not known.
            least_score: asked for instead of the queue's own.
        """
        if least_score is not None:
            return score >= least_score
        of_class = self.least_scores.get(camera, self.least_scores.get("", {}))
        least = np.array(
            [*(of_class.get(name, 0.0) for name in self.class_names), 0.0]
        )  # the last for an unknown class
        return score >= least[np.minimum(class_id, len(self.class_names))]
