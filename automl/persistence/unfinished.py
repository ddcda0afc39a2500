"""The estimator of a run in its run directory: what predictions need beside the trials, before there is an ensemble."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.fitted_model import FittedModel
from automl.errors import InvalidInputError
from automl.persistence.loading import estimator_class, full_names
from automl.persistence.state import pack_parameters, unpack_parameters
from automl.task.trusted import TRUSTED
from meta_db.files import write_bytes
from pipelines import storage

FILE = "estimator.zip"


@dataclass(frozen=True)
class Unfinished:
    """An estimator that is being fitted, and what else its run directory must hold beside the trials.

    Attributes
    ----------
    estimator : AutoMLClassifier or AutoMLRegressor
        It has no ensemble yet.
    positions : ndarray of int or None
        Positions of the rows of the task in the table of the user.
    reading : float
        Milliseconds in which the table reader reads a single row; 0 in runs of earlier versions.
    repeats : bool
        Whether the run repeats bit for bit, because no clock limits it.
    """

    estimator: Any
    positions: NDArray[np.intp] | None
    reading: float
    repeats: bool


def write_unfinished(
    folder: Path,
    estimator: FittedModel,
    attributes: Mapping[str, Any],
    positions: NDArray[np.intp] | None,
    reading: float,
    repeats: bool,
) -> None:
    """Write an estimator that is being fitted into its run directory.

    Parameters
    ----------
    attributes : mapping
        The attributes that are known before the search, such as the table reader and the classes.
    positions, reading, repeats
        See `Unfinished`.
    """
    kind = type(estimator)
    content = {
        "class": [kind.__module__, kind.__qualname__],
        "parameters": pack_parameters(estimator),
        "attributes": dict(attributes),
        "positions": positions,
        "reading": reading,
        "repeats": repeats,
    }
    write_bytes(folder / FILE, storage.dump(content))


def read_unfinished(folder: Path, trusted: Collection[Any]) -> Unfinished:
    """Return the estimator of a run, which has no ensemble yet.

    Parameters
    ----------
    trusted : collection of str or type
        Own types and functions that may be imported.

    Raises
    ------
    InvalidInputError
        If the file is missing, damaged, or names types that are not trusted.
    """
    names = full_names(trusted)
    try:
        content = storage.load((folder / FILE).read_bytes(), trusted=TRUSTED | names)
        kind = estimator_class(folder, tuple(content["class"]), names)
        parameters = unpack_parameters(content["parameters"], kind, names)
        attributes, positions = dict(content["attributes"]), content["positions"]
        reading, repeats = float(content.get("reading", 0.0)), bool(content.get("repeats", False))
    except FileNotFoundError:
        raise InvalidInputError(
            f"'{folder}' holds a run that has only begun, or one of an earlier version of cash-automl, which kept no "
            "table reader; try again in a moment, or call fit with the same store, which resumes the run"
        ) from None
    except (OSError, storage.StorageError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInputError(
            f"the run directory '{folder}': file '{FILE}' cannot be read ({error}); fit with the same store writes it "
            "again"
        ) from error
    estimator = kind.__new__(kind)
    vars(estimator).update(parameters | attributes)
    return Unfinished(estimator, positions, reading, repeats)
