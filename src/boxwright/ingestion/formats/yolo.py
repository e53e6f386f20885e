"""YOLO folders: one text file per image, `class cx cy w h` as fractions of the image.

Read as they are found: a YAML file under any name or none (yolo_config.py), class names from several places (yolo_classes.py), folders
and lists (yolo_subsets.py), labels in several places (yolo_pairs.py), outlines and keypoints in their lines (yolo_lines.py,
yolo_pose.py). An empty label file says "nothing here"; a missing one says nobody has looked, and the two are kept apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from boxwright.errors import FormatError
from boxwright.ingestion.finding import PICTURE_ENDINGS, class_names, files_below, pictures_below, unlabelled
from boxwright.ingestion.formats.yolo_classes import choose_names, is_name_file, no_names
from boxwright.ingestion.formats.yolo_config import YAML_ENDINGS, Config, find_config, read_config, read_text
from boxwright.ingestion.formats.yolo_lines import like_labels, read_labels
from boxwright.ingestion.formats.yolo_pairs import Pairs, pair
from boxwright.ingestion.formats.yolo_paths import relative
from boxwright.ingestion.formats.yolo_pose import keypoints_of, tell_left_out
from boxwright.ingestion.formats.yolo_subsets import Subsets
from boxwright.ingestion.reading import PictureRecord, Reading

_SAYS_SO = ("classes.txt", "obj.names")
_UNREAD_IMAGES = {".heic", ".heif", ".avif", ".jp2", ".dng", ".gif", ".mpo", ".jfif", ".nef", ".cr2", ".arw"}
_LOOKED_AT = 20  # text files, where another format was read


def is_yolo(folder: Path, files: Sequence[Path]) -> bool:
    """Whether the folder itself says that it is YOLO, by a YAML file, obj.data or class names, and contains lines of labels.

    Without lines it may be of another format that has a list of classes: see `may_be_yolo`.
    """
    return has_labels(files) and _says_so(folder, files)


def may_be_yolo(folder: Path, files: Sequence[Path]) -> bool:
    """Whether a folder of no other format is YOLO: it says so, or contains lines of labels."""
    return has_labels(files) or _says_so(folder, files)


def _says_so(folder: Path, files: Sequence[Path]) -> bool:
    named = any(p.parent == folder and p.name in _SAYS_SO for p in files)
    return named or find_config(folder, files, deep=False) is not None


def has_labels(files: Sequence[Path]) -> bool:
    """Whether some text file has the lines of YOLO labels and the name of an image, or there is no image at all."""
    stems = {path.stem.casefold() for path in pictures_below(files)}
    texts = (p for p in files if p.suffix.lower() == ".txt")
    return any((not stems or p.stem.casefold() in stems) and like_labels(read_text(p), fractions=True) for p in texts)


def read_yolo(
    folder: Path,
    *,
    files: Sequence[Path] | None = None,
    config: Path | None = None,
    classes: Sequence[str] | None = None,
) -> Reading:
    """The annotations of a YOLO folder.

    Args:
        folder: of the images and labels.
        files: all files below it, where they are known.
        config: the YAML file or obj.data that lays it out; looked for when None.
        classes: class names by number, before those that files give.

    Raises:
        FormatError: there are no images, class names are missing or unreadable, or several files lay the folder out.
    """
    files = files_below(folder) if files is None else files
    config = config or find_config(folder, files)
    laid_out = Config(folder) if config is None else read_config(config)
    images = pictures_below(files)
    if not images:
        raise _no_images(folder, laid_out, files)
    reading = Reading("yolo", [])
    subsets = Subsets(folder, laid_out, files, images)
    subsets.read(reading)
    name_files = [p for p in files if p.suffix.lower() != ".yaml" and _names_classes(p, laid_out)]
    no_labels = {*name_files, *subsets.lists}
    texts = [p for p in files if p.suffix.lower() == ".txt" and p not in no_labels]
    pairs = pair(folder, subsets.side_of, subsets.left_out, texts, reading)
    names = choose_names(folder, laid_out, name_files, classes, reading)
    if names is None or (not names and _classes_seen(pairs)):
        raise no_names(folder, laid_out, _classes_seen(pairs))
    reading.class_names = class_names(names, f"'{folder}'", reading)
    _read_images(folder, laid_out, subsets, pairs, reading)
    _tell_unread(folder, files, images, reading)
    return reading


def _read_images(folder: Path, config: Config, subsets: Subsets, pairs: Pairs, reading: Reading) -> None:
    """Add the record of every image, with its boxes."""
    where = config.name or folder.name
    names = {name: i for i, name in enumerate(reading.class_names)}
    keypoints = keypoints_of(config.kpt_shape, pairs.label_of.values(), reading, where=where)
    for path, side in subsets.side_of.items():
        record = PictureRecord(relative(path, folder), path, side=side, root=folder)
        label = pairs.label_of.get(path)
        if label is None:
            record.labelled = False
            if path not in pairs.unclear:
                unlabelled(reading, record.file_name, "label file")
        else:
            read_labels(reading, record, label, where=relative(label, folder), names=names, keypoints=keypoints)
        reading.pictures.append(record)
    tell_left_out(keypoints, reading, where=where)


def _tell_unread(folder: Path, files: Sequence[Path], images: Sequence[Path], reading: Reading) -> None:
    """Tell of images in formats that are not read, and of annotations in another format."""
    stems = {path.stem for path in images}
    for ending in sorted({p.suffix.lower() for p in files} & _UNREAD_IMAGES - PICTURE_ENDINGS):
        found = [p for p in files if p.suffix.lower() == ending]
        reading.problem(
            "unread-images", "error", relative(found[0], folder),
            f"and all {len(found)} files that end in {ending} are not read; convert them to PNG or JPEG under the same names",
        )  # fmt: skip
    for ending in (".xml", ".json"):
        found = [p for p in files if p.suffix.lower() == ending and p.stem in stems]
        if found:
            reading.problem(
                "other-labels", "warning", relative(found[0].parent, folder),
                f"contains {len(found)} {ending} files named after images; the YOLO labels were read and those were not. Give their folder "
                f"to have them read instead",
            )  # fmt: skip


def tell_other_labels(reading: Reading, folder: Path, files: Sequence[Path]) -> None:
    """Where a folder was read in another format, say that it contains YOLO labels too, and how to read those."""
    stems = {path.stem for path in pictures_below(files)}
    found = [p for p in files if p.suffix.lower() == ".txt" and p.stem in stems]
    if not any(like_labels(read_text(p), fractions=True) for p in found[:_LOOKED_AT]):
        return
    where = relative(found[0].parent, folder)
    read = {PurePosixPath(record.file_name).stem for record in reading.pictures}
    lost = sum(p.stem not in read for p in found)
    told = f"contains YOLO labels ({len(found)} files) beside the {reading.format} annotations; they were not read. `--format yolo` reads them instead"
    if lost:
        told += (
            f". {lost} {'image has' if lost == 1 else 'images have'} YOLO labels only, and no box of theirs was read"
        )
    reading.problem("other-labels", "error" if lost else "warning", where, told)


def _names_classes(path: Path, config: Config) -> bool:
    named = config.names_file.replace("\\", "/").rpartition("/")[2]
    return (bool(named) and path.name == named) or is_name_file(path)


def _classes_seen(pairs: Pairs) -> int:
    """One more than the largest class number in any label file."""
    most = -1
    for label in [*pairs.label_of.values(), *pairs.unused]:
        for line in read_text(label).splitlines():
            first = line.split()[:1]
            if first and first[0].isdecimal() and len(first[0]) < 7:
                most = max(most, int(first[0]))
    return most + 1


def _no_images(folder: Path, config: Config, files: Sequence[Path]) -> FormatError:
    labels = sum(p.suffix.lower() == ".txt" and like_labels(read_text(p)) for p in files)
    if config.root and not labels:
        return FormatError(
            f"'{folder / config.name}' says path: '{config.root:.120}', and there are no images in '{folder}'. Files outside the folder of "
            f"the YAML file are not read: copy it into the folder of the images, or give that folder with "
            f"`--classes '{folder / config.name}'`."
        )
    return FormatError(
        f"'{folder}' contains {labels} YOLO label files but no images, and their fractions need the size of the images. Give the folder "
        f"that contains both, such as '{folder.resolve().parent}'."
    )


__all__ = ["YAML_ENDINGS", "has_labels", "is_yolo", "may_be_yolo", "read_yolo", "tell_other_labels"]
