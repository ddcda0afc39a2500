"""Nested cross-validation: scores of estimators on rows that none of their own searches has seen."""

from __future__ import annotations

import logging
import os
import sys
import time
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

from automl.comparison.fold_details import (
    chosen_configuration,
    coverage,
    fold_estimate,
    fold_predictions,
    tabulate_folds,
    tabulate_predictions,
)
from automl.comparison.fold_store import FoldScores, FoldStore
from automl.comparison.folds import compare_folds
from automl.comparison.plan import Plan, Request, fit_keyword, plan_comparison, time_keywords, training_target
from automl.errors import FoldFailedWarning, InvalidInputError, NothingFittedError, warn_user
from automl.plurals import plural, short_number
from automl.progress.log import attach_handler, detach_handler
from automl.trials.endings import was_interrupted

logger = logging.getLogger("automl")

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class NestedResult:
    """Scores of estimators on outer folds.

    `nested_cross_validate` returns this object. Each parameter is an attribute of the same name.

    Parameters
    ----------
    scores : DataFrame
        One row for each estimator, outer fold and metric. The columns are ``estimator``, ``fold`` (from 0), ``metric``,
        ``score`` (in scikit-learn's sign: greater is better; NaN if the estimator has no score there),
        ``fit_seconds``, ``score_seconds``, ``n_train`` and ``n_test`` (numbers of rows), and ``reason`` (why there is
        no score; empty if there is one).
    folds : DataFrame, optional
        One row for each estimator and outer fold. The columns are ``estimator``, ``fold``, ``configuration`` (the best
        hyperparameters, if the estimator is a search), and for estimators with an `estimate_` its ``metric``,
        ``expected``, ``low``, ``high`` and ``level``, the ``outer_score`` by this metric on the rows of the outer fold,
        and ``covered`` (whether the outer score is inside the interval).
    predictions : DataFrame, optional
        One row for each estimator and scored row. The columns are ``estimator``, ``fold``, ``row`` (position in the
        table), ``truth``, ``prediction``, and for classifiers one column ``probability_<label>`` for each label.

    See Also
    --------
    nested_cross_validate : Makes the scores.
    compare_over_tables : Compares estimators over the scores of several tables.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.dummy import DummyClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> r = nested_cross_validate({"dummy": DummyClassifier()}, X, y, outer_cv=3, scoring="accuracy", random_state=0)
    >>> r.scores[["estimator", "fold", "metric", "n_train", "n_test"]]
      estimator  fold    metric  n_train  n_test
    0     dummy     0  accuracy      100      50
    1     dummy     1  accuracy      100      50
    2     dummy     2  accuracy      100      50
    """

    scores: pd.DataFrame
    folds: pd.DataFrame | None = None
    predictions: pd.DataFrame | None = None

    def summary(self) -> pd.DataFrame:
        """Return the mean score and its spread for each metric and estimator.

        Within a metric the best estimator comes first. Estimators that failed on a fold come last, because a mean over
        the other folds cannot be compared.

        Returns
        -------
        DataFrame
            One row for each metric and estimator. The columns are ``metric`` and ``estimator``; ``mean``, ``std``
            (standard deviation between folds), ``min`` and ``max`` of the scores; ``folds`` and ``failed`` (numbers of
            folds with and without a score); ``fit_seconds`` (mean over the folds); and ``coverage``, the share of outer
            folds whose score is inside the interval of `estimate_` (NaN for other estimators and metrics). The interval
            is for the score on many new rows. The score on a small outer fold varies more, so that the coverage may be
            below the level of the interval.

        Examples
        --------
        >>> import pandas as pd
        >>> scores = pd.DataFrame({"metric": "accuracy", "estimator": ["a", "a", "b", "b"], "fold": [0, 1, 0, 1],
        ...                        "score": [0.7, 0.8, 0.8, 0.9], "fit_seconds": [1.0, 1.0, 2.0, 4.0]})
        >>> NestedResult(scores).summary()[["estimator", "mean", "folds", "fit_seconds"]].round(2)
          estimator  mean  folds  fit_seconds
        0         b  0.85      2          3.0
        1         a  0.75      2          1.0
        """
        by = self.scores.groupby(["metric", "estimator"], sort=False)
        table = by["score"].agg(["mean", "std", "min", "max", "count", "size"]).rename(columns={"count": "folds"})
        table["failed"] = table.pop("size") - table["folds"]
        table["fit_seconds"] = by["fit_seconds"].mean()
        table = table.reset_index()
        shares = {} if self.folds is None else coverage(self.folds)
        keys = zip(table["metric"], table["estimator"], strict=True)
        table["coverage"] = [shares.get(key, np.nan) for key in keys]
        place = {metric: i for i, metric in enumerate(self.scores["metric"].unique())}
        order = pd.DataFrame(
            {"metric": table["metric"].map(place), "failed": table["failed"] > 0, "mean": -table["mean"]}
        )
        return table.loc[order.sort_values(list(order.columns), kind="stable").index].reset_index(drop=True)

    def compare(self, rope: float | Mapping[str, float] | None = None) -> pd.DataFrame:
        """Compare each pair of estimators by two tests that allow for training rows that folds share.

        The tests are the corrected resampled t-test [1]_ and the Bayesian correlated t-test [2]_.

        Parameters
        ----------
        rope : float or dict of float, optional
            Region of practical equivalence: two estimators count as equivalent if their difference is at most `rope`,
            in units of the metric. A dict gives one number for each metric by its name. The default is 1 % of the
            metric's mean absolute score.

        Returns
        -------
        DataFrame
            One row for each metric and pair of estimators. The columns are ``metric``, ``first`` and ``second`` (names
            of the estimators), ``folds`` (number of folds on which both have a score), ``difference`` (mean of first
            minus second), ``t`` and ``p`` (corrected resampled t-test), ``p_holm`` (p value corrected for the number of
            pairs by Holm's method [3]_), ``rope``, and the probabilities ``first_better``, ``equivalent`` and
            ``second_better`` (Bayesian test). Values are NaN if `folds` is less than 2.

        Raises
        ------
        InvalidInputError
            If `rope` is negative, is not a number, or has no entry for a metric.

        References
        ----------
        .. [1] C. Nadeau, Y. Bengio: Inference for the generalization error. Machine Learning 52, 2003, section 3.
        .. [2] A. Benavoli, G. Corani, J. Demsar, M. Zaffalon: Time for a change: a tutorial for comparing multiple
           classifiers through Bayesian analysis. JMLR 18(77), 2017, section 3.
        .. [3] S. Holm: A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6,
           1979.

        Examples
        --------
        >>> import pandas as pd
        >>> scores = pd.DataFrame({"metric": "accuracy", "estimator": ["a"] * 3 + ["b"] * 3, "fold": [0, 1, 2] * 2,
        ...                        "score": [0.9, 0.8, 0.9, 0.7, 0.7, 0.6], "n_train": 100, "n_test": 50})
        >>> NestedResult(scores).compare()[["first", "second", "difference", "p", "first_better"]].round(2)
          first second  difference     p  first_better
        0     a      b         0.2  0.16          0.92
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
    positive_label: Any = None,
    time: Any = None,
    gap: Any = 0,
    store: str | os.PathLike[str] | None = None,
    random_state: Any = None,
    verbose: int = 1,
) -> NestedResult:
    """Score estimators on rows that neither they nor any search inside them have seen.

    For each outer fold, every estimator is cloned and fitted to the training rows only, and then scored on the other
    rows. A search, its own folds and all preprocessing that belongs to an estimator happen inside its fit [1]_.

    Parameters
    ----------
    estimators : dict of estimators
        Classifiers or regressors by name: those of scikit-learn, compatible ones, `AutoMLClassifier` and
        `GridSearchCV` included. Each parameter ``random_state`` that is None gets a seed of its own for each fold.
    X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
        Table of features, as the estimators take it.
    y : array-like of shape (n_samples,)
        Target: labels for classifiers, numbers for regressors.
    outer_cv : int, splitter or iterable of (train, test), default=5
        An int makes this number of shuffled folds, which are stratified by class; if there are `groups`, no group is
        split instead. A splitter is one of scikit-learn's, such as `RepeatedStratifiedKFold`, `GroupKFold` or
        `TimeSeriesSplit`.
    scoring : str, callable, list or dict, optional
        One or more scikit-learn scorers; a dict gives them by name. The default is ROC AUC for two classes, log loss
        for more classes, and RMSE for regression; for an ordered categorical `y` the ranked probability score, and for
        estimators that predict the same `quantiles` the mean pinball loss. The estimators keep their own parameter
        ``scoring`` for their search.
    groups : array-like of shape (n_samples,), optional
        Rows of one group are never on both sides of an outer fold. Each ``fit`` that takes groups gets them.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the rows, for each fit and for each score whose metric takes weights.
    positive_label : label, optional
        The class of interest of two classes, for scorers of one class such as "f1". None means the label 1, or the
        second class if no label is 1. Estimators keep a parameter of this name.
    time : str, int or array-like of shape (n_samples,), optional
        When each row was recorded, as in ``fit`` of `AutoMLClassifier`: each outer fold trains on older rows than it
        scores, and the searches of this package split their rows by time, too. These searches also do that where
        `outer_cv` is forward-chaining, with the numbers of the rows as times, unless they have a splitter as `cv`.
    gap : number, str or timedelta, default=0
        Time between training rows and scored rows, outside and inside of these searches.
    store : str or path-like, optional
        Folder of a fold store, which gets the scores and predictions of each fold when the fold ends. A second call
        with the same arguments goes on where the first call stopped, and runs folds again that failed. It may have
        other estimators in addition. One call at a time may use the folder.
    random_state : int, RandomState or None, default=None
        Seed of shuffled outer folds and of the estimators. With a `store`, None takes the seed of the first call.
    verbose : int, default=1
        Messages: 0 writes only warnings, 1 writes a line for each fold to standard error, or to the logger ``automl``
        if you have configured logging.

    Returns
    -------
    NestedResult
        The attributes `scores`, `folds` and `predictions`, and the methods `summary` and `compare`.

    Raises
    ------
    InvalidInputError
        If an argument cannot be used, or if the folder `store` belongs to other data or other arguments; before any
        fit. Also if the folder can no longer be written.
    NothingFittedError
        If no estimator has a score on any fold.

    Warns
    -----
    FoldFailedWarning
        If an estimator has no score on a fold; once for each estimator. The score is NaN, and the other estimators and
        folds go on.

    See Also
    --------
    compare_over_tables : Compares estimators over the scores of several tables.

    References
    ----------
    .. [1] S. Varma, R. Simon: Bias in error estimation when using cross-validation for model selection. BMC
       Bioinformatics 7, 2006.

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
    request = Request(
        estimators,
        X,
        y,
        outer_cv=outer_cv,
        scoring=scoring,
        groups=groups,
        sample_weight=sample_weight,
        positive_label=positive_label,
        time=time,
        gap=gap,
    )
    plan = plan_comparison(request, seed)
    handler = attach_handler(verbose) if verbose > 0 else None
    try:
        if fold_store is None:
            results = _run_folds(plan, {}, None, verbose)
        else:
            with fold_store.open(plan) as known:
                results = _run_folds(plan, known, fold_store, verbose)
    finally:
        detach_handler(handler)
    scores = _tabulate(plan, results)
    if scores["score"].isna().all():
        raise NothingFittedError(
            f"no estimator has a score on any of {len(plan.folds)} outer folds; the first reason: "
            f"{scores['reason'].iloc[0]}"
        )
    return NestedResult(scores, tabulate_folds(plan, results), tabulate_predictions(plan, results))


def _run_folds(
    plan: Plan, known: Mapping[tuple[str, int], FoldScores], fold_store: FoldStore | None, verbose: int
) -> dict[tuple[str, int], FoldScores]:
    """Run the folds that are not yet known, and return the results of all folds."""
    log = _make_log(verbose)
    if fold_store is not None and known:
        log(f"store '{fold_store.folder}': it holds {plural(len(known), 'result')} already")
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
            warn_user(
                f"estimator {name!r} has no score on outer fold {fold + 1} of {len(plan.folds)}: {reason}. "
                "Its missing scores are NaN; the column 'reason' of scores gives the reason",
                FoldFailedWarning,
            )
    return results


def run_fold(plan: Plan, name: str, fold: int) -> FoldScores:
    """Fit a clone of one estimator to the training rows of one outer fold, and score it on the other rows."""
    train, test = plan.folds[fold]
    estimator = _seeded(clone(plan.estimators[name]), plan.seed, fold)
    keywords = {}
    for key, values in (("groups", plan.groups), ("sample_weight", plan.sample_weight)):
        taken_as = fit_keyword(estimator, key)
        if values is not None and taken_as is not None:
            keywords[taken_as] = values[train]
    keywords |= time_keywords(plan, estimator, train)
    start = time.perf_counter()
    scores: dict[str, float | None] = dict.fromkeys(plan.scorers)
    try:
        estimator.fit(_take(plan.X, train), training_target(plan, estimator, train), **keywords)
    except Exception as error:  # noqa: BLE001  one estimator's failure on one fold must not end the others
        reason = _format_error(error)
        return FoldScores(name, fold, scores, dict.fromkeys(scores, reason), time.perf_counter() - start, 0.0)
    fitted = time.perf_counter()
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if was_interrupted(getattr(last, "stop_reason_", "")):
        raise KeyboardInterrupt("a search was interrupted, so its fold does not count")
    X, y = _take(plan.X, test), plan.y[test]
    weight = {} if plan.sample_weight is None else {"sample_weight": plan.sample_weight[test]}
    reasons = {}
    for metric, value in _score(plan, estimator, X, y, weight).items():
        if isinstance(value, str):
            reasons[metric] = " ".join(value.strip().splitlines()[-1].split())
        elif not isinstance(value, Real) or not np.isfinite(float(value)):
            reasons[metric] = f"{metric} is {value} on this fold"
        else:
            scores[metric] = float(value)
    return FoldScores(
        estimator=name,
        fold=fold,
        scores=scores,
        reasons=reasons,
        fit_seconds=fitted - start,
        score_seconds=time.perf_counter() - fitted,
        configuration=chosen_configuration(last),
        estimate=fold_estimate(plan, estimator, last, scores, X, y, weight),
        predictions=fold_predictions(plan, estimator, X),
    )


def _score(plan: Plan, estimator: Any, X: Any, y: Any, weight: Mapping[str, Any]) -> dict[str, Any]:
    """Return the score of each metric; for a metric that fails, the text of its traceback."""

    def score(scorers: dict[str, Any]) -> dict[str, Any]:
        return dict(check_scoring(estimator, scoring=scorers, raise_exc=False)(estimator, X, y, **weight))

    try:
        return score(dict(plan.scorers))  # predicts once for all metrics
    except AttributeError:  # the estimator lacks a method that one metric needs, such as predict_proba
        return {name: value for one in plan.scorers.items() for name, value in score(dict([one])).items()}


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
    """Seed each random_state that is None; the seeds of a fold are the same for all estimators."""
    rng = np.random.default_rng([seed, fold])
    free = [
        name
        for name, value in sorted(estimator.get_params(deep=True).items())
        if value is None and name.rpartition("__")[2] == "random_state"
    ]
    return estimator.set_params(**{name: int(rng.integers(2**31 - 1)) for name in free})


def _take(X: Any, rows: Rows) -> Any:
    """Return a copy of rows of a table, so that no estimator can change the rows of another."""
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
    """Return a function that writes one line: to standard error if it is a terminal, else to the log."""
    if verbose <= 0:
        return lambda text: None
    if sys.stderr is not None and sys.stderr.isatty():
        console = Console(file=sys.stderr, highlight=False, markup=False)
        return lambda text: console.print(f"automl: {text}", soft_wrap=True)
    return logger.info


def _line(result: FoldScores, n_folds: int) -> str:
    found = [f"{metric} {short_number(score)}" for metric, score in result.scores.items() if score is not None]
    return f"outer fold {result.fold + 1} of {n_folds}, {result.estimator}: {', '.join(found) or 'failed'}, " + (
        f"{result.fit_seconds + result.score_seconds:.1f} s"
    )
