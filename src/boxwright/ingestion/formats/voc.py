"""Pascal VOC: one XML file per picture.

Corners are taken as the VOC devkit means them, 1-based and inclusive: x1 = xmin - 1, x2 = xmax; decimals are read as they
are. A part of an object (head, hand) is no object of its own. `difficult` is kept as an attribute and, by the spec's label
policy, not judged. ImageSets/Main, or the folder's name, tells the side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, SubElement, indent, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from boxwright.errors import FormatError
from boxwright.ingestion.attributes import as_text
from boxwright.ingestion.finding import (
    Finder,
    add_unlabelled,
    class_names,
    files_below,
    read_bytes,
    read_lines,
    side_of_folders,
)
from boxwright.ingestion.reading import BoxRecord, PictureRecord, Reading

_FLAGS = ("difficult", "truncated", "occluded")
_SIDES = {"train": "train", "val": "val", "valid": "val", "test": "test"}
_MOST_BYTES = 1 << 26
_HEAD = 2000


def voc_files(files: Iterable[Path]) -> list[Path]:
    """XML files that look like VOC annotations."""
    return [path for path in files if path.suffix.lower() == ".xml" and is_voc(path)]


def is_voc(path: Path) -> bool:
    """Whether an XML file begins like a VOC annotation."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return b"<annotation" in head and b"<annotations" not in head


def read_voc(
    folder: Path, *, pictures: Path | None = None, difficult_is_ignored: bool = True, only: list[Path] | None = None
) -> Reading:
    """The annotations of a VOC folder; class names in alphabetical order.

    Args:
        folder: with XML files somewhere below.
        pictures: folder with the pictures somewhere below; the same folder when None.
        difficult_is_ignored: the spec's label policy.
        only: these XML files alone; other pictures are not looked for.
    """
    reading = Reading("voc", [])
    files = files_below(folder)
    of_pictures = pictures or folder
    beside = files if pictures is None else files_below(pictures)
    finder = Finder(of_pictures, (p for p in beside if "Segmentation" not in p.parent.name))
    stems: dict[str, list[Path]] = {}
    for path in finder.pictures:
        stems.setdefault(path.stem, []).append(path)
    sides = _sides(folder, files)
    names: dict[str, int] = {}
    for xml in voc_files(files) if only is None else only:
        record = _read_xml(reading, of_pictures, xml, stems, sides, names, difficult_is_ignored)
        if record is not None:
            reading.pictures.append(record)
    reading.sort_classes()
    class_names(reading.class_names, f"'{folder}'", reading)
    if only is None:
        known = len(reading.pictures)
        add_unlabelled(reading, of_pictures, finder.pictures, lacking="XML file")
        for record in reading.pictures[known:]:
            record.side = sides.get(record.path.stem) or record.side
    return reading


def _read_xml(
    reading: Reading, folder: Path, xml: Path, stems: dict[str, list[Path]], sides: dict[str, str],
    names: dict[str, int], ignored: bool,
) -> PictureRecord | None:  # fmt: skip
    try:
        root = fromstring(read_bytes(xml, most=_MOST_BYTES))
    except (ParseError, DefusedXmlException, ValueError, FormatError, LookupError, RecursionError) as error:
        reading.problem("broken-file", "error", xml.name, f"cannot be read as XML ({error}); it was left out")
        return None
    name = (root.findtext("filename") or xml.stem).strip().replace("\\", "/").split("/")[-1] or xml.stem
    options = stems.get(xml.stem) or stems.get(Path(name).stem) or []  # <filename> is often a copy's leftover
    nearest = sorted(options, key=lambda p: len(set(p.parts) ^ set(xml.parts)))
    path = nearest[0] if nearest else xml.parent / name.replace("\0", "")
    record = PictureRecord(
        file_name=path.relative_to(folder).as_posix() if nearest else name,
        path=path,
        size_hw=_size(root),
        side=sides.get(xml.stem) or side_of_folders(folder, path),
        root=folder,
    )
    if record.size_hw is None:
        reading.problem("no-size", "warning", xml.name, "has no <size>; it is taken from the picture")
    found = [
        _read_object(reading, thing, f"{xml.name} object {number}", ignored)
        for number, thing in enumerate(root.findall("object"), start=1)
    ]
    record.boxes = reading.boxes([box for box in found if box is not None], names=names)
    return record


def _read_object(reading: Reading, thing: Element, where: str, ignored: bool) -> BoxRecord | None:
    name = (thing.findtext("name") or "").strip()
    box = thing.find("bndbox")
    if not name or box is None:
        turned = " (it has a rotated box, which is not read)" if thing.find("robndbox") is not None else ""
        reading.problem("no-box", "error", where, f"has no <name> or no <bndbox>{turned}; it was left out")
        return None
    texts = [(box.findtext(tag) or "").strip() for tag in ("xmin", "ymin", "xmax", "ymax")]
    try:
        xmin, ymin, xmax, ymax = (float(text) for text in texts)
    except ValueError:
        reading.problem("no-box", "error", where, "a corner of <bndbox> is not a number; it was left out")
        return None
    decimals = any("." in text for text in texts)  # then a box of half a pixel ends before it "begins"
    least = -1.0 if decimals else 0.0
    if not all(map(math.isfinite, (xmin, ymin, xmax, ymax))) or min(xmax - xmin, ymax - ymin) < least:
        reading.problem(
            "bad-box", "error", where,
            f"corners must rise, found x {xmin:g} to {xmax:g}, y {ymin:g} to {ymax:g}; it was left out",
        )  # fmt: skip
        return None
    if min(xmax - xmin, ymax - ymin) < (1 if not decimals else -1 + 1e-9):
        message = f"the box has no size ({xmax - xmin:g} x {ymax - ymin:g}); it was left out"
        reading.problem("bad-box", "error", where, message)
        return None
    attributes = {flag: thing.findtext(flag) == "1" for flag in _FLAGS if thing.find(flag) is not None}
    more = {a.findtext("name") or "": a.findtext("value") or "" for a in thing.findall("attributes/attribute")}
    pose = thing.findtext("pose")
    return BoxRecord(
        annotation_id=None,
        class_name=name,
        box_xyxy=(xmin - 1, ymin - 1, xmax, ymax),
        where=where,
        ignore=bool(attributes.get("difficult")) and ignored,
        attributes={**attributes, **({"pose": pose} if pose else {}), **{k: v for k, v in more.items() if k}},
    )


def _size(root: Element) -> tuple[int, int] | None:
    try:
        height, width = int(root.findtext("size/height") or ""), int(root.findtext("size/width") or "")
    except ValueError:
        return None
    return (height, width) if 0 < height < 1 << 31 and 0 < width < 1 << 31 else None


def _sides(folder: Path, files: list[Path]) -> dict[str, str]:
    sides: dict[str, str] = {}
    for path in files:
        if path.suffix == ".txt" and path.parent.name == "Main" and path.parent.parent.name == "ImageSets":
            for line in read_lines(path) if path.stem in _SIDES else []:
                if line.strip():
                    for stem in (line.strip(), line.split()[0]):  # a stem may hold blanks
                        sides.setdefault(stem, _SIDES[path.stem])
    return sides


def write_voc(reading: Reading, out: Path, paths: list[str]) -> None:
    """Annotations/STEM.xml, ImageSets/Main/SIDE.txt and labelmap.txt; a picture nobody has looked at gets no XML file.

    Whole corners are written as whole numbers, others with their decimals. Ignored boxes and crowds are `difficult`.

    Args:
        reading: what to write.
        out: folder.
        paths: of the pictures under `out/JPEGImages`, by position, with stems that differ.
    """
    annotations, sets = out / "Annotations", out / "ImageSets" / "Main"
    annotations.mkdir(parents=True)
    sets.mkdir(parents=True)
    for record, path in zip(reading.pictures, paths, strict=True):
        if record.labelled:
            (annotations / f"{Path(path).stem}.xml").write_bytes(_xml(reading, record, path))
    colours = [
        f"{xml_text(name)}:{i * 37 % 256},{i * 91 % 256},{i * 151 % 256}::\n"
        for i, name in enumerate(reading.class_names, 1)
    ]
    (out / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\n" + "".join(colours), encoding="utf-8"
    )  # CVAT, Datumaro
    for side in sorted({record.side for record in reading.pictures if record.side}):
        stems = [Path(p).stem for r, p in zip(reading.pictures, paths, strict=True) if r.side == side]
        (sets / f"{side}.txt").write_text("".join(f"{stem}\n" for stem in stems), encoding="utf-8")


def _xml(reading: Reading, record: PictureRecord, path: str) -> bytes:
    root = Element("annotation")
    _texts(root, folder="JPEGImages", filename=path)
    if record.size_hw is not None:
        _texts(SubElement(root, "size"), width=record.size_hw[1], height=record.size_hw[0], depth=3)
    _texts(root, segmented=0)
    boxes = record.boxes
    for k, (x1, y1, x2, y2) in enumerate(boxes.boxes_xyxy.tolist()):
        attributes = dict(boxes.attributes_of(k))
        thing = SubElement(root, "object")
        _texts(thing, name=reading.class_names[boxes.class_id[k]], pose=as_text(attributes.pop("pose", "Unspecified")))
        difficult = attributes.pop("difficult", False) or bool(boxes.ignore[k] or boxes.crowd[k])
        for flag in ("truncated", "occluded"):
            if flag in attributes or flag == "truncated":
                _texts(thing, **{flag: int(bool(attributes.pop(flag, False)))})
        _texts(thing, difficult=int(bool(difficult)))
        corners = {"xmin": (x1 + 1, x2), "ymin": (y1 + 1, y2), "xmax": (x2, x1 + 1), "ymax": (y2, y1 + 1)}
        _texts(SubElement(thing, "bndbox"), **{tag: _corner(value, other) for tag, (value, other) in corners.items()})
        if attributes:
            listed = SubElement(thing, "attributes")
            for name, value in attributes.items():
                _texts(SubElement(listed, "attribute"), name=name, value=as_text(value))
    indent(root)
    return tostring(root, encoding="utf-8") + b"\n"


def _corner(value: float, other: float) -> str:
    """A whole corner without a point, unless the box is so narrow that whole numbers would mean a click."""
    return str(int(value)) if value.is_integer() and abs(other - value) >= 1 else repr(value)


def _texts(parent: Element, **texts: object) -> None:
    for tag, text in texts.items():
        SubElement(parent, tag).text = xml_text(str(text))


def xml_text(text: str) -> str:
    """The text without the characters that XML 1.0 cannot hold."""
    return "".join(
        c for c in text if c in "\t\n\r" or 0x20 <= ord(c) < 0xD800 or 0xE000 <= ord(c) < 0xFFFE or ord(c) > 0xFFFF
    )
