"""The parts that the two estimators share: `fit`, the attributes of a fitted estimator, and `save`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from automl import persistence
from automl.arguments import check_arguments, suggest_fit_arguments
from automl.continuation import Continuation
from automl.drift.methods import DriftCheck
from automl.ensemble.slimming import reading_milliseconds
from automl.errors import warn_user
from automl.execute.processes import warm_up
from automl.explain.methods import Explanations
from automl.fitted.attributes import FittedAttributes
from automl.fitted.costs import Costs
from automl.fitted.data_warnings import DataWarnings
from automl.fitted.member_scores import MemberScores
from automl.fitted.metric_scores import MetricScores
from automl.fitted.score_over_time import SearchGains
from automl.fitted.several_targets import SeveralTargets
from automl.fitted.slimming import Slimming
from automl.fitting import search_and_keep, unfinished_attributes
from automl.guard import make_guard
from automl.notebook import NotebookView
from automl.refit.run import check_refit_arguments, refit
from automl.report.method import Reporting
from automl.retune.methods import Retuning
from automl.run.callbacks import CallbackTasks
from automl.search.budget import Budget
from automl.search.processors import ProcessorBudget
from automl.task.prepare import TrainingData, prepare
from automl.task.settings import TaskSettings
from automl.task.table_validation import check_table, check_width
from automl.task.unread_cells import warn_of_unread
from automl.task.validation import python_number, table_errors
from automl.trials.run_directory import RunDirectory

Array = NDArray[Any]

_SEEDS = 2**30  # leaves room below 2**31 for the seeds of folds, which are added to it


class BaseAutoML(
    NotebookView,
    DataWarnings,
    Reporting,
    FittedAttributes,
    MemberScores,
    MetricScores,
    SearchGains,
    Costs,
    Slimming,
    Continuation,
    Retuning,
    Explanations,
    SeveralTargets,
    DriftCheck,
    CallbackSupportMixin,
    BaseEstimator,
):
    """The parts that classifier and regressor share."""

    # Both estimators list their parameters in their own `__init__`: help and errors then name the right class.
    positive_label: Any = None  # of the classifier alone
    quantiles: Sequence[float] | None = None  # of the regressor alone

    def _keep_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Set the attributes of the local variables of `__init__`, which are the parameters, to their values."""
        for name, value in parameters.items():
            if name != "self":
                setattr(self, name, value)

    @suggest_fit_arguments
    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        groups: Any = None,
        *,
        time: Any = None,
        gap: Any = 0,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        sensitive_features: Any = None,
    ) -> Self:
        """
        Search for the best ensemble of pipelines within the budget.

        Parameters
        ----------
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
            The table as it is, of pandas, polars, PyArrow or NumPy: missing cells, strings and dates are allowed.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The target. With two columns or more, all targets are learned together.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows in every model, every score and the ensemble.
        groups : array-like of shape (n_samples,), optional
            Group of each row; the rows of one group are never on both sides of a fold.
        time : str, int or array-like of shape (n_samples,), optional
            When each row was recorded: the name of a column of X, or numbers or dates; in any order. Each fold then
            trains on older rows than it scores, `estimate_` is that of the newest rows, and at last the models are
            trained on all rows. A column stays a feature.
        gap : number, str or timedelta, default=0
            Time between the training rows and the scored rows of a fold, in the unit of `time`, or a duration such as
            "7 days" where `time` holds dates.
        X_val : DataFrame, ndarray or sparse matrix of shape (n_validation_samples, n_features), optional
            Validation rows with the columns of X. The search trains on X and scores these rows, in place of folds; at
            last the models are trained on all rows.
        y_val, sample_weight_val : array-like of shape (n_validation_samples,), optional
            Target and weights of the validation rows.
        sensitive_features : array-like of shape (n_samples,), DataFrame, str or int, optional
            The group of each row, such as the sex, or the name of a column of X. The scores of the groups are compared
            in `leaderboard_`, `scores_by_group` and the report. Several columns give one group for each combination.
            Models do not see it, unless it is a column of X.

        Returns
        -------
        Self
            The fitted estimator.

        Raises
        ------
        InvalidInputError
            If an argument or the data cannot be used. The error is raised before the search starts.
        NothingFittedError
            If no trial finished.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=2, include=["ridge"], n_jobs=1, verbose=0)
        >>> reg.fit(X, y).stop_reason_
        'max_trials reached'
        """
        started = monotonic()
        check_arguments(self.get_params(deep=False), self._is_classifier)
        most = python_number(self.max_processor_seconds)
        processors = None if most is None else ProcessorBudget(most)
        budget = Budget(python_number(self.time_budget), python_number(self.max_trials), started, processors)
        if self.executor == "local":
            warm_up()
        seed = self._seed()
        guard = make_guard(self.guard)
        prepared = prepare(
            TrainingData(X, y, sample_weight, groups, time, gap, X_val, y_val, sample_weight_val, sensitive_features),
            TaskSettings.of(self),
            classification=self._is_classifier,
            holdout_share=None if guard is None else guard.share,
            random_state=seed,
        )
        callback_tasks = CallbackTasks.begin(self, X, y, sample_weight, partial(unfinished_attributes, prepared))
        search_and_keep(self, prepared, budget, seed, partial(reading_milliseconds, X, prepared.reader), callback_tasks)
        if callback_tasks is not None:
            callback_tasks.end()
        return self

    def refit(
        self, X: Any = None, y: Any = None, sample_weight: Any = None, groups: Any = None, *, time: Any = None
    ) -> Self:
        """
        Return a fitted copy whose models were trained on all rows, or on new rows, without another search.

        The members of the ensemble and their weights stay. Each member becomes one model instead of a bag of fold
        models. Boosted models train for the rounds that were best on the folds, scaled by the share of rows. Without
        arguments, the models are trained on all rows of `fit`, the holdout rows of a guard included. With new rows, the
        members are also trained on folds of these rows, where they are compared with the old model.

        Parameters
        ----------
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features), optional
            New rows with the columns of the training table; other columns are ignored. None takes the training rows
            that the estimator has kept.
        y : array-like of shape (n_samples,), optional
            The target of the new rows, with the classes of the model.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the new rows.
        groups : array-like of shape (n_samples,), optional
            Group of each new row.
        time : str, int or array-like of shape (n_samples,), optional
            When each new row was recorded; by default, the column that `fit` got.

        Returns
        -------
        Self
            A new estimator; this one stays as it is. The attribute ``refit_report_`` of the new estimator holds the
            scores of both models on the new rows, a p value and a verdict in words.

        Raises
        ------
        InvalidInputError
            If there are no rows, or if the new rows do not suit the model. The error is raised before any training.
        NothingFittedError
            If no member could be trained.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0)
        >>> reg = reg.fit(X[:200], y[:200])
        >>> new = reg.refit(X[200:], y[200:])
        >>> new.refit_report_.n_rows
        242
        """
        check_is_fitted(self, "_ensemble")
        check_refit_arguments(X, y, sample_weight, groups, time)
        return refit(self, None if X is None else TrainingData(X, y, sample_weight, groups, time))

    def _seed(self) -> int:
        if isinstance(self.random_state, (int, np.integer)):
            return int(self.random_state) % _SEEDS
        # A resumed run needs the seed of its first session; with another one it would have other folds.
        kept = None if self.store is None else RunDirectory(Path(self.store)).seed()
        return int(check_random_state(self.random_state).randint(_SEEDS)) if kept is None else kept

    def _predict(self, X: Any) -> Array:
        return self._read_and_predict(X)[1]

    def _read_and_predict(self, X: Any) -> tuple[Any, Array]:
        """Return a new table as the reader reads it, and the predictions of the ensemble for its rows."""
        check_is_fitted(self, "_ensemble")
        X = check_table(X)
        check_width(X, self.n_features_in_, type(self).__name__)
        if hasattr(self, "feature_names_in_") and not hasattr(X, "columns"):
            warn_user(
                f"X does not have valid feature names, but {type(self).__name__} was fitted with feature names; its "
                "columns are taken in the order of training"
            )
        self._warn_of_drift(X)
        # Workers fitted the pipelines on arrays; a global setting `transform_output` must not reach their inner steps.
        with table_errors(), config_context(transform_output="default"):
            table, unread = self._reader.transform_noting(X)
            warn_of_unread(unread)
            return table, self._ensemble.predict(table)

    def save(self, path: str | os.PathLike[str], rows: bool = False) -> None:
        """
        Write the fitted estimator into a folder, from which `automl.load` reads it.

        Parameters
        ----------
        path : str or path-like
            Folder of the model. A model that was saved there before is replaced.
        rows : bool, default=False
            Whether to save the training rows, too, so that `refit` needs no table after `automl.load`. A scorer that
            reads the table needs some of these rows for `frontier_`.

        Raises
        ------
        InvalidInputError
            If the path exists and is not a saved model, or if the path or a parameter of the estimator cannot be
            written.

        Examples
        --------
        >>> import tempfile
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0)
        >>> reg.fit(X, y).save(tempfile.mkdtemp())
        """
        check_is_fitted(self, "_ensemble")
        persistence.save(self, path, rows)

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        # For its HTML view, scikit-learn reads every property whose name ends with an underscore. Ours may take
        # seconds, so it gets an object that has the plain attributes only.
        plain = type(type(self).__name__, (BaseEstimator,), {"__doc__": type(self).__doc__})()
        vars(plain).update(vars(self))
        return plain._get_fitted_attr_html(doc_link)

    def __dir__(self) -> list[str]:
        # scikit-learn reads every attribute here, for example when a notebook completes a name.
        cls = type(self)
        computed = {name for name in object.__dir__(self) if isinstance(getattr(cls, name, None), property)}
        return [name for name in object.__dir__(self) if name in computed or hasattr(self, name)]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_ensemble")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.target_tags.multi_output = True
        tags.non_deterministic = self.time_budget is not None or self.max_processor_seconds is not None
        return tags
