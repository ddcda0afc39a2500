"""Prepare a task: check the table that a user gives, read it, and choose metric and folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.errors import InvalidInputError
from automl.task import validation
from automl.task.holdout import choose_holdout, split_holdout, why_not_scored
from automl.task.metric_domain import adapt_metric
from automl.task.metrics import Metric, make_metric, ordered_metric
from automl.task.monotonic import monotonic_traits
from automl.task.noisy_labels import with_noise
from automl.task.objectives import with_objectives
from automl.task.ordered_classes import NAMES as ORDERED_NAMES
from automl.task.ordered_classes import ranks_of
from automl.task.quantiles import check_quantiles, quantiles_metric
from automl.task.scorers import take_rows
from automl.task.sensitive import SensitiveFeatures, check_score_names, read_sensitive_features, take_sensitive
from automl.task.settings import DEFAULTS, TaskSettings
from automl.task.several_metrics import named_scorers, recorded_metric
from automl.task.several_targets import (
    CheckedTarget,
    check_targets,
    check_weights,
    has_several_targets,
    join_several_targets,
)
from automl.task.split_arguments import split_arguments
from automl.task.splits import Fold, SplitRequest, folds_from_cv, is_forward_chaining, make_folds
from automl.task.table_validation import check_table
from automl.task.target_metrics import make_targets_metric
from automl.task.task import Task
from automl.task.time_folds import DEFAULT_FOLDS, newest_rows, time_folds
from automl.task.time_order import TimeOrder, read_time_order
from automl.task.training_losses import suited_traits, with_objective
from automl.task.validation_rows import check_alone, join_tables, join_targets
from pipelines.component import task_type
from pipelines.steps.preprocessing import with_offsets
from pipelines.table.reader import TableReader

Array = NDArray[Any]

# Numbers of folds to cut the rows into by time, and of the newest of them to keep, where old rows lack a class.
_NUMBERS_OF_FOLDS = [(n, kept) for kept in range(DEFAULT_FOLDS, 0, -1) for n in range(DEFAULT_FOLDS, kept - 1, -1)]


@dataclass(frozen=True)
class TrainingData:
    """A table and its target, in the form in which the user gives them.

    Attributes
    ----------
    X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,), or (n_samples, n_targets) for several targets
    sample_weight : array-like of shape (n_samples,), optional
    groups : array-like of shape (n_samples,), optional
    time : str, int or array-like of shape (n_samples,), optional
        When each row was recorded: a column of X, or the times.
    gap : number, str or timedelta
        Time between the training rows and the scored rows of a fold.
    X_val, y_val, sample_weight_val : optional
        Validation rows, which the search scores instead of folds.
    sensitive_features : array-like of shape (n_samples,) or (n_samples, n_features), str or int, optional
        Groups of rows, or the column of X that holds them.
    """

    X: Any
    y: Any
    sample_weight: Any = None
    groups: Any = None
    time: Any = None
    gap: Any = 0
    X_val: Any = None
    y_val: Any = None
    sample_weight_val: Any = None
    sensitive_features: Any = None


@dataclass(frozen=True)
class PreparedTask:
    """A task with everything that is needed to predict for new rows.

    Attributes
    ----------
    task : Task
    reader : TableReader
        Turns new rows into the array that the pipelines of the task expect.
    classes : ndarray of shape (n_classes,), list of ndarray, or None
        Labels in the order of the class codes; a list for several targets; None for regression.
    target_name : str or None
        Name of the target, where it has one.
    positions : ndarray of int, shape (n_samples,), or None
        Positions of the rows of the task in the table of the user, after which validation rows of the user come; None
        if they are the same.
    split_arguments : mapping
        The arguments about the split and the groups of the rows, see `automl.task.split_arguments`.
    """

    task: Task
    reader: TableReader
    classes: Array | list[Array] | None
    target_name: str | None = None
    positions: NDArray[np.intp] | None = None
    split_arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def table_rows(self) -> tuple[int, int]:
        """The number of rows of the table of the user, and the number of validation rows of the user."""
        task = self.task
        n_rows = len(task.y) + (0 if task.holdout is None else len(task.holdout.y))
        n_validation = len(task.folds[0][1]) if task.resampling == "validation" else 0
        return n_rows - n_validation, n_validation


def prepare(
    data: TrainingData,
    settings: TaskSettings = DEFAULTS,
    *,
    classification: bool,
    holdout_share: float | None = None,
    holdout: NDArray[np.bool_] | None = None,
    random_state: int = 0,
) -> PreparedTask:
    """Check a table and its target, read the table, and choose the metric and the folds.

    Parameters
    ----------
    settings : TaskSettings
        The parameters of the estimator that decide about its task.
    holdout_share : float, optional
        Share of the rows that neither the search nor the ensemble may see.
    holdout : ndarray of bool of shape (n_samples,), optional
        Mask of these rows in the table of the user, in place of a share.
    random_state : int
        Seed of folds and holdout rows.

    Raises
    ------
    InvalidInputError
        If the table, the target or an argument cannot be used.
    """
    cv, positive_label = settings.cv, settings.positive_label
    rows, target = _read_rows(data, cv, classification, positive_label)
    classes, layout, levels = target.classes, target.layout, check_quantiles(settings.quantiles)
    if levels and layout is not None:
        raise InvalidInputError(
            f"quantiles are for one target, but y has {layout.n_targets}; fit one model for each target"
        )
    if not isinstance(classes, list):
        validation.warn_of_lone_rows(rows.y, rows.sample_weight, classes)
    request = SplitRequest(
        rows.y, classification, cv, rows.groups, rows.X, rows.sample_weight, random_state=random_state
    )
    has_holdout = holdout_share is not None or holdout is not None
    if has_holdout and cv is not None and not validation.is_whole_number(cv):
        request = replace(request, cv=folds_from_cv(request, "cv"))  # a generator gives its folds only once
    holdout = _holdout(rows, request, holdout_share, holdout)
    if holdout is not None and hasattr(cv, "split") and is_forward_chaining(request.cv):
        request = replace(request, cv=_folds_before(replace(request, cv=cv), request.cv, holdout))
    reader = TableReader(columns=settings.columns)
    with validation.table_errors():
        if holdout is None:
            table = reader.fit_transform(rows.X)
        else:
            table = reader.fit(take_rows(rows.X, np.flatnonzero(~holdout))).transform(rows.X)
    ranks = () if classes is None or layout is not None else ranks_of(data.y, np.asarray(classes))
    scorers = named_scorers(settings.scoring)
    check_score_names(scorers, rows.sensitive)
    metric, *others = (_metric_of(s, rows, target, levels, ranks, positive_label) for s in scorers.values())
    recorded = tuple(map(recorded_metric, [*scorers][1:], others))
    kind = task_type(target.n_classes)
    if kind == "regression" and layout is None:
        metric = with_objective(metric, rows.y if holdout is None else rows.y[~holdout])
    folds = _make_folds(request, rows, holdout, metric)
    weighted = rows.sample_weight is not None
    traits = with_offsets(reader.traits(kind, target.n_classes, weighted, table.shape[0]), table)
    traits = suited_traits(traits, metric)
    task = Task(
        X=table,
        y=rows.y,
        traits=traits if layout is None else replace(traits, targets=layout),
        metric=metric,
        recorded_metrics=recorded,
        folds=folds,
        sample_weight=rows.sample_weight,
        groups=rows.groups,
        sensitive=rows.sensitive,
        resampling="time" if rows.time is not None else "validation" if rows.n_validation else "folds",
    )
    positions = rows.positions
    if holdout is not None:
        task, kept = split_holdout(task, holdout), np.flatnonzero(~holdout)
        if holdout_share is not None:
            _check_guard(task)
        positions = kept if positions is None else positions[kept]
    task = _with_arguments(task, settings, reader, classes)
    arguments = split_arguments(
        data.time, data.gap, data.X_val, data.sensitive_features, data.groups, data.sample_weight
    )
    name = _target_name(data.y) if layout is None else ", ".join(layout.names)
    return PreparedTask(task, reader, classes, name, positions, arguments)


def _with_arguments(task: Task, settings: TaskSettings, reader: TableReader, classes: Any) -> Task:
    """Return a task with its monotonic columns, its noisy labels and its objectives beside the score."""
    traits = monotonic_traits(task.traits, reader, settings.monotonic, classes, settings.positive_label)
    return with_objectives(replace(task, traits=with_noise(traits, settings.noisy_labels)), settings.objectives)


@dataclass(frozen=True)
class _Rows:
    """The checked rows of a task, in their final order.

    Attributes
    ----------
    time : TimeOrder or None
        The times, in ascending order.
    positions : ndarray of int, shape (n_samples,), or None
        Positions of the rows in the table of the user; None if they are the same.
    n_validation : int
        Number of validation rows of the user, which are the last rows.
    """

    X: Any
    y: Array
    sample_weight: Array | None = None
    groups: Array | None = None
    time: TimeOrder | None = None
    positions: NDArray[np.intp] | None = None
    n_validation: int = 0
    sensitive: SensitiveFeatures | None = None


def _read_rows(data: TrainingData, cv: Any, classification: bool, positive_label: Any) -> tuple[_Rows, CheckedTarget]:
    """Check all arguments with one value for each row; return the rows of the task, and its target."""
    for name in ("y", "sample_weight", "groups", "time", "sensitive_features"):
        validation.warn_of_other_order(name, getattr(data, name), data.X)
    for name in ("y_val", "sample_weight_val"):
        validation.warn_of_other_order(name, getattr(data, name), data.X_val, "X_val")
    data = replace(data, X=check_table(data.X))
    check_alone(vars(data), cv)
    if data.time is None and data.gap not in (0, "0"):
        raise InvalidInputError("gap needs time: pass the times of the rows, too, or leave out gap")
    X, y, weights, n_validation = data.X, data.y, data.sample_weight, 0
    if data.X_val is not None:
        X = join_tables(data.X, data.X_val)
        join = join_several_targets if has_several_targets(data.y) else join_targets
        y = join(data.y, data.X, data.y_val, data.X_val, classification)
        n_validation = data.X_val.shape[0] if hasattr(data.X_val, "shape") else len(data.X_val)
        if weights is not None:
            n_training = X.shape[0] - n_validation
            parts = (weights, n_training, ""), (data.sample_weight_val, n_validation, "_val")
            weights = np.concatenate([validation.read_sample_weight(*part) for part in parts])
    check = check_targets if has_several_targets(y) else _check_target
    target = check(y, X, classification, positive_label)
    weights = validation.check_sample_weight(weights, len(target.y))
    check_weights(target, weights)
    groups = validation.check_groups(data.groups, len(target.y))
    sensitive = None
    if data.sensitive_features is not None:
        if target.layout is not None:
            raise InvalidInputError("sensitive_features is for one target, but y has several; leave it out")
        sensitive = read_sensitive_features(data.sensitive_features, X, len(target.y), weights, n_validation)
    rows = _Rows(X, target.y, weights, groups, n_validation=n_validation, sensitive=sensitive)
    return (_in_time_order(rows, data, cv) if data.time is not None else rows), target


def _check_target(y: Any, X: Any, classification: bool, positive_label: Any) -> CheckedTarget:
    codes, classes = validation.check_target(y, X, classification=classification)
    validation.check_positive_label(classes, positive_label)
    return CheckedTarget(codes, classes)


def _in_time_order(rows: _Rows, data: TrainingData, cv: Any) -> _Rows:
    """Return the rows in the order of their times; rows of equal time keep their order."""
    if cv is not None and not validation.is_whole_number(cv):
        raise InvalidInputError(
            "time and a splitter as cv exclude each other: time already says how to split the rows; leave out one of "
            "them, or let cv be the number of folds"
        )
    time = read_time_order(data.time, data.gap, rows.X, len(rows.y))
    order = np.argsort(time.times, kind="stable")
    if (order == np.arange(len(order))).all():
        return replace(rows, time=time)
    return _Rows(
        take_rows(rows.X, order),
        rows.y[order],
        None if rows.sample_weight is None else rows.sample_weight[order],
        None if rows.groups is None else rows.groups[order],
        TimeOrder(time.times[order], time.gap),
        order,
        sensitive=take_sensitive(rows.sensitive, order),
    )


def _holdout(
    rows: _Rows, request: SplitRequest, share: float | None, given: NDArray[np.bool_] | None
) -> NDArray[np.bool_] | None:
    """Return a mask of the holdout rows: those of the caller, the newest rows, or random ones; None for no such rows.

    Validation rows of the user are never among them.

    Parameters
    ----------
    request : SplitRequest
        Its `cv` is a number of folds, or the folds themselves, which say whether the rows are in the order of time.
    """
    if share is None:
        return given if given is None or rows.positions is None else given[rows.positions]
    if rows.time is not None:
        return newest_rows(rows.time.times, share, rows.groups)
    if isinstance(request.cv, tuple) and is_forward_chaining(request.cv):
        return newest_rows(np.arange(len(rows.y)), share, rows.groups)
    n = len(rows.y) - rows.n_validation
    weights = None if rows.sample_weight is None else rows.sample_weight[:n]
    kind, seed = request.is_classification, request.random_state
    holdout = choose_holdout(rows.y[:n], kind, share, rows.groups, seed, weights)
    return np.append(holdout, np.zeros(rows.n_validation, dtype=bool))


def _folds_before(request: SplitRequest, of_all: tuple[Fold, ...], holdout: NDArray[np.bool_]) -> tuple[Fold, ...]:
    """Return the folds that a splitter makes of the rows without the holdout rows, so that the newest fold is whole.

    A splitter with fixed rows knows only the whole table. Its folds stay, and lose the holdout rows later.

    Parameters
    ----------
    of_all : tuple of Fold
        The folds that it has made of all rows.
    """
    rest = np.flatnonzero(~holdout)
    groups = None if request.groups is None else request.groups[rest]
    try:
        folds = folds_from_cv(replace(request, y=request.y[rest], X=take_rows(request.X, rest), groups=groups), "cv")
    except Exception:  # noqa: BLE001  the code of the user, which meets fewer rows than it knows
        return of_all
    if len(folds) == len(of_all) and all(map(np.array_equal, chain(*folds), chain(*of_all))):
        return of_all
    return tuple((rest[train], rest[test]) for train, test in folds)


def _metric_of(
    scorer: Any,
    rows: _Rows,
    target: CheckedTarget,
    levels: tuple[float, ...],
    ranks: tuple[int, ...],
    positive_label: Any,
) -> Metric:
    """Return the metric of a scorer, or that of quantiles.

    Parameters
    ----------
    scorer : str, callable or None
    target : CheckedTarget
        The target of the rows, in the order in which the user gives them.
    levels : tuple of float
        Levels of the quantiles to predict; empty for none.
    ranks : tuple of int
        The rank of each class; empty if the classes have no order.
    positive_label : label or None
    """
    classes, n_classes = target.classes, target.n_classes
    metric: Metric
    if levels:
        return quantiles_metric(levels)
    if (ranks and scorer is None) or scorer in ORDERED_NAMES:
        return ordered_metric(scorer, np.asarray(classes), ranks)
    if isinstance(classes, list) or target.layout is not None:
        metric = make_targets_metric(scorer, replace(target, y=rows.y), rows.sample_weight)
    else:
        validation.check_scoring_classes(scorer, n_classes)
        metric = make_metric(scorer, task_type(n_classes), classes, positive_label)
        metric = replace(metric, ranks=ranks)  # the order is for the training, whatever the score is
    return adapt_metric(metric, rows.X, rows.y, n_classes, rows.sample_weight)


def _make_folds(
    request: SplitRequest, rows: _Rows, holdout: NDArray[np.bool_] | None, metric: Metric
) -> tuple[Fold, ...]:
    """Return the folds by the arguments of `fit` which say how to split the rows."""
    n, cv = len(rows.y), request.cv
    if rows.n_validation:
        first = n - rows.n_validation
        fold = np.arange(first), np.arange(first, n)
        try:
            return make_folds(replace(request, cv=[fold], resampling="validation"), holdout, metric)
        except InvalidInputError as error:
            raise InvalidInputError(f"the rows of X_val cannot be scored by models of X: {error}") from error
    if rows.time is None:
        return make_folds(request, holdout, metric)
    counted = np.ones(n, dtype=bool) if holdout is None else ~holdout
    for n_splits, n_kept in [(int(cv), int(cv))] if cv is not None else _NUMBERS_OF_FOLDS:
        try:
            folds = time_folds(rows.time, n_splits, rows.groups, counted)[:n_kept]
            return make_folds(replace(request, cv=folds, resampling="time"), holdout, metric)
        except InvalidInputError as error:
            reason = str(error).removeprefix("cv: ")
    raise InvalidInputError(f"the rows cannot be split by time: {reason}")


def _check_guard(task: Task) -> None:
    """Check that a model can be scored on the holdout rows of a guard."""
    if reason := why_not_scored(task):
        which = "the newest rows" if task.in_time_order else "the holdout rows"
        raise InvalidInputError(
            f"guard: {which} cannot score a model: {reason}; use a larger share of the rows, or guard=None"
        )


def sensitive_in_table(prepared: PreparedTask) -> SensitiveFeatures | None:
    """Return the groups with the rows in the order of the user's table; rows outside the task have the first group."""
    task, positions = prepared.task, prepared.positions
    if task.sensitive is None or positions is None:
        return task.sensitive
    codes = np.zeros(sum(prepared.table_rows), dtype=np.int32)
    codes[positions] = task.sensitive.codes
    return replace(task.sensitive, codes=codes)


def _target_name(y: Any) -> str | None:
    """Return the name of a Series, or of the column of a DataFrame."""
    name = y.columns[0] if getattr(y, "ndim", 1) == 2 and hasattr(y, "columns") else getattr(y, "name", None)
    return None if name is None or name == "" else str(name)  # polars has an empty name where a column has none
