"""Crafted and mutated models against the Detector: how many answer, read a file, hang, crash the process, or escape as another error.

    python -m benchmarks.reliability.hostile_models [--rounds 300] [--seconds 10] [--seed 0]

Crafted models are those of tests/crafted_models.py. Each becomes the model of a bundle with golden images, and is loaded by
`Detector(check_golden=True)`, as a server loads it, in a working folder that has the files the models refer to, watched by inotify.
Mutated models are a sound one with flipped bits, cut ends, pieces moved, doubled, zeroed or exchanged. Each is loaded twice: in the
folder of a stored bundle, whose digest it does not have, and in a bundle of its own that keeps the golden images.

A mutated model that still loads is compared with the sound one on golden and other images. `same`: bit by bit (a name or a
comment was hit). `within_golden_tolerance`: it differs by less than what golden images allow; it has another digest, for which
there is no verdict. `wrong`: it differs by more; there must be none.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import struct
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reliability.measured_on import box
from boxwright.artifacts import Bundle
from boxwright.errors import BoxwrightError, ModelError, ParityError
from boxwright.graphs import Limits
from boxwright.inference import Detector, compare_detections
from boxwright.store import Store
from tests.crafted_models import CANARY, CRAFTED
from tests.tiny_bundles import tiny_bundle

OUT = Path(__file__).parent / "results" / "hostile_models.json"
IN_ACCESS, IN_OPEN = 1, 32
_GRACE_S = 10  # beyond the limit, on a busy machine, before a load counts as hung
IMAGES = [np.full((48, 64, 3), shade, np.uint8) for shade in (0, 60, 100, 255)]


class Watch:
    """Counts how often files are opened or read, by inotify."""

    def __init__(self, *paths: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._libc.inotify_init1(os.O_NONBLOCK)
        for path in paths:
            if self._libc.inotify_add_watch(self._descriptor, bytes(path), IN_ACCESS | IN_OPEN) < 0:
                raise OSError(ctypes.get_errno(), "inotify")

    def events(self) -> int:
        """How many there were since the last call."""
        try:
            data = os.read(self._descriptor, 1 << 20)
        except BlockingIOError:
            return 0
        found = 0
        while data:
            found += 1
            data = data[16 + struct.unpack_from("iIII", data)[3] :]
        return found


def mutated(data: bytes, rng: random.Random) -> tuple[str, bytes]:
    """One mutation of a file, and its name."""
    kind = rng.choice(
        ["flip", "flip", "flip", "flips", "byte", "cut", "cut_out", "double", "move", "zero", "exchange", "append"]
    )
    changed, at, size = bytearray(data), rng.randrange(len(data)), rng.randrange(1, 40)
    other = rng.randrange(len(data))
    if kind in ("flip", "flips"):
        for _ in range(1 if kind == "flip" else rng.randrange(2, 20)):
            changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == "byte":
        changed[at] = rng.randrange(256)
    elif kind == "cut":
        del changed[at:]
    elif kind == "cut_out":
        del changed[at : at + size]
    elif kind == "double":
        changed[at:at] = data[at : at + size]
    elif kind == "move":
        changed[other:other] = data[at : at + size]
    elif kind == "zero":
        changed[at : at + size] = bytes(len(changed[at : at + size]))
    elif kind == "exchange":
        changed[at : at + size], changed[other : other + size] = data[other : other + size], data[at : at + size]
    else:
        changed += rng.randbytes(size)
    return kind, bytes(changed)


def load(bundle: Bundle, limits: Limits) -> tuple[str, Detector | None, float, str]:
    """How loading ended, the detector if there is one, the seconds it took, what was said."""
    begin = time.perf_counter()
    detector, said = None, ""
    try:
        detector = Detector(bundle, check_golden=True, limits=limits)
        ending = "loaded"
    except ModelError as error:
        ending, said = f"refused: {error.reason}", str(error)
    except ParityError as error:
        ending, said = "refused: golden", str(error)
    except BoxwrightError as error:
        ending, said = f"refused: {type(error).__name__}", str(error)
    except Exception as error:
        ending, said = f"untyped: {type(error).__name__}", str(error)
    return ending, detector, time.perf_counter() - begin, said


def crafted(folder: Path, sound: Bundle, limits: Limits) -> dict[str, Any]:
    """Every crafted model, and what became of it."""
    (folder / "canary.bin").write_bytes(CANARY)
    (folder / "link.bin").symlink_to("canary.bin")
    (folder / "x").mkdir()
    os.mkfifo(folder / "pipe")
    watch = Watch(folder / "canary.bin", folder / "pipe")
    rows = {}
    for name, case in CRAFTED.items():
        path = folder / "crafted.onnx"
        path.write_bytes(case.make(str(folder)))
        ending, _, seconds, said = load(replace(sound, model=path), limits)
        expected = ending.removeprefix("refused: ") in case.reasons
        rows[name] = {
            "ending": ending,
            "as_expected": expected,
            "files_read": watch.events(),
            "seconds": round(seconds, 3),
            "said": said,
        }
    return rows


def mutations(folder: Path, sound: Bundle, limits: Limits, *, rounds: int, seed: int) -> list[dict[str, Any]]:
    """So many mutated models, and what became of them."""
    rng, data = random.Random(seed), sound.model.read_bytes()
    store = Store(folder / "store")
    digest = store.put(sound)
    stored = Path(store.get(digest, Bundle).model)
    reference = Detector(sound, check_golden=True)
    rows = []
    for number in range(rounds):
        kind, changed = mutated(data, rng)
        row: dict[str, Any] = {"number": number, "kind": kind, "unchanged": changed == data}
        stored.write_bytes(changed)
        try:
            store.get(digest, Bundle)
            row["in_the_store"] = "taken"
        except BoxwrightError as error:
            row["in_the_store"] = f"refused: {type(error).__name__}"
        path = folder / "mutated.onnx"
        path.write_bytes(changed)
        ending, detector, seconds, said = load(replace(sound, model=path), limits)
        row |= {"ending": ending, "seconds": round(seconds, 3), "said": said}
        if detector is not None:
            row["answers"] = _compared(reference, detector)
        rows.append(row)
    stored.write_bytes(data)
    return rows


def _compared(reference: Detector, detector: Detector) -> str:
    worst = "same"
    for image in IMAGES:
        wanted, found = reference.detect(image), detector.detect(image)
        if len(wanted) == len(found) and all(
            np.array_equal(getattr(wanted, name), getattr(found, name)) for name in ("boxes_xyxy", "score", "class_id")
        ):
            continue
        complaint = compare_detections(wanted, found, above=0.1, least_iou=0.98, most_score_difference=0.02)
        if complaint:
            return f"wrong: {complaint}"
        worst = "within_golden_tolerance"
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300, help="mutated models")
    parser.add_argument("--seconds", type=float, default=10.0, help="limit of one model in the child process")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    out, limits, before = asked.out.resolve(), Limits(seconds=asked.seconds, memory_bytes=1 << 30), box(asked.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        sound = tiny_bundle(folder / "sound")
        children = _sound_loads(sound, folder)
        by_craft = crafted(folder, sound, limits)
        by_mutation = mutations(folder, sound, limits, rounds=asked.rounds, seed=asked.seed)
        os.chdir("/")
    rows = [*by_craft.values(), *by_mutation]
    summary = {
        "crafted": len(by_craft), "mutated": len(by_mutation),
        "crafted_loaded": sum(row["ending"] == "loaded" for row in by_craft.values()),
        "crafted_refused_for_another_reason": [name for name, row in by_craft.items() if not row["as_expected"]],
        "mutated_loaded_with_wrong_outputs": sum(row.get("answers", "").startswith("wrong") for row in by_mutation),
        "files_read": sum(row["files_read"] for row in by_craft.values()),
        "hangs": sum(row["seconds"] > asked.seconds + _GRACE_S for row in rows),
        "crashes_of_this_process": 0,  # or these lines would not have been written
        "untyped_errors": sum(row["ending"].startswith("untyped") for row in rows),
        "mutated_taken_from_the_store": sum(row["in_the_store"] == "taken" and not row["unchanged"] for row in by_mutation),
        "crafted_endings": Counter(row["ending"] for row in by_craft.values()),
        "mutated_endings": Counter(row["ending"] for row in by_mutation),
        "mutated_answers": Counter(row["answers"].split(":")[0] for row in by_mutation if "answers" in row),
        "longest_load_s": max(row["seconds"] for row in rows),
        "sound_model": children,
    }  # fmt: skip
    result = {"machine": before, "load_at_end": os.getloadavg(), "limits": {"seconds": asked.seconds, "memory_bytes": limits.memory_bytes},
              "summary": summary, "crafted": by_craft, "mutated": by_mutation}  # fmt: skip
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(summary, indent=1))


def _sound_loads(sound: Bundle, folder: Path) -> dict[str, Any]:
    """Seconds to load a sound bundle: for the first time, and again; medians of nine, each of another digest."""
    first, again = [], []
    for k in range(9):
        bundle = tiny_bundle(folder / f"sound{k}", scores=(0.9, 0.5 + k / 100))
        model = (
            bundle.model.read_bytes() + b"\x32\x01" + bytes([97 + k])
        )  # a doc_string: another digest, untested as yet
        (folder / "again.onnx").write_bytes(model)
        bundle = replace(bundle, model=folder / "again.onnx")
        first.append(load(bundle, Limits())[2])
        again.append(load(bundle, Limits())[2])
    return {"first_load_s": float(np.median(first)), "next_load_s": float(np.median(again))}


if __name__ == "__main__":
    main()
