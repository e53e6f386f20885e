"""The same bundle behind LitServe: `python -m benchmarks.reliability.peer_litserve PORT`; STORE and DIGEST in the environment name it.

LitServe reads JSON or forms, so the image comes in base64, as its documentation shows. No journal, no limits.
"""

import base64
import os
import sys
from pathlib import Path
from typing import Any

import cv2
import litserve

from boxwright.artifacts import Bundle
from boxwright.inference import Detector
from boxwright.store import Store


class Detect(litserve.LitAPI):
    """Decoding and the network run in its worker process."""

    def setup(self, device: str) -> None:
        cv2.setNumThreads(1)
        self.detector = Detector(Store(Path(os.environ["STORE"])).get(os.environ["DIGEST"], Bundle))

    def decode_request(self, request: dict[str, str]) -> Any:
        return self.detector.read(base64.b64decode(request["image"]), name="body")

    def predict(self, picture: Any) -> Any:
        return self.detector.detect(picture)

    def encode_response(self, found: Any) -> dict[str, Any]:
        return {"boxes": found.boxes_xyxy.tolist(), "score": found.score.tolist(), "class_id": found.class_id.tolist()}


if __name__ == "__main__":
    workers = int(os.environ.get("WORKERS", "1"))
    server = litserve.LitServer(Detect(api_path="/v1/detect"), accelerator="cpu", workers_per_device=workers)
    server.run(port=int(sys.argv[1]), host="127.0.0.1", log_level="error", generate_client_file=False)
