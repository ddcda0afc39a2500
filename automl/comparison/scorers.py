"""The scorers of a nested cross-validation: those of the user, or the one that suits the estimators and the target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline

from automl.arguments import check_arguments
from automl.errors import InvalidInputError
from automl.estimator import AutoMLClassifier, AutoMLRegressor
from automl.task import validation
from automl.task.metrics import ALIASES, default_scoring, named_scorer, ordered_metric
from automl.task.ordered_classes import NAMES as ORDERED_NAMES
from automl.task.ordered_classes import RANKED_PROBABILITY
from automl.task.positive_class import on_positive_class
from automl.task.quantiles import check_quantiles, quantiles_metric
from pipelines.component import task_type

Array = NDArray[Any]


def search_of(estimator: Any) -> Any:
    """Return the search of this package that an estimator is, or that its pipeline ends with; None for others."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    return last if isinstance(last, AutoMLClassifier | AutoMLRegressor) else None


def make_scorers(
    scoring: Any,
    estimators: Mapping[str, Any],
    classes: Array | None,
    ranks: tuple[int, ...],
    weighted: bool,
    positive_label: Any,
) -> dict[str, Any]:
    """Return the scorers by the names of their metrics.

    By default, this is the metric that the searches of this package optimize by default: the pinball loss of quantiles,
    the ranked probability score of ordered classes, and otherwise that of the kind of the target.

    Parameters
    ----------
    ranks : tuple of int
        Rank of each class; empty where the classes have no order.

    Raises
    ------
    InvalidInputError
        If a scorer cannot be used, or if the estimators predict different quantiles and no scorer is given.
    """
    if scoring is None:
        levels = _common_quantiles(estimators)
        if levels:
            metric = quantiles_metric(levels)
            return {metric.name: metric.scorer}
        scoring = RANKED_PROBABILITY if ranks else default_scoring(task_type(0 if classes is None else len(classes)))
    if isinstance(scoring, Mapping):
        named = list(scoring.items())
    else:
        several = scoring if isinstance(scoring, Iterable) and not isinstance(scoring, str) else [scoring]
        named = [(_metric_name(one), one) for one in several]
    if not named:
        raise InvalidInputError("scoring is empty; name at least one scorer, or pass None for the default scorer")
    names = [name for name, _ in named]
    if len(set(names)) < len(names):
        raise InvalidInputError(f"scoring holds two scorers named {max(names, key=names.count)!r}; pass a dict of them")
    return {name: _make_scorer(one, classes, ranks, weighted, positive_label) for name, one in named}


def _common_quantiles(estimators: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the levels of the quantiles that all estimators predict; none where no estimator predicts quantiles.

    Raises
    ------
    InvalidInputError
        If the estimators differ.
    """
    levels = {
        name: check_quantiles(getattr(search_of(estimator), "quantiles", None))
        for name, estimator in estimators.items()
    }
    first, *others = levels
    for name in others:
        if levels[name] != levels[first]:
            raise InvalidInputError(
                f"estimators {first!r} and {name!r} do not predict the same quantiles, so that no loss of quantiles "
                'suits both; pass scoring, such as "neg_mean_absolute_error", which scores the middle quantile'
            )
    return levels[first]


def _metric_name(scorer: Any) -> str:
    if isinstance(scorer, str):
        return ALIASES.get(scorer, scorer)
    function = getattr(scorer, "_score_func", scorer)
    return str(getattr(function, "__name__", "score"))


def _make_scorer(
    scoring: Any, classes: Array | None, ranks: tuple[int, ...], weighted: bool, positive_label: Any
) -> Any:
    check_arguments({"scoring": scoring}, classification=classes is not None)
    validation.check_scoring_classes(scoring, 0 if classes is None else len(classes))
    if isinstance(scoring, str) and scoring in ORDERED_NAMES:
        return ordered_metric(scoring, np.asarray([] if classes is None else classes), ranks).scorer
    if isinstance(scoring, str):
        return named_scorer(ALIASES.get(scoring, scoring), classes, positive_label)
    try:
        scorer = check_scoring(scoring=scoring)
    except ValueError as error:
        raise InvalidInputError(f"scoring: {error}") from error
    if weighted and not hasattr(scorer, "_accept_sample_weight"):
        raise InvalidInputError(f"scoring: {scoring!r} takes no sample_weight; wrap its metric in make_scorer")
    return scorer if classes is None else on_positive_class(scorer, classes, positive_label)
