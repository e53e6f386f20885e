"""What is declared of the images themselves, because their files do not say it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from boxwright.spec.document import Section


class ImageClause(Section):
    """How the files of the images are read."""

    bit_depth: Annotated[int, Field(ge=1, le=32)] | None = None  # bits used of samples of more than 8 bits; None: all
