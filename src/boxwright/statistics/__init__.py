"""Arithmetic of chance: arrays in, arrays out, nothing of ours imported but errors.

Resampling of groups, intervals, tests, corrections for many tests, and the two fits that turn a score into a chance. scipy is
imported by the functions that need it, when they are called: a server needs none of them.
"""

from boxwright.statistics.binomial import binomial_upper_tail, clopper_pearson_lower, wilson
from boxwright.statistics.intervals import percentile_interval, plain_intervals, share_intervals
from boxwright.statistics.isotonic import isotonic, isotonic_blocks
from boxwright.statistics.kolmogorov import distribution_gaps, ks_p_value, ks_statistic
from boxwright.statistics.logistic import fit_logistic, fit_platt
from boxwright.statistics.multiplicity import benjamini_hochberg, holm
from boxwright.statistics.normal import normal_quantile, two_sided_z
from boxwright.statistics.odds import logit, sigmoid
from boxwright.statistics.resampling import (
    LEAST_GROUPS,
    Resampling,
    draws,
    group_numbers,
    group_weights,
    replicates_for,
    within_group_weights,
)
from boxwright.statistics.student import t_quantile, t_upper_tail
from boxwright.statistics.votes import effective_groups, vote_weights

__all__ = [
    "LEAST_GROUPS",
    "Resampling",
    "benjamini_hochberg",
    "binomial_upper_tail",
    "clopper_pearson_lower",
    "distribution_gaps",
    "draws",
    "effective_groups",
    "fit_logistic",
    "fit_platt",
    "group_numbers",
    "group_weights",
    "holm",
    "isotonic",
    "isotonic_blocks",
    "ks_p_value",
    "ks_statistic",
    "logit",
    "normal_quantile",
    "percentile_interval",
    "plain_intervals",
    "replicates_for",
    "share_intervals",
    "sigmoid",
    "t_quantile",
    "t_upper_tail",
    "two_sided_z",
    "vote_weights",
    "wilson",
    "within_group_weights",
]
