"""The demo's packing line: its frames as files, its server, its client, and the truth to hold answers against."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from boxwright.boxes import xywh_from_xyxy
from boxwright.coco import Entry, categories, document, encoded, image
from boxwright.detections import DetectionColumns, Detections, offsets_from_counts
from boxwright.errors import ServingError
from boxwright.evaluation import GroundTruth, Scored, evaluate, match
from boxwright.images import write_jpeg
from boxwright.review import Answer
from boxwright.store import write_bytes
from boxwright.synthesis import CLASSES, Frame

_READY_SECONDS = 60


def write_frames(folder: Path, frames: Sequence[Frame]) -> None:
    """Generated frames as JPEG files and one COCO file."""
    images, annotations = [], []
    for number, frame in enumerate(frames, start=1):
        write_bytes(folder / "images" / frame.file_name, write_jpeg(frame.picture))
        images.append(image(number, frame.file_name, frame.picture.shape[:2], conditions=frame.conditions))
        boxes = xywh_from_xyxy(frame.annotations.boxes_xyxy.astype(np.float64)).tolist()
        for box, class_id, ignore in zip(
            boxes, frame.annotations.class_id.tolist(), frame.annotations.ignore.tolist(), strict=True
        ):
            annotations.append(
                Entry(id=len(annotations) + 1, image_id=number, category_id=class_id + 1, bbox=box,
                      area=box[2] * box[3], iscrowd=int(ignore))
            )  # fmt: skip
    write_bytes(folder / "annotations.json", encoded(document(images, annotations, categories(CLASSES))))


def judge_answers(frames: Sequence[Frame], answers: Sequence[Detections]) -> dict[str, float]:
    """precision and recall of answered detections against the generated truth."""
    counts = [len(frame.annotations) for frame in frames]
    boxes = np.concatenate([np.zeros((0, 4)), *(f.annotations.boxes_xyxy for f in frames)]).astype(np.float64)
    ignore = np.concatenate([np.zeros(0, bool), *(f.annotations.ignore for f in frames)])
    sizes = xywh_from_xyxy(boxes)
    truth = GroundTruth(
        image=np.repeat(np.arange(len(frames)), counts),
        class_id=np.concatenate([np.zeros(0, np.int32), *(f.annotations.class_id for f in frames)]),
        boxes_xywh=sizes, area=sizes[:, 2] * sizes[:, 3], crowd=np.zeros(len(boxes), bool), ignore=ignore,
        annotation_id=np.arange(offsets_from_counts(counts)[-1]),
    )  # fmt: skip
    columns = DetectionColumns.from_list(list(answers))
    scored = Scored(columns.image_index, columns.class_id, xywh_from_xyxy(columns.boxes_xyxy), columns.score)
    names = [frame.file_name for frame in frames]
    images = pa.table({"image_id": list(range(len(frames))), "file_name": names, "group": names})
    matches = match(truth, scored, class_names=CLASSES, images=images)
    report = evaluate(matches, title="answers", score_thresholds=dict.fromkeys(CLASSES, 0.0))
    point = report.operating.all
    return {"precision": point.precision or 0.0, "recall": point.recall or 0.0}


def answer_of(frame: Frame) -> Answer:
    """The world's own labels, as a reviewer's answer: whoever made the world has looked at it."""
    boxes = frame.annotations
    names = [CLASSES[i] for i in boxes.class_id]
    return Answer(
        frame.file_name, boxes.boxes_xyxy, names, boxes.ignore.tolist(), dict(frame.conditions), looked_at=True
    )


@contextmanager
def served(out: Path, journal: Path) -> Iterator[int]:
    """A server of the demo's store in a process of its own; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "boxwright.cli.main",
        "serve",
        "--store",
        str(out / "store"),
        "--journal",
        str(journal),
        "--port",
        str(port),
    ]
    with (out / "server.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"})
        try:
            _await_ready(port, process, out / "server.log")
            yield port
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_ready(port: int, process: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise ServingError(f"The server stopped with exit code {process.returncode}; see '{log}'.")
        try:
            if _get(port, "/v2/health/ready")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise ServingError(f"The server was not ready within {_READY_SECONDS} s; see '{log}'.")


def await_bundle(port: int, digest: str) -> None:
    """Until the running server has taken the promoted bundle."""
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until:
        if _get(port, "/v2/health/ready")[1].get("bundle") == digest:
            return
        time.sleep(0.2)
    raise ServingError(f"The running server did not take bundle {digest[:12]} within {_READY_SECONDS} s.")


def _get(port: int, path: str) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def ask(port: int, frame: Frame) -> Detections:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"Content-Type": "image/jpeg", "X-Camera": frame.conditions["camera"], "X-File-Name": frame.file_name}
        connection.request("POST", "/v1/detect", body=write_jpeg(frame.picture), headers=headers)
        response = connection.getresponse()
        body = json.loads(response.read())
    finally:
        connection.close()
    if response.status != 200:
        raise ServingError(f"The server answered {response.status} for '{frame.file_name}': {body.get('error')}")
    found = body["detections"]
    return Detections(
        np.array([d["box_xyxy"] for d in found]),
        np.array([d["score"] for d in found]),
        np.array([d["class_id"] for d in found]),
    )
