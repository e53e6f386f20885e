"""Label Studio's words: a labelling form from class names, a task from a question, an answer from a task.

Label Studio gives boxes in per cent of the picture as shown. The picture's true size is ours, so what a task says about size
only has to agree with it. A task is answered when an annotation was submitted, with boxes or without; skipped ones (cancelled)
and drafts are not answers. Of several annotations, also of several tasks for one item, the newest submitted one counts.
An annotation that Label Studio made from a prediction by itself does not say that a person looked.
Nothing in a task is trusted: what cannot be read as upright boxes of the queue's classes leaves its item open, and is said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from boxwright.errors import InputError
from boxwright.review.accept import Answer
from boxwright.review.question import Question

BOX, FLAGS, VERDICT, IMAGE = "box", "flags", "verdict", "image"
OCCLUDED, TRUNCATED, IGNORE = "occluded", "truncated", "ignore"
NOTHING, UNCLEAR = "nothing here", "cannot tell"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#7f7f7f")  # Okabe and Ito
_COPIES = ("prediction", "propagated_annotation", "imported")  # Label Studio's `last_action` of an annotation
_SLACK = 0.01  # per cent beyond the border that a rounded number may say


@dataclass(frozen=True)
class Pulled:
    """What a project's tasks say about a queue.

    Attributes:
        answers: one per answered item.
        skipped: items a person has put aside (skipped, or marked "cannot tell").
        refused: (item, why) of answers that cannot be used.
        waiting: items with a task and without an answer.
        missing: items without a task.
    """

    answers: list[Answer] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


class _Unusable(Exception):
    """Why an annotation cannot be read."""


def label_config(class_names: Sequence[str]) -> str:
    """The labelling form: a box per class, flags per box, and a word about the whole picture."""
    labels = "".join(
        f"    <Label value={quoteattr(name)} background={quoteattr(COLOURS[k % len(COLOURS)])}/>\n"
        for k, name in enumerate(class_names)
    )
    flags = "".join(f"<Choice value={quoteattr(flag)}/>" for flag in (OCCLUDED, TRUNCATED, IGNORE))
    verdicts = "".join(f"<Choice value={quoteattr(verdict)}/>" for verdict in (NOTHING, UNCLEAR))
    return (
        "<View>\n"
        '  <Header value="$why"/>\n'
        f'  <Image name="{IMAGE}" value="$image" zoom="true" zoomControl="true" rotateControl="false"/>\n'
        f'  <RectangleLabels name="{BOX}" toName="{IMAGE}" canRotate="false">\n{labels}  </RectangleLabels>\n'
        f'  <Choices name="{FLAGS}" toName="{IMAGE}" perRegion="true" choice="multiple" whenTagName="{BOX}">{flags}</Choices>\n'
        f'  <Choices name="{VERDICT}" toName="{IMAGE}" choice="single">{verdicts}</Choices>\n'
        "</View>\n"
    )


def task_of(
    question: Question, *, image: str, size_hw: tuple[int, int], class_names: Sequence[str], version: str
) -> dict:
    """The task that asks a question, with its proposal as a prediction.

    Args:
        question: what is asked.
        image: address of the picture, as Label Studio finds it.
        size_hw: of the picture as shown.
        class_names: by class_id.
        version: of what proposed the boxes.
    """
    row, proposal = question.row, question.proposal
    data = {
        IMAGE: image,
        "item": question.item,
        "picture": row["picture"],
        "question": question.key,
        "why": question.why,
        "priority": row["priority"],
        "reason": row["reason"],
        "value": row["value"],
        "due": question.due,
        "camera": row["camera"],
        "file_name": row["file_name"],
    }
    result: list[dict[str, Any]] = []
    for k in range(len(proposal)):
        result += _regions(question.key, k, proposal, size_hw, class_names)
    score = float(np.mean(proposal.score)) if len(proposal) else 0.0
    return {"data": data, "predictions": [{"model_version": version, "score": score, "result": result}]}


def _regions(
    key: str, k: int, proposal: Any, size_hw: tuple[int, int], class_names: Sequence[str]
) -> list[dict[str, Any]]:
    """A proposed box as a region, and its flag where it has one."""
    height, width = size_hw
    box = np.clip(proposal.boxes_xyxy[k], 0, [width, height, width, height]) / [width, height, width, height] * 100
    x1, y1, x2, y2 = box.tolist()
    if x1 >= x2 or y1 >= y2:  # nothing of it is in the picture
        return []
    place = {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1, "rotation": 0}
    common = {
        "id": f"{key}-{k}", "to_name": IMAGE, "original_width": width, "original_height": height, "image_rotation": 0,
    }  # fmt: skip
    label = class_names[int(proposal.class_id[k])]
    regions: list[dict[str, Any]] = [
        {
            **common, "from_name": BOX, "type": "rectanglelabels", "score": float(proposal.score[k]),
            "value": {**place, "rectanglelabels": [label]},
        }
    ]  # fmt: skip
    if proposal.ignore[k]:
        regions.append({**common, "from_name": FLAGS, "type": "choices", "value": {**place, "choices": [IGNORE]}})
    return regions


def answers_of_tasks(
    tasks: Sequence[Any],
    questions: Sequence[Question],
    *,
    class_names: Sequence[str],
    size_of: Callable[[str], tuple[int, int]],
) -> Pulled:
    """What tasks, as the REST interface or a JSON export gives them, answer to some questions.

    Args:
        tasks: untrusted.
        questions: of the queue.
        class_names: what may be labelled.
        size_of: picture digest to height and width of the upright picture.
    """
    by_key: dict[str, list[Mapping[str, Any]]] = {}
    for task in tasks:
        key = key_of(task)
        if key:
            by_key.setdefault(key, []).append(task)
    found = Pulled()
    for question in questions:
        mine = by_key.get(question.key, [])
        annotations = [a for task in mine for a in _objects(task.get("annotations"))]
        submitted = [a for a in annotations if a.get("was_cancelled") is not True]
        if not mine:
            found.missing.append(question.item)
        elif not submitted:
            (found.skipped if annotations else found.waiting).append(question.item)
        else:
            _take(found, question, max(submitted, key=_age), class_names, size_of)
    return found


def key_of(task: Any) -> str:
    """The key of the question a task asks; empty when it is none of ours."""
    data = task.get("data") if isinstance(task, Mapping) else None
    key = data.get("question") if isinstance(data, Mapping) else None
    return key if isinstance(key, str) else ""


def _take(
    found: Pulled,
    question: Question,
    annotation: Mapping[str, Any],
    class_names: Sequence[str],
    size_of: Callable[[str], tuple[int, int]],
) -> None:
    try:
        answer = _answer(question, annotation, class_names, size_of(question.row["picture"]))
    except _Unusable as error:
        found.refused.append((question.item, str(error)))
        return
    if answer is None:
        found.skipped.append(question.item)
    else:
        found.answers.append(answer)


def _answer(
    question: Question, annotation: Mapping[str, Any], class_names: Sequence[str], size_hw: tuple[int, int]
) -> Answer | None:
    """The boxes of one annotation; None where the person could not tell."""
    boxes: list[tuple[float, ...]] = []
    names: list[str] = []
    keys: list[Any] = []
    flags: dict[Any, set[str]] = {}
    verdicts: set[str] = set()
    if not isinstance(annotation.get("result"), list):
        raise _Unusable("its annotation has no list of results")
    for region in annotation["result"]:
        if not isinstance(region, Mapping) or not isinstance(region.get("value", {}), Mapping):
            raise _Unusable("a region is no object")
        kind, value = region.get("type"), region.get("value", {})
        if kind == "rectanglelabels":
            boxes.append(_box(region, value, size_hw))
            names.append(_label(value, class_names))
            keys.append(region.get("id"))
        elif kind == "choices":
            chosen = set(_texts(value.get("choices")))
            if region.get("from_name") == FLAGS:
                flags.setdefault(_hashable(region.get("id")), set()).update(chosen)
            elif region.get("from_name") == VERDICT:
                verdicts |= chosen
        elif kind not in ("textarea", "rating", "relation", "number", "datetime", "taxonomy", "pairwise"):
            raise _Unusable(f"it holds a region of type '{str(kind)[:40]}'; only upright rectangles can be boxes")
    if UNCLEAR in verdicts:
        return None
    if NOTHING in verdicts and boxes:
        raise _Unusable(f"it says '{NOTHING}' and holds {len(boxes)} boxes; one of the two must go")
    marked = [flags.get(_hashable(key), set()) for key in keys]
    return Answer(
        file_name=question.item,
        boxes_xyxy=np.array(boxes, np.float64).reshape(-1, 4),
        class_names=names,
        ignore=[IGNORE in m for m in marked],
        attributes=[{flag: True for flag in (OCCLUDED, TRUNCATED) if flag in m} for m in marked],
        reviewer=_reviewer(annotation),
        answered_at=_age(annotation)[0] or None,
        looked_at=None if _made_by_itself(annotation) else True,
    )


def _made_by_itself(annotation: Mapping[str, Any]) -> bool:
    """Whether the annotation is a copy that nobody opened: a batch made it of predictions, or it came with an import."""
    if annotation.get("last_action") in _COPIES:
        return True
    return annotation.get("parent_prediction") is not None and not annotation.get("lead_time")


def _box(region: Mapping[str, Any], value: Mapping[str, Any], size_hw: tuple[int, int]) -> tuple[float, ...]:
    """A region's box in pixels; _Unusable when it is turned, outside, or of another picture."""
    height, width = size_hw
    for name, mine in (("original_width", width), ("original_height", height)):
        said = region.get(name)
        if said is not None and _number(said) != mine:
            raise _Unusable(
                f"its {name.replace('_', ' ')} is {str(said)[:20]}, the picture has {mine}; it shows another picture"
            )
    for name, said in (("rotation", value.get("rotation", 0)), ("image rotation", region.get("image_rotation", 0))):
        if said is not None and not (abs(math.remainder(_number(said), 360)) < 1e-6):
            raise _Unusable(f"a box has the {name} {str(said)[:20]}; boxes are upright. Draw it again without turning")
    x, y, w, h = (_number(value.get(name)) for name in ("x", "y", "width", "height"))
    if not (w > 0 and h > 0):
        raise _Unusable(f"a box has no size ({w:g} x {h:g} per cent)")
    if min(x, y) < -_SLACK or max(x + w, y + h) > 100 + _SLACK:
        raise _Unusable(f"a box lies outside the picture ({x:g}, {y:g}, {w:g}, {h:g} per cent)")
    corners = (x * width / 100, y * height / 100, (x + w) * width / 100, (y + h) * height / 100)
    return tuple(min(max(c, 0.0), float(most)) for c, most in zip(corners, (width, height, width, height), strict=True))


def _label(value: Mapping[str, Any], class_names: Sequence[str]) -> str:
    labels = _texts(value.get("rectanglelabels"))
    if len(labels) != 1:
        raise _Unusable(f"a box has {len(labels)} labels; it needs one")
    if labels[0] not in class_names:
        raise _Unusable(f"a box has the label '{labels[0][:60]}'; known: {', '.join(class_names)}")
    return labels[0]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise _Unusable(f"a number was expected, found {str(value)[:40]!r}")
    return float(value)


def _texts(value: Any) -> list[str]:
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


def _hashable(value: Any) -> Any:
    return value if isinstance(value, str | int) else repr(value)


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []


def _age(annotation: Mapping[str, Any]) -> tuple[float, int]:
    """When an annotation was last submitted, in seconds since 1970 (0 where it does not say), and its id."""
    number = annotation.get("id")
    said = annotation.get("updated_at") or annotation.get("created_at")
    at = 0.0
    if isinstance(said, str):
        try:
            moment = datetime.fromisoformat(said)
            at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            at = 0.0
    return at, number if isinstance(number, int) else 0


def _reviewer(annotation: Mapping[str, Any]) -> str:
    """The annotator's id; names and addresses of people stay in Label Studio."""
    by = annotation.get("completed_by")
    by = by.get("id") if isinstance(by, Mapping) else by
    return f"labelstudio:{by}" if isinstance(by, int) and not isinstance(by, bool) else ""


def tasks_of_export(tree: Any) -> list[Any]:
    """The tasks of a JSON export.

    Raises:
        InputError: it is none, or holds none of ours.
    """
    if not isinstance(tree, list) or not any(key_of(task) for task in tree):
        raise InputError(
            "The file is a list without a task that Boxwright made; export the project from Label Studio as JSON (not JSON-MIN)."
        )
    return tree
