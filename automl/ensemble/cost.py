"""The seconds of a prediction, by which an ensemble is chosen among ensembles that predict about equally well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from automl.ensemble.selection import predicting_folds
from automl.task.task import Task
from automl.trials.history import Evaluation

# Milliseconds of one fold model for one row, and for 1,000 rows: medians of processor time on ten tables.
FAMILIES = {
    "catboost": (0.16, 2.0),
    "elastic_net": (0.01, 0.1),
    "extra_trees": (0.53, 11.2),
    "gaussian_process": (0.26, 12.8),
    "hist_gradient_boosting": (0.61, 4.9),
    "k_nearest_neighbors": (0.31, 24.9),
    "kernel_svm": (0.40, 10.9),
    "lightgbm": (0.08, 19.9),
    "linear_svm": (0.08, 0.3),
    "logistic_regression": (0.04, 0.3),
    "qda": (0.07, 1.3),
    "random_forest": (0.60, 8.7),
    "realmlp": (0.44, 5.7),
    "recursive_feature_machine": (0.75, 10.4),
    "resnet": (0.72, 14.8),
    "ridge": (0.01, 0.1),
    "tabm": (0.48, 45.9),
    "xgboost": (0.22, 2.5),
}
_OTHER = (0.1, 5.0)  # of a family without figures
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
    one, thousand = FAMILIES.get(evaluation.configuration.family, _OTHER)
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
