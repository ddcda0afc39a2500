"""Several metrics in `scoring`: the first decides, and the others are recorded beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from automl.errors import InvalidInputError
from automl.task.metrics import ALIASES, Metric, as_score, clip_predictions, loss_or_nan

Array = NDArray[Any]


def named_scorers(scoring: Any) -> dict[str, Any]:
    """Return the scorers of the argument `scoring` by their names; the first decides.

    Parameters
    ----------
    scoring : str, callable, list, tuple, dict or None
        The names of a list are those of its scorers; a dict gives its own names, which replace all but the first.

    Raises
    ------
    InvalidInputError
        If there is no scorer, or if two scorers have the same name.

    Examples
    --------
    >>> named_scorers(["roc_auc", "accuracy"])
    {'roc_auc': 'roc_auc', 'accuracy': 'accuracy'}
    >>> named_scorers(None)
    {'': None}
    """
    if isinstance(scoring, Mapping):
        wrong = next((name for name in scoring if not isinstance(name, str) or not name), None)
        if wrong is not None:
            raise InvalidInputError(f"the keys of scoring must be names of the scores; got {wrong!r}")
        named = list(scoring.items())
    elif isinstance(scoring, list | tuple):
        if None in scoring:
            raise InvalidInputError("scoring holds None; name each scorer, or pass None alone for the default scorer")
        named = [(_name(scorer), scorer) for scorer in scoring]
    else:
        named = [(_name(scoring), scoring)]
    if not named:
        raise InvalidInputError("scoring is empty; name at least one scorer, or pass None for the default scorer")
    name, n_uses = Counter(name for name, _ in named).most_common(1)[0]
    if n_uses > 1:
        raise InvalidInputError(f"scoring holds two scorers named {name!r}; leave one out, or pass a dict with names")
    return dict(named)


def deciding_scorer(scoring: Any) -> Any:
    """Return the scorer of the argument `scoring` that the search optimizes.

    Examples
    --------
    >>> deciding_scorer(["roc_auc", "accuracy"]), deciding_scorer("r2"), deciding_scorer(None)
    ('roc_auc', 'r2', None)
    """
    return next(iter(named_scorers(scoring).values()))


def recorded_metric(name: str, metric: Metric) -> Metric:
    """Return a metric that is recorded beside the deciding one, under the name that the user gave.

    Raises
    ------
    InvalidInputError
        If its scorer reads the rows of the table, which is possible for the deciding metric only.
    """
    if metric.reads_table:
        raise InvalidInputError(
            f"scoring {name!r} reads the rows of the table, which only the first scorer may do; put it first, or leave "
            "it out"
        )
    return replace(metric, name=name)


def score_or_nan(metric: Metric, y: Array, predictions: Array, sample_weight: Array | None) -> float:
    """Return the score of predictions, clipped to the range in which the metric has a value; NaN if it has none."""
    clipped = clip_predictions(predictions, metric.prediction_range)
    return as_score(loss_or_nan(metric, y, clipped, sample_weight))


def _name(scorer: Any) -> str:
    if scorer is None or isinstance(scorer, str):
        return ALIASES.get(scorer or "", scorer or "")
    return str(getattr(scorer, "__name__", scorer))
