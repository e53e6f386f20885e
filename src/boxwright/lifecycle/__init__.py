"""The loop. Read `turn.py` first: from data to a judged and promoted bundle, one line per stage.

`traffic.py` is the way back: events, drift, what people should look at; `reviewing.py` brings it to them and back.
`releasing.py` moves the name that servers follow; `stages.py` introduces the stages to each other.
"""

from boxwright.lifecycle.releasing import release, take_back
from boxwright.lifecycle.reviewing import (
    accept_answers,
    at_hand,
    export_queue,
    pictures_of,
    pull_answers,
    push_queue,
    read_answer_file,
)
from boxwright.lifecycle.stages import ROLLOUT, Stages, current_rollout, judged_ids, predict_dataset
from boxwright.lifecycle.traffic import Watched, round_due, select_for_review, watch_traffic
from boxwright.lifecycle.turn import Turned, turn

__all__ = [
    "ROLLOUT",
    "Stages",
    "Turned",
    "Watched",
    "accept_answers",
    "at_hand",
    "current_rollout",
    "export_queue",
    "judged_ids",
    "pictures_of",
    "predict_dataset",
    "pull_answers",
    "push_queue",
    "read_answer_file",
    "release",
    "round_due",
    "select_for_review",
    "take_back",
    "turn",
    "watch_traffic",
]
