"""DeepPCB in its native layout to one COCO file per side.

    python examples/boards/from_deeppcb.py DEEPPCB OUT [--list lists/trainval.txt=trainval --list lists/dev_test.txt=test]

A list has one pair a line, `groupNNNNN/NNNNN/NNNNNNNN.jpg groupNNNNN/NNNNN_not/NNNNNNNN.txt`; the picture on disk ends in
`_test.jpg`. A label line is `x1 y1 x2 y2 class`, with blanks or commas, classes from 1. The group folder is the board.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from boxwright.images import read_header

CLASSES = ("open", "short", "mousebite", "spur", "copper", "pin-hole")
LISTS = ("lists/trainval.txt=trainval", "lists/dev_test.txt=test")


def convert(root: Path, listed: Path, out: Path) -> tuple[int, int]:
    """Write one list as COCO; pictures and boxes written."""
    images, annotations = [], []
    for line in listed.read_text().splitlines():
        if not line.strip():
            continue
        picture, labels = line.split()
        name = picture.replace(".jpg", "_test.jpg")
        height, width = read_header((root / name).read_bytes(), name=name).size_hw
        number = int(Path(picture).stem)
        board = Path(picture).parts[0]
        images.append(
            {"id": number, "file_name": name, "width": width, "height": height, "conditions": {"board": board}}
        )
        for row in (root / labels).read_text().replace(",", " ").splitlines():
            if row.strip():
                x1, y1, x2, y2, class_id = map(int, row.split())
                box = [x1, y1, x2 - x1, y2 - y1]
                annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": class_id, "bbox": box,
                                    "area": box[2] * box[3], "iscrowd": 0})  # fmt: skip
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"images": images, "categories": categories, "annotations": annotations}))
    return len(images), len(annotations)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("deeppcb", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--list", action="append", metavar="FILE=SIDE", help=f"default: {' '.join(LISTS)}")
    given = parser.parse_args()
    root = given.deeppcb / "PCBData"
    for entry in given.list or LISTS:
        file, side = entry.split("=")
        count, boxes = convert(root, given.deeppcb / file, given.out / f"boards_{side}.json")
        print(f"{side}: {count} pictures, {boxes} boxes")


if __name__ == "__main__":
    main()
