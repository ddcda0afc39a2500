"""Choose the holdout rows of the guard: rows of a task that neither the search nor the ensemble uses."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from automl.errors import InvalidInputError
from automl.task.metrics import arbitrary_predictions, try_metric
from automl.task.sensitive import take_sensitive
from automl.task.splits import assign_folds, check_left, group_folds, lone_rows
from automl.task.task import HoldoutRows, Task

_MAX_PARTS = 20  # of the rows, for a share that is not 1 / n with a whole n; smaller shares are rounded to 1 / n


def choose_holdout(
    y: NDArray[np.generic],
    is_classification: bool,
    share: float,
    groups: NDArray[np.generic] | None,
    random_state: int,
    sample_weight: NDArray[np.float64] | None = None,
) -> NDArray[np.bool_]:
    """Return a mask of the holdout rows, shape (n_samples,).

    The holdout has the same share of every class, or of every range of a continuous target. A group is in the holdout
    as a whole or not at all. Groups that hold the only row of a class are taken last.

    Raises
    ------
    InvalidInputError
        If there are too few rows or groups for the share.
    """
    is_small = share < 1 / _MAX_PARTS
    part = Fraction(1, round(1 / share)) if is_small else Fraction(share).limit_denominator(_MAX_PARTS)
    n_taken, n_parts = part.numerator, part.denominator
    n_units = len(y) if groups is None else len(np.unique(groups))
    if n_units < 2 * n_parts:
        units = "rows" if groups is None else "groups"
        raise InvalidInputError(
            f"guard={share} needs at least {2 * n_parts} {units}, but there are {n_units}; use a larger share, or "
            "guard=None"
        )
    lone = np.empty(0, dtype=np.intp)
    if is_classification:
        lone = lone_rows(y, None if sample_weight is None else sample_weight > 0)
    if groups is None:
        rng = np.random.default_rng(random_state)
        part_of = assign_folds(y, is_classification, n_parts, rng, sample_weight, lone)
        return (part_of >= 0) & (part_of < n_taken)
    holdout = np.zeros(len(y), dtype=bool)
    parts = [rows for _, rows in group_folds(y, is_classification, n_parts, groups, random_state)]
    for rows in sorted(parts, key=lambda rows: np.isin(rows, lone).any())[:n_taken]:
        holdout[rows] = True
    return holdout


def split_holdout(task: Task, holdout: NDArray[np.bool_]) -> Task:
    """Return the task without its holdout rows, which become the attribute `holdout` of the new task.

    Parameters
    ----------
    holdout : ndarray of shape (n_samples,)
        Mask of the holdout rows.

    Raises
    ------
    InvalidInputError
        If all rows of a fold or of a class are holdout rows.
    """
    check_left(task.folds, holdout)
    rest = np.flatnonzero(~holdout)
    number = np.cumsum(~holdout) - 1
    folds = tuple((number[train[~holdout[train]]], number[test[~holdout[test]]]) for train, test in task.folds)
    columns = task.y[rest].reshape(len(rest), -1).T
    counts = (task.traits.n_classes,) if task.traits.targets is None else task.traits.targets.n_classes
    if task.traits.is_classification and any(len(np.unique(y)) < n for y, n in zip(columns, counts, strict=True)):
        raise InvalidInputError("guard takes all rows of a class; use a smaller share, or guard=None")
    taken = np.flatnonzero(holdout)
    return replace(
        task,
        X=task.X[rest],
        y=task.y[rest],
        traits=replace(task.traits, n_rows=len(rest)),
        folds=folds,
        sample_weight=task.weights(rest),
        groups=None if task.groups is None else task.groups[rest],
        sensitive=take_sensitive(task.sensitive, rest),
        metric=task.metric.take(rest),
        holdout=HoldoutRows(
            task.X[taken],
            task.y[taken],
            task.weights(taken),
            None if task.groups is None else task.groups[taken],
            task.metric.take(taken),
        ),
    )


def why_not_scored(task: Task) -> str:
    """Return why no model can be scored on the holdout rows of a task; an empty text if they can be scored."""
    holdout = task.holdout
    if holdout is None or holdout.metric is None:
        return ""
    weight = holdout.sample_weight
    if weight is not None and not weight.any():
        return "all of them have the weight 0"
    y = np.concatenate([task.y, holdout.y])  # the holdout rows may lack classes
    n_classes = int(y.max()) + 1 if task.traits.is_classification else 0
    predictions = arbitrary_predictions(y, n_classes)[len(task.y) :]
    reason = try_metric(holdout.metric, holdout.y, predictions, weight)
    return reason and f"scoring {holdout.metric.name!r} has no value: {reason}"
