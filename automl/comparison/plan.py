"""The plan of a nested cross-validation: its arguments, checked before any work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from automl.arguments import check_arguments
from automl.comparison.scorers import make_scorers, search_of
from automl.errors import InvalidInputError
from automl.estimator import AutoMLClassifier
from automl.plurals import plural
from automl.task import validation
from automl.task.ordered_classes import ordered_target, ranks_of
from automl.task.splits import Fold, SplitRequest, check_fold, folds_from_cv, is_forward_chaining, lone_rows, make_folds
from automl.task.table_validation import as_array, check_table
from automl.task.time_folds import time_folds
from automl.task.time_order import TimeOrder, read_time_order

Array = NDArray[Any]


@dataclass(frozen=True)
class Request:
    """The arguments of `nested_cross_validate` that define its scores, as the user gave them."""

    estimators: Mapping[str, Any]
    X: Any
    y: Any
    outer_cv: Any = 5
    scoring: Any = None
    groups: Any = None
    sample_weight: Any = None
    positive_label: Any = None
    time: Any = None
    gap: Any = 0


@dataclass(frozen=True)
class Plan:
    """The arguments of a nested cross-validation after all checks.

    Attributes
    ----------
    estimators : dict of estimators
        All classifiers or all regressors, by name.
    X : DataFrame, ndarray or CSR matrix of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Labels, or floats.
    scorers : dict of callables
        ``scorer(estimator, X, y)`` by the name of the metric; greater is better.
    folds : tuple of (training rows, scored rows)
        The outer folds.
    groups : ndarray of shape (n_samples,) or None
    sample_weight : ndarray of shape (n_samples,) or None
    seed : int
        Seed of the outer folds and of the estimators.
    time : ndarray of shape (n_samples,) or None
        Times by which a search of this package splits its rows, too: those of the user, or the numbers of the rows
        where the outer folds are forward-chaining.
    gap : number, str or timedelta
        The gap of these inner folds.
    ranks : tuple of int
        Rank of each class; empty where the classes have no order.
    """

    estimators: Mapping[str, Any]
    X: Any
    y: Array
    scorers: Mapping[str, Any]
    folds: tuple[Fold, ...]
    groups: Array | None
    sample_weight: Array | None
    seed: int
    time: Array | None = None
    gap: Any = 0
    ranks: tuple[int, ...] = ()


def plan_comparison(request: Request, seed: int) -> Plan:
    """Check the arguments of a nested cross-validation, and return its plan.

    Parameters
    ----------
    request : Request
        The arguments.
    seed : int
        Seed of the outer folds, if they are random, and of the estimators.

    Raises
    ------
    InvalidInputError
        If an argument cannot be used; the message names the first such argument and how to fix it.
    """
    classification = _check_estimators(request.estimators)
    X = _table(request.X)
    codes, classes = validation.check_target(request.y, X, classification)
    groups = validation.check_groups(request.groups, len(codes))
    weight = validation.check_sample_weight(request.sample_weight, len(codes))
    if weight is not None:
        for name, estimator in request.estimators.items():
            if fit_keyword(estimator, "sample_weight") is None:
                raise InvalidInputError(
                    f"sample_weight: estimator {name!r} cannot use it; leave out sample_weight or this estimator"
                )
    validation.check_positive_label(classes, request.positive_label)
    ranks = () if classes is None else ranks_of(request.y, classes)
    scorers = make_scorers(
        request.scoring, request.estimators, classes, ranks, weight is not None, request.positive_label
    )
    time, gap = None, request.gap
    if request.time is None and gap not in (0, "0"):
        raise InvalidInputError("gap needs time: pass the times of the rows, too, or leave out gap")
    if request.time is not None:
        order = read_time_order(request.time, request.gap, X, len(codes))
        folds, time = _outer_time_folds(request.outer_cv, order, codes, classes is not None, groups), order.times
        _check_searches_take_time(request.estimators)
    else:
        folds = _outer_folds(request.outer_cv, codes, classes, groups=groups, X=X, seed=seed)
        if is_forward_chaining(folds):
            time, gap = np.arange(len(codes)), getattr(request.outer_cv, "gap", 0)
    return Plan(
        estimators=dict(request.estimators),
        X=X,
        y=codes if classes is None else classes[codes],
        scorers=scorers,
        folds=folds,
        groups=groups,
        sample_weight=weight,
        seed=seed,
        time=time,
        gap=gap,
        ranks=ranks,
    )


def fit_keyword(estimator: Any, name: str) -> str | None:
    """Return the keyword by which an estimator's `fit` takes `sample_weight` or `groups`; None if it does not take it.

    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> fit_keyword(make_pipeline(Ridge()), "sample_weight")
    'ridge__sample_weight'
    """
    if isinstance(estimator, Pipeline):
        step, last = estimator.steps[-1]
        inner = fit_keyword(last, name)
        return inner and f"{step}__{inner}"
    if isinstance(estimator, GridSearchCV | RandomizedSearchCV):  # takes groups for its own folds
        return name if name == "groups" else fit_keyword(estimator.estimator, name)
    return name if has_fit_parameter(estimator, name) else None


def training_target(plan: Plan, estimator: Any, train: Array) -> Any:
    """Return the target of training rows, for a search of this package with the order of the classes."""
    y = plan.y[train]
    return ordered_target(y, np.unique(plan.y), plan.ranks) if plan.ranks and search_of(estimator) is not None else y


def time_keywords(plan: Plan, estimator: Any, train: Array) -> dict[str, Any]:
    """Return the keywords by which a search of this package, alone or at the end of a pipeline, gets the times."""
    keyword = fit_keyword(estimator, "time") if plan.time is not None and _takes_time(estimator) else None
    if keyword is None or plan.time is None:
        return {}
    return {keyword: plan.time[train], f"{keyword.removesuffix('time')}gap": plan.gap}


def _takes_time(estimator: Any) -> bool:
    """Return whether an estimator is a search of this package without a splitter of its own."""
    search = search_of(estimator)
    return search is not None and (search.cv is None or isinstance(search.cv, Integral))


def _check_searches_take_time(estimators: Mapping[str, Any]) -> None:
    for name, estimator in estimators.items():
        if search_of(estimator) is not None and not _takes_time(estimator):
            raise InvalidInputError(
                f"estimators: {name!r} has a splitter as cv, which time replaces; set its cv to None or to a number"
            )


def _check_estimators(estimators: Any) -> bool:
    """Return True if all estimators are classifiers, and False if all are regressors."""
    if not isinstance(estimators, Mapping) or not estimators:
        given = "an empty one" if isinstance(estimators, Mapping) else type(estimators).__name__
        raise InvalidInputError(
            "estimators must be a dict of names and estimators, such as {'forest': RandomForestClassifier()}; "
            f"got {given}"
        )
    kinds = {name: _kind(name, estimator) for name, estimator in estimators.items()}
    if len(set(kinds.values())) > 1:
        kinds_text = ", ".join(f"{name!r} is a {kind}" for name, kind in kinds.items())
        raise InvalidInputError(f"estimators must be all classifiers or all regressors; {kinds_text}")
    return "classifier" in kinds.values()


def _kind(name: Any, estimator: Any) -> str:
    if not isinstance(name, str) or not name:
        raise InvalidInputError(f"estimators: names must be strings that are not empty; got {name!r}")
    where = f"estimators: {name!r}"
    if isinstance(estimator, type):
        raise InvalidInputError(f"{where} is a class; pass an object, such as {estimator.__name__}()")
    if not all(callable(getattr(estimator, method, None)) for method in ("fit", "predict", "__sklearn_tags__")):
        raise InvalidInputError(f"{where} is not a scikit-learn estimator with fit and predict; got {estimator!r}")
    try:
        clone(estimator)
    except (TypeError, RuntimeError) as error:
        raise InvalidInputError(f"{where} cannot be cloned for each fold: {error}") from error
    if (search := search_of(estimator)) is not None:
        if search.store is not None:
            raise InvalidInputError(
                f"{where} has a store, which folds cannot share; set it to None and give nested_cross_validate a store"
            )
        check_arguments(search.get_params(deep=False), isinstance(search, AutoMLClassifier))
    if is_classifier(estimator):
        return "classifier"
    if is_regressor(estimator):
        return "regressor"
    raise InvalidInputError(f"{where} is neither a classifier nor a regressor; its predictions cannot be scored")


def _table(X: Any) -> Any:
    """Return the table in a form from which rows can be taken by number."""
    X = check_table(X)
    if sparse.issparse(X):
        return X.tocsr()
    return X if isinstance(X, pd.DataFrame) else as_array(X)


def _outer_folds(
    outer_cv: Any, codes: Array, classes: Array | None, *, groups: Array | None, X: Any, seed: int
) -> tuple[Fold, ...]:
    """Return the outer folds; no row and no group is on both sides of a fold, and no fold scores a lone row."""
    request = SplitRequest(codes, classes is not None, outer_cv, groups, X, random_state=seed)
    if not isinstance(outer_cv, Integral) or isinstance(outer_cv, bool):
        return folds_from_cv(request, "outer_cv", None if classes is None else lone_rows(codes))
    _check_number(int(outer_cv), codes, classes, groups)
    folds = make_folds(request)
    for i, fold in enumerate(folds):
        check_fold(f"outer_cv: fold {i}", fold, codes, classes is not None, groups)
    return folds


def _outer_time_folds(
    outer_cv: Any, order: TimeOrder, codes: Array, is_classification: bool, groups: Array | None
) -> tuple[Fold, ...]:
    """Return forward-only outer folds, oldest first; the rows of each part are in the order of time."""
    if not isinstance(outer_cv, Integral) or isinstance(outer_cv, bool) or outer_cv < 1:
        raise InvalidInputError(f"outer_cv must be the number of outer folds where time is given; got {outer_cv!r}")
    at = np.argsort(order.times, kind="stable")
    by_time = TimeOrder(order.times[at], order.gap)
    every = np.ones(len(at), dtype=bool)
    folds = time_folds(by_time, int(outer_cv), None if groups is None else groups[at], every)
    found = tuple((at[train], at[test]) for train, test in folds[::-1])
    for i, fold in enumerate(found):
        check_fold(f"outer_cv: fold {i}", fold, codes, is_classification, groups)
    return found


def _check_number(n_splits: int, codes: Array, classes: Array | None, groups: Array | None) -> None:
    if n_splits < 2:
        raise InvalidInputError(f"outer_cv must be 2 folds or more; got {n_splits}")
    if groups is not None:
        n_groups = len(np.unique(groups))
        if n_groups < n_splits:
            raise InvalidInputError(f"outer_cv={n_splits} but the number of groups is {n_groups}; use fewer folds")
    elif classes is not None:
        counts = np.bincount(codes)
        counts[codes[lone_rows(codes)]] = len(codes)  # no fold scores the row of a class with a single row
        rarest = int(counts.argmin())
        if counts[rarest] < n_splits:
            raise InvalidInputError(
                f"outer_cv={n_splits} but class {classes[rarest]!s} of y has {plural(counts[rarest], 'row')}; "
                f"use outer_cv={counts[rarest]}, or merge rare classes"
            )
    elif len(codes) < n_splits:
        raise InvalidInputError(f"outer_cv={n_splits} but X has {plural(len(codes), 'row')}; use fewer folds")
