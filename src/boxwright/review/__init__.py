"""Review: people look at what the detector should not decide alone.

Takes events and the reference, returns a `ReviewQueue` with due times; takes answers, returns `Corrections`. Guarantees
that part of every queue is drawn at random (so that figures may rest on it), that no camera starves the others, that
an answer belongs to an item of the queue, and that what was proposed is no answer until a person has looked. In between, a queue goes to people as a folder (`hand_out`) or into Label
Studio (`push`, `pull_tasks`, `answers_of_tasks`); what comes back is checked like any stranger's file.
"""

from boxwright.review.accept import Answer, accept
from boxwright.review.answer_file import answers_as_coco, beside_coco
from boxwright.review.changed import COUNTS, Change, Weighed, weigh
from boxwright.review.connection import Connection
from boxwright.review.cvat_tags import reviewed_pictures
from boxwright.review.hand_out import REVIEWED, Form, HandedOut, hand_out
from boxwright.review.label_studio import Pulled, answers_of_tasks, tasks_of_export
from boxwright.review.project import Pushed, pull_tasks, push
from boxwright.review.question import Look, questions
from boxwright.review.select import Answering, AtHand, Known, select

__all__ = [
    "COUNTS",
    "REVIEWED",
    "Answer",
    "Change",
    "Connection",
    "Form",
    "HandedOut",
    "Look",
    "Pulled",
    "Pushed",
    "Weighed",
    "accept",
    "answers_as_coco",
    "answers_of_tasks",
    "beside_coco",
    "hand_out",
    "pull_tasks",
    "push",
    "questions",
    "reviewed_pictures",
    "Answering",
    "AtHand",
    "Known",
    "select",
    "tasks_of_export",
    "weigh",
]
