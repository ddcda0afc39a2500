"""A task of quantiles: the check of their levels, the metric and its scorer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from automl.errors import InvalidInputError
from automl.task.metrics import PINBALL, Metric
from automl.task.validation import as_numbers, check_score_weight, is_number, python_number, read_target
from pipelines.quantiles import pinball_loss

_EXAMPLE = "quantiles=(0.1, 0.5, 0.9)"


def check_quantiles(quantiles: Any, scoring: Any = None) -> tuple[float, ...]:
    """Return the levels of quantiles; none where the user asks for none.

    Raises
    ------
    InvalidInputError
        If they are no list of ascending numbers between 0 and 1, or if there is a scorer, too.

    Examples
    --------
    >>> check_quantiles([0.1, 0.9]), check_quantiles(None)
    ((0.1, 0.9), ())
    """
    if quantiles is None:
        return ()
    if isinstance(quantiles, pd.Series):
        quantiles = quantiles.to_numpy()
    if isinstance(quantiles, str | bytes) or not isinstance(quantiles, Sequence | np.ndarray) or not len(quantiles):
        raise InvalidInputError(f"quantiles must be a list of levels, such as {_EXAMPLE}; got {quantiles!r}")
    wrong = [level for level in quantiles if not is_number(level) or not 0 < level < 1]
    if wrong:
        raise InvalidInputError(f"quantiles must be levels between 0 and 1, such as {_EXAMPLE}; they hold {wrong[0]!r}")
    levels = tuple(python_number(level) for level in quantiles)
    if any(high <= low for low, high in pairwise(levels)):
        raise InvalidInputError(f"quantiles must ascend, such as {_EXAMPLE}; got {levels}")
    if scoring is not None:
        raise InvalidInputError(
            "quantiles and scoring exclude each other: with quantiles, the score is the negative mean pinball loss; "
            "leave out one of them"
        )
    return levels


def level_name(level: float) -> str:
    """Return a level in all its digits, so that different levels have different names.

    Examples
    --------
    >>> level_name(0.1), level_name(0.9999999)
    ('0.1', '0.9999999')
    """
    return repr(float(level))


def refuse_quantiles(quantiles: Sequence[float], subject: str) -> None:
    """Raise an error where a model predicts quantiles.

    Parameters
    ----------
    quantiles : sequence of float
        The levels of the model; empty for a model without quantiles.
    subject : str
        The method or command that is for other models.

    Raises
    ------
    InvalidInputError
    """
    if quantiles:
        raise InvalidInputError(
            f"{subject} is for models without quantiles, but this model has {len(quantiles)}: "
            f"{', '.join(map(str, quantiles))}; use predict_quantiles, or fit a model without quantiles"
        )


@dataclass(frozen=True)
class QuantilesScorer:
    """The negative mean pinball loss as a scorer: ``scorer(estimator, X, y)``, greater is better.

    Attributes
    ----------
    quantiles : tuple of float
        Levels in ascending order. The estimator, or the last step of the pipeline, has the method
        ``predict_quantiles``.
    """

    quantiles: tuple[float, ...]

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        known = as_numbers(read_target(y, X))
        weight = check_score_weight(sample_weight, len(known))
        if isinstance(estimator, Pipeline) and len(estimator) > 1:  # it passes only the usual methods on
            X, estimator = estimator[:-1].transform(X), estimator[-1]
        return -pinball_loss(known, estimator.predict_quantiles(X), self.quantiles, weight)


def quantiles_metric(quantiles: tuple[float, ...]) -> Metric:
    """Return the metric of a task of quantiles: the mean pinball loss over the levels."""
    return Metric(PINBALL, QuantilesScorer(quantiles), fast=PINBALL, best=0.0, quantiles=quantiles)
