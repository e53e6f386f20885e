"""A first spec and recipe from the data itself.

Takes a reading (files in any format, or a dataset of the store), returns a `Proposal`: a spec and a recipe that run as they
are, every guess in them with its reason and support, and what was seen but not taken, as remarks. `render_spec` and
`render_recipe` write them as commented YAML. Guarantees that the YAML reads as exactly the spec and recipe proposed.
"""

from boxwright.lifecycle.proposal.propose import propose
from boxwright.lifecycle.proposal.proposed import Guessed, Proposal
from boxwright.lifecycle.proposal.render import render_recipe, render_spec
from boxwright.lifecycle.proposal.survey import Survey, survey

__all__ = ["Guessed", "Proposal", "Survey", "propose", "render_recipe", "render_spec", "survey"]
