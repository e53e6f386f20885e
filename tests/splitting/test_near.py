"""No pair within the radius is missed; a copy is found however it was saved; what only looks alike is not taken for one."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import boxwright.splitting.pairs as pairs_module
from boxwright.images import read_picture
from boxwright.splitting import NearPairs, Sided, audit, fingerprints, near_pairs, pairs_within
from boxwright.splitting.fingerprint import SIDE, hash_means, means_of
from tests.worlds import encoded, picture

Reader = Callable[[], bytes]
PICTURES = (".jpg", ".jpeg", ".png")


def obvious_pairs(bits: NDArray, radius: int) -> set[tuple[int, int, int]]:
    """The slow loop."""
    values = [int(b) for b in bits]
    return {
        (i, j, d)
        for i in range(len(values))
        for j in range(i + 1, len(values))
        if (d := (values[i] ^ values[j]).bit_count()) <= radius
    }


@given(st.lists(st.integers(0, 2**64 - 1), max_size=30), st.lists(st.tuples(st.integers(0, 29), st.sets(st.integers(0, 63), max_size=14)), max_size=30),
       st.integers(0, 19), st.booleans())  # fmt: skip
def test_pairs_are_those_of_the_slow_loop(first, flips, radius: int, by_parts: bool) -> None:
    for source, places in flips:  # neighbours of what is there, so that pairs exist at every distance
        if source < len(first):
            first.append(first[source] ^ sum(1 << place for place in places))
    bits = np.array(first, np.uint64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs_module, "MANY", 0 if by_parts else 1 << 40)
        i, j, d = pairs_within(bits, radius)
    assert list(zip(i.tolist(), j.tolist())) == sorted(zip(i.tolist(), j.tolist()))
    assert set(zip(i.tolist(), j.tolist(), d.tolist())) == obvious_pairs(bits, radius)
    assert len(i) == len(set(zip(i.tolist(), j.tolist())))


@pytest.mark.parametrize("many", [0, 1 << 40])
def test_more_pairs_than_there_is_room_for_at_first(many: int, monkeypatch) -> None:
    monkeypatch.setattr(pairs_module, "MANY", many)
    monkeypatch.setattr(pairs_module, "_FIRST_ROOM", 4)
    bits = np.zeros(40, np.uint64)
    assert len(pairs_within(bits, 0)[0]) == 40 * 39 // 2
    assert len(pairs_within(bits, 0, most=17)[0]) == 17


def test_many_hashes_lose_no_planted_pair() -> None:
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2**64, 60_000, dtype=np.uint64)
    sources = rng.permutation(30_000)[:3000]
    for k, source in enumerate(sources):
        flips = rng.choice(64, int(rng.integers(0, 9)), replace=False)
        bits[30_000 + k] = bits[source] ^ np.bitwise_or.reduce(
            np.uint64(1) << flips.astype(np.uint64), initial=np.uint64(0)
        )
    i, j, _ = pairs_within(bits, 8)
    assert set(zip(sources.tolist(), range(30_000, 33_000))) <= set(zip(i.tolist(), j.tolist()))


def in_folder(folder: Path, *, every: int = 1) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES)[::every]


def alike(readers: list[Reader], **options) -> NearPairs:
    return near_pairs(fingerprints(readers, turned=options.pop("turned", False)), readers, **options)


def pairs_of(found: NearPairs) -> set[tuple[int, int]]:
    return set(zip(found.a.tolist(), found.b.tolist(), strict=True))


CHANGES = {
    "saved again": lambda im: cv2.imdecode(cv2.imencode(".jpg", im, [cv2.IMWRITE_JPEG_QUALITY, 35])[1], 1),
    "half the size": lambda im: cv2.resize(im, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "an odd size": lambda im: cv2.resize(im, None, fx=0.63, fy=0.63, interpolation=cv2.INTER_LINEAR),
    "brighter": lambda im: np.clip(im * 1.15, 0, 255).astype(np.uint8),
    "less contrast": lambda im: np.clip((im.astype(float) - 128) * 0.8 + 128, 0, 255).astype(np.uint8),
    "blurred": lambda im: cv2.GaussianBlur(im, (0, 0), 1.5),
    "cut by 1 % all round": lambda im: im[im.shape[0] // 100 : -(im.shape[0] // 100), im.shape[1] // 100 : -(im.shape[1] // 100)],
}  # fmt: skip


@pytest.mark.parametrize("data", ["bccd", "apple_orchard", "nuclei_dsb2018", "deeppcb"])
def test_changed_copies_of_real_pictures_are_found(shared, data: str) -> None:
    paths = in_folder(shared(f"data/{data}"))
    paths = paths[:: max(1, len(paths) // 8)][:8]
    readers: list[Reader] = [path.read_bytes for path in paths]
    owner = list(range(len(paths)))
    for k, path in enumerate(paths):
        upright = read_picture(path.read_bytes())[..., ::-1]
        for change in CHANGES.values():
            copy = cv2.imencode(".jpg", change(upright), [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
            readers.append(lambda copy=copy: copy)
            owner.append(k)
    found = pairs_of(alike(readers))
    missed = [row for row in range(len(paths), len(readers)) if (owner[row], row) not in found]
    assert len(missed) <= 0.02 * (len(readers) - len(paths)), [(paths[owner[row]].name, row) for row in missed]
    if data != "deeppcb":  # boards of one design resemble each other
        assert all(owner[a] == owner[b] for a, b in found)


def test_the_eight_orientations_of_exif_are_one_picture(shared) -> None:
    folder = shared("cases/images/exif_orientation")
    upright = Image.fromarray(read_picture((folder / "Landscape_1.jpg").read_bytes()))
    undo = {1: (), 2: ("FLIP_LEFT_RIGHT",), 3: ("ROTATE_180",), 4: ("FLIP_TOP_BOTTOM",), 5: ("TRANSPOSE",),
            6: ("ROTATE_90",), 7: ("TRANSVERSE",), 8: ("ROTATE_270",)}  # fmt: skip
    readers: list[Reader] = [(folder / "Landscape_6.jpg").read_bytes]
    for tag, turns in undo.items():
        stored, exif, file = upright, Image.Exif(), io.BytesIO()
        for turn in turns:
            stored = stored.transpose(getattr(Image.Transpose, turn))
        exif[0x0112] = tag
        stored.save(file, "JPEG", quality=90, exif=exif)
        readers.append(partial(bytes, file.getvalue()))
    assert pairs_of(alike(readers)) == {(a, b) for a in range(9) for b in range(a + 1, 9)}


def test_all_files_of_one_motif_are_near_each_other(shared) -> None:
    paths = in_folder(shared("cases/images/exif_orientation"))
    found = pairs_of(alike([p.read_bytes for p in paths]))
    for a in range(len(paths)):
        for b in range(a + 1, len(paths)):
            same = paths[a].stem.split("_")[0] == paths[b].stem.split("_")[0]
            assert ((a, b) in found) == same, (paths[a].name, paths[b].name)


@pytest.mark.parametrize("turn", range(8))
def test_turned_copies_are_found_only_when_asked_for(shared, turn: int) -> None:
    path = in_folder(shared("data/bccd"))[0]
    pixels = read_picture(path.read_bytes())
    turned = np.rot90(pixels, turn % 4)
    turned = turned[:, ::-1] if turn >= 4 else turned
    readers: list[Reader] = [path.read_bytes, partial(encoded, np.ascontiguousarray(turned))]
    assert pairs_of(alike(readers, turned=True)) == {(0, 1)}
    assert (pairs_of(alike(readers)) == {(0, 1)}) == (turn == 0)


def test_the_eight_hashes_are_those_of_the_turned_pictures() -> None:
    means = np.random.default_rng(0).uniform(0, 255, (1, SIDE, SIDE)).astype(np.float32)
    of_one = hash_means(means, turned=True)[0]
    m = means[0]
    views = [v for one in (m, m[:, ::-1], m[::-1], m[::-1, ::-1]) for v in (one, one.T)]
    of_views = [hash_means(np.ascontiguousarray(v)[None])[0, 0] for v in views]
    assert all((int(a) ^ int(b)).bit_count() <= 2 for a, b in zip(of_one, of_views))  # rounding near the median


def test_pictures_without_contrast_are_not_near_duplicates() -> None:
    flat = [np.full((64, 80, 3), value, np.uint8) for value in (0, 0, 255, 128)]
    noise = np.random.default_rng(0).integers(0, 3, (64, 80, 3), dtype=np.uint8)
    readers = [partial(encoded, one) for one in (*flat, noise, noise + np.uint8(9))]
    prints = fingerprints(readers)
    assert prints.flat.all() and not prints.usable.any()
    assert not len(near_pairs(prints, readers).a)


def test_different_pictures_of_one_kind_are_not_near_duplicates(shared) -> None:
    """Blood films, tiles of trees and nuclei look alike; only the known pair of blood films is one."""
    for data, known in (
        ("bccd", {("BloodImage_00037", "BloodImage_00038")}),
        ("apple_orchard", set()),
        ("nuclei_dsb2018", set()),
    ):
        paths = in_folder(shared(f"data/{data}"))
        found = alike([p.read_bytes for p in paths])
        assert {(paths[a].stem, paths[b].stem) for a, b in pairs_of(found)} == known


def test_boards_are_near_duplicates_only_of_their_own_design(shared) -> None:
    paths = in_folder(shared("data/deeppcb"))
    names = [p.stem for p in paths]
    found = {(names[a], names[b]) for a, b in pairs_of(alike([p.read_bytes for p in paths]))}
    assert all(a[:5] == b[:5] for a, b in found)  # one board, never another
    same_place = {(a, b) for a, b in found if a[:8] == b[:8]}
    assert len(same_place) >= 98  # 100 templates beside the pictures that defects were drawn into


def test_reference_images_without_features_are_found_by_digest_and_never_called_near(shared) -> None:
    """Three reference images of DeepPCB are one blank file: the same to the byte, with nothing to compare but the bytes."""
    names = ("20085159_temp.jpg", "20085167_temp.jpg", "20085168_temp.jpg")
    found = {p.name: p for p in in_folder(shared("data/deeppcb"))}
    paths = [found[name] for name in names]
    prints = fingerprints([p.read_bytes for p in paths])
    assert prints.flat.all()
    assert pairs_of(alike([p.read_bytes for p in paths])) == set()
    leaks = audit(Sided(names, ["train", "test", "test"], [p.read_bytes for p in paths])).leaks
    assert {(leak.kind, leak.a, leak.b) for leak in leaks} == {("exact", names[0], name) for name in names[1:]}


def test_what_cannot_be_read_is_told_and_goes_without(shared) -> None:
    made = shared("cases/images/made")
    paths = sorted(p for p in made.iterdir() if p.is_file() and p.suffix.lower() not in (".json", ".md"))
    readers: list[Reader] = [p.read_bytes for p in paths]
    readers += [partial(bytes, b"this is text"), partial(bytes, b""), Path("nowhere.jpg").read_bytes]
    prints = fingerprints(readers)
    assert {len(paths), len(paths) + 1, len(paths) + 2} <= set(prints.problems)
    assert not prints.usable[list(prints.problems)].any()
    assert len(near_pairs(prints, readers).a) >= 0


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from(["PNG", "JPEG", "BMP"]))
def test_any_size_has_a_fingerprint(height: int, width: int, form: str) -> None:
    means = means_of(encoded(picture(height, width), form))
    assert means.shape == (SIDE, SIDE) and np.isfinite(means).all()


def test_the_small_decode_sees_what_the_full_one_sees(shared) -> None:
    for path in in_folder(shared("data/bccd"), every=60):
        full = cv2.resize(
            cv2.cvtColor(read_picture(path.read_bytes()), cv2.COLOR_RGB2GRAY),
            (SIDE, SIDE),
            interpolation=cv2.INTER_AREA,
        )
        assert np.abs(means_of(path.read_bytes()) - full).mean() < 2
