"""The calibration and the decision rule of an ensemble, from the out-of-fold predictions of its members."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from automl.ensemble.quantile_shift import fit_shift
from automl.ensemble.selection import Ensemble, out_of_fold
from automl.ensemble.target_calibration import calibrate_for
from automl.ensemble.threshold import tune_decision_weights
from automl.task.ordered_classes import fit_kappa_decision
from automl.task.scored_target import ScoredTarget
from automl.trials.finished import FinishedTrials

Array = NDArray[Any]


def finish_ensemble(trials: FinishedTrials, ensemble: Ensemble, deadline: float, least_seconds: float) -> Ensemble:
    """Return the ensemble of a run with its calibration and its decision rule; see `finished`."""
    if not ensemble.n_classes and not ensemble.quantiles:
        return ensemble  # nothing is read
    rows, p = out_of_fold(trials, ensemble.bags)
    return finished(ensemble, trials.task.scored(rows), p, trials.random_state, deadline, least_seconds)


def finished(
    ensemble: Ensemble,
    target: ScoredTarget,
    p: Array,
    random_state: int,
    deadline: float,
    least_seconds: float = 0.0,
) -> Ensemble:
    """Return an ensemble with a calibration and a decision rule; numbers have none, and several targets no rule.

    Decision weights of the user stay. Those of a larger ensemble stay where no gain over equal weights is clear on
    these rows, or where the time is too short: the best threshold depends more on the classes than on the members.

    Parameters
    ----------
    p : ndarray of shape (n_samples, n_columns) or (n_samples,)
        The means of the out-of-fold predictions of the members.
    deadline : float
        Time of `time.monotonic`, in seconds.
    least_seconds : float
        Seconds that the calibration of probabilities may take also after the deadline.
    """
    if ensemble.quantiles:
        shift = fit_shift(target.y, p, ensemble.quantiles, target.sample_weight, random_state)
        return replace(ensemble, quantile_shift=shift)
    if not ensemble.n_classes:
        return ensemble
    kappa, decision = ensemble.kappa, ensemble.decision_weights
    if kappa is not None:
        kappa = fit_kappa_decision(p, ensemble.ranks, target.sample_weight)
    if not ensemble.ranks and ensemble.targets is None and not ensemble.decision_is_own:
        tuned = tune_decision_weights(target, p, random_state, deadline)
        decision = decision if tuned is None else tuned
    latest = max(deadline, time.monotonic() + least_seconds)
    calibration = calibrate_for(target, p, random_state, latest, models_per_member=ensemble.models_per_member)
    return replace(ensemble, decision_weights=decision, kappa=kappa, calibration=calibration)
