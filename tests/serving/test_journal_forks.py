"""Two processes that came of one writer: each has numbers of its own, and a reader takes no record of one for one of the other."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from boxwright.serving import Journal
from boxwright.serving.journal.frame import Kind, encode
from boxwright.serving.journal.scan import read_frames
from tests.serving.journals import account, answer, numbers, only_segment

FORKED = """
import os, sys, threading
from pathlib import Path
from boxwright.errors import ServingError
from boxwright.serving.journal import Journal
from tests.disks import Failing
from tests.serving.journals import answer

disk = Failing(0, ("write",), from_then_on=True)
journal = Journal(Path(sys.argv[1]), fs=disk)
journal.append(answer(0))
disk.n = 1
journal.missed(5.0)
disk.mend()
held, go_on = threading.Event(), threading.Event()

def hold():
    with journal._lock:
        held.set()
        go_on.wait()

threading.Thread(target=hold, daemon=True).start()
held.wait()
child = os.fork()
begin = 100 if child else 200
go_on.set()
for number in range(begin, begin + 20):
    journal.append(answer(number))
journal.close()
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


def test_a_forked_process_writes_under_numbers_of_its_own(tmp_path: Path) -> None:
    """Both once gave the same numbers: of 41 acknowledged records 21 were read, and 20 called duplicates."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED, str(tmp_path)], cwd=Path(__file__).parents[2], timeout=60
    )
    assert done.returncode == 0
    assert sorted(numbers(tmp_path)) == [0, *range(100, 120), *range(200, 220)]
    found = account(tmp_path)
    assert (found.duplicates, found.lost, found.skipped_bytes, found.missed) == (0, 0, 0, 1)
    assert not list(tmp_path.glob("*.missed"))


def test_two_records_of_one_number_are_two_records(tmp_path: Path) -> None:
    """As a snapshot of a machine leaves them that was started twice; the same record once more is a duplicate."""
    journal = Journal(tmp_path)
    for number in range(4):
        journal.append(answer(number))
    journal.close()
    segment = only_segment(tmp_path)
    opening, first, second = list(read_frames(segment))[:3]
    other = [
        encode(Kind.RECORD, json.dumps(answer(number)).encode(), writer=opening.writer, epoch=0, seq=seq)  # type: ignore[union-attr]
        for number, seq in ((11, 1), (12, 2), (13, 3), (14, 4))
    ]
    before = segment.read_bytes()[: second.offset]
    for name in ("other", "copy-of-other"):
        (tmp_path / f"{name}.journal").write_bytes(before + b"".join(other))
    found = account(tmp_path)
    assert sorted(numbers(tmp_path)) == [0, 1, 2, 3, 11, 12, 13, 14]
    assert (found.lost, found.duplicates) == (0, 6)
    assert numbers(tmp_path)[0] == 0 and first.offset < second.offset
