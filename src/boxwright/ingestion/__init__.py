"""Ingestion: files of the field become a dataset, and a dataset becomes files again.

Takes COCO, YOLO, Pascal VOC, CVAT, Label Studio and LabelMe, returns a `Dataset` and every problem found; `write_source`
writes the same formats. Guarantees that pictures without boxes stay, that nothing is mended or left out in silence, that a
broken file is refused as a whole, and that what was written reads as it was.
"""

from boxwright.ingestion.coco_columns import ResultColumns, TruthColumns, read_answers, read_results, read_truth
from boxwright.ingestion.export import TARGETS, Lost, of_dataset, write_source
from boxwright.ingestion.ingest import Checked, check, check_reading, ingest, read_conditions
from boxwright.ingestion.list_pictures import Listed, list_pictures
from boxwright.ingestion.pictures import Depth, Seen, look
from boxwright.ingestion.reading import PictureRecord, Problem, Reading
from boxwright.ingestion.source import read_source
from boxwright.ingestion.write_coco import write_results, write_truth

__all__ = [
    "TARGETS",
    "Checked",
    "Depth",
    "Listed",
    "Lost",
    "PictureRecord",
    "Problem",
    "Reading",
    "ResultColumns",
    "Seen",
    "TruthColumns",
    "check",
    "check_reading",
    "ingest",
    "list_pictures",
    "look",
    "of_dataset",
    "read_answers",
    "read_conditions",
    "read_results",
    "read_source",
    "read_truth",
    "write_results",
    "write_source",
    "write_truth",
]
