"""Training: annotated pictures and a recipe become weights.

Takes a Dataset, a Split, the Spec and a Recipe, returns a `Checkpoint`. Guarantees that only `train` is learnt from,
that a run can be stopped and taken up again, and that the network was first shown to learn a handful of pictures.
"""

from boxwright.training.fit import Forward, forward_of
from boxwright.training.load import load_network
from boxwright.training.recipe import Recipe, load_recipe
from boxwright.training.train import train

__all__ = ["Forward", "Recipe", "forward_of", "load_network", "load_recipe", "train"]
