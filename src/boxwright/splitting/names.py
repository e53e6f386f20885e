"""What file names say about groups: tiles of one photo, frames of one clip, copies of one original.

Many sets tell the group in the name and nowhere else: `DSC_1042_17kv1r16k_0` is tile 0 of a photo, `clip7_000123` a frame,
`x_jpg.rf.<32 hex>` one of several augmented copies. `group_from` reads it by a pattern; `guesses` looks for patterns that
part the names into groups worth the name. A guess is a suggestion: names alone prove nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from boxwright.errors import InputError
from boxwright.spec.metadata import bare, found_in
from boxwright.splitting.side_lists import side_of_path

_COUNTER = r"^(.+?)[_\-. ]*\d+$"
_PATTERNS = (
    ("copies made by Roboflow", r"^(.+)\.rf\.[0-9a-f]{6,64}$"),
    ("the name without its last number", r"^(.+)[_\-. ]\d+$"),
    ("the name without its last number", _COUNTER),
    ("the name without its last two numbers", r"^(.+?)[_\-. ]\d+[_\-. ]\d+$"),
    ("the beginning of the name", r"^([^_\-. ]+[_\-. ][^_\-. ]+)[_\-. ]"),
    ("the beginning of the name", r"^([^_\-. ]+)[_\-. ]"),
    ("the folder", r"^(.*)/[^/]*$"),
)
_LEAST_GROUPS = 3
_LEAST_SHARE = 0.5  # of the pictures that must be in a group of two or more


@dataclass(frozen=True)
class Guess:
    """A pattern that parts names into groups.

    Attributes:
        pattern: for `--group-from`.
        about: in words.
        groups: (n,) group of each name; None where the pattern does not fit.
        count: groups of two or more.
    """

    pattern: str
    about: str
    groups: tuple[str | None, ...]
    count: int


def group_from(file_names: Sequence[str], pattern: str) -> list[str | None]:
    """(n,) what a pattern finds in each name: its groups joined by `/`, or the whole match; None where it finds nothing.

    The pattern is searched in the path without its ending.

    Raises:
        InputError: the pattern is no regular expression, or fits no name.
    """
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError(f"'{pattern}' is no regular expression: {error}.") from error
    found = [found_in(compiled, bare(name)) for name in file_names]
    if not any(found):
        raise InputError(
            f"The pattern '{pattern}' fits none of {len(found)} names, the first '{file_names[0] if file_names else ''}'."
        )
    return found


def guesses(file_names: Sequence[str]) -> list[Guess]:
    """Patterns that part most names into three or more groups of several pictures, the finest first."""
    kept: dict[tuple[str | None, ...], Guess] = {}
    names = [bare(name) for name in file_names]
    for about, pattern in _PATTERNS:
        of_folder = about == "the folder"
        compiled = re.compile(pattern)
        told = [found_in(compiled, name if of_folder else PurePosixPath(name).name) for name in names]
        if of_folder:
            told = [None if one is None or side_of_path(f"{one}/x") else one for one in told]
        sizes = Counter(one for one in told if one is not None)
        several = {group: size for group, size in sizes.items() if size > 1}
        enough = sum(several.values()) >= _LEAST_SHARE * len(names)
        if len(several) < _LEAST_GROUPS or not enough or max(several.values()) > 0.5 * len(names):
            continue
        shown = pattern if of_folder else pattern.replace("^", "(?:^|/)", 1).replace("(.+", "([^/]+", 1)
        kept.setdefault(tuple(told), Guess(shown, about, tuple(told), len(several)))
    return sorted(kept.values(), key=lambda guess: -guess.count)
