"""What a format's reader hands on: records as the files give them, and what was wrong with them.

A reader reads one format and judges nothing but that format. Whether pictures exist, decode, and hold their boxes is
looked at afterwards, for all formats alike, in `pictures.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a source.

    Attributes:
        code: short and stable, such as `bad-box`.
        severity: an error loses data or misleads; a warning was mended or may be meant.
        where: file and record, such as `annotations.json annotation 3`.
        message: what was expected and found, and what was done.
    """

    code: str
    severity: Severity
    where: str
    message: str


@dataclass
class BoxRecord:
    """One annotation as read.

    Attributes:
        annotation_id: the file's, or None.
        class_name: by name.
        box_xyxy: continuous pixels.
        where: for problems.
        area: the file's own (a mask's), or None.
        crowd: COCO iscrowd.
        ignore: not to be judged.
        attributes: truncated, occluded, difficult, ... as the file gives them.
    """

    annotation_id: int | None
    class_name: str
    box_xyxy: tuple[float, float, float, float]
    where: str
    area: float | None = None
    crowd: bool = False
    ignore: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class PictureRecord:
    """One picture as listed.

    Attributes:
        file_name: relative, as the source calls it.
        path: where the file should be.
        image_id: the file's, or None.
        size_hw: height and width the source declares, or None.
        side: train, val, test, or empty.
        labelled: False when the source has no labels for it at all.
        conditions: metadata.
        boxes: annotations.
    """

    file_name: str
    path: Path
    image_id: int | None = None
    size_hw: tuple[int, int] | None = None
    side: str = ""
    labelled: bool = True
    conditions: dict[str, Any] = field(default_factory=dict)
    boxes: list[BoxRecord] = field(default_factory=list)


@dataclass
class Reading:
    """A source, read.

    Attributes:
        format: coco, yolo or voc.
        class_names: in the order the source gives them.
        pictures: in the order of the source.
        problems: found while reading.
        category_ids: COCO's category id by position in class_names.
    """

    format: str
    class_names: list[str]
    pictures: list[PictureRecord] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    category_ids: list[int] | None = None

    def problem(self, code: str, severity: Severity, where: str, message: str) -> None:
        """Note one more problem."""
        self.problems.append(Problem(code, severity, where, message))
