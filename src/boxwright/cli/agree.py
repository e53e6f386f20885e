"""`boxwright agree`: how far several annotators agree, where they differ, and what to take for true."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from boxwright.artifacts import Agreement
from boxwright.cli.grouped import grouped
from boxwright.cli.options import Output, SpecIfGiven, Tables
from boxwright.cli.progress import say
from boxwright.cli.terminal import give, write_page
from boxwright.cli.versions import MatchByOption
from boxwright.errors import BoxwrightError, InputError
from boxwright.images import read_picture
from boxwright.ingestion import read_conditions
from boxwright.labels.agreement import Required, as_coco, consensus, units_of
from boxwright.labels.agreement import agree as agree_about
from boxwright.labels.agreement.axes import SIZES_PX
from boxwright.lifecycle.annotators import Read, read_annotators, sureness
from boxwright.pages.agreement import agreement_page
from boxwright.spec import Spec
from boxwright.store import write_bytes
from boxwright.store.digest import digest_of_file


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("agree")(agree)


@dataclass(frozen=True)
class Rating:
    """Who rated, and from which overlap on two boxes mean one object."""

    names: Annotated[list[str] | None, typer.Option("--name", help="Name of an annotator, in order; repeat.")] = None
    iou: Annotated[
        float, typer.Option("--iou", min=0.01, max=1, help="Overlap from which on boxes mean one object.")
    ] = 0.5
    require: Annotated[
        float | None, typer.Option("--require", min=0, max=1, help="Least agreement; in place of the spec's.")
    ] = None
    merged: Annotated[Path | None, typer.Option("--consensus", help="Write weighted consensus boxes as COCO.")] = None


@dataclass(frozen=True)
class Pictured(Tables):
    """The pictures: what is known of them, which belong together, and how files agree on which is which."""

    block: Annotated[
        int | None, typer.Option("--block", min=2, help="Take N pictures that follow each other for one group (video).")
    ] = None
    match_by: MatchByOption = "auto"


@grouped
def agree(
    sources: Annotated[
        list[Path], typer.Argument(help="One annotation file or folder for each annotator, two or more.")
    ],
    document: SpecIfGiven,
    rating: Rating,
    pictured: Pictured,
    output: Output,
) -> None:
    """Compare what several people drew on the same pictures; say what the guideline seems to lack."""
    if pictured.groups is not None and pictured.block is not None:
        raise InputError("Give --groups or --block, not both: each says which pictures belong together.")
    merged = rating.merged
    if merged is not None and any(_lies_in(merged, source) for source in sources):
        raise InputError(f"--consensus '{merged}' is what an annotator drew, or lies in it; name another file.")
    promise = document.read()
    extra = read_conditions(pictured.conditions) if pictured.conditions else None
    read = read_annotators(
        sources, names=rating.names or (), spec=promise, pictures=pictured.pictures, conditions=extra,
        match_by=pictured.match_by,
    )  # fmt: skip
    for warning in read.warnings:
        say(warning)
    found = _found(sources, read, promise, rating, pictured)
    consensus_keys = _written_consensus(merged, read, rating.iou) if merged is not None else {}
    output.save(found)
    if output.page:
        write_page(output.page, agreement_page(found, read_picture=lambda position: _picture(read.paths[position])))
    give(
        {**as_document(found), **consensus_keys}, as_json=output.as_json,
        lines=[*as_lines(found), *_consensus_lines(consensus_keys), found.digest],
    )  # fmt: skip
    if found.required and found.required.status != "met":
        raise typer.Exit(1)


def _found(sources: list[Path], read: Read, spec: Spec | None, rating: Rating, pictured: Pictured) -> Agreement:
    """How far they agree; told where neighbouring pictures make the intervals too narrow."""
    of_group = _groups(pictured.groups, read) if pictured.groups else None
    confidence = spec.acceptance.confidence if spec else 0.95
    sure = sureness(read.ratings, groups=of_group, block=pictured.block, confidence=confidence)
    found = agree_about(
        read.ratings, sure, title=", ".join(read.ratings.annotators), iou_threshold=rating.iou,
        required=_required(spec, rating.require), sizes_px=_sizes(spec),
        facts={**read.facts, "matched_by": read.matched_by},
        made_from={f"annotations[{n}]": digest_of_file(p) for n, p in zip(read.ratings.annotators, sources, strict=True) if p.is_file()},
    )  # fmt: skip
    if found.resemblance.too_narrow:
        say(
            f"pictures that follow each other are alike (correlation {found.resemblance.correlation:.2f}): the intervals are "
            f"too narrow; name the clips with --groups, or take --block 100"
        )
    return found


def _written_consensus(path: Path, read: Read, iou: float) -> dict[str, Any]:
    """What `--json` says of the consensus, which is written."""
    agreed = consensus(units_of(read.ratings, iou_threshold=iou))
    write_bytes(path, json.dumps(as_coco(agreed)).encode())
    return {"consensus": {"file": str(path), **agreed.counts, "people": agreed.people}}


def _lies_in(merged: Path, source: Path) -> bool:
    """Whether writing a file would change a source."""
    return source.resolve() in (merged.resolve(), *merged.resolve().parents)


def _groups(path: Path, read: Read) -> Any:
    """From a file name to its group; a picture that is not listed is a group of its own."""
    table = read_conditions(path)
    names = read.ratings.file_names

    def group(name: str) -> str:
        row = table.get(name) or table.get(Path(name).name) or {}
        return row.get("group") or next(iter(row.values()), "") or name

    known = sum(name in table or Path(name).name in table for name in names)
    if not known:
        raise InputError(
            f"'{path}' holds none of the {len(names)} pictures; its first column must be their file name, such as '{names[0]}'."
        )
    if known < len(names):
        say(f"'{path}' says nothing about {len(names) - known} of {len(names)} pictures; each stands for itself")
    return group


def _required(spec: Spec | None, least: float | None) -> Required | None:
    if spec is None and least is None:
        return None
    judge_on = spec.acceptance.judge_on if spec else "bound"
    return Required(least if least is not None else spec.labels.agreement if spec else 0.0, judge_on)


def _sizes(spec: Spec | None) -> tuple[float, ...]:
    """The spec's own bins of box_size, else ours."""
    clause = next((c for c in spec.conditions if c.name == "box_size"), None) if spec else None
    return tuple(float(edge) for edge in clause.bins) if clause else SIZES_PX


def _picture(path: Path) -> Any:
    try:
        return read_picture(path.read_bytes(), name=path.name) if path.is_file() else None
    except (BoxwrightError, OSError):
        return None


def as_document(found: Agreement) -> dict[str, Any]:
    """The agreement as one JSON object: what `--json` prints."""
    document = found.parts().document
    return {
        **document,
        "differences": len(found.differences),
        "digest": found.digest,
        "made_from": dict(found.made_from),
    }


def as_lines(found: Agreement) -> list[str]:
    """The agreement for people."""
    counts = found.tally
    lines = [f"annotators  {', '.join(found.annotators)}"]
    lines.append(
        f"images      {counts.pictures_of_several:,} in common (matched by {found.facts.get('matched_by')}), "
        f"{counts.pictures - counts.pictures_of_several:,} of one annotator only"
    )
    lines.append("boxes       " + ", ".join(f"{name} {n}" for name, n in counts.boxes.items()))
    lines.append(
        f"objects     {counts.objects}, drawn by all {counts.drawn_by_all}, of one class {counts.of_one_class}"
    )
    for name, words in (("alpha", "alpha"), ("f1", "F1, place"), ("f1_class", "F1, class too"), ("kappa", "kappa of classes"), ("mean_iou", "mean IoU")):  # fmt: skip
        record = found.figures[name]
        interval = "" if record.low is None else f"  [{record.low:.4f}, {record.high:.4f}]"
        lines.append(f"{words:17} {_show(record.value)}{interval}")
    apart = found.separation
    if apart.found:
        lines.append(
            f"boxes of one object and boxes that overlap by chance separate at IoU {apart.iou_threshold:.2f}; matched at "
            f"{found.iou_threshold:g}"
        )
    lines += [f"{p.a} / {p.b}: both {p.both}, only {p.a} {p.only_a}, only {p.b} {p.only_b}" for p in found.pairs]
    lines += [f"{finding.kind:10} {finding.sentence}" for finding in found.findings] or ["nothing stands out"]
    if found.required:
        r = found.required
        note = f" ({r.note})" if r.note else ""
        lines.append(f"required    {r.figure} >= {r.least:g}, judged on its {r.judged_on}: {r.status}{note}")
    return lines


def _consensus_lines(keys: dict[str, Any]) -> list[str]:
    if "consensus" not in keys:
        return []
    c = keys["consensus"]
    return [
        f"consensus   {c['written']} boxes, {c['left_out']} left out as one annotator's alone, open: existence of "
        f"{c['open_existence']}, class of {c['open_class']}"
    ]


def _show(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
