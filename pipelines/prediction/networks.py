"""Batched prediction of several fitted networks of one architecture, such as the fold models of one configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pipelines.nets.estimator import NetClassifier, NetRegressor, predict_together_function
from pipelines.steps.target import TargetRegressor


def fast_predict_together(models: Sequence[Any]) -> Callable[[Sequence[Any]], list[Any]] | None:
    """Return a function that predicts with all models, each on its own table; None if they cannot share a batch.

    Parameters
    ----------
    models : sequence of estimator
        Fitted last steps of pipelines.
    """
    nets = [model.regressor_ if isinstance(model, TargetRegressor) else model for model in models]
    if len(nets) < 2 or any(type(net) not in (NetClassifier, NetRegressor) for net in nets):
        return None
    predict = predict_together_function(nets) if len({type(net) for net in nets}) == 1 else None
    if predict is None or not any(isinstance(model, TargetRegressor) for model in models):
        return predict

    def predict_back(tables: Sequence[Any]) -> list[Any]:
        outputs = zip(models, predict(tables), strict=True)
        return [model.back(out) if isinstance(model, TargetRegressor) else out for model, out in outputs]

    return predict_back
