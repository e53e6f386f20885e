"""`serving on` is a promise: it stands on the terminal only once the socket is bound and the bundle has answered."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lifecycle.test_traffic import Line


def said(*words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "boxwright.cli.main", "serve", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("why", ["the port is taken", "a host for others without a token", "the bundle is damaged"])
def test_a_server_that_does_not_serve_does_not_say_so(tmp_path: Path, why: str) -> None:
    line = Line(tmp_path)
    words = ["--store", str(tmp_path / "store")]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        if why == "the port is taken":
            words += ["--port", str(taken.getsockname()[1])]
        elif why == "a host for others without a token":
            words += ["--host", "0.0.0.0"]
        else:
            (line.store.folder(line.bundle.digest, kind="bundle") / "model.onnx").write_bytes(b"no model")
        code, told = said(*words)
    assert code != 0
    assert "serving on" not in told
