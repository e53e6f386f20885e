"""Does the data the promise rests on exist? The spec's coverage clauses, counted on a data set and its split."""

from __future__ import annotations

import numpy as np

from boxwright.artifacts import Dataset, Split
from boxwright.evaluation.slices import label_of
from boxwright.spec import Observed, Spec
from boxwright.spec.spec import CoverageClause


def coverage(dataset: Dataset, split: Split, spec: Spec) -> dict[str, Observed]:
    """Figure key of each coverage clause to the objects or images counted."""
    found: dict[str, Observed] = {}
    for clause in spec.coverage:
        images, objects = _count(dataset, split, spec, clause)
        for figure in clause.figures:
            found[figure.key] = Observed(float(images if figure.of == "images" else objects), support=images)
    return found


def _count(dataset: Dataset, split: Split, spec: Spec, clause: CoverageClause) -> tuple[int, int]:
    """Pictures and asked-for annotations of the clause's slice."""
    ids = dataset.image_ids if clause.split == "any" else split.ids(clause.split)
    rows = dataset.positions(ids)
    by_name = {condition.name: condition for condition in spec.conditions}
    keep = np.ones(len(rows), np.bool_)
    for name, value in clause.where.items():
        if name == "class":
            continue
        labels = [label_of(by_name[name], dataset.conditions[row].get(name)) for row in rows]
        keep &= np.array(labels, dtype=object) == value
    annotations = dataset.annotations.take(rows[keep])
    asked = ~annotations.ignore
    if "class" in clause.where:
        asked &= annotations.class_id == spec.class_names.index(clause.where["class"])
        holding = np.unique(annotations.image_index[asked])
        return len(holding), int(asked.sum())
    return int(keep.sum()), int(asked.sum())
