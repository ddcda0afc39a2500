"""The attribute `warnings_`: the warnings about the data, and about a model that is no better than a constant."""

from __future__ import annotations

import math
from collections.abc import Callable

from sklearn.utils.validation import check_is_fitted

from automl.checks.scorer import CODE as SCORER_SIGN
from automl.checks.warning import DataWarning, sort_warnings
from automl.ensemble.estimate import Estimate
from automl.ensemble.fitted_model import FittedModel
from automl.expected_score import known_estimate
from automl.refit.model import ModelWithRows
from automl.refit.rows import find_rows, targets_and_weights
from automl.task.dummy import dummy_score
from automl.task.task import Task

_REMEDY = "it needs more rows, or columns that say more about the target"


class DataWarnings(ModelWithRows):
    """The attribute `warnings_` of both estimators."""

    @property
    def warnings_(self) -> list[DataWarning]:
        """
        Facts about the training data that make the model or its scores worse than they look, the most severe first.

        The checks run before the search and after it. They find equal rows on both sides of a fold, rows in the order
        of time that drift, identifiers, targets with almost one value, classes with fewer rows than folds, missing
        cells that depend on the class, a scorer with the wrong sign, a column that alone predicts as well as the
        ensemble, and a model that may be no better than a constant prediction.

        Returns
        -------
        list of DataWarning
            Each warning has ``code`` (the name of the check), ``column`` (None for a fact about rows or the target),
            ``message`` (the fact, and how to solve the problem) and ``severity`` ("high", "medium" or "low").

        Examples
        --------
        >>> import pandas as pd
        >>> from automl import AutoMLRegressor
        >>> X = pd.DataFrame({"customer_id": range(5000, 5600, 6), "age": [i % 7 for i in range(100)]})
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0)
        >>> [(each.code, each.column, each.severity) for each in reg.fit(X, X["age"] ** 2).warnings_]
        [('identifier', 'customer_id', 'medium')]
        """
        check_is_fitted(self, "_ensemble")
        return sort_warnings([*self._warnings, *constant_warnings(self, known_estimate(self))])


def constant_warnings(estimator: FittedModel, estimate: Estimate | None) -> list[DataWarning]:
    """Return a warning if a fitted estimator may be no better than a constant prediction, and one for each such target.

    Parameters
    ----------
    estimate : Estimate or None
        The estimate of the score on new rows as far as it is known. Without its interval, the score of the ensemble on
        out-of-fold rows is compared with that of the constant.
    """
    if any(each.code == SCORER_SIGN for each in vars(estimator).get("_warnings") or ()):
        return []  # more rows would not help: the search has maximized an error
    found = [text for text in [_of_ensemble(estimator, estimate)] if text]
    for name, score, constant in vars(estimator).get("_target_scores") or ():
        if score <= constant:
            numbers = f"{score:.4g}, that of the constant {constant:.4g}"
            found.append(
                f"target {name!r}: the model is no better than a constant prediction: its score on out-of-fold rows is "
                f"{numbers}"
            )
    return [DataWarning("no_better_than_constant", None, f"{text}; {_REMEDY}", "high") for text in found]


def _of_ensemble(estimator: FittedModel, estimate: Estimate | None) -> str:
    """Return what a comparison of the whole score with that of a constant says; empty where the model is better."""
    words = estimator._metric.words
    if estimate is not None and math.isfinite(estimate.low):
        constant, _ = constant_score(estimator)
        if constant is None or estimate.low > constant:
            return ""
        verb = "may be" if estimate.high > constant else "is"
        score = (
            f"the expected {words.name} on new rows is {words.text(estimate.score)} ({estimate.level:.0%} interval "
            f"{words.interval_text(estimate.low, estimate.high)})"
        )
    else:
        scores = vars(estimator).get("_metric_scores") or [("", math.nan, math.nan)]
        _, of_ensemble, constant = scores[0]
        if not of_ensemble <= constant:
            return ""
        verb, score = "is", f"its {words.name} on out-of-fold rows is {words.text(of_ensemble)}"
    than = f"that of the constant {words.text(constant)}"
    return f"the model {verb} no better than a constant prediction: {score}, {than}"


def keep_constant(estimator: FittedModel, task: Task, scoring: Callable[..., tuple[float | None, str]]) -> None:
    """Keep what `constant_score` returns for an estimator that holds neither scores on some rows nor their target.

    Parameters
    ----------
    scoring : callable
        `dummy_score`, or `constant_of_model` where an interrupt must not harm the estimator.
    """
    if estimator._single_scores is None and estimator._frontier is None:
        estimator._constant = scoring(estimator._metric, *targets_and_weights(task))


def constant_score(estimator: FittedModel) -> tuple[float | None, str]:
    """Return the score of the best constant prediction, and what it predicts.

    It is that of the rows that the estimate scores, as far as these are known.
    """
    singles = vars(estimator).get("_single_scores")
    if singles is not None:
        return singles.constant, singles.constant_rule
    record = vars(estimator).get("_frontier")
    if record is not None:
        return dummy_score(record.metric, record.y, record.sample_weight)
    if (known := vars(estimator).get("_constant")) is not None:
        score, rule = known
        return score, rule
    rows = find_rows(estimator)  # of a model that an earlier version has saved
    if rows is None:
        return None, ""
    return dummy_score(estimator._metric, rows.y, rows.sample_weight)
