"""Which images belong to train, val and test of a YOLO dataset: by folders and lists its configuration names, else by folder names.

A list is the set: images that lie beside listed ones and are in no list are left out, and told. Where folders are named, images
elsewhere stay, on no side. An entry that is not there, a line that means no image, and an image on two sides are told; an image on
two sides is kept in the first of them, so that nothing judges a model by what it was trained on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from boxwright.errors import FormatError
from boxwright.ingestion.finding import SIDES, side_of_folders
from boxwright.ingestion.formats.yolo_config import Config, read_text
from boxwright.ingestion.formats.yolo_lines import like_labels
from boxwright.ingestion.formats.yolo_paths import meet, relative
from boxwright.ingestion.reading import Reading


class Subsets:
    """The images of a folder by side.

    Attributes:
        side_of: images that are read, in the order found, and their side.
        left_out: images that lists leave out.
        lists: files that list images.
    """

    def __init__(self, folder: Path, config: Config, files: Sequence[Path], images: Sequence[Path]) -> None:
        self.folder, self.config, self.images = folder, config, images
        self.names = [relative(path, folder) for path in images]
        self.left_out: list[Path] = []
        self.side_of: dict[Path, str] = {}
        self.lists: set[Path] = set()
        self._known, self._last = set(self.names), {name.rpartition("/")[2] for name in self.names}
        self._texts = {relative(p, folder): p for p in files if p.suffix.lower() in (".txt", ".lst", ".list")}
        self._base = relative(config.base, folder)

    def read(self, reading: Reading) -> None:
        """Find every image's side; what is not as it is said is told."""
        declared = self.config.subsets or self._lists_beside()
        _tell_root(self.folder, self.config, reading)
        taken: dict[int, str] = {}
        shared: dict[tuple[str, str], list[int]] = defaultdict(list)
        sizes: Counter[str] = Counter()
        for side in dict.fromkeys(SIDES.values()):
            of_side: dict[int, None] = {}
            for entry in declared.get(side, ()):
                of_side |= dict.fromkeys(self._members(side, entry, reading))
            sizes[side] = len(of_side)
            for i in of_side:
                if taken.setdefault(i, side) != side:
                    shared[taken[i], side].append(i)
        for (first, second), both in shared.items():
            self._tell_shared(first, second, both, sizes, reading)
        self._place(declared, taken, reading)

    def _members(self, side: str, entry: str, reading: Reading) -> list[int]:
        """Positions of the images that a folder or list means."""
        if "://" in entry:
            reading.problem(
                "missing-entry", "warning", self._where, f"{side} is the address '{entry:.80}'; nothing is downloaded"
            )
            return []
        folders = self._folders()
        known = [*folders, *self._texts]
        met = meet([entry], known, bases=self._bases())
        if met.index[0] < 0:
            lies = "could be several folders or lists here" if met.ambiguous else self._lacks(entry)
            reading.problem(
                "missing-entry", "error", self._where,
                f"names '{entry:.120}' for {side}, which {lies}; {side} gets no image from it. Correct the path, relative to "
                f"'{self.config.base}'",
            )  # fmt: skip
            return []
        name = known[met.index[0]]
        if met.rule[0]:
            reading.problem(
                "entry-matched", "warning", self._where,
                f"names '{entry:.120}' for {side}; '{name}' was taken for it, matched by {met.rule[0]}",
            )  # fmt: skip
        if met.index[0] >= len(folders):
            return self._listed(self._texts[name], side, reading)
        return folders[name]

    def _lacks(self, entry: str) -> str:
        """Why an entry means nothing."""
        target = self.config.base / entry
        try:
            empty = target.is_dir() and target.resolve().is_relative_to(self.folder.resolve())
        except (OSError, ValueError, RuntimeError):
            empty = False
        return "contains no images" if empty else "is not there"

    def _folders(self) -> dict[str, list[int]]:
        """Folders that contain images, to their positions."""
        found: dict[str, list[int]] = defaultdict(list)
        for i, name in enumerate(self.names):
            parts = name.split("/")[:-1]
            for k in range(len(parts) + 1):
                found["/".join(parts[:k]) or "."].append(i)
        return found

    def _bases(self, list_folder: str = "") -> list[str]:
        """Folders that a path may be relative to."""
        root = [f"{self._base}/{self.config.root}"] if self.config.root else []
        return [*([list_folder] if list_folder else []), *root, self._base, "."]

    def _listed(self, path: Path, side: str, reading: Reading) -> list[int]:
        """Positions of the images that a list names; the lines that name none are told."""
        self.lists.add(path)
        where = relative(path, self.folder)
        try:
            text = read_text(path)
        except FormatError as error:
            reading.problem("missing-entry", "error", where, str(error))
            return []
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        lines = [line.strip("\"'") if line.strip("\"'") in self._known else line for line in lines]
        lines = [line for line in lines if not line.startswith("#") or line.rpartition("/")[2] in self._last]
        met = meet(lines, self.names, bases=self._bases(relative(path.parent, self.folder)), other_endings=True)
        lost = [i for i, found in enumerate(met.index) if found < 0]
        if lost or not lines:
            several = sum(i in met.ambiguous for i in lost)
            more = f" ({several} of them could be several images)" if several else ""
            what = (
                f"{len(lost)} of {len(lines)} lines name no image that is here{more}, the first '{lines[lost[0]]:.120}'"
                if lost
                else "is empty"
            )
            reading.problem(
                "list-names-no-image", "error", where,
                f"{what}; {side} lacks these images. Paths are relative to the list or to '{self.config.base}', or end like those",
            )  # fmt: skip
        for rule, count in Counter(rule for rule in met.rule if rule).items():
            first = met.rule.index(rule)
            reading.problem(
                "list-matched", "warning", where,
                f"{count} lines were matched to images by {rule}, such as '{lines[first]:.120}' to '{self.names[met.index[first]]}'",
            )  # fmt: skip
        return [i for i in met.index if i >= 0]

    def _lists_beside(self) -> dict[str, list[str]]:
        """train.txt, val.txt, test.txt beside the configuration, where it names no subset."""
        found: dict[str, list[str]] = {}
        stems = {name.rpartition(".")[0] for name in self.names}
        for name, path in self._texts.items():
            side = SIDES.get(path.stem.lower())
            beside = path.parent in (self.config.base, self.folder)
            if side and beside and (name.rpartition(".")[0] not in stems or not like_labels(read_text(path))):
                found.setdefault(side, []).append(path.name)
        return found

    def _place(self, declared: dict[str, list[str]], taken: dict[int, str], reading: Reading) -> None:
        """Sides of all images; those that nothing names are left out or stay on no side."""
        outside: dict[str, list[str]] = defaultdict(list)
        for i, path in enumerate(self.images):
            side = taken.get(i)
            if side is None:
                side = side_of_folders(self.folder, path)
                side = "" if side in declared else side
                if taken and not side:
                    outside[relative(path.parent, self.folder)].append(self.names[i])
                    if self.lists:
                        self.left_out.append(path)
                        continue
            self.side_of[path] = side
        for place, names in outside.items():
            if self.lists:
                what = f"a list is the set, so {'they were' if len(names) > 1 else 'it was'} left out. Add them to a list to have them read"
            else:
                what = "kept, on no side. Name their folder in the YAML file to put them on one"
            reading.problem(
                "unlisted-picture", "warning", place,
                f"{len(names)} image{'s' if len(names) > 1 else ''} here, the first '{names[0]}', {'are' if len(names) > 1 else 'is'} in "
                f"nothing that {self._where} names: {what}",
            )  # fmt: skip

    def _tell_shared(self, first: str, second: str, both: list[int], sizes: Counter[str], reading: Reading) -> None:
        whole = f"{len(both)} of {sizes[second]} images of {second} are"
        if len(both) == sizes[second]:
            whole = f"all {len(both)} images of {second} are" if len(both) > 1 else f"the only image of {second} is"
        reading.problem(
            "subsets-overlap", "error", self._where,
            f"{whole} also in {first}, the first '{self.names[both[0]]}': a model would be judged by what it was trained on. They are "
            f"kept in {first} alone; give {second} other images, or let `boxwright split` deal",
        )  # fmt: skip

    @property
    def _where(self) -> str:
        return self.config.name or relative(self.folder, self.folder.parent)


def _tell_root(folder: Path, config: Config, reading: Reading) -> None:
    """Say where `path` is not followed."""
    last = config.root.replace("\\", "/").rstrip("/").rpartition("/")[2]
    if not config.root or not config.subsets or last == config.base.resolve().name:
        return
    inside = False
    if "\0" not in config.root and len(config.root) < 1000:
        try:
            target = (config.base / config.root).resolve()
            inside = target.is_relative_to(folder.resolve()) and target.is_dir()
        except (OSError, ValueError, RuntimeError):
            inside = False
    if not inside:
        reading.problem(
            "entry-matched", "warning", config.name,
            f"says path: '{config.root:.120}', which is not in '{folder}'; its folders and lists were looked for in '{config.base}'",
        )  # fmt: skip
