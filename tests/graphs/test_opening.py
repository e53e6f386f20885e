"""A model is opened in a child process first: what that child may do, and what becomes of a model that does not behave."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import boxwright
from boxwright.errors import ModelError
from boxwright.graphs import Expected, Limits, prove_model
from tests.crafted_models import CRAFTED, TRIGGER, model, triggered

EXPECTED = Expected(classes=2, input_hw=(48, 64), score_floor=0.05)
QUICK = Limits(seconds=20, memory_bytes=1 << 30)
BEHAVING_BADLY = (
    "constant-of-shape-terabytes", "unfolding-resize", "dropout-in-training", "score-seven", "box-nan", "nan-in-noisy-images",
    "negative-box", "scores-of-shape-classes", "boxes-of-type-text", "outputs-named-one", "inputs-of-two", "input-of-shape-huge",
    "external-data-relative", "two-formats-in-one",
)  # fmt: skip


def prove_all(trap: Path, names: list[str] | tuple[str, ...], limits: Limits) -> None:
    for name in names:
        with pytest.raises(ModelError) as refused:
            prove_model(CRAFTED[name].make(str(trap)), EXPECTED, limits=limits)
        assert refused.value.reason in CRAFTED[name].reasons, f"{name}: {refused.value.reason}: {refused.value}"
        assert str(refused.value).isprintable() and len(str(refused.value)) < 700


def test_a_sound_model_passes_and_is_tested_once(trap: Path) -> None:
    children = []
    sys.addaudithook(lambda event, _: children.append(event) if event == "subprocess.Popen" else None)
    data = model(scores=np.float32([[[0.7, 0], [0, 0.6]]])).SerializeToString()
    seconds = prove_model(data, EXPECTED, limits=QUICK)
    assert set(seconds) == {"check", "load", "run"}
    assert prove_model(data, EXPECTED, limits=QUICK) == seconds
    assert len(children) == 1
    prove_model(data, EXPECTED, images=[np.zeros((48, 64, 3), np.uint8)], limits=QUICK)
    assert len(children) == 2  # another image is another test


@pytest.mark.parametrize("name", BEHAVING_BADLY)
def test_a_model_that_misbehaves_is_refused(trap: Path, name: str) -> None:
    prove_all(trap, [name], QUICK)


@pytest.mark.parametrize("name", ["endless-loop", "endless-loop-of-constants"])
def test_an_endless_loop_ends_at_the_limit_and_no_process_stays(trap: Path, name: str) -> None:
    with pytest.raises(ModelError, match="had not answered the test images after 3 s") as refused:
        prove_model(CRAFTED[name].make(str(trap)), EXPECTED, limits=Limits(seconds=3))
    assert refused.value.reason == "time"
    assert not [child for child in _children().values() if "boxwright.graphs" in child]


@pytest.mark.slow
def test_every_crafted_model_is_refused(trap: Path) -> None:
    prove_all(trap, list(CRAFTED), Limits(seconds=5, memory_bytes=1 << 30))


def test_images_of_the_bundle_are_tested_too(trap: Path) -> None:
    data = triggered(scores=[[[7, 0], [0, 0]]])
    prove_model(data, EXPECTED, limits=QUICK)
    with pytest.raises(ModelError, match="found 7") as refused:
        prove_model(data, EXPECTED, images=[np.full((48, 64, 3), TRIGGER, np.uint8)], limits=QUICK)
    assert (refused.value.reason, refused.value.kind) == ("output", "score_range")


def test_the_child_reads_and_writes_no_file_and_gets_no_more_memory(trap: Path) -> None:
    """Whatever a model makes the runtime do there, the system refuses it."""
    code = """
from boxwright.graphs.confined import close_files, confine
confine(memory_bytes=1 << 28, seconds=5)
close_files()
def refused(do):
    try:
        do()
    except (OSError, MemoryError) as error:
        print(type(error).__name__)
    else:
        print("done")
refused(lambda: open("canary.bin"))
refused(lambda: open("/etc/passwd"))
refused(lambda: open("written", "w"))
refused(lambda: bytearray(1 << 29))
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(boxwright.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["OSError", "OSError", "OSError", "MemoryError"]
    assert not (trap / "written").exists()


def test_a_child_that_dies_is_a_sentence(trap: Path) -> None:
    """The limit is below what the child needs to begin with."""
    with pytest.raises(ModelError) as refused:
        prove_model(model().SerializeToString(), EXPECTED, limits=Limits(memory_bytes=1 << 20))
    assert refused.value.reason in ("memory", "crash", "runtime")


def test_the_child_dies_with_its_parent(trap: Path) -> None:
    """A server that is killed while it tests an endless model leaves nothing behind that keeps computing."""
    (trap / "endless.onnx").write_bytes(CRAFTED["endless-loop"].make(str(trap)))
    code = """
from pathlib import Path
from boxwright.graphs import Expected, prove_model
print("ready", flush=True)
prove_model(Path("endless.onnx").read_bytes(), Expected(2, (48, 64), 0.05))
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(boxwright.__file__).parents[1])}
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
    while not (found := _children(parent.pid)):
        assert parent.poll() is None
        time.sleep(0.05)
    child = next(iter(found))
    while "Max file size             0 " not in (Path("/proc") / child / "limits").read_text():
        time.sleep(0.05)  # until it has limited itself
    parent.kill()
    parent.wait()
    while (Path("/proc") / child).exists() and "Z (zombie)" not in (Path("/proc") / child / "status").read_text():
        time.sleep(0.05)


def test_a_module_in_the_working_folder_is_not_imported_by_the_child(trap: Path) -> None:
    for name in ("numpy", "json", "sitecustomize"):
        (trap / f"{name}.py").write_text("open('imported', 'w')\nraise SystemExit(3)\n")
    prove_model(model(scores=np.float32([[[0.2, 0], [0, 0.3]]])).SerializeToString(), EXPECTED, limits=QUICK)
    assert not (trap / "imported").exists()


def _children(of: int | None = None) -> dict[str, str]:
    """Process number and command line of the children of a process, of this one where none is named."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == (of or os.getpid()):
                found[folder.name] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, IndexError, ValueError):
            continue
    return found
