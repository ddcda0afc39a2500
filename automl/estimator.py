"""The two estimators that users import."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin

from automl.arguments import suggest_parameters
from automl.base import BaseAutoML
from automl.checks.attributes import SuspectLabels
from automl.fitted.decision_threshold import DecisionThreshold
from automl.fitted.intervals import ClassSets, Intervals
from automl.fitted.quantiles import Quantiles
from automl.fitted.scores import LabelScores, NumberScores
from automl.fitted.several_targets import MultiLabel, class_probabilities, predicted_labels
from automl.guard import Guard
from automl.trials.history import RunHistory
from automl.trials.trial import TrialResult

Array = NDArray[Any]


class AutoMLClassifier(
    MultiLabel, LabelScores, ClassifierMixin, ClassSets, DecisionThreshold, SuspectLabels, BaseAutoML
):
    """
    Search whole pipelines for a classification table, and return the best ensemble within a time budget.

    Parameters
    ----------
    time_budget : float or None, default=60
        Seconds for all of `fit`, the ensemble included. None means no limit; then another budget must be given.
    max_trials : int, optional
        Number of started configurations after which the search ends. With ``time_budget=None``, ``n_jobs=1`` and an
        integer `random_state`, two runs give the same result.
    max_processor_seconds : float, optional
        Seconds of processors for all trials, added over the workers, after which the search ends.
    scoring : str, callable, list or dict, optional
        The score to maximize: any scikit-learn scorer or its name. None means ROC AUC for two classes, the ranked
        probability score for an ordered categorical of pandas, and log loss for other classes. Of several scorers, the
        first is maximized, and the others are recorded in `leaderboard_`, `cv_results_` and `metric_scores_`.
    positive_label : label, optional
        The class of interest of two classes, for scorers of one class such as "f1" and for `decision_threshold_`. None
        means the label 1, or the second class if no label is 1.
    objectives : sequence of str, default=("score",)
        What the search optimizes: "score", and beside it "milliseconds" (of a prediction for a single row), "megabytes"
        (of the models on the disk), or for two classes "demographic_parity_difference" or "equalized_odds_difference"
        between the `sensitive_features` of `fit`. `fit` returns the best score; `choose` another row of `frontier_`.
    cv : int, splitter or iterable, optional
        Folds of the search, as in scikit-learn; chosen by the number of rows when None. If there are two or more folds,
        and each trains on rows before its scored rows, as in `TimeSeriesSplit`, the rows are taken to be in the order
        of time: folds are numbered newest first, and predictions come from models that were trained on all rows.
    n_jobs : int, default=-1
        Number of busy cores during the whole run; -1 uses all cores that this process may use, or all of the cluster.
    memory_limit : float, optional
        Memory in MiB for one trial; an even share of the free memory when None.
    trial_time_limit : float, optional
        Seconds for one trial.
    device : str, default="auto"
        Device on which networks train: "cpu", "cuda", "cuda:1" and so on. "auto" uses CUDA if there is a GPU.
    include, exclude : sequence of str or dict, default=()
        Names of the components (models, encoders and so on) that the search uses alone, and that it leaves out; or
        lists of names by step, such as ``{"encoding": ["one_hot"]}``.
    space : dict, optional
        Changes of hyperparameters by name: a range ``(low, high)``, a list of choices, a fixed value, or a prior as
        ``{"prior": 0.05}``. `automl.space` lists the names.
    components : sequence or dict, default=()
        Your own models, or lists of components by step; a text names an entry point of an installed package.
    initial_configurations : "meta", "default" or list of dict, default="meta"
        Configurations that the search tries first. "meta" takes those that did well on similar data sets in the
        meta-database, "default" takes a portfolio of tuned defaults.
    without : sequence of str, default=()
        Names of data sets whose results in the meta-database are not used, for benchmarks on public data sets.
    searcher : str or object, default="smac"
        "smac", "random", "sobol", "grid", "genetic", "successive_halving", "hyperband", "bohb", an Optuna sampler or
        its name, or an object with `suggest`.
    ensemble_size : int, default=25
        Rounds of greedy ensemble selection; 1 keeps only the best configuration.
    max_predict_milliseconds : float, optional
        The longest time for the prediction of a single row on this machine. The search leaves out slower families.
    max_model_megabytes : float, optional
        The largest size of all models of the ensemble on the disk, in MB of 2**20 bytes. The search drops larger ones.
    executor : "local" or "ray", default="local"
        Place where trials run: processes on this machine, or a running Ray cluster.
    store : str or path-like, optional
        The run directory, which makes the run durable: a second `fit` on the same data resumes it.
    guard : float or Guard, optional
        Share of the training rows (0.05 to 0.1) that neither the search nor the ensemble sees. If the score on these
        rows contradicts the search, the run warns; ``Guard(0.1, stop=True)`` ends the search then.
    columns : dict, optional
        Kinds of columns by name or position: "number", "category", "text", "date", "time" or "drop"; see `columns_`.
    monotonic : dict, optional
        Columns of numbers, by name or position, with 1 (predictions never fall while the value rises) or -1 (they never
        rise). For two classes, the prediction is the probability of the positive class.
    energy : str, optional
        Country of this machine in three letters, such as "DEU", for which codecarbon measures the energy and the CO2 in
        `costs_`; it needs the extra `energy`. None means an estimate from the seconds.
    noisy_labels : bool, default=False
        Whether you expect wrong labels. The search then also tries to leave out rows whose label is probably wrong, and
        trains networks with losses for which such rows count less.
    callbacks : sequence of callable, default=()
        Each is called as ``callback(result, history)`` after each trial, also if the trial was not started
        (``result.started`` is False). `StopIteration` ends the search.
    random_state : int, RandomState or None, default=None
        Seed of all randomness.
    verbose : int, default=1
        0 shows nothing, 1 the progress and at last the expected score, 2 also each new best score and the log of
        single trials. Outside terminals and notebooks, the lines go to the log, or to standard error without logging.

    Attributes
    ----------
    leaderboard_ : DataFrame
        One row for each configuration, best first.
    metric_scores_ : DataFrame
        Out-of-fold score of the ensemble by each metric of `scoring`.
    columns_ : DataFrame
        How each column of the table is read: name, kind, reason, treatment.
    best_pipeline_ : Pipeline
        The pipeline with the largest weight in the ensemble, as a fitted scikit-learn pipeline.
    estimate_, score_over_time_ : Estimate, DataFrame
        The expected score on new data (score, low, high, level), and the one if the search had ended earlier.
    costs_ : DataFrame
        Processor and GPU seconds, memory, energy and CO2 of the search, by family and by what became of the work.
    history_ : RunHistory
        All trials in the order in which they ended.
    stop_reason_ : str
        Why the search ended.
    frontier_, coverage_ : DataFrame
        Smaller ensembles, which `slim` returns; coverage and size of prediction sets on out-of-fold rows.
    out_of_fold_predictions_, suspect_labels_ : DataFrame
        Probabilities for the training rows from models that did not see them; rows whose label is probably wrong.
    warnings_ : list of DataWarning
        Facts about the training data that make the model or its scores worse than they look.
    feature_importances_ : ndarray of shape (n_features,)
        Out-of-fold permutation importance of each column; see `importance`.
    guard_curve_ : DataFrame
        Scores on work rows and on holdout rows during the search; only with `guard`.
    cv_results_ : dict of ndarray
        Scores of all configurations on the folds, in the form of scikit-learn's searches.
    best_index_, best_params_, best_score_ : int, dict, float
        Place of the best configuration in `cv_results_`, its hyperparameters, and its mean score over its folds.
    scorer_ : callable
        The scorer that the search maximizes: ``scorer_(estimator, X, y)``.
    n_splits_ : int
        Number of folds.
    n_features_in_, feature_names_in_ : int, ndarray of shape (n_features,)
        Number of columns of the training table, and their names, if all of them are strings.
    n_outputs_, target_scores_ : int, DataFrame
        Number of targets, and the out-of-fold score of each of several targets.
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    decision_threshold_ : float
        The probability above which the positive one of two classes is predicted; it can be set.

    See Also
    --------
    AutoMLRegressor : The estimator for targets that are numbers.
    nested_cross_validate : Scores estimators on rows that no search inside them has seen.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import train_test_split
    >>> from automl import AutoMLClassifier
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> clf = AutoMLClassifier(time_budget=None, max_trials=3, include=["decision_tree"], n_jobs=1, verbose=0)
    >>> clf = clf.fit(X_train, y_train)
    >>> clf.predict(X_test).shape
    (143,)
    """

    _is_classifier = True

    @suggest_parameters
    def __init__(
        self,
        *,
        time_budget: float | None = 60,
        max_trials: int | None = None,
        max_processor_seconds: float | None = None,
        scoring: Any = None,
        positive_label: Any = None,
        objectives: Sequence[str] = ("score",),
        cv: Any = None,
        n_jobs: int | None = -1,
        memory_limit: float | None = None,
        trial_time_limit: float | None = None,
        device: str = "auto",
        include: Sequence[str] | Mapping[str, Sequence[str]] = (),
        exclude: Sequence[str] | Mapping[str, Sequence[str]] = (),
        space: Mapping[str, Any] | None = None,
        components: Sequence[Any] | Mapping[str, Sequence[Any]] = (),
        initial_configurations: str | Sequence[Mapping[str, Any]] = "meta",
        without: Sequence[str] = (),
        searcher: Any = "smac",
        ensemble_size: int = 25,
        max_predict_milliseconds: float | None = None,
        max_model_megabytes: float | None = None,
        executor: str = "local",
        store: str | os.PathLike[str] | None = None,
        guard: float | Guard | None = None,
        columns: Mapping[Any, str] | None = None,
        monotonic: Mapping[Any, int] | None = None,
        energy: str | None = None,
        noisy_labels: bool = False,
        callbacks: Sequence[Callable[[TrialResult, RunHistory], None]] = (),
        random_state: Any = None,
        verbose: int = 1,
    ):
        self._keep_parameters(locals())

    def predict(self, X: Any) -> Array:
        """
        Predict the label of each row.

        Parameters
        ----------
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
            A table with the columns of the training table.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_targets) for several targets
            The most probable label, or the best label for a `scoring` that judges labels. Of ordered classes, the
            median or the label with the highest expected kappa.

        Raises
        ------
        InvalidInputError
            If the table cannot be used.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from automl import AutoMLClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], n_jobs=1, verbose=0).fit(X, y)
        >>> clf.predict(X[:2])
        array([0, 0])
        """
        probabilities = self._predict(X)
        return predicted_labels(self._ensemble, probabilities, self.classes_)

    def predict_proba(self, X: Any) -> Any:
        """
        Predict the probability of each class for each row.

        Parameters
        ----------
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
            A table with the columns of the training table.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or list of ndarray for several targets
            Probabilities; the columns are in the order of `classes_`. The list has an array for each target.

        Raises
        ------
        InvalidInputError
            If the table cannot be used.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from automl import AutoMLClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], n_jobs=1, verbose=0).fit(X, y)
        >>> clf.predict_proba(X).shape
        (150, 3)
        """
        probabilities = self._predict(X)
        return class_probabilities(self._ensemble, probabilities)


class AutoMLRegressor(NumberScores, RegressorMixin, Intervals, Quantiles, BaseAutoML):
    """
    Search whole pipelines for a regression table, and return the best ensemble within a time budget.

    Parameters
    ----------
    time_budget : float or None, default=60
        Seconds for all of `fit`, the ensemble included. None means no limit; then another budget must be given.
    max_trials : int, optional
        Number of started configurations after which the search ends. With ``time_budget=None``, ``n_jobs=1`` and an
        integer `random_state`, two runs give the same result.
    max_processor_seconds : float, optional
        Seconds of processors for all trials, added over the workers, after which the search ends.
    scoring : str, callable, list or dict, optional
        The score to maximize: any scikit-learn scorer or its name. None means the root mean squared error. Of several
        scorers, the first is maximized, and the others are recorded in `leaderboard_`, `cv_results_` and
        `metric_scores_`.
    objectives : sequence of str, default=("score",)
        What the search optimizes: "score", and beside it "milliseconds" (of a prediction for a single row), "megabytes"
        (of the models on the disk), or for two classes "demographic_parity_difference" or "equalized_odds_difference"
        between the `sensitive_features` of `fit`. `fit` returns the best score; `choose` another row of `frontier_`.
    quantiles : sequence of float, optional
        Levels of quantiles to predict, such as ``(0.1, 0.5, 0.9)``, in ascending order. The score is then the negative
        mean pinball loss, `predict` returns the middle quantile, and `predict_quantiles` returns all of them.
    cv : int, splitter or iterable, optional
        Folds of the search, as in scikit-learn; chosen by the number of rows when None. If there are two or more folds,
        and each trains on rows before its scored rows, as in `TimeSeriesSplit`, the rows are taken to be in the order
        of time: folds are numbered newest first, and predictions come from models that were trained on all rows.
    n_jobs : int, default=-1
        Number of busy cores during the whole run; -1 uses all cores that this process may use, or all of the cluster.
    memory_limit : float, optional
        Memory in MiB for one trial; an even share of the free memory when None.
    trial_time_limit : float, optional
        Seconds for one trial.
    device : str, default="auto"
        Device on which networks train: "cpu", "cuda", "cuda:1" and so on. "auto" uses CUDA if there is a GPU.
    include, exclude : sequence of str or dict, default=()
        Names of the components (models, encoders and so on) that the search uses alone, and that it leaves out; or
        lists of names by step, such as ``{"encoding": ["one_hot"]}``.
    space : dict, optional
        Changes of hyperparameters by name: a range ``(low, high)``, a list of choices, a fixed value, or a prior as
        ``{"prior": 0.05}``. `automl.space` lists the names.
    components : sequence or dict, default=()
        Your own models, or lists of components by step; a text names an entry point of an installed package.
    initial_configurations : "meta", "default" or list of dict, default="meta"
        Configurations that the search tries first. "meta" takes those that did well on similar data sets in the
        meta-database, "default" takes a portfolio of tuned defaults.
    without : sequence of str, default=()
        Names of data sets whose results in the meta-database are not used, for benchmarks on public data sets.
    searcher : str or object, default="smac"
        "smac", "random", "sobol", "grid", "genetic", "successive_halving", "hyperband", "bohb", an Optuna sampler or
        its name, or an object with `suggest`.
    ensemble_size : int, default=25
        Rounds of greedy ensemble selection; 1 keeps only the best configuration.
    max_predict_milliseconds : float, optional
        The longest time for the prediction of a single row on this machine. The search leaves out slower families.
    max_model_megabytes : float, optional
        The largest size of all models of the ensemble on the disk, in MB of 2**20 bytes. The search drops larger ones.
    executor : "local" or "ray", default="local"
        Place where trials run: processes on this machine, or a running Ray cluster.
    store : str or path-like, optional
        The run directory, which makes the run durable: a second `fit` on the same data resumes it.
    guard : float or Guard, optional
        Share of the training rows (0.05 to 0.1) that neither the search nor the ensemble sees. If the score on these
        rows contradicts the search, the run warns; ``Guard(0.1, stop=True)`` ends the search then.
    columns : dict, optional
        Kinds of columns by name or position: "number", "category", "text", "date", "time" or "drop"; see `columns_`.
    monotonic : dict, optional
        Columns of numbers, by name or position, with 1 (predictions never fall while the value rises) or -1 (they never
        rise).
    energy : str, optional
        Country of this machine in three letters, such as "DEU", for which codecarbon measures the energy and the CO2 in
        `costs_`; it needs the extra `energy`. None means an estimate from the seconds.
    noisy_labels : bool, default=False
        Whether you expect wrong values of the target. The search then also tries the Huber loss and the absolute error,
        whatever the metric is.
    callbacks : sequence of callable, default=()
        Each is called as ``callback(result, history)`` after each trial, also if the trial was not started
        (``result.started`` is False). `StopIteration` ends the search.
    random_state : int, RandomState or None, default=None
        Seed of all randomness.
    verbose : int, default=1
        0 shows nothing, 1 the progress and at last the expected score, 2 also each new best score and the log of
        single trials. Outside terminals and notebooks, the lines go to the log, or to standard error without logging.

    Attributes
    ----------
    leaderboard_ : DataFrame
        One row for each configuration, best first.
    metric_scores_ : DataFrame
        Out-of-fold score of the ensemble by each metric of `scoring`.
    columns_ : DataFrame
        How each column of the table is read: name, kind, reason, treatment.
    best_pipeline_ : Pipeline
        The pipeline with the largest weight in the ensemble, as a fitted scikit-learn pipeline.
    estimate_, score_over_time_ : Estimate, DataFrame
        The expected score on new data (score, low, high, level), and the one if the search had ended earlier.
    costs_ : DataFrame
        Processor and GPU seconds, memory, energy and CO2 of the search, by family and by what became of the work.
    history_ : RunHistory
        All trials in the order in which they ended.
    stop_reason_ : str
        Why the search ended.
    frontier_, coverage_ : DataFrame
        Smaller ensembles, which `slim` returns; coverage and width of prediction intervals on out-of-fold rows.
    out_of_fold_predictions_ : DataFrame
        Values for the training rows from models that did not see them.
    warnings_ : list of DataWarning
        Facts about the training data that make the model or its scores worse than they look.
    feature_importances_ : ndarray of shape (n_features,)
        Out-of-fold permutation importance of each column; see `importance`.
    guard_curve_ : DataFrame
        Scores on work rows and on holdout rows during the search; only with `guard`.
    cv_results_ : dict of ndarray
        Scores of all configurations on the folds, in the form of scikit-learn's searches.
    best_index_, best_params_, best_score_ : int, dict, float
        Place of the best configuration in `cv_results_`, its hyperparameters, and its mean score over its folds.
    scorer_ : callable
        The scorer that the search maximizes: ``scorer_(estimator, X, y)``.
    n_splits_ : int
        Number of folds.
    n_features_in_, feature_names_in_ : int, ndarray of shape (n_features,)
        Number of columns of the training table, and their names, if all of them are strings.
    n_outputs_, target_scores_ : int, DataFrame
        Number of targets, and the out-of-fold score of each of several targets.
    quantile_scores_ : DataFrame
        Out-of-fold score and coverage of each of the `quantiles`.

    See Also
    --------
    AutoMLClassifier : The estimator for targets that are classes.
    nested_cross_validate : Scores estimators on rows that no search inside them has seen.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import train_test_split
    >>> from automl import AutoMLRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> reg = AutoMLRegressor(time_budget=None, max_trials=3, include=["ridge"], n_jobs=1, verbose=0)
    >>> reg = reg.fit(X_train, y_train)
    >>> reg.predict(X_test).shape
    (111,)
    >>> len(reg.leaderboard_)
    3
    """

    _is_classifier = False

    @suggest_parameters
    def __init__(
        self,
        *,
        time_budget: float | None = 60,
        max_trials: int | None = None,
        max_processor_seconds: float | None = None,
        scoring: Any = None,
        objectives: Sequence[str] = ("score",),
        quantiles: Sequence[float] | None = None,
        cv: Any = None,
        n_jobs: int | None = -1,
        memory_limit: float | None = None,
        trial_time_limit: float | None = None,
        device: str = "auto",
        include: Sequence[str] | Mapping[str, Sequence[str]] = (),
        exclude: Sequence[str] | Mapping[str, Sequence[str]] = (),
        space: Mapping[str, Any] | None = None,
        components: Sequence[Any] | Mapping[str, Sequence[Any]] = (),
        initial_configurations: str | Sequence[Mapping[str, Any]] = "meta",
        without: Sequence[str] = (),
        searcher: Any = "smac",
        ensemble_size: int = 25,
        max_predict_milliseconds: float | None = None,
        max_model_megabytes: float | None = None,
        executor: str = "local",
        store: str | os.PathLike[str] | None = None,
        guard: float | Guard | None = None,
        columns: Mapping[Any, str] | None = None,
        monotonic: Mapping[Any, int] | None = None,
        energy: str | None = None,
        noisy_labels: bool = False,
        callbacks: Sequence[Callable[[TrialResult, RunHistory], None]] = (),
        random_state: Any = None,
        verbose: int = 1,
    ):
        self._keep_parameters(locals())

    def predict(self, X: Any) -> Array:
        """
        Predict the value of each row.

        Parameters
        ----------
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
            A table with the columns of the training table.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_targets) for several targets
            The predicted values; of an estimator with `quantiles`, the quantile that is nearest to the median, or the
            mean of the two nearest ones.

        Raises
        ------
        InvalidInputError
            If the table cannot be used.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> reg.predict(X[:2]).shape
        (2,)
        """
        predictions = self._predict(X)
        return self._ensemble.values(predictions)
