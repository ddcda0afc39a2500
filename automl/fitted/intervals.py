"""Prediction intervals and prediction sets of a fitted estimator: the methods of both estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.utils.validation import check_is_fitted

from automl.ensemble.conformal import Scores, check_level, needed_units
from automl.ensemble.coverage import scored_coverage
from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.out_of_fold_scores import Records, predict_intervals, predict_sets
from automl.ensemble.selection import Ensemble
from automl.errors import InvalidInputError, warn_user
from automl.explain.predictions import out_of_fold_rows
from automl.refit.interval_scale import records_with_scale
from automl.refit.model import ModelWithRows
from automl.task.quantiles import refuse_quantiles
from automl.task.table_validation import check_table, check_width
from automl.task.unread_cells import read_rows
from automl.trials.endings import was_interrupted

Array = NDArray[Any]


class OfOtherTask:
    """A method that only the other estimator has; reading it is a clear error, and `hasattr` is false."""

    def __init__(self, message: str):
        self._message = message

    def __get__(self, instance: Any, owner: type) -> Any:
        raise AttributeError(self._message)


def intervals(estimator: FittedModel, X: Any, level: float) -> tuple[Array, Array]:
    """Return the predictions, and the ends of the intervals; each model predicts once.

    Returns
    -------
    prediction : ndarray of shape (n_samples,) or (n_samples, n_targets)
    ends : ndarray of shape (n_samples, 2) or (n_samples, 2, n_targets)
    """
    level = check_level(level)
    records, table = _prepare(estimator, X, "intervals")
    with config_context(transform_output="default"):
        return predict_intervals(records, estimator._ensemble, table, level)


def class_sets(
    estimator: FittedModel, X: Any, level: float, by_class: bool = False
) -> tuple[Array, list[NDArray[np.bool_]]]:
    """Return the probabilities, and the sets of each target, shape (n_samples, n_classes); each model predicts once."""
    level = check_level(level)
    records, table = _prepare(estimator, X, "sets")
    with config_context(transform_output="default"):
        return predict_sets(records, estimator._ensemble, table, level, by_class)


def records_for(estimator: FittedModel, what: str) -> Records:
    """Return what intervals and sets are computed from.

    Raises
    ------
    InvalidInputError
        If the estimator has no out-of-fold rows.
    """
    check_is_fitted(estimator, "_ensemble")
    refuse_quantiles(estimator._ensemble.quantiles, f"the prediction of {what}")
    records = records_with_scale(estimator)
    if records is None:
        stopped = was_interrupted(vars(estimator).get("stop_reason_"))
        cause = (
            "its fit was interrupted" if stopped else "an earlier version saved it, or Ctrl-C ended their collection"
        )
        raise InvalidInputError(
            f"the model predicts no {what}, because it has no out-of-fold rows: {cause}; fit it again"
        )
    return records


def _prepare(estimator: FittedModel, X: Any, what: str) -> tuple[Records, Any]:
    """Return the records, and the table as the ensemble takes it; warn once if the result is approximate."""
    records = records_for(estimator, what)
    X = check_table(X)
    check_width(X, estimator.n_features_in_, type(estimator).__name__)
    note = records[0].note
    if note and not vars(estimator).get("_has_warned_of_intervals"):
        estimator._has_warned_of_intervals = True
        warn_user(f"the {what} are approximate: {note}")
    with config_context(transform_output="default"):
        return records, read_rows(estimator._reader, X)


class Coverage(ModelWithRows):
    """The attribute `coverage_` of both estimators."""

    @property
    def coverage_(self) -> pd.DataFrame:
        """
        The coverage and the size of intervals or sets on out-of-fold rows, for some levels.

        The rows are divided into five parts. The intervals or sets of each part come from the scores of the other
        parts, around the out-of-fold predictions, so that no row has a part in its own interval.

        Returns
        -------
        DataFrame
            One row for each level, or for each of several ``target`` and each level: ``level``; ``coverage``, the share
            of the rows whose target is inside; ``width``, the mean width of the intervals, or ``size``, the mean number
            of classes in a set; ``approximate``, whether the models that predict are others than those of the
            out-of-fold rows. Levels that need more rows than there are have no row.

        Raises
        ------
        AttributeError
            If the model has no out-of-fold rows, and for `quantiles`.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> reg.coverage_["level"].tolist()
        [0.5, 0.8, 0.9, 0.95, 0.99]
        """
        try:
            records = records_for(self, "sets" if self._is_classifier else "intervals")
        except InvalidInputError as error:  # so that `hasattr` is false
            raise AttributeError(f"there is no coverage_: {error}") from error
        ensemble: Ensemble = vars(self)["_ensemble"]
        rows = out_of_fold_rows(self) if self._is_classifier else None
        if rows is None:
            return scored_coverage(records, ensemble)
        return scored_coverage(records, ensemble, rows.predictions, rows.sample_weight)


class Intervals(Coverage):
    """The method `predict_interval` of the regressor."""

    predict_set = OfOtherTask("AutoMLRegressor predicts numbers and has no predict_set; use predict_interval")

    def predict_interval(self, X: Any, level: float = 0.9) -> Array:
        """
        Predict an interval for each row that contains the true value with a given probability.

        The intervals come from the fold models and their out-of-fold residuals by CV+ (Barber et al., 2021); no model
        is fitted again. They are wider for rows whose residuals are expected to be larger, where that makes the
        intervals narrower on average. The first call learns this, which takes up to a few seconds. The probability
        holds on average over many rows like those of training, not for each single row.

        Parameters
        ----------
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
            A table with the columns of the training table.
        level : float, default=0.9
            The probability, between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, 2), or (n_samples, 2, n_targets) for several targets
            The lower and the upper end of each interval. The probability holds for each target on its own, not for all
            of them together.

        Raises
        ------
        InvalidInputError
            If the table or the level cannot be used, if the level needs more rows than the model has out-of-fold
            predictions for, or if the model has none because its fit was interrupted.

        Warns
        -----
        UserWarning
            Once, if the intervals are approximate: after `refit`, after `slim` where it has left out fold models, for
            rows in the order of time, and for validation rows of the user. See `coverage_`.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0)
        >>> low, high = reg.fit(X[:300], y[:300]).predict_interval(X[300:], level=0.8).T
        >>> bool(0.7 < ((low <= y[300:]) & (y[300:] <= high)).mean() < 0.9)
        True
        """
        return intervals(self, X, level)[1]


class ClassSets(Coverage):
    """The method `predict_set` of the classifier."""

    predict_interval = OfOtherTask("AutoMLClassifier predicts classes and has no predict_interval; use predict_set")

    def predict_set(self, X: Any, level: float = 0.9, by_class: bool = False) -> Any:
        """
        Predict a set of classes for each row that contains the true class with at least a given probability.

        The sets come from the fold models and their out-of-fold probabilities: adaptive prediction sets (Romano et al.,
        2020) by CV+ (Barber et al., 2021). No model is fitted again. Rows whose class is clear have small sets. The
        most probable class is always in the set. The probability holds on average over many rows like those of
        training, not for each single row.

        Parameters
        ----------
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
            A table with the columns of the training table.
        level : float, default=0.9
            The probability, between 0 and 1.
        by_class : bool, default=False
            Whether the probability holds for the rows of each class, not only for all rows together. A class with too
            few rows for this is then in every set.

        Returns
        -------
        ndarray of bool, shape (n_samples, n_classes), or list of ndarray for several targets
            Whether each class is in the set of a row; the columns are in the order of `classes_`. The probability
            holds for each target on its own.

        Raises
        ------
        InvalidInputError
            If the table or the level cannot be used, if the level needs more rows than the model has out-of-fold
            predictions for, or if the model has none because its fit was interrupted.

        Warns
        -----
        UserWarning
            Once, if the sets are approximate: after `refit`, after `slim` where it has left out fold models, for rows
            in the order of time, and for validation rows of the user. Also for classes with too few rows for
            `by_class`.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from automl import AutoMLClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], n_jobs=1, verbose=0).fit(X, y)
        >>> sets = clf.predict_set(X, level=0.95)
        >>> sets.shape, bool(sets[range(150), y].mean() > 0.9)
        ((150, 3), True)
        """
        sets = class_sets(self, X, level, by_class)[1]
        if by_class:
            records, level = records_for(self, "sets"), check_level(level)
            if self._ensemble.targets is None:
                _warn_of_rare_classes(records[0].scores, np.asarray(self.classes_), level, "")
            else:
                for name, record, classes in zip(self._ensemble.targets.names, records, self.classes_, strict=True):
                    _warn_of_rare_classes(record.scores, classes, level, f"target {name!r}: ")
        return sets if self._ensemble.targets is not None else sets[0]


def _warn_of_rare_classes(scores: Scores, classes: Array, level: float, subject: str) -> None:
    """Warn of classes with too few rows for sets whose probability holds for each class."""
    needed = needed_units(level)
    each = np.unique(np.column_stack([np.asarray(scores.codes), scores.units]), axis=0)
    counts = np.bincount(each[:, 0], minlength=len(classes))
    is_grouped = scores.n_units < len(scores.values)
    rare = [repr(plain) for plain in classes[counts < needed].tolist()]
    if rare:
        names = ", ".join(rare[:5]) + (", ..." if rare[5:] else "")
        warn_user(
            f"{subject}by_class: level={level:g} needs {needed} {'groups' if is_grouped else 'rows'} of a class with "
            f"out-of-fold predictions; these classes have fewer and are in every set: {names}"
        )
