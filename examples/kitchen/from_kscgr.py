"""KSCGR's two annotators (github.com/rogergranada/dataset-annotation, KSCGR/agreement) as one COCO file each.

    python examples/kitchen/from_kscgr.py FOLDER OUT [--inclusive]

FOLDER holds annotator_1.txt and annotator_2.txt: tab-separated frame, label, (x,y,w,h), box id, frame path; lines that do not
begin with a frame number are no boxes. Frames are named by their number, since the path is the first author's machine. Every
frame of the file counts as seen. `--inclusive` adds 1 px to width and height: the authors' own IoU counts pixels that way.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

SIDE_PX = 256


def boxes_of(path: Path) -> list[tuple[int, str, tuple[int, int, int, int], int]]:
    """(frame, label, (x, y, w, h), box id) of every box."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = line.split("\t")
        if len(cells) >= 4 and cells[0].isdigit():
            x, y, w, h = (int(v) for v in cells[2].strip("()").split(","))
            found.append((int(cells[0]), cells[1], (x, y, w, h), int(cells[3])))
    return found


def as_coco(boxes: list, class_names: list[str], *, more: int) -> dict:
    """One annotator as a COCO tree."""
    frames = sorted({box[0] for box in boxes})
    return {
        "images": [{"id": f, "file_name": f"{f:05d}.jpg", "width": SIDE_PX, "height": SIDE_PX} for f in frames],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(class_names)],
        "annotations": [
            {
                "id": i + 1, "image_id": frame, "category_id": class_names.index(label) + 1,
                "bbox": [x, y, w + more, h + more], "iscrowd": 0, "attributes": {"object": number},
            }
            for i, (frame, label, (x, y, w, h), number) in enumerate(boxes)
        ],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--inclusive", action="store_true")
    arguments = parser.parse_args()
    read = {name: boxes_of(arguments.folder / f"{name}.txt") for name in ("annotator_1", "annotator_2")}
    class_names = sorted({box[1] for boxes in read.values() for box in boxes})
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, boxes in read.items():
        tree = as_coco(boxes, class_names, more=int(arguments.inclusive))
        (arguments.out / f"{name}.json").write_text(json.dumps(tree))
        print(f"{name}: {len(tree['images'])} frames, {len(boxes)} boxes")


if __name__ == "__main__":
    main()
