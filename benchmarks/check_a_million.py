"""One million annotations: how long `check` takes and how much memory, against json.load and pycocotools.

    python benchmarks/check_a_million.py build/million [--annotations N] [--peers build/peers_formats/bin/python]

Each measurement is a process of its own: CPU seconds and peak memory from resource.getrusage, the time to import included.
The file is COCO ground truth with areas and flags, 20 boxes a picture; `odd` has the same with attributes and a Chinese
category name.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

PER_PICTURE = 20
PROGRAMS = {
    "json.load": "import json, sys\njson.load(open(sys.argv[1], 'rb'))",
    "pycocotools": "import sys\nfrom pycocotools.coco import COCO\nCOCO(sys.argv[1])",
    "check --no-pictures": (
        "import sys\nfrom boxwright.cli.main import run\nassert run(['check', sys.argv[1], '--no-pictures', '--json']) == 0"
    ),
    "rows of the dataset": (
        "import sys\nfrom pathlib import Path\nfrom boxwright.ingestion import look, read_source\n"
        "from boxwright.ingestion.rows import Rows\nrows = Rows()\n"
        "[rows.add(seen.record) for seen in look(read_source(Path(sys.argv[1])), depth='nothing')]\n"
        "assert len(rows.table(None))"
    ),
}
MEASURE = (
    "\nimport json, resource\nu = resource.getrusage(resource.RUSAGE_SELF)\n"
    "print('\\n' + json.dumps([u.ru_utime + u.ru_stime, u.ru_maxrss / 1024]))"
)


def make(path: Path, annotations: int, *, odd: bool) -> None:
    """COCO ground truth with random boxes, written line by line."""
    rng = np.random.default_rng(0)
    pictures = annotations // PER_PICTURE
    names = ["bolt", "nut", "零件" if odd else "washer"]
    with path.open("w") as file:
        images = ",\n".join(
            json.dumps({"id": i, "file_name": f"{i:07d}.jpg", "width": 640, "height": 480}) for i in range(pictures)
        )
        categories = json.dumps([{"id": i + 1, "name": name} for i, name in enumerate(names)], ensure_ascii=False)
        file.write(f'{{"images": [{images}],\n"categories": {categories},\n"annotations": [')
        corner, size = rng.random((annotations, 2)) * [560, 400], rng.random((annotations, 2)) * 60 + 4
        for i, (x, y, w, h, kind) in enumerate(
            zip(
                *corner.round(2).T.tolist(),
                *size.round(2).T.tolist(),
                rng.integers(1, 4, annotations).tolist(),
                strict=True,
            )
        ):
            entry = {
                "id": i + 1, "image_id": i % pictures, "category_id": kind, "bbox": [x, y, w, h],
                "area": round(w * h, 3), "iscrowd": 0, **({"attributes": {"occluded": i % 7 == 0}} if odd else {}),
            }  # fmt: skip
            file.write((",\n" if i else "\n") + json.dumps(entry))
        file.write("]}\n")


def measured(python: str, program: str, path: Path) -> tuple[float, float] | None:
    """CPU seconds and peak MB of a program on a file."""
    done = subprocess.run([python, "-c", program + MEASURE, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-500:], file=sys.stderr)
        return None
    seconds, megabytes = json.loads(done.stdout.strip().splitlines()[-1])
    return seconds, megabytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--annotations", type=int, default=1_000_000)
    parser.add_argument("--peers", default=sys.executable, help="python that has pycocotools")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for kind in ("plain", "odd"):
        path = options.folder / f"{kind}_{options.annotations}.json"
        if not path.is_file():
            make(path, options.annotations, odd=kind == "odd")
        print(f"{kind}: {options.annotations} annotations, {path.stat().st_size / 1e6:.0f} MB")
        base = None
        for name, program in PROGRAMS.items():
            found = measured(options.peers if name == "pycocotools" else sys.executable, program, path)
            if found is None:
                continue
            base = base or found
            print(
                f"  {name:22s} {found[0]:6.2f} CPU s ({found[0] / base[0]:.2f}x)  {found[1]:6.0f} MB ({found[1] / base[1]:.2f}x)"
            )


if __name__ == "__main__":
    main()
