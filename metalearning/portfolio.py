"""An ordered set of configurations that help one another: greedy, for the loss of the ensemble that they would make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_SHARES = (0.15, 0.3, 0.5, 0.75)  # of a newcomer in the ensemble; the best of them is taken, or none
_LEAST = 0.02  # smallest probability that counts: an ensemble is never as sure as a single overconfident member


@dataclass(frozen=True)
class Evidence:
    """What configurations predicted on one known data set.

    Attributes
    ----------
    predictions : ndarray of shape (n_configurations, n_rows)
        Probability of the true class, or error in standard deviations; a row of NaN where nothing is known.
    baseline : ndarray of shape (n_rows,)
        The same of a model that knows the target's distribution only.
    is_classification : bool
    weight : float
    """

    predictions: Floats
    baseline: Floats
    is_classification: bool
    weight: float

    def loss(self, predictions: Floats) -> NDArray[np.float64]:
        """Log loss, or root mean squared error, over the last axis."""
        if self.is_classification:
            return -np.log(np.maximum(predictions, _LEAST)).mean(axis=-1, dtype=np.float64)
        return np.sqrt(np.square(predictions).mean(axis=-1, dtype=np.float64))


def choose(evidence: Sequence[Evidence], seconds: NDArray[np.float64], n: int, patience: float) -> list[int]:
    """Configurations in the order in which they should be tried.

    Each next one has the largest gain per second: the loss that the simulated ensemble of those before it would lose by
    its best share in it, as a part of what separates the data set's baseline from its best single configuration,
    averaged over data sets by weight. Greedy selection for complementarity follows Feurer et al. (2022, Auto-sklearn
    2.0, section 3); there the loss is that of the best member, here that of the ensemble.

    Parameters
    ----------
    evidence : sequence of Evidence
    seconds : ndarray of shape (n_configurations,)
        Of one fit on the new table; infinite for what must not be tried.
    n : int
        How many are wanted.
    patience : float
        Seconds that are not worth telling apart: what is cheaper gains nothing by it.

    Returns
    -------
    list of int
    """
    ensembles = [one.baseline for one in evidence]
    losses = [float(one.loss(one.baseline)) for one in evidence]
    scales = [_scale(one, loss) for one, loss in zip(evidence, losses, strict=True)]
    candidates = [int(i) for i in np.flatnonzero(np.isfinite(seconds))]
    order: list[int] = []
    while candidates and len(order) < n:
        gain = np.zeros(len(candidates))
        weight = np.full(len(candidates), 1e-9 + 0.1 * sum(one.weight for one in evidence))
        for one, ensemble, loss, scale in zip(evidence, ensembles, losses, scales, strict=True):
            best = _best_losses(one, ensemble, candidates)[0]
            known = np.isfinite(best)
            gain[known] += one.weight * np.maximum(0.0, loss - best[known]) / scale
            weight[known] += one.weight
        gain /= weight
        place = int(np.argmax(gain / (seconds[candidates] + patience)))
        order.append(candidates[place])
        for i, one in enumerate(evidence):
            best, mixed = _best_losses(one, ensembles[i], [candidates[place]])
            if best[0] < losses[i]:
                losses[i], ensembles[i] = float(best[0]), mixed[0]
        del candidates[place]
    return order


def _scale(one: Evidence, loss: float) -> float:
    """What is to be gained on a data set; at least a twentieth of its loss, where nothing is."""
    single = one.loss(one.predictions)
    best = float(np.nanmin(single)) if np.isfinite(single).any() else loss
    return max(loss - best, 0.05 * loss, 1e-6)


def _best_losses(one: Evidence, ensemble: Floats, candidates: Sequence[int]) -> tuple[NDArray[np.float64], Floats]:
    """Loss with the best share of each candidate, shape (n_candidates,), and the ensembles that have it."""
    newcomers = one.predictions[candidates]
    losses = np.array([one.loss((1 - share) * ensemble + share * newcomers) for share in _SHARES])
    best = np.argmin(np.where(np.isnan(losses), np.inf, losses), axis=0)
    share = np.asarray(_SHARES, dtype=np.float32)[best][:, None]
    return losses[best, np.arange(len(candidates))], (1 - share) * ensemble + share * newcomers
