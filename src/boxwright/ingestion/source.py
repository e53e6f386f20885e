"""A path to a reading: the format is recognised, or the reason why not is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from boxwright.errors import FormatError
from boxwright.ingestion.finding import (
    PICTURE_ENDINGS,
    SIDE_FILE,
    files_below,
    links_left_out,
    pictures_below,
    read_bytes,
    told_links,
)
from boxwright.ingestion.formats.coco import read_coco
from boxwright.ingestion.formats.cvat import is_cvat, read_cvat
from boxwright.ingestion.formats.datumaro import PREFIX, formats_of, is_there, read_datumaro
from boxwright.ingestion.formats.labelme import is_labelme, read_labelme
from boxwright.ingestion.formats.labelstudio import is_labelstudio, read_labelstudio
from boxwright.ingestion.formats.voc import is_voc, read_voc, voc_files
from boxwright.ingestion.formats.yolo import (
    YAML_ENDINGS,
    has_labels,
    is_yolo,
    may_be_yolo,
    read_yolo,
    tell_other_labels,
)
from boxwright.ingestion.reading import Reading
from boxwright.ingestion.side_file import restore
from boxwright.json_text import parse_json

_HEAD = 1 << 22
_LEAST = 1 << 12  # bytes; what is longer and all blank is no annotation file that somebody began
_PACKED = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"}
_MORE = " Datumaro reads some more formats: pip install 'boxwright[datumaro]'."
_EXPECTED = (
    "a YAML file with names, classes.txt or label lines (YOLO), XML with <annotation> (VOC) or <annotations> (CVAT), or JSON with images and "
    "annotations (COCO), a list of tasks (Label Studio), or shapes (LabelMe)"
)


def read_source(
    path: Path,
    *,
    pictures: Path | None = None,
    difficult_is_ignored: bool = True,
    format: str | None = None,
    classes: Sequence[str] | None = None,
) -> Reading:
    """What lies at a path, in whichever of our formats it is.

    Args:
        path: a COCO, Label Studio or LabelMe JSON file, a CVAT or VOC XML file, a YAML file of YOLO; or a folder of one format.
        pictures: folder the file names are relative to; looked for when None. Refused for YOLO, which says where they are.
        difficult_is_ignored: the spec's label policy for VOC.
        format: `yolo`, or `datumaro:NAME` to have a folder read by Datumaro; recognised when None.
        classes: class names by number, for YOLO; refused for the other formats, whose files name their classes.

    Raises:
        FormatError: nothing is there, or no format is recognised.
    """
    if format is not None and format != "yolo" and not format.startswith(PREFIX):
        raise FormatError(
            f"A format is given as yolo or {PREFIX}NAME; found '{format:.60}'. Our own formats are recognised."
        )
    if not path.exists():
        raise FormatError(f"'{path}' does not exist; give an annotation file or a folder.")
    if pictures is not None and not pictures.is_dir():
        raise FormatError(f"'{pictures}' is no folder; give the folder of the pictures.")
    if format is not None and format != "yolo":
        return read_datumaro(path, format.removeprefix(PREFIX), difficult_is_ignored=difficult_is_ignored)
    config = path if path.is_file() and path.suffix.lower() in (*YAML_ENDINGS, ".data") else None
    if path.is_file() and config is None:
        return _without_classes(_read_file(path, pictures, difficult_is_ignored), classes)
    path = path if config is None else path.parent
    links = links_left_out(path)
    try:
        reading = _read_below(path, config, pictures, difficult_is_ignored, format=format, classes=classes)
    except FormatError as error:
        if links:
            raise FormatError(f"{error} {told_links(links, path)}.") from error
        raise
    if links:
        reading.problem("link-left-out", "error", links[0].relative_to(path).as_posix(), told_links(links, path))
    if (path / SIDE_FILE).is_file() and not (path / SIDE_FILE).is_symlink():
        restore(reading, path)
    return reading


def _read_below(
    path: Path,
    config: Path | None,
    pictures: Path | None,
    difficult_is_ignored: bool,
    *,
    format: str | None,
    classes: Sequence[str] | None,
) -> Reading:
    """A folder, with the YAML file of YOLO where that was given."""
    files = files_below(path)
    if config is not None or format == "yolo" or is_yolo(path, files):
        return _read_yolo(path, files, pictures, config=config, classes=classes)
    if (named := _read_named(path, files, pictures, difficult_is_ignored)) is None:
        return _read_yolo(path, files, pictures, classes=classes)
    reading = _without_classes(named, classes)
    tell_other_labels(reading, path, files)
    _tell_unread(reading, path, files)
    return reading


def _read_file(path: Path, pictures: Path | None, difficult_is_ignored: bool) -> Reading:
    ending = path.suffix.lower()
    if ending in _PACKED:
        raise FormatError(f"'{path}' is packed; archives are not opened. Unpack it and give the folder.")
    if ending == ".xml":
        if is_voc(path):
            return read_voc(path.parent, pictures=pictures, difficult_is_ignored=difficult_is_ignored, only=[path])
        if is_cvat(path):
            return read_cvat([path], path.parent, pictures=pictures)
        raise FormatError(f"'{path}' is XML, but begins with neither <annotation> (VOC) nor <annotations> (CVAT).")
    if ending != ".json":
        raise FormatError(_not_annotations(path))
    kind = _json_kind(path)
    if kind == "labelstudio":
        return read_labelstudio([path], path.parent, pictures=pictures)
    if kind == "labelme":
        return read_labelme([path], path.parent, pictures=pictures, alone=True)
    if kind == "results":
        raise FormatError(
            f"'{path}' is a list of detections (COCO results), not ground truth; give the file with images and categories."
        )
    return read_coco([path], pictures=pictures)


def _not_annotations(path: Path) -> str:
    if path.suffix.lower() in PICTURE_ENDINGS:
        return f"'{path}' is an image. Give the annotation file, or the folder that contains images and annotations."
    return f"'{path}' is not an annotation file (.json, .xml, .yaml). Give the folder that contains images and annotations."


def _read_named(path: Path, files: list[Path], pictures: Path | None, difficult_is_ignored: bool) -> Reading | None:
    """As `_read_folder`; a refusal says where there are YOLO labels as well."""
    try:
        return _read_folder(path, files, pictures, difficult_is_ignored)
    except FormatError as error:
        if has_labels(files):
            raise FormatError(f"{error} '{path}' also contains YOLO labels; `--format yolo` reads those.") from error
        raise


def _read_yolo(
    path: Path, files: list[Path], pictures: Path | None, *, classes: Sequence[str] | None, config: Path | None = None
) -> Reading:
    if pictures is not None:
        raise FormatError(
            f"--pictures would do nothing: '{path}' is YOLO, whose images lie in images/ or beside the labels."
        )
    return read_yolo(path, files=files, config=config, classes=classes)


def _without_classes(reading: Reading, classes: Sequence[str] | None) -> Reading:
    if classes is not None:
        raise FormatError(
            f"--classes is for YOLO, whose labels have numbers alone; {reading.format} names its classes."
        )
    return reading


def _read_folder(path: Path, files: list[Path], pictures: Path | None, difficult_is_ignored: bool) -> Reading | None:
    """By the annotation files of a folder; None where only the lines of its text files say what it is: YOLO."""
    by_kind: dict[str, list[Path]] = {}
    for file in files:
        if file.suffix.lower() == ".json" and file.name != SIDE_FILE:
            by_kind.setdefault(_json_kind(file), []).append(file)
    cvat = [p for p in files if p.suffix.lower() == ".xml" and is_cvat(p)]
    if voc_files(files):
        reading = read_voc(path, pictures=pictures, difficult_is_ignored=difficult_is_ignored)
        return _tell_others(reading, path, {**by_kind, "cvat": cvat})
    if cvat:
        return _tell_others(read_cvat(cvat, path, pictures=pictures), path, by_kind)
    readers: dict[str, Callable[[list[Path]], Reading]] = {
        "coco": lambda found: read_coco(found, pictures=pictures, source=path),
        "labelstudio": lambda found: read_labelstudio(found, path, pictures=pictures),
        "labelme": lambda found: read_labelme(found, path, pictures=pictures),
    }
    found = [kind for kind in readers if kind in by_kind]
    if len(found) > 1:
        listed = ", ".join(f"{kind}: '{by_kind[kind][0].name}'" for kind in found)
        raise FormatError(f"'{path}' holds more than one format ({listed}); give the file or folder you mean.")
    if found:
        return readers[found[0]](by_kind[found[0]])
    if (told := _told_format(path)) in ("voc", "labelme"):  # nothing is labelled, so there are no label files
        return read_voc(path, difficult_is_ignored=difficult_is_ignored) if told == "voc" else readers[told]([])
    if may_be_yolo(path, files):
        return None
    if (broken := by_kind.get("broken")) and not by_kind.get("other"):
        parse_json(read_bytes(broken[0]), broken[0])  # says where it breaks
    if theirs := formats_of(path):
        if len(theirs) > 1:
            options = ", ".join(PREFIX + name for name in theirs)
            raise FormatError(f"'{path}' may be one of {options}; say which with --format.")
        return read_datumaro(path, theirs[0], difficult_is_ignored=difficult_is_ignored)
    raise FormatError(f"No annotations found in '{path}': {_what_is_there(path, files)}")


def _tell_unread(reading: Reading, folder: Path, files: Sequence[Path]) -> None:
    """A word about XML and JSON files that are named like an image and are annotations of no format, such as empty ones."""
    stems = {path.stem for path in pictures_below(files)}
    named = [p for p in files if p.suffix.lower() in (".xml", ".json") and p.stem in stems]
    if unread := [p for p in named if _is_nothing(p)]:
        more = f", and {len(unread) - 1} more like it" if len(unread) > 1 else ""
        reading.problem(
            "broken-file", "error", unread[0].relative_to(folder).as_posix(),
            f"is named like an image and is empty{more}; its image counts as not labelled. Remove the file, or save its annotations again",
        )  # fmt: skip


def _is_nothing(path: Path) -> bool:
    return path.stat().st_size < _LEAST and not path.read_bytes().strip(b"\0 \t\r\n")


def _tell_others(reading: Reading, folder: Path, by_kind: dict[str, list[Path]]) -> Reading:
    """The reading, with a word about annotation files of other formats beside those that were read."""
    for kind in ("cvat", "coco", "labelstudio", "labelme"):
        if found := by_kind.get(kind):
            count = f"one of {len(found)} {kind} files" if len(found) > 1 else f"a {kind} file"
            reading.problem(
                "other-labels", "warning", found[0].relative_to(folder).as_posix(),
                f"is {count} here; the {reading.format} annotations were read instead. Give its path to have it read",
            )  # fmt: skip
    return reading


def _told_format(folder: Path) -> str:
    """The format that the side file says, or empty."""
    path = folder / SIDE_FILE
    tree = parse_json(read_bytes(path), path) if path.is_file() and not path.is_symlink() else {}
    return str(tree.get("format", "")) if isinstance(tree, dict) else ""


def _json_kind(path: Path) -> str:
    """coco, labelstudio, labelme, results, other or broken, by the file's first four megabytes where that will do."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    cut = len(head) == _HEAD
    if (encoding := json.detect_encoding(head)) not in ("utf-8", "utf-8-sig"):  # pyright: ignore[reportAttributeAccessIssue]
        head = head.decode(encoding, errors="ignore").encode(errors="replace")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start == b"{" and b'"images"' in head and (b'"annotations"' in head or b'"categories"' in head or cut):
        return "coco"
    if start == b"{" and b'"shapes"' in head:
        return "labelme"
    if not cut or start == b"[":
        return _kind_of(path)
    if b'"annotations"' in head:
        return "coco"  # its pictures come after four megabytes of annotations
    return "labelme" if b'"imageData"' in head else "other"


def _kind_of(path: Path) -> str:
    try:
        tree: Any = parse_json(read_bytes(path), path)
    except FormatError:
        return "broken"
    if is_labelstudio(tree):
        return "labelstudio"
    if is_labelme(tree):
        return "labelme"
    if isinstance(tree, list) and tree and isinstance(tree[0], dict) and "image_id" in tree[0]:
        return "results"
    images = tree.get("images") if isinstance(tree, dict) else None
    listed = isinstance(images, list) and images and isinstance(images[0], dict) and "file_name" in images[0]
    return "coco" if listed or (isinstance(images, list) and "annotations" in tree) else "other"


def _what_is_there(path: Path, files: list[Path]) -> str:
    pictures = set(pictures_below(files))
    others = sorted({p.suffix.lower() or p.name for p in files if p not in pictures})
    packed = " Archives are not opened: unpack them." if any(p.suffix.lower() in _PACKED for p in files) else ""
    beside = "" if others or not pictures else f" If the annotations are beside it, give '{path.absolute().parent}'."
    return (
        f"it contains {len(files)} files, {len(pictures)} of them images"
        f"{', and these other endings: ' + ', '.join(others) if others else ''}."
        f"{beside}{packed} Expected {_EXPECTED}.{'' if is_there() else _MORE}"
    )
