"""Reading a page as its reader does: tags, text, sections and rows of tables."""

from __future__ import annotations

import re
from html.parser import HTMLParser

HOSTILE = "<script>alert(1)</script>"
_VOID = {"meta", "input", "br", "img", "link"}


class Reader(HTMLParser):
    """Tags, attributes and text of a page; notes tags that do not close in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def row_after(page: str, heading: str) -> list[str]:
    """Texts of the cells of the table row whose head is `heading`."""
    for row in re.findall(r"<tr[^>]*>(.*?)</tr>", page, re.DOTALL):
        cells = [Reader(cell).text for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        if cells and cells[0] == heading:
            return cells[1:]
    raise AssertionError(f"no row '{heading}'")


def section(page: str, anchor: str) -> str:
    return page.split(f'id="{anchor}"', 1)[1].split("</section>", 1)[0]


def assert_sound(page: str) -> None:
    reader = Reader(page)
    assert not reader.crossed and not reader.open
    assert page.startswith("<!doctype html>") and '<html lang="en">' in page
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert sum(tag == "script" for tag, _ in reader.tags) == 1
    assert "None" not in reader.text and "nan" not in reader.text.lower().split()
