"""Batched prediction of several fitted networks of one architecture, such as the fold models of one configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pipelines.nets.estimator import NetClassifier, NetRegressor, stack_networks


def fast_predict_together(models: Sequence[Any]) -> Callable[[Sequence[Any]], list[Any]] | None:
    """Return a function that predicts with all models, each on its own table; None if they cannot share a batch.

    Parameters
    ----------
    models : sequence of estimator
        Fitted last steps of pipelines.
    """
    if len(models) < 2 or any(type(model) not in (NetClassifier, NetRegressor) for model in models):
        return None
    first = models[0]
    for model in models[1:]:
        same = type(model) is type(first) and model.architecture_ == first.architecture_
        if not same or model.weights_.shape != first.weights_.shape or model.settings.device != first.settings.device:
            return None
    return stack_networks(models)
