"""CVAT XML 1.1, for images and for video.

In a file for images each `<image>` holds its shapes. In a file for video each `<track>` holds one object's boxes by frame
(`cvat_tracks.py`); frame n is the picture called frame_00000n, else the n-th in the order of names. Boxes that are turned,
polygons, ellipses and masks become the upright box around them, and that is told; lines, points and tags hold no box.
https://docs.cvat.ai/docs/manual/advanced/xml_format/
"""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, SubElement, indent, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from boxwright.errors import FormatError
from boxwright.ingestion.attributes import as_text, of_text
from boxwright.ingestion.finding import SIDES, Finder, class_names, files_below, read_bytes, side_of_folders
from boxwright.ingestion.formats.cvat_tracks import read_tracks
from boxwright.ingestion.formats.outline import around, around_ellipse, around_turned
from boxwright.ingestion.formats.voc import xml_text
from boxwright.ingestion.reading import BoxRecord, PictureRecord, Reading

_HEAD = 4000
_MOST_FRAMES = 1_000_000
_SHAPES = ("box", "polygon", "ellipse", "mask", "polyline", "points", "cuboid", "skeleton")
_OWN = ("occluded", "crowd", "ignore")  # attributes that mean something here

Kinds = dict[str, dict[str, str]]  # label to attribute to input type


def is_cvat(path: Path) -> bool:
    """Whether an XML file begins like a CVAT export."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return b"<annotations" in head


def read_cvat(files: list[Path], folder: Path, *, pictures: Path | None = None) -> Reading:
    """The annotations of CVAT XML files.

    Args:
        files: XML; with several, one that is named after a side is that side.
        folder: the source.
        pictures: folder of the pictures; looked for below `folder` when None.

    Raises:
        FormatError: a file is no CVAT XML.
    """
    reading = Reading("cvat", [])
    root = pictures or folder
    finder = Finder(root, files_below(root))
    names: dict[str, int] = {}
    for path in files:
        tree = _parse(path)
        kinds = _labels(tree)
        for label in kinds:
            if label not in names:
                names[label] = len(names)
                reading.class_names.append(label)
        side = SIDES.get(path.stem.lower(), "")
        for image in tree.findall("image"):
            _read_image(reading, image, path, finder, names, kinds, side)
        if tree.find("track") is not None:
            _read_video(reading, tree, path, finder, names, kinds, side)
    if reading.class_names:
        class_names(reading.class_names, f"'{files[0]}'", reading)
    ids = [record.image_id for record in reading.pictures]
    if len(set(ids)) < len(ids):
        for record in reading.pictures:
            record.image_id = None
    return reading


def _parse(path: Path) -> Element:
    try:
        tree = fromstring(read_bytes(path, most=1 << 30))
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise FormatError(f"'{path}' cannot be read as XML ({error}); nothing was read. Export it again.") from error
    if tree.tag != "annotations":
        raise FormatError(f"'{path}' is no CVAT XML: expected <annotations>, found <{str(tree.tag)[:60]}>.")
    return tree


def _labels(tree: Element) -> Kinds:
    """The labels a task, job or project declares, with the input types of their attributes."""
    return {
        (label.findtext("name") or "").strip(): {
            a.findtext("name") or "": a.findtext("input_type") or "" for a in label.findall("attributes/attribute")
        }
        for label in tree.findall("meta/*/labels/label")
    }


def _read_image(
    reading: Reading, image: Element, path: Path, finder: Finder, names: dict[str, int], kinds: Kinds, side: str
) -> None:
    name = image.get("name") or ""
    at = finder.find(name, near=path)
    where = f"{path.name} image {name or image.get('id')}"[:200]
    if not name or "\0" in name:
        reading.problem("bad-image", "error", where, "has no name; it was left out with its boxes")
        return
    record = PictureRecord(
        file_name=at.relative_to(finder.folder).as_posix() if at else name,
        path=at or finder.folder / name.lstrip("/\\"),
        image_id=whole(image.get("id")),
        size_hw=size(image.get("height"), image.get("width")),
        side=SIDES.get((image.get("subset") or "").lower())
        or side
        or (side_of_folders(finder.folder, at) if at else ""),
        root=finder.folder,
    )
    found = []
    for number, shape in enumerate((s for s in image if s.tag in _SHAPES), start=1):
        box = read_shape(reading, shape, shape.get("label") or "", kinds, f"{where} {shape.tag} {number}")
        found += [box] if box is not None else []
    record.boxes = reading.boxes(found, names=names)
    reading.pictures.append(record)


def read_shape(reading: Reading, shape: Element, label: str, kinds: Kinds, where: str) -> BoxRecord | None:
    """One shape as an upright box; None, and told, where it holds none."""
    if shape.tag in ("polyline", "points", "cuboid", "skeleton"):
        reading.turned[f"{shape.tag} left out"] += 1
        if reading.turned[f"{shape.tag} left out"] == 1:
            reading.problem(
                "no-box", "warning", where, f"is a {shape.tag}, which holds no box; all of them were left out"
            )
        return None
    label = label.strip()
    if not label or (kinds and label not in kinds):
        known = ", ".join(kinds) or "none"
        reading.problem(
            "unknown-class", "error", where, f"its label '{label}' is not declared ({known}); it was left out"
        )
        return None
    try:
        corners = _corners(shape)
    except (TypeError, ValueError, OverflowError):
        corners = (math.nan, math.nan, math.nan, math.nan)
    if not all(math.isfinite(v) for v in corners) or corners[0] >= corners[2] or corners[1] >= corners[3]:
        reading.problem(
            "bad-box", "error", where, "needs finite corners that rise, xtl < xbr and ytl < ybr; it was left out"
        )
        return None
    kind = "rotated box" if shape.tag == "box" else shape.tag
    if shape.tag != "box" or _angle(shape):
        reading.turned[kind] += 1
        if reading.turned[kind] == 1:
            message = f"is a {kind}; the upright box around it was taken, here and for all like it"
            reading.problem("turned-upright", "warning", where, message)
    attributes: dict[str, object] = {"occluded": shape.get("occluded") == "1"}
    for attribute in shape.findall("attribute"):
        name = attribute.get("name") or ""
        if name:
            attributes[name] = of_text(attribute.text or "", kinds.get(label, {}).get(name, ""))
    if (group := shape.get("group_id")) not in (None, "", "0"):
        attributes.setdefault("group_id", whole(group) if whole(group) is not None else group)
    crowd, ignore = (attributes.pop(flag, None) in (True, "true") for flag in ("crowd", "ignore"))
    return BoxRecord(None, label, corners, where, crowd=crowd, ignore=ignore, attributes=attributes)


def _corners(shape: Element) -> tuple[float, float, float, float]:
    def number(name: str) -> float:
        return float(shape.get(name) or "nan")

    if shape.tag == "box":
        corners = (number("xtl"), number("ytl"), number("xbr"), number("ybr"))
        return around_turned(corners, _angle(shape), about="centre") if _angle(shape) else corners
    if shape.tag == "ellipse":
        return around_ellipse(number("cx"), number("cy"), number("rx"), number("ry"), _angle(shape))
    if shape.tag == "mask":
        left, top = number("left"), number("top")
        return (left, top, left + number("width"), top + number("height"))
    points = [tuple(float(v) for v in pair.split(",")) for pair in (shape.get("points") or "").split(";")]
    return around([(x, y) for x, y in points])


def _angle(shape: Element) -> float:
    return float(shape.get("rotation") or 0) % 360


def _read_video(
    reading: Reading, tree: Element, path: Path, finder: Finder, names: dict[str, int], kinds: Kinds, side: str
) -> None:
    """Tracks become boxes of pictures, one picture per frame."""
    sizes = size(tree.findtext("meta/*/original_size/height"), tree.findtext("meta/*/original_size/width"))
    frames = whole(tree.findtext("meta/*/size"))
    stills = {p.stem.lower(): p for p in finder.pictures}
    given = [whole(shape.get("frame")) or 0 for shape in tree.findall("track/*")]
    count = frames or len(finder.pictures) or max(given, default=0) + 1
    if not 0 < count <= _MOST_FRAMES:
        raise FormatError(f"'{path}' speaks of {count} frames; at most {_MOST_FRAMES} are read. Is its <size> right?")
    by_frame: dict[int, list[BoxRecord]] = {}
    for frame, shape, label, track in read_tracks(reading, tree, path, last=count - 1):
        where = f"{path.name} track {track} frame {frame}"
        box = read_shape(reading, shape, label, kinds, where)
        if box is not None:
            box.attributes.setdefault("track_id", whole(track) if whole(track) is not None else track)
            by_frame.setdefault(frame, []).append(box)
    for frame in range(count):
        name = f"frame_{frame:06d}"
        in_order = finder.pictures[frame] if frame < len(finder.pictures) else None
        at = stills.get(name) or (in_order if not any(stem.startswith("frame_") for stem in stills) else None)
        record = PictureRecord(
            file_name=at.relative_to(finder.folder).as_posix() if at else f"{name}.png",
            path=at or finder.folder / f"{name}.png",
            image_id=frame,
            size_hw=sizes,
            side=side or (side_of_folders(finder.folder, at) if at else ""),
            root=finder.folder,
        )
        record.boxes = reading.boxes(by_frame.get(frame, []), names=names)
        reading.pictures.append(record)


def whole(text: str | None) -> int | None:
    """The whole number a text spells, or None."""
    try:
        number = int(text or "")
    except ValueError:
        return None
    return number if abs(number) < 1 << 62 else None


def size(height: str | None, width: str | None) -> tuple[int, int] | None:
    """Height and width, where both are whole and positive."""
    found = whole(height), whole(width)
    return (
        (found[0], found[1])
        if found[0] and found[1] and min(found[0], found[1]) > 0 and max(found[0], found[1]) < 1 << 31
        else None
    )


def write_cvat(reading: Reading, out: Path, paths: list[str]) -> None:
    """annotations.xml for images 1.1, with labels and their attributes declared so that CVAT takes it.

    An image's id is its position, as CVAT numbers frames; a picture nobody has looked at is not listed. Crowd and ignore
    are attributes of the label.

    Args:
        reading: what to write.
        out: folder.
        paths: of the pictures under `out/images`, by position.
    """
    used: dict[int, dict[str, str]] = {i: {} for i in range(len(reading.class_names))}
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    task = SubElement(SubElement(root, "meta"), "task")
    for tag, text in (("name", "boxwright"), ("size", str(len(reading.pictures))), ("mode", "annotation")):
        SubElement(task, tag).text = text
    labels = SubElement(task, "labels")
    for number, (record, path) in enumerate(zip(reading.pictures, paths, strict=True)):
        if not record.labelled:
            continue
        height, width = record.size_hw or (0, 0)
        words = {"id": str(number), "name": path, "width": str(width), "height": str(height)}
        image = SubElement(root, "image", {**words, **({"subset": record.side} if record.side else {})})
        boxes = record.boxes
        for k, corners in enumerate(boxes.boxes_xyxy.tolist()):
            attributes = dict(boxes.attributes_of(k))
            flags = {name: "true" for name in ("crowd", "ignore") if getattr(boxes, name)[k]}
            places = {name: repr(v) for name, v in zip(("xtl", "ytl", "xbr", "ybr"), corners, strict=True)}
            occluded = str(int(bool(attributes.pop("occluded", False))))
            label = reading.class_names[boxes.class_id[k]]
            box = SubElement(
                image, "box", {"label": label, "source": "manual", "occluded": occluded, **places, "z_order": "0"}
            )
            for name, value in {**attributes, **flags}.items():
                used[int(boxes.class_id[k])].setdefault(xml_text(name), _input(value, name))
                SubElement(box, "attribute", {"name": xml_text(name)}).text = xml_text(as_text(value))
    for class_id, name in enumerate(reading.class_names):
        label = SubElement(labels, "label")
        SubElement(label, "name").text = name
        listed = SubElement(label, "attributes")
        for attribute, kind in used[class_id].items():
            words = SubElement(listed, "attribute")
            default = {"checkbox": "false", "number": "0"}.get(kind, "")
            for tag, text in (
                ("name", attribute),
                ("mutable", "False"),
                ("input_type", kind),
                ("default_value", default),
                ("values", _VALUES[kind]),
            ):
                SubElement(words, tag).text = text
    indent(root)
    (out / "annotations.xml").write_bytes(
        b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="utf-8")
    )


_VALUES = {"checkbox": "true\nfalse", "text": "", "number": "-1000000000\n1000000000\n1"}


def _input(value: object, name: str) -> str:
    return "checkbox" if isinstance(value, bool) or name in _OWN else "text"
