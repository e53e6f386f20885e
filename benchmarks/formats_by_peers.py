"""Do others read what we write? Their own readers count and compare the boxes of our files.

    python benchmarks/formats_by_peers.py SOURCE build/by_peers --peers build/peers_formats/bin/python --labelme build/peers_labelme/bin/python

SOURCE is any data set we read. Each format is written by `boxwright convert` with the side file removed, read by the peer
in an environment of its own, and its boxes are compared with ours: sorted corners per class, largest difference in pixels.
Datumaro reads VOC corners as they stand (0-based), so 1 px is expected there; of CVAT it takes only images without a subset.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from boxwright.cli.main import run
from boxwright.ingestion import look, read_source

READ = """
import json, sys
kind, path = sys.argv[1:]
found = []
if kind == "pycocotools":
    from pathlib import Path
    from pycocotools.coco import COCO
    for file in Path(path).rglob("*.json"):
        coco = COCO(str(file))
        names = {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())}
        found += [[names[a["category_id"]], *a["bbox"][:2], a["bbox"][0] + a["bbox"][2], a["bbox"][1] + a["bbox"][3]] for a in coco.anns.values() if not a["iscrowd"]]
elif kind == "labelme":  # the reader of the tool itself
    from pathlib import Path
    from labelme._label_file import read_label_file
    for file in sorted(Path(path).rglob("*.json")):
        for shape in read_label_file(str(file)).shapes:
            shape = shape if isinstance(shape, dict) else vars(shape)
            points = [[float(v) for v in point] for point in shape["points"]]
            if not (shape.get("flags") or {}).get("crowd"):
                found.append([shape["label"], *points[0], *points[1]])
elif kind == "labelstudio":  # the converter of the tool itself, from its JSON to COCO
    import tempfile
    from pathlib import Path
    from label_studio_sdk.converter import Converter
    config, tasks = next(Path(path).rglob("*.xml")), next(Path(path).rglob("*.json"))
    with tempfile.TemporaryDirectory() as out:
        converter = Converter(config.read_text(), project_dir=path, upload_dir=path, download_resources=False)
        converter.convert_to_coco(str(tasks), out, output_image_dir=out + "/images", is_dir=False)
        tree = json.loads((Path(out) / "result.json").read_text())
    names = {c["id"]: c["name"] for c in tree["categories"]}
    for a in tree["annotations"]:
        x, y, w, h = a["bbox"]
        found.append([names[a["category_id"]], x, y, x + w, y + h])
else:
    import datumaro as dm
    dataset = dm.Dataset.import_from(path, kind)
    names = [c.name for c in dataset.categories()[dm.AnnotationType.label]]
    for item in dataset:
        found += [[names[a.label], *a.points] for a in item.annotations if a.type == dm.AnnotationType.bbox]
print("\\n" + json.dumps(found))
"""
PEERS = {
    "coco": ("pycocotools", "coco"),
    "yolo": ("yolo",),
    "voc": ("voc",),
    "cvat": ("cvat",),
    "labelstudio": ("labelstudio",),
    "labelme": ("labelme",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--labelme", default=sys.executable, help="python that has labelme")
    options = parser.parse_args()
    reading = read_source(options.source)
    records = [seen.record for seen in look(reading, depth="header")]
    ours = sorted(
        (reading.class_names[c], *corners)
        for r in records
        for c, corners, crowd in zip(r.boxes.class_id, r.boxes.boxes_xyxy.tolist(), r.boxes.crowd, strict=True)
        if not crowd
    )
    for format, kinds in PEERS.items():
        out = options.folder / format
        shutil.rmtree(out, ignore_errors=True)
        assert run(["convert", str(options.source), str(out), "--to", format, "--link", "--json"]) == 0
        (out / "boxwright.json").unlink(missing_ok=True)
        if format == "cvat":  # Datumaro takes only images of the subset the file is named after
            xml = out / "annotations.xml"
            xml.write_text(re.sub(r' subset="\w+"', "", xml.read_text()))
        for kind in kinds:
            done = subprocess.run(
                [options.labelme if kind == "labelme" else options.peers, "-c", READ, kind, str(out)],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                print(
                    f"{format} by {kind}: {(done.stderr.strip().splitlines() or ['failed'])[-1][:200]}", file=sys.stderr
                )
                continue
            theirs = sorted(tuple(row) for row in json.loads(done.stdout.strip().splitlines()[-1]))
            same = [a[0] for a in ours] == [b[0] for b in theirs]
            worst = max(
                (abs(x - y) for a, b in zip(ours, theirs, strict=False) for x, y in zip(a[1:], b[1:], strict=True)),
                default=0,
            )
            print(
                f"{format} by {kind}: {len(theirs)} of {len(ours)} boxes, classes {'agree' if same else 'differ'}, at most {worst:.2g} px apart",
                file=sys.stderr,
            )


if __name__ == "__main__":
    main()
