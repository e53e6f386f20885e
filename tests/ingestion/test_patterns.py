"""Files written to keep a reader busy: line ends, numbered names, keys and fill bytes without an end."""

from __future__ import annotations

from pathlib import Path

import pytest

from boxwright.ingestion.formats.labelstudio_config import Config, images_of
from tests.bounded import run_bounded

BUSY = {
    "a YAML file of line ends": """
from boxwright.ingestion.formats.yolo_config import find_config
path = folder / "x.yaml"
path.write_bytes(b"\\n" * 900_000 + b"x")
find_config(folder, [path])
""",
    "a name of Label Studio with many counters": """
from boxwright.ingestion.formats.labelstudio_config import Config, images_of
name = "{{a}}" * 30
images_of({}, Config(images={name: "$x"}), frozenset({"1" * 200 + "x"}))
""",
    "a JSON object with many keys, the last given twice": """
from boxwright.json_text import parse_strict
pairs = [*(f"k{n}" for n in range(300_000)), "last", "last"]
try:
    parse_strict(("{" + ",".join(f'"{key}":0' for key in pairs) + "}").encode())
except ValueError as error:
    assert "'last' is given twice" in str(error)
""",
    "a JPEG of fill bytes": """
from boxwright.images.counted import jpeg_segments
assert list(jpeg_segments(b"\\xff\\xd8" + b"\\xff" * 2_000_000 + b"\\0")) == []
""",
}


@pytest.mark.parametrize("code", BUSY.values(), ids=BUSY)
def test_a_file_written_to_keep_us_busy_takes_no_time(tmp_path: Path, code: str) -> None:
    run_bounded(f"from pathlib import Path\nfolder = Path({str(tmp_path)!r})\n{code}")


def test_a_name_with_a_counter_is_still_found() -> None:
    config = Config(images={"page_{{idx}}": "$pages[{{idx}}]", "other": "$other"})
    found = images_of({"pages": ["a.jpg", "b.jpg"], "other": "c.jpg"}, config, frozenset({"page_0", "page_12"}))
    assert [image.tag for image in found] == ["page_0", "page_1"]
