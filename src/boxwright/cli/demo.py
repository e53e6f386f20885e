"""`boxwright demo`: the story most projects live, on a generated packing line, every figure measured as it is told.

Trained and judged on summer, served, and then the season and the packaging change. The monitor says so, review finds the
cases, labels return, the next turn passes the gate, and the running server takes the new bundle.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from boxwright.artifacts import Dataset, ReviewQueue
from boxwright.cli.documents import SetOption, read_both
from boxwright.cli.packing_line import answer_of, ask, await_bundle, judge_answers, served, write_frames
from boxwright.cli.pictures import pictures_of_store
from boxwright.cli.progress import Bars, say
from boxwright.cli.terminal import JsonOption, give, write_page
from boxwright.images import read_picture
from boxwright.ingestion import ingest
from boxwright.lifecycle import Turned, Watched, accept_answers, select_for_review, turn, watch_traffic
from boxwright.pages import Chapter, Story, drift_page, queue_page, report_page, story_page, verdict_page
from boxwright.serving import kept_picture
from boxwright.spec import Spec
from boxwright.store import Store, write_bytes
from boxwright.synthesis import Frame, packing_line


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("demo")(demo)


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for everything the demo makes.")] = Path("build/demo"),
    frames: Annotated[
        int, typer.Option("--frames", min=60, help="Summer pictures to learn from and to be judged on.")
    ] = 360,
    traffic: Annotated[int, typer.Option("--traffic", min=40, help="Pictures of one season that are served.")] = 200,
    recipe: Annotated[Path | None, typer.Option("--recipe", help="Another recipe.yaml.")] = None,
    spec: Annotated[Path | None, typer.Option("--spec", help="Another spec.yaml with the demo's classes.")] = None,
    values: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell the whole story on generated data; run again after an interruption to go on."""
    begin = time.monotonic()
    for name, given in (("spec.yaml", spec), ("recipe.yaml", recipe)):
        room = "boxwright.spec" if name == "spec.yaml" else "boxwright.training"
        text = given.read_bytes() if given else files(room).joinpath(name.replace(".", ".example.", 1)).read_bytes()
        write_bytes(out / name, text)
    told = _Telling(out, *read_both(out / "spec.yaml", out / "recipe.yaml", values))
    result = told.tell(frames, traffic)
    result["seconds"] = round(time.monotonic() - begin, 1)
    give(result, as_json=as_json, lines=_lines(result))


@dataclass
class _Telling:
    """The story as it is told: what exists so far, and the chapters written."""

    out: Path
    spec: Spec
    recipe: Any
    chapters: list[Chapter] = field(default_factory=list)
    measured: list[tuple[str, dict[str, float]]] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = Store(self.out / "store")
        self.journal = self.out / "journal"

    def tell(self, frames: int, traffic: int) -> dict[str, Any]:
        """From the promise to the second release; the figures by chapter."""
        summer = self._data(frames)
        first = self._turn("round 1", summer)
        self._stop_unless_released(first)
        with served(self.out, self.journal) as port:
            calm = self._traffic(port, "summer", 101, traffic, "summer, round 1")
            quiet = self._watch("drift-summer", "Summer traffic", calm)
            change = self._traffic(port, "winter", 202, traffic, "winter, round 1")
            alarm = self._watch("drift-winter", "The season and the packaging change", change)
            corrections = self._review(alarm, change)
            second = self._turn("round 2", summer, corrections=corrections, keep=first)
            self._stop_unless_released(second)
            await_bundle(port, second.candidate.digest)
            back = self._traffic(port, "winter", 303, traffic, "winter, round 2")
            calm_again = self._watch(
                "drift-after", "Winter traffic after retraining", back,
                more="The reference now holds both seasons, so traffic of one season alone still looks different from it.",
            )  # fmt: skip
        self._page("story.html", story_page(self._story()))
        figures = dict(self.measured)
        return {
            "measured": figures,
            "alarms": {"summer": len(quiet.drift.alarms), "winter": len(alarm.drift.alarms), "after": len(calm_again.drift.alarms)},
            "first_alarm_window": alarm.drift.summary.first_alarm_window,
            "verdicts": [first.verdict.verdict, second.verdict.verdict],
            "ap50": [first.report.metrics["ap50"], second.report.metrics["ap50"]],
            "pages": [str(self.out / page) for page in self.pages],
        }  # fmt: skip

    def _data(self, frames: int) -> Dataset:
        say("== summer: pictures are taken, annotated and ingested")
        folder = self.out / "data" / "summer"
        shown = list(packing_line(frames, season="summer", seed=1, frames_per_clip=2))
        write_frames(folder, shown)
        with Bars().shown() as bars:
            dataset, reading = ingest(
                folder / "annotations.json", name="line", keep=self.store.pictures.add, spec=self.spec,
                progress=lambda done, of: bars("ingest", done, of),
            )  # fmt: skip
        self.store.put(dataset, name="dataset/line", reason="summer")
        self._chapter(
            "The promise and the data", f"spec.yaml says what must hold; {len(dataset)} annotated summer pictures are ingested.",
            [("pictures", f"{len(dataset)}"), ("annotations", f"{len(dataset.annotations.class_id)}"), ("refused", f"{len(reading.problems)}")],
            pictures=tuple(frame.picture for frame in shown[:: max(1, len(shown) // 3)][:3]),
        )  # fmt: skip
        return dataset

    def _turn(self, title: str, dataset: Dataset, *, corrections: Any = None, keep: Turned | None = None) -> Turned:
        say(f"== {title}: train, export, choose, judge")
        with Bars().shown() as bars:
            made = turn(
                self.store, self.spec, self.recipe, dataset, corrections=corrections, keep=keep.split if keep else None,
                work_folder=self.out / "work", say=say, progress=bars, waiting=bars.waiting,
            )  # fmt: skip
        slug = title.replace(" ", "-")
        views = pictures_of_store(self.store, made.dataset, made.predictions)
        self._page(f"report-{slug}.html", report_page(made.report, **views))
        self._page(f"verdict-{slug}.html", verdict_page(made.verdict, report=made.report))
        figures = made.report.metrics
        met = sum(check.status == "met" for check in made.verdict.checks)
        self._chapter(
            f"{title.capitalize()}: the gate says {made.verdict.verdict}",
            f"Trained on {made.checkpoint.history.pictures} pictures, exported, proven equal to the checkpoint, thresholds "
            f"chosen on val, judged once on {made.report.support.images} test pictures: {met} of "
            f"{len(made.verdict.checks)} requirements met.",
            [("AP50", f"{figures['ap50']:.3f}"), ("AP", f"{figures['ap']:.3f}"), ("bundle", made.candidate.digest[:12]),
             ("training", f"{made.checkpoint.history.seconds:.0f} s")],
            link=f"verdict-{slug}.html",
        )  # fmt: skip
        return made

    def _stop_unless_released(self, made: Turned) -> None:
        if made.rollout is None:
            self._page("story.html", story_page(self._story()))
            failing = [
                f"{c.requirement} is {c.status} (observed {c.observed})"
                for c in made.verdict.checks
                if c.status != "met"
            ]
            say("the gate said no: " + "; ".join(failing))
            raise typer.Exit(1)

    def _traffic(self, port: int, season: str, seed: int, count: int, label: str) -> _Sent:
        """Send pictures to the server, camera by camera as they come, and hold the answers against the truth."""
        say(f"== {label}: {count} pictures are served")
        frames = list(packing_line(count, season=season, seed=seed, frames_per_clip=1))
        begin = time.time()
        answers = []
        with Bars().shown() as bars:
            for number, frame in enumerate(frames, start=1):
                answers.append(ask(port, frame))
                bars(label, number, len(frames))
        figures = judge_answers(frames, answers)
        self.measured.append((label, figures))
        self._chapter(
            f"Served: {label}", f"{count} pictures are posted to the running server; its answers against the truth:",
            [(name, f"{value:.3f}") for name, value in figures.items()],
            pictures=(frames[0].picture, frames[len(frames) // 2].picture),
        )  # fmt: skip
        say(", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
        return _Sent(begin, frames)

    def _watch(self, name: str, title: str, sent: _Sent, *, more: str = "") -> Watched:
        """What the monitor says; `more` explains an alarm where a reader would wonder."""
        watched = watch_traffic(self.store, self.spec, self.journal, since=sent.begin)
        self.store.put(watched.drift, name="drift/line", reason=title)
        self._page(f"{name}.html", drift_page(watched.drift, title=title))
        alarms = watched.drift.summary.alarms
        text = (
            f"The monitor rings {len(alarms)} times. Loudest: {_loudest(watched)}."
            if alarms
            else "The monitor is quiet."
            if watched.drift.summary.outcome == "quiet"
            else f"The monitor cannot say: {watched.drift.summary.cannot_compare[0]}"
        )
        text += f" {more}" if alarms and more else ""
        say(text)
        self._chapter(
            title, text, [("alarms", f"{len(alarms)}"), ("events", f"{len(watched.events)}")], link=f"{name}.html"
        )
        return watched

    def _review(self, watched: Watched, sent: _Sent) -> Any:
        """Select what people should look at; the world's own labels are the person's answers."""
        say("== review: uncertain, novel and random pictures are looked at")
        queue: ReviewQueue = select_for_review(
            self.store, self.spec, self.journal, since=sent.begin, again=True
        )  # told again, the story asks about the same pictures
        self.store.put(queue, name="review/line", reason="alarm")
        self._page("review.html", queue_page(queue, read_picture=self._kept))
        truth = {frame.file_name: frame for frame in sent.frames}
        answers = [answer_of(truth[name]) for name in queue.items.column("file_name").to_pylist()]
        taken = accept_answers(self.store, queue, answers, self.journal, reviewer="the world's own labels")
        corrections = taken.corrections
        self.store.put(corrections, name="corrections/line", reason="review")
        chosen = queue.summary.chosen
        self._chapter(
            "People look", f"{len(queue)} pictures are reviewed before their due time and come back with labels.",
            [*((reason, f"{count}") for reason, count in chosen.items()), ("boxes", f"{sum(len(a.class_names) for a in answers)}")],
            link="review.html",
        )  # fmt: skip
        return corrections

    def _kept(self, digest: str) -> np.ndarray | None:
        path = kept_picture(self.journal, digest)
        return read_picture(path.read_bytes(), name=digest[:12]) if path.is_file() else None

    def _chapter(
        self, title: str, text: str, figures: list[tuple[str, str]], *, link: str | None = None, pictures: tuple = ()
    ) -> None:
        self.chapters.append(Chapter(title, text, tuple(figures), link, pictures))

    def _page(self, name: str, html: str) -> None:
        write_page(self.out / name, html)
        self.pages.append(name)

    def _story(self) -> Story:
        subtitle = "One turn of the loop on a generated packing line; every figure was measured in this run."
        return Story("From a promise to a corrected detector", subtitle, tuple(self.chapters), tuple(self.measured))


@dataclass(frozen=True)
class _Sent:
    """Traffic that was served: since when, and what it showed."""

    begin: float
    frames: Sequence[Frame]


def _loudest(watched: Watched) -> str:
    """The alarm with the largest effect, in words."""
    row = max(watched.drift.alarms, key=lambda r: abs(r["effect"]))
    return f"{row['feature']} of {row['slice']} is {row['value']:.3g}, the reference {row['reference']:.3g} (effect {row['effect']:+.2f})"


def _lines(result: dict[str, Any]) -> list[str]:
    lines = [
        f"{label:18} " + "  ".join(f"{k} {v:.3f}" for k, v in figures.items())
        for label, figures in result["measured"].items()
    ]
    lines.append(
        f"alarms: {result['alarms']['summer']} in summer, {result['alarms']['winter']} in winter, {result['alarms']['after']} after retraining"
    )
    lines.append(f"told in {result['seconds']:.0f} s; open in a browser:")
    return [*lines, *(f"  {page}" for page in reversed(result["pages"]))]
