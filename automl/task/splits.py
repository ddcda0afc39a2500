"""Make the folds that all trials of a run share."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv

from automl.errors import InvalidInputError
from automl.plurals import plural
from automl.task.metrics import Metric, arbitrary_predictions, try_metric

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]  # training rows, scored rows


@dataclass(frozen=True)
class SplitRequest:
    """The rows to split into folds, and how.

    Attributes
    ----------
    y : ndarray of shape (n_samples,)
        Class codes, or floats. Of several targets, it has the shape (n_samples, n_targets).
    is_classification : bool
    cv : int, splitter or iterable of (train, test), optional
        Each part of a pair holds row numbers or is a mask.
    groups : ndarray of shape (n_samples,), optional
        Rows of one group are never on both sides of a fold.
    X : array-like of shape (n_samples, n_features), optional
        The table, for a splitter.
    sample_weight : ndarray of shape (n_samples,), optional
        Each fold gets its share of the rows with a positive weight.
    resampling : "folds", "time" or "validation"
        How the folds come about, as in a `Task`. With "time", the rows are in the order of time. Forward-chaining folds
        of `cv` are recognized without it, but not a single one.
    random_state : int
        Seed of random folds, also for a splitter whose own seed is None, so that a second call gives the same folds.
    """

    y: NDArray[Any]
    is_classification: bool
    cv: Any = None
    groups: NDArray[Any] | None = None
    X: Any = None
    sample_weight: NDArray[np.float64] | None = None
    resampling: Literal["folds", "time", "validation"] = "folds"
    random_state: int = 0


def _default_n_splits(n_rows: int) -> int:
    """Return the default number of folds for a number of rows.

    Small tables get eight folds, because fits are cheap. Tables of more than 10,000 rows get five, because fits on all
    folds are slow. Tables of more than 50,000 rows get eight again: many configurations run on their first fold only,
    and a smaller scored part leaves more rows to train on.
    """
    return 5 if 10_000 < n_rows <= 50_000 else 8


def make_folds(
    request: SplitRequest, holdout: NDArray[np.bool_] | None = None, metric: Metric | None = None
) -> tuple[Fold, ...]:
    """Return the folds as pairs of (training rows, scored rows).

    By default, the rows of each class (or of each range of the sorted target) are spread evenly over the folds. So a
    class with fewer rows than folds never has all its rows in one fold. The default number of folds falls until the
    metric has a value on every fold.

    The row of a class that has a single row (of a positive weight) is a training row of every fold, and no fold scores
    it. In folds of groups or of time order, it is not trained on where that would split a group or use the future.

    Parameters
    ----------
    request : SplitRequest
        By default, the rows are split at random, into a number of folds that suits them.
    holdout : ndarray of shape (n_samples,), optional
        Mask of the rows that `split_holdout` will take out of all folds later.
    metric : Metric, optional
        Metric that must have a value on every fold.

    Raises
    ------
    InvalidInputError
        If there is a single group, `cv` gives no usable fold, or the metric has no value on one.
    """
    y, cv, sample_weight, is_classification = request.y, request.cv, request.sample_weight, request.is_classification
    random_state = request.random_state
    trial = None if metric is None else arbitrary_predictions(y, is_classification * (int(y.max()) + 1), random_state)
    counted = np.ones(len(y), dtype=bool) if sample_weight is None else sample_weight > 0
    if holdout is not None:
        counted &= ~holdout
    lone = lone_rows(y, counted) if is_classification else np.empty(0, dtype=np.intp)

    def undefined(rows: NDArray[np.intp]) -> str:
        if metric is None or trial is None:
            return ""
        if holdout is not None:
            rows = rows[~holdout[rows]]
        reason = try_metric(
            metric.take(rows), y[rows], trial[rows], None if sample_weight is None else sample_weight[rows]
        )
        return reason and f"scoring {metric.name!r} has no value: {reason}"

    if cv is not None and not isinstance(cv, Integral):
        folds = folds_from_cv(request, "X_val" if request.resampling == "validation" else "cv", lone)
        if holdout is not None:
            check_left(folds, holdout)
        if reason := _unusable(folds, y if is_classification else None, counted, undefined):
            raise InvalidInputError(f"{reason}; {_remedy(request, len(folds))}")
        return _newest_first(folds) if is_forward_chaining(folds) else folds
    n_splits = min(int(cv or _default_n_splits(len(y))), int(counted.sum()) - len(lone))
    while True:
        folds = _default_folds(request, n_splits, counted, lone)
        reason = _unusable(folds, y if is_classification else None, counted, undefined)
        if not reason and cv is None and n_splits > 2 and metric is not None and metric.is_mean_over_classes:
            reason = _lacking_class(folds, y, counted, lone)
        if not reason:
            return folds
        if cv is not None or n_splits <= 2:
            raise InvalidInputError(f"{reason}; {_remedy(request, len(folds))}")
        n_splits -= 1


def _remedy(request: SplitRequest, n_folds: int) -> str:
    """Say what to do where a fold cannot be trained on or scored."""
    is_classification, rows = request.is_classification, "at least 2 rows"
    if request.sample_weight is not None:
        rows += " of positive weight"
    if request.resampling == "validation":
        parts = ["let X and X_val hold every class" if is_classification else f"let X_val hold {rows}"]
    elif request.resampling == "folds" and not (request.cv is None or isinstance(request.cv, Integral)):
        parts = [f"let cv give folds that {'hold every class' if is_classification else f'score {rows}'}"]
    else:
        merge = "merge rare classes" if request.resampling == "folds" else "let older and newer rows hold every class"
        parts = [merge if is_classification else f"let each fold score {rows}"]
        if request.groups is not None:
            parts.append("spread them over more groups" if is_classification else "form larger groups")
        if n_folds > (2 if request.resampling == "folds" else 1):
            parts.append("use fewer folds")
    return ", ".join([*parts, "or choose another scoring"])


def lone_rows(y: NDArray[Any], counted: NDArray[np.bool_] | None = None) -> NDArray[np.intp]:
    """Return the rows of classes that have a single row; empty if fewer than two classes have more rows.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class codes. Of several targets, it has the shape (n_samples, n_targets).
    counted : ndarray of shape (n_samples,), optional
        Mask of the rows that count; all rows when None.
    """
    if y.ndim == 2:
        return np.unique(np.concatenate([lone_rows(own, counted) for own in y.T]))
    counted = np.ones(len(y), dtype=bool) if counted is None else counted
    counts = np.bincount(y[counted], minlength=int(y.max()) + 1)
    if np.count_nonzero(counts > 1) < 2:
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(counted & (counts[y] == 1))


def _train_on_lone_rows(
    folds: Sequence[Fold],
    lone: NDArray[np.intp],
    groups: NDArray[Any] | None = None,
    in_time_order: bool = False,
) -> tuple[Fold, ...]:
    """Return the folds with the lone rows moved from the scored rows to the training rows.

    In a fold that scores other rows of its group, or where the rows are in the order of time, a lone row is left out of
    both parts. A fold that scores only lone rows is left out.

    Parameters
    ----------
    lone : ndarray of int
        Rows of classes with a single row, see `lone_rows`.
    """
    if not len(lone):
        return tuple(folds)
    in_time_order = in_time_order or is_forward_chaining(folds)
    changed = []
    for train, test in folds:
        scored, added = np.setdiff1d(test, lone), np.intersect1d(test, lone)
        if groups is not None:
            added = added[~np.isin(groups[added], groups[scored])]
        if len(scored) == len(test):
            changed.append((train, test))
        elif len(scored):
            changed.append((train if in_time_order else np.append(train, added), scored))
    return tuple(changed)


def is_forward_chaining(folds: Sequence[Fold]) -> bool:
    """Return whether there are two or more folds, and each trains on rows before its scored rows.

    Such folds, for example those of scikit-learn's `TimeSeriesSplit`, say that the rows are in the order of time.
    """
    return len(folds) > 1 and all(train.max() < test.min() for train, test in folds)


def _newest_first(folds: Sequence[Fold]) -> tuple[Fold, ...]:
    """Return forward-chaining folds in descending order of their oldest scored rows.

    A search runs the first fold first and compares configurations on the first folds that they share. In this order it
    judges them on the newest rows, by models that have seen the most rows.
    """
    return tuple(sorted(folds, key=lambda fold: -int(fold[1].min())))


def _unusable(
    folds: Sequence[Fold],
    codes: NDArray[Any] | None,
    counted: NDArray[np.bool_],
    undefined: Callable[[NDArray[np.intp]], str],
) -> str:
    """Say why the first unusable fold cannot be trained on or scored; an empty string if there is no such fold."""
    for fold, (train, rows) in enumerate(folds):
        lone = codes is not None and len(np.unique(codes[train[counted[train]]])) < 2
        if reason := "it would train on a single class of y" if lone else undefined(rows):
            return f"fold {fold} of {len(folds)}: {reason}"
    return ""


def _lacking_class(folds: Sequence[Fold], y: NDArray[Any], counted: NDArray[np.bool_], lone: NDArray[np.intp]) -> str:
    """Say which fold scores no row of a class; an empty string if there is no such fold."""
    scored = counted.copy()
    scored[lone] = False
    n_classes = len(np.unique(y[scored]))
    lacking = [i for i, (_, test) in enumerate(folds) if len(np.unique(y[test[scored[test]]])) < n_classes]
    return f"fold {lacking[0]} of {len(folds)} lacks a class of y" if lacking else ""


def folds_from_cv(request: SplitRequest, argument: str, lone: NDArray[np.intp] | None = None) -> tuple[Fold, ...]:
    """Return the folds that a splitter or an iterable of (train, test) pairs gives.

    Parameters
    ----------
    request : SplitRequest
        Its `cv` is the splitter or the iterable.
    argument : str
        Name of the argument that holds it, for error messages.
    lone : ndarray of int, optional
        Rows that no fold may score, see `lone_rows`.

    Raises
    ------
    InvalidInputError
        If `cv` cannot split this table, or a row or group is in both parts of a fold.
    """
    y, groups, cv = request.y, request.groups, request.cv
    if isinstance(cv, str | bytes) or not (hasattr(cv, "split") or isinstance(cv, Iterable)):
        raise InvalidInputError(
            f"{argument} must be a number of folds, a scikit-learn splitter or (train, test) pairs; got {cv!r}"
        )
    if getattr(cv, "random_state", 0) is None:
        cv = copy.copy(cv)
        cv.random_state = request.random_state
    try:
        splitter = check_cv(cv, y, classifier=request.is_classification)
        pairs = [tuple(map(np.asarray, fold)) for fold in splitter.split(request.X, y, groups)]
    except (ValueError, TypeError) as error:
        raise InvalidInputError(f"{argument} cannot split this table: {error}") from error
    if not pairs:
        raise InvalidInputError(f"{argument} gives no fold; a generator can be used only once, so pass a list")
    folds, asks_for_classes = [], request.is_classification and request.resampling == "folds"  # else `_remedy` helps
    for i, pair in enumerate(pairs):
        if len(pair) != 2 or any(rows.dtype.kind not in "iub" or rows.ndim != 1 for rows in pair):
            raise InvalidInputError(
                f"{argument}: fold {i} must be a pair of arrays of row numbers: (training rows, scored rows)"
            )
        if any(rows.dtype.kind == "b" and len(rows) != len(y) for rows in pair):
            raise InvalidInputError(f"{argument}: fold {i} is a mask, but its length is not the {len(y)} rows of X")
        train, test = (np.flatnonzero(rows) if rows.dtype.kind == "b" else rows.astype(np.intp) for rows in pair)
        check_fold(f"{argument}: fold {i}", (train, test), y, asks_for_classes, groups)
        folds.append((train, test))
    scored = tuple(folds) if lone is None else _train_on_lone_rows(folds, lone, groups, request.resampling == "time")
    if not scored:
        raise InvalidInputError(f"{argument}: all scored rows are the only rows of their classes; merge rare classes")
    return scored


def check_left(folds: Sequence[Fold], holdout: NDArray[np.bool_]) -> None:
    """Check that the holdout rows leave training rows and scored rows in each fold.

    Raises
    ------
    InvalidInputError
        If they are all training rows or all scored rows of a fold.
    """
    if any(holdout[rows].all() for fold in folds for rows in fold):
        raise InvalidInputError(
            "guard takes all training rows or all scored rows of a fold; use a smaller share, let each fold of cv "
            "train on more rows and score more rows, or use guard=None"
        )


def check_fold(
    where: str, fold: Fold, y: NDArray[Any], is_classification: bool, groups: NDArray[Any] | None = None
) -> None:
    """Check that both parts of a fold have rows, and that no row and no group is in both parts.

    Raises
    ------
    InvalidInputError
        If the fold cannot be used; the message begins with `where`.
    """
    train, test = fold
    if not len(train) or not len(test):
        raise InvalidInputError(
            f"{where} holds no rows to {'score' if len(train) else 'train on'}; change the splitter"
        )
    rows = np.concatenate([train, test])
    if rows.min() < 0 or rows.max() >= len(y):
        raise InvalidInputError(f"{where} holds row numbers outside the {len(y)} rows of X; count rows from 0")
    shared = np.intersect1d(train, test)
    if len(shared):
        raise InvalidInputError(f"{where} scores {len(shared)} of its training rows; a row may be in one part only")
    if groups is not None:
        crossing = np.intersect1d(groups[train], groups[test])
        if len(crossing):
            raise InvalidInputError(
                f"{where} has {plural(len(crossing), 'group')} in both of its parts; pass a splitter that keeps each "
                "group in one part, such as GroupKFold, or leave out groups"
            )
    if is_classification and len(np.unique(y[train])) < 2:
        raise InvalidInputError(f"{where} trains on a single class of y; use fewer folds, or shuffle the rows")


def _default_folds(
    request: SplitRequest, n_splits: int, counted: NDArray[np.bool_], lone: NDArray[np.intp]
) -> tuple[Fold, ...]:
    y, is_classification, groups, seed = request.y, request.is_classification, request.groups, request.random_state
    if groups is None:
        fold = assign_folds(y, is_classification, n_splits, np.random.default_rng(seed), counted, lone)
        return tuple((np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(n_splits))
    return _train_on_lone_rows(group_folds(y, is_classification, n_splits, groups, seed), lone, groups)


def group_folds(
    y: NDArray[Any], is_classification: bool, n_splits: int, groups: NDArray[Any], random_state: int
) -> tuple[Fold, ...]:
    """Return `n_splits` folds, or one for each group if there are fewer groups.

    Classes are spread as evenly as the groups allow.

    Raises
    ------
    InvalidInputError
        If there is a single group.
    """
    n_splits = min(n_splits, len(np.unique(groups)))
    if n_splits < 2:
        raise InvalidInputError("groups holds a single group; at least 2 are needed to keep groups apart")
    stratified = is_classification and y.ndim == 1 and np.bincount(y).max() >= n_splits
    splitter = (StratifiedGroupKFold if stratified else GroupKFold)(n_splits, shuffle=True, random_state=random_state)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of classes with fewer rows than folds
        return tuple(splitter.split(np.zeros(len(y)), y if y.ndim == 1 else None, groups))


def assign_folds(
    y: NDArray[Any],
    is_classification: bool,
    n_splits: int,
    rng: np.random.Generator,
    weight: NDArray[Any] | None = None,
    lone: NDArray[np.intp] | None = None,
) -> NDArray[np.intp]:
    """Return the fold number of each row, shape (n_samples,), stratified by class or by rank of a continuous target.

    Rows with a positive `weight` are assigned first, so that each fold gets its share of these rows. Rows in `lone`
    have the number -1.
    """
    counted = np.arange(len(y)) if weight is None else np.flatnonzero(weight)
    if lone is not None and len(lone):
        counted = np.setdiff1d(counted, lone)
    if is_classification and y.ndim == 2:
        strata = [_in_turn(y, counted, n_splits, rng)]
    elif is_classification:
        strata = [rng.permutation(counted[y[counted] == code]) for code in np.unique(y)]
    else:
        y = y if y.ndim == 1 else _main_direction(y)
        order = counted[np.lexsort((rng.random(len(counted)), y[counted]))]
        strata = [rng.permutation(order[i : i + n_splits]) for i in range(0, len(order), n_splits)]
    if len(counted) < len(y):
        others = np.setdiff1d(np.arange(len(y)), counted)
        strata.append(rng.permutation(others if lone is None else np.setdiff1d(others, lone)))
    fold = np.full(len(y), -1, dtype=np.intp)
    assigned = np.concatenate(strata)
    fold[assigned] = np.arange(len(assigned)) % n_splits
    return fold


def _main_direction(y: NDArray[Any]) -> NDArray[np.float64]:
    """Return one number for each row that varies most with several targets: their first principal component."""
    scale = y.std(axis=0)
    standard = (y - y.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    return np.asarray(standard @ np.linalg.svd(standard.T @ standard)[0][:, 0])


def _in_turn(y: NDArray[Any], rows: NDArray[np.intp], n_splits: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the rows in an order in which row i goes to fold i modulo `n_splits`, so that labels spread evenly.

    The rows of the rarest class of all targets are placed first, then those of the next class that are left, each row
    in the fold with the fewest rows of this class (Sechidis et al., 2011, "On the stratification of multi-label data").
    """
    fold = np.full(len(y), -1, dtype=np.intp)
    left = np.full(n_splits, len(rows) // n_splits) + (np.arange(n_splits) < len(rows) % n_splits)
    classes = [(int((y[rows, j] == code).sum()), j, code) for j in range(y.shape[1]) for code in np.unique(y[rows, j])]
    for _, j, code in sorted(classes):
        own = rows[y[rows, j] == code]
        have = np.bincount(fold[own[fold[own] >= 0]], minlength=n_splits)
        for row in rng.permutation(own[fold[own] < 0]):
            chosen = np.lexsort((rng.random(n_splits), -left, have, left <= 0))[0]
            fold[row] = chosen
            have[chosen] += 1
            left[chosen] -= 1
    return np.array([row for turn in _turns(rows, fold, n_splits) for row in turn], dtype=np.intp)


def _turns(rows: NDArray[np.intp], fold: NDArray[np.intp], n_splits: int) -> list[list[int]]:
    """Return the rows turn by turn: each turn holds one row of each fold, in the order of the folds."""
    each = [rows[fold[rows] == number].tolist() for number in range(n_splits)]
    return [[own[turn] for own in each if turn < len(own)] for turn in range(max(map(len, each)))]
