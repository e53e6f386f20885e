"""A data sheet is strict, travels with every version, leaves digests of datasets without one alone, and warns when time is up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml

from boxwright.artifacts import Dataset
from boxwright.cli.main import run
from boxwright.errors import SpecError, StoreError
from boxwright.labels import correct
from boxwright.spec import DataSheet, read_sheet, sheet_of
from boxwright.store import Store
from tests.worlds import corrections, dataset, digest_of, encoded, picture, row

SHEET = """
purpose: a test
sources:
  - name: line 3
    origin: https://example.org/boards
    licence: CC-BY-4.0
    consent: no people are pictured
    retention_until: 2024-12-31
    contact: data@example.org
    collected_from: 2023-03-01
    collected_to: 2023-05-31
  - {name: made}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "datasheet.yaml"
    path.write_text(text)
    return path


def test_a_sheet_is_read_and_given_back(tmp_path: Path) -> None:
    sheet = read_sheet(written(tmp_path, SHEET))
    assert sheet.sources[0].retention_until == date(2024, 12, 31)
    assert DataSheet.model_validate(sheet.as_document) == sheet
    assert sheet.as_document["sources"][1] == {"name": "made"}
    again = written(tmp_path, yaml.safe_dump(sheet.as_document))
    assert read_sheet(again) == sheet


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("licence:", "license:"), r"unknown key 'sources\[0\].license'; did you mean 'licence'"),
        (("retention_until: 2024-12-31", "retention_until: soon"), r"sources\[0\].retention_until"),
        (
            ("retention_until: 2024-12-31", "retention_until: 2022-12-31"),
            r"sources\[0\].*before the data was collected",
        ),
        (("collected_to: 2023-05-31", "collected_to: 2022-05-31"), r"sources\[0\].*before collected_from"),
        (("name: made", "name: line 3"), "listed twice"),
        (("name: made", "name: ''"), r"sources\[1\].name"),
        (("purpose: a test", "purposes: a test"), "did you mean 'purpose'"),
    ],
)
def test_complaints_name_the_key(tmp_path: Path, change: tuple[str, str], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        read_sheet(written(tmp_path, SHEET.replace(*change)))


def test_retention_ends_after_its_last_day(tmp_path: Path) -> None:
    sheet = read_sheet(written(tmp_path, SHEET))
    assert sheet.expired(date(2024, 12, 31)) == ()
    assert [s.name for s in sheet.expired(date(2025, 1, 1))] == ["line 3"]
    assert "data@example.org" in sheet.warnings(date(2025, 1, 1))[0]


def test_versions_made_by_correcting_keep_the_sheet_and_others_their_digest(tmp_path: Path) -> None:
    plain = dataset([row(1, [(1, 2, 30, 40)])])
    sheet = read_sheet(written(tmp_path, SHEET))
    told = replace(plain, provenance={**plain.provenance, "sheet": sheet.as_document})
    assert told.digest != plain.digest and sheet_of(plain.provenance) is None
    after = correct(told, corrections({digest_of("picture 1"): ([(1, 2, 30, 41)], [0])}))
    assert sheet_of(after.provenance) == sheet
    with pytest.raises(StoreError, match="data sheet"):
        sheet_of({"sheet": {"sources": []}})


def test_from_ingest_to_show_and_convert(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    source, store = tmp_path / "source", str(tmp_path / "store")
    (source / "images").mkdir(parents=True)
    (source / "images" / "a.png").write_bytes(encoded(picture(80, 100)))
    images = [{"id": 1, "file_name": "a.png", "width": 100, "height": 80}]
    boxes = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 6, 20, 30], "area": 600, "iscrowd": 0}]
    truth = {"images": images, "categories": [{"id": 1, "name": "carton"}], "annotations": boxes}
    (source / "annotations.json").write_text(json.dumps(truth))
    words = [
        "ingest",
        str(source / "annotations.json"),
        "--name",
        "line",
        "--pictures",
        str(source / "images"),
        "--store",
        store,
    ]
    assert run([*words, "--sheet", str(written(tmp_path, SHEET))]) == 0
    assert "line 3" in capsys.readouterr().err  # retention has passed
    assert run(["show", "dataset/line", "--store", store, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["sheet"]["sources"][0]["licence"] == "CC-BY-4.0" and shown["sheet_expired"] == ["line 3"]
    assert [v["counts"] for v in shown["versions"]] == [{"pictures": 1, "annotations": 1}]
    assert run(["convert", "dataset/line", str(tmp_path / "out"), "--to", "coco", "--store", store]) == 0
    assert read_sheet(tmp_path / "out" / "datasheet.yaml") == read_sheet(tmp_path / "datasheet.yaml")
    tree = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert tree["licenses"][0]["name"] == "CC-BY-4.0"
    assert tree["info"]["datasheet"] == shown["sheet"]
    assert run(words) == 0
    assert "is kept" in capsys.readouterr().err
    assert run(["show", "dataset/line", "--store", store, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["sheet"], again["digest"]) == (shown["sheet"], shown["digest"])
    assert run([*words[:3], "other", *words[4:]]) == 0
    assert run(["show", "dataset/other", "--store", store]) == 0
    assert "no data sheet" in capsys.readouterr().out
    assert Store(store).get("dataset/line@1", Dataset).provenance["sheet"] == shown["sheet"]
