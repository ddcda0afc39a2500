"""The files in which trials leave fold models and out-of-fold predictions."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from automl.errors import InvalidInputError
from automl.task.array_files import read_array, write_array
from meta_db.files import replace_file
from pipelines import storage
from pipelines.catalog import registered_types
from pipelines.configuration import Configuration

_TRAINING = ".training"


@dataclass(frozen=True)
class Artifacts:
    """The files of a run's fold models and predictions, named by configuration and fold.

    Attributes
    ----------
    folder : Path
        The run directory, or a temporary folder of the run.
    """

    folder: Path

    def model_path(self, configuration: Configuration, fold: int) -> Path:
        """Return the path of the stored model of a fold."""
        return self.folder / f"{configuration.id}-{fold}.model"

    def predictions_path(self, configuration: Configuration, fold: int) -> Path:
        """Return the path of the predictions for the scored rows of a fold."""
        return self.folder / f"{configuration.id}-{fold}.npy"

    def holdout_path(self, configuration: Configuration, fold: int) -> Path:
        """Return the path of the predictions for the holdout rows of the guard."""
        return self.folder / f"{configuration.id}-{fold}.free.npy"

    def training_path(self, configuration: Configuration, fold: int) -> Path:
        """Return the path of the state from which a later trial goes on with the training of a fold."""
        return self.folder / f"{configuration.id}-{fold}{_TRAINING}"

    def training_paths(self) -> list[Path]:
        """Return the files of all unfinished trainings."""
        return [path for path in self.folder.glob(f"*{_TRAINING}") if not path.name.startswith(".")]

    @property
    def working_folder(self) -> Path:
        """The folder for files that a library needs while it trains a model; it exists only if one has needed it."""
        return self.folder / ".working"

    def remove_working_folder(self) -> None:
        """Remove the files that killed workers have left."""
        shutil.rmtree(self.working_folder, ignore_errors=True)

    def paths(self, configuration: Configuration, fold: int) -> list[Path]:
        """Return the files of a fold that exist."""
        possible = (self.model_path, self.predictions_path, self.holdout_path, self.training_path)
        return [path for path in (of(configuration, fold) for of in possible) if path.exists()]

    def has_fold(self, configuration: Configuration, fold: int) -> bool:
        """Return whether the model of a fold and its predictions are there."""
        return all(path(configuration, fold).exists() for path in (self.model_path, self.predictions_path))

    def write(self, configuration: Configuration, fold: int, model: Pipeline, predictions: NDArray[Any]) -> None:
        """Write the model of a fold and its predictions for the scored rows."""
        with _replaced(self.model_path(configuration, fold)) as file:
            storage.write(model, file, strict=True, trusted=registered_types())
        with _replaced(self.predictions_path(configuration, fold)) as file:
            write_array(file, predictions)

    def write_holdout(self, configuration: Configuration, fold: int, predictions: NDArray[Any]) -> None:
        """Write the predictions of a fold model for the holdout rows."""
        with _replaced(self.holdout_path(configuration, fold)) as file:
            write_array(file, predictions)

    def remove(self, configuration: Configuration, fold: int) -> None:
        """Remove the model of a fold and its predictions; the state of an unfinished training stays."""
        for of in (self.model_path, self.predictions_path, self.holdout_path):
            of(configuration, fold).unlink(missing_ok=True)

    def remove_model(self, configuration: Configuration, fold: int) -> None:
        """Remove the model of a fold and its predictions for the holdout rows; those for the scored rows stay."""
        for of in (self.model_path, self.holdout_path):
            of(configuration, fold).unlink(missing_ok=True)

    def fold_bytes(self, configuration: Configuration, fold: int) -> int:
        """Return the size of the model of a fold and of its predictions on the disk, in bytes."""
        paths = (of(configuration, fold) for of in (self.model_path, self.predictions_path, self.holdout_path))
        return sum(path.stat().st_size for path in paths if path.exists())

    def model(self, configuration: Configuration, fold: int) -> Pipeline:
        """Return the model of a fold."""
        path = self.model_path(configuration, fold)
        try:
            model: Pipeline = storage.load(path.read_bytes(), registered_types())
        except storage.StorageError as error:
            raise InvalidInputError(_describe_damage("fold model", path, configuration, error)) from error
        return model

    def model_bytes(self, configuration: Configuration, fold: int) -> int:
        """Return the size of the model of a fold on the disk, in bytes; 0 if the model was removed."""
        path = self.model_path(configuration, fold)
        return path.stat().st_size if path.exists() else 0

    def predictions(self, configuration: Configuration, fold: int) -> NDArray[np.floating]:
        """Return the predictions for the scored rows of a fold, shape (n_rows, n_classes) or (n_rows,)."""
        return _read_predictions(self.predictions_path(configuration, fold), configuration)

    def out_of_fold(self, configuration: Configuration, folds: Iterable[int]) -> NDArray[np.floating]:
        """Return the predictions for the scored rows of some folds, in the order of `Task.scored_rows`."""
        return np.concatenate([self.predictions(configuration, fold) for fold in folds])

    def holdout_predictions(self, configuration: Configuration, fold: int) -> NDArray[np.floating]:
        """Return the predictions of a fold model for the holdout rows, shape (n_holdout, n_classes) or (n_holdout,)."""
        return _read_predictions(self.holdout_path(configuration, fold), configuration)


@contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    with replace_file(path, durable=False) as partial, partial.open("wb") as file:
        yield file


def _read_predictions(path: Path, configuration: Configuration) -> NDArray[np.floating]:
    try:
        return read_array(path)
    except ValueError as error:
        raise InvalidInputError(_describe_damage("predictions", path, configuration, error)) from error


def _describe_damage(what: str, path: Path, configuration: Configuration, error: Exception) -> str:
    """Return the text of the error about a damaged file."""
    # All files: a trial stays where only its predictions for the holdout rows are missing, and these are needed later.
    return (
        f"the {what} '{path}' cannot be read: {error}; if you delete all files '{configuration.id}-*' in this folder, "
        "the trials of this configuration are left out"
    )
