"""Near-duplicates against imagehash and imagededup on the same 10,000 pictures, and 1,000,000 hashes paired.

    python3 -m venv build/peers_hash && build/peers_hash/bin/pip install imagehash==4.3.2 imagededup==0.3.3
    python benchmarks/near_duplicates.py build/near_duplicates --peers build/peers_hash/bin/python

CPU seconds of the process and its children (wall time is noise on a shared machine), peak memory of the process; one thread of
ours, so that the peers' workers do not count against them. A tenth of the pictures are altered copies of others: saved again,
resized, brighter, cut. Every planted pair that is within the radius by a peer's or our own hash must be paired.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np

SIDE, RADIUS = 256, 8
PEER = """
import sys, time, json, resource, pathlib
files = sorted(pathlib.Path(sys.argv[2]).glob('*.jpg'))
def cpu():
    return sum(resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
if sys.argv[1] == 'imagehash':
    import imagehash
    from PIL import Image
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    c = cpu(); hashes = [imagehash.phash(Image.open(f)) for f in files]; hashing = cpu() - c
    some = hashes[:1000]
    c = cpu(); n = sum(some[i] - some[j] <= 8 for i in range(len(some)) for j in range(i + 1, len(some))); part = cpu() - c
    pairing = part * len(files) * (len(files) - 1) / (len(some) * (len(some) - 1))
    found = None
else:
    import types
    aside = types.ModuleType('imagededup.methods.cnn'); aside.CNN = None; sys.modules['imagededup.methods.cnn'] = aside  # it would fetch weights
    from imagededup.methods import PHash
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    method = PHash(verbose=False)
    c = cpu(); encoded = method.encode_images(image_dir=sys.argv[2], num_enc_workers=1); hashing = cpu() - c
    c = cpu(); pairs = method.find_duplicates(encoding_map=encoded, max_distance_threshold=8, num_dist_workers=1); pairing = cpu() - c
    found = sorted({tuple(sorted((a, b))) for a, others in pairs.items() for b in others})
print(json.dumps({'hashing': hashing, 'pairing': pairing, 'found': found, 'mb': (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}))
"""


def main() -> None:
    """Make the pictures once, run ours and the peers, print the table."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=Path)
    words.add_argument("--pictures", type=int, default=10_000)
    words.add_argument("--peers", help="python with imagehash and imagededup")
    given = words.parse_args()
    folder = given.folder / f"{given.pictures}"
    planted = make(folder, given.pictures)
    ours = measured(folder, planted)
    print(f"{given.pictures} pictures, {len(planted)} planted copies, radius {RADIUS} of 64")
    show("boxwright", ours, ours)
    a_million()
    if given.peers:
        for peer in ("imagededup", "imagehash"):
            done = subprocess.run(
                [given.peers, "-c", PEER, peer, str(folder)], capture_output=True, text=True, check=True
            )
            found = json.loads(done.stdout.strip().splitlines()[-1])
            if found["found"] is not None:
                pairs = {tuple(p) for p in found["found"]}
                found["planted"] = len(planted & pairs)
            show(peer, found, ours)


def make(folder: Path, count: int) -> set[tuple[str, str]]:
    """Pictures of blots and lines, a tenth of them altered copies; the planted pairs of names."""
    truth = folder / "planted.json"
    if truth.is_file():
        return {tuple(pair) for pair in json.loads(truth.read_text())}
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    originals, planted = count - count // 10, []
    for k in range(count):
        name = f"{k:06d}.jpg"
        if k < originals:
            pixels = drawn(np.random.default_rng(k))
        else:
            source = int(rng.integers(originals))
            pixels = altered(drawn(np.random.default_rng(source)), k % 5)
            planted.append((f"{source:06d}.jpg", name))
        cv2.imwrite(str(folder / name), pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 96))])
    truth.write_text(json.dumps(planted))
    return set(planted)


def drawn(rng: np.random.Generator) -> np.ndarray:
    """A picture of soft blots with some hard shapes."""
    coarse = rng.uniform(0, 255, (int(rng.integers(3, 12)), int(rng.integers(3, 12)), 3)).astype(np.float32)
    pixels = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.integers(3, 12))):
        centre, size = rng.integers(0, SIDE, 2).tolist(), int(rng.integers(6, 50))
        cv2.circle(pixels, centre, size, rng.uniform(0, 255, 3).tolist(), -1 if rng.random() < 0.5 else 3)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def altered(pixels: np.ndarray, how: int) -> np.ndarray:
    """The picture saved again, smaller, brighter, of less contrast, or cut by 1 % all round."""
    if how == 1:
        return cv2.resize(pixels, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    if how == 2:
        return np.clip(pixels * 1.12, 0, 255).astype(np.uint8)
    if how == 3:
        return np.clip((pixels - 128.0) * 0.85 + 128, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels[3:-3, 3:-3]) if how == 4 else pixels


def measured(folder: Path, planted: set[tuple[str, str]]) -> dict:
    """Ours, after one run on few pictures that loads the kernels."""
    from boxwright.splitting import fingerprints, near_pairs, pairs_within

    cv2.setNumThreads(1)
    files = sorted(folder.glob("*.jpg"))
    pairs_within(fingerprints([f.read_bytes for f in files[:64]], threads=1).bits, RADIUS)
    pairs_within(np.arange(5000, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15), RADIUS)
    before = memory()
    clock = time.process_time()
    prints = fingerprints([f.read_bytes for f in files], threads=1)
    hashing = time.process_time() - clock
    clock = time.process_time()
    i, j, _ = pairs_within(prints.bits, RADIUS)
    pairing = time.process_time() - clock
    clock = time.process_time()
    near = near_pairs(prints, [f.read_bytes for f in files])
    second = time.process_time() - clock
    names = [f.name for f in files]
    row = {name: k for k, name in enumerate(names)}
    apart = np.array([int(prints.bits[row[a]] ^ prints.bits[row[b]]).bit_count() for a, b in planted])
    found = {(names[a], names[b]) for a, b in zip(i, j, strict=True)}
    looked = {(names[a], names[b]) for a, b in zip(near.a, near.b, strict=True)}
    print(f"planted within {RADIUS} bits: {(apart <= RADIUS).sum()} of {len(planted)}; paired {len(planted & found)}; within 10 and after the second look "
          f"{len(planted & looked)} of {len(looked)} pairs, {second:.2f} CPU s more")  # fmt: skip
    return {
        "hashing": hashing,
        "pairing": pairing,
        "found": found,
        "planted": len(planted & found),
        "mb": memory() - before,
    }


def a_million() -> None:
    """1,000,000 random hashes with 100,000 planted neighbours."""
    from boxwright.splitting import pairs_within

    rng = np.random.default_rng(1)
    n, many = 1_000_000, 100_000
    bits = rng.integers(0, 2**64, n, dtype=np.uint64)
    for k in range(many):
        flips = rng.choice(64, int(rng.integers(0, RADIUS + 1)), replace=False).astype(np.uint64)
        bits[n - many + k] = bits[k] ^ np.bitwise_or.reduce(np.uint64(1) << flips, initial=np.uint64(0))
    before = memory()
    clock = time.process_time()
    i, j, _ = pairs_within(bits, RADIUS)
    seconds = time.process_time() - clock
    wanted = set(zip(range(many), range(n - many, n), strict=True))
    missed = len(wanted - set(zip(i.tolist(), j.tolist(), strict=True)))
    print(
        f"1,000,000 hashes: {seconds:.1f} CPU s, {len(i)} pairs, {missed} of {many} planted missed, {memory() - before:.0f} MB more"
    )


def show(name: str, found: dict, ours: dict) -> None:
    """One row: CPU ms a picture, CPU s of pairing, both as ratios to ours."""
    pairs = "" if found["found"] is None else f"{len(found['found'])} pairs, {found['planted']} planted"
    print(f"{name:11} hashing {found['hashing']:7.2f} s ({found['hashing'] / ours['hashing']:5.1f}x)  "
          f"pairing {found['pairing']:8.3f} s ({found['pairing'] / ours['pairing']:8.0f}x)  +{found['mb']:.0f} MB  {pairs}")  # fmt: skip


def memory() -> float:
    """Peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)


if __name__ == "__main__":
    main()
