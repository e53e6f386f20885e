"""A conditions file for BCCD: pictures in blocks of 12 consecutive numbers, because slides are not recorded.

python examples/cells/blocks.py BCCD OUT.csv
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

BLOCK = 12


def main() -> None:
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", "block"])
        for path in sorted((folder / "JPEGImages").glob("*.jpg")):
            number = int(path.stem.split("_")[-1])
            writer.writerow([path.name, f"block-{number // BLOCK:02d}"])


if __name__ == "__main__":
    main()
