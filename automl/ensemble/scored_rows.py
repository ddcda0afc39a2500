"""The rows whose predictions an estimate scores, and the units in which they are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plurals import plural
from automl.task.task import Task
from pipelines.row_samples import rows_to_score

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


def sample_scored(task: Task, rows: Rows, most: int, rng: np.random.Generator) -> Rows:
    """Return the positions of all rows, or of a random sample of those of positive weight if the rows are more.

    Without the others, each class has rows in the sample that count. The positions are in ascending order.
    """
    kept = np.arange(len(rows))
    if len(rows) > most and task.sample_weight is not None:
        kept = np.flatnonzero(task.sample_weight[rows] > 0)
    return rows_to_score(rng, kept, most, task.y[rows])


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
    return task.scored_rows(range(n_scored_folds(task, len(task.folds))))
