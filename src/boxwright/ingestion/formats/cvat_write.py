"""Writing CVAT XML 1.1 for images."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from boxwright.ingestion.attributes import as_text
from boxwright.ingestion.reading import Reading
from boxwright.ingestion.xml_text import xml_text

_OWN = ("occluded", "crowd", "ignore")  # attributes that mean something here


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
