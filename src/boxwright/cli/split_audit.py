"""`boxwright split audit`: a split that exists, held against its pictures; exit 1 where anything is on two sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from boxwright.cli.audited import Audited, audited_files, audited_store, conditions_of, times_of
from boxwright.cli.grouped import grouped
from boxwright.cli.judged import match_files
from boxwright.cli.options import PageOutput, Tables
from boxwright.cli.progress import Bars
from boxwright.cli.terminal import STORE, StoreOption, give, open_store, write_page
from boxwright.errors import InputError
from boxwright.images import read_picture
from boxwright.ingestion import read_truth
from boxwright.lifecycle.leak_effect import leak_effect
from boxwright.pages import leaks_page
from boxwright.spec.spec import seconds_from
from boxwright.splitting import RADIUS, Alike, Audit, Sided, Window, audit, group_from

_MOST_LINES = 5  # leaks of a kind shown to people


@dataclass(frozen=True)
class Grouping:
    """What must not lie on two sides beside equal pictures: groups, and moments of one camera."""

    conditions: Annotated[
        Path | None, typer.Option("--conditions", help="CSV or Parquet: file name, then conditions.")
    ] = None
    group_by: Annotated[
        list[str] | None,
        typer.Option("--group-by", help="Condition whose equal values must share a side; repeatable."),
    ] = None
    group_from_name: Annotated[
        str | None, typer.Option("--group-from", metavar="REGEX", help="Group as the file name tells it.")
    ] = None
    within: Annotated[
        str | None, typer.Option("--within", help="Window of time, such as 10s: no two sides within it.")
    ] = None
    time: Annotated[str | None, typer.Option("--time", help="Condition that holds the time; EXIF when not given.")] = (
        None
    )
    camera: Annotated[
        str | None, typer.Option("--camera", help="Condition that tells cameras apart, for --within.")
    ] = None

    def check(self) -> None:
        """InputError where groups come from two places, or the window is no time."""
        _ = self.within_s
        if self.group_by and self.group_from_name:
            raise InputError("Groups come from --group-by or from --group-from; give one of them.")

    @property
    def within_s(self) -> float | None:
        """The window in seconds."""
        try:
            return None if self.within is None else seconds_from(self.within)
        except ValueError as error:
            raise InputError(f"--within: {error}.") from error

    @property
    def asked(self) -> list[str]:
        """Conditions that are needed."""
        return [*(self.group_by or []), *(c for c in (self.time, self.camera) if c)]


@dataclass(frozen=True)
class Resemblance:
    """When two pictures are taken for one."""

    radius: Annotated[
        int, typer.Option("--radius", min=0, max=16, help="Bits of 64 that near-duplicates may differ in.")
    ] = RADIUS
    turned: Annotated[bool, typer.Option("--turned", help="Also find mirrored and turned copies.")] = False
    overlap: Annotated[
        bool | None,
        typer.Option("--overlap/--no-overlap", help="Find pictures that share a part; by itself up to 20,000."),
    ] = None


@dataclass(frozen=True)
class Worth:
    """Detections by which a leak's worth is measured."""

    results: Annotated[
        Path | None, typer.Option("--results", help="COCO results on the judging pictures: what is a leak worth?")
    ] = None
    truth: Annotated[Path | None, typer.Option("--truth", help="Their COCO ground truth, with --results.")] = None
    score_threshold: Annotated[
        float, typer.Option("--score-threshold", min=0, max=1, help="Operating point of F1, with --results.")
    ] = 0.5

    def check(self) -> None:
        """InputError where one is given without the other."""
        if (self.results is None) != (self.truth is None):
            raise InputError(
                "--results and --truth go together: COCO results, and the ground truth they are judged by."
            )


@grouped
def audit_split(
    source: Annotated[str, typer.Argument(help="Folder of pictures, COCO JSON, or dataset of the store.")],
    grouping: Grouping,
    alike: Resemblance,
    worth: Worth,
    output: PageOutput,
    splits: Annotated[
        list[str] | None,
        typer.Option("--splits", help="Who is on which side: folder of lists, list, CSV, JSON, COCO, SIDE=FILE, or split of the store; repeatable."),
    ] = None,
    pictures: Annotated[Path | None, typer.Option("--pictures", help="Folder a COCO file's names are relative to.")] = None,
    store: StoreOption = STORE,
) -> int:  # fmt: skip
    """Tell every leak of a split: same bytes, near-duplicates, shared parts, groups, moments. Exit 1 where there is one."""
    worth.check()
    grouping.check()
    path = Path(source)
    if path.exists() and not (path / "manifest.json").is_file():
        looked = audited_files(path, splits or [], pictures)
    else:
        looked = audited_store(open_store(store), store, source, splits or [])
    told = conditions_of(looked, grouping.conditions, grouping.asked)
    names = looked.sided.file_names
    groups = (
        group_from(names, grouping.group_from_name) if grouping.group_from_name else _groups(told, grouping.group_by)
    )
    with Bars().shown() as bars:
        found = audit(
            looked.sided, groups=groups, window=_window(grouping, looked, told),
            alike=Alike(alike.radius, alike.turned, alike.overlap), progress=bars,
        )  # fmt: skip
    document = as_document(found, looked)
    if worth.results is not None and worth.truth is not None:
        document["effect"] = _effect(found, looked.sided, worth.results, worth.truth, groups, worth.score_threshold)
    if output.page:
        write_page(output.page, leaks_page(document, read_picture=_reader(looked.sided)))
    give(document, as_json=output.as_json, lines=as_lines(document))
    return 1 if found.leaks else 0


def as_document(found: Audit, looked: Audited) -> dict[str, Any]:
    """The audit as one JSON object: what `--json` prints."""
    counts: dict[str, dict[str, int]] = {}
    for leak in found.leaks:
        of_sides = counts.setdefault(f"{leak.side_a}-{leak.side_b}", {})
        of_sides[leak.kind] = of_sides.get(leak.kind, 0) + 1
    return {
        "pictures": dict(found.pictures),
        "leaks": [asdict(leak) for leak in found.leaks],
        "counts": counts,
        "leaky": {side: dict(kinds) for side, kinds in found.leaky.items()},
        "looked_for": list(found.looked),
        "suggestions": [dict(one) for one in found.suggestions],
        "flat": found.flat,
        "problems": [{"file_name": name, "message": why} for name, why in found.problems],
        "absent": looked.absent,
        "unlisted": looked.unlisted,
        "notes": list(looked.notes),
        "title": looked.title,
    }


def as_lines(document: Mapping[str, Any]) -> list[str]:
    """The audit for people."""
    sides = ", ".join(f"{side} {count}" for side, count in document["pictures"].items())
    lines = [f"{document['title']}: {sides} pictures"]
    lines += [f"note: {note}" for note in document["notes"]]
    if document["problems"]:
        first = document["problems"][0]
        lines.append(f"{len(document['problems'])} pictures could not be looked at, the first: {first['message']}")
    if document["flat"]:
        lines.append(f"{document['flat']} pictures without contrast were compared by their bytes only")
    shown: Counter[tuple[str, str]] = Counter()
    for sides_of, kinds in document["counts"].items():
        lines.append(f"{sides_of}: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
        for leak in document["leaks"]:
            key = (sides_of, leak["kind"])
            if f"{leak['side_a']}-{leak['side_b']}" == sides_of and shown[key] < _MOST_LINES:
                shown[key] += 1
                lines.append(f"  {leak['kind']:8} {leak['a']}  {leak['b']}  {leak['why']}")
    for side, kinds in document["leaky"].items():
        if kinds:
            lines.append(f"{side}: {kinds['any']} of {document['pictures'][side]} pictures leak from an earlier side")
    for one in document["suggestions"]:
        told = ", ".join(f"{count} of {side}" for side, count in one["groups_of"].items() if count)
        if one["confirmed"]:
            told += f"; {one['pairs_confirming']} of {one['pairs_in_pixels']} pairs found in the pictures agree: taken for groups"
        lines.append(
            f"names: by {one['about']}, {one['straddling']} of {one['groups']} groups lie on two sides ({told})"
        )
        lines.append(f"       --group-from '{one['pattern']}'")
    if "effect" in document:
        lines += _effect_lines(document["effect"])
    return [*lines, "no leak found" if not document["leaks"] else f"{len(document['leaks'])} leaks"]


def _effect_lines(effect: Mapping[str, Any]) -> list[str]:
    held = effect["pictures"]
    lines = [f"score on {held['leaky']} leaky against {held['clean']} clean pictures:"]
    if not held["leaky"] or not held["clean"]:
        kind = "clean" if held["leaky"] else "leaky"
        lines.append(f"  there is no {kind} picture among the judged ones, so nothing can be compared")
    for name, r in effect["figures"].items():
        if r["difference"] is not None:
            interval = "" if r["low"] is None else f" [{r['low']:+.4f}, {r['high']:+.4f}]"
            lines.append(f"  {name:5} {r['leaky']:.4f} {r['clean']:.4f} {r['difference']:+.4f}{interval}")
    return lines


def _window(grouping: Grouping, looked: Audited, told: list[dict[str, str]]) -> Window | None:
    if grouping.within_s is None:
        return None
    camera = grouping.camera
    cameras = [t.get(camera, "") for t in told] if camera else None
    return Window(times_of(looked.sided, told, grouping.time), grouping.within_s, cameras)


def _groups(told: list[dict[str, str]], group_by: list[str] | None) -> list[str | None] | None:
    """Group of each picture; none where one of the conditions is not told."""
    if not group_by:
        return None
    return ["/".join(t[k] for k in group_by) if all(t.get(k) for k in group_by) else None for t in told]


def _reader(sided: Sided) -> Any:
    of_name = dict(zip(sided.file_names, sided.read, strict=True))

    def read(name: str) -> Any:
        one = of_name.get(name)
        try:
            return None if one is None else read_picture(one(), name=name)
        except (InputError, OSError):
            return None

    return read


def _effect(
    found: Audit, sided: Sided, results: Path, truth: Path, groups: list[str | None] | None, score_threshold: float
) -> dict[str, Any]:
    """Figures on leaky and clean pictures among those of the ground truth."""
    columns = read_truth(truth)
    matches, _ = match_files(columns, results, spec=None, tables=Tables())
    leaking = {leak.b for leak in found.leaks}
    of_end = _by_end(sided)
    names = [next((of_end[end] for end in _ends(name) if end in of_end), None) for name in columns.file_names]
    side_of = dict(zip(sided.file_names, sided.side, strict=True))
    strange = [told for told, name in zip(columns.file_names, names, strict=True) if name is None]
    if strange:
        raise InputError(
            f"'{truth}' names {len(strange)} pictures that were not audited or fit several, the first is '{strange[0]}'; "
            "whether they leak is not known. Give the ground truth of the judging side alone."
        )
    first = next(iter(found.pictures))
    if learnt := [name for name in names if side_of[str(name)] == first]:
        raise InputError(
            f"'{truth}' names {len(learnt)} pictures of the side '{first}', the first is '{learnt[0]}'; a score there says "
            "nothing about leaks. Give the ground truth of the judging side alone."
        )
    group_of = dict(zip(sided.file_names, groups or sided.file_names, strict=True))
    leaky = np.array([name in leaking for name in names], np.bool_)
    return leak_effect(matches, leaky, [str(group_of[str(n)] or n) for n in names], score_threshold=score_threshold)


def _by_end(sided: Sided) -> dict[str, str | None]:
    """Name, and its last part, with and without the ending, to the audited name; None where several read so."""
    found: dict[str, str | None] = {}
    for name in sided.file_names:
        for end in dict.fromkeys(_ends(name)[1:]):
            found[end] = name if end not in found else None
    return {**found, **{name: name for name in sided.file_names}}


def _ends(name: str) -> tuple[str, str, str, str]:
    path = Path(name)
    return name, str(path.with_suffix("")), path.name, path.stem
