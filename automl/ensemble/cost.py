"""The seconds of a prediction, by which an ensemble is chosen among ensembles that predict about equally well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from automl.ensemble.selection import predicting_folds
from automl.task.task import Task
from automl.trials.history import Evaluation
from pipelines.catalog import find_component

_OTHER = (0.1, 5.0)  # milliseconds for one row and for 1,000 rows, of a family without figures
ROWS = 100  # rows of the prediction whose cost counts: between a single row of a server and a large file


@dataclass(frozen=True)
class PredictionCost:
    """Milliseconds that the fold models of one configuration take.

    Attributes
    ----------
    one_row : float
        For a single row.
    per_row : float
        For each further row.
    """

    one_row: float
    per_row: float

    @property
    def typical(self) -> float:
        """The milliseconds for some rows."""
        return self.one_row + ROWS * self.per_row


def prediction_cost(evaluation: Evaluation, n_folds: int, task: Task, measured: bool) -> PredictionCost:
    """Return the cost of a configuration of which some fold models predict.

    Parameters
    ----------
    n_folds : int
        Number of fold models that predict.
    measured : bool
        Whether the seconds that the trials took count; else only the family counts, so that runs repeat bit for bit.
    """
    component = find_component("model", evaluation.configuration.family)
    one, thousand = (component and component.predict_milliseconds) or _OTHER
    per_row = (thousand - one) / 1_000
    if measured:
        each = [1_000 * r.predict_seconds / len(task.folds[fold][1]) for fold, r in evaluation.folds.items()]
        per_row = float(np.median(each)) if each else per_row
    return PredictionCost(n_folds * one, n_folds * max(0.0, per_row))


def typical_cost(task: Task, measured: bool) -> Callable[[Evaluation], float]:
    """Return the function that gives the milliseconds of a configuration for some rows; see `prediction_cost`."""

    def cost(evaluation: Evaluation) -> float:
        return prediction_cost(evaluation, len(predicting_folds(evaluation, task)), task, measured).typical

    return cost
