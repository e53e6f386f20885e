"""COCO's file format: the one room that spells the keys of its annotations and results.

Takes files and gives columns, takes columns and gives files. Plain files go through typed records, piece by piece
(`result_rows`, `annotation_rows`); of any other a careful reader takes the tree and looks at each `Entry`. What the ids, boxes and
classes mean, and what is told of what is wrong, is the business of `ingestion`.
"""

from boxwright.coco.columns import annotation_rows, result_rows
from boxwright.coco.complaint import complaint
from boxwright.coco.growing import NO_ID, AnnotationRows, ResultRows
from boxwright.coco.ids import Id, Ids, RowOfId, as_flag, as_id, in_order, whole
from boxwright.coco.records import UNSET, Entry, entry_of, given
from boxwright.coco.write import categories, counted_ids, document, encoded, exact_xywh, image, results

__all__ = [
    "NO_ID",
    "UNSET",
    "AnnotationRows",
    "Entry",
    "Id",
    "Ids",
    "ResultRows",
    "RowOfId",
    "annotation_rows",
    "as_flag",
    "as_id",
    "categories",
    "complaint",
    "counted_ids",
    "document",
    "encoded",
    "entry_of",
    "exact_xywh",
    "given",
    "image",
    "in_order",
    "result_rows",
    "results",
    "whole",
]
