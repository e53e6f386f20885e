"""The training loop: steps, weight average, looks at val, early stop, stop and resume.

The state (weights, average, optimiser, step, best so far) is written atomically at every look at val and when the
process is asked to stop; since batch number s of a seed is always the same batch, a resumed run continues as if it had
not been interrupted. Batches are drawn in a thread of their own while the network computes.
"""

from __future__ import annotations

import io
import queue
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from boxwright.errors import TrainingError
from boxwright.store import write_bytes
from boxwright.training.loss import detection_loss
from boxwright.training.model import Network, to_unit
from boxwright.training.optimizer import Optimizer
from boxwright.training.recipe import TrainingSection
from boxwright.training.sample import Batch
from boxwright.training.schedule import rate_share

_AVERAGE = 0.999
_CLIP = 10.0
_QUEUE = 4

Forward = Callable[[NDArray[np.uint8]], tuple[NDArray, NDArray]]
Validate = Callable[[Forward], float]
Progress = Callable[[int, int, str], None]


@dataclass
class State:
    """What a run is, between two steps; `since_look` are the score loss and box loss of each step since the last look."""

    step: int = 0
    seconds: float = 0.0
    best_map: float = -1.0
    best_step: int = 0
    looks_since_best: int = 0
    since_look: list[tuple[float, float]] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)


class Fit:
    """A run that can be stopped and taken up again.

    Args:
        network: to be trained, in place.
        recipe: the optimisation.
        batch: step to batch.
        validate: the averaged network's forward to val mAP, handed in by the lifecycle; None trains without val.
        state_path: where the run's state lies; taken up from there when it exists.
        device: where to compute.
    """

    def __init__(
        self,
        network: Network,
        recipe: TrainingSection,
        batch: Callable[[int], Batch],
        *,
        validate: Validate | None,
        state_path: Path,
        device: torch.device,
    ) -> None:
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._recipe, self._batch, self._validate = recipe, batch, validate
        self._state_path, self._device = state_path, device
        self.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.best = {name: value.clone() for name, value in self.average.items()}
        self._optimizer = Optimizer(network, learning_rate=recipe.learning_rate, weight_decay=recipe.weight_decay)
        self.state = State()
        self._resume()

    def run(self, progress: Progress = lambda *_: None) -> State:
        """Train until the steps are done or val no longer improves; the best average is in `best`.

        Raises:
            TrainingError: the loss is no longer finite.
            KeyboardInterrupt: passed on, after the state was written.
        """
        recipe = self._recipe
        source = _Ahead(self._batch, self.state.step, recipe.steps)
        begin = time.monotonic() - self.state.seconds
        stop = _StopRequest()
        try:
            while self.state.step < recipe.steps and self.state.looks_since_best < recipe.patience:
                stop.raise_if_asked()
                self.state.since_look.append(self._step(source.next()))
                self.state.step += 1
                self.state.seconds = time.monotonic() - begin
                score, box = np.mean(self.state.since_look[-50:], axis=0)
                best = f", val mAP {self.state.best_map:.3f}" if self.state.best_map >= 0 else ""
                progress(self.state.step, recipe.steps, f"score loss {score:.3f}, box loss {box:.3f}{best}")
                if self.state.step % recipe.validate_every == 0 or self.state.step == recipe.steps:
                    self._look(progress)
                    self._write()
        except KeyboardInterrupt:
            self._write()
            raise
        finally:
            stop.withdraw()
            source.stop()
        return self.state

    def forward(self, weights: dict[str, Tensor]) -> Forward:
        """The network with other weights as a plain function of pictures."""
        network = Network(classes=self.network.classes, width=self.network.width, strides=self.network.strides)
        network.load_state_dict(weights)
        network.to(self._device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        return forward_of(network, self._device)

    def _step(self, batch: Batch) -> tuple[float, float]:
        pictures = to_unit(torch.from_numpy(batch.pictures).to(self._device)).contiguous(
            memory_format=torch.channels_last
        )
        truth, class_id, ignore = (
            torch.from_numpy(a).to(self._device) for a in (batch.boxes_xyxy, batch.class_id, batch.ignore)
        )
        score_loss, box_loss = detection_loss(self.network.raw(pictures), truth, class_id, ignore)
        loss = score_loss + box_loss
        if not torch.isfinite(loss):
            raise TrainingError(
                f"The loss is {float(loss.detach())} at step {self.state.step}; lower training.learning_rate "
                f"({self._recipe.learning_rate:g}) in recipe.yaml, or look for damaged annotations with `boxwright check`."
            )
        loss.backward()
        self._optimizer.step(share=rate_share(self.state.step, self._recipe), clip=_CLIP)
        self._update_average()
        return float(score_loss.detach()), float(box_loss.detach())

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(_AVERAGE, 1 - 1 / (0.1 * self.state.step + 1))
        for name, value in self.network.state_dict().items():
            if value.dtype.is_floating_point:
                self.average[name].lerp_(value, 1 - keep)
            else:
                self.average[name].copy_(value)

    def _look(self, progress: Progress) -> None:
        state = self.state
        score, box = (float(v) for v in np.mean(state.since_look, axis=0))
        record = {"step": state.step, "score_loss": score, "box_loss": box, "seconds": state.seconds}
        state.looks_since_best += 1
        if self._validate is not None:
            record["val_map"] = self._validate(self._told(self.forward(self.average), progress))
        if self._validate is None or record["val_map"] >= state.best_map:
            state.best_map, state.best_step = record.get("val_map", -1.0), state.step
            state.looks_since_best = 0
            self.best = {name: value.detach().clone() for name, value in self.average.items()}
        state.history.append(record)
        state.since_look = []

    def _told(self, forward: Forward, progress: Progress) -> Forward:
        """The function, telling how many images it was given; a look may take longer than the steps before it."""
        seen = count(1)

        def told(pictures: NDArray[np.uint8]) -> tuple[NDArray, NDArray]:
            answer = forward(pictures)
            progress(self.state.step, self._recipe.steps, f"look at val: image {next(seen)}")
            return answer

        return told

    def _write(self) -> None:
        content: dict[str, Any] = {
            "network": self.network.state_dict(),
            "average": self.average,
            "best": self.best,
            "optimizer": self._optimizer.state_dict(),
            "state": vars(self.state),
        }
        buffer = io.BytesIO()
        torch.save(content, buffer)
        write_bytes(self._state_path, buffer.getvalue())

    def _resume(self) -> None:
        if not self._state_path.exists():
            return
        try:
            content = torch.load(self._state_path, map_location=self._device, weights_only=True)
            self.network.load_state_dict(content["network"])
            self._optimizer.load_state_dict(content["optimizer"])
            self.average, self.best = content["average"], content["best"]
            self.state = State(**content["state"])
        except Exception as error:
            raise TrainingError(
                f"The state of an interrupted run in '{self._state_path}' cannot be taken up ({error}); "
                f"delete the file to begin anew."
            ) from error


def forward_of(network: Network, device: torch.device) -> Forward:
    """A network as a function: (n, h, w, 3) uint8 to boxes (n, cells, 4) and scores (n, cells, classes)."""

    @torch.inference_mode()
    def forward(pictures: NDArray[np.uint8]) -> tuple[NDArray, NDArray]:
        boxes, scores = network(torch.from_numpy(pictures).to(device))
        return boxes.float().cpu().numpy(), scores.float().cpu().numpy()

    return forward


class _StopRequest:
    """Ctrl-C or SIGTERM, held until the step in hand is done, so that weights and step number agree."""

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: Any) -> None:
        self._asked = True

    def raise_if_asked(self) -> None:
        """KeyboardInterrupt, when a stop was asked for."""
        if self._asked:
            raise KeyboardInterrupt

    def withdraw(self) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)


class _Ahead:
    """Batches drawn ahead of their use, in order, by one thread."""

    def __init__(self, batch: Callable[[int], Batch], first: int, end: int) -> None:
        self._ready: queue.Queue[Batch | BaseException] = queue.Queue(_QUEUE)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._draw, args=(batch, first, end), daemon=True)
        self._thread.start()

    def next(self) -> Batch:
        """The next batch; an error while drawing it is raised here."""
        item = self._ready.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def stop(self) -> None:
        """Let the thread end."""
        self._stopped.set()
        while not self._ready.empty():
            self._ready.get_nowait()
        self._thread.join(timeout=10)

    def _draw(self, batch: Callable[[int], Batch], first: int, end: int) -> None:
        for step in range(first, end):
            try:
                item: Batch | BaseException = batch(step)
            except BaseException as error:
                item = error
            while not self._stopped.is_set():
                try:
                    self._ready.put(item, timeout=0.2)
                    break
                except queue.Full:
                    continue
            if self._stopped.is_set() or isinstance(item, BaseException):
                return
