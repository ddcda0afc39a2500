"""Scorers with the wrong sign: a perfect prediction has a lower score than a constant one."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.checks.warning import DataWarning
from automl.plurals import short_number
from automl.task.dummy import dummy_score
from automl.task.positive_class import CodedScorer
from automl.task.several_metrics import score_or_nan
from automl.task.task import Task
from pipelines.row_samples import spaced_rows

CODE = "scorer_sign"
_MOST_SECONDS = 0.05  # of one call of the scorer
_SAMPLE = 1_000  # rows that a slow scorer gets


def check_scorer_sign(task: Task) -> list[DataWarning]:
    """Return a warning if the target itself, as a prediction, has a lower score than the best constant prediction.

    Fast metrics have the right sign. A scorer that is slow on all rows gets a sample of them. A scorer that is slow on
    few rows, and one that has no value for these predictions, is left alone.
    """
    if task.metric.fast is not None:
        return []
    rows = task.counted_rows
    if task.metric.seconds > _MOST_SECONDS:
        if task.metric.seconds * _SAMPLE > _MOST_SECONDS * len(task.y):
            return []
        rows = spaced_rows(rows, _SAMPLE, task.y)
    metric, y, weight = task.metric.take(rows), task.y[rows], task.weights(rows)
    perfect = score_or_nan(metric, y, _perfect_predictions(task, y), weight)
    constant, _ = dummy_score(metric, y, weight)
    if constant is None or not perfect < constant:
        return []
    message = (
        f"a perfect prediction has the score {short_number(perfect)} and a constant one {short_number(constant)}: the "
        f"search maximizes the score, and selects the worst model; {_remedy(metric.scorer)}"
    )
    return [DataWarning(CODE, None, message, "high")]


def _perfect_predictions(task: Task, y: NDArray[Any]) -> NDArray[Any]:
    """Return the target of some rows as predictions: numbers, or probabilities of 0 and 1."""
    layout = task.traits.targets
    if layout is None:
        return np.eye(task.traits.n_classes)[y] if task.traits.n_classes else y
    parts = [np.eye(n)[own] for n, own in zip(layout.n_classes, y.T, strict=True)] if layout.n_classes else [y]
    return np.hstack(parts)


def _remedy(scorer: Any) -> str:
    scorer = scorer.scorer if isinstance(scorer, CodedScorer) else scorer
    function = getattr(scorer, "_score_func", None)
    if function is None:
        name = getattr(scorer, "__name__", type(scorer).__name__)
        return f"if lower values of {name} are better, let it return the negative value"
    function = function.func if isinstance(function, partial) else function
    name = getattr(function, "__name__", type(function).__name__)
    if getattr(scorer, "_sign", 1) < 0:
        return f"if greater values of {name} are better, remove greater_is_better=False from your make_scorer(...)"
    return f"if lower values of {name} are better, add greater_is_better=False to your make_scorer(...)"
