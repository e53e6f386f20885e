"""Run as a program: many processes at once move the name that servers follow.

    python movers.py STORE MANY SEED VERDICT...

Every third one rolls back, every third one releases as `turn` does at its end, the others promote. Each is a process of its own,
forked before Lance and the runtime start their threads; all begin at the same moment. A JSON object per process goes to stdout: what
it tried, the rollout it made or found, or what it was told.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from boxwright.artifacts import Verdict
from boxwright.errors import NameMoved, NotReleasable
from boxwright.lifecycle import current_rollout, release, take_back
from boxwright.lifecycle.turn import release_if_passing
from boxwright.store import Store


def move(store: Store, number: int, verdicts: list[str], rng: random.Random) -> dict[str, object]:
    """One process: what it tried and what came of it."""
    what = ("promote", "turn", "rollback")[number % 3]
    time.sleep(rng.uniform(0, 0.2))
    verdict = store.get(rng.choice(verdicts), Verdict)
    set_out = current_rollout(store)
    try:
        if what == "rollback":
            made = take_back(store, reason=f"process {number}")
        elif what == "turn":
            made = release_if_passing(store, verdict, lambda _: None, set_out)
            assert made is not None
        else:
            made = release(store, verdict, reason=f"process {number}")
    except NameMoved as error:
        return {"what": what, "outcome": "lost", "told": str(error)}
    except NotReleasable as error:
        return {"what": what, "outcome": "refused", "told": str(error)}
    return {"what": what, "outcome": "done", "rollout": made.digest}


def main(folder: str, many: int, seed: int, verdicts: list[str]) -> None:
    """Fork them all, let them go at once, wait for them all."""
    reading, writing = os.pipe()
    children = []
    for number in range(many):
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)  # returns when the parent closes its end
            found = move(Store(folder), number, verdicts, random.Random(1000 * seed + number))
            os.write(1, (json.dumps(found) + "\n").encode())
            os._exit(0)
        children.append(child)
    os.close(writing)
    failed = sum(os.waitpid(child, 0)[1] != 0 for child in children)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
