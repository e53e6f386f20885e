"""Ingestion: files of the field become a dataset.

Takes a COCO JSON or a COCO, YOLO or VOC folder, returns a `Dataset` and every problem found. Guarantees that pictures
without boxes stay, that nothing is mended or left out in silence, and that a broken file is refused as a whole.
"""

from boxwright.ingestion.coco_columns import ResultColumns, TruthColumns, read_answers, read_results, read_truth
from boxwright.ingestion.ingest import check, ingest, read_conditions
from boxwright.ingestion.list_pictures import Listed, list_pictures
from boxwright.ingestion.reading import Problem, Reading
from boxwright.ingestion.write_coco import write_results, write_truth

__all__ = [
    "Listed",
    "Problem",
    "Reading",
    "ResultColumns",
    "TruthColumns",
    "check",
    "ingest",
    "list_pictures",
    "read_answers",
    "read_conditions",
    "read_results",
    "read_truth",
    "write_results",
    "write_truth",
]
