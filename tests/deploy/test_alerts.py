"""The alert rules and the dashboard ask for metrics that the server has, and each alert fires when it should and is silent otherwise."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.serving.in_process import asking
from tests.tiny_bundles import jpeg, tiny_bundle

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES, CASES = DEPLOY / "prometheus" / "alerts.yaml", DEPLOY / "prometheus" / "alerts_test.yaml"
DASHBOARD = DEPLOY / "grafana" / "boxwright.json"
_METRIC = re.compile(r"\b(?:boxwright|process|python)_[a-z0-9_]+")


@pytest.fixture(scope="session")
def promtool() -> Callable[..., subprocess.CompletedProcess[str]]:
    path = shutil.which("promtool")
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "no promtool on this machine (Debian: apt install prometheus)"
        )
    return lambda *words: subprocess.run([path, *words], capture_output=True, text=True, check=False, cwd=RULES.parent)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of all samples a server has after one answer."""
    root = tmp_path_factory.mktemp("exported")
    with asking(tiny_bundle(root / "bundle"), root / "journal") as client:
        assert client.post("/v1/detect", content=jpeg()).status_code == 200
        text = client.get("/metrics").text
    declared = re.findall(
        r"^# TYPE (\S+)", text, re.M
    )  # a counter without its labels yet is declared and has no sample
    return {*declared, *re.findall(r"^([a-z]\w*)[ {]", text, re.M)}


def alerts() -> dict[str, dict]:
    return {
        r["alert"]: r for group in yaml.safe_load(RULES.read_text())["groups"] for r in group["rules"] if "alert" in r
    }


def test_promtool_accepts_the_rules_and_every_case(promtool: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    for words in (("check", "rules", RULES.name), ("test", "rules", CASES.name)):
        done = promtool(*words)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_that_fires_and_one_that_is_silent() -> None:
    cases = {name: set() for name in alerts()}
    for test in yaml.safe_load(CASES.read_text())["tests"]:
        for case in test["alert_rule_test"]:
            cases[case["alertname"]].add(bool(case["exp_alerts"]))
    assert cases == {name: {True, False} for name in alerts()}


@pytest.mark.parametrize("file", [RULES, CASES, DASHBOARD], ids=lambda path: path.name)
def test_every_metric_asked_for_exists(file: Path, exported: set[str]) -> None:
    text = file.read_text()
    if file == DASHBOARD:
        panels = json.loads(text)["panels"]
        text = "\n".join(target["expr"] for panel in panels for target in panel.get("targets", ()))
    asked = set(_METRIC.findall(text))
    assert len(asked) > 10
    assert asked <= exported, asked - exported
