"""The apple tiles as a crossover: every judged tile is scored once by a model that saw its photo and once by one that did not.

    python examples/orchard/crossover.py APPLEBBCH81 OUT

Photos are parted into two halves and two for val. A third of the tiles of each half is judged; the model of a half trains on
the other two thirds. A judged tile leaks for the model of its own half (overlapping tiles of its photo are in train, as in the
published lists) and is clean for the other model. Both models train on as many tiles, and each tile is its own comparison.
Writes OUT/{one,two}/apples_{train,val,test}.json, OUT/truth.json and OUT/photos.csv (COCO, and a group per tile).
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np

SIDE_PX = 640
VAL_PHOTOS = 2


def main(source: Path, out: Path) -> None:
    names = sorted(p.name for p in (source / "data" / "images").glob("*.jpg"))
    photo_of = {name: name.rsplit("_", 1)[0] for name in names}
    photos = sorted(set(photo_of.values()))
    rng = np.random.default_rng(0)
    rng.shuffle(photos)
    val, rest = set(photos[:VAL_PHOTOS]), photos[VAL_PHOTOS:]
    halves = {"one": set(rest[0::2]), "two": set(rest[1::2])}
    judged = {name for photo in rest for name in _third([n for n in names if photo_of[n] == photo], rng)}
    number = {name: k for k, name in enumerate(names, start=1)}
    for half, own in halves.items():
        train = [n for n in names if photo_of[n] in own and n not in judged]
        for side, some in (
            ("train", train),
            ("val", [n for n in names if photo_of[n] in val]),
            ("test", sorted(judged)),
        ):
            _write(out / half / f"apples_{side}.json", source, some, number)
        print(
            half,
            "trains on",
            len(train),
            "tiles of",
            len(own),
            "photos;",
            sum(photo_of[n] in own for n in judged),
            "judged tiles leak",
        )
    _write(out / "truth.json", source, sorted(judged), number)
    for half, own in halves.items():
        (out / half / "own.json").write_text(json.dumps(sorted(number[n] for n in judged if photo_of[n] in own)))
    with (out / "photos.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file_name", "photo"), *((n, photo_of[n]) for n in names)])


def _third(names: list[str], rng: np.random.Generator) -> list[str]:
    return list(rng.permutation(names)[: max(1, len(names) // 3)])


def _write(path: Path, source: Path, names: list[str], number: dict[str, int]) -> None:
    images, annotations = [], []
    for name in names:
        images.append({"id": number[name], "file_name": name, "width": SIDE_PX, "height": SIDE_PX})
        label = source / "data" / "labels" / f"{Path(name).stem}.txt"
        for k, line in enumerate(label.read_text().splitlines() if label.is_file() else ()):
            cx, cy, w, h = (float(v) * SIDE_PX for v in line.split()[1:5])
            box = [cx - w / 2, cy - h / 2, w, h]
            annotations.append({"id": number[name] * 1000 + k, "image_id": number[name], "category_id": 1, "bbox": box,
                                "area": w * h, "iscrowd": 0})  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "apple"}]})
    )


def sort_out(out: Path) -> None:
    """OUT/{one,two}/detections.json to leaky.json (each tile by the model that saw its photo) and clean.json."""
    found = {half: json.loads((out / half / "detections.json").read_text()) for half in ("one", "two")}
    own = {half: set(json.loads((out / half / "own.json").read_text())) for half in found}
    other = {"one": "two", "two": "one"}
    for name, of in (("leaky", lambda half: own[half]), ("clean", lambda half: own[other[half]])):
        kept = [d for half in found for d in found[half] if d["image_id"] in of(half)]
        (out / f"{name}.json").write_text(json.dumps(kept))


if __name__ == "__main__":
    if sys.argv[1] == "sort-out":
        sort_out(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
