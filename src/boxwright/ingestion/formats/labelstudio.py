"""Label Studio's JSON export: a list of tasks, each with annotations that hold a result.

Coordinates are per cent of the picture as it is seen, upright; a turned rectangle turns clockwise about its left top corner. A task
may have several images (`labelstudio_config.py`); a region that names none of them is left out and told, and an image of its task
without boxes is then not labelled. Of several people's annotations of a task the one marked as ground truth is read, else the first, and
that is told. A task without an annotation, or with a cancelled or only a predicted one, is not labelled.
https://labelstud.io/guide/task_format
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from boxwright.errors import FormatError, PictureError
from boxwright.images import read_header
from boxwright.ingestion.attributes import cleaned
from boxwright.ingestion.finding import SIDES, class_names, files_below, read_bytes, side_of_folders
from boxwright.ingestion.formats.labelstudio_config import (
    Config,
    TaskImage,
    any_links,
    images_of,
    is_link,
    read_config,
)
from boxwright.ingestion.formats.labelstudio_regions import Regions, shape_of
from boxwright.ingestion.image_names import Finder, Wanted
from boxwright.ingestion.reading import PictureRecord, Reading
from boxwright.json_text import parse_json

_PREFIX = re.compile(r"[0-9a-f]{8}-")  # that an upload puts before a name
_UPLOADS = re.compile(r"data/upload/(\d+/)?")


def is_labelstudio(tree: Any) -> bool:
    """Whether parsed JSON is an export of tasks."""
    return isinstance(tree, list) and bool(tree) and isinstance(tree[0], dict) and isinstance(tree[0].get("data"), dict)


@dataclass
class _Image:
    """An image of a task and the regions on it."""

    record: PictureRecord
    wanted: Wanted
    where: str
    regions: Regions | None = None
    shapes: list[dict] = field(default_factory=list)


def read_labelstudio(files: list[Path], folder: Path, *, pictures: Path | None = None) -> Reading:
    """The annotations in Label Studio exports; classes as label_config.xml beside them orders them, else alphabetical.

    Args:
        files: JSON exports.
        folder: the source.
        pictures: folder of the pictures; looked for below `folder` when None.

    Raises:
        FormatError: a file is no export.
    """
    reading = Reading("labelstudio", [])
    root = pictures or folder
    finder = Finder(root, files_below(root))
    config = read_config(files)
    reading.class_names = class_names(config.labels, f"'{files[0]}'", reading)
    names = {name: i for i, name in enumerate(reading.class_names)}
    declared = len(names)
    images = [image for path in files for image in _read_tasks(reading, path, config, finder)]
    for image, at in zip(images, finder.meet(reading, [image.wanted for image in images]), strict=True):
        record = image.record
        record.path = at or finder.missing(image.wanted)
        record.file_name = at.relative_to(finder.folder).as_posix() if at else record.file_name
        record.side = record.side or (side_of_folders(finder.folder, at) if at else "")
        record.size_hw = _size(reading, image)
        found = [
            box for r in image.shapes if image.regions for box in image.regions.boxes(r, record.size_hw, image.where)
        ]
        record.boxes = reading.boxes(found, names=names)
        record.left_out += 0 if found else len(image.shapes)
        reading.pictures.append(record)
    if not declared:
        reading.sort_classes()
    class_names(reading.class_names, f"'{files[0]}'", reading)
    ids = [record.image_id for record in reading.pictures]
    if len(set(ids)) < len(ids):
        for record in reading.pictures:
            record.image_id = None
    return reading


def _read_tasks(reading: Reading, path: Path, config: Config, finder: Finder) -> list[_Image]:
    tasks = parse_json(read_bytes(path), path, strict=True)
    if not is_labelstudio(tasks):
        raise FormatError(f"'{path}' is no Label Studio export: expected a list of tasks with 'data'.")
    meant = frozenset(
        str(region.get("to_name"))
        for task in tasks
        for annotation in _annotations(task)
        for region in annotation["result"]
        if isinstance(region, dict) and shape_of(region) and region.get("to_name")
    )
    left: Counter[str] = Counter()
    images = [
        image
        for position, task in enumerate(tasks)
        for image in _read_task(reading, task, f"{path.name} task", position, (path, config, meant, finder, left))
    ]
    for kind, count in sorted(left.items()):
        reading.problem("no-box", "warning", path.name, f"{count} of the type {kind} hold no box we read; left out")
    return images


def _read_task(
    reading: Reading, task: Any, where: str, position: int,
    export: tuple[Path, Config, frozenset[str], Finder, Counter[str]],
) -> list[_Image]:  # fmt: skip
    path, config, meant, finder, left = export
    number = task.get("id") if isinstance(task, dict) else None
    where = f"{where} {number if number is not None else f'at position {position}'}"[:200]
    values = task.get("data") if isinstance(task, dict) else None
    values = values if isinstance(values, dict) else {}
    listed = [image for image in images_of(values, config, meant) if "\0" not in image.link]
    clear = placed = bool(listed)
    if not clear:
        listed = [TaskImage("", None, link, "") for link in any_links(values) if "\0" not in link]
    if not listed:
        reading.problem("bad-image", "error", where, "its data names no picture; it was left out with its boxes")
        return []
    task_id = number if isinstance(number, int) and not isinstance(number, bool) and abs(number) < 1 << 62 else None
    conditions = cleaned(_conditions(values, {image.key for image in listed}), reading, where)
    images = []
    for image in listed:
        name = picture_name(image.link)
        record = PictureRecord(
            name, path, task_id if len(listed) == 1 else None,
            side=SIDES.get(str(values.get("side")).lower(), ""), conditions=dict(conditions), root=finder.folder,
        )  # fmt: skip
        images.append(_Image(record, Wanted(_names(name), path), where))
    regions = _chosen(reading, task, where, left)
    if regions is not None:
        for region in regions.shapes:
            place = _image_of(region, listed) if clear else None
            if place is None:
                _tell_unplaced(reading, region, where)
                placed = False
            else:
                images[place].shapes.append(region)
        for region in regions.others:
            place = _image_of(region, listed) if clear else None
            for image in images if place is None else [images[place]]:
                image.record.left_out += 1
    for image in images:
        image.regions = regions
        image.record.labelled = regions is not None and (placed or bool(image.shapes))
    return images


def _image_of(region: dict, images: list[TaskImage]) -> int | None:
    """Position of the image a region lies on; None where it names none of them, or not which page."""
    tag, item = region.get("to_name"), region.get("item_index")
    mine = [k for k, image in enumerate(images) if image.tag in ("", tag)]
    if not tag and len({image.tag for image in images}) == 1:
        mine = list(range(len(images)))
    pages = [k for k in mine if images[k].item is not None]
    if pages and (item is not None or len(mine) > 1):
        mine = [k for k in pages if images[k].item == item and not isinstance(item, bool)]
    elif item not in (None, 0):
        mine = []
    return mine[0] if len(mine) == 1 else None


def _tell_unplaced(reading: Reading, region: dict, where: str) -> None:
    page = f" page {region['item_index']!r:.20}" if region.get("item_index") is not None else ""
    reading.problem(
        "unknown-image", "error", f"{where} region {str(region.get('id', ''))[:40]}",
        f"it is not clear which of the task's images it lies on (to_name {region.get('to_name')!r:.60}{page}); it was left out, "
        f"and an image without other boxes counts as not labelled. Put the project's label_config.xml beside the export",
    )  # fmt: skip


def _names(name: str) -> tuple[str, ...]:
    """What an image may be called here: as the link says, and without what an upload put before it."""
    name = _UPLOADS.sub("", name, count=1) if _UPLOADS.match(name) else name
    last = name.rsplit("/", 1)[-1]
    plain = _PREFIX.sub("", last, count=1) if _PREFIX.match(last) else last
    return (name, plain) if plain and plain != last else (name,)


def picture_name(link: str) -> str:
    """The path in a link: of a local file, an upload, a bucket or the web."""
    try:
        parts = urlsplit(link)
        query = parse_qs(parts.query)
    except ValueError:
        return link
    if "d" in query and "local-files" in parts.path:
        return query["d"][0].lstrip("/")
    if re.match(r"[A-Za-z]:[\\/]", link):
        return link  # a drive
    if parts.scheme or link.startswith("/"):
        return unquote(parts.path).lstrip("/") or link
    return link  # a plain name may hold '#', '%' and '?'


def _conditions(values: dict[str, Any], links: set[str]) -> dict[str, Any]:
    nested = values.get("conditions")
    if isinstance(nested, dict):
        return nested
    return {
        key: value
        for key, value in values.items()
        if isinstance(value, str | int | float | bool) and key not in ("image", "side", *links) and not is_link(value)
    }


def _annotations(task: Any) -> list[dict]:
    """The annotations of a task that somebody finished."""
    listed = task.get("annotations", task.get("completions")) if isinstance(task, dict) else None
    listed = [a for a in listed if isinstance(a, dict)] if isinstance(listed, list) else []
    return [a for a in listed if not a.get("was_cancelled") and isinstance(a.get("result"), list)]


def _chosen(reading: Reading, task: Any, where: str, left: Counter[str]) -> Regions | None:
    """The regions of the annotation that counts; None, and told, where none does."""
    valid = _annotations(task)
    if not valid:
        said = task if isinstance(task, dict) else {}
        why = next(
            (f"only {kind}" for kind in ("predictions", "drafts") if said.get(kind)),
            "no annotation that was not cancelled",
        )
        message = f"has {why}; it is kept as not labelled, which is not the same as empty"
        reading.problem("unlabelled", "warning", where, message)
        return None
    one = next((a for a in valid if a.get("ground_truth")), valid[0])
    who = one.get("completed_by")
    who = (who.get("email") or who.get("id")) if isinstance(who, dict) else who
    who = who if isinstance(who, str | int) else None
    if len(valid) > 1:
        which = "marked as ground truth" if one.get("ground_truth") else "the first"
        by = f" by {who!s:.60}" if who is not None else ""
        message = f"has {len(valid)} annotations; {one.get('id', '')!s:.40}{by} ({which}) was read, the others were not"
        reading.problem("several-annotations", "warning", where, message)
    return Regions(reading, one["result"], who, left)


def _size(reading: Reading, image: _Image) -> tuple[int, int] | None:
    """The size in pixels that a region declares; else the picture's own, told when regions need it."""
    for region in image.shapes:
        height, width = region.get("original_height"), region.get("original_width")
        if all(isinstance(v, int) and not isinstance(v, bool) and 0 < v < 1 << 31 for v in (height, width)):
            return (int(height), int(width))  # type: ignore[arg-type]
    if not image.shapes:
        return None
    try:
        record = image.record
        found = read_header(read_bytes(record.path, most=1 << 29), name=record.file_name).size_hw
        message = "has no original_width and original_height; taken from the picture"
        reading.problem("no-size", "warning", image.where, message)
        return found
    except (PictureError, FormatError, ValueError):
        return None
