"""The preparation of new rows for a fitted model: they get its columns, its kinds of columns and its classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.fitted_model import FittedModel
from automl.errors import InvalidInputError
from automl.refit.known_traits import known_traits
from automl.refit.new_rows import check_classes, check_time_column, known_kinds, take_columns
from automl.task.ordered_classes import ordered_target
from automl.task.own_objects import check_loaded
from automl.task.prepare import PreparedTask, TrainingData, prepare
from automl.task.settings import TaskSettings
from automl.task.several_targets import check_targets, take_targets
from automl.task.split_arguments import time_of_refit
from automl.task.table_validation import check_table
from automl.task.validation import check_target, read_target

_SEEDS = 2**30


def seed_of(estimator: FittedModel) -> int:
    """Return the seed for the training of a fitted estimator on other rows."""
    given = estimator.random_state
    return int(given) % _SEEDS if isinstance(given, Integral) else 0


def prepare_new_rows(
    estimator: FittedModel,
    data: TrainingData,
    notes: list[str],
    folds: Sequence[Any],
    holdout: NDArray[np.bool_] | None = None,
) -> tuple[PreparedTask, Any]:
    """Check new rows, and return their task, and their table with the columns of the model.

    Parameters
    ----------
    notes : list of str
        Gets what a reader of the result should know.
    folds : sequence
        Values of the argument `cv` of `prepare`; the first that suits the rows is used.
    holdout : ndarray of bool of shape (n_samples,), optional
        Mask of the rows that become the holdout rows of the task.

    Raises
    ------
    InvalidInputError
        If the rows do not suit the model, or cannot be split.
    """
    check_loaded({"scoring": estimator.scoring})
    given = check_table(data.X)
    X = take_columns(estimator._reader, given, notes)
    if estimator._ensemble.targets is not None:
        data = replace(data, y=take_targets(data.y, estimator._ensemble.targets))
    _check_target(estimator, data.y, X)
    if estimator._metric.ranks:
        data = replace(data, y=ordered_target(read_target(data.y, X), estimator.classes_, estimator._metric.ranks))
    time, gap = time_of_refit(vars(estimator).get("_split_arguments", {}), data.time)
    check_time_column(time, given, X)
    settings = TaskSettings(
        scoring=estimator.scoring,
        quantiles=estimator._ensemble.quantiles or None,  # the parameter may have been set since fit
        columns=known_kinds(estimator._reader, X),
        positive_label=estimator.positive_label,
    )
    for number, cv in enumerate(folds):
        try:
            prepared = prepare(
                replace(data, X=X, time=time, gap=0 if time is None else gap),
                replace(settings, cv=cv),
                classification=estimator._is_classifier,
                holdout=holdout,
                random_state=seed_of(estimator),
            )
            break
        except InvalidInputError:
            if number == len(folds) - 1:
                raise
    # The members keep their losses and their transforms of the target.
    known, task = estimator._metric, prepared.task
    metric = replace(task.metric, losses=known.losses, target_transforms=known.target_transforms)
    task = replace(task, metric=metric, traits=known_traits(estimator, task.traits, prepared.reader))
    return replace(prepared, task=task), X


def _check_target(estimator: FittedModel, y: Any, X: Any) -> None:
    """Check that the target, or the targets, of the new rows can be used, with the classes of the model.

    Raises
    ------
    InvalidInputError
        If a target is missing, or if a class is new or missing.
    """
    layout = estimator._ensemble.targets
    if layout is None:
        _, classes = check_target(y, X, estimator._is_classifier)
        if classes is not None:
            check_classes(classes, estimator.classes_)
        return
    several = check_targets(y, X, estimator._is_classifier)
    if several.classes is None:
        return
    for name, classes, known in zip(layout.names, several.classes, estimator.classes_, strict=True):
        try:
            check_classes(classes, known)
        except InvalidInputError as error:
            raise InvalidInputError(f"target {name!r}: {error}") from error
