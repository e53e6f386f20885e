"""Train: a dataset, a split and a recipe become a checkpoint.

First a proof that the network, the loss and the data agree at all: it must learn a handful of pictures by heart. Then
the run itself, on `train`, with looks at `val` through the function the lifecycle hands in.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from boxwright.artifacts import Checkpoint, Dataset, Split
from boxwright.artifacts.checkpoint import TrainingHistory, ValLook
from boxwright.artifacts.codec import typed
from boxwright.errors import InputError, TrainingError
from boxwright.images import read_picture
from boxwright.spec import Spec
from boxwright.training.fit import Fit, Validate
from boxwright.training.loss import detection_loss
from boxwright.training.model import Network, to_unit
from boxwright.training.recipe import Recipe
from boxwright.training.sample import Sampler, stack

_HANDFUL = 4
_HANDFUL_STEPS = 40
_HANDFUL_FALL = 0.6

Progress = Callable[[str, int, int, str], None]  # what is done, how far, of how much, and how it stands


def train(
    dataset: Dataset,
    split: Split,
    spec: Spec,
    recipe: Recipe,
    *,
    read: Callable[[str], bytes],
    work_folder: Path,
    validate: Validate | None = None,
    progress: Progress = lambda *_: None,
) -> Checkpoint:
    """The checkpoint of a run; an interrupted one is taken up from `work_folder`.

    Args:
        dataset: annotated pictures.
        split: whose `train` side is learnt from.
        spec: its labels.flips say what leaves annotations true.
        recipe: the method.
        read: picture digest to encoded picture.
        work_folder: for the run's state and the weights.
        validate: val mAP of a forward function; None trains to the end without looking.
        progress: told of the proof's steps and of the run's.

    Raises:
        InputError: nothing to learn from.
        TrainingError: the handful cannot be learnt, or the loss is not finite.
    """
    _set_threads(recipe)
    torch.manual_seed(recipe.seed)
    rows = _learnt(dataset, split)
    sampler = _sampler(dataset, rows, spec, recipe, read)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    prove = recipe.training.overfit_check
    fall = prove_learnable(sampler, dataset, recipe, device, progress=progress) if prove else None
    network = new_network(len(dataset.class_names), recipe)
    plain_from = recipe.training.steps * (1 - recipe.augment.plain_end)
    work_folder.mkdir(parents=True, exist_ok=True)
    fit = Fit(
        network, recipe.training, lambda step: sampler.batch(step, plain=step >= plain_from),
        validate=validate, state_path=work_folder / "state.pt", device=device,
    )  # fmt: skip
    begin = time.process_time()
    state = fit.run(partial(progress, "train"))
    return Checkpoint(
        weights=_saved(fit.best, work_folder / "weights.safetensors"),
        class_names=dataset.class_names,
        recipe=recipe.model_dump(mode="json"),
        history=TrainingHistory(
            looks=typed(state.history, tuple[ValLook, ...]),
            best_step=state.best_step,
            best_val_map=state.best_map,
            seconds=round(state.seconds, 1),
            cpu_seconds=round(time.process_time() - begin, 1),
            steps=state.step,
            handful_loss_fall=fall,
            parameters=sum(p.numel() for p in network.parameters()),
            pictures=len(rows),
        ),
        made_from={"dataset": dataset.digest, "split": split.digest},
    )


def _saved(weights: Mapping[str, torch.Tensor], path: Path) -> Path:
    save_file({name: value.detach().cpu().contiguous() for name, value in weights.items()}, path)
    return path


def _learnt(dataset: Dataset, split: Split) -> NDArray[np.int64]:
    """Rows of the images that are learnt from: the train side, as far as it is labelled."""
    rows = dataset.positions(split.ids("train"))
    return rows[dataset.rows.column("labelled").to_numpy(zero_copy_only=False)[rows]]


def _sampler(
    dataset: Dataset, rows: NDArray[np.int64], spec: Spec, recipe: Recipe, read: Callable[[str], bytes]
) -> Sampler:
    """Batches of these images; InputError where they have no annotation."""
    annotations = dataset.annotations.take(rows)
    if not (~annotations.ignore).any():
        raise InputError(
            f"Dataset '{dataset.name}' has no annotation on the train side ({len(rows)} pictures); nothing to learn."
        )
    digests = [dataset.picture_digests[row] for row in rows]

    def read_rgb(index: int) -> NDArray[np.uint8]:
        return read_picture(read(digests[index]), name=digests[index][:12], bit_depth=dataset.bit_depth)

    return Sampler(annotations, read_rgb, recipe, flips=spec.labels.flips, seed=recipe.seed)


def new_network(classes: int, recipe: Recipe) -> Network:
    """The network a recipe describes, with fresh weights."""
    return Network(classes=classes, width=recipe.model.width, strides=recipe.model.strides)


def prove_learnable(
    sampler: Sampler,
    dataset: Dataset,
    recipe: Recipe,
    device: torch.device,
    *,
    progress: Progress = lambda *_: None,
) -> float:
    """Learn a handful of pictures by heart; the share of the loss that went.

    Raises:
        TrainingError: the loss did not fall by the share it must.
    """
    rng = np.random.default_rng(recipe.seed)
    batch = stack([sampler.draw(rng, plain=True) for _ in range(_HANDFUL)])
    torch.manual_seed(recipe.seed)
    network = new_network(len(dataset.class_names), recipe).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.training.learning_rate)
    losses = []
    for step in range(_HANDFUL_STEPS):
        pictures = to_unit(torch.from_numpy(batch.pictures).to(device))
        truth, class_id, ignore = (
            torch.from_numpy(a).to(device) for a in (batch.boxes_xyxy, batch.class_id, batch.ignore)
        )
        loss = sum(detection_loss(network.raw(pictures), truth, class_id, ignore))
        assert isinstance(loss, torch.Tensor)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        progress(f"learn {_HANDFUL} images by heart", step + 1, _HANDFUL_STEPS, f"loss {losses[-1]:.3f}")
    first, last = float(np.mean(losses[:3])), float(np.mean(losses[-3:]))
    fall = 1 - last / first
    if not np.isfinite(last) or fall < 1 - _HANDFUL_FALL:
        raise TrainingError(
            f"The network cannot learn {_HANDFUL} pictures by heart: the loss went from {first:.3f} to {last:.3f} in "
            f"{_HANDFUL_STEPS} steps. Look at the annotations with `boxwright check`, and at training.learning_rate."
        )
    return round(fall, 3)


def _set_threads(recipe: Recipe) -> None:
    threads = recipe.training.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
