"""Where one server process writes: a record per answer, before the answer leaves.

`append` either returns, and the record can be read from then on, whatever happens to the process; or it raises, and the answer must not
be released as if it were recorded. A write that fails is cut back; where that fails too, the segment is left and a new one begun.
Nothing has to be done after a failure: the next append tries anew, and `probe` does so without an answer to record.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from boxwright.errors import ServingError
from boxwright.serving.journal import forks, pictures, retention
from boxwright.serving.journal.frame import MAX_PAYLOAD_BYTES, SIGNATURE, Kind, encode
from boxwright.serving.journal.missed import Missed, MissedFile, take_over
from boxwright.serving.journal.pictures import kept_picture
from boxwright.serving.journal.retention import KEEPING, Keeping, Trimmed
from boxwright.serving.journal.segments import ENDING, OpenSegment, following, sizes_of
from boxwright.serving.journal.troubles import Troubles, why
from boxwright.store.clock import Clock
from boxwright.store.fs import Fs, make_folders, present_fs, sync_names

SEGMENT_BYTES = 64 << 20
MAX_RECORD_BYTES = MAX_PAYLOAD_BYTES
FLOOR_BYTES = 256 << 20
_MOST_WAITING = 100  # accounts of deletions that wait for a disk that takes writes
_WITNESS_S = 0.8 * retention.DAY_S  # after which `trim` begins a segment, so that there is one of every day
_TRIES = 10  # a new segment is begun anew where the one before was deleted under our hands
log = logging.getLogger("boxwright.serving")


class Journal:
    """The records and pictures of one process; safe for threads.

    Args:
        folder: of all segments; each process opens segments of its own.
        flush_to_disk: wait for the disk at every record and picture.
        segment_bytes: begin a new segment beyond this.
        keeping: what `trim` keeps.
        floor_bytes: with less room on the disk no picture is kept, so that records still find some.
        fs, clock: the disk and the time; for tests.

    Raises:
        ServingError: the folder cannot be made or written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        flush_to_disk: bool = False,
        segment_bytes: int = SEGMENT_BYTES,
        keeping: Keeping = KEEPING,
        floor_bytes: int = FLOOR_BYTES,
        fs: Fs | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.folder = folder
        self._fs, self._clock = fs or present_fs(), clock or Clock()
        self._flush, self._most, self._floor = flush_to_disk, segment_bytes, floor_bytes
        self._keeping = keeping
        self._lock = threading.Lock()
        self._writer, self._epoch, self._seq, self._opened, self._begun_at = secrets.randbits(64), 0, 0, 0, 0.0
        self._segment: OpenSegment | None = None
        self._closed = False
        self._troubles = Troubles(self._clock)
        self._missed_records = self._pictures_left_out = 0
        self._waiting: list[tuple[Kind, bytes]] = []  # what is to be written before the next record
        self._own = Missed(self._name)
        self._names_synced = False  # whether the folders' own names are on the disk, as far as we know
        try:
            self._make_folders()
            sizes = list(sizes_of(folder))
            self._segments, self._bytes = len(sizes), sum(sizes)
            self._segment = self._begin()
        except OSError as error:
            raise ServingError(f"The journal in '{folder}' cannot be opened: {why(error)}.") from error
        self._missed_file = MissedFile(self._fs, folder, self._name)
        self._missed_file.renew(self._own)
        forks.watch(self)
        with suppress(OSError):
            take_over(self._fs, folder, self._name, lambda missed: self._write(Kind.GAP, missed.as_json()))

    # -- writing

    def append(self, record: dict[str, Any]) -> None:
        """Write one record; it will be found again when this returns.

        Raises:
            ServingError: it could not be written, and the answer must not be released as if it were.
        """
        try:
            payload = json.dumps(record, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, TypeError, RecursionError) as error:
            raise ServingError(f"A record is not what JSON can say and was not written: {error}.") from error
        if len(payload) > MAX_RECORD_BYTES:
            raise ServingError(f"A record of {len(payload)} bytes was not written; at most {MAX_RECORD_BYTES} are.")
        with self._lock, self._troubles.writing():
            if self._closed:
                raise ServingError(f"The journal in '{self.folder}' is closed; nothing more is written.")
            try:
                self._write_what_waits()
                self._write(Kind.RECORD, payload)
            except OSError as error:
                self._troubles.note(error, "records")
                raise ServingError(f"The journal in '{self.folder}' cannot be written: {why(error)}.") from error
            self._troubles.over("records")

    def keep_picture(self, data: bytes, digest: str) -> bool:
        """Keep the encoded picture under its digest; whether it is kept: not where the disk is nearly full.

        Raises:
            ServingError: it could not be written.
        """
        path = kept_picture(self.folder, digest)
        try:
            with self._troubles.writing():
                self._make_folders()
                room = self._fs.free_bytes(path.parent) >= self._floor + len(data)
                grown = pictures.keep(self._fs, path, data, now=self._clock.wall(), flush=self._flush) if room else 0
            if not room:
                with self._lock:
                    self._pictures_left_out += 1
                return False
        except OSError as error:
            self._troubles.note(error, "pictures")
            raise ServingError(f"A picture cannot be kept in '{path.parent}': {why(error)}.") from error
        with self._lock:
            self._bytes += grown
            self._troubles.over("pictures")
        return True

    def missed(self, at: float) -> None:
        """Note that an answer was given without a record; a gap is written down before the next record.

        Args:
            at: when, seconds since 1970.
        """
        with self._lock:
            self._own.add(at, self._troubles.last_error or "")
            self._missed_records += 1
            if self._closed:  # an answer that was on its way: the next process writes it down
                self._missed_file.renew(self._own)
                self._missed_file.close(empty=False)
            else:
                self._missed_file.note(self._own)

    def probe(self) -> bool:
        """Whether the disk takes records and pictures now: where it did not, it is tried, with what waits to be written or a probe."""
        if self._troubles.hang:
            return False  # whoever asks would hang, too
        with self._lock:
            if self._closed:
                return False
            try:
                away = self._segment is not None and not self._segment.in_place(look=True)
                if away:
                    self._leave()
                if away or self._troubles.of("records") or self._own.count or self._waiting:
                    if not self._write_what_waits():
                        self._write(Kind.PROBE, b"{}")
                    self._troubles.over("records")
            except OSError as error:
                self._troubles.note(error, "records")
                return False
            failing = self._troubles.of("pictures")
        if failing:
            probe = self.folder / pictures.FOLDER / f".probe.{secrets.token_hex(8)}"
            try:
                self._make_folders()
                pictures.keep(self._fs, probe, b"probe", now=self._clock.wall(), flush=self._flush)
                self._fs.unlink(probe)
            except OSError as error:
                self._troubles.note(error, "pictures")
                return False
            with self._lock:
                self._troubles.over("pictures")
        return True

    def trim(self) -> Trimmed:
        """Delete what is too old or too much, write down what was, and look how much is there.

        Raises:
            ServingError: the folder cannot be read, or something that should go cannot be deleted.
        """
        now = self._clock.wall()
        with self._lock:
            if self._segment is not None and abs(now - self._begun_at) > _WITNESS_S:
                self._change_segment()  # a moment that ages can be told by
        try:
            chosen, segments = retention.choose(self._fs, self.folder, self._keeping, now=now)
        except OSError as error:
            raise ServingError(f"The journal in '{self.folder}' cannot be read: {why(error)}.") from error
        stayed: dict[str, str] = {}
        if chosen.segments or chosen.pictures:
            known = secrets.token_hex(8)
            account = {"account": known, **chosen.as_json(now, lambda segment: following(segment, segments))}
            log.info("the journal deletes %d segments and %d pictures", len(chosen.segments), len(chosen.pictures))
            with self._lock:
                if not self._closed:
                    self._waiting = [*self._waiting[-_MOST_WAITING:], (Kind.RETENTION, json.dumps(account).encode())]
                    with suppress(OSError):  # a full disk takes it once something was deleted
                        self._write_what_waits()
            stayed_segments, stayed_pictures = retention.delete(self._fs, chosen)
            stayed = stayed_pictures | stayed_segments
            if stayed_segments:
                withdrawn = json.dumps({"account": known, "at": now, "withdrawn": sorted(stayed_segments)}).encode()
                with self._lock:
                    self._waiting.append((Kind.RETENTION, withdrawn))
        with self._lock:
            self._segments, self._bytes = chosen.kept_segments, chosen.kept_bytes
            with suppress(OSError):
                if not self._closed:
                    self._write_what_waits()
        if stayed:
            first, reason = next(iter(stayed.items()))
            raise ServingError(
                f"{len(stayed)} files of the journal in '{self.folder}' cannot be deleted ({first}: {reason})."
            )
        return chosen

    def close(self) -> None:
        """Close the segment; what threads append from now on is refused."""
        with self._lock:
            if self._closed:
                return
            with suppress(OSError):
                self._write_what_waits()
            if self._segment is not None:
                with suppress(OSError):  # says how many records there should be
                    self._segment.append(self._frame(Kind.CLOSING, b"{}"))
                self._segment.close()
                self._segment = None
            self._missed_file.close(empty=not self._own.count)
            self._closed = True

    def become_another_writer(self) -> None:
        """In a forked process: go on with numbers and files of its own, and leave those of the process it was forked from alone.

        Both would otherwise give the same numbers to different records, and cut each other's records back. What waited to be written is
        for the other process to write.
        """
        self._lock = threading.Lock()  # a thread that is not here may hold the other one
        self._leave_files()
        self._writer, self._epoch, self._seq, self._opened = secrets.randbits(64), 0, 0, 0
        self._waiting, self._own = [], Missed(self._name)
        self._missed_file = MissedFile(self._fs, self.folder, self._name)

    # -- what readiness and metrics ask

    @property
    def writable(self) -> bool:
        """Whether the last record, and the last picture, could be written, and no write hangs; `probe` finds out anew."""
        return self._troubles.none and not self._closed

    @property
    def last_error(self) -> str | None:
        """What the disk said when it last refused a write; None where it never did."""
        return self._troubles.last_error

    @property
    def missed_records(self) -> int:
        """Answers without a record since this journal was opened."""
        return self._missed_records

    @property
    def pictures_left_out(self) -> int:
        """Pictures that were not kept because the disk was nearly full."""
        return self._pictures_left_out

    @property
    def bytes(self) -> int:
        """Bytes of all segments and pictures: as the last `trim` found them, and what was written since by this process."""
        return self._bytes

    @property
    def segments(self) -> int:
        """How many segments there are; see `bytes`."""
        return self._segments

    # -- under the lock

    def _write_what_waits(self) -> bool:
        """Write the gap and the accounts of deletions that a failing disk held up; whether there was any."""
        any_waits = bool(self._own.count or self._waiting)
        if self._own.count:
            self._write(Kind.GAP, self._own.as_json())
            self._own = Missed(self._name, self._own.number + 1)
            self._missed_file.note(self._own)
        while self._waiting:
            self._write(*self._waiting[0])
            del self._waiting[0]
        return any_waits

    def _write(self, kind: Kind, payload: bytes) -> None:
        """OSError: the frame is not in the journal, and the next one can be tried at once."""
        if self._segment is not None and not self._segment.in_place():
            self._leave()
        for _ in range(_TRIES):
            if self._written(self._frame(kind, payload)):
                return
            self._leave()
        raise OSError("the segment is deleted whenever it is written")

    def _written(self, frame: bytes) -> bool:
        """Whether the frame is in the journal: not where the segment was deleted meanwhile. OSError: the disk refused it."""
        if self._segment is None:
            self._segment = self._begin()
            self._missed_file.renew(self._own)
        elif self._segment.size + len(frame) > self._most:
            self._change_segment()
        try:
            self._segment.append(frame)
        except BaseException:
            if not self._segment.usable:
                self._abandon()
            raise
        if self._segment.deleted():
            return False
        self._bytes += len(frame)
        self._seq += 1
        return True

    def _leave_files(self) -> None:
        """Close what is open, and let it lie."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        self._missed_file.close(empty=False)

    def _leave(self) -> None:
        """Leave a segment that was deleted or moved; what it had is known, so the numbers go on and say what is missing."""
        if self._segment is not None:
            log.warning("the segment %s is not in its place any more; a new one is begun", self._segment.path)
            self._segment.close()
            self._segment = None

    def _change_segment(self) -> None:
        """Go on in a new segment; where none can be begun, in the present one."""
        try:
            fresh = self._begin()
        except OSError as error:
            self._troubles.note(error)
            return
        if self._segment is not None:
            self._segment.close()
        self._segment = fresh

    def _abandon(self) -> None:
        """Leave a segment whose end is not known; its last number may be there or not, so the numbers begin anew."""
        if self._segment is not None:
            self._segment.close()
        self._segment, self._epoch, self._seq = None, self._epoch + 1, 0

    def _begin(self) -> OpenSegment:
        for attempt in range(1, _TRIES + 1):
            self._make_folders()
            try:
                return self._begin_once()
            except FileNotFoundError:  # another process deleted it, or the folder
                if attempt == _TRIES:
                    raise
        raise AssertionError

    def _begin_once(self) -> OpenSegment:
        now = self._clock.wall()
        name = f"{int(now * 1e9):020d}-{self._name}-{self._opened:06d}{ENDING}"
        said = {"format": 2, "writer": self._name, "at": now, "process": os.getpid()}
        begin = SIGNATURE + self._frame(Kind.OPENING, json.dumps(said).encode())
        self._opened, self._begun_at = self._opened + 1, now
        fresh = OpenSegment(self._fs, self.folder / name, begin, flush=self._flush)
        self._segments, self._bytes = self._segments + 1, self._bytes + fresh.size
        return fresh

    def _make_folders(self) -> None:
        """The journal's folders, made again where somebody took them away; with `flush_to_disk` their names are on the disk, too."""
        folder = self.folder / pictures.FOLDER
        if not folder.is_dir():
            self._names_synced = False
            for missing in (self.folder, folder):
                make_folders(self._fs, missing, mode=0o700, sync=False)
        if self._flush and not self._names_synced:
            sync_names(self._fs, folder)
            self._names_synced = True

    def _frame(self, kind: Kind, payload: bytes) -> bytes:
        return encode(kind, payload, writer=self._writer, epoch=self._epoch, seq=self._seq)

    @property
    def _name(self) -> str:
        return f"{self._writer:016x}"
