"""The calibration and the decision rule of an ensemble, from the out-of-fold predictions of its members."""

from __future__ import annotations

import time

from automl.ensemble.quantile_shift import fit_shift
from automl.ensemble.selection import Ensemble, out_of_fold
from automl.ensemble.target_calibration import calibrate_for
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
    """Set the calibration and the decision rule of an ensemble; numbers have none, and several targets no rule.

    Parameters
    ----------
    deadline : float
        Time of `time.monotonic`, in seconds.
    least_seconds : float
        Seconds that the calibration of probabilities may take also after the deadline.
    """
    if not ensemble.n_classes and not ensemble.quantiles:
        return
    rows, p = out_of_fold(ensemble.bags, history, artifacts, task)
    y, weights = task.y[rows], task.weights(rows)
    if ensemble.quantiles:
        ensemble.quantile_shift = fit_shift(y, p, ensemble.quantiles, weights, random_state)
        return
    metric = task.metric.take(rows)
    if ensemble.kappa is not None:
        ensemble.kappa = fit_kappa_decision(p, ensemble.ranks, weights)
    if not ensemble.ranks and ensemble.targets is None:
        ensemble.decision_weights = tune_decision_weights(y, p, metric, weights, random_state, deadline)
    latest = max(deadline, time.monotonic() + least_seconds)
    known = (y, p, weights, random_state, latest)
    ensemble.calibration = calibrate_for(metric, *known, models_per_member=ensemble.models_per_member)
