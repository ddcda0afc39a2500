"""The two estimators that users import."""

from __future__ import annotations

import copy
import os
import pickle
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from automl import persistence
from automl.arguments import check_arguments
from automl.ensemble.estimate import Estimate, Evidence, estimate_score
from automl.ensemble.selection import Ensemble
from automl.execute.processes import warm_up
from automl.guard import Guard, make_guard
from automl.progress import Best, Progress
from automl.run import Settings, run
from automl.search.budget import Budget
from automl.task import validation
from automl.task.metrics import Metric
from automl.task.prepare import TrainingData, prepare
from automl.task.validation import python_number
from automl.trials.candidates import rank
from automl.trials.history import RunHistory
from automl.trials.leaderboard import make_leaderboard
from automl.trials.run_directory import RunDirectory
from automl.trials.trial import TrialResult
from pipelines.labels import LabelDecoder
from pipelines.table.reader import TableReader

Array = NDArray[Any]

_SEEDS = 2**30  # leaves room below 2**31 for the seeds of folds, which are added to it


class _AutoML(BaseEstimator):
    """What classifier and regressor share."""

    def __init__(
        self,
        *,
        time_budget: float | None = 60,
        max_trials: int | None = None,
        scoring: Any = None,
        cv: Any = None,
        n_jobs: int | None = -1,
        memory_limit: float | None = None,
        trial_time_limit: float | None = None,
        device: str = "auto",
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        initial_configurations: str | Sequence[Mapping[str, Any]] = "meta",
        searcher: Any = "smac",
        ensemble_size: int = 25,
        executor: str = "local",
        store: str | os.PathLike[str] | None = None,
        guard: float | Guard | None = None,
        callbacks: Sequence[Callable[[TrialResult, RunHistory], None]] = (),
        random_state: Any = None,
        verbose: int = 1,
    ):
        self.time_budget = time_budget
        self.max_trials = max_trials
        self.scoring = scoring
        self.cv = cv
        self.n_jobs = n_jobs
        self.memory_limit = memory_limit
        self.trial_time_limit = trial_time_limit
        self.device = device
        self.include = include
        self.exclude = exclude
        self.initial_configurations = initial_configurations
        self.searcher = searcher
        self.ensemble_size = ensemble_size
        self.executor = executor
        self.store = store
        self.guard = guard
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    _is_classifier: bool

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Search for the best ensemble of pipelines within the budget.

        Parameters
        ----------
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
            As people have it: missing cells, strings, dates, booleans.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            Used by every model, every score and the ensemble.
        groups : array-like of shape (n_samples,), optional
            Rows of one group are never on both sides of a fold.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            If an argument or the data cannot be used; raised before work starts.
        NothingFittedError
            If no trial finished.
        """
        started = time.monotonic()
        check_arguments(self.get_params(deep=False), self._is_classifier)
        budget = Budget(python_number(self.time_budget), python_number(self.max_trials), started)
        if self.executor == "local":
            warm_up()
        seed = self._seed()
        guard = make_guard(self.guard)
        prepared = prepare(
            TrainingData(X, y, sample_weight, groups),
            classification=self._is_classifier,
            scoring=self.scoring,
            cv=self.cv,
            holdout_share=None if guard is None else guard.share,
            random_state=seed,
        )
        task, reader = prepared.task, prepared.reader
        with Progress(int(self.verbose), budget.seconds, budget.max_trials, task.metric.name) as progress:
            settings = self._settings(budget, progress, seed, len(task.folds))
            result = run(task, settings)
            progress.close(f"{result.stop_reason}; {len(result.history.evaluations)} configurations")
        self._reader: TableReader = reader
        self._metric: Metric = task.metric
        self._ensemble: Ensemble = result.ensemble
        self._evidence: Evidence | Estimate = result.evidence
        self._guard_curve: pd.DataFrame | None = result.guard_curve
        self.history_ = result.history
        self.stop_reason_ = result.stop_reason
        self.n_features_in_: int = reader.n_features_in_
        if hasattr(reader, "feature_names_in_"):
            self.feature_names_in_ = reader.feature_names_in_
        elif hasattr(self, "feature_names_in_"):  # of an earlier fit
            del self.feature_names_in_
        if prepared.classes is not None:
            self.classes_ = prepared.classes
        return self

    def _seed(self) -> int:
        if isinstance(self.random_state, (int, np.integer)):
            return int(self.random_state) % _SEEDS
        # A resumed run needs the seed of its first session; with another one it would have other folds.
        kept = None if self.store is None else RunDirectory(Path(self.store)).seed()
        return int(check_random_state(self.random_state).randint(_SEEDS)) if kept is None else kept

    def _settings(self, budget: Budget, progress: Progress, seed: int, n_folds: int) -> Settings:
        def show(result: TrialResult, history: RunHistory, elapsed: float) -> None:
            best = None
            if (first := rank(history, usable_only=False, most_folds_first=True)[0]).folds:
                best = Best(-first.mean_loss, first.configuration.family, len(first.folds), n_folds)
            progress.update(len(history.evaluations), best, result.trial.configuration.family, elapsed)

        return Settings(
            budget=budget,
            n_jobs=python_number(self.n_jobs),
            memory_limit=python_number(self.memory_limit),
            trial_time_limit=python_number(self.trial_time_limit),
            device=self.device,
            executor=self.executor,
            include=_as_tuple(self.include),
            exclude=_as_tuple(self.exclude),
            initial_configurations=self.initial_configurations,
            searcher=self.searcher,
            ensemble_size=int(self.ensemble_size),
            store=self.store,
            guard=make_guard(self.guard),
            callbacks=_as_tuple(self.callbacks),
            show=show,
            random_state=seed,
        )

    def _predict(self, X: Any) -> Array:
        check_is_fitted(self, "_ensemble")
        validation.check_table(X)
        if hasattr(self, "feature_names_in_") and not hasattr(X, "columns"):
            warnings.warn(
                f"X does not have valid feature names, but {type(self).__name__} was fitted with feature names; its "
                "columns are taken in the order of training",
                UserWarning,
                stacklevel=3,
            )
        # Workers fitted the pipelines on arrays; a global wish for frames must not reach their inner steps.
        with validation.table_errors(), config_context(transform_output="default"):
            return self._ensemble.predict(self._reader.transform(X))

    @property
    def leaderboard_(self) -> pd.DataFrame:
        """One row a configuration, best first: family, score, std, seconds, status, ensemble weight, id."""
        check_is_fitted(self, "history_")
        return make_leaderboard(self.history_, self._ensemble.weights)

    @property
    def estimate_(self) -> Estimate:
        """Honest estimate of the score on new data, corrected for having searched: score, low, high, level.

        Made at first access, which takes up to some ten seconds, and kept.
        """
        check_is_fitted(self, "_evidence")
        if isinstance(self._evidence, Evidence):
            self._evidence = estimate_score(self._evidence)
        return self._evidence

    @property
    def guard_curve_(self) -> pd.DataFrame:
        """Work score and free score as the search went on; there only with the argument `guard`.

        One row a look, the last one at the ensemble: ``seconds`` since the start; ``work``, what the search believes of
        its best; ``free``, what the rows say that it never sees; whether they have ``parted``.
        """
        check_is_fitted(self, "_ensemble")
        if self._guard_curve is None:
            raise AttributeError("guard_curve_ is there only after a fit with guard=0.1 or the like")
        return self._guard_curve

    @property
    def best_pipeline_(self) -> Pipeline:
        """The pipeline of the largest weight in the ensemble, as fitted on its first fold; takes raw tables."""
        check_is_fitted(self, "_ensemble")
        bag = max(self._ensemble.bags, key=lambda bag: bag.weight)
        *steps, (name, model) = pickle.loads(bag.pickled[0]).steps  # a copy: fitting it leaves the ensemble as it is
        if self._is_classifier:
            model = LabelDecoder(model, self.classes_)
        return Pipeline([("table", copy.deepcopy(self._reader)), *steps, (name, model)])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator into a folder; `automl.load` reads it back."""
        check_is_fitted(self, "_ensemble")
        persistence.save(self, path)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_ensemble")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.non_deterministic = self.time_budget is not None
        return tags


def _as_tuple(given: Iterable[Any] | None) -> tuple[Any, ...]:
    return () if given is None else tuple(given)


_PARAMETERS = """
    Parameters
    ----------
    time_budget : float or None, default=60
        Seconds that `fit` may take in all, ensemble included. None: no limit, `max_trials` ends the run.
    max_trials : int, optional
        Number of configurations to try. With ``time_budget=None`` and ``n_jobs=1`` the run is repeatable.
    scoring : str or callable, optional
        Any scikit-learn scorer or its name. {scoring}
    cv : int, splitter or iterable, optional
        Folds of the search; chosen by the number of rows when None.
    n_jobs : int, default=-1
        Busy cores of the whole run; -1 uses all that this process may use, or that the cluster has.
    memory_limit : float, optional
        MiB for one trial; an even share of the free memory when None.
    trial_time_limit : float, optional
        Seconds for one trial.
    device : str, default="auto"
        Where networks train: "cpu", "cuda", "cuda:1", ...; "auto" takes CUDA where there is any.
    include, exclude : sequence of str
        Names of components (models, encoders, ...) to restrict the space to, or to leave out.
    initial_configurations : "meta", "default" or list of dict
        What to try first: what did well on similar data sets, a portfolio of tuned defaults, or your own
        configurations.
    searcher : str or object, default="smac"
        "smac", "random", "sobol", "grid", "genetic", the name of an Optuna sampler, or an object with `suggest`.
    ensemble_size : int, default=25
        Rounds of greedy ensemble selection; 1 keeps the single best configuration.
    executor : "local" or "ray", default="local"
        Where trials run: in processes on this machine, or on a running Ray cluster.
    store : path, optional
        Folder that makes the run durable: a second `fit` on the same data goes on where the first stopped.
    guard : float or Guard, optional
        Share of the training rows (0.05 to 0.1) that neither search nor ensemble sees: scored as the search goes on,
        they tell of overfitting. ``Guard(0.1, stop=True)`` ends the search then.
    callbacks : sequence of callable
        Called as ``callback(result, history)`` after each trial; raise `StopIteration` to end the search.
    random_state : int, RandomState or None
    verbose : int, default=1
        0 is silent.

    Attributes
    ----------
    leaderboard_ : DataFrame
        One row a configuration, best first.
    best_pipeline_ : Pipeline
        An ordinary fitted scikit-learn pipeline.
    estimate_ : Estimate
        What score to expect on new data, corrected for having searched: score, low, high, level.
    guard_curve_ : DataFrame
        Work score and free score as the search went on; only with `guard`.
    history_ : RunHistory
    stop_reason_ : str
"""


class AutoMLClassifier(ClassifierMixin, _AutoML):
    __doc__ = (
        "Classifier for tables: searches whole pipelines within a time budget and ends in an ensemble.\n"
        + _PARAMETERS.format(scoring="ROC AUC for two classes, log loss for more by default.")
        + "    classes_ : ndarray of shape (n_classes,)\n"
    )
    _is_classifier = True

    def predict(self, X: Any) -> Array:
        """Label of each row, shape (n_samples,): the most probable one, or the best one for a `scoring` of labels."""
        probabilities = self._predict(X)
        return np.asarray(self.classes_)[self._ensemble.decide(probabilities)]

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of shape (n_samples, n_classes), columns in the order of ``classes_``."""
        return self._predict(X)


class AutoMLRegressor(RegressorMixin, _AutoML):
    __doc__ = (
        "Regressor for tables: searches whole pipelines within a time budget and ends in an ensemble.\n"
        + _PARAMETERS.format(scoring="Root mean squared error by default.")
    )
    _is_classifier = False

    def predict(self, X: Any) -> Array:
        """Predicted values of shape (n_samples,)."""
        return self._predict(X)
