"""One file per format, reading and writing side by side: COCO, YOLO, Pascal VOC, CVAT, Label Studio, LabelMe.

A reader takes files and returns a `Reading` with every problem it found; a writer takes a `Reading`, an empty folder and the
paths its pictures will have. Which format a source is in is decided in `ingestion/source.py`.
"""
