"""Which pictures of a CVAT file a person has looked at: those that carry the tag `reviewed`.

CVAT's export lists every picture of a task and says nothing about the state of its jobs, so the list alone does not tell
"nothing here" from "not looked at". A file that does not know the tag was not made from our labels; then its list counts.
"""

from __future__ import annotations

from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from boxwright.errors import FormatError
from boxwright.review.hand_out import REVIEWED


def reviewed_pictures(data: bytes, *, name: str) -> set[str] | None:
    """Names of the pictures with the tag; None where the file does not know the tag.

    Raises:
        FormatError: it is no XML.
    """
    try:
        tree = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise FormatError(f"'{name}' cannot be read as XML ({error}); nothing was read. Export it again.") from error
    declared = any((label.findtext("name") or "").strip() == REVIEWED for label in tree.findall("meta/*/labels/label"))
    tagged = {
        image.get("name") or ""
        for image in tree.findall("image")
        if any((tag.get("label") or "").strip() == REVIEWED for tag in image.findall("tag"))
    }
    return tagged if declared or tagged else None
