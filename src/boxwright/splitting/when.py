"""When a picture was taken: from EXIF, or from text as tables hold it, in seconds."""

from __future__ import annotations

import io
import math
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from boxwright.images.read import FORMATS

_EXIF = 0x8769
_TAKEN, _FRACTION, _OFFSET = 0x9003, 0x9291, 0x9011
_EXIF_FORM = "%Y:%m:%d %H:%M:%S"


def time_from_text(text: object) -> float:
    """Seconds since 1970 of a number, an ISO 8601 time or EXIF's form; NaN where it is none. Without a zone: UTC."""
    told = str(text).strip() if text is not None else ""
    try:
        seconds = float(told)
        return seconds if math.isfinite(seconds) else math.nan
    except ValueError:
        pass
    for read in (datetime.fromisoformat, lambda t: datetime.strptime(t, _EXIF_FORM)):
        try:
            moment = read(told)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            continue
    return math.nan


def time_from_exif(data: bytes) -> float:
    """Seconds since 1970 at which the camera says it took the picture; NaN where it does not say. Without a zone: UTC."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            tags = image.getexif().get_ifd(_EXIF)
        taken = time_from_text(tags.get(_TAKEN))
        fraction = str(tags.get(_FRACTION) or "").strip("\0 ")
        offset = str(tags.get(_OFFSET) or "").strip("\0 ")
    except Exception:
        return math.nan
    if fraction.isdigit():
        taken += float(f"0.{fraction}")
    return taken - _offset_s(offset)


def _offset_s(text: str) -> float:
    """Seconds east of UTC of `+02:00`; 0 where nothing is said."""
    try:
        zone = datetime.strptime(text, "%z").utcoffset() if text else None
    except ValueError:
        zone = None
    return zone.total_seconds() if zone else 0.0


def nearest_in_time(times: NDArray, among: NDArray, of: NDArray) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each position in `of` the position in `among` that is nearest in time, and how far it is; -1 and inf for none.

    Args:
        times: (n,) seconds, NaN where unknown.
        among, of: positions.
    """
    known = among[np.isfinite(times[among])]
    nearest, gap = np.full(len(of), -1, np.int64), np.full(len(of), np.inf)
    if not len(known):
        return nearest, gap
    known = known[np.argsort(times[known], kind="stable")]
    ordered = times[known]
    asked = np.flatnonzero(np.isfinite(times[of]))
    place = np.searchsorted(ordered, times[of[asked]])
    for side in (np.clip(place - 1, 0, len(known) - 1), np.clip(place, 0, len(known) - 1)):
        apart = np.abs(ordered[side] - times[of[asked]])
        better = apart < gap[asked]
        nearest[asked[better]], gap[asked[better]] = known[side[better]], apart[better]
    return nearest, gap
