"""What is fuzzed: for each target its seeds, how they are mutated, and how one input is read.

A target reads what comes from outside through the door that production uses. Whatever is wrong with an input must end as one of the
errors of `boxwright.errors`; everything else is a finding.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.reliability.mutate import Mutator, of_bytes, of_json

CASES = Path(os.environ.get("BOXWRIGHT_SHARED") or Path(__file__).resolve().parents[3] / "shared") / "cases"
SIZE = 64, 48
COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48, "camera": "c"}, {"id": 2, "file_name": "b.png", "width": 64, "height": 48}],
    "categories": [{"id": 1, "name": "carton"}, {"id": 7, "name": "pouch"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 20], "area": 600, "iscrowd": 0, "segmentation": [[1, 2, 31, 2, 31, 22]]},
        {"id": 2, "image_id": 2, "category_id": 7, "bbox": [5.5, 2, 3, 2], "area": 6, "iscrowd": 1, "segmentation": {"counts": [1, 2], "size": [48, 64]}},
    ],
}  # fmt: skip
RESULTS = [
    {"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 20], "score": 0.9},
    {"image_id": 2, "category_id": 7, "bbox": [5, 2, 3, 2], "score": 0.5},
]
SPEC = b"""name: line
classes: [{name: carton, includes: [closed], least_size_px: 8}, {name: pouch}]
conditions: [{name: camera, bins: [a, b]}, {name: box_size, source: measured, bins: [0, 32, 100000]}]
metadata: [{name: clip, pattern: '(\\d+)'}]
split: {group_by: [camera], train: 0.6, val: 0.2, test: 0.2, time: clip, time_gap: 10min}
constraints: {input_hw: [192, 256], latency_p95_ms: 20}
coverage: [{where: {camera: a}, least_objects: 5}]
sets: [{name: hard, kind: challenge, where: {camera: b}}]
acceptance: {require: ['ap50 >= 0.5', 'recall[carton, camera=a] >= 0.9', 'ap50 >= baseline - 0.01']}
monitoring: {window: 40, least_effect: 0.4}
review: {budget: 12, due: {P0: 1h, P1: 8h, P2: 3d, P3: 14d}}
"""
RECIPE = b"model: {input_hw: [192, 256], width: 0.5, strides: [8, 16]}\ntraining: {steps: 100, batch: 8, crop: 160}\naugment: {mosaic: 0.0, scale: [0.6, 0.8]}\nseed: 3\n"


@dataclass(frozen=True)
class Target:
    """One reader of input from outside."""

    seeds: list[bytes]
    mutate: Mutator
    read: Callable[[bytes], object]


def _cases(*patterns: str, most: int = 60_000) -> list[bytes]:
    found = sorted(path for pattern in patterns for path in CASES.glob(pattern) if path.is_file())
    return [path.read_bytes() for path in found if path.stat().st_size <= most]


def _checked(path: Path, file: Path) -> Callable[[bytes], object]:
    from boxwright.ingestion import check

    def read(data: bytes) -> object:
        file.write_bytes(data)
        return check(path, without_pictures=True)

    return read


def coco(folder: Path) -> Target:
    """COCO ground truth."""
    file = folder / "annotations.json"
    return Target(
        [json.dumps(COCO).encode(), *_cases("formats/coco*/**/*.json", "broken/coco*/*.json")],
        of_json,
        _checked(file, file),
    )


def yolo(folder: Path) -> Target:
    """A YOLO folder: one seed in two is data.yaml, the others are labels."""
    from boxwright.ingestion import check
    from tests.worlds import encoded, picture

    for part in ("images", "labels"):
        (folder / part).mkdir()
    (folder / "images" / "a.png").write_bytes(encoded(picture(48, 64)))
    config, label = folder / "data.yaml", folder / "labels" / "a.txt"
    seeds = [
        b"path: .\ntrain: images\nval: images\nnc: 2\nnames: [carton, pouch]\n",
        b"names: {0: carton, 1: pouch}\ntrain: [images]\nkpt_shape: [3, 2]\n",
    ]
    labels = [
        b"0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.1 0.1\n",
        *_cases("formats/yolo*/**/*.txt", "broken/yolo*/**/*.txt", most=4_000),
    ]

    def read(data: bytes) -> object:
        is_config = b"names" in data or b"train" in data or b":" in data
        config.write_bytes(data if is_config else seeds[0])
        label.write_bytes(labels[0] if is_config else data)
        return check(folder, without_pictures=True)

    return Target([*seeds, *labels], of_bytes, read)


def voc(folder: Path) -> Target:
    """Pascal VOC XML."""
    (folder / "Annotations").mkdir()
    return Target(
        _cases("formats/*voc*/**/*.xml", "broken/voc*/**/*.xml"),
        of_bytes,
        _checked(folder, folder / "Annotations" / "a.xml"),
    )


def cvat(folder: Path) -> Target:
    """CVAT's XML."""
    file = folder / "annotations.xml"
    return Target(_cases("formats/cvat*/**/*.xml", "broken/cvat*/**/*.xml"), of_bytes, _checked(file, file))


def spec(folder: Path) -> Target:
    """spec.yaml."""
    import yaml

    from boxwright.spec import Spec, parse_document

    as_json = json.dumps(yaml.safe_load(SPEC)).encode()
    mutate: Mutator = lambda data, seeds, rng: (of_json if data[:1] == b"{" else of_bytes)(data, seeds, rng)  # noqa: E731
    return Target([SPEC, as_json], mutate, lambda data: parse_document(data, Spec, name="spec.yaml"))


def recipe(folder: Path) -> Target:
    """recipe.yaml."""
    import yaml

    from boxwright.spec import parse_document
    from boxwright.training.recipe import Recipe

    as_json = json.dumps(yaml.safe_load(RECIPE)).encode()
    mutate: Mutator = lambda data, seeds, rng: (of_json if data[:1] == b"{" else of_bytes)(data, seeds, rng)  # noqa: E731
    return Target([RECIPE, as_json], mutate, lambda data: parse_document(data, Recipe, name="recipe.yaml"))


def journal(folder: Path) -> Target:
    """A segment of the journal, with frames cut and turned, and records that are whole and wrong."""
    from boxwright.serving import Journal, read_stretch
    from tests.serving.test_stretch import NEW, OLD, record

    made = folder / "made"
    writer = Journal(made)
    for k in range(6):
        writer.append(record("old", OLD, ["pouch", "carton"], at=k) if k % 2 else record("new", NEW, ["can"], at=k))
    writer.close()
    name = next(made.glob("*.journal"))
    records = [json.dumps(record("old", OLD, ["pouch", "carton"], at=k)).encode() for k in range(2)]
    place = folder / "read"
    place.mkdir()

    def read(data: bytes) -> object:
        if data[:1] in b"{[":  # a record: framed as the server frames it
            other = folder / "framed"
            for old in other.glob("*.journal"):
                old.unlink()
            writer = Journal(other)
            try:
                writer.append(json.loads(data))
            except (ValueError, RecursionError):
                return None
            finally:
                writer.close()
            return read_stretch(other).events()
        (place / name.name).write_bytes(data)
        stretch = read_stretch(place)
        return stretch.answering(), stretch.events()

    mutate: Mutator = lambda data, seeds, rng: (of_json if data[:1] == b"{" else of_bytes)(data, seeds, rng)  # noqa: E731
    return Target([name.read_bytes(), *records], mutate, read)


def request(folder: Path) -> Target:
    """A request of the HTTP server: first line, headers and body, through the app in this process."""
    from boxwright.errors import BoxwrightError
    from tests.serving.in_process import asking
    from tests.tiny_bundles import jpeg, tiny_bundle

    opened = asking(tiny_bundle(folder / "bundle"), folder / "journal")
    client = opened.__enter__()
    app, kept_open = client.app, [opened]
    body = jpeg()
    head = b"POST /v1/detect?camera=a&min_score=0.5\nhost: 127.0.0.1\ncontent-type: image/jpeg\nx-file-name: a.jpg\n\n"
    seeds = [
        head + body,
        b"GET /v1/model\nhost: 127.0.0.1\n\n",
        b"GET /health/ready?x=1\nhost: a\n\n",
        b"GET /metrics\n\n",
        head,
    ]

    async def ask(scope: dict[str, Any], body: bytes) -> int:
        told: list[int] = []
        parts = [body[: len(body) // 2], body[len(body) // 2 :]]

        async def receive() -> dict[str, Any]:
            if not parts:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                told.append(message["status"])

        await app(scope, receive, send)
        return told[0] if told else 0

    def read(data: bytes) -> object:
        top, _, sent = data.partition(b"\n\n")
        first, *lines = top.split(b"\n")
        words = first.split(b" ", 1)
        path, _, query = (words[1] if len(words) > 1 else b"/").partition(b"?")
        headers = [tuple(line.split(b": ", 1)) for line in lines if b": " in line]
        scope = {
            "type": "http", "http_version": "1.1", "method": words[0].decode("latin-1")[:20], "path": path.decode("utf-8", "replace"),
            "raw_path": path, "query_string": query, "headers": [(k.lower(), v) for k, v in headers], "scheme": "http", "root_path": "",
            "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 80), "state": {}, "asgi": {"version": "3.0"},
        }  # fmt: skip
        assert kept_open and client.portal is not None
        code = client.portal.call(ask, scope, sent)
        if not 200 <= code < 500 and code != 503:
            raise AssertionError(f"the server answered {code}")
        if code >= 400:
            raise BoxwrightError(f"refused with {code}")
        return code

    return Target(seeds, of_bytes, read)


def image(folder: Path) -> Target:
    """An encoded image, as the server reads it."""
    from benchmarks.reliability.curated_images import curated
    from boxwright.images import read_picture

    seeds = [data for _, data in curated() if 0 < len(data) < 20_000][::5] + _cases("images/**/*", most=20_000)
    return Target(seeds, of_bytes, lambda data: read_picture(data, one_frame=True))


def predictions(folder: Path) -> Target:
    """Predictions in COCO's result format, against ground truth."""
    from boxwright.ingestion import read_predictions, read_truth

    (folder / "truth.json").write_text(json.dumps(COCO))
    truth, file = read_truth(folder / "truth.json"), folder / "results.json"

    def read(data: bytes) -> object:
        file.write_bytes(data)
        return read_predictions(file, truth)

    return Target([json.dumps(RESULTS).encode(), json.dumps({**COCO, "annotations": RESULTS}).encode()], of_json, read)


def artifact(folder: Path) -> Target:
    """The folder of an artifact: a manifest, document or table changed."""
    from boxwright.artifacts import KINDS
    from tests.worlds import one_of_each_kind

    files: list[tuple[str, Path]] = []
    for kind, one in one_of_each_kind(folder / "kinds").items():
        place = folder / "saved" / kind
        place.mkdir(parents=True)
        one.save(place)
        files += [(kind, path) for path in sorted(place.rglob("*")) if path.is_file()]
    seeds = [bytes([number]) + path.read_bytes() for number, (_, path) in enumerate(files)]

    def read(data: bytes) -> object:
        kind, path = files[data[0] % len(files)] if data else files[0]
        whole = path.read_bytes()
        try:
            path.write_bytes(data[1:])
            return KINDS[kind].load(folder / "saved" / kind)
        finally:
            path.write_bytes(whole)

    def mutate(data: bytes, seeds: Any, rng: random.Random) -> bytes:
        change = of_json if data[1:2] in (b"{", b"[") else of_bytes
        return data[:1] + change(data[1:], [s[1:] for s in rng.sample(seeds, 3)], rng)

    return Target(seeds, mutate, read)


def answers(folder: Path) -> Target:
    """A reviewer's answers: COCO, Label Studio's export or CVAT's XML."""
    from boxwright.lifecycle import read_answer_file
    from boxwright.store import Store, digest_of_bytes
    from tests.worlds import encoded, picture, queue, queue_item

    store = Store(folder / "store")
    images = [encoded(picture(48, 64, seed=k)) for k in range(2)]
    kept = folder / "journal" / "pictures"
    kept.mkdir(parents=True)
    for data in images:
        (kept / digest_of_bytes(data)).write_bytes(data)
    rows = queue(
        [queue_item(f"e{k}", picture=digest_of_bytes(data), file_name=f"{k}.png") for k, data in enumerate(images)]
    )
    as_coco = {
        **COCO,
        "images": [
            {**one, "file_name": f"e{k}.png", "reviewer": "ann", "answered_at": 1.7e9}
            for k, one in enumerate(COCO["images"])
        ],
    }
    region = {"type": "rectanglelabels", "from_name": "label", "to_name": "image", "original_width": 64, "original_height": 48,
              "value": {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0, "rectanglelabels": ["carton"]}}  # fmt: skip
    task = [
        {
            "id": 1,
            "data": {"image": "e0.png", "item": "e0"},
            "meta": {"item": "e0"},
            "annotations": [{"id": 3, "result": [region], "completed_by": 1}],
        }
    ]
    xml = b"""<annotations><version>1.1</version><image id="0" name="e0.png" width="64" height="48"><box label="carton" xtl="1" ytl="2" xbr="9"
 ybr="8" occluded="0"/><tag label="reviewed"/></image></annotations>"""

    def read(data: bytes) -> object:
        file = folder / ("answers.xml" if data[:1] == b"<" else "answers.json")
        file.write_bytes(data)
        return read_answer_file(store, rows, folder / "journal", file)

    return Target([json.dumps(as_coco).encode(), json.dumps(task).encode(), xml], of_json, read)


TARGETS: dict[str, Callable[[Path], Target]] = {
    one.__name__: one
    for one in (coco, yolo, voc, cvat, spec, recipe, journal, request, image, predictions, artifact, answers)
}
