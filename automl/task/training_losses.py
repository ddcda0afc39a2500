"""Choose the losses and the transforms of the target that suit the metric and the target of a regression."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew

from automl.task.metrics import Metric
from pipelines.component import TableTraits
from pipelines.steps.target import log_offset

Array = NDArray[Any]

# Losses of metrics, by the name of the function or scorer; the best loss comes first.
_PERCENTAGE = "mean_absolute_percentage_error"
_ABSOLUTE = ("absolute_error", "huber", "squared_error")
_LOSSES: dict[str, tuple[str, ...]] = {
    "mean_absolute_error": _ABSOLUTE,
    "median_absolute_error": _ABSOLUTE,
    "d2_absolute_error_score": _ABSOLUTE,
    _PERCENTAGE: ("absolute_error", "percentage_error", "squared_error"),
    "mean_poisson_deviance": ("poisson", "tweedie", "squared_error"),
    "mean_gamma_deviance": ("gamma", "tweedie", "squared_error"),
    "mean_tweedie_deviance": ("tweedie", "poisson", "squared_error"),
    "d2_tweedie_score": ("tweedie", "poisson", "squared_error"),
}
_PINBALL = "pinball"  # of quantiles: a monotonic transform of the target changes their levels in no row
_LOG_ERRORS = ("mean_squared_log_error", "root_mean_squared_log_error")
_SQUARED_ERRORS = ("mean_squared_error", "root_mean_squared_error", "r2_score", "explained_variance_score")
_DEVIANCES = ("mean_poisson_deviance", "mean_gamma_deviance", "mean_tweedie_deviance", "d2_tweedie_score")
_MIN_SKEWNESS = 1.0
_MAX_SHARE_OF_SKEWNESS = 0.5  # that the logarithm may leave
_MIN_VALUES = 20  # different values; with fewer, a target is a scale of grades


def is_skewed(y: Array) -> bool:
    """Return whether a target has no negative value, many large values, and a logarithm with a symmetric distribution.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)

    Examples
    --------
    >>> incomes = np.exp(np.random.default_rng(0).normal(size=500))
    >>> is_skewed(incomes), is_skewed(np.log(incomes)), is_skewed(-incomes)
    (True, False, False)
    """
    if y.min() < 0 or len(np.unique(y)) < _MIN_VALUES:
        return False
    skewness = float(skew(y))
    return skewness > _MIN_SKEWNESS and abs(float(skew(np.log(y + log_offset(y))))) < _MAX_SHARE_OF_SKEWNESS * skewness


def with_objective(metric: Metric, y: Array) -> Metric:
    """Return the metric with the losses and the transforms of the target that suit it and the target.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Floats. For other metrics than the known ones, squared error stays the only loss.
    """
    name, skewed = _function_name(metric), is_skewed(y)
    suited = _LOSSES.get(name, ("squared_error",))
    if name in _SQUARED_ERRORS and skewed:
        suited = ("squared_error", "poisson", "tweedie")
    allowed = tuple(loss for loss in suited if _allows(y, loss))
    return replace(metric, losses=allowed, target_transforms=_transforms(name, y, skewed))


def suited_traits(traits: TableTraits, metric: Metric) -> TableTraits:
    """Return the traits of a table with what the metric knows: quantiles, order of classes, losses and transforms."""
    return replace(
        traits,
        losses=metric.losses,
        target_transforms=metric.target_transforms,
        quantiles=metric.quantiles,
        ranks=metric.ranks,
    )


def _transforms(name: str, y: Array, skewed: bool) -> tuple[str, ...]:
    """Return the transforms of the target, the best one first (benchmarks/LOSSES.md has the measured errors)."""
    if name in _LOG_ERRORS and y.min() > -1:
        return ("log1p_target", "none")
    if name == _PERCENTAGE and y.min() > 0:
        return ("log_target", "none")
    if name in _DEVIANCES and y.min() >= 0:
        return ("log_target", "none")  # for models without these losses; a deviance punishes predictions near 0
    if (_LOSSES.get(name) == _ABSOLUTE or name == _PINBALL) and skewed:
        return ("log_target", "quantile_target", "none")
    return ("none", "log_target") if name in _SQUARED_ERRORS and skewed else ("none",)


def _allows(y: Array, loss: str) -> bool:
    """Return whether a loss has a value for a target."""
    if loss == "gamma":
        return bool(y.min() > 0)
    return loss not in ("poisson", "tweedie") or bool(y.min() >= 0 and y.max() > 0)


def _function_name(metric: Metric) -> str:
    """Return the name of the function that a scorer calls, as scikit-learn spells it; a known scorer has its own name.

    The Tweedie deviance has the name of the deviance that its power stands for.
    """
    function = getattr(getattr(metric.scorer, "_score_func", None), "__name__", "")
    name = function or metric.name.removeprefix("neg_")
    if metric.quantiles:
        return _PINBALL
    if name not in ("mean_tweedie_deviance", "d2_tweedie_score"):
        return name
    power = getattr(metric.scorer, "_kwargs", {}).get("power", 0)
    special = {0: "mean_squared_error", 1: "mean_poisson_deviance", 2: "mean_gamma_deviance"}
    return special.get(power, name if 1 < power < 2 else "")
