"""A path to a reading: the format is recognised, or the reason why not is said."""

from __future__ import annotations

from pathlib import Path

from boxwright.errors import FormatError
from boxwright.ingestion.coco import load_json, read_coco
from boxwright.ingestion.reading import Reading
from boxwright.ingestion.voc import read_voc, voc_files
from boxwright.ingestion.yolo import PICTURE_ENDINGS, is_yolo, read_yolo


def read_source(path: Path, *, pictures: Path | None = None, difficult_is_ignored: bool = True) -> Reading:
    """What lies at a path, in whichever of our formats it is.

    Args:
        path: a COCO JSON file; or a folder with COCO JSON, YOLO or VOC files.
        pictures: folder COCO's file names are relative to; guessed when None.
        difficult_is_ignored: the spec's label policy for VOC.

    Raises:
        FormatError: nothing is there, or no format is recognised.
    """
    if not path.exists():
        raise FormatError(f"'{path}' does not exist; give a COCO JSON file, or a YOLO, VOC or COCO folder.")
    if path.is_file():
        if path.suffix.lower() != ".json":
            raise FormatError(f"'{path}' is a file but no COCO JSON; give the folder for YOLO and VOC.")
        return read_coco([path], pictures=pictures)
    if is_yolo(path):
        return read_yolo(path)
    if voc_files(path):
        return read_voc(path, difficult_is_ignored=difficult_is_ignored)
    coco = [p for p in sorted(path.rglob("*.json")) if _is_coco(p)]
    if coco:
        return read_coco(coco, pictures=pictures)
    raise FormatError(f"'{path}' is in no format we read: {_what_is_there(path)}")


def _is_coco(path: Path) -> bool:
    if b'"images"' not in path.read_bytes()[: 1 << 22]:
        return False
    tree = load_json(path)
    return isinstance(tree, dict) and isinstance(tree.get("images"), list) and "annotations" in tree


def _what_is_there(path: Path) -> str:
    files = [p for p in path.rglob("*") if p.is_file()]
    pictures = sum(p.suffix.lower() in PICTURE_ENDINGS for p in files)
    others = sorted({p.suffix.lower() for p in files if p.suffix.lower() not in PICTURE_ENDINGS})
    return (
        f"it holds {len(files)} files, {pictures} of them pictures, other endings: {', '.join(others) or 'none'}. "
        f"Expected data.yaml or classes.txt (YOLO), XML with <annotation> (VOC), or JSON with images and annotations (COCO)."
    )
