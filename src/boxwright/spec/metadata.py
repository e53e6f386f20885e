"""What the spec reads off the files themselves at ingestion: a part of the file's name, the camera and the time in its EXIF.

Many datasets tell the photo, clip or line in the file name and nowhere else. A clause here makes it a condition that comes
with the images, so that `split.group_by` can keep it together and `conditions` can slice by it. What the annotation file or
`--conditions` says under the same name leads.

A pattern is the user's own and is trusted: one with a repetition inside a repetition, such as `(a+)+$`, may take hours on a long name.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Literal

from pydantic import model_validator

from boxwright.spec.clause import Name, Value
from boxwright.spec.document import Section


class MetadataClause(Section):
    """One condition that is read off each file."""

    name: Name  # of the condition
    source: Literal["file_name", "exif_camera", "exif_time"] = "file_name"  # maker and model; when it was taken
    pattern: Value | None = None  # with file_name: regular expression searched in the path without its ending

    @model_validator(mode="after")
    def _pattern_fits(self) -> MetadataClause:
        if (self.source == "file_name") != (self.pattern is not None):
            raise ValueError(f"'{self.name}': a pattern goes with source: file_name, and only with it")
        try:
            re.compile(self.pattern or "")
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"'{self.name}': '{self.pattern}' is not a regular expression: {error}") from error
        return self

    def of_name(self, file_name: str) -> str:
        """What the pattern finds in a file's name; the name itself where it finds nothing, so that it is a group alone."""
        name = bare(file_name)
        return found_in(re.compile(self.pattern or ""), name) or name


def bare(name: str) -> str:
    """The path without its ending, with slashes."""
    path = name.replace("\\", "/")
    suffix = PurePosixPath(path).suffix
    known = 1 < len(suffix) <= 5 and not suffix[1:].isdigit()
    return path[: -len(suffix)] if known else path


def found_in(pattern: re.Pattern[str], name: str) -> str | None:
    """The pattern's groups joined by `/`, or the whole match; None where it finds nothing."""
    match = pattern.search(name)
    if match is None:
        return None
    told = [part for part in match.groups() if part] if pattern.groups else [match[0]]
    return "/".join(told) or None
