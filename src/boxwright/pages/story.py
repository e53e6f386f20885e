"""One turn of the loop, told as a timeline: what happened, what it measured, and where to read more."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from boxwright.errors import InputError
from boxwright.pages.curves import rounds
from boxwright.pages.page import render
from boxwright.pages.views import thumbnail


@dataclass(frozen=True)
class Chapter:
    """One step.

    Attributes:
        title: what happened.
        text: how, in plain text; an empty line begins a paragraph.
        figures: (name, figure as it should be read).
        link: another page, relative to this one; None for none.
        pictures: (h, w, 3) uint8 RGB, shown small.
    """

    title: str
    text: str
    figures: tuple[tuple[str, str], ...] = ()
    link: str | None = None
    pictures: tuple[NDArray[np.uint8], ...] = ()

    def __post_init__(self) -> None:
        if self.link is not None and not _is_relative(self.link):
            raise InputError(
                f"Chapter '{self.title}' links to '{self.link}'; a page links only to pages beside it. "
                f"Give a relative path such as 'report.html'."
            )


@dataclass(frozen=True)
class Story:
    """What is told.

    Attributes:
        title, subtitle: of the page.
        chapters: in order of time.
        measure: (when, name to figure) in order of time, drawn as lines.
    """

    title: str
    subtitle: str
    chapters: tuple[Chapter, ...]
    measure: tuple[tuple[str, dict[str, float]], ...] = ()


def story_page(story: Story) -> str:
    """The page of a story."""
    plot, lines = rounds(story.measure) if story.measure else ("", [])
    chapters = [
        (
            chapter,
            [part.strip() for part in chapter.text.split("\n\n") if part.strip()],
            [thumbnail(p, label=f"{chapter.title}, picture {i + 1}") for i, p in enumerate(chapter.pictures)],
        )
        for chapter in story.chapters
    ]
    return render("story.html", story=story, chapters=chapters, plot=plot, legend_lines=lines)


def _is_relative(link: str) -> bool:
    """Whether a link stays in the folder of the page or below or beside it: no scheme, host or root."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    printable = link.isprintable() and link == link.strip() and "\\" not in link
    return printable and bool(link) and not parts.scheme and not parts.netloc and not link.startswith("/")
