"""Conditions to slice by: metadata with a few values, parts of names, the camera, and sizes and crowding of the objects."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.images import MEASURES, exif_camera, exif_time
from boxwright.lifecycle.proposal.kept_together import Candidate
from boxwright.lifecycle.proposal.survey import Survey
from boxwright.spec.metadata import MetadataClause
from boxwright.spec.spec import MEASURED, ConditionClause
from boxwright.splitting import side_of_path

MOST_VALUES = 12
LEAST_IMAGES = 5  # of each of two values
_PRESENT = 0.9  # share of the images that must have a value
_RESERVED = {"image_id", "file_name", "group", "class", "split", "set", *MEASURED, *MEASURES}
_FOLDER, _PREFIX = r"^(.*)/[^/]*$", r"(?:^|/)([A-Za-z]{2,})[^/]*$"
_SAMPLE = 40  # images whose EXIF is read first
_OPEN = 100_000
_NARROW = 1.3  # ratio of the edges of the middle third below which thirds are not worth comparing


@dataclass
class Axes:
    """Conditions, what reads them off the files, the support of each, and what was not taken."""

    conditions: list[ConditionClause] = field(default_factory=list)
    metadata: list[MetadataClause] = field(default_factory=list)
    support: list[str] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def axes_of(found: Survey, *, grouped: Candidate | None) -> Axes:
    """The conditions worth slicing by; what is grouped by is not also sliced by: whole groups lie on one side."""
    made = Axes()
    for key in sorted({key for one in found.conditions for key in one}):
        if grouped is None or key != grouped.name:
            values = [_plain(c.get(key)) for c in found.conditions]
            _listed(made, key, values, "a key that comes with the images")
    if not found.stored:
        _of_names(made, found, grouped)
        _of_exif(made, found)
    _of_objects(made, found)
    return made


def _listed(made: Axes, name: str, values: Sequence[str], why: str) -> bool:
    """Take a condition by its values where it has a few with support; say why not otherwise."""
    counts = Counter(v for v in values if v)
    if len(counts) < 2 and name not in _RESERVED:
        return False  # the same everywhere: nothing worth a line
    told = f"'{name}' has {len(counts)} values for {len(values)} images"
    if name in _RESERVED or not 0 < len(name) <= 100 or name in {c.name for c in made.conditions}:
        made.remarks.append(f"'{name}' is a name that conditions of this spec cannot have")
    elif len(counts) > MOST_VALUES:
        made.remarks.append(f"{told}: too many to slice by")
    elif sum(size >= LEAST_IMAGES for size in counts.values()) < 2:
        made.remarks.append(f"{told}, and fewer than two of them have {LEAST_IMAGES} images: nothing to compare")
    elif sum(counts.values()) < _PRESENT * len(values):
        made.remarks.append(f"{told}, and {len(values) - sum(counts.values())} images have none")
    else:
        made.conditions.append(ConditionClause(name=name, bins=tuple(counts)))
        made.support.append(_counts(counts))
        made.why.append(why)
        return True
    return False


def _of_names(made: Axes, found: Survey, grouped: Candidate | None) -> None:
    for name, pattern, why in (
        ("folder", _FOLDER, "the folder of the image"),
        ("name_start", _PREFIX, "the letters the file name begins with"),
    ):
        clause = MetadataClause(name=name, pattern=pattern)
        values = [clause.of_name(file) for file in found.file_names]
        fits = [bool(re.search(pattern, file)) for file in found.file_names]
        several = 2 <= len(set(values)) <= MOST_VALUES and all(fits)
        taken = {c.name for c in made.conditions} | ({grouped.name} if grouped else set())
        if (
            not several
            or name in taken
            or any(side_of_path(f"{v}/x") for v in values)
            or _same(made, found, values, grouped)
        ):
            continue
        if _listed(made, name, values, why):
            made.metadata.append(clause)


def _same(made: Axes, found: Survey, values: list[str], grouped: Candidate | None) -> bool:
    """Whether the group or a condition taken already parts the images in the same way."""
    taken = [[_plain(c.get(clause.name)) for c in found.conditions] for clause in made.conditions]
    for theirs in [*taken, *([[str(g) for g in grouped.groups]] if grouped else [])]:
        if len(set(zip(theirs, values, strict=True))) == len(set(theirs)) == len(set(values)):
            return True
    return False


def _of_exif(made: Axes, found: Survey) -> None:
    read = [found.read[k] for k in np.unique(np.linspace(0, len(found.read) - 1, min(_SAMPLE, len(found.read))).astype(int))] if found.read else []  # fmt: skip
    if not any(exif_camera(one()) or exif_time(one()) for one in read):
        return
    data = [(exif_camera(d), exif_time(d)) for d in (one() for one in found.read)]
    cameras = Counter(camera for camera, _ in data if camera)
    timed = sum(bool(time) for _, time in data)
    if len(cameras) > 1 and "camera" not in {c.name for c in made.conditions}:
        if _listed(made, "camera", [camera for camera, _ in data], "the camera in EXIF"):
            made.metadata.append(MetadataClause(name="camera", source="exif_camera"))
    elif cameras:
        made.remarks.append(f"EXIF names the camera {_counts(cameras)} of {len(data)} images")
    if timed:
        made.remarks.append(
            f"EXIF has the time of {timed} of {len(data)} images; to keep moments apart: metadata "
            f"[{{name: taken_at, source: exif_time}}], split.time: taken_at, split.time_gap: 10min"
        )


def _of_objects(made: Axes, found: Survey) -> None:
    taken = {c.name for c in made.conditions}
    for name, values, unit in (
        ("box_size", found.side_px, "px"),
        ("crowding", found.per_image[found.image], "objects"),
    ):
        edges, why = _parted(values)
        if len(edges) >= 3 and name not in taken:
            clause = ConditionClause(name=name, source="measured", bins=tuple(edges))
            counts = np.histogram(np.minimum(values, _OPEN), bins=edges)[0]
            made.conditions.append(clause)
            made.support.append(
                ", ".join(f"{label}: {n}" for label, n in zip(clause.labels, counts.tolist(), strict=True))
            )
            made.why.append(f"{why}, in {unit}")


def _parted(values: NDArray) -> tuple[list[int], str]:
    """Rising whole edges that part values in three, from 0 to no end, and what the parts are; fewer where many are alike.

    Thirds, unless the middle third is so narrow that the outer two would differ by chance only: then the outer tenths.
    """
    if len(values) < 3 * LEAST_IMAGES:
        return [], ""
    low, high = np.quantile(values, [1 / 3, 2 / 3])
    shares, why = ((1 / 3, 2 / 3), "thirds of the objects")
    if high < _NARROW * low:
        shares, why = ((0.1, 0.9), "the smallest tenth of the objects, most of them, the largest tenth")
    cuts = {int(np.round(q)) for q in np.quantile(values, shares)}
    inner = sorted(cut for cut in cuts if values.min() < cut < min(values.max(), _OPEN))
    return [0, *inner, _OPEN], why


def _plain(value: Any) -> str:
    return "" if value is None or isinstance(value, dict | list | bool) else str(value)


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{value}: {n}" for value, n in counts.most_common())
