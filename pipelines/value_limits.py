"""The values that the libraries accept for hyperparameters: the widest range to which a user may change a range."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class ValueLimits:
    """The numbers that a hyperparameter may have.

    Attributes
    ----------
    low, high : float
    low_open, high_open : bool
        Whether the end itself is left out.
    """

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def accepts(self, value: float) -> bool:
        """Return whether a number is within the limits."""
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below

    def __str__(self) -> str:
        low, high = math.isfinite(self.low), math.isfinite(self.high)
        first = f"{'above' if self.low_open else 'at least'} {self.low:g}"
        last = f"{'below' if self.high_open else 'at most'} {self.high:g}"
        return " and ".join(text for text, there in ((first, low), (last, high)) if there) or "any number"


_ANY = ValueLimits()
_POSITIVE = ValueLimits(0, low_open=True)
_NOT_NEGATIVE = ValueLimits(0)
_SHARE = ValueLimits(0, 1, low_open=True)
_SHARE_OF_ROWS = ValueLimits(0.05, 1)  # the libraries raise an error where no row is left
_FROM_0_TO_1 = ValueLimits(0, 1)
_PROBABILITY = ValueLimits(0, 1, high_open=True)
_FROM_1, _FROM_2 = ValueLimits(1), ValueLimits(2)
# By the end of the name, or by its last two parts where components differ.
_LIMITS = {
    "C": _POSITIVE,
    "alpha": _POSITIVE,
    "bagging_fraction": _SHARE_OF_ROWS,
    "binarize": _ANY,
    "cat_l2": _NOT_NEGATIVE,
    "cat_smooth": _NOT_NEGATIVE,
    "ccp_alpha": _NOT_NEGATIVE,
    "coef0": _ANY,
    "colsample_bylevel": _SHARE,
    "colsample_bynode": _SHARE,
    "degree": _FROM_1,
    "depth": _FROM_1,
    "catboost:depth": ValueLimits(1, 16),
    "dropout": _PROBABILITY,
    "epsilon": _NOT_NEGATIVE,
    "eta0": _POSITIVE,
    "expansion": ValueLimits(0.1),
    "exponent": ValueLimits(0, 2, low_open=True, high_open=True),
    "feature_fraction": _SHARE,
    "gamma": _POSITIVE,
    "l1_ratio": _FROM_0_TO_1,
    "l2_leaf_reg": _NOT_NEGATIVE,
    "l2_regularization": _NOT_NEGATIVE,
    "label_smoothing": _PROBABILITY,
    "lambda_l1": _NOT_NEGATIVE,
    "lambda_l2": _NOT_NEGATIVE,
    "leaf_estimation_iterations": _FROM_1,
    "learning_rate": _SHARE,
    "linear_lambda": _NOT_NEGATIVE,
    "margin": _PROBABILITY,
    "max_cat_to_onehot": _FROM_1,
    "max_categories": _FROM_2,
    "max_ctr_complexity": ValueLimits(1, 8),
    "max_depth": _FROM_1,
    "max_features": _SHARE,
    "max_leaf_nodes": _FROM_2,
    "max_leaves": _FROM_2,
    "max_one_hot": _FROM_2,
    "max_pairs": _FROM_1,
    "max_samples": _SHARE_OF_ROWS,
    "min_child_weight": _NOT_NEGATIVE,
    "min_data_in_leaf": _FROM_1,
    "min_data_per_group": _FROM_1,
    "min_frequency": _FROM_1,
    "min_impurity_decrease": _NOT_NEGATIVE,
    "min_samples_leaf": _FROM_1,
    "min_samples_split": _FROM_2,
    "model_size_reg": _NOT_NEGATIVE,
    "n_bins": _FROM_2,
    "n_components": _FROM_1,
    "pca:n_components": ValueLimits(0, 1, low_open=True, high_open=True),
    "n_neighbors": _FROM_1,
    "n_new": _FROM_1,
    "n_quantiles": _FROM_2,
    "noise_level": ValueLimits(0, 2, low_open=True),
    "num_leaves": ValueLimits(2, 131_072),
    "one_hot_max_size": ValueLimits(2, 255),
    "power": _SHARE,
    "quantile_low": ValueLimits(0, 0.5, low_open=True, high_open=True),
    "random_strength": _NOT_NEGATIVE,
    "reg_alpha": _NOT_NEGATIVE,
    "reg_lambda": _NOT_NEGATIVE,
    "reg_param": _FROM_0_TO_1,
    "share": _SHARE,
    "shrinkage_value": _FROM_0_TO_1,
    "sigma": _POSITIVE,
    "smooth": _POSITIVE,
    "subsample": _SHARE_OF_ROWS,
    "threshold": _SHARE,
    "var_smoothing": _NOT_NEGATIVE,
    "weight_decay": _NOT_NEGATIVE,
    "width": _FROM_1,
}


def find_limits(name: str) -> ValueLimits | None:
    """Return the limits of a hyperparameter by its name in the space; None where they are not known.

    Examples
    --------
    >>> str(find_limits("model:catboost:depth")), str(find_limits("model:ridge:alpha"))
    ('at least 1 and at most 16', 'above 0')
    """
    parts = name.split(":")
    return _LIMITS.get(":".join(parts[-2:]), _LIMITS.get(parts[-1]))
