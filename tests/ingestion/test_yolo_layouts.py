"""YOLO datasets as Ultralytics, Darknet, Roboflow, CVAT, Label Studio, FiftyOne and people on Windows leave them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from boxwright.cli.main import run
from boxwright.errors import FormatError
from boxwright.images import write_jpeg
from boxwright.ingestion import Reading, look, read_classes, read_source

BOX = "0 0.5 0.5 0.25 0.25\n"
Make = Callable[[dict[str, str | None]], Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A folder of files: text as given, images of 64x48 where the text is None."""

    def made(files: dict[str, str | None]) -> Path:
        folder = tmp_path / "set"
        for number, (name, text) in enumerate(files.items()):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.write_bytes(write_jpeg(np.full((48, 64, 3), number, np.uint8)))
            else:
                path.write_text(text, encoding="utf-8")
        return folder

    return made


def facts(reading: Reading) -> dict[str, tuple[str, int | None]]:
    """Image to its side and number of boxes; None where nobody has looked."""
    return {r.file_name: (r.side, len(r.boxes) if r.labelled else None) for r in reading.pictures}


def codes(reading: Reading) -> list[str]:
    return sorted({p.code for p in reading.problems})


def message(reading: Reading, code: str) -> str:
    return next(f"{p.where}: {p.message}" for p in reading.problems if p.code == code)


def test_roboflow(make: Make) -> None:
    folder = make(
        {
            "data.yaml": "train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnc: 1\nnames: ['bolt']\nroboflow:\n  url: x\n",
            "README.roboflow.txt": "bolts - v1\n1 2 3 4 5\n",
            "train/images/a_jpg.rf.12ab.jpg": None, "train/labels/a_jpg.rf.12ab.txt": BOX,
            "valid/images/b.jpg": None, "valid/labels/b.txt": "",
            "test/images/c.jpg": None, "test/labels/c.txt": BOX,
        }
    )  # fmt: skip
    reading = read_source(folder)
    assert facts(reading) == {
        "test/images/c.jpg": ("test", 1),
        "train/images/a_jpg.rf.12ab.jpg": ("train", 1),
        "valid/images/b.jpg": ("val", 0),
    }
    assert codes(reading) == []


def test_roboflow_darknet(make: Make) -> None:
    files = {"train/_darknet.labels": "bolt\n", "train/a.jpg": None, "train/a.txt": BOX}
    reading = read_source(make({**files, "valid/_darknet.labels": "bolt\n", "valid/b.jpg": None, "valid/b.txt": BOX}))
    assert facts(reading) == {"train/a.jpg": ("train", 1), "valid/b.jpg": ("val", 1)}
    assert (reading.class_names, codes(reading)) == (["bolt"], [])


def test_names_of_two_exports_that_differ_are_not_chosen_between(make: Make) -> None:
    folder = make(
        {
            "train/_darknet.labels": "bolt\nnut\n",
            "train/a.jpg": None,
            "train/a.txt": BOX,
            "valid/_darknet.labels": "nut\nbolt\n",
        }
    )
    with pytest.raises(FormatError, match=r"different lists of class names .*--classes FILE"):
        read_source(folder)
    assert read_source(folder, classes=["x", "y"]).class_names == ["x", "y"]


def test_darknet(make: Make) -> None:
    folder = make(
        {
            "data/obj.data": "classes = 2\ntrain  = data/train.txt\nvalid = data/test.txt\nnames = data/obj.names\nbackup = backup/\n",
            "data/obj.names": "bolt\nnut\n",
            "data/train.txt": "build/darknet/x64/data/obj/a.jpg\ndata/obj/b.jpg\n", "data/test.txt": "data\\obj\\c.JPG\n",
            "data/obj/a.jpg": None, "data/obj/a.txt": BOX, "data/obj/b.jpg": None, "data/obj/b.txt": "1 0.5 0.5 0.1 0.1\n",
            "data/obj/c.JPG": None, "data/obj/c.txt": BOX,
        }
    )  # fmt: skip
    for given in (folder, folder / "data", folder / "data" / "obj.data"):
        reading = read_source(given)
        assert list(facts(reading).values()) == [("train", 1), ("train", 1), ("val", 1)]
        assert reading.class_names == ["bolt", "nut"]
        assert not [p for p in reading.problems if p.severity == "error"]


def test_cvat(make: Make) -> None:
    """CVAT's YOLO 1.1, with an image whose frame was kept and whose label is empty."""
    folder = make(
        {
            "obj.data": "classes = 1\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n", "obj.names": "bolt\n",
            "train.txt": "data/obj_train_data/cam1/0.jpg\ndata/obj_train_data/cam2/0.jpg\n",
            "obj_train_data/cam1/0.jpg": None, "obj_train_data/cam1/0.txt": BOX,
            "obj_train_data/cam2/0.jpg": None, "obj_train_data/cam2/0.txt": "",
        }
    )  # fmt: skip
    assert facts(read_source(folder)) == {
        "obj_train_data/cam1/0.jpg": ("train", 1),
        "obj_train_data/cam2/0.jpg": ("train", 0),
    }


def test_cvat_ultralytics(make: Make) -> None:
    folder = make(
        {
            "data.yaml": "names:\n  0: bolt\npath: .\nTrain: Train.txt\ntrain: train.txt\n",
            "train.txt": "data/images/train/a.jpg\n", "images/train/a.jpg": None, "labels/train/a.txt": BOX,
        }
    )  # fmt: skip
    assert facts(read_source(folder)) == {"images/train/a.jpg": ("train", 1)}


def test_label_studio(make: Make) -> None:
    folder = make(
        {
            "classes.txt": "bolt\nnut\n", "notes.json": '{"categories": [{"id": 0, "name": "bolt"}], "info": {}}',
            "images/1c7f-a.jpg": None, "labels/1c7f-a.txt": BOX,
        }
    )  # fmt: skip
    reading = read_source(folder)
    assert (facts(reading), codes(reading)) == ({"images/1c7f-a.jpg": ("", 1)}, [])


def test_fiftyone(make: Make) -> None:
    folder = make(
        {
            "dataset.yaml": "names:\n  0: bolt\npath: /tmp/export\ntrain: ./images/train/\nval: ./images/val/\n",
            "images/train/a.jpg": None, "labels/train/a.txt": BOX, "images/val/b.jpg": None, "labels/val/b.txt": BOX,
        }
    )  # fmt: skip
    reading = read_source(folder)
    assert facts(reading) == {"images/train/a.jpg": ("train", 1), "images/val/b.jpg": ("val", 1)}
    assert "path: '/tmp/export', which is not in" in message(reading, "entry-matched")


def test_ultralytics_coco(make: Make) -> None:
    """Lists at the root, images of one year, a yaml of another machine, a cache beside the labels."""
    folder = make(
        {
            "my coco.yaml": "path: ../datasets/coco\ntrain: train2017.txt\nval: val2017.txt\ntest: # optional\n"
            "download: https://example.org/x.zip\nnames: {0: bolt}\n",
            "train2017.txt": "./images/train2017/1.jpg\n", "val2017.txt": "./images/val2017/2.jpg\n",
            "images/train2017/1.jpg": None, "labels/train2017/1.txt": BOX, "labels/train2017.cache": "x",
            "images/val2017/2.jpg": None, "labels/val2017/2.txt": BOX, "images/test2017/3.jpg": None,
        }
    )  # fmt: skip
    reading = read_source(folder / "my coco.yaml")
    assert facts(reading) == {"images/train2017/1.jpg": ("train", 1), "images/val2017/2.jpg": ("val", 1)}
    assert "images/test2017: 1 image here" in message(reading, "unlisted-picture")


def test_a_list_of_folders_and_an_address(make: Make) -> None:
    folder = make(
        {
            "data.yaml": "train: [a, b/images]\nval: https://example.org/val.txt\ntest: ''\nnames: [x]\n",
            "a/1.jpg": None, "a/1.txt": BOX, "b/images/2.jpg": None, "b/labels/2.txt": BOX, "c/3.jpg": None, "c/3.txt": BOX,
        }
    )  # fmt: skip
    reading = read_source(folder)
    assert facts(reading) == {"a/1.jpg": ("train", 1), "b/images/2.jpg": ("train", 1), "c/3.jpg": ("", 1)}
    assert "nothing is downloaded" in message(reading, "missing-entry")
    assert "kept, on no side" in message(reading, "unlisted-picture")


def test_absolute_folders_of_another_machine(make: Make) -> None:
    folder = make(
        {
            "data.yaml": "train: D:\\data\\set\\train\\images\nval: /content/set/valid/images\nnames: [x]\n",
            "train/images/1.jpg": None, "train/labels/1.txt": BOX, "valid/images/1.jpg": None, "valid/labels/1.txt": BOX,
        }
    )  # fmt: skip
    reading = read_source(folder)
    assert facts(reading) == {"train/images/1.jpg": ("train", 1), "valid/images/1.jpg": ("val", 1)}
    assert codes(reading) == ["entry-matched"]


def test_a_folder_that_is_one_of_two_is_not_guessed(make: Make) -> None:
    folder = make(
        {
            "data.yaml": "train: /x/images\nnames: [x]\n",
            "a/images/1.jpg": None,
            "b/images/1.jpg": None,
            "a/labels/1.txt": BOX,
        }
    )
    reading = read_source(folder)
    assert "could be several folders or lists here" in message(reading, "missing-entry")
    assert {side for side, _ in facts(reading).values()} == {""}


def test_part_of_val_in_train(make: Make) -> None:
    folder = make(
        {
            "data.yaml": "train: images\nval: images/val\nnames: [x]\n",
            "images/a.jpg": None, "labels/a.txt": BOX, "images/val/b.jpg": None, "labels/val/b.txt": BOX,
        }
    )  # fmt: skip
    reading = read_source(folder)
    assert "the only image of val is also in train" in message(reading, "subsets-overlap")
    assert facts(reading) == {"images/a.jpg": ("train", 1), "images/val/b.jpg": ("train", 1)}


@pytest.mark.parametrize(
    ("label", "image"),
    [
        ("Annotations/a.txt", "images/train/a.jpg"),
        ("annotations/train/a.txt", "images/train/a.jpg"),
        ("train_labels/a.txt", "train_images/a.jpg"),
        ("LABELS/Train/A.TXT", "IMAGES/Train/a.JPG"),
        ("labels/train/a.txt", "images/a.jpg"),
        ("gt_labels/a.jpg.txt", "images/a.jpg"),
        ("labels/u\u0308.txt", "images/\u00fc.jpg"),
    ],
)
def test_labels_in_unusual_places_are_met_and_told(label: str, image: str, make: Make) -> None:
    reading = read_source(make({"classes.txt": "x\n", label: BOX, image: None}))
    assert facts(reading)[image][1] == 1
    assert f"{label}: was read as the label of '{image}'" in message(reading, "label-matched")


@pytest.mark.parametrize(
    ("files", "orphans"),
    [
        ({"images/val/a.jpg": None, "labels/train/a.txt": BOX}, ["labels/train/a.txt"]),
        ({"images/a.jpg": None, "v1/a.txt": BOX, "v2/a.txt": BOX}, ["v1/a.txt", "v2/a.txt"]),
        ({"images/a.jpg": None, "Annotations/a.txt": BOX, "gt/a.txt": BOX}, ["Annotations/a.txt", "gt/a.txt"]),
        ({"images/train/a.jpg": None, "images/val/a.jpg": None, "labels/a.txt": BOX}, ["labels/a.txt"]),
        ({"images/a.jpg": None, "runs/detect/exp/labels/a.txt": BOX}, ["runs/detect/exp/labels/a.txt"]),
        (
            {"images/aB.jpg": None, "images/Ab.jpg": None, "labels/ab.txt": BOX, "labels/b.txt": ""},
            ["labels/ab.txt", "labels/b.txt"],
        ),
    ],
)
def test_labels_that_fit_no_image_for_certain_are_told_one_by_one(files: dict, orphans: list[str], make: Make) -> None:
    reading = read_source(make({"classes.txt": "x\n", **files}))
    assert [p.where for p in reading.problems if p.code == "orphan-label"] == orphans
    assert {p.severity for p in reading.problems if p.code == "orphan-label"} == {"error"}
    assert all(boxes is None for _, boxes in facts(reading).values())


@pytest.mark.parametrize("seed", range(60))
def test_no_label_file_is_lost_in_silence_and_none_is_read_twice(seed: int, make: Make) -> None:
    rng = np.random.default_rng(seed)

    def some(folders: list[str], names: list[str], endings: list[str]) -> list[str]:
        """Up to six paths."""
        parts = [
            [str(rng.choice(one)) for one in (folders, ["", "", "train/", "val/"], names, endings)] for _ in range(6)
        ]
        return sorted({"".join(one) for one in parts})

    images = some(["", "images/", "Images/"], ["a", "A", "b"], [".jpg", ".jpg", ".png"])
    labels = some(["", "labels/", "Annotations/", "images/"], ["a", "A", "b"], [".txt", ".txt", ".TXT", ".jpg.txt"])
    boxes = {name: f"0 0.5 0.5 0.{number + 1} 0.2\n" for number, name in enumerate(labels)}
    reading = read_source(make({"names.yaml": "names: [x]\n", **dict.fromkeys(images), **boxes}))
    read = [record.boxes.where[0].rpartition(" line ")[0] for record in reading.pictures if len(record.boxes)]
    told = [p.where for p in reading.problems if p.severity == "error"]
    assert sorted(read + told) == labels
    assert sorted(record.file_name for record in reading.pictures) == images
    unlabelled = {record.file_name for record in reading.pictures if not record.labelled}
    said = " ".join(p.where + p.message for p in reading.problems if p.code in ("unlabelled", "shared-label"))
    assert all(name in said for name in unlabelled)


def test_two_label_files_of_one_image(make: Make) -> None:
    files = {"classes.txt": "x\n", "images/a.jpg": None, "labels/a.txt": BOX, "images/b.jpg": None, "labels/b.txt": BOX}
    reading = read_source(make({**files, "images/a.txt": "0 0.1 0.1 0.1 0.1\n", "images/b.txt": BOX}))
    assert codes(reading) == ["second-label"]
    assert "images/a.txt: is a second label file of an image and differs from 'labels/a.txt'" in message(
        reading, "second-label"
    )


def test_one_label_for_a_listed_and_an_unlisted_image_is_the_listed_ones(make: Make) -> None:
    files = {"data.yaml": "train: train.txt\nnames: [x]\n", "train.txt": "images/a.jpg\n", "labels/a.txt": BOX}
    assert facts(read_source(make({**files, "images/a.jpg": None, "images/a.png": None}))) == {
        "images/a.jpg": ("train", 1)
    }


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            "names: [02146, no, on, 1e3, null, ~, 1_000, 'x', 2020-01-01]",
            ["02146", "no", "on", "1e3", "null", "~", "1_000", "x", "2020-01-01"],
        ),
        ("names: {0: off, 1: 0x10}", ["off", "0x10"]),
        ("names:\n  '0': yes\n  '1': 1:30\n", ["yes", "1:30"]),
        ("names: my.names", ["09", "y"]),
    ],
)
def test_names_stay_as_written(text: str, names: list[str], make: Make) -> None:
    files = {"images/a.jpg": None, "labels/a.txt": BOX, "my.names": "09\ny\n"}
    reading = read_source(make({"custom.yaml": text + "\ntrain: images\n", **files}))
    assert reading.class_names == names


def test_labels_of_images_that_a_list_leaves_out_are_no_orphans(make: Make) -> None:
    files = {
        "data.yaml": "train: train.txt\nnames: [x]\n",
        "train.txt": "a.jpg\n",
        "images/a.jpg": None,
        "images/b.jpg": None,
    }
    reading = read_source(make({**files, "labels/a.txt": BOX, "Annotations/b.txt": BOX}))
    assert facts(reading) == {"images/a.jpg": ("train", 1)}
    assert "orphan-label" not in codes(reading)


def test_what_else_lies_there_is_told(make: Make) -> None:
    files = {"classes.txt": "x\n", "a.jpg": None, "a.txt": BOX, "a.xml": "<annotation/>", "b.HEIC": "x", "b.txt": BOX}
    reading = read_source(make(files))
    assert codes(reading) == ["orphan-label", "other-labels", "unread-images"]
    assert "b.HEIC: and all 1 files that end in .heic" in message(reading, "unread-images")


@pytest.mark.parametrize(
    "text",
    [
        "2753 2408 2861 2385 2888 2468 2805 2502 plane 0\n",
        "Car 0.00 0 -1.5 100 120\n",
        "1 10 20 30 40\n",
        "a dog on grass\n",
        "",
    ],
)
def test_lines_of_other_formats_make_no_yolo(text: str, make: Make) -> None:
    with pytest.raises(FormatError, match="No annotations found"):
        read_source(make({"a.jpg": None, "a.txt": text}))


def test_a_folder_without_images(make: Make) -> None:
    files = {
        "data.yaml": "train: images\nval: empty\nnames: [x]\n",
        "images/a.jpg": None,
        "labels/a.txt": BOX,
        "empty/notes": "x",
    }
    assert "'empty' for val, which contains no images" in message(read_source(make(files)), "missing-entry")


def test_names_that_disagree_are_told(make: Make) -> None:
    files = {"images/a.jpg": None, "labels/a.txt": BOX, "classes.txt": "nut\nbolt\n"}
    reading = read_source(make({"data.yaml": "names: [bolt, nut]\nnc: 3\ntrain: images\n", **files}))
    assert reading.class_names == ["bolt", "nut"]
    assert "classes.txt: lists other class names (nut, bolt) than data.yaml (bolt, nut)" in message(
        reading, "class-names-differ"
    )
    assert "says 3 classes (nc), but data.yaml gives 2 names" in message(reading, "class-count")


def test_two_yaml_files_are_asked_about(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    files = {
        "images/a.jpg": None,
        "labels/a.txt": BOX,
        "args.yaml": "task: detect\ndata: x.yaml\n",
        "net.yaml": "nc: 1\nbackbone: []\n",
    }
    folder = make({"a.yaml": "names: [x]\ntrain: images\n", **files})
    assert read_source(folder).class_names == ["x"]
    (folder / "b.yaml").write_text("names: [y]\ntrain: images\n")
    assert run(["check", str(folder)]) == 2
    assert "a.yaml, b.yaml); give the one you mean" in capsys.readouterr().err.replace("\n", " ")
    assert read_source(folder / "b.yaml").class_names == ["y"]


def test_two_datasets_in_one_folder_are_asked_about(make: Make) -> None:
    files = {
        f"{n}/{name}": text
        for n in "ab"
        for name, text in {"data.yaml": "names: [x]\n", "i.jpg": None, "i.txt": BOX}.items()
    }
    folder = make(files)
    with pytest.raises(FormatError, match=r"\(a/data.yaml, b/data.yaml\); give the one you mean"):
        read_source(folder)
    assert len(read_source(folder / "a").pictures) == 1


def test_a_yaml_file_in_another_encoding_is_refused_in_one_line(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make({"a.jpg": None, "a.txt": BOX})
    (folder / "data.yaml").write_bytes("names: [Größe]\n".encode("cp1252"))
    assert run(["check", str(folder)]) == 2
    assert capsys.readouterr().err.strip().count("\n") == 0


def test_no_names_at_all(make: Make, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = make({"a.jpg": None, "a.txt": BOX + "2 0.2 0.2 0.1 0.1\n"})
    assert run(["check", str(folder)]) == 2
    complaint = " ".join(capsys.readouterr().err.split())
    assert "Its labels use 3 classes, numbered 0 to 2" in complaint and "`--classes name0,name1,name2`" in complaint
    assert run(["check", str(folder), "--classes", "car, bus,van", "--json"]) == 0
    assert '"classes": ["car", "bus", "van"]' in capsys.readouterr().out
    (tmp_path / "my.names").write_text("02\nno\nvan\n")
    assert read_source(folder, classes=read_classes(str(tmp_path / "my.names"))).class_names == ["02", "no", "van"]
    out = tmp_path / "out"
    assert run(["convert", str(folder), str(out), "--to", "yolo", "--classes", str(tmp_path / "my.names")]) == 0
    assert read_source(out).class_names == ["02", "no", "van"]
    store = ["--store", str(tmp_path / "store")]
    assert run(["ingest", str(folder), "--name", "line", "--classes", "a,b,c", *store]) == 0
    assert run(["check", "line", "--classes", "a,b,c", *store]) == 2
    assert run(["check", str(folder), "--classes", "a,,c"]) == 2
    assert run(["check", str(folder), "--classes", "nowhere.txt"]) == 2
    capsys.readouterr()


def test_an_empty_line_between_names_moves_no_class(make: Make) -> None:
    folder = make({"classes.txt": "bolt\n\nnut\n\n\n", "a.jpg": None, "a.txt": BOX})
    with pytest.raises(FormatError, match=r"classes\.txt' line 2 is empty"):
        read_source(folder)


def test_text_as_windows_writes_it(make: Make) -> None:
    folder = make({"a.jpg": None, "b.jpg": None})
    (folder / "classes.txt").write_bytes("Größe\r\n".encode("utf-16"))
    (folder / "a.txt").write_bytes(BOX.encode("utf-16"))
    (folder / "b.txt").write_bytes(b"0 0.5 0.5 0.1 0.1\r\n\r\n0 0.5 0.5 0.1 \xff\r\n")
    reading = read_source(folder)
    assert (reading.class_names, facts(reading)) == (["Größe"], {"a.jpg": ("", 1), "b.jpg": ("", 1)})
    assert "b.txt line 3: expected numbers" in message(reading, "no-box")
    (folder / "classes.txt").write_bytes("Größe\n".encode("cp1252"))
    with pytest.raises(FormatError, match="is not UTF-8"):
        read_source(folder)


def test_labels_without_images_and_images_elsewhere(make: Make, tmp_path: Path) -> None:
    folder = make({"labels/a.txt": BOX, "images/a.jpg": None, "classes.txt": "x\n"})
    with pytest.raises(FormatError, match="1 YOLO label files but no images.*such as"):
        read_source(folder / "labels")
    config = tmp_path / "configs" / "x.yaml"
    config.parent.mkdir()
    config.write_text("path: ../set\ntrain: images\nnames: [y]\n")
    with pytest.raises(FormatError, match="Files outside the folder of the YAML file are not read"):
        read_source(config)
    assert read_source(folder, classes=read_classes(str(config))).class_names == ["y"]


def test_a_file_that_lists_other_formats_classes_makes_no_yolo(make: Make) -> None:
    coco = '{"images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}], "annotations": [], "categories": [{"id": 1, "name": "x"}]}'
    folder = make({"a.jpg": None, "gt.json": coco, "classes.txt": "x\n"})
    assert read_source(folder).format == "coco"
    (folder / "classes.txt").unlink()
    (folder / "a.txt").write_text(BOX)
    reading = read_source(folder)
    assert reading.format == "coco"
    assert "YOLO labels (1 files) beside the coco annotations" in message(reading, "other-labels")
    assert read_source(folder, format="yolo", classes=["x"]).format == "yolo"
    with pytest.raises(FormatError, match="--classes is for YOLO"):
        read_source(folder, classes=["x"])


def test_what_hostile_entries_do(make: Make, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "s.jpg").write_bytes(write_jpeg(np.zeros((8, 8, 3), np.uint8)))
    text = 'path: ../secret\ntrain: ../secret\nval: "/etc\\0"\ntest: [..]\nnames: [x]\n'
    reading = read_source(make({"data.yaml": text, "images/a.jpg": None, "labels/a.txt": BOX}))
    assert facts(reading) == {"images/a.jpg": ("", 1)}
    assert [p.code for p in reading.problems].count("missing-entry") == 3
    assert len(list(look(reading, depth="header"))) == 1
