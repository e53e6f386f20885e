"""COCO files of a reading: one per side, with ids, flags, attributes, conditions and exact boxes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from boxwright.ingestion.reading import NO_ID, PictureRecord, Reading
from boxwright.spec import sheet_of

_FILE = {"": "annotations.json"}


def write_coco(reading: Reading, out: Path, paths: list[str]) -> None:
    """`annotations/instances_SIDE.json` for each side; `annotations.json` when there are no sides.

    Keys beyond COCO's: `conditions` and `labelled` of an image (false: nobody has looked; true, in a file without a box: somebody
    has); `ignore`, `attributes` and, where left + width misses the right edge by the last bit, `xyxy` of an annotation. Ids that
    are missing are given after the highest.

    Args:
        reading: with sizes; pictures without an id are numbered after the highest.
        out: folder.
        paths: of the pictures under `out/images`, by position.
    """
    sides = sorted({record.side for record in reading.pictures})
    image_id = _next_ids(np.array([NO_ID if r.image_id is None else r.image_id for r in reading.pictures], np.int64))
    counts = [len(record.boxes) for record in reading.pictures]
    given = np.concatenate([np.zeros(0, np.int64), *(record.boxes.annotation_id for record in reading.pictures)])
    ids = np.split(_next_ids(given), np.cumsum(counts)[:-1]) if counts else []
    categories = reading.category_ids or list(range(1, len(reading.class_names) + 1))
    for side in sides:
        rows = [i for i, record in enumerate(reading.pictures) if record.side == side]
        nothing = not sum(counts[i] for i in rows)  # then labelled images say so, or they would look forgotten
        path = out / "annotations" / f"instances_{side}.json" if side else out / _FILE[""]
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            file.write("{" + _about(reading) + '"images": [')
            for number, i in enumerate(rows):
                file.write(
                    (",\n" if number else "\n") + _image(reading.pictures[i], int(image_id[i]), paths[i], say=nothing)
                )
            names = [{"id": c, "name": n} for c, n in zip(categories, reading.class_names, strict=True)]
            file.write(f'],\n"categories": {json.dumps(names, ensure_ascii=False)},\n"annotations": [')
            begun = False
            for i in rows:
                for text in _annotations(reading.pictures[i], int(image_id[i]), ids[i], categories):
                    file.write((",\n" if begun else "\n") + text)
                    begun = True
            file.write("]}\n")


def _about(reading: Reading) -> str:
    """COCO's `info` and `licenses`, from the data sheet; nothing where there is none."""
    sheet = sheet_of({} if reading.sheet is None else {"sheet": reading.sheet})
    about = sheet.as_coco if sheet else {}
    return "".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)},\n" for key, value in about.items())


def _next_ids(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """The ids, with the missing ones given after the highest; all anew when one is used twice."""
    known = ids[ids != NO_ID]
    if len(np.unique(known)) < len(known):
        return np.arange(1, len(ids) + 1)
    filled = ids.copy()
    missing = ids == NO_ID
    filled[missing] = max(int(known.max(initial=0)), 0) + 1 + np.arange(int(missing.sum()))
    return filled


def _image(record: PictureRecord, image_id: int, path: str, *, say: bool) -> str:
    """One image; `labelled` is written where it is false, and with `say` always."""
    entry: dict[str, object] = {"id": image_id, "file_name": path}
    if record.size_hw is not None:
        entry |= {"width": int(record.size_hw[1]), "height": int(record.size_hw[0])}
    if record.conditions:
        entry["conditions"] = record.conditions
    if say or not record.labelled:
        entry["labelled"] = record.labelled
    return json.dumps(entry, ensure_ascii=False)


def _annotations(record: PictureRecord, image_id: int, ids: NDArray, categories: list[int]) -> list[str]:
    boxes = record.boxes
    xywh = exact_xywh(boxes.boxes_xyxy)
    area = np.where(np.isnan(boxes.area), xywh[:, 2] * xywh[:, 3], boxes.area)
    found, corners = [], boxes.boxes_xyxy.tolist()
    for k, (number, class_id, box, one_area, crowd, ignore) in enumerate(
        zip(ids.tolist(), boxes.class_id.tolist(), xywh.tolist(), area.tolist(), boxes.crowd.tolist(), boxes.ignore.tolist(), strict=True)
    ):  # fmt: skip
        entry = {
            "id": number, "image_id": image_id, "category_id": categories[class_id], "bbox": box, "area": one_area,
            "iscrowd": int(crowd),
        }  # fmt: skip
        if ignore and not crowd:
            entry["ignore"] = 1
        if box[0] + box[2] != corners[k][2] or box[1] + box[3] != corners[k][3]:
            entry["xyxy"] = corners[k]
        if attributes := boxes.attributes_of(k):
            entry["attributes"] = attributes
        found.append(json.dumps(entry, ensure_ascii=False))
    return found


def exact_xywh(boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 4) left, top, width, height such that left + width is exactly right again, where float64 has such a width.

    Of the widths that do, the one with the fewest decimals is taken: what came as 200.61 goes out as 200.61.
    """
    start, end = boxes_xyxy[:, :2], boxes_xyxy[:, 2:]
    size = end - start
    best = np.full_like(size, np.nan)
    for decimals in range(16):
        if not (left := np.isnan(best)).any():
            break
        rounded = np.round(size, decimals)
        best = np.where(left & (start + rounded == end) & (rounded > 0), rounded, best)
    for nudged in (size, np.nextafter(size, np.inf), np.nextafter(size, -np.inf)):
        best = np.where(np.isnan(best) & (start + nudged == end), nudged, best)
    return np.concatenate([start, np.where(np.isnan(best), size, best)], axis=1)
