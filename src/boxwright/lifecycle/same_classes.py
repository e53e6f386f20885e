"""Whether a dataset has the classes of the spec, before anything is trained on it."""

from __future__ import annotations

from boxwright.artifacts import Dataset
from boxwright.errors import InputError
from boxwright.spec import Spec


def same_classes(spec: Spec, dataset: Dataset) -> None:
    """Refuse a dataset with other classes than the spec: what would be trained is not what is promised."""
    ours, theirs = set(spec.class_names), set(dataset.class_names)
    told = [
        f"only the {who} has {', '.join(sorted(names))}"
        for who, names in (("spec", ours - theirs), ("dataset", theirs - ours))
        if names
    ]
    if told:
        raise InputError(
            f"The spec and dataset '{dataset.name}' have other classes: {'; '.join(told)}. Correct `classes` in the spec, then ingest the "
            f"files again with --spec."
        )
