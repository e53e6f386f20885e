"""A difference, a count of data and suspects, written by hand, with names that a page must survive."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pyarrow as pa

from boxwright.artifacts import Suspects
from boxwright.artifacts.suspects import SUSPECT_SCHEMA, SuspectGroup, SuspectTally
from boxwright.evaluation import Coverage
from boxwright.evaluation.collect import Cell, Clause, Wanted
from boxwright.labels.changes import CHANGE_SCHEMA, KINDS, Difference
from boxwright.pages import coverage_page, diff_page, suspects_page
from boxwright.spec import Spec
from tests.worlds import picture


def full_difference(hostile: str, quoted: str) -> Difference:
    """Every kind of change, with conditions, annotators and pictures that came and went."""

    def row(kind: str, number: int) -> dict[str, Any]:
        usual = {
            "image": 1, "file_name": f"a/{hostile}.jpg" if number else "away.jpg", "kind": kind, "annotation_id": number,
            "annotation_id_before": number, "class_before": hostile, "class_after": hostile, "box_before": [10.0, 12.0, 40.0, 50.0],
            "box_after": [14.0, 12.0, 44.0, 50.0], "iou": 0.764, "ignore_before": False, "ignore_after": kind == "rejudged",
            "attributes_before": "{}", "attributes_after": json.dumps({"annotator": quoted}), "annotator": quoted,
            "conditions": json.dumps({"lighting": hostile}),
        }  # fmt: skip
        side = {"added": "before", "removed": "after"}.get(kind)
        gone = {name: None for name in usual if side and name.endswith(side)}
        return {
            **usual,
            **gone,
            **({"iou": None} if side else {}),
            **({"class_before": quoted} if kind == "relabelled" else {}),
        }

    rows = [row(kind, number) for kind in KINDS for number in range(3)]
    return Difference(
        boxes=pa.Table.from_pylist(rows, schema=CHANGE_SCHEMA),
        pictures_added=[hostile, quoted],
        pictures_removed=["away.jpg"],
        pictures_replaced=[f"b/{quoted}.jpg"],
        pictures_edited={hostile: [f"side train became {quoted}"]},
        believed_ids=False,
        classes=((hostile, quoted), (quoted, hostile)),
    )


def page_of_difference(found: Difference, titles: tuple[str, str], *, with_pictures: bool = True) -> str:
    return diff_page(
        found,
        titles=titles,
        read_picture=lambda name: picture(90, 120) if with_pictures and name != "away.jpg" else None,
    )


def spec_of(*names: str) -> Spec:
    return Spec.model_validate(
        {
            "name": "line", "classes": [{"name": name} for name in names],
            "conditions": [{"name": "lighting", "bins": ["bright", names[-1]]}, {"name": "camera"}],
            "split": {"train": 0.6, "val": 0.2, "test": 0.2},
            "coverage": [{"where": {"class": names[0]}, "least_objects": 2}, {"where": {"lighting": "bright"}, "split": "test", "least_objects": 9}],
            "acceptance": {"require": ["recall >= 0.9", f"recall[{names[0]}, lighting=bright] >= 0.8", "false_alarms_per_image <= 0.05"]},
        }
    )  # fmt: skip


def full_coverage(*names: str) -> Coverage:
    """Counts with empty cells, clauses met, broken and without an answer."""
    cells = [Cell(name, "", "", size, 10**k, 3) for k, name in enumerate(names) for size in ("", "0-32", "32-96")]
    cells += [
        Cell(name, c, value, "", 7 * k, k)
        for k, name in enumerate(names)
        for c in ("lighting", names[-1])
        for value in ("bright", names[-1])
    ]
    return Coverage(
        pictures=1234, unlabelled=5, objects=111, ignored=2, cells=tuple(cells),
        clauses=(Clause(f"objects[class={names[0]}]", 2, 1, 1, False), Clause(f"objects[split=test, lighting={names[-1]}]", 9, None, None, None),
                 Clause("images", 2, 1234, 0, True)),
        empty=tuple(cell for cell in cells if not cell.objects),
        collect=(Wanted("clause", {"class": names[-1]}, "objects", "any", 1, 2, 1, 1, f"because of {names[-1]}"),
                 Wanted("requirement", {"lighting": names[-1]}, "images", "test", 3, 74, 71, 355, names[-1])),
    )  # fmt: skip


EMPTY_COVERAGE = Coverage(pictures=0, unlabelled=0, objects=0, ignored=0, cells=(), clauses=(), empty=(), collect=())


def page_of_coverage(found: Coverage, *names: str) -> str:
    return coverage_page(found, title=names[-1], spec=spec_of(*names))


def full_suspects(hostile: str, quoted: str) -> Suspects:
    """Every kind of suspect twice, and a group, with names that a page must survive."""
    usual = {
        "image_id": 1, "file_name": f"a/{hostile}.jpg", "annotation_id": 1, "detection": 4, "kind": "class", "score": 0.9, "x1": 10.0,
        "y1": 12.0, "x2": 40.0, "y2": 50.0, "class_id": 0, "proposed_class_id": None, "proposed_box": None,
    }  # fmt: skip
    of_kind = {
        "missing": {"annotation_id": None, "class_id": None, "proposed_class_id": 1, "proposed_box": [10.0, 12.0, 40.0, 50.0]},
        "spurious": {"detection": None},
        "class": {"proposed_class_id": 1},
        "location": {"proposed_box": [14.0, 12.0, 44.0, 50.0]},
    }  # fmt: skip
    rows = [
        {**usual, "annotation_id": 10 * i + k, "score": 0.95 - 0.05 * k, "kind": kind, **said}
        for i, (kind, said) in enumerate(of_kind.items())
        for k in range(2)
    ]
    group = SuspectGroup(
        kind="class", class_name=hostile, proposed_class_name=quoted, condition=quoted, value=hostile, suspects=12,
        labels=40, expected=2.5, p=0.0001, systematic=True, sentence=f"{hostile} labelled as {quoted}",
    )  # fmt: skip
    sure = dict.fromkeys(of_kind, 2)
    summary = SuspectTally(pictures=3, annotations=40, detections=50, suspected=8, sure_from=0.5, sure=sure, seed=0)
    table = pa.Table.from_pylist(rows, schema=SUSPECT_SCHEMA)
    return Suspects(class_names=(hostile, quoted), rows=table, groups=(group,), summary=summary)


def empty_suspects() -> Suspects:
    """An audit that found nothing."""
    full = full_suspects("a", "b")
    summary = replace(full.summary, suspected=0, sure=dict.fromkeys(full.summary.sure, 0))
    return replace(full, rows=full.rows.slice(0, 0), groups=(), summary=summary)


def page_of_suspects(found: Suspects, *, with_pictures: bool = True) -> str:
    """The page, with a picture for every image or for none."""
    return suspects_page(found, read_picture=lambda _: picture(90, 120) if with_pictures else None)
