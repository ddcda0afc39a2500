"""Nested cross-validation: an honest comparison of estimators, whatever they search for themselves."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from sklearn.base import clone
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from automl.comparison.fold_store import FoldScores, FoldStore
from automl.comparison.folds import compare_folds
from automl.comparison.plan import Plan, Request, fit_keyword, make_plan
from automl.errors import FoldFailedWarning, InvalidInputError, NothingFittedError

logger = logging.getLogger("automl")

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class NestedResult:
    """Scores on outer folds.

    Attributes
    ----------
    scores : DataFrame
        One row for each estimator, outer fold and metric: ``estimator``, ``fold``, ``metric``, ``score`` (in
        scikit-learn's sign, greater is better; NaN with a ``reason`` where it failed), ``fit_seconds``,
        ``score_seconds``, ``n_train`` and ``n_test`` (rows), ``reason``.
    """

    scores: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """Mean and spread by metric and estimator, best first; those that failed on a fold come last.

        Returns
        -------
        DataFrame
            ``mean``, ``std`` (between folds), ``min`` and ``max`` over the folds that have a score, ``folds`` and
            ``failed`` (how many have one and how many have none), and the mean ``fit_seconds``.
        """
        by = self.scores.groupby(["metric", "estimator"], sort=False)
        table = by["score"].agg(["mean", "std", "min", "max", "count", "size"]).rename(columns={"count": "folds"})
        table["failed"] = table.pop("size") - table["folds"]
        table["fit_seconds"] = by["fit_seconds"].mean()
        table = table.reset_index()
        place = {metric: i for i, metric in enumerate(self.scores["metric"].unique())}
        order = pd.DataFrame(
            {"metric": table["metric"].map(place), "failed": table["failed"] > 0, "mean": -table["mean"]}
        )
        return table.loc[order.sort_values(list(order.columns), kind="stable").index].reset_index(drop=True)

    def compare(self, rope: float | Mapping[str, float] | None = None) -> pd.DataFrame:
        """Tests of each pair of estimators that allow for folds sharing training rows.

        Parameters
        ----------
        rope : float or dict of float, optional
            Differences up to so much, in units of the metric, are practically none; a dict gives it by the metric's
            name. None takes 1 % of the metric's mean absolute score.

        Returns
        -------
        DataFrame
            As of `automl.comparison.folds.compare_folds`: the corrected resampled t-test of Nadeau and Bengio with
            Holm's correction, and the Bayesian correlated t-test.
        """
        return compare_folds(self.scores, rope)


def nested_cross_validate(
    estimators: Mapping[str, Any],
    X: Any,
    y: Any,
    *,
    outer_cv: Any = 5,
    scoring: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    store: str | os.PathLike[str] | None = None,
    random_state: Any = None,
    verbose: int = 1,
) -> NestedResult:
    """Score estimators on rows that neither they nor any search inside them have seen.

    For each outer fold every estimator is cloned and fitted on the training rows alone; a search, its own folds and all
    preprocessing that is part of the estimator happen inside of them.

    Parameters
    ----------
    estimators : dict of estimators by name
        Classifiers or regressors, of scikit-learn or compatible, `AutoMLClassifier` and `GridSearchCV` included. Where
        a ``random_state`` is None, it is seeded by fold.
    X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    outer_cv : int, splitter or iterable of (train, test), default=5
        A number makes shuffled folds, stratified by class, or with groups kept apart if there are `groups`. A splitter
        is one of scikit-learn's: `RepeatedStratifiedKFold`, `GroupKFold`, `TimeSeriesSplit`, ...
    scoring : str, callable, list of them, or dict of them by name, optional
        Any scikit-learn scorers; ROC AUC for two classes, log loss for more, RMSE for regression by default. Estimators
        have their own `scoring`, by which they search.
    groups : array-like of shape (n_samples,), optional
        Rows of one group are never on both sides of an outer fold, and reach every `fit` that takes groups.
    sample_weight : array-like of shape (n_samples,), optional
        Used in every fit and in every score that knows weights.
    store : path, optional
        Folder that gets each fold's scores at once; a second call goes on where the first stopped, tries again what
        failed, and may name further estimators.
    random_state : int, RandomState or None
        Seed of shuffled outer folds and of the estimators; with a `store`, None takes the seed of the first call.
    verbose : int, default=1
        0 is silent, but for warnings.

    Returns
    -------
    NestedResult
        With `scores`, `summary()` and `compare()`.

    Raises
    ------
    InvalidInputError
        If an argument cannot be used, or `store` holds another run; raised before work starts.
    NothingFittedError
        If no estimator was scored on any fold. A single failure is a row without score, and one `FoldFailedWarning` for
        each estimator.

    References
    ----------
    S. Varma, R. Simon: Bias in error estimation when using cross-validation for model selection. BMC Bioinformatics 7,
    2006.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> contenders = {"tree": DecisionTreeClassifier(), "dummy": DummyClassifier()}
    >>> r = nested_cross_validate(contenders, X, y, outer_cv=3, scoring="accuracy", random_state=0)
    >>> r.summary()[["estimator", "mean", "folds"]].round(1)
      estimator  mean  folds
    0      tree   0.9      3
    1     dummy   0.3      3
    """
    if store is not None and not isinstance(store, str | os.PathLike):
        raise InvalidInputError(f"store must be a path, as a string or a Path; got {store!r}")
    fold_store = None if store is None else FoldStore(Path(store))
    seed = _seed(random_state, fold_store)
    plan = make_plan(Request(estimators, X, y, outer_cv, scoring, groups, sample_weight), seed)
    if fold_store is None:
        scores = _run_folds(plan, {}, None, verbose)
    else:
        with fold_store.open(plan) as known:
            scores = _run_folds(plan, known, fold_store, verbose)
    if scores["score"].isna().all():
        raise NothingFittedError(
            f"no estimator has a score on any of {len(plan.folds)} outer folds; the first reason: "
            f"{scores['reason'].iloc[0]}"
        )
    return NestedResult(scores)


def _run_folds(
    plan: Plan, known: Mapping[tuple[str, int], FoldScores], fold_store: FoldStore | None, verbose: int
) -> pd.DataFrame:
    """Run the folds that are not yet known, and return the scores of all folds."""
    log = _make_log(verbose)
    if fold_store is not None and known:
        log(f"store '{fold_store.folder}': {len(known)} results are there already")
    results = dict(known)
    warned: set[str] = set()
    # Folds outside, estimators inside: after an interruption all estimators have about the same number of folds.
    for name, fold in _missing(plan, known):
        result = run_fold(plan, name, fold)
        if fold_store is not None:
            fold_store.append(result)
        results[name, fold] = result
        log(_line(result, len(plan.folds)))
        if result.failed and name not in warned:
            warned.add(name)
            reason = next(iter(result.reasons.values())).rstrip(".")
            warnings.warn(
                f"estimator {name!r} has no score on outer fold {fold}: {reason}. "
                "Its missing scores are NaN; the column 'reason' of scores gives the reason",
                FoldFailedWarning,
                stacklevel=3,
            )
    return _tabulate(plan, results)


def run_fold(plan: Plan, name: str, fold: int) -> FoldScores:
    """Fit a clone of one estimator on the training rows of one outer fold, and score it on the others."""
    train, test = plan.folds[fold]
    estimator = _seeded(clone(plan.estimators[name]), plan.seed, fold)
    keywords = {}
    for key, values in (("groups", plan.groups), ("sample_weight", plan.sample_weight)):
        taken_as = fit_keyword(estimator, key)
        if values is not None and taken_as is not None:
            keywords[taken_as] = values[train]
    start = time.perf_counter()
    scores: dict[str, float | None] = dict.fromkeys(plan.scorers)
    try:
        estimator.fit(_take(plan.X, train), plan.y[train], **keywords)
    except Exception as error:  # noqa: BLE001  one estimator's failure on one fold must not end the others
        reason = _format_error(error)
        return FoldScores(name, fold, scores, dict.fromkeys(scores, reason), time.perf_counter() - start, 0.0)
    fitted = time.perf_counter()
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if getattr(last, "stop_reason_", "") == "interrupted":
        raise KeyboardInterrupt("a search was cut short; its fold does not count")
    reasons = {}
    for metric, answer in _score(plan, estimator, test).items():
        if isinstance(answer, str):
            reasons[metric] = " ".join(answer.strip().splitlines()[-1].split())
        elif not isinstance(answer, Real) or not np.isfinite(float(answer)):
            reasons[metric] = f"{metric} is {answer} on this fold"
        else:
            scores[metric] = float(answer)
    return FoldScores(name, fold, scores, reasons, fitted - start, time.perf_counter() - fitted)


def _score(plan: Plan, estimator: Any, test: Rows) -> dict[str, Any]:
    """Answers of all scorers by metric; what fails comes back as the text of a traceback."""
    X, y = _take(plan.X, test), plan.y[test]
    weight = {} if plan.sample_weight is None else {"sample_weight": plan.sample_weight[test]}

    def ask(scorers: dict[str, Any]) -> dict[str, Any]:
        return dict(check_scoring(estimator, scoring=scorers, raise_exc=False)(estimator, X, y, **weight))

    try:
        return ask(dict(plan.scorers))  # predicts once for all metrics
    except AttributeError:  # what one metric needs, as predict_proba, is missing; the others have theirs
        return {name: answer for one in plan.scorers.items() for name, answer in ask(dict([one])).items()}


def _seed(random_state: Any, fold_store: FoldStore | None) -> int:
    known = None if fold_store is None else fold_store.seed()
    if random_state is None and known is not None:
        return known
    if isinstance(random_state, int | np.integer) and not isinstance(random_state, bool):
        if not 0 <= random_state < 2**32:
            raise InvalidInputError(f"random_state must lie between 0 and 2**32 - 1; got {random_state}")
        return int(random_state)
    try:
        return int(check_random_state(random_state).randint(2**31 - 1))
    except ValueError as error:
        raise InvalidInputError(f"random_state must be an int, a RandomState or None; got {random_state!r}") from error


def _missing(plan: Plan, results: Mapping[tuple[str, int], FoldScores]) -> Iterator[tuple[str, int]]:
    for fold in range(len(plan.folds)):
        yield from ((name, fold) for name in plan.estimators if (name, fold) not in results)


def _seeded(estimator: Any, seed: int, fold: int) -> Any:
    """The same numbers for all estimators of a fold; what the user has seeded is left alone."""
    rng = np.random.default_rng([seed, fold])
    free = [
        name
        for name, value in sorted(estimator.get_params(deep=True).items())
        if value is None and name.rpartition("__")[2] == "random_state"
    ]
    return estimator.set_params(**{name: int(rng.integers(2**31 - 1)) for name in free})


def _take(X: Any, rows: Rows) -> Any:
    """Rows of a table as new memory, so that no estimator can change another's."""
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


def _format_error(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _tabulate(plan: Plan, results: Mapping[tuple[str, int], FoldScores]) -> pd.DataFrame:
    rows = []
    for name in plan.estimators:
        for fold, (train, test) in enumerate(plan.folds):
            result = results[name, fold]
            rows += [
                {
                    "estimator": name,
                    "fold": fold,
                    "metric": metric,
                    "score": result.scores[metric],
                    "fit_seconds": result.fit_seconds,
                    "score_seconds": result.score_seconds,
                    "n_train": len(train),
                    "n_test": len(test),
                    "reason": result.reasons.get(metric, ""),
                }
                for metric in plan.scorers
            ]
    return pd.DataFrame(rows).astype({"score": float})


def _make_log(verbose: int) -> Callable[[str], None]:
    """One line a fold: to those who watch a terminal, else to the log."""
    if verbose <= 0:
        return lambda text: None
    if sys.stderr is not None and sys.stderr.isatty():
        console = Console(file=sys.stderr, highlight=False, markup=False)
        return lambda text: console.print(f"automl: {text}", soft_wrap=True)
    return logger.info


def _line(result: FoldScores, n_folds: int) -> str:
    found = [f"{metric} {score:.4g}" for metric, score in result.scores.items() if score is not None]
    return f"outer fold {result.fold + 1} of {n_folds}, {result.estimator}: {', '.join(found) or 'failed'}, " + (
        f"{result.fit_seconds + result.score_seconds:.1f} s"
    )
