"""The run of a fitted estimator in its run directory, from which the search can be continued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from automl.errors import InvalidInputError
from automl.task.settings import TaskSettings
from automl.task.several_metrics import named_scorers
from automl.trials.fingerprint import digest, scorer_fingerprint, stable_repr
from automl.trials.run_directory import RunDirectory

# The parameters of an estimator that its task depends on; the guard and the seed choose rows.
TASK_PARAMETERS = (*(field.name for field in fields(TaskSettings)), "guard", "random_state")


@dataclass(frozen=True)
class StoredRun:
    """The facts about a run that its run directory does not hold.

    Attributes
    ----------
    fingerprint : str
        Fingerprint of the task in ``run.json``.
    parameters : mapping of str to str
        Fingerprints of the parameters that the task depends on.
    positions : ndarray of int, shape (n_samples,), or None
        Positions of the rows of the task in the table of the user, see `PreparedTask`.
    reading : float
        Milliseconds in which the table reader reads a single row.
    """

    fingerprint: str
    parameters: Mapping[str, str]
    positions: NDArray[np.intp] | None
    reading: float

    @classmethod
    def of(cls, estimator: Any, positions: NDArray[np.intp] | None, reading: float) -> Self:
        """Return the facts about a run that has just ended."""
        facts = RunDirectory(Path(estimator.store)).find_facts()
        fingerprint = "" if facts is None else facts.fingerprint  # a folder that was removed does not end the fit
        return cls(fingerprint, _fingerprints(estimator), positions, reading)

    def open(self, estimator: Any) -> RunDirectory:
        """Return the run directory of an estimator, if it holds this run and no other fit uses it.

        Raises
        ------
        InvalidInputError
            If a parameter has changed that the task depends on, if the folder does not hold the run, or if another fit
            uses the folder.
        """
        for name, fingerprint in _fingerprints(estimator).items():
            if self.parameters.get(name, fingerprint) != fingerprint:  # earlier versions had fewer parameters
                raise InvalidInputError(
                    f"{name} has changed since fit, and more continues the search on the same task; set {name} to its "
                    "old value, or call fit(X, y) with another store"
                )
        directory = RunDirectory(Path(estimator.store))
        facts = directory.find_facts()
        if facts is None or facts.fingerprint != self.fingerprint:
            raise InvalidInputError(
                f"the folder '{directory.folder.absolute()}' does not hold the run of this model; if the run directory "
                "is in another place, name it with set_params(store=...); otherwise call fit(X, y) again"
            )
        directory.check_free()
        return directory


def _fingerprints(estimator: Any) -> dict[str, str]:
    """Return a fingerprint of each parameter that the task depends on."""
    values = {name: getattr(estimator, name, None) for name in TASK_PARAMETERS}
    values["scoring"] = [f"{name} {scorer_fingerprint(s)}" for name, s in named_scorers(values["scoring"]).items()]
    values["guard"] = getattr(values["guard"], "share", values["guard"])  # the rest may change
    return {name: digest(stable_repr(value)) for name, value in values.items()}
