"""The method `retune` of both estimators."""

from __future__ import annotations

from typing import Any, Self

from sklearn.utils.validation import check_is_fitted

from automl.errors import InvalidInputError
from automl.retune.rows import GivenRows
from automl.retune.run import RetunedModel, retune
from automl.task.prepare import TrainingData


class Retuning(RetunedModel):
    """A short search on old and new rows, which starts with the configurations of a fitted estimator."""

    def retune(
        self,
        X: Any,
        y: Any,
        X_old: Any = None,
        y_old: Any = None,
        *,
        sample_weight: Any = None,
        groups: Any = None,
        time: Any = None,
        sample_weight_old: Any = None,
        groups_old: Any = None,
        time_old: Any = None,
        seconds: float | None = 60,
        max_trials: int | None = None,
    ) -> Self:
        """
        Return a fitted copy after a short search on old and new rows, compared with this model on the newest rows.

        The search tries the configurations of this model first. It does not see the newest third of the new rows, on
        which both models are then compared. At last, the members of the new ensemble are trained on all rows. If
        `sensitive_features` of `fit` was a column of the table, the new model has the groups of the new table.

        Parameters
        ----------
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
            New rows with the columns of the training table; other columns are ignored. Without `time`, the last rows
            are the newest.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The target of the new rows.
        X_old, y_old : DataFrame, ndarray or sparse matrix, and array-like, optional
            Old rows, such as the training table, and their target. The search trains on them, too, but compares
            configurations on new rows. Old rows that do not help to predict new rows are left out. By default, the
            search uses the new rows alone.
        sample_weight, groups : array-like of shape (n_samples,), optional
            Weight and group of each new row.
        time : str, int or array-like of shape (n_samples,), optional
            When each new row was recorded; by default, the column that `fit` got. The folds are then forward-only.
        sample_weight_old, groups_old, time_old : array-like of shape (n_old,), optional
            The same for the old rows. The times of a column are those of both tables.
        seconds : float, default=60
            Seconds that the call may take; None for no limit.
        max_trials : int, optional
            Largest number of configurations.

        Returns
        -------
        Self
            A new estimator; this one stays as it is. The attribute ``retune_report_`` of the new estimator holds both
            scores, the interval of their difference and a verdict in words.

        Raises
        ------
        InvalidInputError
            If the rows do not suit the model, or are too few. The error is raised before the search starts.
        NothingFittedError
            If no trial finished.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0)
        >>> reg = reg.fit(X[:200], y[:200])
        >>> new = reg.retune(X[200:], y[200:], X[:200], y[:200], seconds=None, max_trials=2)
        >>> new.retune_report_.n_rows, new.retune_report_.n_compared
        (442, 81)
        """
        check_is_fitted(self, "_ensemble")
        if (X_old is None) != (y_old is None):
            raise InvalidInputError("retune needs both X_old and y_old, or none of them")
        of_old = {"sample_weight_old": sample_weight_old, "groups_old": groups_old, "time_old": time_old}
        for name, value in of_old.items():
            if X_old is None and value is not None:
                raise InvalidInputError(f"{name} needs X_old and y_old; pass all of them, or none")
        old = None if X_old is None else TrainingData(X_old, y_old, sample_weight_old, groups_old, time_old)
        return retune(self, GivenRows(TrainingData(X, y, sample_weight, groups, time), old), seconds, max_trials)
