"""The methods of both estimators that explain a fitted model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from automl.errors import warn_user
from automl.explain.explanation import Explanation
from automl.explain.group_scores import scores_by_group
from automl.explain.hyperparameters import hyperparameter_importance
from automl.explain.importance import feature_importances, importance
from automl.explain.shapley import explain
from automl.plurals import plural
from automl.refit.model import ModelWithRows
from automl.task.sensitive import FEWEST_ROWS


class Explanations(ModelWithRows):
    """The methods and the attribute that say what a fitted estimator uses."""

    def importance(
        self,
        n_repeats: int = 5,
        random_state: int | None = 0,
        X: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        groups: Any = None,
        seconds: float | None = 60.0,
    ) -> pd.DataFrame:
        """
        Return how much the score falls when the cells of one column are exchanged between rows.

        No new rows are needed: each fold model predicts only the scored rows of its own fold. A column that the models
        see as several numbers, such as a date or a text, is exchanged as a whole.

        Parameters
        ----------
        n_repeats : int, default=5
            Number of random exchanges of each column.
        random_state : int or None, default=0
            Seed of the exchanges and of the choice of rows.
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features), optional
            Rows on which the model was not trained. By default, the training rows that the estimator has kept.
        y : array-like of shape (n_samples,), optional
            The target of `X`.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows of `X`.
        groups : array-like of shape (n_samples,), optional
            Group of each row of `X`; the interval takes into account that rows of a group are alike.
        seconds : float or None, default=60
            Time limit. If it is short for a wide table, there are fewer repeats, then fewer rows; columns that are not
            reached have no importance. None means no limit.

        Returns
        -------
        DataFrame
            One row for each column of the training table, the most important one first: ``name``, ``importance`` (in
            the unit of the score), ``low`` and ``high`` (a 95 % interval), ``correlated_with`` (the most correlated
            other column, if the rank correlation is above 0.8 or below -0.8) and ``correlation``. Correlated columns
            share their importance. With several targets, ``importance`` is that for their mean score, and
            ``importance_`` with the name of a target that for its own score, of which the mean is taken.

        Raises
        ------
        InvalidInputError
            If the model has no rows, and none are given.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> "s5" in set(reg.importance(n_repeats=2)["name"].head(2))
        True
        """
        check_is_fitted(self, "_ensemble")
        return importance(self, n_repeats, random_state, X, y, sample_weight, groups, seconds)

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """
        The column ``importance`` of `importance`, in the order of the columns of the training table.

        It is computed at the first access, which takes up to a minute, and then kept; `save` keeps it, too.

        Returns
        -------
        ndarray of shape (n_features,)
            Greater is more important; 0 for a column that no model uses.

        Raises
        ------
        AttributeError
            If the model has no rows, because it was saved without them.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> reg.feature_importances_.shape
        (10,)
        """
        check_is_fitted(self, "_ensemble")
        return feature_importances(self)

    def scores_by_group(
        self, groups: Any = None, X: Any = None, y: Any = None, sample_weight: Any = None
    ) -> pd.DataFrame:
        """
        Return the scores of each group of rows: of men and women, of regions, of machines.

        Parameters
        ----------
        groups : array-like of shape (n_samples,), DataFrame, str or int, optional
            The group of each row of `X`, or the name or number of a column of `X`; without `X`, the group of each row
            of the table that `fit` got, and after them of the validation rows. It need not be a column of the table.
            Several columns of a DataFrame give one group for each combination. None takes the `sensitive_features` of
            `fit`, without `X`.
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features), optional
            Rows on which the model was not trained. By default, out-of-fold predictions of the training rows are used.
        y : array-like of shape (n_samples,), optional
            The target of `X`.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows of `X`. Rows of weight 0 are left out.

        Returns
        -------
        DataFrame
            One row for each group, then ``all rows`` and ``largest difference`` (between two groups). Columns: ``rows``
            (their number), the score by the metric of the search (greater is better), and for regression ``mean_error``
            (prediction minus truth) and ``mean_absolute_error``; for classes ``accuracy``; for two classes also
            ``positive_share`` (of the rows), ``predicted_share``, ``mean_probability``, ``true_positive_rate`` and
            ``false_positive_rate`` of the positive class. NaN where a group has no such rows.

        Raises
        ------
        InvalidInputError
            If there is not one group for each row, if there are more than 1,000 groups, or if the model has no
            out-of-fold predictions and `X` is missing.

        Warns
        -----
        UserWarning
            If a group has fewer than 30 rows.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> reg.scores_by_group(X["sex"] > 0).index.tolist()
        ['False', 'True', 'all rows', 'largest difference']
        """
        check_is_fitted(self, "_ensemble")
        table = scores_by_group(self, groups, X, y, sample_weight)
        rows = table["rows"].iloc[:-2]
        if rows.min() < FEWEST_ROWS:
            warn_user(
                f"group {rows.idxmin()!r} has {plural(int(rows.min()), 'row')}; with fewer than {FEWEST_ROWS} rows, "
                "the score of a group is mostly chance; join small groups",
            )
        return table

    def explain(
        self, X: Any, background: Any = None, max_evaluations: int = 4_000, random_state: int | None = 0
    ) -> Explanation:
        """
        Return SHAP values: how much each cell of a row moves its prediction away from the mean prediction.

        The values belong to the columns of the table as it is, and they add up to the prediction of the whole ensemble:
        of the target, or of the probability of each class. With several targets, there are values for each of them.

        Parameters
        ----------
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
            The rows to explain.
        background : DataFrame, ndarray or sparse matrix, optional
            Typical rows, with which the rows are compared; at most 100 of them are used. By default, some of the
            training rows that the estimator has kept.
        max_evaluations : int, default=4000
            Number of predictions for each row, at most. More of them make the values more exact. If a row differs from
            the background rows in more than about 120 columns, 4,000 predictions are too few to change one column at a
            time in enough orders; neighbors in an order then share the change of the prediction where it is small.
        random_state : int or None, default=0
            Seed of the choice of background rows and of the orders of the columns.

        Returns
        -------
        Explanation
            Its method `to_frame` returns the values as a table; ``automl.plots.waterfall`` draws one row. With several
            targets, `of_target` returns the explanation of one of them.

        Raises
        ------
        InvalidInputError
            If the table cannot be used, or if the model has no rows and `background` is missing.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> reg.explain(X[:2]).to_frame().shape
        (2, 10)
        """
        check_is_fitted(self, "_ensemble")
        return explain(self, X, background, max_evaluations, random_state)

    def hyperparameter_importance(self, random_state: int | None = 0) -> pd.DataFrame:
        """
        Return how much of the differences between configurations each hyperparameter explains.

        A random forest learns the run history, and a functional ANOVA divides the variance of its predictions over the
        search space.

        Parameters
        ----------
        random_state : int or None, default=0
            Seed of the forest and of the sampled configurations.

        Returns
        -------
        DataFrame
            The steps of the pipeline come first, each with all of its hyperparameters; then the single hyperparameters,
            the most important one first: ``name``, ``kind`` ("step"; "choice" of the component of a step;
            "hyperparameter"), ``importance`` (share of the variance, between 0 and 1), ``std`` (over the trees of the
            forest) and ``n_configurations`` (in which it is active).

        Raises
        ------
        AutoMLError
            If the search has tried fewer than 10 configurations.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from automl import AutoMLClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> settings = {"time_budget": None, "max_trials": 10, "cv": 2, "n_jobs": 1, "verbose": 0}
        >>> clf = AutoMLClassifier(include=["decision_tree", "lda"], **settings).fit(X, y)
        >>> list(clf.hyperparameter_importance().columns)
        ['name', 'kind', 'importance', 'std', 'n_configurations']
        """
        check_is_fitted(self, "_ensemble")
        return hyperparameter_importance(self, random_state)
