"""Batched prediction of several fitted networks of one architecture, such as the fold models of one configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pipelines.nets.estimator import NetClassifier, NetRegressor, predict_together_function


def fast_predict_together(models: Sequence[Any]) -> Callable[[Sequence[Any]], list[Any]] | None:
    """Return a function that predicts with all models, each on its own table; None if they cannot share a batch.

    Parameters
    ----------
    models : sequence of estimator
        Fitted last steps of pipelines.
    """
    if len(models) < 2 or any(type(model) not in (NetClassifier, NetRegressor) for model in models):
        return None
    return predict_together_function(models) if len({type(model) for model in models}) == 1 else None
