"""Pascal VOC: one XML file per picture.

Corners are taken as the VOC devkit means them, 1-based and inclusive: x1 = xmin - 1, x2 = xmax; decimals are read as they
are. A part of an object (head, hand) is no object of its own. `difficult` is kept as an attribute and, by the spec's label
policy, not judged. ImageSets/Main, or the folder's name, tells the side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np

from boxwright.errors import FormatError
from boxwright.images.names import spelled_alike
from boxwright.ingestion.attributes import as_text
from boxwright.ingestion.finding import (
    PICTURE_ENDINGS,
    add_unlabelled,
    class_names,
    files_below,
    read_lines,
    side_of_folders,
)
from boxwright.ingestion.image_names import Finder, Wanted, folder_of
from boxwright.ingestion.reading import BoxRecord, PictureRecord, Reading
from boxwright.ingestion.xml_text import begins_with, parse_xml, xml_text

_FLAGS = ("difficult", "truncated", "occluded")
_FLAG = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_SIDES = {"train": "train", "val": "val", "valid": "val", "test": "test"}
_MOST_BYTES = 1 << 26


def voc_files(files: Iterable[Path]) -> list[Path]:
    """XML files that look like VOC annotations."""
    return [path for path in files if path.suffix.lower() == ".xml" and is_voc(path)]


def is_voc(path: Path) -> bool:
    """Whether an XML file begins like a VOC annotation."""
    return begins_with(path, "annotation") and not begins_with(path, "annotations")


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
    sides = _sides(folder, files)
    names: dict[str, int] = {}
    read = [
        (xml, said, record)
        for xml in (voc_files(files) if only is None else only)
        for said, record in _read_xml(reading, of_pictures, xml, names, difficult_is_ignored)
    ]
    wanted = [Wanted(_names(xml, said), xml, folders=folder_of(xml, folder)) for xml, said, _ in read]
    for (xml, _, record), want, at in zip(read, wanted, finder.meet(reading, wanted), strict=True):
        record.path = at or finder.missing(want)
        record.file_name = at.relative_to(of_pictures).as_posix() if at else record.file_name
        record.side = sides.get(xml.stem) or side_of_folders(of_pictures, at or xml)
        reading.pictures.append(record)
    _tell_filenames(reading, [(xml, said, record.path) for xml, said, record in read])
    _tell_numbering(reading)
    reading.sort_classes()
    class_names(reading.class_names, f"'{folder}'", reading)
    if only is None:
        known = len(reading.pictures)
        add_unlabelled(reading, of_pictures, finder.pictures, lacking="XML file")
        for record in reading.pictures[known:]:
            record.side = sides.get(record.path.stem) or record.side
    return reading


def _read_xml(
    reading: Reading, folder: Path, xml: Path, names: dict[str, int], ignored: bool
) -> list[tuple[str, PictureRecord]]:
    """The text of <filename> and the picture with its boxes; nothing, and told, where the file cannot be read."""
    try:
        root = _in_lower_case(parse_xml(xml, most=_MOST_BYTES))
    except FormatError as error:
        reading.problem("broken-file", "error", xml.name, f"{error} It was left out.")
        return []
    said = (root.findtext("filename") or "").strip().replace("\\", "/").split("/")[-1].replace("\0", "")
    record = PictureRecord(file_name=_names(xml, said)[0], path=xml, size_hw=_size(root), root=folder)
    if record.size_hw is None:
        reading.problem("no-size", "warning", xml.name, "has no <size>; it is taken from the picture")
    things = list(root.iter("object"))  # some tools put them into <objects>
    found = [
        _read_object(reading, thing, f"{xml.name} object {number}", ignored)
        for number, thing in enumerate(things, start=1)
    ]
    alone = sum(1 for _ in root.iter("bndbox")) - sum(1 for thing in things for _ in thing.iter("bndbox"))
    if alone > 0:
        message = f"{alone} <bndbox> stand in no <object>, as VOC has it; they were left out"
        reading.problem("no-box", "error", xml.name, message)
    record.left_out = found.count(None) + max(alone, 0)
    record.boxes = reading.boxes([box for box in found if box is not None], names=names)
    return [(said, record)]


def _in_lower_case(root: Element) -> Element:
    """The tree with names of elements as VOC writes them."""
    for node in root.iter():
        if isinstance(node.tag, str):
            node.tag = node.tag.lower()
    return root


def _names(xml: Path, said: str) -> tuple[str, ...]:
    """What the image may be called: <filename> where it goes with the XML's own name, that name, any other <filename>."""
    if not said:
        return (xml.stem,)
    return (said, xml.stem) if _stem(said) in (_stem(xml.stem), spelled_alike(xml.stem)) else (xml.stem, said)


def _stem(name: str) -> str:
    name = spelled_alike(name)
    return Path(name).stem if Path(name).suffix.lower() in PICTURE_ENDINGS else name


def _tell_filenames(reading: Reading, met: list[tuple[Path, str, Path]]) -> None:
    """<filename> that names another file than the image taken: often a copy's leftover."""
    endings = []
    for xml, said, path in met:
        if not said or spelled_alike(said).casefold() == spelled_alike(path.name).casefold() or not path.exists():
            continue
        if _stem(said).casefold() != _stem(path.name).casefold():
            reading.problem(
                "other-filename", "warning", xml.name,
                f"its <filename> '{said:.80}' is another file; '{path.name}', named like the XML file, was taken",
            )  # fmt: skip
        elif _stem(said) != spelled_alike(said):
            endings.append((xml, said, path))
    if endings:
        xml, said, path = endings[0]
        message = (
            f"{len(endings)} <filename> with another ending than the image, such as '{said:.80}' for '{path.name}'"
        )
        reading.problem("other-filename", "warning", xml.name, message)


def _tell_numbering(reading: Reading) -> None:
    """Corners at 0 cannot be counted from 1: then perhaps no corner of the source is."""
    rows = [
        (record, np.flatnonzero(record.boxes.boxes_xyxy[:, :2].min(axis=1, initial=0) <= -1))
        for record in reading.pictures
    ]
    if count := sum(len(found) for _, found in rows):
        where = next(record.boxes.where[int(found[0])] for record, found in rows if len(found))
        reading.problem(
            "counted-from-0", "warning", where,
            f"{count} boxes begin at 0 or below, but VOC counts pixels from 1. If this source counts from 0, all its boxes "
            f"are read one pixel too far left and up",
        )  # fmt: skip


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
    flags = {flag: _FLAG.get((thing.findtext(flag) or "").strip().lower()) for flag in _FLAGS}
    attributes = {flag: value for flag, value in flags.items() if value is not None}
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
