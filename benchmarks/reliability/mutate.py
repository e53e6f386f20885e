"""Mutated inputs: bytes turned, cut, repeated and spliced; values of JSON and YAML replaced by those that readers forget."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.5, -0.0, 1e308, -1e308, float("nan"), float("inf"), 10**19, -(10**19), 10**400, 2**31, 2**63, "",
    "0", "-1", "nan", "a", "../../etc/passwd", "/etc/passwd", "\0", "\x1b[2J", "\u202e", "x" * 2_000, "\ud800", [], {}, [[]], [None],
    {"a": {}}, [0, 0, 0, 0], [1, 2, 3], "2026-01-01", "01", 1e-320,
)  # fmt: skip
TOKENS = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"'", b"\\", b"\n", b"\r\n", b"\t", b"\0", b"-", b"---\n", b"&a ", b"*a", b"<<: ", b"!!binary ",
    b"NaN", b"Infinity", b"1e999", b"null", b"true", b".inf", b"0x", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf0\x9f\x92\xa9",
    b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"&a;", b"<![CDATA[", b"]]>", b"<!--", b"<", b">", b"</", b"%", b"%s", b"9" * 50, b"-1", b"0",
)  # fmt: skip
Mutator = Callable[[bytes, Sequence[bytes], random.Random], bytes]


def of_bytes(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """One to eight changes that know nothing of a format."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        at = rng.randrange(len(found) + 1)
        kind = rng.randrange(8)
        if kind == 0 and found:
            found[at % len(found)] ^= 1 << rng.randrange(8)
        elif kind == 1 and found:
            found[at % len(found)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2:
            del found[at:]
        elif kind == 3:
            del found[at : at + rng.randrange(1, 64)]
        elif kind == 4:
            found[at:at] = found[at : at + rng.randrange(1, 256)] * rng.choice((1, 2, 16))
        elif kind == 5:
            other = rng.choice(seeds)
            found[at:] = other[rng.randrange(len(other) + 1) :]
        elif kind == 6:
            found[at:at] = rng.choice(TOKENS)
        else:
            found[at : at + 4] = rng.choice(
                (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\1\0\0\0")
            )
    return bytes(found)


def of_json(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """A value, key or list of a JSON document replaced, left out, repeated or nested; a change of bytes where it is not JSON."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return of_bytes(data, seeds, rng)
    if rng.random() < 0.25:
        return of_bytes(data, seeds, rng)
    for _ in range(rng.choice((1, 1, 2, 4))):
        tree = _changed(tree, rng)
    return json.dumps(tree, ensure_ascii=rng.random() < 0.5).encode(errors="surrogatepass")


def _changed(tree: Any, rng: random.Random) -> Any:
    places: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting and len(places) < 3_000:
        one = waiting.pop()
        if isinstance(one, dict | list):
            keys = list(one) if isinstance(one, dict) else list(range(len(one)))
            places += [(one, key) for key in keys]
            waiting += [one[key] for key in keys]
    if not places:
        return copy.deepcopy(rng.choice(VALUES))
    holder, key = rng.choice(places)
    kind = rng.randrange(6)
    if kind <= 2:
        holder[key] = copy.deepcopy(rng.choice(VALUES))
    elif kind == 3:
        del holder[key]
    elif kind == 4:
        other, at = rng.choice(places)
        holder[key] = (
            json.loads(json.dumps(other[at]))
            if at in (other if isinstance(other, dict) else range(len(other)))
            else None
        )
    elif isinstance(holder, list):
        holder += [copy.deepcopy(holder[key]) for _ in range(rng.choice((1, 3, 100)))]
    else:
        holder[str(rng.choice(VALUES))[:200]] = copy.deepcopy(holder[key])
    if rng.random() < 0.02:
        deep: Any = 0
        for _ in range(rng.choice((30, 200))):
            deep = [deep]
        holder[key if isinstance(holder, dict) else slice(0, 0)] = deep if isinstance(holder, dict) else [deep]
    return tree
