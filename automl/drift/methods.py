"""The method `check_drift` of both estimators, and the warning of drift in their predictions."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from automl.drift.check import SketchedModel, check_drift
from automl.drift.report import DriftReport
from automl.errors import DriftWarning, warn_user
from pipelines.table.raw import as_table

_WARNING_LEVEL = 0.001  # for each call of a prediction, of which there may be many
_LEAST_ROWS = 20


class DriftCheck(SketchedModel):
    """The check of new rows against the training rows of a fitted estimator."""

    _warns_of_drift: bool  # only where the user has set `warn_of_drift`

    def check_drift(
        self, X_new: Any, X_train: Any = None, *, level: float = 0.05, adversarial: bool = True, random_state: int = 0
    ) -> DriftReport:
        """
        Compare new rows with the training rows: schema, each column, and an adversarial model.

        Numbers, dates and lengths of texts are compared by the Kolmogorov-Smirnov test, categories and booleans by the
        chi-square test, with control of the false discovery rate by Benjamini and Hochberg (1995). The adversarial
        model is made of boosted trees. They learn to distinguish the two samples, and are scored on held-out rows.

        Parameters
        ----------
        X_new : DataFrame, ndarray or sparse matrix of shape (n_new, n_features)
            The new rows, without labels.
        X_train : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features), optional
            Training rows for the adversarial model. None takes the rows that the estimator has kept; after `load` of a
            model that was saved without rows there are none, and only single columns are compared.
        level : float, default=0.05
            Largest probability of a false alarm where nothing has changed. With an adversarial model, the tests of the
            columns together and this model get half of it each.
        adversarial : bool, default=True
            Whether to train an adversarial model, which takes seconds.
        random_state : int, default=0
            Seed of the adversarial model.

        Returns
        -------
        DriftReport
            ``columns`` (a DataFrame), ``drifted``, ``drifted_columns``, ``auc`` and ``verdict``, a text.

        Raises
        ------
        InvalidInputError
            If the table cannot be used, or if the model has neither a sketch of its training rows nor these rows.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0)
        >>> reg = reg.fit(X[:300], y[:300])
        >>> older = X[300:].assign(age=X["age"] + 20)
        >>> reg.check_drift(older, adversarial=False).drifted_columns
        ['age']
        """
        check_is_fitted(self, "_ensemble")
        return check_drift(self, X_new, X_train, level, adversarial, random_state)

    @property
    def warn_of_drift(self) -> bool:
        """
        Whether predictions warn if the columns of their table differ from the training table; False by default.

        With True, each prediction for 20 rows or more also runs `check_drift` without an adversarial model at the
        level 0.001, and issues a `DriftWarning`. `save`, `slim`, `refit` and `retune` keep the choice, and a run
        directory keeps the choice of the time at which `fit` or `more` began.

        Returns
        -------
        bool

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> reg.warn_of_drift = True
        """
        return bool(vars(self).get("_warns_of_drift", False))

    @warn_of_drift.setter
    def warn_of_drift(self, value: bool) -> None:
        self._warns_of_drift = bool(value)

    def _warn_of_drift(self, X: Any) -> None:
        """Warn of drift in a table to predict, if the user wants that."""
        if not self.warn_of_drift or as_table(X).values.shape[0] < _LEAST_ROWS:
            return
        report = check_drift(self, X, None, _WARNING_LEVEL, False, 0)
        if report.drifted:
            warn_user(f"{report.verdict}; check_drift shows the details", DriftWarning)
