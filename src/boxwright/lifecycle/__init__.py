"""The loop. Read `turn.py` first: from data to a judged and promoted bundle, one line per stage.

`traffic.py` is the way back: events, drift, what people should look at; `reviewing.py` brings it to them and back, `review_log.py`
remembers what became of it, `undo.py` takes a wrong accept back, `unseen.py` keeps boxes that no reviewer was shown. `releasing.py` moves the name that servers follow, once
`evidence/` has decided again on what is stored;
`stages.py` introduces the stages to each other.
"""

from boxwright.lifecycle.releasing import check_verdict, following, promoted, release, take_back
from boxwright.lifecycle.review_log import answered_pictures, note, note_skipped, refuse_withdrawn, withdrawn
from boxwright.lifecycle.reviewing import (
    Accepted,
    AnswerFile,
    accept_answers,
    at_hand,
    export_queue,
    pictures_of,
    pull_answers,
    push_queue,
    read_answer_file,
)
from boxwright.lifecycle.stages import ROLLOUT, Stages, current_rollout, judged_ids, predict_dataset, same_data
from boxwright.lifecycle.traffic import Watched, round_due, select_for_review, watch_traffic
from boxwright.lifecycle.turn import Turned, turn
from boxwright.lifecycle.undo import Undone, undo
from boxwright.lifecycle.unseen import refuse_unseen

__all__ = [
    "ROLLOUT",
    "Accepted",
    "AnswerFile",
    "Stages",
    "Turned",
    "Undone",
    "Watched",
    "accept_answers",
    "answered_pictures",
    "at_hand",
    "check_verdict",
    "current_rollout",
    "export_queue",
    "following",
    "judged_ids",
    "note",
    "note_skipped",
    "pictures_of",
    "predict_dataset",
    "promoted",
    "pull_answers",
    "push_queue",
    "read_answer_file",
    "refuse_unseen",
    "refuse_withdrawn",
    "release",
    "round_due",
    "same_data",
    "select_for_review",
    "take_back",
    "turn",
    "undo",
    "watch_traffic",
    "withdrawn",
]
