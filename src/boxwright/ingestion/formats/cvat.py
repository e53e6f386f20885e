"""CVAT XML 1.1, for images and for video.

In a file for images each `<image>` holds its shapes; `subset` is a folder on the way to its image. In a file for video each
`<track>` holds one object's boxes by frame (`cvat_tracks.py`); `cvat_frames.py` says which frames a task has and which image each
is. What becomes of a shape is in `cvat_shapes.py`.
https://docs.cvat.ai/docs/manual/advanced/xml_format/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

from boxwright.errors import FormatError
from boxwright.ingestion.finding import SIDES, class_names, files_below, side_of_folders
from boxwright.ingestion.formats.cvat_frames import Task, frames_of, images_of, size, tasks_of, whole
from boxwright.ingestion.formats.cvat_shapes import Kinds, labels_of, read_shape, tell_without_box
from boxwright.ingestion.formats.cvat_tracks import frame_of, read_tracks
from boxwright.ingestion.image_names import Finder, Wanted
from boxwright.ingestion.reading import BoxRecord, PictureRecord, Reading
from boxwright.ingestion.xml_text import begins_with, parse_xml

_NO_SHAPE = ("attribute",)


def is_cvat(path: Path) -> bool:
    """Whether an XML file begins like a CVAT export."""
    return begins_with(path, "annotations")


@dataclass
class _Source:
    """What the files of one source share."""

    reading: Reading
    finder: Finder
    names: dict[str, int]
    images: list[tuple[PictureRecord, Wanted]] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)  # kinds without a box, of one file


def read_cvat(files: list[Path], folder: Path, *, pictures: Path | None = None) -> Reading:
    """The annotations of CVAT XML files.

    Args:
        files: XML; with several, one that is named after a side is that side.
        folder: the source.
        pictures: folder of the pictures; looked for below `folder` when None.

    Raises:
        FormatError: a file is no CVAT XML.
    """
    root = pictures or folder
    source = _Source(Reading("cvat", []), Finder(root, files_below(root)), {})
    reading = source.reading
    trees = [(path, _parse(path)) for path in files]
    videos = sum(len(tasks_of(tree)) for _, tree in trees if _is_video(tree))
    for path, tree in trees:
        kinds = labels_of(tree)
        for label in kinds:
            if label not in source.names:
                source.names[label] = len(source.names)
                reading.class_names.append(label)
        source.left = Counter()
        for image in tree.findall("image"):
            _read_image(source, image, path, kinds)
        if _is_video(tree):
            _read_videos(source, tree, path, kinds, alone=videos == 1)
        tell_without_box(reading, source.left, path.name)
    _place(source)
    if reading.class_names:
        class_names(reading.class_names, f"'{files[0]}'", reading)
    ids = [record.image_id for record in reading.pictures]
    if len(set(ids)) < len(ids):
        for record in reading.pictures:
            record.image_id = None
    return reading


def _parse(path: Path) -> Element:
    try:
        tree = parse_xml(path, most=1 << 30)
    except FormatError as error:
        raise FormatError(f"{error} Nothing was read. Export it again.") from error
    if tree.tag != "annotations":
        raise FormatError(f"'{path}' is no CVAT XML: expected <annotations>, found <{str(tree.tag)[:60]}>.")
    return tree


def _is_video(tree: Element) -> bool:
    """Whether it has tracks, or is of a video in which nobody found anything."""
    modes = [node.findtext("mode") for node in (*tree.findall("meta/*"), *tree.findall("meta/project/tasks/task"))]
    return tree.find("track") is not None or ("interpolation" in modes and tree.find("image") is None)


def _read_image(source: _Source, image: Element, path: Path, kinds: Kinds) -> None:
    name, subset = image.get("name") or "", image.get("subset") or ""
    where = f"{path.name} image {name or image.get('id')}"[:200]
    if not name or "\0" in name:
        source.reading.problem("bad-image", "error", where, "has no name; it was left out with its boxes")
        return
    record = PictureRecord(
        file_name=name,
        path=path,
        image_id=whole(image.get("id")),
        size_hw=size(image.get("height"), image.get("width")),
        side=SIDES.get(subset.lower()) or SIDES.get(path.stem.lower(), ""),
        root=source.finder.folder,
    )
    found = []
    for number, shape in enumerate((s for s in image if s.tag not in _NO_SHAPE), start=1):
        label = shape.get("label") or ""
        box = read_shape(source.reading, shape, label, kinds, f"{where} {shape.tag} {number}", source.left)
        found += [box] if box is not None else []
        record.left_out += box is None and shape.tag != "tag"
    record.boxes = source.reading.boxes(found, names=source.names)
    folder = subset if subset and not {"/", "\\", "\0"} & set(subset) and subset not in (".", "..") else ""
    source.images.append((record, Wanted((name,), path, folder, (path.stem,))))
    source.reading.pictures.append(record)


def _place(source: _Source) -> None:
    """Every `<image>` at its file."""
    finder, wanted = source.finder, [want for _, want in source.images]
    for (record, want), at in zip(source.images, finder.meet(source.reading, wanted), strict=True):
        record.path = at or finder.missing(want)
        record.file_name = at.relative_to(finder.folder).as_posix() if at else record.file_name
        record.side = record.side or (side_of_folders(finder.folder, at) if at else "")


def _read_videos(source: _Source, tree: Element, path: Path, kinds: Kinds, *, alone: bool) -> None:
    """Tracks become boxes of pictures, one picture per frame of each task."""
    tasks = tasks_of(tree)
    of_task: dict[int, list[tuple[int, Element]]] = {k: [] for k in range(len(tasks))}
    places = {task.task_id: k for k, task in enumerate(tasks)}
    for number, track in enumerate(tree.findall("track")):
        place = places.get(track.get("task_id") or "", 0 if len(tasks) == 1 else -1)
        if place < 0:
            where = f"{path.name} track {track.get('id') or number}"
            message = (
                f"its task_id {track.get('task_id')!r:.40} is none of the {len(tasks)} tasks declared; it was left out"
            )
            source.reading.problem("bad-frame", "error", where, message)
        else:
            of_task[place].append((number, track))
    for place, task in enumerate(tasks):
        _read_video(source, task, of_task[place], path, kinds, alone=alone)


def _read_video(
    source: _Source, task: Task, tracks: list[tuple[int, Element]], path: Path, kinds: Kinds, *, alone: bool
) -> None:
    reading, finder = source.reading, source.finder
    given = {n for _, track in tracks for shape in track if (n := frame_of(shape)) is not None}
    if not tracks and task.frames is None:
        return
    frames = frames_of(reading, task, given, finder, path)
    by_frame: dict[int, list[BoxRecord]] = {}
    left_out: Counter[int] = Counter()
    for frame, shape, label, track in read_tracks(reading, tracks, path, frames=frames):
        box = read_shape(reading, shape, label, kinds, f"{path.name} track {track} frame {frame}", source.left)
        if box is not None:
            box.attributes.setdefault("track_id", whole(track) if whole(track) is not None else track)
            by_frame.setdefault(frame, []).append(box)
        else:
            left_out[frame] += 1
    images = images_of(reading, task, frames, finder, path, alone=alone)
    side = SIDES.get(task.subset.lower()) or SIDES.get(path.stem.lower(), "")
    for frame, at in _worth_listing(reading, frames, images, by_frame, path):
        name = f"frame_{frame:06d}.png"
        record = PictureRecord(
            file_name=at.relative_to(finder.folder).as_posix() if at else name,
            path=at or finder.missing(Wanted((name,), path, task.subset or (task.task_id if not alone else ""))),
            image_id=frame,
            size_hw=task.size_hw,
            side=side or (side_of_folders(finder.folder, at) if at else ""),
            root=finder.folder,
        )
        record.boxes, record.left_out = reading.boxes(by_frame.get(frame, []), names=source.names), left_out[frame]
        reading.pictures.append(record)


def _worth_listing(
    reading: Reading, frames: Sequence[int], images: Sequence[Path | None], by_frame: dict[int, list], path: Path
) -> Iterator[tuple[int, Path | None]]:
    """Frames with their images, without those that have neither boxes nor an image while others have one."""
    some = any(at is not None for at in images)
    bare = [n for n, at in zip(frames, images, strict=True) if some and at is None and n not in by_frame]
    if bare:
        message = f"{len(bare)} frames without boxes have no image, such as frame {bare[0]}; they were left out"
        reading.problem("missing-frames", "warning", path.name, message)
    without = set(bare)
    yield from ((n, at) for n, at in zip(frames, images, strict=True) if n not in without)
