"""The loop. Read `turn.py` first: from data to a judged and promoted bundle, one line per stage.

`traffic.py` is the way back: events, drift, review, corrections. `stages.py` introduces the stages to each other.
"""

from boxwright.lifecycle.stages import ROLLOUT, Stages, current_rollout, judged_ids, predict_dataset
from boxwright.lifecycle.traffic import (
    Watched,
    accept_answers,
    export_queue,
    round_due,
    select_for_review,
    watch_traffic,
)
from boxwright.lifecycle.turn import Turned, turn

__all__ = [
    "ROLLOUT",
    "Stages",
    "Turned",
    "Watched",
    "accept_answers",
    "current_rollout",
    "export_queue",
    "judged_ids",
    "predict_dataset",
    "round_due",
    "select_for_review",
    "turn",
    "watch_traffic",
]
