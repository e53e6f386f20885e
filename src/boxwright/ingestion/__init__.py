"""Ingestion: files of the field become a dataset, and a dataset becomes files again.

Takes COCO, YOLO, Pascal VOC, CVAT, Label Studio and LabelMe, returns a `Dataset` and every problem found; `write_source`
writes the same formats. Guarantees that pictures without boxes stay, that nothing is mended or left out in silence, that a
broken file is refused as a whole, and that what was written reads as it was.
"""

from boxwright.ingestion.coco_columns import ResultColumns, TruthColumns, read_answers, read_results, read_truth
from boxwright.ingestion.export import TARGETS, Lost, of_dataset, write_source
from boxwright.ingestion.formats.yolo_classes import read_classes
from boxwright.ingestion.ground_truth import only_images, read_ground_truth, truth_of_dataset
from boxwright.ingestion.ingest import Checked, check, check_reading, every_box_refused, ingest, read_conditions
from boxwright.ingestion.list_pictures import Listed, list_pictures, names_files
from boxwright.ingestion.looks import Looks
from boxwright.ingestion.pictures import Depth, Seen, look
from boxwright.ingestion.predictions import How, class_list, read_predictions, told_over_limit
from boxwright.ingestion.reading import PictureRecord, Problem, Reading
from boxwright.ingestion.source import read_source
from boxwright.ingestion.write_coco import write_image_list, write_results, write_truth

__all__ = [
    "TARGETS",
    "Checked",
    "Depth",
    "How",
    "Listed",
    "Looks",
    "Lost",
    "PictureRecord",
    "Problem",
    "Reading",
    "ResultColumns",
    "Seen",
    "TruthColumns",
    "check",
    "check_reading",
    "class_list",
    "every_box_refused",
    "ingest",
    "list_pictures",
    "look",
    "names_files",
    "of_dataset",
    "only_images",
    "read_answers",
    "read_classes",
    "read_conditions",
    "read_ground_truth",
    "read_predictions",
    "read_results",
    "read_source",
    "read_truth",
    "told_over_limit",
    "truth_of_dataset",
    "write_image_list",
    "write_results",
    "write_source",
    "write_truth",
]
