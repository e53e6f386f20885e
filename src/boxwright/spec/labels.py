"""What annotations promise: how they are drawn, how they are read, what leaves them true, how far people must agree.

`boxwright labels guideline` renders these keys, with the classes', as the page people label by; `boxwright agree` judges the
last. What a rule leaves open is written in `notes`, in the words annotators will read.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from boxwright.spec.clause import GrownSection, Share

Note = Annotated[str, Field(min_length=1, max_length=500)]


class LabelClause(GrownSection):
    """How annotations are drawn and read, and what leaves them true."""

    later = ("box", "margin_px", "truncated", "occluded", "doubt", "agreement", "notes")

    flips: tuple[Literal["horizontal", "vertical", "transpose"], ...] = ("horizontal",)  # changes labels survive
    difficult: Literal["ignore", "keep"] = "ignore"  # VOC "difficult": not judged, or judged as any other
    crowd: Literal["ignore"] = "ignore"  # COCO iscrowd
    box: Literal["visible", "amodal"] = (
        "visible"  # tight around what can be seen, or around the whole object as it must be
    )
    margin_px: Annotated[float, Field(ge=0, le=100)] = 0.0  # left free around the object, on every edge
    truncated: Literal["draw", "leave_out"] = (
        "draw"  # objects the picture's border cuts: up to the border, or not at all
    )
    occluded: Literal["draw", "leave_out"] = "draw"  # objects behind others, from least_visible on; or not at all
    doubt: Literal["mark", "leave_out", "ask"] = "mark"  # mark as difficult, do not draw, or ask before drawing
    agreement: Share = 0.85  # least agreement of two annotators: Krippendorff's alpha, see docs/agree.md
    notes: tuple[Note, ...] = ()  # further rules, shown as they are
