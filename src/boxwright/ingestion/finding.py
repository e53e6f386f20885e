"""What lies below a folder, and what its names tell; never through a link that leaves the folder.

Also the door through which every annotation file is read: as a whole, up to a size, as UTF-8.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from boxwright.errors import FormatError
from boxwright.ingestion.reading import PictureRecord, Reading
from boxwright.json_text import parse_json
from boxwright.plain_text import control_in, printable

PICTURE_ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".mpo", ".jfif", ".jpe"}
_ANNOTATION_ENDINGS = {".json", ".xml", ".txt"}
SIDES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
SIDE_FILE = "boxwright.json"
MOST_BYTES = 4 << 30  # of an annotation file
_LONGEST_NAME = 200  # of a class


def files_below(folder: Path) -> list[Path]:
    """All plain files, sorted; links to folders are not entered, links to files only where they stay in the folder."""
    found: list[Path] = []
    inside = folder.resolve()
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in names:
            if name.startswith("._"):  # macOS leaves one beside every file on a foreign disk; it is not the file
                continue
            path = Path(place) / name
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                continue
            if path.is_file():
                found.append(path)
    return sorted(found)


def links_left_out(folder: Path) -> list[Path]:
    """Links below a folder that may mean data and are not followed: they lead out of it, or nowhere.

    Of links to files, those that end like images or annotations; links to folders all.
    """
    found: list[Path] = []
    inside = folder.resolve()
    for place, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(place) / name
            if not path.is_symlink() or (path.exists() and path.resolve().is_relative_to(inside)):
                continue
            if path.is_dir() or path.suffix.lower() in PICTURE_ENDINGS | _ANNOTATION_ENDINGS:
                found.append(path)
    return sorted(found)


def told_links(links: list[Path], folder: Path) -> str:
    """A sentence about links that were not followed."""
    first, n = links[0].relative_to(folder).as_posix(), len(links)
    these = f"'{first}' is a link that leads" if n == 1 else f"'{first}' and {n - 1} more are links that lead"
    return f"{these} out of the folder or nowhere; links are not followed there: put the files themselves into the folder (`cp -rL`)"


def pictures_below(files: Iterable[Path]) -> list[Path]:
    """Those that end like pictures."""
    return [path for path in files if path.suffix.lower() in PICTURE_ENDINGS]


def picture_names_below(folder: Path, *, most: int | None = None) -> list[str]:
    """Names of the images below a folder, relative to it, with slashes, sorted; links to folders are not entered.

    Nothing where more than `most` files and folders lie there: somebody's home is not searched.
    """
    found: list[str] = []
    seen = 0
    for place, folders, names in os.walk(folder):
        seen += len(folders) + len(names)
        if most is not None and seen > most:
            return []
        beside = os.path.relpath(place, folder).replace(os.sep, "/") + "/"
        beside = "" if beside == "./" else beside
        found += [beside + name for name in names if os.path.splitext(name)[1].lower() in PICTURE_ENDINGS]
    return sorted(found)


def read_bytes(path: Path, *, most: int = MOST_BYTES) -> bytes:
    """A file's content; FormatError when it cannot be read or is larger than `most` bytes."""
    try:
        size = path.stat().st_size
        if size > most:
            raise FormatError(f"'{path}' has {size} bytes; at most {most} are read. Split it into several files.")
        return path.read_bytes()
    except OSError as error:
        raise FormatError(f"Cannot read '{path}': {error.strerror or error}.") from error


def load_json(path: Path) -> Any:
    """A JSON file in UTF-8, with or without a byte-order mark; FormatError with the place where it breaks."""
    return parse_json(read_bytes(path), path)


def read_lines(path: Path, *, most: int = 1 << 28) -> list[str]:
    """The lines of a text file in UTF-8, with or without a byte-order mark."""
    return read_bytes(path, most=most).decode("utf-8-sig", errors="replace").splitlines()


def side_of_folders(folder: Path, path: Path) -> str:
    """The side that a folder on the way from `folder` to the file is named after, or empty."""
    parts = path.relative_to(folder).parts[:-1] if path.is_relative_to(folder) else ()
    return next((SIDES[part.lower()] for part in parts if part.lower() in SIDES), "")


def is_there(path: Path) -> bool:
    """Whether a listed name leads to a file; a name that no file system can hold leads nowhere."""
    try:
        return path.is_file()
    except (ValueError, OSError):
        return False


def stays_inside(name: str) -> bool:
    """Whether a listed name, as it is spelled, stays under the folder of the pictures."""
    if "\0" in name or os.path.isabs(name):
        return False
    return ".." not in name or ".." not in PurePosixPath(name.replace("\\", "/")).parts


def class_names(names: Iterable[object], where: str, reading: Reading) -> list[str]:
    """Class names as texts; FormatError for one that is empty, endless, unprintable or given twice.

    Names that differ only by case or blanks are told: they are often one class.
    """
    found: list[str] = []
    for name in names:
        text = str(name) if isinstance(name, str | int | float) and not isinstance(name, bool) else ""
        control = control_in(text)
        if not text.strip() or len(text) > _LONGEST_NAME or control:
            why = f" with the control character {control}" if control else ""
            raise FormatError(
                f"{where}: a class needs a name of 1 to {_LONGEST_NAME} printable characters; found {printable(repr(name))[:60]}{why}."
            )
        if text in found:
            raise FormatError(f"{where}: a class name is listed twice: two are called '{text}'; names must differ.")
        found.append(text)
    alike: dict[str, str] = {}
    for text in found:
        other = alike.setdefault(" ".join(text.lower().split()), text)
        if other != text:
            reading.problem(
                "alike-classes", "warning", where,
                f"the classes '{other}' and '{text}' differ only by case or blanks; both are kept. Are they one class?",
            )  # fmt: skip
    return found


def add_unlabelled(reading: Reading, folder: Path, pictures: Iterable[Path], *, lacking: str) -> None:
    """Pictures that no annotation file speaks of, kept as not labelled."""
    seen = {record.path for record in reading.pictures}
    for path in pictures:
        if path not in seen:
            name = path.relative_to(folder).as_posix()
            side = side_of_folders(folder, path)
            reading.pictures.append(PictureRecord(name, path, side=side, labelled=False, root=folder))
            unlabelled(reading, name, lacking)


def unlabelled(reading: Reading, name: str, lacking: str) -> None:
    """Tell of a picture nobody has looked at."""
    reading.problem(
        "unlabelled", "warning", name,
        f"has no {lacking}; it is kept as not labelled, which is not the same as empty",
    )  # fmt: skip
