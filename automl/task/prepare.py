"""Prepare a task: check the table that a user gives, read it, and choose metric and folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.task import validation
from automl.task.holdout import choose_holdout, split_holdout
from automl.task.metric_domain import adapt_metric
from automl.task.metrics import Metric, make_metric
from automl.task.objective import suited_traits, with_objective
from automl.task.scorers import take_rows
from automl.task.several_metrics import named_scorers, recorded_metric
from automl.task.splits import make_folds
from automl.task.table_validation import check_table
from automl.task.task import Task
from pipelines.component import task_type
from pipelines.table.reader import TableReader

Array = NDArray[Any]


@dataclass(frozen=True)
class TrainingData:
    """A table and its target, in the form in which the user gives them.

    Attributes
    ----------
    X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,), optional
    groups : array-like of shape (n_samples,), optional
    """

    X: Any
    y: Any
    sample_weight: Any = None
    groups: Any = None


@dataclass(frozen=True)
class PreparedTask:
    """A task with everything that is needed to predict for new rows.

    Attributes
    ----------
    task : Task
    reader : TableReader
        Turns new rows into the array that the pipelines of the task expect.
    classes : ndarray of shape (n_classes,) or None
        Labels in the order of the class codes; None for regression.
    target_name : str or None
        Name of the target, where it has one.
    positions : ndarray of int, shape (n_samples,), or None
        Positions of the rows of the task in the table of the user; None if they are the same.
    """

    task: Task
    reader: TableReader
    classes: Array | None
    target_name: str | None = None
    positions: NDArray[np.intp] | None = None


def prepare(
    data: TrainingData,
    *,
    classification: bool,
    scoring: Any = None,
    cv: Any = None,
    columns: Mapping[Any, str] | None = None,
    positive_label: Any = None,
    holdout_share: float | None = None,
    random_state: int = 0,
) -> PreparedTask:
    """Check a table and its target, read the table, and choose the metric and the folds.

    Parameters
    ----------
    scoring : str, callable, list or dict, optional
        A scikit-learn scorer or its name, or several, of which the first decides; the default of the task type when
        None.
    cv : int, splitter or iterable, optional
        Folds as in scikit-learn; chosen by the number of rows when None.
    columns : mapping, optional
        Kinds of some columns of the table, as the parameter of the estimators.
    positive_label : label, optional
        The class of interest of two classes, for scorers of one class.
    holdout_share : float, optional
        Share of the rows that neither the search nor the ensemble may see.
    random_state : int
        Seed of folds and holdout rows.

    Raises
    ------
    InvalidInputError
        If the table, the target or an argument cannot be used.
    """
    check_table(data.X)
    y, classes = validation.check_target(data.y, data.X, classification=classification)
    weights = validation.check_sample_weight(data.sample_weight, len(y))
    validation.check_weighted_classes(y, weights, classes)
    validation.warn_of_lone_rows(y, weights, classes)
    validation.check_positive_label(classes, positive_label)
    groups = validation.check_groups(data.groups, len(y))
    holdout = None
    if holdout_share is not None:
        holdout = choose_holdout(y, classification, holdout_share, groups, random_state, weights)
    reader = TableReader(columns=columns)
    with validation.table_errors():
        if holdout is None:
            table = reader.fit_transform(data.X)
        else:
            table = reader.fit(take_rows(data.X, np.flatnonzero(~holdout))).transform(data.X)
    n_classes = 0 if classes is None else len(classes)
    kind = task_type(n_classes)

    def metric_of(scorer: Any) -> Metric:
        validation.check_scoring_classes(scorer, n_classes)
        return adapt_metric(make_metric(scorer, kind, classes, positive_label), data.X, y, n_classes, weights)

    scorers = named_scorers(scoring)
    metric, *others = map(metric_of, scorers.values())
    recorded = tuple(map(recorded_metric, [*scorers][1:], others))
    if kind == "regression":
        metric = with_objective(metric, y if holdout is None else y[~holdout])
    folds = make_folds(
        y,
        classification,
        cv=cv,
        groups=groups,
        X=table,
        sample_weight=weights,
        holdout=holdout,
        metric=metric,
        random_state=random_state,
    )
    task = Task(
        X=table,
        y=y,
        traits=suited_traits(reader.traits(kind, n_classes, weights is not None, table.shape[0]), metric),
        metric=metric,
        recorded_metrics=recorded,
        folds=folds,
        sample_weight=weights,
        groups=groups,
    )
    name = _target_name(data.y)
    if holdout is None:
        return PreparedTask(task, reader, classes, name)
    return PreparedTask(split_holdout(task, holdout), reader, classes, name, np.flatnonzero(~holdout))


def _target_name(y: Any) -> str | None:
    """Return the name of a Series, or of the column of a DataFrame."""
    name = y.columns[0] if getattr(y, "ndim", 1) == 2 and hasattr(y, "columns") else getattr(y, "name", None)
    return None if name is None else str(name)
