"""The class names of a YOLO folder: from `--classes`, its YAML file, or a file of names (classes.txt, *.names, labels.txt).

A label line has a number only, so a list of names that is one line off renames every box: an empty line between names, bytes
that are no UTF-8, and two lists that differ are not passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from boxwright.errors import FormatError
from boxwright.ingestion.finding import is_there
from boxwright.ingestion.formats.yolo_config import YAML_ENDINGS, Config, read_config, read_text
from boxwright.ingestion.formats.yolo_lines import like_labels
from boxwright.ingestion.reading import Reading

_NAME_FILES = ("classes.txt", "obj.names", "labels.txt", "class_names.txt", "classnames.txt", "_darknet.labels")
_MOST_SHOWN = 8


def is_name_file(path: Path) -> bool:
    """Whether the file is called as files of class names are, and its lines are no boxes."""
    name = path.name.lower()
    return (name in _NAME_FILES or name.endswith(".names")) and not like_labels(read_text(path))


def read_classes(text: str) -> list[str]:
    """Class names as the command line gives them: `a,b,c`, a file with one name a line, or a YAML file with `names`.

    Raises:
        FormatError: there is no name.
    """
    path = Path(text)
    if is_there(path):
        names = read_config(path).names if path.suffix.lower() in YAML_ENDINGS else read_names(path)
    elif "," not in text and path.suffix.lower() in (".txt", ".names", *YAML_ENDINGS):
        raise FormatError(
            f"'{text}' does not exist; --classes takes names (--classes a,b,c) or a file, one name a line."
        )
    else:
        names = [name.strip() for name in text.split(",")]
    if not names or not all(str(name).strip() for name in names):
        raise FormatError(
            f"--classes '{text:.80}' has an empty class name; give every class, in the order of its number."
        )
    return [str(name) for name in names]


def read_names(path: Path) -> list[str]:
    """A file with one name a line; its last lines may be empty.

    Raises:
        FormatError: a line between names is empty, or the file is no UTF-8.
    """
    text = read_text(path)
    if "\ufffd" in text:
        raise FormatError(f"'{path}' is not UTF-8, so its class names cannot be read for certain; save it as UTF-8.")
    lines = [line.strip() for line in text.rstrip().splitlines()]
    if "" in lines:
        at = lines.index("") + 1
        raise FormatError(
            f"'{path}' line {at} is empty, and the line is the number of the class: write a name there, or remove the line "
            f"if the classes after it are numbered without it."
        )
    return lines


def choose_names(
    folder: Path, config: Config, files: Iterable[Path], given: Sequence[str] | None, reading: Reading
) -> list[Any] | None:
    """The class names that count; None where nothing says any. Lists that differ from them are told.

    Raises:
        FormatError: two files of names differ and nothing says which counts.
    """
    found: list[tuple[str, list[Any]]] = [("--classes", list(given))] if given is not None else []
    if config.names is not None:
        found.append((config.name, config.names))
    of_files = [(p, names) for p in _sorted(folder, config, files) if (names := read_names(p))]
    if not found and of_files:
        first = _depth(folder, of_files[0][0])
        level = [(p, names) for p, names in of_files if _depth(folder, p) == first or _is_named(config, p)]
        if _is_named(config, level[0][0]):
            level = level[:1]
        if any(names != level[0][1] for _, names in level):
            listed = ", ".join(f"'{p.relative_to(folder).as_posix()}'" for p, _ in level[:_MOST_SHOWN])
            raise FormatError(
                f"'{folder}' contains different lists of class names ({listed}); say which counts with `--classes FILE`."
            )
    found += [(p.relative_to(folder).as_posix(), names) for p, names in of_files]
    if not found:
        return None
    where, names = found[0]
    for other, differing in found[1:]:
        if [str(n) for n in differing] != [str(n) for n in names]:
            reading.problem(
                "class-names-differ", "warning", other,
                f"lists other class names ({_shown(differing)}) than {where} ({_shown(names)}); those of {where} were used",
            )  # fmt: skip
    if config.count is not None and config.count != len(names):
        reading.problem(
            "class-count", "error", config.name,
            f"says {config.count!r:.20} classes (nc), but {where} gives {len(names)} names ({_shown(names)}); "
            f"a name may be missing, and then classes after it have the wrong name",
        )  # fmt: skip
    return names


def no_names(folder: Path, config: Config, seen: int) -> FormatError:
    """The refusal of a folder whose classes have no names."""
    names = ",".join(f"name{i}" for i in range(min(seen, 5))) + (",..." if seen > 5 else "")
    used = (
        f"Its labels use {seen} class{'es' if seen != 1 else ''}, numbered 0 to {seen - 1}"
        if seen
        else "No label uses a class"
    )
    return FormatError(
        f"'{folder}' has no class names{f', and {config.name} gives none' if config.name else ''}: expected `names` in a YAML file, or classes.txt, *.names or labels.txt with one name a line. "
        f"{used}. Give their names in that order: `--classes {names or 'name0'}`, or write them to '{folder / 'classes.txt'}'."
    )


def _sorted(folder: Path, config: Config, files: Iterable[Path]) -> list[Path]:
    """Files of names: the one the configuration names, then those nearest to the folder, classes.txt first."""

    def rank(path: Path) -> tuple[bool, int, int, str]:
        name = path.name.lower()
        usual = _NAME_FILES.index(name) if name in _NAME_FILES else len(_NAME_FILES)
        return not _is_named(config, path), _depth(folder, path), usual, str(path)

    return sorted(files, key=rank)


def _is_named(config: Config, path: Path) -> bool:
    return bool(config.names_file) and path.name == config.names_file.replace("\\", "/").rpartition("/")[2]


def _depth(folder: Path, path: Path) -> int:
    return len(path.relative_to(folder).parts)


def _shown(names: Sequence[Any]) -> str:
    return ", ".join(str(n)[:40] for n in names[:_MOST_SHOWN]) + (", ..." if len(names) > _MOST_SHOWN else "")
