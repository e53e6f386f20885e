"""Pixels, and the way back from them.

Takes untrusted bytes, returns upright 8-bit RGB; takes a picture and an input size, returns the model's input and the
`Placement` that brings boxes back. `match_names` tells which image a name means. Guarantees that training, evaluation and serving place a picture the same way.
"""

from boxwright.images.counted import stated_format
from boxwright.images.draw import draw_boxes
from boxwright.images.exif import exif_camera, exif_time
from boxwright.images.measure import MEASURES, is_near_black, measure
from boxwright.images.names import NameMatches, match_names
from boxwright.images.placement import Placement
from boxwright.images.position import has_position, without_position
from boxwright.images.quiet import quiet_decoders
from boxwright.images.read import PictureHeader, check_size, read_header, read_picture, write_jpeg
from boxwright.images.resize import letterbox
from boxwright.images.size import stated_size

__all__ = [
    "MEASURES",
    "NameMatches",
    "PictureHeader",
    "Placement",
    "check_size",
    "draw_boxes",
    "exif_camera",
    "exif_time",
    "has_position",
    "is_near_black",
    "letterbox",
    "match_names",
    "measure",
    "quiet_decoders",
    "read_header",
    "read_picture",
    "stated_format",
    "stated_size",
    "without_position",
    "write_jpeg",
]
