"""Which frames a CVAT task has, and which image each frame is.

A task of a video takes every `step`-th frame from `start_frame` on (`<frame_filter>step=5</frame_filter>`); shapes give frames of
the video, and CVAT calls their images frame_000005. A job's start and stop count frames of its task. Images with other names are
taken in the order of their names where there are as many as frames and the order is beyond doubt.
https://docs.cvat.ai/docs/manual/advanced/xml_format/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from boxwright.errors import FormatError
from boxwright.ingestion.image_names import Finder, Wanted
from boxwright.ingestion.reading import Reading

_MOST_FRAMES = 1_000_000
_STEP = re.compile(r"\bstep\s*=\s*(\d{1,8})\b")
_STILL = re.compile(r"frame_(\d{6,9})", re.IGNORECASE)


@dataclass(frozen=True)
class Task:
    """What a file says of a task or job.

    Attributes:
        task_id, name, subset: as the file gives them, or empty.
        size_hw: of its frames, or None.
        count: frames, or None.
        start, step: first frame of the video, and from each to the next.
        stop: last frame, or None.
        of_job: start and stop count frames of the task, not of the video.
    """

    task_id: str = ""
    name: str = ""
    subset: str = ""
    size_hw: tuple[int, int] | None = None
    count: int | None = None
    start: int = 0
    step: int = 1
    stop: int | None = None
    of_job: bool = False

    @property
    def frames(self) -> range | None:
        """Numbers of its frames, or None where the file does not tell how many there are."""
        count = self.count
        if count is None and self.stop is not None:
            count = max((self.stop - self.start) // self.step + 1, 0)
        if count is None:
            return None
        start = self.start * self.step if self.of_job else self.start
        return range(start, start + count * self.step, self.step)


def tasks_of(tree: Element) -> list[Task]:
    """The tasks that `<meta>` declares; one without facts where it declares none."""
    nodes = [*tree.findall("meta/task"), *tree.findall("meta/job"), *tree.findall("meta/project/tasks/task")]
    return [_task(node) for node in nodes] or [Task()]


def _task(node: Element) -> Task:
    step = _STEP.search(node.findtext("frame_filter") or "")
    return Task(
        task_id=(node.findtext("id") or "").strip(),
        name=(node.findtext("name") or "").strip(),
        subset=(node.findtext("subset") or "").strip(),
        size_hw=size(node.findtext("original_size/height"), node.findtext("original_size/width")),
        count=whole(node.findtext("size")) or None,
        start=max(whole(node.findtext("start_frame")) or 0, 0),
        step=max(int(step[1]), 1) if step else 1,
        stop=whole(node.findtext("stop_frame")),
        of_job=node.tag == "job",
    )


def frames_of(reading: Reading, task: Task, given: set[int], finder: Finder, path: Path) -> Sequence[int]:
    """The numbers of a task's frames, rising; told where the shapes do not go with what the file declares.

    Args:
        reading: its problems grow.
        task: as declared.
        given: frames of its shapes.
        finder: of the images, whose names may tell frames.
        path: of the file.
    """
    stills = sorted(_stills(finder))
    frames = task.frames
    if frames is None and stills and given <= set(stills):
        return stills
    if frames is None:
        last = max((n - task.start) // task.step for n in given) if given else 0
        count = max(last + 1, 0 if stills else len(finder.pictures))
        frames = range(task.start, task.start + count * task.step, task.step)
    if not 0 < len(frames) <= _MOST_FRAMES:
        raise FormatError(
            f"'{path}' declares {len(frames)} frames; at most {_MOST_FRAMES} are read. Is its <size> right?"
        )
    if all(n in frames for n in given):
        return frames
    if given <= set(stills) and len(stills) == len(frames):
        message = "its shapes lie on other frames than <meta> declares, but on those of the images, which were taken"
        reading.problem("bad-frame", "warning", path.name, message)
        return stills
    return frames


def images_of(
    reading: Reading, task: Task, frames: Sequence[int], finder: Finder, path: Path, *, alone: bool
) -> list[Path | None]:
    """The image of each frame, None where there is none.

    Args:
        reading: its problems grow.
        task: whose frames they are.
        frames: their numbers.
        finder: of the images.
        path: of the file.
        alone: no other video is read with it.
    """
    folders = tuple(name for name in (task.name, path.stem) if name and "/" not in name and name not in (".", ".."))
    stills = _stills(finder)
    found: list[Path | None] = [None] * len(frames)
    if alone and len(stills) == len(frames) and stills - set(frames):
        why = f"the images are numbered {min(stills)} to {max(stills)}, and the frames {_numbered(frames)}"
        _tell_unclear(reading, why, path)
        return found
    if stills:
        rows = [row for row, n in enumerate(frames) if n in stills]
        wanted = [Wanted((f"frame_{frames[row]:06d}",), path, task.subset, folders) for row in rows]
        for row, at in zip(rows, finder.meet(reading, wanted), strict=True):
            found[row] = at
        return found
    hints = {name.casefold() for name in (task.subset, *folders) if name}
    mine = [p for p in finder.pictures if hints & {part.casefold() for part in p.relative_to(finder.folder).parts[:-1]}]
    pictures = mine or (finder.pictures if alone else [])
    if not pictures:
        return found
    texts = [p.relative_to(finder.folder).as_posix() for p in pictures]
    in_doubt = sorted(texts) != sorted(texts, key=_natural)
    if len(pictures) != len(frames) or in_doubt:
        why = (
            "their names sort differently as text and as numbers"
            if len(pictures) == len(frames)
            else f"there are {len(pictures)} images for {len(frames)} frames"
        )
        _tell_unclear(reading, f"{why}, and none is called frame_{frames[0]:06d}", path)
        return found
    return list(pictures)


def _tell_unclear(reading: Reading, why: str, path: Path) -> None:
    reading.problem(
        "bad-frame", "error", path.name,
        f"which image is which frame is not clear: {why}. Name the images by frame number, such as frame_000005; none was taken",
    )  # fmt: skip


def _numbered(frames: Sequence[int]) -> str:
    step = frames[1] - frames[0] if len(frames) > 1 else 1
    return f"{frames[0]} to {frames[-1]}" + (f" in steps of {step}" if step > 1 else "")


def _stills(finder: Finder) -> set[int]:
    """Frames that images are named after."""
    return {int(named[1]) for p in finder.pictures if (named := _STILL.fullmatch(p.stem))}


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() and len(part) < 19 else (-1, part) for part in re.split(r"(\d+)", text)]


def whole(text: str | None) -> int | None:
    """The whole number a text spells, or None."""
    try:
        number = int(text or "")
    except ValueError:
        return None
    return number if abs(number) < 1 << 62 else None


def size(height: str | None, width: str | None) -> tuple[int, int] | None:
    """Height and width, where both are whole and positive."""
    found = whole(height), whole(width)
    return (
        (found[0], found[1])
        if found[0] and found[1] and min(found[0], found[1]) > 0 and max(found[0], found[1]) < 1 << 31
        else None
    )
