"""Checkpoint, bundle and HTTP answer on the same pictures.

    python benchmarks/agreement.py STORE CHECKPOINT CANDIDATE COCO PICTURES [--pictures 64]

Every detection above 0.05 of one side must have a partner on the others, IoU >= 0.99 and score within 0.01. One JSON line.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from boxwright.artifacts import Bundle, Checkpoint
from boxwright.detections import Detections
from boxwright.images import letterbox, read_picture
from boxwright.inference import Detector, agreement, decode
from boxwright.store import Store
from boxwright.training import load_network

ABOVE = 0.05


def ask(port: int, data: bytes) -> Detections:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", f"/v1/detect?min_score={ABOVE - 0.01}", body=data)
    found = json.loads(connection.getresponse().read())["detections"]
    connection.close()
    boxes = np.array([d["box_xyxy"] for d in found])
    return Detections(boxes, np.array([d["score"] for d in found]), np.array([d["class_id"] for d in found]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("store", "checkpoint", "candidate", "coco", "pictures_folder"):
        parser.add_argument(name)
    parser.add_argument("--pictures", type=int, default=64)
    given = parser.parse_args()
    store = Store(given.store)
    network, bundle = load_network(store.get(given.checkpoint, Checkpoint)), store.get(given.candidate, Bundle)
    names = [image["file_name"] for image in json.loads(Path(given.coco).read_text())["images"]]
    chosen = [names[i] for i in np.unique(np.linspace(0, len(names) - 1, given.pictures).astype(int))]
    detector = Detector(bundle)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as journal:
        command = [
            sys.executable,
            "-m",
            "boxwright.cli.main",
            "serve",
            "--store",
            given.store,
            "--port",
            str(port),
            "--journal",
            journal,
        ]
        server = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
        try:
            _await(port)
            report(network, detector, port, [Path(given.pictures_folder, n).read_bytes() for n in chosen])
        finally:
            server.terminate()
            server.wait()


def report(network: torch.nn.Module, detector: Detector, port: int, pictures: list[bytes]) -> None:
    compared = unmatched = 0
    least, most = 1.0, 0.0
    for data in pictures:
        picture = read_picture(data)
        placed, placement = letterbox(picture, input_hw=detector.contract.input_hw)
        with torch.inference_mode():
            boxes, scores = network(torch.from_numpy(placed[None]))
        sides = [
            decode(boxes[0].numpy(), scores[0].numpy(), placement, detector.contract.output),
            detector.detect(picture),
            ask(port, data),
        ]
        for i, one in enumerate(sides):
            for other in sides[:i] + sides[i + 1 :]:
                n, lost, iou, difference = agreement(one, other, above=ABOVE)
                compared, unmatched = compared + n, unmatched + lost
                least, most = min(least, iou), max(most, difference)
    print(
        json.dumps(
            {
                "pictures": len(pictures),
                "comparisons": compared,
                "unmatched": unmatched,
                "least_iou": least,
                "largest_score_difference": most,
            }
        )
    )


def _await(port: int) -> None:
    for _ in range(300):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/v2/health/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit("the server was not ready within 60 s")


if __name__ == "__main__":
    main()
