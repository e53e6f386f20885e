"""Checkpoint to bundle: write the graph, prove it on real pictures, pack contract and golden pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from boxwright.artifacts import Bundle, Checkpoint, Contract
from boxwright.detections import Detections
from boxwright.errors import InputError, ParityError
from boxwright.export.onnx import write_onnx
from boxwright.images import letterbox
from boxwright.inference import Detector, agreement, decode
from boxwright.spec import Spec

LoadNetwork = Callable[[Checkpoint], nn.Module]
LEAST_IOU = 0.99
MOST_SCORE_DIFFERENCE = 0.01
COMPARED_ABOVE = 0.05  # far below any threshold; among lower scores, ties of a millionth decide what suppression keeps
_BATCHES = (1, 3)


def export(
    checkpoint: Checkpoint,
    spec: Spec,
    *,
    load: LoadNetwork,
    pictures: Sequence[bytes],
    work_folder: Path,
    golden: int = 8,
    training_side_px: dict[str, float] | None = None,
    bit_depth: int | None = None,
) -> Bundle:
    """The bundle of a checkpoint, proven on real pictures.

    Args:
        checkpoint: what was trained.
        spec: its output contract goes into the bundle.
        load: training's way from a checkpoint to its network, handed in by the lifecycle.
        pictures: encoded pictures to compare checkpoint and bundle on; the first `golden` go into the bundle.
        work_folder: where the files are written before they are stored.
        golden: how many pictures to keep.
        training_side_px: percentiles of object sides in training, for later tiling and drift.
        bit_depth: that the training data were declared with; the bundle reads pictures by it.

    Raises:
        InputError: no picture was given.
        ParityError: a detection that is compared differs.
    """
    if not pictures:
        raise InputError("Export needs at least one real picture to prove the bundle on; found none.")
    height, width = spec.constraints.input_hw or checkpoint.recipe["model"]["input_hw"]
    input_hw = (int(height), int(width))
    work_folder.mkdir(parents=True, exist_ok=True)
    network = load(checkpoint)
    model = work_folder / "model.onnx"
    write_onnx(network, model, input_hw=input_hw)
    contract = Contract(
        class_names=checkpoint.class_names,
        input_hw=input_hw,
        output=spec.output,
        training_side_px=training_side_px or {},
        spec_name=spec.name,
        degraded=spec.failure_modes.degraded,
        bit_depth=bit_depth,
    )
    bundle = Bundle(model=model, contract=contract, made_from={"checkpoint": checkpoint.digest})
    parity, answers = prove(bundle, network, pictures)
    files = _write_golden(work_folder, pictures[:golden], answers[:golden])
    return Bundle(
        model=model,
        contract=contract.model_copy(update={"parity": parity}),
        golden=files,
        made_from={"checkpoint": checkpoint.digest},
    )


def prove(bundle: Bundle, network: nn.Module, pictures: Sequence[bytes]) -> tuple[dict[str, Any], list[Detections]]:
    """Figures of parity between a checkpoint's network and its bundle, and the bundle's answers.

    Detections above COMPARED_ABOVE (and clear of the score floor) must have a partner on the other side.

    Raises:
        ParityError: they disagree, or answer a batch differently from its pictures one by one.
    """
    contract = bundle.contract
    detector = Detector(bundle, raw_scores=True)
    above = max(COMPARED_ABOVE, contract.output.score_floor + MOST_SCORE_DIFFERENCE)
    compared, unmatched, least_iou, most = 0, 0, 1.0, 0.0
    decoded = [detector.read(data, name=f"parity picture {i}") for i, data in enumerate(pictures)]
    answers = []
    for picture in decoded:
        placed, placement = letterbox(picture, input_hw=contract.input_hw)
        with torch.inference_mode():
            boxes, scores = network(torch.from_numpy(placed[None]))
        expected = decode(boxes[0].numpy(), scores[0].numpy(), placement, contract.output)
        found = detector.detect(picture)
        answers.append(found)
        for one, other in ((expected, found), (found, expected)):
            n, lost, iou, difference = agreement(one, other, above=above)
            compared, unmatched = compared + n, unmatched + lost
            least_iou, most = min(least_iou, iou), max(most, difference)
    _prove_batches(detector, decoded, answers)
    parity = {
        "pictures": len(pictures),
        "compared_above": above,
        "detections_compared": compared,
        "unmatched": unmatched,
        "least_iou": least_iou,
        "largest_score_difference": most,
    }
    if unmatched or least_iou < LEAST_IOU or most > MOST_SCORE_DIFFERENCE:
        raise ParityError(
            f"The exported bundle differs from its checkpoint on {len(pictures)} pictures: {unmatched} of {compared} "
            f"detections unmatched, least IoU {least_iou:.4f}, largest score difference {most:.4f}; nothing was exported."
        )
    return parity, answers


def _prove_batches(detector: Detector, pictures: Sequence[np.ndarray], answers: Sequence[Detections]) -> None:
    """A traced batch size can be baked in silently; only running others shows it."""
    for size in _BATCHES:
        several = [pictures[i % len(pictures)] for i in range(size)]
        for i, found in enumerate(detector.detect_many(several)):
            _, lost, iou, difference = agreement(answers[i % len(pictures)], found, above=0.1)
            if lost or iou < LEAST_IOU or difference > MOST_SCORE_DIFFERENCE:
                raise ParityError(
                    f"The exported bundle answers a batch of {size} differently from its pictures one by one."
                )


def _write_golden(folder: Path, pictures: Sequence[bytes], answers: Sequence[Detections]) -> dict[str, Path]:
    (folder / "golden").mkdir(exist_ok=True)
    files: dict[str, Path] = {}
    expected = {}
    for i, (data, answer) in enumerate(zip(pictures, answers, strict=True)):
        name = f"{i:02d}.img"
        path = folder / "golden" / name
        path.write_bytes(data)
        files[f"golden/{name}"] = path
        expected[name] = {
            "boxes_xyxy": np.asarray(answer.boxes_xyxy, np.float64).round(3).tolist(),
            "score": np.asarray(answer.score, np.float64).round(6).tolist(),
            "class_id": answer.class_id.tolist(),
        }
    path = folder / "golden" / "answers.json"
    path.write_text(json.dumps(expected, indent=1))
    files["golden/answers.json"] = path
    return files
