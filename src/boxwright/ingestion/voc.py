"""Pascal VOC: one XML file per picture.

Corners are taken as the VOC devkit means them, 1-based and inclusive: x1 = xmin - 1, x2 = xmax. A part of an object
(head, hand) is no object of its own. `difficult` is kept as an attribute and, by the spec's label policy, not judged.
ImageSets/Main, or the folder's name, tells the side.
"""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from boxwright.ingestion.reading import BoxRecord, PictureRecord, Reading
from boxwright.ingestion.yolo import PICTURE_ENDINGS

_FLAGS = ("difficult", "truncated", "occluded")
_SIDES = {"train": "train", "val": "val", "valid": "val", "test": "test"}


def voc_files(folder: Path) -> list[Path]:
    """XML files that look like VOC annotations, sorted."""
    files = sorted(p for p in folder.rglob("*.xml") if p.is_file())
    return [
        p for p in files if b"<annotation" in p.read_bytes()[:2000] and b"<annotations" not in p.read_bytes()[:2000]
    ]


def read_voc(folder: Path, *, difficult_is_ignored: bool = True) -> Reading:
    """The annotations of a VOC folder; class names in alphabetical order.

    Args:
        folder: with XML files somewhere below.
        difficult_is_ignored: the spec's label policy.
    """
    reading = Reading("voc", [])
    pictures: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICTURE_ENDINGS and path.is_file() and "Segmentation" not in path.parent.name:
            pictures.setdefault(path.stem, []).append(path)
    sides = _sides(folder)
    seen: set[Path] = set()
    for xml in voc_files(folder):
        record = _read_xml(reading, folder, xml, pictures, sides, difficult_is_ignored)
        if record is not None:
            seen.add(record.path)
            reading.pictures.append(record)
    for stem, paths in pictures.items():
        for path in paths:
            if path not in seen:
                name = path.relative_to(folder).as_posix()
                reading.pictures.append(
                    PictureRecord(name, path, side=_side_of(folder, path, stem, sides), labelled=False)
                )
                reading.problem(
                    "unlabelled", "warning", name,
                    "has no XML file; it is kept as not labelled, which is not the same as empty",
                )  # fmt: skip
    reading.class_names = sorted({box.class_name for record in reading.pictures for box in record.boxes})
    return reading


def _read_xml(
    reading: Reading, folder: Path, xml: Path, pictures: dict[str, list[Path]], sides: dict[str, str], ignored: bool
) -> PictureRecord | None:
    try:
        root = fromstring(xml.read_bytes())
    except (ParseError, DefusedXmlException, ValueError, OSError) as error:
        reading.problem("broken-file", "error", xml.name, f"cannot be read as XML ({error}); it was left out")
        return None
    name = (root.findtext("filename") or xml.stem).strip()
    options = pictures.get(xml.stem) or pictures.get(Path(name).stem) or []  # <filename> is often a copy's leftover
    nearest = sorted(options, key=lambda p: len(set(p.parts) ^ set(xml.parts)))
    path = nearest[0] if nearest else xml.parent / Path(name).name
    record = PictureRecord(
        file_name=path.relative_to(folder).as_posix() if nearest else Path(name).name,
        path=path,
        size_hw=_size(root),
        side=_side_of(folder, path, xml.stem, sides),
    )
    if record.size_hw is None:
        reading.problem("no-size", "warning", xml.name, "has no <size>; it is taken from the picture")
    for number, thing in enumerate(root.findall("object"), start=1):
        _read_object(reading, record, thing, f"{xml.name} object {number}", ignored)
    return record


def _read_object(reading: Reading, record: PictureRecord, thing: Element, where: str, ignored: bool) -> None:
    name = (thing.findtext("name") or "").strip()
    box = thing.find("bndbox")
    if not name or box is None:
        reading.problem("no-box", "error", where, "has no <name> or no <bndbox>; it was left out")
        return
    try:
        xmin, ymin, xmax, ymax = (float(box.findtext(tag) or "") for tag in ("xmin", "ymin", "xmax", "ymax"))
    except ValueError:
        reading.problem("no-box", "error", where, "a corner of <bndbox> is not a number; it was left out")
        return
    if not all(math.isfinite(v) for v in (xmin, ymin, xmax, ymax)) or xmin > xmax or ymin > ymax:
        reading.problem(
            "bad-box", "error", where,
            f"corners must rise, found x {xmin:g} to {xmax:g}, y {ymin:g} to {ymax:g}; it was left out",
        )  # fmt: skip
        return
    if xmax - xmin < 1 or ymax - ymin < 1:
        reading.problem(
            "bad-box", "error", where, f"the box has no size ({xmax - xmin:g} x {ymax - ymin:g}); it was left out"
        )
        return
    attributes = {flag: thing.findtext(flag) == "1" for flag in _FLAGS if thing.find(flag) is not None}
    pose = thing.findtext("pose")
    record.boxes.append(
        BoxRecord(
            annotation_id=None,
            class_name=name,
            box_xyxy=(xmin - 1, ymin - 1, xmax, ymax),
            where=where,
            ignore=bool(attributes.get("difficult")) and ignored,
            attributes={**attributes, **({"pose": pose} if pose else {})},
        )
    )


def _size(root: Element) -> tuple[int, int] | None:
    try:
        height, width = int(root.findtext("size/height") or ""), int(root.findtext("size/width") or "")
    except ValueError:
        return None
    return (height, width) if height > 0 and width > 0 else None


def _sides(folder: Path) -> dict[str, str]:
    sides: dict[str, str] = {}
    for name, side in _SIDES.items():
        for path in folder.rglob(f"ImageSets/Main/{name}.txt"):
            for line in path.read_text(errors="replace").split("\n"):
                if line.strip():
                    sides.setdefault(line.split()[0], side)
    return sides


def _side_of(folder: Path, path: Path, stem: str, sides: dict[str, str]) -> str:
    if stem in sides:
        return sides[stem]
    parts = path.relative_to(folder).parts[:-1] if path.is_relative_to(folder) else ()
    return next((_SIDES[part.lower()] for part in parts if part.lower() in _SIDES), "")
