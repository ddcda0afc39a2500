"""The rows whose predictions an estimate scores, and the units in which they are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plurals import plural
from automl.task.task import Task

Rows = NDArray[np.intp]

OF_VALIDATION_ROWS = "that of the validation rows, by models that were not trained on them"
_ENOUGH_NEWEST = 200  # newest rows in the order of time that suffice for an estimate


def find_units(task: Task, rows: Rows) -> Rows:
    """Return the number of the unit that each row is drawn with: its group, or the row itself.

    Rows in the order of time are drawn in blocks of consecutive rows, because neighbors resemble each other (Künsch,
    "The jackknife and the bootstrap for general stationary observations", Annals of Statistics 17, 1989). The length of
    a block is the cube root of the number of scored rows (Hall, Horowitz and Jing, "On blocking rules for the bootstrap
    with dependent data", Biometrika 82, 1995).
    """
    if task.groups is not None:
        units = task.groups[rows]
    elif task.resampling == "time":
        units = rows // max(1, round(len(_newest(task)) ** (1 / 3)))
    else:
        units = rows
    return np.unique(units, return_inverse=True)[1]


def scored_part(task: Task, rows: Rows) -> dict[str, Any]:
    """Return the fields `n_scored` and `note` of a record of these rows, which are in the order of the folds."""
    if task.resampling == "validation":
        return {"note": OF_VALIDATION_ROWS}
    if task.resampling != "time":
        return {}
    newest = _newest(task)
    return {
        "n_scored": int(np.isin(rows, newest).sum()) or None,
        "note": f"that of the newest {plural(len(newest), 'row')}, by models that were trained on older rows",
    }


def n_scored_folds(task: Task, n_folds: int) -> int:
    """Return how many of the first folds hold the scored rows, if the first `n_folds` have predictions."""
    if task.resampling != "time":
        return n_folds
    n_newest = 1 + int(np.searchsorted(np.cumsum([len(test) for _, test in task.folds]), _ENOUGH_NEWEST))
    return min(n_newest, n_folds)


def _newest(task: Task) -> Rows:
    """Return the scored rows of the newest fold; more folds count where the newest one has few rows."""
    return np.concatenate([test for _, test in task.folds[: n_scored_folds(task, len(task.folds))]])
