"""The rows of `retune`: old and new rows together, of which the newest are held out to compare the models."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral, Number
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from automl.ensemble.fitted_model import FittedModel
from automl.errors import InvalidInputError
from automl.plurals import plural
from automl.refit.new_rows import are_distinct, check_time_column, row_hashes, take_columns
from automl.refit.preparation import seed_of
from automl.task.prepare import TrainingData
from automl.task.scorers import take_rows
from automl.task.sensitive import read_sensitive_features
from automl.task.several_targets import check_targets, take_targets, target_columns
from automl.task.split_arguments import ARRAY, time_of_refit
from automl.task.splits import Fold, SplitRequest, make_folds
from automl.task.table_validation import as_array, check_table
from automl.task.time_folds import newest_rows
from automl.task.time_order import read_time_order, read_times
from automl.task.validation import check_groups, check_target, read_sample_weight, read_target, table_errors
from pipelines.table.reader import TableReader
from pipelines.targets import TargetLayout

Array = NDArray[Any]
Mask = NDArray[np.bool_]

FEWEST_ROWS = 30  # new rows, of which a third is held out
_HELD_OUT = 1 / 3  # share of the new rows, the newest ones, on which the models are compared
_FEWEST_SCORED = 100  # new rows that suffice to compare configurations; with fewer, the folds score old rows, too
_N_FOLDS = 5
_KINDS_OF_TIME = {"M": "dates", "m": "durations"}  # other times are numbers


@dataclass(frozen=True)
class GivenRows:
    """The new rows and the old rows of a user."""

    new: TrainingData
    old: TrainingData | None


@dataclass(frozen=True)
class JoinedRows:
    """The old rows, followed by the new rows.

    Attributes
    ----------
    data : TrainingData
    n_old : int
    holdout : ndarray of bool of shape (n_samples,)
        Mask of the rows that the search does not see: the newest new rows, and old rows of their groups.
    compared : ndarray of int
        Numbers of the newest new rows, in their order in the task.
    compared_places : ndarray of int
        Their places among the holdout rows of the task.
    units : ndarray of int
        The unit with which each of them is drawn.
    folds : list
        Values of the argument `cv` to try: pairs of (training rows, scored rows) first.
    """

    data: TrainingData
    n_old: int
    holdout: Mask
    compared: NDArray[np.intp]
    compared_places: NDArray[np.intp]
    units: NDArray[np.intp]
    folds: list[Any]


def join_rows(estimator: FittedModel, given: GivenRows, notes: list[str]) -> JoinedRows:
    """Check the old and the new rows, join them, and choose the rows to compare the models on.

    Parameters
    ----------
    notes : list of str
        Gets what a reader of the result should know.

    Raises
    ------
    InvalidInputError
        If the rows do not suit the model, do not go together, or are too few.
    """
    data = _with_sensitive_features(estimator, _join(estimator, given, notes), notes)
    n, n_old = len(data.X) if isinstance(data.X, pd.DataFrame) else data.X.shape[0], 0
    if given.old is not None:
        n_old = n - (given.new.X.shape[0] if hasattr(given.new.X, "shape") else len(given.new.X))
    if n - n_old < FEWEST_ROWS:
        raise InvalidInputError(
            f"X has {plural(n - n_old, 'new row')}, but retune needs at least {FEWEST_ROWS}, because it compares the "
            "models on the newest third of them; pass more new rows, or use refit"
        )
    time, gap = time_of_refit(vars(estimator).get("_split_arguments", {}), data.time)
    groups = check_groups(data.groups, n)
    times = np.arange(n) if time is None else read_time_order(time, gap, data.X, n).times
    held_out = np.zeros(n, dtype=bool)
    try:
        held_out[n_old:] = newest_rows(times[n_old:], _HELD_OUT, None if groups is None else groups[n_old:])
    except InvalidInputError:
        raise InvalidInputError(
            f"the new rows have one {'time' if groups is None else 'group'} only, so that no newest rows can be held "
            "out to compare the models; pass more new rows, or use refit"
        ) from None
    holdout = held_out if groups is None else held_out | np.isin(groups, groups[held_out])
    if not (~holdout[n_old:]).any():
        raise InvalidInputError("all new rows have the groups of the newest rows; pass new rows of more groups")
    order = np.argsort(times, kind="stable")
    held = order[holdout[order]]
    places = np.flatnonzero(held_out[held])
    # Neighbors resemble each other: rows are drawn in groups, or in blocks as those of an estimate.
    length = max(1, round(len(places) ** (1 / 3)))
    units = np.arange(len(places)) // length if groups is None else groups[held[places]]
    folds = _folds(estimator, data, time is not None, groups, holdout, n_old, notes)
    return JoinedRows(data, n_old, holdout, held[places], places, np.unique(units, return_inverse=True)[1], folds)


def _join(estimator: FittedModel, given: GivenRows, notes: list[str]) -> TrainingData:
    """Return the old rows followed by the new rows, with the columns of the model."""
    reader, layout, new, old = estimator._reader, estimator._ensemble.targets, given.new, given.old
    table = check_table(new.X)
    X = take_columns(reader, table, notes)
    time, _ = time_of_refit(vars(estimator).get("_split_arguments", {}), new.time)
    check_time_column(time, table, X)
    if old is None:
        return TrainingData(X, new.y, new.sample_weight, new.groups, time)
    ignored: list[str] = []  # the note about the new rows suffices
    table = _checked("X_old", check_table, old.X)
    X_old = take_columns(reader, table, ignored, "the old rows (X_old)", "leave out X_old and y_old")
    if old.time is not None and np.isscalar(time):
        raise InvalidInputError(f"time_old is given, but time is the column {time!r} of both tables; pass only time")
    for name, ours, theirs in (
        ("sample_weight", new.sample_weight, old.sample_weight),
        ("groups", new.groups, old.groups),
        ("time", None if np.isscalar(time) else time, old.time),
    ):
        if (ours is None) != (theirs is None):
            missing, there = (name, f"{name}_old") if ours is None else (f"{name}_old", name)
            raise InvalidInputError(f"{there} is given without {missing}; pass both, or neither")
    n_old, n_new = X_old.shape[0], X.shape[0]
    weights = groups = None
    if new.sample_weight is not None:
        parts = (old.sample_weight, n_old, "_old"), (new.sample_weight, n_new, "")
        weights = np.concatenate([read_sample_weight(*part) for part in parts])
    if new.groups is not None:
        _checked("groups_old", check_groups, old.groups, n_old)
        check_groups(new.groups, n_new)
        groups = _concatenate(old.groups, new.groups)
        _check_types("groups", groups[:n_old], groups[n_old:])
    y = _join_targets(old.y, X_old, new.y, X, layout)
    stacked = _stack(X_old, X)
    if time is not None:
        time = _join_times(time if old.time is None else old.time, time, X_old, X, stacked)
    return _without_repeated(TrainingData(stacked, y, weights, groups, time), n_old, reader, notes)


def _with_sensitive_features(estimator: FittedModel, data: TrainingData, notes: list[str]) -> TrainingData:
    """Return the rows with the sensitive features of the fit, if they are a column of the table.

    A note says why the groups are not compared: the caller of `retune` cannot leave out the argument of `fit`.
    """
    arguments = vars(estimator).get("_split_arguments", {})
    if "sensitive_features" not in arguments:
        return data
    name = arguments["sensitive_features"]
    if name is ARRAY:
        notes.append("fit got sensitive_features as an array, so that the groups of these rows are not known")
        return data
    try:
        read_sensitive_features(name, data.X, data.X.shape[0], data.sample_weight)
    except InvalidInputError as error:
        notes.append(f"the groups are not compared: {error}")
        return data
    return replace(data, sensitive_features=name)


def _without_repeated(data: TrainingData, n_old: int, reader: TableReader, notes: list[str]) -> TrainingData:
    """Leave out old rows that are new rows as well: a model that was trained on them knows the rows held out.

    In a table with many equal rows, all rows stay.
    """
    codes = pd.util.hash_pandas_object(pd.DataFrame(data.y).astype(str), index=False).to_numpy()
    with table_errors():
        hashes = row_hashes(reader.transform(data.X), codes)
    new = set(hashes[n_old:])
    if not are_distinct(hashes[n_old:]):
        return data
    repeated = np.array([row in new for row in hashes[:n_old]], dtype=bool)
    if not repeated.any():
        return data
    notes.append(f"{repeated.sum():,} of {n_old:,} old rows are new rows as well, and are left out")
    kept = np.concatenate([np.flatnonzero(~repeated), np.arange(n_old, len(hashes))])

    def take(values: Any) -> Any:
        return values if values is None or np.isscalar(values) else take_rows(values, kept)

    return TrainingData(
        take_rows(data.X, kept), take(data.y), take(data.sample_weight), take(data.groups), take(data.time)
    )


def _stack(old: Any, new: Any) -> Any:
    """Return the rows of two tables of one kind."""
    frames = isinstance(old, pd.DataFrame), isinstance(new, pd.DataFrame)
    sparses = sparse.issparse(old), sparse.issparse(new)
    if len(set(frames)) > 1 or len(set(sparses)) > 1:
        raise InvalidInputError("X and X_old are not of one kind; pass both as DataFrames, arrays or sparse matrices")
    if frames[0]:
        return pd.concat([old.set_axis(new.columns, axis=1), new], ignore_index=True)
    return sparse.vstack([old, new], format="csr") if sparses[0] else np.concatenate([as_array(old), as_array(new)])


def _join_targets(old: Any, X_old: Any, new: Any, X: Any, layout: TargetLayout | None) -> Any:
    if layout is None:
        before, after = _checked("y_old", read_target, old, X_old), read_target(new, X)
        _check_types("y", np.asarray(before), np.asarray(after))
        return _concatenate(before, after)
    names, columns = target_columns(take_targets(new, layout), X)
    _, several = _checked("y_old", target_columns, take_targets(old, layout), X_old)
    return pd.DataFrame({name: _concatenate(a, b) for name, a, b in zip(names, several, columns, strict=True)})


def _concatenate(old: Any, new: Any) -> Array:
    """Return the values of two columns; values of different types keep their types."""
    first, second = np.ravel(np.asarray(old)), np.ravel(np.asarray(new))
    if first.dtype.kind != second.dtype.kind and not {first.dtype.kind, second.dtype.kind} <= set("biuf"):
        first, second = first.astype(object), second.astype(object)
    return np.concatenate([first, second])


def _join_times(old: Any, new: Any, X_old: Any, X: Any, stacked: Any) -> Any:
    """Return the times of the old and the new rows, or their column, after a check that they can be compared.

    Both may be the same column of the two tables.

    Raises
    ------
    InvalidInputError
        If one of them cannot be read, if dates stand beside numbers, or if a column is written in two ways.
    """
    column = np.isscalar(new)
    after = read_times(new, X, X.shape[0])
    before = _checked("X_old" if column else "time_old", read_times, old, X_old, X_old.shape[0])
    kinds = [_KINDS_OF_TIME.get(times.dtype.kind, "numbers") for times in (before, after)]
    first, second = (f"column {new!r} of X_old", f"column {new!r} of X") if column else ("time_old", "time")
    if kinds[0] != kinds[1]:
        raise InvalidInputError(
            f"{first} holds {kinds[0]}, but {second} holds {kinds[1]}; pass the times of both in one form, for example "
            "as dates of pandas.to_datetime"
        )
    if not column:
        return np.concatenate([before, after])
    try:
        read_times(new, stacked, stacked.shape[0])
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{first} and {second} are written in different forms; convert both with pandas.to_datetime"
        ) from error
    return new


def _check_types(name: str, old: Array, new: Array) -> None:
    """Check that values of old and of new rows can be equal: 1 and "1" are different groups, and different classes.

    Raises
    ------
    InvalidInputError
        If the values are of different types.
    """
    first, second = (
        {
            "texts" if isinstance(v, str) else "numbers" if isinstance(v, Number) else "other values"
            for v in values.tolist()
        }
        for values in (old, new)
    )
    if first.isdisjoint(second):
        raise InvalidInputError(
            f"{name}_old holds {' and '.join(sorted(first))}, but {name} holds {' and '.join(sorted(second))}, so that "
            "no value is in both; pass both in one type, for example as texts with astype(str)"
        )


def _checked(argument: str, check: Any, *arguments: Any) -> Any:
    """Call a check of an argument of the old rows; its error then names this argument."""
    try:
        return check(*arguments)
    except InvalidInputError as error:
        raise InvalidInputError(f"{argument}: {error}") from error


def _folds(
    estimator: FittedModel,
    data: TrainingData,
    by_time: bool,
    groups: Array | None,
    holdout: Mask,
    n_old: int,
    notes: list[str],
) -> list[Any]:
    """Return the values of the argument `cv` to try.

    Without times, the scored rows are new rows: the old ones say less about the rows to come. The old rows are training
    rows of each fold.
    """
    cv = estimator.cv
    if by_time:
        return [cv if isinstance(cv, Integral) else None]
    if hasattr(cv, "split"):
        return [cv, None]
    new = np.flatnonzero(~holdout[n_old:]) + n_old
    if not n_old:
        return [cv if isinstance(cv, Integral) else _N_FOLDS, None]
    if len(new) < _FEWEST_SCORED:
        notes.append(
            f"fewer than {_FEWEST_SCORED} new rows are left for the search, so that its folds score old rows, too"
        )
        return [cv if isinstance(cv, Integral) else None]
    try:
        return [_folds_of_new_rows(estimator, data, groups, holdout, new), None]
    except InvalidInputError:  # for example, the new rows have one group
        return [None]


def _folds_of_new_rows(
    estimator: FittedModel, data: TrainingData, groups: Array | None, holdout: Mask, new: NDArray[np.intp]
) -> list[Fold]:
    layout, classification = estimator._ensemble.targets, estimator._is_classifier
    y = (
        check_target(data.y, data.X, classification)[0]
        if layout is None
        else check_targets(data.y, data.X, classification).y
    )
    folds = make_folds(
        SplitRequest(
            y[new],
            classification,
            cv=estimator.cv if isinstance(estimator.cv, Integral) else _N_FOLDS,
            groups=None if groups is None else groups[new],
            sample_weight=None if data.sample_weight is None else data.sample_weight[new],
            random_state=seed_of(estimator),
        )
    )
    found = []
    for _, test in folds:
        scored = new[test]
        train = ~holdout
        train[scored] = False
        if groups is not None:
            train &= ~np.isin(groups, groups[scored])
        found.append((np.flatnonzero(train), scored))
    return found
