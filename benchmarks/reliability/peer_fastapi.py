"""The same bundle behind FastAPI's thread pool: STORE and DIGEST in the environment name it. No journal, no metrics, no limits."""

import os
from pathlib import Path
from typing import Any

import cv2
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool

from boxwright.artifacts import Bundle
from boxwright.inference import Detector
from boxwright.store import Store

cv2.setNumThreads(1)
DETECTOR = Detector(Store(Path(os.environ["STORE"])).get(os.environ["DIGEST"], Bundle))
app = FastAPI()


def answer(body: bytes) -> dict[str, Any]:
    found = DETECTOR.detect(DETECTOR.read(body, name="body"))
    return {"boxes": found.boxes_xyxy.tolist(), "score": found.score.tolist(), "class_id": found.class_id.tolist()}


@app.post("/v1/detect")
async def detect(request: Request) -> dict[str, Any]:
    """The detections of the image in the body."""
    return await run_in_threadpool(answer, await request.body())
