"""The house keeps its own rules: verbs are documented, README commands are real, a server's install holds no torch."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from boxwright.cli.main import command_line, run

ROOT = Path(__file__).resolve().parents[2]
GROUP = typer.main.get_command(command_line())


def verbs() -> list[str]:
    return list(GROUP.commands)  # type: ignore[attr-defined]


def test_every_verb_of_the_picture_exists_or_is_absent() -> None:
    picture = [
        "init",
        "ingest",
        "check",
        "convert",
        "split",
        "coverage",
        "audit",
        "labels",
        "agree",
        "diff",
        "train",
        "export",
        "choose",
        "predict",
        "evaluate",
        "compare",
        "gate",
        "card",
        "promote",
        "rollback",
        "serve",
        "watch",
        "review",
        "correct",
        "turn",
        "show",
        "lineage",
        "store",
        "doctor",
        "demo",
    ]
    assert set(verbs()) <= set(picture)
    assert set(picture) == set(verbs())


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_has_help_and_a_page(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    assert len(capsys.readouterr().out) > 100
    assert re.search(rf"^## `?boxwright {verb}`?\s*$", (ROOT / "docs" / "cli.md").read_text(), re.M)


def test_every_option_is_in_the_synopsis_of_its_verb() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()

    def walk(command: typer.core.TyperCommand, path: str) -> None:
        for name, part in {**getattr(command, "commands", {}), **getattr(command, "parts", {})}.items():
            walk(part, f"{path} {name}")
        if hasattr(command, "commands"):
            return
        synopsis = re.search(rf"^##+ {path}\n(?:\n|[^ #\n].*\n)*((?:    .*\n)+)", page, re.M)
        assert synopsis, f"docs/cli.md has no synopsis of `{path}`"
        shown = set(re.findall(r"--[a-z-]+", synopsis[1]))
        for parameter in command.params:
            options = {option for option in (*parameter.opts, *parameter.secondary_opts) if option.startswith("--")}
            assert not options or options & shown, f"{path}: {', '.join(options)} is not in its synopsis"

    walk(GROUP, "boxwright")


def test_every_command_in_the_docs_names_real_verbs_and_options() -> None:
    """Each `boxwright ...` line of README and docs parses: the verb, its options, the number of arguments."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.sh"))]
    seen = 0
    for page in pages:
        text = page.read_text().replace("\\\n", " ")
        for line in re.findall(r"^\s*(?:\$ )?(boxwright .*)$", text, re.M):
            words = shlex.split(line.split("||")[0].split(" > ")[0].split(" | ")[0], comments=True)[1:]
            if not words or words[0].startswith("-"):
                continue
            assert words[0] in verbs(), f"{page.name}: {line}"
            command = GROUP.commands[words[0]]  # type: ignore[attr-defined]
            if hasattr(command, "commands") and len(words) > 1 and not words[1].startswith("-"):
                assert words[1] in command.commands, f"{page.name}: {line}"
                command, words = command.commands[words[1]], words[1:]
            if len(words) > 1 and words[1] in getattr(
                command, "parts", {}
            ):  # a verb with a part beside what it does itself
                command, words = command.parts[words[1]], words[1:]
            known = {
                option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
            } | {"--help"}
            used = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
            assert used <= known, f"{page.name}: {line}: unknown {used - known}"
            seen += 1
    assert seen > 20


def test_make_targets_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"make ([a-z]+)", (ROOT / "README.md").read_text())) <= targets


def test_a_server_imports_no_torch_and_no_lance() -> None:
    """What `pip install .[serve]` brings must do: torch, onnx, lance, jinja's pages and the training room are blocked."""
    code = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {'torch', 'onnx', 'onnxscript', 'safetensors', 'scipy', 'lance'}:
            raise ImportError(name + ' is not part of a server')

sys.meta_path.insert(0, Blocked())
import boxwright.cli.main, boxwright.serving.app, boxwright.serving.run, boxwright.inference, boxwright.lifecycle
from boxwright.cli.main import run
assert run(['--version']) == 0
assert not [m for m in sys.modules if m.split('.')[0] in ('torch', 'lance', 'onnx')]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_room_is_called_utils_and_no_file_is_endless() -> None:
    banned = {"utils", "core", "base", "common", "manager", "helper", "helpers", "handler", "data", "info"}
    for path in (ROOT / "src").rglob("*.py"):
        assert path.stem not in banned, path
        assert len(path.read_text().splitlines()) <= 420, path


def test_the_tests_named_beside_promises_exist() -> None:
    """docs/serving.md: each promise and the test that fails if it is broken."""
    named, file = [], ""
    for of, name in re.findall(r"`([\w/]*(?:\.py)?)::(test_\w+)`", (ROOT / "docs" / "serving.md").read_text()):
        file = of or file
        named.append((file, name))
    assert len(named) > 60
    for file, name in named:
        assert f"\ndef {name}(" in (ROOT / "tests" / file).read_text(), f"{file}::{name}"


def test_versions_agree() -> None:
    from boxwright import __version__

    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()


def test_no_machine_path_is_in_the_tree() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )
    if not any(listed):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("not a git checkout")
    for name in listed:
        path = ROOT / name
        if path.suffix in (".py", ".md", ".toml", ".yaml", ".sh", ".html") and path.is_file():
            found = re.search(r"(?<![\w.])/(work|root|opt)/\w+", path.read_text())
            assert found is None, f"{name}: {found and found[0]}"


def test_bad_words_end_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["nonsense"], ["gate"], ["check", "--nope"], ["predict", "x", "y", "--threads", "0"]):
        assert run(arguments) == 2
        assert capsys.readouterr().err.startswith("boxwright: ")


def test_exit_codes_reach_the_shell(tmp_path: Path) -> None:
    environment = {**os.environ, "BOXWRIGHT_STORE": str(tmp_path / "store")}
    for arguments, code in ((["--version"], 0), (["rollback", "--store", str(tmp_path)], 1), (["show"], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "boxwright.cli.main", *arguments],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
