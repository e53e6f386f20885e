"""From a survey to a spec and a recipe: one step per clause, each with its reason."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np

from boxwright.boxes import pairwise_iou
from boxwright.errors import InputError
from boxwright.lifecycle.proposal.axes import axes_of
from boxwright.lifecycle.proposal.kept_together import Together, keep_together
from boxwright.lifecycle.proposal.method import method_of
from boxwright.lifecycle.proposal.proposed import Guessed, Proposal
from boxwright.lifecycle.proposal.survey import Progress, Survey
from boxwright.plain_text import control_in, printable
from boxwright.spec import Spec
from boxwright.splitting import in_order

_FEW_IMAGES = 60  # below, more of them are needed to judge
_MANY_OBJECTS = 200  # on the test side, from which an interval is narrow enough to judge by
_MANY_GROUPS = 10
_LONGEST_NAME = 100
_CROWDED_IOU, _CROWDED_SHARE = 0.5, 0.01


def propose(found: Survey, *, name: str, progress: Progress = lambda *_: None) -> Proposal:
    """A spec and a recipe for the images of a survey.

    Args:
        found: the data.
        name: of the data; the spec's name follows from it.
        progress: told what is done, how many, of how many.

    Raises:
        InputError: there is no class, or a class name that no spec can have.
    """
    _check_classes(found)
    together = keep_together(found, progress=progress)
    axes = axes_of(found, grouped=together.group)
    guessed: list[Guessed] = [Guessed("name", _slug(name), f"the name of the data, '{name}'", len(found))]
    remarks: dict[str, tuple[str, ...]] = {"conditions": tuple(axes.remarks)}
    subsets = Counter(side for side in found.sides if side)
    split = _split(found, together, subsets, guessed)
    remarks["split"] = tuple(together.remarks)
    metadata = [*axes.metadata]
    if together.group and together.group.clause and together.group.name not in {c.name for c in metadata}:
        metadata.insert(0, together.group.clause)
    document: dict[str, Any] = {"name": _slug(name), "classes": [{"name": c} for c in found.class_names]}
    if metadata:
        document["metadata"] = [clause.model_dump(exclude_none=True) for clause in metadata]
        guessed += [
            Guessed(f"metadata.{c.name}", c.pattern or c.source, "read off each file", len(found)) for c in metadata
        ]
    document["conditions"] = [clause.model_dump() for clause in axes.conditions]
    guessed += [
        Guessed(f"conditions.{clause.name}", list(clause.bins), f"{why}; {told}", len(found))
        for clause, why, told in zip(axes.conditions, axes.why, axes.support, strict=True)
    ]
    document["split"] = split
    document["output"] = _output(found, guessed)
    acceptance, told = _acceptance(found, together, split, guessed)
    document["acceptance"] = acceptance
    remarks["acceptance"] = told
    recipe, of_recipe, remarks["recipe"] = _method(found, split)
    counts = found.per_class.tolist()
    beside = {f"classes[{k}]": _of_class(n) for k, n in enumerate(counts)}
    beside |= {
        f"conditions[{k}]": f"{why}; {told}" for k, (why, told) in enumerate(zip(axes.why, axes.support, strict=True))
    }
    guessed += [Guessed("classes", list(found.class_names), "the classes of the files", int(sum(counts))), *of_recipe]
    return Proposal(
        Spec.model_validate(document), recipe, tuple(guessed), {k: v for k, v in remarks.items() if v}, beside,
        {side: subsets[side] for side in in_order(subsets)},
    )  # fmt: skip


def _check_classes(found: Survey) -> None:
    if not found.class_names:
        raise InputError("The data names no class, so there is nothing to promise; annotate some images first.")
    for name in found.class_names:
        if not 0 < len(name) <= _LONGEST_NAME:
            raise InputError(
                f"The class '{name[:40]}...' has a name of {len(name)} characters; a spec takes 1 to {_LONGEST_NAME}. Rename it in "
                f"the files."
            )
    spoken = (text for of in found.conditions for pair in of.items() for text in pair)
    for text in (*found.class_names, *map(str, spoken)):
        if control := control_in(text):
            raise InputError(
                f"The class or condition '{printable(text)[:40]}' contains the control character {control}, which no name may; rename it "
                "in the files."
            )


def _split(found: Survey, together: Together, subsets: Counter[str], guessed: list[Guessed]) -> dict[str, Any]:
    few = len(found) < _FEW_IMAGES
    split: dict[str, Any] = (
        {"train": 0.6, "val": 0.2, "test": 0.2} if few else {"train": 0.7, "val": 0.15, "test": 0.15}
    )
    if few:
        guessed.append(Guessed("split.test", 0.2, f"{len(found)} images: a larger share judges", len(found)))
    if together.group:
        split["group_by"] = [together.group.name]
        guessed.append(Guessed("split.group_by", split["group_by"], together.why, len(together.pairs)))
    for key, said, pairs, what in (
        ("near_duplicates", together.near_duplicates, together.near, "pairs of near-duplicates"),
        ("overlaps", together.overlaps, together.overlap, "pairs of images that share a part"),
    ):
        if said != "off":
            split[key] = said
            more = " that no group explains" if said == "together" else ", too many to keep on one side"
            guessed.append(Guessed(f"split.{key}", said, f"{pairs} {what}{more}", pairs))
    if len(set(subsets)) > 1 or (subsets and sum(subsets.values()) < len(found)):
        sides_of: dict[int, set[str]] = {}
        for group, side in zip(together.of_image.tolist(), found.sides, strict=True):
            sides_of.setdefault(group, set()).add(side)
        straddling = sum(len(sides) > 1 for sides in sides_of.values())
        if straddling:
            split["straddling"] = "report"
            guessed.append(Guessed("split.straddling", "report", "groups that the files put into several subsets; --from-source "
                                   "keeps the files' subsets and tells which", straddling))  # fmt: skip
    return split


def _output(found: Survey, guessed: list[Guessed]) -> dict[str, Any]:
    output: dict[str, Any] = {}
    most = int(found.per_image.max(initial=0))
    if most > 80:
        output["max_detections"] = min(10_000, int(np.ceil(1.5 * most / 100) * 100))
        guessed.append(
            Guessed("output.max_detections", output["max_detections"], f"up to {most} objects on an image", len(found))
        )
    close = _close_share(found)
    if close >= _CROWDED_SHARE:
        output["suppression"] = {"iou_threshold": 0.75}
        guessed.append(
            Guessed("output.suppression.iou_threshold", 0.75, f"{close:.0%} of the objects overlap another of their class by more "
                    f"than IoU {_CROWDED_IOU}", len(found.class_id))
        )  # fmt: skip
    return output


def _close_share(found: Survey) -> float:
    """Share of the objects that overlap another one of their class by more than _CROWDED_IOU."""
    close, bounds = 0, np.concatenate([[0], np.cumsum(found.per_image)])
    for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        boxes, classes = found.boxes_xyxy[start:stop], found.class_id[start:stop]
        if 1 < len(boxes) <= 2000:
            iou = pairwise_iou(boxes, boxes) * (classes[:, None] == classes)
            np.fill_diagonal(iou, 0.0)
            close += int((iou.max(axis=1) > _CROWDED_IOU).sum())
    return close / max(len(found.class_id), 1)


def _acceptance(
    found: Survey, together: Together, split: dict[str, Any], guessed: list[Guessed]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Starting points: by intervals where the test side is large enough, by the values otherwise."""
    share = split["test"]
    images, objects = round(share * int(found.labelled.sum())), round(share * len(found.class_id))
    groups = round(share * len(set(together.of_image.tolist())))
    large = objects >= _MANY_OBJECTS and groups >= _MANY_GROUPS
    least = 0.5 if large else 0.3
    margin = round(float(np.clip(1 / np.sqrt(max(objects, 1)), 0.01, 0.2)), 2)
    clauses = [f"ap50 >= {least}", f"recall >= {least}", f"precision >= {least}", f"ap50 >= baseline - {margin}"]
    behind = f"about {objects} objects on {images} test images in {groups} group{'' if groups == 1 else 's'}"
    judged = "bound" if large else "value"
    guessed.append(Guessed("acceptance.require", clauses, f"a starting point: {behind}", objects))
    guessed.append(
        Guessed("acceptance.judge_on", judged, behind + ("" if large else ": too few to judge by an interval"), objects)
    )
    told = [f"{behind}; these are starting points: raise them to what the product needs"]
    if not large:
        told.append(
            f"an interval needs {_MANY_OBJECTS} test objects in {_MANY_GROUPS} groups: collect more, then judge_on: bound"
        )
    if len(set(together.of_image.tolist())) < 3:
        told.append("fewer than three groups cannot be dealt to train, val and test: `turn` needs more images")
    return {"require": clauses, "judge_on": judged}, tuple(told)


def _method(found: Survey, split: dict[str, Any]) -> tuple[Any, list[Guessed], tuple[str, ...]]:
    train, val = (round(split[side] * int(found.labelled.sum())) for side in ("train", "val"))
    recipe, guessed, remarks = method_of(found, train_images=train, val_images=val)
    return recipe, guessed, tuple(remarks)


def _of_class(count: int) -> str:
    counted = f"{count} annotation{'' if count == 1 else 's'}"
    return counted + (": nothing to learn from; take it out if it is not meant" if not count else "")


def _slug(name: str) -> str:
    """A name that a spec may have."""
    slug = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:100]
    return slug if re.match(r"[a-z0-9]", slug) else "detector"
