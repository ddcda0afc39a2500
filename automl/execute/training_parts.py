"""The files in which a trial on a share of the iterations leaves its training, so that a later one goes on with it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from automl.task.task import ALL_ROWS
from automl.trials.artifacts import Artifacts
from automl.trials.trial import Trial
from meta_db.files import replace_file
from pipelines import storage
from pipelines.catalog import get_component, registered_types
from pipelines.configuration import Configuration
from pipelines.training_part import TrainingPart

logger = logging.getLogger(__name__)


def _can_continue(configuration: Configuration) -> bool:
    """Return whether a trial of less than the whole fidelity trains a share of the iterations, and not of the rows."""
    return get_component("model", configuration.family).continues


@dataclass(frozen=True)
class FoldPart:
    """The part of the training of a fold that a trial does.

    Attributes
    ----------
    part : TrainingPart
        The states of the models.
    begun : bool
        Whether an earlier trial has left states.
    n_rows : int or None
        The number of training rows of the first part; None for all rows of the fold.
    """

    part: TrainingPart
    begun: bool = False
    n_rows: int | None = None


def open_part(artifacts: Artifacts, trial: Trial, fold: int) -> FoldPart | None:
    """Return the part of the training of a fold that a trial does; None for a whole training, or a part of the rows.

    A state that cannot be read, for example after a full disk, makes the training begin anew.
    """
    if fold == ALL_ROWS or not _can_continue(trial.configuration):
        return None
    known, folder = _read(artifacts, trial.configuration, fold), artifacts.working_folder
    if known is not None:
        return FoldPart(TrainingPart(trial.fidelity, known["states"], folder), True, known["n_rows"])
    return FoldPart(TrainingPart(trial.fidelity, folder=folder)) if trial.fidelity < 1 else None


def _read(artifacts: Artifacts, configuration: Configuration, fold: int) -> dict[str, Any] | None:
    path = artifacts.training_path(configuration, fold)
    if not path.exists():
        return None
    try:
        known: dict[str, Any] = storage.load(path.read_bytes(), registered_types())
    except (storage.StorageError, OSError) as error:
        logger.info("the training of %s begins anew: %s cannot be read (%s)", configuration.id, path.name, error)
        return None
    return known


def write_part(artifacts: Artifacts, trial: Trial, fold: int, part: TrainingPart, n_rows: int | None) -> None:
    """Write the states that a trial leaves, if a later trial can go on from them."""
    if part.states:
        left = {"states": part.states, "n_rows": n_rows}
        path = artifacts.training_path(trial.configuration, fold)
        with replace_file(path, durable=False) as partial, partial.open("wb") as file:
            storage.write(left, file, strict=True, trusted=registered_types())
