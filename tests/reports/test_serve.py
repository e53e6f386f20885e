"""Reports about serving, each an assertion."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote_from_bytes

from boxwright.monitoring import features_of_events
from boxwright.serving import read_events
from tests.serving.in_process import asking
from tests.tiny_bundles import NAMES, jpeg, tiny_bundle


def test_a_camera_in_utf8_is_one_name_everywhere(report: Callable[[str], Path], tmp_path: Path) -> None:
    """Journal, thresholds by condition and monitor see the same name, sent as header or as query parameter."""
    requests = json.loads((report("header_camera_utf8") / "requests.json").read_text())
    assert len(requests) == 3
    strict = {
        request["right"]: {"carton": 0.95} for request in requests
    }  # only these cameras: the first box is not answered
    bundle = tiny_bundle(tmp_path / "bundle", condition_thresholds={"camera": strict})
    sent = []
    with asking(bundle, tmp_path / "journal") as client:
        assert [d["class_name"] for d in client.post("/v1/detect", content=jpeg()).json()["detections"]] == list(NAMES)
        for request in requests:
            data = bytes.fromhex(request["bytes_hex"])
            for path, headers in (
                ("/v1/detect", {request["header"]: data}),
                (f"/v1/detect?camera={quote_from_bytes(data)}", {}),
            ):
                answer = client.post(path, content=jpeg(), headers=headers)
                assert [d["class_name"] for d in answer.json()["detections"]] == ["pouch"], request["right"]
                sent.append(request["right"])
    events = read_events(tmp_path / "journal")
    assert events.events.column("camera").to_pylist() == ["", *sent]
    assert list(features_of_events(events, {}, near=0.1).slices) == ["", *sent]
