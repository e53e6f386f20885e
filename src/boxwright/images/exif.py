"""What a camera wrote into its file about itself: maker and model, and when the image was taken. The position is not read."""

from __future__ import annotations

import io
import re
from datetime import datetime
from typing import Any

from PIL import Image

from boxwright.images.counted import check_counts, check_opened, stated_format

_MAKER, _MODEL, _EXIF, _TAKEN = 0x010F, 0x0110, 0x8769, 0x9003


def exif_camera(data: bytes) -> str:
    """Maker and model of the camera that took an encoded image, such as `DJI FC220`; empty where the file does not say."""
    try:
        with _opened(data) as image:
            tags = image.getexif()
        maker, model = _text(tags.get(_MAKER)), _text(tags.get(_MODEL))
    except Exception:
        return ""
    return model if maker and model.startswith(maker) else " ".join(part for part in (maker, model) if part)


def exif_time(data: bytes) -> str:
    """When an encoded image was taken, in ISO 8601 as the camera's clock showed it; empty where the file does not say."""
    try:
        with _opened(data) as image:
            taken = _text(image.getexif().get_ifd(_EXIF).get(_TAKEN))
        return datetime.strptime(taken, "%Y:%m:%d %H:%M:%S").isoformat()
    except Exception:
        return ""


def _opened(data: bytes) -> Image.Image:
    form = stated_format(data) or ""
    check_counts(data, form)
    image = Image.open(io.BytesIO(data), formats=(form,))
    check_opened(image, data)
    return image


def _text(value: Any) -> str:
    """A tag as one line of printable text of at most 60 characters."""
    return re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in str(value or ""))).strip()[:60]
