"""The attributes of a fitted estimator that are computed when they are read."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from automl.checks.predictions import RowPredictions
from automl.checks.warning import DataWarning
from automl.ensemble.attribute_rules import ATTRIBUTES
from automl.ensemble.estimate import Estimate, OutOfFoldRecord
from automl.ensemble.frontier import FrontierRecord, frontier_table
from automl.ensemble.missing import is_retuned, why_left_out
from automl.ensemble.score_curve import CurveRecord, ScoreCurve
from automl.ensemble.slimming import AnyEstimate, known_record
from automl.expected_score import keep_estimate
from automl.fitted.best_pipeline import BestPipeline
from automl.fitted.out_of_fold import out_of_fold_table
from automl.guard import Guard
from automl.refit.model import ModelWithRows
from automl.task.own_objects import check_fitted_scorer
from automl.trials.history import RunHistory
from automl.trials.leaderboard import make_cv_results, make_leaderboard
from pipelines.labels import LabelDecoder, TargetsDecoder
from pipelines.table.summary import summarize

Array = NDArray[Any]


class PartOfSearch:
    """An attribute that `automl.load` leaves out with ``for_prediction=True``; a missing one is a clear error."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        try:
            return vars(instance)[self._name]
        except KeyError:
            public = ATTRIBUTES[self._name].public or self._name
            if "_ensemble" not in vars(instance):
                raise AttributeError(f"{owner.__name__!r} object has no attribute {public!r}; call fit") from None
            reason = why_left_out(
                instance, "its scorer reads the table, and it was saved without rows; save it with rows=True"
            )
            raise AttributeError(f"the model has no {public}: {reason}") from None

    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[self._name] = value

    def __delete__(self, instance: Any) -> None:
        del vars(instance)[self._name]


def _part_of_search() -> Any:
    """Return a `PartOfSearch`; the class declares the type of its value."""
    return PartOfSearch()


class FittedAttributes(ModelWithRows):
    """The computed attributes of both estimators; `BaseAutoML.fit` sets the values that they are computed from."""

    guard: float | Guard | None
    _estimate: AnyEstimate = _part_of_search()
    _guard_curve: pd.DataFrame | None = _part_of_search()
    _frontier: FrontierRecord | None = _part_of_search()
    _row_predictions: RowPredictions | None = _part_of_search()
    _warnings: list[DataWarning] = _part_of_search()
    _score_curve: CurveRecord | ScoreCurve | None = _part_of_search()
    history_: RunHistory = _part_of_search()

    @property
    def leaderboard_(self) -> pd.DataFrame:
        """
        All configurations of the run, best first.

        Configurations with the most finished folds come first. The others are sorted by scores that are adjusted for
        their missing folds, because some folds are harder than others; ``score`` is not adjusted. It is the mean over
        the finished folds, and no score of all rows together such as `estimate_`, in the sign of scikit-learn's
        scorers: greater is better, also for ``neg_...``. ``weight`` is the share of the ensemble, and
        ``predict_milliseconds`` the measured time in which one fold model predicts 1,000 rows. `score_members` adds
        scores on other rows.

        Returns
        -------
        DataFrame
            One row for each configuration, with the columns family, score, std, folds, seconds, predict_milliseconds,
            status, weight, hyperparameters (the main ones, as a text), id, origin and reason. A search with trials on
            a part of the training rows or iterations also has the column fidelity. Further metrics of `scoring` and
            further `objectives` have columns of their names after std; with `sensitive_features`, up to 20 groups have
            a column score[group], and two classes the two differences of `objectives`. Less is better for objectives
            and differences.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> reg.leaderboard_[["family", "folds", "status"]].values.tolist()
        [['ridge', 8, 'ok']]
        """
        check_is_fitted(self, "_ensemble")
        return make_leaderboard(self.history_, self._ensemble.weights, vars(self).get("_fold_rows", ()))

    @property
    def cv_results_(self) -> dict[str, Any]:
        """
        Scores of all configurations on the folds, in the form of scikit-learn's searches.

        Returns
        -------
        dict of ndarray
            One entry for each configuration in ``params``, ``split{k}_test_score`` (NaN where the fold was not run),
            ``mean_test_score``, ``std_test_score``, ``rank_test_score`` (1 is the best; the order of `leaderboard_`)
            and ``mean_fit_time`` in seconds. `pandas.DataFrame` reads it.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=2, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> import pandas as pd
        >>> pd.DataFrame(reg.cv_results_)[["rank_test_score", "split0_test_score"]].shape
        (2, 2)
        """
        check_is_fitted(self, "_ensemble")
        return make_cv_results(self.history_, self.n_splits_)

    @property
    def best_index_(self) -> int:
        """
        Place of the best configuration in `cv_results_`.

        Returns
        -------
        int
            The index whose rank is 1.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> reg.best_index_
        0
        """
        return int(np.argmin(self.cv_results_["rank_test_score"]))

    @property
    def best_params_(self) -> dict[str, Any]:
        """
        The best configuration, with the names that ``automl space`` prints.

        Returns
        -------
        dict
            One entry for each hyperparameter. The ensemble may also hold other configurations.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> reg.best_params_["model"]
        'ridge'
        """
        return dict(self.cv_results_["params"][self.best_index_])

    @property
    def best_score_(self) -> float:
        """
        Mean score of the best configuration over its folds.

        The best of many scores is optimistic; `estimate_` corrects for that. A mean over folds is also another measure
        than a score of all rows together, such as `estimate_` and `metric_scores_`: do not compare them.

        Returns
        -------
        float
            Greater is better.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> bool(reg.best_score_ == reg.leaderboard_["score"].max())
        True
        """
        return float(self.cv_results_["mean_test_score"][self.best_index_])

    @property
    def estimate_(self) -> Estimate:
        """
        The score to expect of the ensemble on new data, corrected for the search.

        `fit` computes it within the budget, if the scorer is fast and the time suffices. Otherwise it is computed at
        the first access, which takes up to some ten seconds, and then kept.

        Returns
        -------
        Estimate
            Score and interval: score, low, high, level.

        Raises
        ------
        AttributeError
            If `cv` orders the rows by time: no estimate from older rows holds for rows of the future.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> estimate = reg.estimate_
        >>> estimate.low < estimate.score < estimate.high
        True
        """
        check_is_fitted(self, "_ensemble")
        if self._estimate is None:
            raise AttributeError(
                "there is no estimate_ where cv orders the rows by time, because scores on older rows say little about "
                "the future; pass the times of the rows as time to fit, or score the model on newer rows"
            )
        if isinstance(self._estimate, OutOfFoldRecord):
            check_fitted_scorer(self._estimate.metric.scorer)
            return keep_estimate(self, self._estimate)
        return self._estimate

    @property
    def out_of_fold_predictions_(self) -> pd.DataFrame:
        """
        What the ensemble predicts for each training row with the models that were not trained on the row.

        They serve as features of another model, for figures, or to choose a threshold. The weights of the members and
        the calibration were chosen on these rows, so that a score of these predictions is a little better than
        `estimate_`. A row has the mean of its predictions where the folds are repeated.

        Returns
        -------
        DataFrame
            One row for each row of the training table, in its order and numbered from 0; validation rows that were
            given to `fit` follow. The columns are those of `predict_proba`, with the classes as names (for several
            targets, pairs of target and class); of a regressor, the column ``prediction``, one for each target, or one
            for each quantile. All columns are NaN where no prediction exists: for rows that are in no test fold, such
            as the oldest ones of `TimeSeriesSplit`, and for rows of a `guard`. Of more than 4 MiB of predictions, a
            random sample of rows has values: of more than 524,288 rows for two classes or one number.

        Raises
        ------
        AttributeError
            If the fit was interrupted, or was too short to read the predictions, after `refit` with new rows, if the
            model was loaded for prediction only, or after `slim` where the rows are not known.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from automl import AutoMLClassifier
        >>> X, y = load_iris(return_X_y=True, as_frame=True)
        >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], n_jobs=1, verbose=0).fit(X, y)
        >>> predictions = clf.out_of_fold_predictions_
        >>> predictions.shape, list(predictions)
        ((150, 3), [0, 1, 2])
        >>> X_stacked = X.join(predictions.set_axis(X.index).add_prefix("class_"))
        """
        check_is_fitted(self, "_ensemble")
        return out_of_fold_table(self)

    @property
    def frontier_(self) -> pd.DataFrame:
        """
        Ensembles along the Pareto front of score, time and size, the best score first.

        `slim` and `choose` return one of them. A search with several `objectives` finds more of them.

        The scores come from stored out-of-fold predictions, and the times from measured times of single models. Of two
        ensembles with the same score, the one with more models is in truth a little better. The first access takes up
        to a few seconds.

        Returns
        -------
        DataFrame
            At most ten rows: ``score`` (out of fold, greater is better), ``low`` and ``high`` (a 95 % interval),
            ``milliseconds`` (for a single row), ``microseconds_per_row`` (in a table of 10,000 rows), ``megabytes`` (of
            the models on the disk), the differences between groups among the `objectives`, and ``members`` (families
            with weights and numbers of models).

        Raises
        ------
        AttributeError
            If `cv` orders the rows by time, if the model was loaded for prediction only, or after `refit`.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> reg.frontier_["members"].tolist()
        ['ridge (1.00, 8 models)', 'ridge (1.00, 1 model)']
        """
        check_is_fitted(self, "_ensemble")
        return frontier_table(known_record(self), self._ensemble)

    @property
    def guard_curve_(self) -> pd.DataFrame:
        """
        Scores on the work rows and on the holdout rows of the guard, as the search went on.

        Returns
        -------
        DataFrame
            One row for each comparison, the last one for the ensemble: ``seconds`` since the start; ``work``, the score
            of the best configuration in the search; ``free``, its score on the holdout rows; ``parted``, whether the
            two contradict each other.

        Raises
        ------
        AttributeError
            If `fit` was called without the argument `guard`, after `retune`, which searches without a guard, or if the
            model comes from a run directory with trials of a `fit` that has not ended.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], guard=0.1, n_jobs=1, verbose=0)
        >>> list(reg.fit(X, y).guard_curve_)
        ['seconds', 'work', 'free', 'parted']
        """
        check_is_fitted(self, "_ensemble")
        if self._guard_curve is None:
            raise AttributeError(f"there is no guard_curve_ {_why_no_guard_curve(self)}")
        return self._guard_curve

    @property
    def columns_(self) -> pd.DataFrame:
        """
        How each column of the training table is read.

        The parameter `columns` changes the kinds.

        Returns
        -------
        DataFrame
            One row for each column, with the columns name, kind, reason (why it has this kind) and treatment (what the
            models see).

        Examples
        --------
        >>> import pandas as pd
        >>> from automl import AutoMLRegressor
        >>> X = pd.DataFrame({"price": [f"{i * 1.5} EUR" for i in range(30)], "same": 1})
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0)
        >>> reg.fit(X, range(30)).columns_[["name", "kind", "treatment"]].values.tolist()
        [['price', 'number', 'a number'], ['same', 'constant', 'not used']]
        """
        check_is_fitted(self, "_ensemble")
        return summarize(self._reader.columns_)

    @property
    def best_pipeline_(self) -> Pipeline:
        """
        The pipeline with the largest weight in the ensemble, as fitted on all rows if it was, else on a fold.

        It is the first of these models whose training has not ended at a time limit, if there is one.

        Returns
        -------
        Pipeline
            A fitted scikit-learn pipeline, which takes tables as `fit` does. Its text is its configuration. It can be
            cloned and fitted again on any rows with these columns: the kinds of the columns and the levels of the
            categories stay the same.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> reg.best_pipeline_.predict(X[:2]).shape
        (2,)
        """
        check_is_fitted(self, "_ensemble")
        bag = max(self._ensemble.bags, key=lambda bag: bag.weight)
        *steps, (name, model) = copy.deepcopy(bag.typical_model).steps  # fitting the copy changes no ensemble
        if self._is_classifier and self._ensemble.targets is not None:
            model = TargetsDecoder(model, list(self.classes_))
        elif self._is_classifier:
            model = LabelDecoder(model, self.classes_)
        steps = [("table", copy.deepcopy(self._reader.fixed())), *steps, (name, model)]
        return BestPipeline(steps, configuration=bag.configuration)


def _why_no_guard_curve(estimator: FittedAttributes) -> str:
    if estimator.guard is None:
        return "without the argument guard, for example guard=0.1"
    if is_retuned(estimator):
        return "after retune, which searches without a guard; use the estimator that fit has returned"
    return (
        "yet: only the end of fit writes it, in a run directory as guard.json; wait for this end, or call fit with the "
        "same store again"
    )
