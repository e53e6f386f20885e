"""Pages: what a person looks at.

Takes an artifact, returns one self-contained HTML text. Guarantees that a page asks nothing of the network (pictures
and plots are inside it), that it can be read without scripts, in print and in the dark, that every name in it is
escaped, and that no figure is computed here: what a page says is in the artifact.
"""

from boxwright.pages.comparison import comparison_page
from boxwright.pages.coverage import coverage_page
from boxwright.pages.diff import diff_page
from boxwright.pages.drift import drift_page
from boxwright.pages.leaks import leaks_page
from boxwright.pages.queue import queue_page
from boxwright.pages.report import report_page
from boxwright.pages.story import Chapter, Story, story_page
from boxwright.pages.suspects import suspects_page
from boxwright.pages.verdict import verdict_page

__all__ = [
    "Chapter",
    "Story",
    "comparison_page",
    "coverage_page",
    "diff_page",
    "drift_page",
    "leaks_page",
    "queue_page",
    "report_page",
    "story_page",
    "suspects_page",
    "verdict_page",
]
