"""What a long page holds, once: the table of contents and the sections are made of the same list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """A section.

    Attributes:
        anchor: where links lead; also the name of its template.
        title: its heading.
        short: its name in the table of contents.
        template: of its body.
    """

    anchor: str
    title: str
    short: str
    template: str


@dataclass(frozen=True)
class Part:
    """Sections that answer one question.

    Attributes:
        question: as a reader would ask it.
        sections: in order; none is a part that is left out.
    """

    question: str
    sections: tuple[Section, ...]


def parts(page: str, questions: Iterable[tuple[str, Iterable[tuple[str, str, str, object]]]]) -> list[Part]:
    """Parts of a page, without the sections that have nothing to show.

    Args:
        page: folder of the sections' templates.
        questions: question to (anchor, title, short, shown) of its sections; left out where `shown` is empty.
    """
    found = [
        Part(
            question,
            tuple(Section(a, title, short, f"{page}/{a}.html") for a, title, short, shown in sections if shown),
        )
        for question, sections in questions
    ]
    return [part for part in found if part.sections]
