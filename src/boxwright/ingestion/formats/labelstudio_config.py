"""Which images a task of Label Studio has, and how its regions name them.

A region lies on the image that its `to_name` names, and of several pages on the one at `item_index`. label_config.xml, the
labelling configuration, says which value of `data` an image shows; without it a name is taken only where nothing else can be
meant. An image that no box is drawn on (a reference, a thumbnail) is not read.
https://labelstud.io/tags/image, https://labelstud.io/tags/repeater
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boxwright.ingestion.xml_text import parse_xml

CONFIG = "label_config.xml"
_PICTURE = re.compile(r"\.(jpe?g|png|bmp|webp|tiff?|ppm|pgm)\b", re.IGNORECASE)
_BOX_CONTROLS = ("Labels", "Rectangle", "RectangleLabels", "Ellipse", "EllipseLabels", "Polygon", "PolygonLabels")
_REPEATED = re.compile(r"^\$?([\w-]+)\[\{\{\w+\}\}\](?:\.([\w-]+))?$")
_FLAG = re.compile(r"\{\{\w+\}\}")
_LONGEST = 5000
_MOST_FLAGS = 3  # of a name: each may stand for any number, and a pattern of many of them tries all ways to part digits


@dataclass(frozen=True)
class TaskImage:
    """An image of a task.

    Attributes:
        tag: name by which regions mean it (`to_name`), or empty where all of them do.
        item: its position among pages, or None for an image alone.
        link: where it lies.
        key: of `data`.
    """

    tag: str
    item: int | None
    link: str
    key: str


@dataclass(frozen=True)
class Config:
    """What label_config.xml says; empty where there is none.

    Attributes:
        labels: class names in its order.
        images: name of each `<Image>` to the value it shows, as written.
        drawn_on: names that a control for boxes points to.
    """

    labels: list[str] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    drawn_on: frozenset[str] = frozenset()


def read_config(files: list[Path]) -> Config:
    """The configuration beside the first file that has one; FormatError when it cannot be read."""
    for path in files:
        place = path.parent / CONFIG
        if place.is_file() and not place.is_symlink():
            tree = parse_xml(place, most=1 << 24)
            labels = [label.get("alias") or label.get("value") or "" for label in tree.iter("Label")]
            images = {i.get("name") or "": i.get("valueList") or i.get("value") or "" for i in tree.iter("Image")}
            drawn = [tag.get("toName") or "" for kind in _BOX_CONTROLS for tag in tree.iter(kind)]
            names = frozenset(name.strip() for text in drawn for name in text.split(","))
            return Config(list(dict.fromkeys(labels)), images, names)  # two controls may list the same labels
    return Config()


def images_of(values: dict[str, Any], config: Config, meant: frozenset[str]) -> list[TaskImage]:
    """The images of a task that boxes may be drawn on; none where that is not clear.

    Args:
        values: the task's `data`.
        config: of the project.
        meant: names by which regions of the export mean images.
    """
    drawn = [name for name in config.images if name in config.drawn_on or _matches(name, meant)]
    found = [image for name in (drawn or config.images) for image in _shown(name, config.images[name], values)]
    if found:
        return found
    links = {key: list(_links(value, key == "image")) for key, value in values.items()}
    links = {key: value for key, value in links.items() if value}
    named = [key for key in links if key in meant]
    if len(meant) > 1 or named:
        keys = named
    else:
        keys = ["image"] if "image" in links else list(links)
        keys = keys if len(keys) == 1 else []
    alone = len(meant) <= 1 and len(keys) == 1
    return [TaskImage("" if alone else key, item, link, key) for key in keys for item, link in links[key]]


def any_links(values: dict[str, Any]) -> list[str]:
    """Everything in a task's data that looks like an image."""
    return [link for value in values.values() for _, link in _links(value, False)]


def is_link(value: object) -> bool:
    """Whether a value of data looks like the path of an image."""
    return isinstance(value, str) and 0 < len(value) < _LONGEST and _PICTURE.search(value) is not None


def _matches(name: str, meant: frozenset[str]) -> bool:
    if not _FLAG.search(name):
        return name in meant
    parts = _FLAG.split(name)
    if len(parts) > _MOST_FLAGS + 1:
        return False
    pattern = re.compile(r"\d{1,9}".join(re.escape(part) for part in parts))
    return any(pattern.fullmatch(text) for text in meant)


def _shown(name: str, shown: str, values: dict[str, Any]) -> Iterator[TaskImage]:
    """The images that one `<Image>` shows."""
    if repeated := _REPEATED.match(shown):
        listed = values.get(repeated[1])
        for k, entry in enumerate(listed if isinstance(listed, list) else []):
            link = entry.get(repeated[2]) if isinstance(entry, dict) and repeated[2] else entry
            if isinstance(link, str) and 0 < len(link) < _LONGEST:
                yield TaskImage(_FLAG.sub(str(k), name), None, link, repeated[1])
        return
    key = shown.removeprefix("$")
    value: Any = values.get(key)
    for part in key.split(".") if value is None else []:
        value = (value if value is not None else values).get(part) if isinstance(value, dict | None) else None
    for item, link in _links(value, True):
        yield TaskImage(name, item, link, key)


def _links(value: Any, sure: bool) -> Iterator[tuple[int | None, str]]:
    """(position among pages or None, link); what does not look like an image only where it is sure to be one."""
    if isinstance(value, list):
        texts = [v.get("url") or v.get("image") if isinstance(v, dict) else v for v in value]
        if texts and all(is_link(text) or (sure and isinstance(text, str) and text) for text in texts):
            yield from ((k, str(text)) for k, text in enumerate(texts))
    elif is_link(value) or (sure and isinstance(value, str) and 0 < len(value) < _LONGEST):
        yield None, value
