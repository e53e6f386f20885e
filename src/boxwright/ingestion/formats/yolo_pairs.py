"""Which label file belongs to which image.

A label lies in the folder that is called labels where the image's is called images, or beside the image, or below `labels/`. What
these places leave over is matched by name, with the words for labels and images taken out of the folders (`Annotations/a.txt`,
`Labels/Train/a.TXT`, `train_labels/a.txt`) and upper and lower case made alike; only where one image and one label file fit, and told.
A label file that fits no image, and one that fits two, are told: no box is lost in silence, and no image is given another's.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from boxwright.images import match_names
from boxwright.images.path_ends import SUBSET_FOLDERS
from boxwright.ingestion.finding import PICTURE_ENDINGS
from boxwright.ingestion.formats.yolo_config import read_text
from boxwright.ingestion.formats.yolo_lines import like_labels
from boxwright.ingestion.formats.yolo_paths import one_ends_with_the_other, relative
from boxwright.ingestion.reading import Reading

_IMAGE_FOLDERS = ("images", "imgs", "jpegimages")
_WORDS = {
    "images", "image", "imgs", "img", "jpegimages", "pictures", "photos", "jpg", "png",
    "labels", "label", "annotations", "annotation", "annots", "annot", "anno", "annos", "ann", "txt", "txts", "yolo", "bboxes", "bbox",
    "boxes", "gt", "ground", "truth", "groundtruth", "darknet",
}  # fmt: skip
_HOW = {
    "exact": "its name in another folder",
    "spelling": "its name in another spelling",
    "case": "its name but for upper and lower case",
    "path end": "the end of its path",
}
_BETWEEN = re.compile(r"[_\-. ]+")
_NO_LABEL = re.compile(r"readme|licen[cs]e|notes|requirements", re.IGNORECASE)
_LABEL_FOLDER = re.compile(r"label|annot|anno\b|txt", re.IGNORECASE)


@dataclass
class Pairs:
    """Labels by image.

    Attributes:
        label_of: image to its label file.
        unclear: images whose label file is another's as well.
        unused: label files that were given to no image.
    """

    label_of: dict[Path, Path] = field(default_factory=dict)
    unclear: set[Path] = field(default_factory=set)
    unused: list[Path] = field(default_factory=list)


def pair(
    folder: Path, images: Iterable[Path], left_out: Sequence[Path], texts: Sequence[Path], reading: Reading
) -> Pairs:
    """The label file of each image.

    Args:
        folder: of the dataset.
        images: that are read.
        left_out: images that are not read; their labels are no orphans.
        texts: files that may be labels.
        reading: takes the problems.
    """
    pairs = Pairs()
    there, used = set(texts), set()
    claims: dict[Path, list[Path]] = defaultdict(list)
    second: dict[Path, Path] = {}
    for image in images:
        found = list(dict.fromkeys(place for place in _places(folder, image) if place in there))
        if found:
            claims[found[0]].append(image)
            second |= dict.fromkeys(found[1:], found[0])
    for label, of in claims.items():
        used.add(label)
        if len(of) == 1:
            pairs.label_of[of[0]] = label
            continue
        pairs.unclear.update(of)
        listed = ", ".join(f"'{relative(image, folder)}'" for image in of[:4])
        reading.problem(
            "shared-label", "error", relative(label, folder),
            f"is the label file of {len(of)} images alike ({listed}), and nothing says which was labelled: they are kept as not labelled, and "
            f"{_lines_lost(label)}. Remove all but one of the images, or rename them",
        )  # fmt: skip
    for other, label in second.items():
        if other not in used and other.read_bytes() != label.read_bytes():
            reading.problem(
                "second-label", "error", relative(other, folder),
                f"is a second label file of an image and differs from '{relative(label, folder)}', which was read; {_lines_lost(other)}. "
                f"Remove the one that is wrong",
            )  # fmt: skip
    used.update(second)
    used |= {place for image in left_out for place in _places(folder, image) if place in there}
    rest = [text for text in texts if text not in used]
    lacking = [i for i in images if i not in pairs.label_of and i not in pairs.unclear]
    _match_rest(folder, lacking, left_out, rest, pairs, reading)
    return pairs


def _places(folder: Path, image: Path) -> list[Path]:
    """Where a label of the image may lie, the first that is there counts."""
    path = image.relative_to(folder).with_suffix(".txt")
    parts = path.parts
    mirrored = [
        folder.joinpath(*parts[:i], "labels", *parts[i + 1 :])
        for i in range(len(parts) - 2, -1, -1)
        if parts[i].lower() in _IMAGE_FOLDERS
    ]
    return [*mirrored, folder / path, folder / "labels" / path]


def _match_rest(
    folder: Path, lacking: Sequence[Path], left_out: Sequence[Path], texts: list[Path], pairs: Pairs, reading: Reading
) -> None:
    """Give label files that lie elsewhere, or are spelled otherwise, to images that have none; tell of the others."""
    texts = [text for text in texts if _is_label(text)]
    images = [*lacking, *left_out]
    names, known = [_key(folder, text) for text in texts], [_key(folder, image) for image in images]
    met = match_names(names, known)
    rules: Counter[str] = Counter()
    first: dict[str, tuple[Path, Path]] = {}
    often = Counter(names)
    given: set[int] = set()
    for text, name, at, rule in zip(texts, names, met.index.tolist(), met.rule, strict=True):
        if (
            at < 0
            or at in given
            or often[name] > 1
            or not one_ends_with_the_other(name, known[at])
            or _says_more(name, known[at])
        ):
            pairs.unused.append(text)
            continue
        given.add(at)
        if at < len(lacking):
            pairs.label_of[images[at]] = text
            rules[rule] += 1
            first.setdefault(rule, (text, images[at]))
    for rule, count in rules.items():
        text, image = (relative(path, folder) for path in first[rule])
        more = f", and {count - 1} more like it" if count > 1 else ""
        reading.problem("label-matched", "warning", text, f"was read as the label of '{image}', by {_HOW[rule]}{more}")
    ambiguous = {texts[i] for i in met.ambiguous} | {t for t, name in zip(texts, names, strict=True) if often[name] > 1}
    for text in pairs.unused:
        why = (
            "could be the label of several images, or is one of several for an image"
            if text in ambiguous
            else "is the label of no image here"
        )
        reading.problem("orphan-label", "error", relative(text, folder), f"{why}; {_lines_lost(text)}")


def _says_more(label: str, image: str) -> bool:
    """Whether the label lies deeper than its image by more than the name of a subset, as the output of a model does."""
    deeper = label.split("/")[: -len(image.split("/"))]
    return any(part.casefold() not in SUBSET_FOLDERS for part in deeper)


def _key(folder: Path, path: Path) -> str:
    """The path without ending and without words that say images or labels."""
    parts = [_without_words(part) for part in path.relative_to(folder).parts[:-1]]
    last = PurePath(path.stem)
    stem = (
        last.stem if path.suffix.lower() == ".txt" and last.suffix.lower() in PICTURE_ENDINGS else path.stem
    )  # a.jpg.txt
    return "/".join([*(part for part in parts if part), stem])


def _without_words(part: str) -> str:
    left = [word for word in _BETWEEN.split(part) if word.casefold() not in _WORDS]
    return part if len(left) == len(_BETWEEN.split(part)) else "_".join(left)


def _is_label(path: Path) -> bool:
    """Whether a text file is one of labels: by its lines, or by its folder."""
    by_folder = bool(_LABEL_FOLDER.search(path.parent.name)) and not _NO_LABEL.search(path.name)
    return by_folder or like_labels(read_text(path))


def _lines_lost(path: Path) -> str:
    count = sum(bool(line.strip()) for line in read_text(path).splitlines())
    return f"its {count} lines were not read" if count != 1 else "its line was not read"
