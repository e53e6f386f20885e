"""Training: annotated pictures and a recipe become weights.

Takes a Dataset, a Split, the Spec and a Recipe, returns a `Checkpoint`. Guarantees that only `train` is learnt from,
that a run can be stopped and taken up again, and that the network was first shown to learn a handful of pictures.
The recipe can be read without torch; what needs torch is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from boxwright.training.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    from boxwright.training.fit import Forward, forward_of
    from boxwright.training.load import load_network
    from boxwright.training.run import train

_WITH_TORCH = {"Forward": "fit", "forward_of": "fit", "load_network": "load", "train": "run"}

__all__ = ["Forward", "Recipe", "forward_of", "load_network", "load_recipe", "train"]


def __getattr__(name: str) -> Any:
    if name not in _WITH_TORCH:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_WITH_TORCH[name]}"), name)
