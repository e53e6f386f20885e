"""XML of annotation tools: read in any encoding that it declares or that its first bytes show; entities and DTDs are refused.

The parser underneath knows UTF-8, UTF-16 and encodings of one byte a character; others (GB2312, Shift JIS) are decoded here.
https://www.w3.org/TR/xml/#charencoding
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from boxwright.errors import FormatError
from boxwright.ingestion.finding import read_bytes

_HEAD = 1 << 16  # bytes; a licence may stand before the first element
_NO_TEXT = (
    "idna",
    "punycode",
    "utf-7",
    "undefined",
    "unicode-escape",
    "unicode_escape",
    "raw-unicode-escape",
    "raw_unicode_escape",
)
_ENCODING = re.compile(rb"^\s*<\?xml[^>]*\bencoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"),
)  # fmt: skip


def parse_xml(path: Path, *, most: int) -> Element:
    """The root of an XML file of at most `most` bytes; FormatError when it cannot be read."""
    data = read_bytes(path, most=most)
    try:
        encoding = _encoding(data)
        return _without_namespaces(fromstring(data if encoding == "utf-8" else data.decode(encoding)))
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        hint = " Its text is not in UTF-8, and it declares no other encoding." if _is_undeclared(data) else ""
        raise FormatError(f"'{path}' cannot be read as XML ({error}).{hint}") from error


def begins_with(path: Path, tag: str) -> bool:
    """Whether an element of this name stands near the beginning of a file, in any namespace and case."""
    return re.search(rf"<(?:[\w.-]+:)?{tag}[\s/>]", xml_head(path), re.IGNORECASE) is not None


def _without_namespaces(root: Element) -> Element:
    """The tree with plain names of elements: the tools whose files are read know no namespaces, what rewrites their files may."""
    for node in root.iter():
        if isinstance(node.tag, str):
            node.tag = node.tag.rpartition("}")[2]
    return root


def xml_head(path: Path) -> str:
    """The first characters of a file, whatever its encoding."""
    with path.open("rb") as file:
        data = file.read(_HEAD)
    mark = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "latin-1")
    return data.decode(mark, errors="ignore")


def _encoding(data: bytes) -> str:
    """By the first bytes, else as declared. UTF-16 that is declared by a file of single bytes means UTF-8."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    declared = _ENCODING.match(data[:300])
    name = codecs.lookup(declared[1].decode()).name if declared else "utf-8"
    if name in _NO_TEXT:
        raise LookupError(f"'{name}' is no encoding of XML")
    return "utf-8-sig" if name.startswith(("utf-16", "utf-32")) else name


def _is_undeclared(data: bytes) -> bool:
    try:
        return _encoding(data) == "utf-8" and not data.decode()
    except UnicodeDecodeError:
        return True
    except LookupError:
        return False


def xml_text(text: str) -> str:
    """The text without the characters that XML 1.0 cannot hold."""
    return "".join(
        c for c in text if c in "\t\n\r" or 0x20 <= ord(c) < 0xD800 or 0xE000 <= ord(c) < 0xFFFE or ord(c) > 0xFFFF
    )
