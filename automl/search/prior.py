"""What the user expects of good hyperparameters: a factor of the acquisition that fades as results come in.

The acquisition value of a configuration x is multiplied by ``prior(x)^(beta / n)`` after n results (piBO: Hvarfner et
al., 2022, "piBO: Augmenting acquisition functions with user beliefs for Bayesian optimization", ICLR).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from automl.search.vectors import Vectors, VectorSpace
from pipelines.overrides import Overrides, Prior

Array = NDArray[np.float64]

# Results after which the acquisition is multiplied by the prior itself. The paper takes a tenth of the trials of a
# search. With 10 a good prior gains as much in the first 40 trials, and a wrong one costs more (benchmarks/SEARCH.md).
BETA = 3.0
_UNIFORM_SHARE = 0.01  # of a prior, so that no value is ruled out


class PriorDensity:
    """The density of the user's priors, relative to equal probabilities of all values.

    A hyperparameter that is inactive, or has no prior, has the density 1. A family without priors is thus neither
    preferred nor avoided.

    Parameters
    ----------
    space : VectorSpace
    overrides : mapping
        The user's changes of hyperparameters; those without a prior count for nothing.
    """

    def __init__(self, space: VectorSpace, overrides: Overrides):
        self._numbers: list[tuple[int, float, float]] = []  # column, center and standard deviation in [0, 1]
        self._choices: list[tuple[int, Array]] = []  # column, density of each choice
        for column, name in enumerate(space.names):
            change = overrides.get(name)
            if change is None or change.prior is None:
                continue
            hyperparameter: Any = space.space[name]
            if space.n_choices[column]:
                self._choices.append((column, _choice_density(change.prior, hyperparameter.choices)))
            else:
                # A table may have a smaller range than others; then the nearest value has the highest density.
                center = float(np.clip(hyperparameter.to_vector(change.prior.value), 0.0, 1.0))
                self._numbers.append((column, center, change.prior.std))

    def __bool__(self) -> bool:
        """Whether there is any prior."""
        return bool(self._numbers or self._choices)

    def log(self, vectors: Vectors) -> Array:
        """Return the logarithm of the density of each row of shape (n, n_hyperparameters)."""
        total = np.zeros(len(vectors))
        for column, center, std in self._numbers:
            total += np.where(np.isnan(vectors[:, column]), 0.0, _log_normal(vectors[:, column], center, std))
        for column, density in self._choices:
            value = vectors[:, column]
            total += np.where(np.isnan(value), 0.0, np.log(density)[np.nan_to_num(value).astype(np.intp)])
        return total

    def bonus(self, vectors: Vectors, n_results: int) -> Array:
        """Return what is added to the logarithm of the acquisition values after a number of results."""
        return BETA / max(1, n_results) * self.log(vectors)


def _log_normal(x: Array, center: float, std: float) -> Array:
    """Return the logarithm of a normal density on [0, 1], mixed with a small uniform part."""
    mass = ndtr((1 - center) / std) - ndtr(-center / std)
    density = np.exp(-0.5 * ((x - center) / std) ** 2) / (std * np.sqrt(2 * np.pi) * mass)
    return np.asarray(np.log((1 - _UNIFORM_SHARE) * density + _UNIFORM_SHARE))


def _choice_density(prior: Prior, choices: tuple[Any, ...]) -> Array:
    """Return the density of each choice, relative to equal probabilities; equal where no choice has a weight."""
    weights = np.array([prior.weights.get(choice, 0.0) for choice in choices])
    if weights.sum() == 0:
        return np.ones(len(choices))
    return (1 - _UNIFORM_SHARE) * weights / weights.mean() + _UNIFORM_SHARE
