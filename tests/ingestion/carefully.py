"""COCO files read as if none were plain: record by record, by the readers that can say what is wrong with one."""

from __future__ import annotations

import pytest

from boxwright.ingestion import coco_columns
from boxwright.ingestion.formats import coco_annotations


def read_carefully(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the readers of plain files away."""
    monkeypatch.setattr(coco_columns, "result_rows", lambda *_: None)
    monkeypatch.setattr(coco_columns, "annotation_rows", lambda *_, **__: None)
    monkeypatch.setattr(coco_annotations, "annotation_rows", lambda *_, **__: None)
