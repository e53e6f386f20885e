"""README's block 'Your own data', as printed, on real data: from the files to a reviewed correction, without a stop.

The commands are read out of README.md; only `path/to/data` is replaced. Training is cut to 20 steps, as the README says
below the block, so the first verdict is "fail" and nothing is promoted; a second `turn` asks for what an untrained bundle
can honestly meet (it is exported as it was trained, and answers in time), and the rest of the loop runs on that.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from boxwright.artifacts import Dataset, Report, ReviewQueue, Split, Verdict
from boxwright.cli.main import run
from boxwright.lifecycle import current_rollout
from boxwright.spec import load_spec
from boxwright.store import Store
from boxwright.training import load_recipe
from tests.lifecycle.servers import served

ROOT = Path(__file__).resolve().parents[2]
QUICK = ["--set", "training.steps=20"]
MEETABLE = ["--set", "acceptance.require=[latency_p95_ms <= 20000, ap50 >= 0]"]
BOX_XYWH = [10.0, 12.0, 40.0, 30.0]  # what the reviewer adds


def printed() -> list[list[str]]:
    """The words of each command of the README's block, without `boxwright`."""
    block = (ROOT / "README.md").read_text().partition("## Your own data")[2].split("```")[1]
    lines = [shlex.split(line, comments=True) for line in block.splitlines() if line.strip()]
    assert all(words[0] == "boxwright" for words in lines)
    return [words[1:] for words in lines]


@dataclass(frozen=True)
class Newcomer:
    """Somebody in an empty folder, with data elsewhere, who types what the README prints."""

    folder: Path
    data: Path
    read: Callable[[], str]

    @property
    def store(self) -> Store:
        return Store(self.folder / ".boxwright")

    @property
    def name(self) -> str:
        return load_spec(self.folder / "spec.yaml").name

    def printed(self, verb: str) -> list[str]:
        """The README's line with this verb, about this data."""
        line = next(words for words in printed() if words[: len(verb.split())] == verb.split())
        return [str(self.data) if word == "path/to/data" else word for word in line]

    def type(self, words: list[str], *, codes: tuple[int, ...] = (0,)) -> str:
        """What a command prints; its exit code must be one of these."""
        self.read()
        code = run(words)
        out = self.read()
        assert code in codes, f"boxwright {shlex.join(words)} ended with {code}:\n{out[-3000:]}"
        return out

    def json(self, words: list[str], *, codes: tuple[int, ...] = (0,)) -> Any:
        return json.loads(self.type([*words, "--json"], codes=codes).splitlines()[-1])


@pytest.fixture
def newcomer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Path], Newcomer]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BOXWRIGHT_STORE", raising=False)
    return lambda data: Newcomer(tmp_path, data, lambda: "".join(reversed(capsys.readouterr())))


def from_files_to_a_verdict(user: Newcomer) -> None:
    """The block up to `turn`, cut short; ends with a verdict that is "fail" and nothing promoted."""
    user.type(user.printed("init"))
    spec = load_spec(user.folder / "spec.yaml")
    load_recipe(user.folder / "recipe.yaml")
    seen = user.type(user.printed("check"), codes=(0, 1))
    usable = int(re.search(r"(\d+) annotations", seen.replace(",", ""))[1])  # type: ignore[index]
    user.type(user.printed("ingest"))
    stored = user.store.get("dataset/parts", Dataset)
    assert len(stored.annotations.class_id) == usable > 0
    user.type(user.printed("coverage"), codes=(0, 1))
    told = user.type([*user.printed("turn"), *QUICK], codes=(0, 1))
    verdict = user.store.get(f"verdict/{spec.name}", Verdict)
    assert verdict.verdict == "fail", told
    assert current_rollout(user.store) is None
    assert verdict.bundle in told
    assert {check.status for check in verdict.checks} <= {"met", "not met", "no evidence"}
    for page in ("report.html", "verdict.html"):
        assert (user.folder / "build" / page).stat().st_size > 1000
    parts = user.store.get("split/parts", Split)
    assert all(len(parts.ids(side)) for side in ("train", "val", "test"))
    assert user.store.get(f"report/{spec.name}", Report).support.images == len(parts.ids("test"))


def from_a_verdict_to_a_correction(user: Newcomer) -> None:
    """A second turn that passes, the rest of the block on three images, and the review's way back into the data."""
    refused = user.type(user.printed("serve"), codes=(1,))
    assert "turn" in refused and "promoted" in refused
    user.type([*user.printed("turn"), *QUICK, *MEETABLE])
    stored = user.store.get("dataset/parts", Dataset)
    images = stored.picture_digests[:3]
    with served(user.printed("serve")[1:], user.folder / "serve.log") as server:
        for digest in images:
            status, answer, _ = server.ask("POST", "/v1/detect", user.store.pictures.read(digest))
            assert (status, answer["image"]["sha256"]) == (200, digest)
        server.process.send_signal(signal.SIGINT)  # Ctrl-C
        assert server.process.wait(timeout=60) in (0, 130)
    assert "Traceback" not in (user.folder / "serve.log").read_text()
    told = user.type(user.printed("watch"), codes=(2,))
    assert "3 events" in told and "too few to compare" in told
    user.type(user.printed("review select"))
    queue = user.store.get(f"review/{user.name}", ReviewQueue)
    assert 0 < len(queue) <= 3 and set(queue.items.column("picture").to_pylist()) <= set(images)
    reviewed(user, stored)


def reviewed(user: Newcomer, before: Dataset) -> None:
    """Export, one image changed by a person, accept, correct: exactly that image changes in the next version."""
    queue = f"review/{user.name}"
    user.type(["review", "export", queue, "to-review"])
    path = user.folder / "to-review" / "annotations.json"
    untouched = user.type(["review", "accept", queue, str(path), "--reviewer", "ann"], codes=(2,))
    assert "nothing" in untouched
    document = json.loads(path.read_text())
    image = document["images"][0]
    document["annotations"].append(
        {"id": 10_000, "image_id": image["id"], "category_id": document["categories"][0]["id"], "bbox": BOX_XYWH,
         "area": BOX_XYWH[2] * BOX_XYWH[3], "iscrowd": 0}
    )  # fmt: skip
    path.write_text(json.dumps(document))
    taken = user.json(["review", "accept", queue, str(path), "--reviewer", "ann"])
    assert (taken["answered"], taken["open"]) == (1, len(document["images"]) - 1)
    wanted = sum(box["image_id"] == image["id"] for box in document["annotations"])
    user.type(["correct", "dataset/parts", "--replace-known"])  # the image was in the dataset, with boxes of its own
    after = user.store.get("dataset/parts", Dataset)
    assert (len(after), after.digest == before.digest) == (len(before), False)
    item = next(change for change in taken["changes"] if change["answered"])["item"]
    rows = user.store.get(queue, ReviewQueue).items.to_pylist()
    digest = next(row["picture"] for row in rows if row["item"] == item)
    for position, one in enumerate(after.picture_digests):
        then, now = (len(d.annotations[d.picture_digests.index(one)].class_id) for d in (before, after))
        assert now == (wanted if one == digest else then), after.file_names[position]


def cells(shared: Path, into: Path) -> Path:
    """A quarter of BCCD in its own layout, with the lists of its subsets: enough for the way, and done in time."""
    names = [path.stem for path in sorted((shared / "Annotations").glob("*.xml"))[::4]]
    for folder, suffix in (("Annotations", "xml"), ("JPEGImages", "jpg")):
        (into / folder).mkdir(parents=True)
        for name in names:
            shutil.copy(shared / folder / f"{name}.{suffix}", into / folder)
    (into / "ImageSets" / "Main").mkdir(parents=True)
    for path in (shared / "ImageSets" / "Main").glob("*.txt"):
        here = [name for name in path.read_text().split() if name in names]
        (into / "ImageSets" / "Main" / path.name).write_text("".join(f"{name}\n" for name in here))
    return into


def boards(shared: Path, into: Path) -> Path:
    """DeepPCB as the README's reader has it: converted by its example, images beside."""
    shutil.copytree(shared / "PCBData", into / "PCBData")
    subprocess.run([sys.executable, ROOT / "examples" / "boards" / "from_deeppcb.py", shared, into], check=True)
    return into


def test_the_block_is_there() -> None:
    assert [words[0] for words in printed()] == [
        "init", "check", "ingest", "coverage", "turn", "serve", "watch", "review"
    ]  # fmt: skip


def test_bccd(newcomer: Callable[[Path], Newcomer], shared: Callable[[str], Path], tmp_path: Path) -> None:
    user = newcomer(cells(shared("data/bccd"), tmp_path / "bccd"))
    from_files_to_a_verdict(user)
    from_a_verdict_to_a_correction(user)


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    ["apple_orchard/AppleBBCH76", "apple_orchard/AppleBBCH81", "nuclei_dsb2018/annotations/fixed.json", "aerial_cars"],
)
def test_other_data(newcomer: Callable[[Path], Newcomer], shared: Callable[[str], Path], data: str) -> None:
    user = newcomer(shared(f"data/{data}"))
    from_files_to_a_verdict(user)
    from_a_verdict_to_a_correction(user)


@pytest.mark.slow
def test_boards(newcomer: Callable[[Path], Newcomer], shared: Callable[[str], Path], tmp_path: Path) -> None:
    user = newcomer(boards(shared("data/deeppcb"), tmp_path / "boards"))
    from_files_to_a_verdict(user)
    from_a_verdict_to_a_correction(user)
