"""Label errors found: the audit against cleanlab's ObjectLab on the same labels and detections, and the time both take.

    python3 -m venv build/peers_cleanlab && build/peers_cleanlab/bin/pip install cleanlab==2.9.0
    python benchmarks/label_errors.py quality GT.json DT.json --seeds 1 2 3      # clean labels; errors are planted here
    python benchmarks/label_errors.py given STORE DATASET PREDICTIONS... --truth CSV   # planted_noise, predictions out of fold
    python benchmarks/label_errors.py speed build/coco_val                       # 5,000 pictures, 20 detections each

Errors planted here do not use the audit's own planter: of all boxes 5 % are removed, 3 % get another class (any alike), 4 % are moved
and resized by normal steps to an IoU of 0.2 to 0.6, and boxes worth 3 % are invented on empty places. Per kind: average precision
(a missing object counts as found at IoU 0.5, once), and the share found where a tenth of the right labels is listed. ObjectLab gets the scores as
they are and isotonically calibrated ones; for spurious labels, which it has no score for, the better of its bad-location and its swap
score and of both together.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = ("missing", "spurious", "class", "location")
SHARES = {"missing": 0.05, "class": 0.03, "location": 0.04, "spurious": 0.03}


@dataclass(frozen=True)
class Case:
    """Labels with known errors; `missing` holds (picture, box)."""

    annotations: Any
    detections: Any
    sizes_hw: NDArray
    classes: int
    kind: NDArray
    missing: list[tuple[int, NDArray]]


def iou(a: NDArray, b: NDArray) -> float:
    w, h = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    both = max(w, 0) * max(h, 0)
    return float(both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)) if both else 0.0


def annotation_columns(pictures: int, image: NDArray, class_id: NDArray, boxes: NDArray, crowd: NDArray) -> Any:
    from boxwright.detections import AnnotationColumns, offsets_from_counts

    o = np.argsort(image, kind="stable")
    return AnnotationColumns(
        offsets_from_counts(np.bincount(image, minlength=pictures)), boxes[o], class_id[o].astype(np.int32),
        (boxes[o, 2] - boxes[o, 0]) * (boxes[o, 3] - boxes[o, 1]), crowd[o], crowd[o], o,
    )  # fmt: skip


def detection_columns(pictures: int, image: NDArray, class_id: NDArray, boxes: NDArray, score: NDArray) -> Any:
    """In the order of pictures and, within each, of classes: the order of ObjectLab's scores."""
    from boxwright.detections import DetectionColumns, offsets_from_counts

    o = np.lexsort((class_id, image))
    counts = np.bincount(image, minlength=pictures)
    return DetectionColumns(offsets_from_counts(counts), boxes[o], score[o], class_id[o].astype(np.int32))


def read_pair(truth: Path, results: Path, *, most: int | None = None) -> tuple[Any, Any, NDArray, int]:
    from boxwright.boxes import xyxy_from_xywh
    from boxwright.ingestion import read_results, read_truth

    t = read_truth(truth)
    r = read_results(results, t)
    n = len(t.image_ids)
    rows = np.arange(len(r.score))
    if most:
        order = np.lexsort((-r.score, r.image))
        place = np.arange(len(order)) - np.searchsorted(r.image[order], np.arange(n))[r.image[order]]
        rows = order[place < most]
    a = annotation_columns(n, t.image, t.class_id, xyxy_from_xywh(t.boxes_xywh), t.crowd)
    d = detection_columns(n, r.image[rows], r.class_id[rows], xyxy_from_xywh(r.boxes_xywh[rows]), r.score[rows])
    return a, d, t.sizes_hw, len(t.class_names)


def plant(a: Any, d: Any, sizes_hw: NDArray, classes: int, seed: int) -> Case:
    """The errors the file's opening tells of."""
    rng = np.random.default_rng(seed)
    image, n = a.image_index, len(a.class_id)
    order, at, rows = rng.permutation(np.flatnonzero(~a.ignore)), 0, {}
    for kind in ("missing", "class", "location"):
        count = round(SHARES[kind] * n)
        rows[kind], at = order[at : at + count], at + count
    boxes, class_id, kinds = a.boxes_xyxy.copy(), a.class_id.copy(), np.full(n, "", dtype=object)
    class_id[rows["class"]] = (class_id[rows["class"]] + rng.integers(1, classes, len(rows["class"]))) % classes
    kinds[rows["class"]] = "class"
    for i in rows["location"]:
        box, (h, w) = a.boxes_xyxy[i], sizes_hw[image[i]]
        side = np.tile(box[2:] - box[:2], 2)
        for _ in range(200):
            moved = box + side * (np.tile(rng.normal(0, 0.25, 2), 2) + rng.normal(0, 0.2, 4))
            moved = np.clip(moved, 0, [w, h, w, h])
            if (moved[2:] - moved[:2] > 2).all() and 0.2 <= iou(box, moved) <= 0.6:
                boxes[i], kinds[i] = moved, "location"
                break
    keep = np.setdiff1d(np.arange(n), rows["missing"])
    more: list[tuple[int, NDArray, int]] = []
    while len(more) < round(SHARES["spurious"] * n):
        i, model = int(rng.integers(len(a))), int(rng.integers(n))
        room = sizes_hw[i][::-1] - (a.boxes_xyxy[model, 2:] - a.boxes_xyxy[model, :2])
        if (room <= 0).any():
            continue
        corner = rng.random(2) * room
        box = np.concatenate([corner, corner + a.boxes_xyxy[model, 2:] - a.boxes_xyxy[model, :2]])
        if all(iou(box, other) < 0.05 for other in a.boxes_xyxy[a.offsets[i] : a.offsets[i + 1]]):
            more.append((i, box, int(a.class_id[model])))
    image2 = np.concatenate([image[keep], [m[0] for m in more]]).astype(np.int64)
    noisy = annotation_columns(
        len(a), image2, np.concatenate([class_id[keep], [m[2] for m in more]]),
        np.concatenate([boxes[keep], np.array([m[1] for m in more]).reshape(-1, 4)]),
        np.concatenate([a.crowd[keep], np.zeros(len(more), np.bool_)]),
    )  # fmt: skip
    kinds = np.concatenate([kinds[keep], np.full(len(more), "spurious", dtype=object)])
    kinds = kinds[np.argsort(image2, kind="stable")]
    return Case(noisy, d, sizes_hw, classes, kinds, [(int(image[i]), a.boxes_xyxy[i]) for i in rows["missing"]])


def given(store: Path, name: str, predictions: Sequence[Path], truth: Path) -> Case:
    """A data set with planted errors in the store, saved predictions of its parts, and the table of the errors."""
    from boxwright.artifacts import Dataset, Predictions
    from boxwright.store import Store

    data = Store(store).get(name, Dataset)
    parts = [Predictions.load(path) for path in predictions]
    ids = np.concatenate([part.image_ids for part in parts])
    rows = np.sort(data.positions(ids))
    place = {int(data.image_ids[row]): k for k, row in enumerate(rows)}
    image = np.concatenate([np.array([place[int(i)] for i in p.image_ids])[p.columns.image_index] for p in parts])
    columns = [part.columns for part in parts]
    d = detection_columns(
        len(rows), image, np.concatenate([c.class_id for c in columns]),
        np.concatenate([c.boxes_xyxy for c in columns]), np.concatenate([c.score for c in columns]),
    )  # fmt: skip
    a = data.annotations.take(rows)
    stems = {Path(data.file_names[row]).stem.replace("_test", ""): k for k, row in enumerate(rows)}
    kinds, missing = np.full(len(a.class_id), "", dtype=object), []
    for record in csv.DictReader(truth.open()):
        k = stems.get(Path(record["file"]).stem)
        if k is None:
            continue
        kind = {"swap": "class", "shift": "location"}.get(record["kind"], record["kind"])
        if kind == "missing":
            missing.append((k, np.array(record["true_box"].split(), float)))
            continue
        mine = np.arange(a.offsets[k], a.offsets[k + 1])
        far = np.abs(a.boxes_xyxy[mine] - np.array(record["noisy_box"].split(), float)).max(axis=1)
        if len(far) and far.min() <= 1.5:
            kinds[mine[far.argmin()]] = kind
    return Case(a, d, data.sizes_hw[rows].astype(float), len(data.class_names), kinds, missing)


def hits(case: Case, kind: str, boxes: NDArray) -> NDArray[np.bool_]:
    """Whether each listed row (annotation, or detection where missing), in order, is an error of the kind."""
    if kind != "missing":
        return case.kind[boxes] == kind
    image, free = case.detections.image_index, list(range(len(case.missing)))
    out = np.zeros(len(boxes), np.bool_)
    for place, d in enumerate(boxes):
        best = max(
            (
                (iou(case.missing[i][1], case.detections.boxes_xyxy[d]), i)
                for i in free
                if case.missing[i][0] == image[d]
            ),
            default=(0.0, -1),
        )
        if best[0] >= 0.5:
            out[place] = True
            free.remove(best[1])
    return out


def judged(case: Case, kind: str, boxes: NDArray, score: NDArray) -> tuple[float, float]:
    """Average precision, and the share found by the time a tenth of the right labels is listed."""
    order = np.argsort(-score, kind="stable")
    hit = hits(case, kind, boxes[order])
    total = max(len(case.missing) if kind == "missing" else int((case.kind == kind).sum()), 1)
    precision = np.cumsum(hit) / np.arange(1, len(hit) + 1)
    within = np.cumsum(~hit) <= 0.1 * (case.kind == "").sum()
    return float((precision * hit).sum() / total), float(hit[within].sum() / total)


def ours(case: Case, seed: int = 0) -> dict[str, float]:
    from boxwright.labels.audit.score import KINDS as ORDER
    from boxwright.labels.audit.score import audit

    found = audit(case.annotations, case.detections, sizes_hw=case.sizes_hw, classes=case.classes, seed=seed)
    out, listed = {}, np.zeros(len(found), np.bool_)
    for i, kind in enumerate(ORDER):
        mine = found.kind == i
        boxes = (found.detection if kind == "missing" else found.annotation)[mine]
        out[kind], out[f"found {kind}"] = judged(case, kind, boxes, found.score[mine])
        hit = hits(case, kind, boxes) if kind == "missing" else case.kind[boxes] != ""
        listed[np.flatnonzero(mine)] = hit
    once = np.ones(len(found), np.bool_)  # a label counts where it stands first
    once[np.setdiff1d(np.flatnonzero(found.annotation >= 0), np.unique(found.annotation, return_index=True)[1])] = False
    listed = listed[once]
    out["first 100"] = float(listed[:100].mean())
    within = np.cumsum(~listed) <= 0.1 * (case.kind == "").sum()
    out["found, all kinds in one list"] = float(listed[within].sum() / (len(case.missing) + (case.kind != "").sum()))
    return out


def calibrated(case: Case) -> NDArray[np.float64]:
    from boxwright.labels.audit.common_scale import ranks, share_agreeing
    from boxwright.labels.audit.evidence import agreeing

    d = case.detections
    share = share_agreeing(ranks(d.score), d.class_id, agreeing(case.annotations, d), classes=case.classes)
    most = np.zeros(case.classes)
    np.maximum.at(most, d.class_id, share)
    return 0.999 * share / most[d.class_id]  # labels with errors hold the share below ObjectLab's 0.95


def objectlab(case: Case, score: NDArray, peer: Path) -> dict[str, float]:
    """ObjectLab's three scores in its own environment, judged alike."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "case.npz"
        _save(file, case.annotations, case.detections, score, case.classes)
        subprocess.run([str(peer), __file__, "peer-scores", str(file)], check=True, stderr=subprocess.DEVNULL)
        got = np.load(Path(folder) / "scores.npz")
    labels, detections = np.arange(len(case.kind)), np.arange(len(score))
    bad = {name: 1 - np.nan_to_num(got[name], nan=1.0) for name in ("overlooked", "badloc", "swap")}
    out = {}
    seen = ~np.isnan(got["overlooked"])
    out["missing"], out["found missing"] = judged(case, "missing", detections[seen], bad["overlooked"][seen])
    out["class"], out["found class"] = judged(case, "class", labels, bad["swap"])
    out["location"], out["found location"] = judged(case, "location", labels, bad["badloc"])
    tries = [judged(case, "spurious", labels, s) for s in (bad["badloc"], bad["swap"], bad["badloc"] + bad["swap"])]
    out["spurious"], out["found spurious"] = max(tries)
    return out


def _save(file: Path, a: Any, d: Any, score: NDArray, classes: int) -> None:
    np.savez(
        file, a_at=a.offsets, a_box=a.boxes_xyxy, a_class=a.class_id, d_at=d.offsets, d_box=d.boxes_xyxy,
        d_class=d.class_id, score=score, classes=classes,
    )  # fmt: skip


def cleanlab_form(c: Any) -> tuple[list, list, list[int]]:
    """Labels and predictions as cleanlab wants them; pictures without either are left out."""
    labels, predictions, kept = [], [], []
    for i in range(len(c["a_at"]) - 1):
        a, d = slice(c["a_at"][i], c["a_at"][i + 1]), slice(c["d_at"][i], c["d_at"][i + 1])
        if a.stop == a.start or d.stop == d.start:
            continue
        kept.append(i)
        labels.append({"bboxes": c["a_box"][a].astype(np.float32), "labels": c["a_class"][a].astype(int)})
        rows = np.concatenate([c["d_box"][d], c["score"][d][:, None]], axis=1).astype(np.float32)
        of_class = np.empty(int(c["classes"]), object)
        for k in range(len(of_class)):
            of_class[k] = rows[c["d_class"][d] == k]
        predictions.append(of_class)
    return labels, predictions, kept


def peer_scores(file: Path) -> None:
    from cleanlab.object_detection import rank  # pyright: ignore

    c = dict(np.load(file))
    labels, predictions, kept = cleanlab_form(c)
    found = {
        "overlooked": (rank.compute_overlooked_box_scores, "d_at"), "badloc": (rank.compute_badloc_box_scores, "a_at"),
        "swap": (rank.compute_swap_box_scores, "a_at"),
    }  # fmt: skip
    out = {}
    for name, (score, at) in found.items():
        out[name] = np.full(c[at][-1], np.nan)
        for i, values in zip(kept, score(labels=labels, predictions=predictions), strict=True):
            out[name][c[at][i] : c[at][i + 1]] = values
    np.savez(file.parent / "scores.npz", **out)


def peer_speed(file: Path) -> None:
    from cleanlab.object_detection.filter import find_label_issues  # pyright: ignore
    from cleanlab.object_detection.rank import get_label_quality_scores  # pyright: ignore

    labels, predictions, _ = cleanlab_form(dict(np.load(file)))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    get_label_quality_scores(labels, predictions, verbose=False)
    scores = time.process_time() - start
    find_label_issues(labels, predictions)
    print(json.dumps(_cost(start, before) | {"scores_cpu_s": scores}))


def our_speed(file: Path) -> None:
    from boxwright.detections import AnnotationColumns, DetectionColumns
    from boxwright.labels.audit.score import audit

    c = dict(np.load(file))
    none = np.zeros(len(c["a_class"]), np.bool_)
    a = AnnotationColumns(c["a_at"], c["a_box"], c["a_class"], none + 0.0, none, none, np.arange(len(none)))
    d = DetectionColumns(c["d_at"], c["d_box"], c["score"], c["d_class"])
    sizes, some = np.full((len(a), 2), np.nan), np.arange(40)
    audit(a.take(some), d.take(some), sizes_hw=sizes[some], classes=int(c["classes"]))  # kernels from their cache
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    audit(a, d, sizes_hw=sizes, classes=int(c["classes"]))
    print(json.dumps(_cost(start, before)))


def _cost(start: float, before: int) -> dict[str, float]:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"cpu_s": time.process_time() - start, "peak_mb": most / 1024, "added_mb": (most - before) / 1024}


def speed(folder: Path, peer: Path, rounds: int) -> None:
    a, d, sizes, classes = read_pair(folder / "gt.json", folder / "dt.json", most=20)
    case = plant(a, d, sizes, classes, 0)
    with tempfile.TemporaryDirectory() as aside:
        file = Path(aside) / "case.npz"
        _save(file, case.annotations, d, d.score, classes)
        for number in range(rounds):
            sides = [
                json.loads(
                    subprocess.run(
                        [str(p), __file__, word, str(file)], check=True, capture_output=True
                    ).stdout.splitlines()[-1]
                )
                for p, word in ((sys.executable, "our-speed"), (peer, "peer-speed"))
            ]
            mine, theirs = sides
            print(
                f"round {number + 1}: {len(case.kind)} labels, {len(d.score)} detections; audit {mine['cpu_s']:.2f} CPU s "
                f"(+{mine['added_mb']:.0f} MB); cleanlab {theirs['cpu_s']:.1f} CPU s, of it scores {theirs['scores_cpu_s']:.1f} "
                f"(+{theirs['added_mb']:.0f} MB): {theirs['cpu_s'] / mine['cpu_s']:.0f}x",
                flush=True,
            )


def show(title: str, cases: Sequence[Case], peer: Path) -> None:
    """Means over cases, with the least and the most."""
    sides: dict[str, list[dict[str, float]]] = {"audit": [], "ObjectLab": [], "ObjectLab, calibrated": []}
    for case in cases:
        sides["audit"].append(ours(case))
        sides["ObjectLab"].append(objectlab(case, case.detections.score, peer))
        sides["ObjectLab, calibrated"].append(objectlab(case, calibrated(case), peer))
    print(
        f"\n{title}: {len(cases[0].kind)} labels, {len(cases)} seeds\n\n| | {' | '.join(KINDS)} |\n|---|---|---|---|---|"
    )
    for name, figures in sides.items():
        for prefix, words in (("", "average precision"), ("found ", "found at a tenth")):
            cells = [np.array([f[prefix + kind] for f in figures]) for kind in KINDS]
            spread = [f"{c.mean():.3f}" + (f" [{c.min():.3f}..{c.max():.3f}]" if len(c) > 1 else "") for c in cells]
            print(f"| {name}, {words} | {' | '.join(spread)} |")
    for name in ("first 100", "found, all kinds in one list"):
        values = np.array([f[name] for f in sides["audit"]])
        print(f"\n{name}: {values.mean():.3f} [{values.min():.3f}..{values.max():.3f}]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["quality", "given", "speed", "peer-scores", "peer-speed", "our-speed"])
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peer", type=Path, default=Path("build/peers_cleanlab/bin/python"))
    asked = parser.parse_args()
    paths = [Path(path) for path in asked.paths]
    if asked.what == "quality":
        a, d, sizes, classes = read_pair(paths[0], paths[1])
        show(paths[1].name, [plant(a, d, sizes, classes, seed) for seed in asked.seeds], asked.peer)
    elif asked.what == "given":
        show(asked.paths[1], [given(paths[0], asked.paths[1], paths[2:], asked.truth)], asked.peer)
    elif asked.what == "speed":
        speed(paths[0], asked.peer, asked.rounds)
    else:
        {"peer-scores": peer_scores, "peer-speed": peer_speed, "our-speed": our_speed}[asked.what](paths[0])


if __name__ == "__main__":
    main()
