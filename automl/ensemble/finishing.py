"""The calibration and the decision rule of an ensemble, from the out-of-fold predictions of its members."""

from __future__ import annotations

import time

from automl.ensemble.calibration import calibrate
from automl.ensemble.quantile_shift import fit_shift
from automl.ensemble.selection import Ensemble, out_of_fold
from automl.ensemble.threshold import tune_decision_weights
from automl.task.ordered_classes import fit_kappa_decision
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.history import RunHistory


def finish_ensemble(
    ensemble: Ensemble,
    history: RunHistory,
    artifacts: Artifacts,
    task: Task,
    random_state: int,
    deadline: float,
    least_seconds: float,
) -> None:
    """Set the calibration and the decision rule of an ensemble of one target; that of means has none.

    Parameters
    ----------
    deadline : float
        Time of `time.monotonic`, in seconds.
    least_seconds : float
        Seconds that the calibration of probabilities may take also after the deadline.
    """
    if ensemble.targets is not None or not ensemble.n_columns:
        return
    rows, p = out_of_fold(ensemble.bags, history, artifacts, task)
    y, weights = task.y[rows], task.weights(rows)
    if ensemble.quantiles:
        ensemble.quantile_shift = fit_shift(y, p, ensemble.quantiles, weights, random_state)
        return
    known = (y, p, task.metric.take(rows), weights, random_state)
    if ensemble.kappa is not None:
        ensemble.kappa = fit_kappa_decision(p, ensemble.ranks, weights)
    if not ensemble.ranks:
        ensemble.decision_weights = tune_decision_weights(*known, deadline)
    latest = max(deadline, time.monotonic() + least_seconds)
    ensemble.calibration = calibrate(*known, latest, models_per_member=ensemble.models_per_member)
