"""Refit a fitted estimator: train the configurations of its ensemble on all rows, or on new rows."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import Any

from automl.ensemble.fitted_model import FittedModel
from automl.errors import InvalidInputError
from automl.execute.processes import warm_up
from automl.refit.kept_rows import train_on_kept_rows
from automl.refit.model import RefitModel
from automl.refit.new_rows_training import train_on_new_rows
from automl.task.prepare import TrainingData
from pipelines.catalog import missing_for_training
from pipelines.libraries import install

logger = logging.getLogger(__name__)


def refit(estimator: RefitModel, data: TrainingData | None) -> RefitModel:
    """Return a fitted copy of an estimator whose models were trained on all its rows, or on new rows.

    Parameters
    ----------
    estimator : AutoMLClassifier or AutoMLRegressor
        A fitted estimator, which stays as it is.
    data : TrainingData or None
        New rows; None for the training rows that the estimator has kept.

    Raises
    ------
    InvalidInputError
        If there are no rows, if the new rows do not suit the model, or if a library is missing that the training of a
        member needs.
    NothingFittedError
        If no configuration could be trained.
    """
    started = time.monotonic()
    if estimator.executor == "local":
        _check_libraries(estimator)
        warm_up()
    new = train_on_kept_rows(estimator) if data is None else train_on_new_rows(estimator, data)
    new.refit_report_ = replace(new.refit_report_, seconds=time.monotonic() - started)
    logger.info("refit: %s", str(new.refit_report_).replace("\n", "; "))
    return new


def check_refit_arguments(X: Any, y: Any, sample_weight: Any, groups: Any, time: Any = None) -> None:
    """Check that a refit gets a table with its target, or nothing.

    Raises
    ------
    InvalidInputError
        If one of them is missing.
    """
    if X is not None and y is None:
        raise InvalidInputError("refit has X but no y; pass both, or neither to train on the rows of fit")
    if X is None and any(argument is not None for argument in (y, sample_weight, groups, time)):
        raise InvalidInputError(
            "refit has no X; pass the table with its target, or nothing to train on the rows of fit"
        )


def _check_libraries(estimator: FittedModel) -> None:
    """Check that the libraries are installed which the members need for their training: it may be more than to predict.

    Raises
    ------
    InvalidInputError
        If one is missing.
    """
    for configuration in estimator._ensemble.weights:
        for library in missing_for_training(configuration):
            raise InvalidInputError(
                f"refit trains {configuration.family} anew, which needs {library}, and {library} is not installed; "
                f"{install(library)}"
            )
