"""A queue as a folder that a person takes into their labelling tool: COCO, CVAT for images 1.1, or Label Studio tasks.

The pictures lie under `images/`, named by their items; the annotation file comes last, so a folder that has one is whole. How
each form says "looked at": COCO lists the picture; CVAT's lists all pictures, so the tag `reviewed` says it; Label Studio has an
annotation.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from boxwright.artifacts import ReviewQueue
from boxwright.coco import Entry, categories, document, image
from boxwright.errors import InputError
from boxwright.review.label_studio import COLOURS, IGNORE, TRUNCATED, label_config, task_of
from boxwright.review.question import Look, Question, questions, shown
from boxwright.store import write_bytes

Form = Literal["coco", "cvat", "labelstudio"]
REVIEWED = "reviewed"
_PLAIN = re.compile(r"[0-9A-Za-z_-]{1,64}")
_FILES: dict[str, str] = {"coco": "annotations.json", "cvat": "annotations.xml", "labelstudio": "tasks.json"}


@dataclass(frozen=True)
class HandedOut:
    """How many items were handed out, with how many proposed boxes, and how many fainter ones were held back."""

    items: int
    proposed: int
    held_back: int


@dataclass(frozen=True)
class Handed:
    """A question whose picture lies in the folder: its file's name, and height and width as shown."""

    question: Question
    name: str
    size_hw: tuple[int, int]


def hand_out(
    queue: ReviewQueue,
    folder: Path,
    *,
    form: Form,
    look: Look,
    version: str,
    least_score: float | None = None,
    local_files: str | None = None,
) -> HandedOut:
    """Write a queue's pictures and proposed boxes into a folder; how many.

    Args:
        queue: what is asked.
        folder: made where it is missing.
        form: of the annotation file.
        look: picture digest to the encoded file.
        version: of what proposed the boxes.
        least_score: proposals below are held back; None: those that the queue holds back.
        local_files: Label Studio only: the folder's place under its local files root; None puts pictures into the tasks.

    Raises:
        InputError: the folder holds annotations, which may be somebody's work; an item's id is no plain name; or a picture is
            not at hand.
    """
    if form not in _FILES:
        raise InputError(f"'{form}' is no form of a queue; known: {', '.join(_FILES)}.")
    taken = next((folder / name for name in _FILES.values() if (folder / name).exists()), None)
    if taken is not None:
        raise InputError(f"'{taken}' exists and may hold a reviewer's work; name another folder.")
    handed = [_write_picture(question, folder, look) for question in questions(queue, least_score=least_score)]
    names = queue.class_names
    if form == "cvat":
        write_bytes(folder / "labels.json", _json(_cvat_labels(names)))
        document = _cvat(handed, names).encode()
    elif form == "labelstudio":
        address = _in_the_task(folder) if local_files is None else _local_files(local_files)
        write_bytes(folder / "label_config.xml", label_config(names).encode())
        document = _json(
            [
                task_of(h.question, image=address(h.name), size_hw=h.size_hw, class_names=names, version=version)
                for h in handed
            ]
        )
    else:
        document = _json(_coco(handed, names))
    write_bytes(folder / _FILES[form], document)
    return HandedOut(
        len(handed), sum(len(h.question.proposal) for h in handed), sum(h.question.held_back for h in handed)
    )


def _write_picture(question: Question, folder: Path, look: Look) -> Handed:
    if not _PLAIN.fullmatch(question.item):
        raise InputError(f"The item id '{question.item[:80]}' is no plain name; the queue was not made by Boxwright.")
    picture = shown(look(question.row["picture"]), name=question.row["picture"][:12])
    name = f"{question.item}.{picture.ending}"
    write_bytes(folder / "images" / name, picture.data)
    return Handed(question, name, picture.size_hw)


def _coco(handed: Sequence[Handed], class_names: Sequence[str]) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[Entry] = []
    for number, one in enumerate(handed, start=1):
        row, proposal = one.question.row, one.question.proposal
        kept = {key: row[key] for key in ("priority", "reason", "value", "due_at")}
        images.append(image(number, one.name, one.size_hw, **kept))
        for k, (x1, y1, x2, y2) in enumerate(proposal.boxes_xyxy.tolist()):
            annotations.append(
                Entry(
                    id=len(annotations) + 1, image_id=number, category_id=int(proposal.class_id[k]) + 1,
                    bbox=[x1, y1, x2 - x1, y2 - y1], area=(x2 - x1) * (y2 - y1), iscrowd=int(proposal.ignore[k]),
                    score=float(proposal.score[k]),
                )
            )  # fmt: skip
    return document(images, annotations, categories(class_names))


def _cvat_labels(class_names: Sequence[str]) -> list[dict[str, Any]]:
    """The labels for CVAT's raw editor: a rectangle per class with two marks, and the tag that says "looked at"."""
    marks = [
        {"name": mark, "mutable": False, "input_type": "checkbox", "default_value": "false", "values": ["false"]}
        for mark in (TRUNCATED, IGNORE)
    ]
    labels: list[dict[str, Any]] = [
        {"name": name, "type": "rectangle", "color": COLOURS[k % len(COLOURS)], "attributes": marks}
        for k, name in enumerate(class_names)
    ]
    return [*labels, {"name": REVIEWED, "type": "tag", "attributes": []}]


def _cvat(handed: Sequence[Handed], class_names: Sequence[str]) -> str:
    """CVAT for images 1.1."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "  <version>1.1</version>"]
    lines += ["  <meta><task>", f"    <size>{len(handed)}</size>", "    <labels>"]
    for label in _cvat_labels(class_names):
        marks = "".join(
            f"<attribute><name>{mark['name']}</name><mutable>False</mutable><input_type>checkbox</input_type>"
            "<default_value>false</default_value><values>false</values></attribute>"
            for mark in label["attributes"]
        )
        colour = f"<color>{label['color']}</color>" if "color" in label else ""
        lines.append(
            f"      <label><name>{escape(label['name'])}</name>{colour}<type>{label['type']}</type>"
            f"<attributes>{marks}</attributes></label>"
        )
    lines += ["    </labels>", "  </task></meta>"]
    for number, one in enumerate(handed):
        height, width = one.size_hw
        lines.append(f'  <image id="{number}" name={quoteattr(one.name)} width="{width}" height="{height}">')
        proposal = one.question.proposal
        for k, (x1, y1, x2, y2) in enumerate(proposal.boxes_xyxy.tolist()):
            ignored = str(bool(proposal.ignore[k])).lower()
            lines.append(
                f'    <box label={quoteattr(class_names[int(proposal.class_id[k])])} source="file" occluded="0" '
                f'xtl="{x1!r}" ytl="{y1!r}" xbr="{x2!r}" ybr="{y2!r}" z_order="0">'
                f'<attribute name="{TRUNCATED}">false</attribute><attribute name="{IGNORE}">{ignored}</attribute></box>'
            )
        lines.append("  </image>")
    return "\n".join([*lines, "</annotations>", ""])


def _in_the_task(folder: Path) -> Callable[[str], str]:
    def address(name: str) -> str:
        data = base64.b64encode((folder / "images" / name).read_bytes()).decode()
        return f"data:image/{name.rsplit('.', 1)[1]};base64,{data}"

    return address


def _local_files(prefix: str) -> Callable[[str], str]:
    return lambda name: "/data/local-files/?d=" + quote("/".join(p for p in (prefix.strip("/"), "images", name) if p))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
