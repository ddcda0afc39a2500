"""What a memory expects of configurations on a table, given what has been seen of some of them there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from metalearning.portfolio import WORST, normalise
from pipelines.configuration import Configuration

Array = NDArray[Any]

_OFFSET = 0.5  # normalised losses are compared as log(loss + offset), which spreads the good ones
_NOISE = 0.5  # variance of a loss, in units of the mean variance of a configuration over data sets


@dataclass(frozen=True)
class Beliefs:
    """A Gaussian process over configurations, whose means and covariances are those over the known data sets.

    What did well where those did well that do well here is expected to do well here, too. The idea of Fusi, Sheth and
    Elibol (2018, "Probabilistic matrix factorization for automated machine learning", NeurIPS, section 3), with the
    data sets themselves in place of latent factors. What is seen on the table outweighs the rest as it grows.

    Attributes
    ----------
    configurations : tuple of Configuration
        As they stand in the space of the table.
    losses : ndarray of shape (n_datasets, n_configurations)
        Normalised, see `metalearning.portfolio.normalise`; NaN where nothing is known.
    weights : ndarray of shape (n_datasets,)
        How similar the data sets are.
    seconds : ndarray of shape (n_configurations,)
        Of a fit, with those added that are not worth telling apart.
    """

    configurations: tuple[Configuration, ...]
    losses: Array
    weights: Array
    seconds: Array

    def promising(
        self, seen: Mapping[Configuration, float | None], left_out: Collection[Configuration]
    ) -> list[Configuration]:
        """Those that are not left out, by expected improvement per second, best first.

        The improvement is shared with those of the family that were tried: an ensemble gains more from another family
        than from a sibling, and on a table unlike the known ones a family may do better than all that is believed.

        Parameters
        ----------
        seen : mapping of Configuration to float or None
            Losses on the table; None for a failure. Those of at least one known configuration.
        left_out : collection of Configuration
        """
        place = {configuration: i for i, configuration in enumerate(self.configurations)}
        known = {place[c]: loss for c, loss in seen.items() if c in place}
        at = np.array(list(known))
        losses = normalise(np.array([np.nan if loss is None else loss for loss in known.values()]))
        y = _spread(np.where(np.isfinite(losses), losses, WORST))
        mean, deviation = self._posterior(at, y)
        z = (y.min() - mean) / deviation
        value = deviation * (z * norm.cdf(z) + norm.pdf(z)) / self.seconds
        siblings = Counter(configuration.family for configuration in left_out)
        value /= np.array([1 + siblings[configuration.family] for configuration in self.configurations])
        return [self.configurations[i] for i in np.argsort(-value) if self.configurations[i] not in left_out]

    def _posterior(self, at: Array, y: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of all configurations, given `y` of those in the places `at`."""
        prior = self._means + np.mean(y - self._means[at])  # a table may be harder than others for all of them
        off, cross = y - prior[at], self._kernel[:, at]
        solved = np.linalg.solve(cross[at] + _NOISE * np.eye(len(at)), np.c_[off, cross.T])
        size = off @ solved[:, 0] / len(at)  # of the kernel, where these losses are likeliest
        variance = np.diag(self._kernel) - np.einsum("ij,ji->i", cross, solved[:, 1:])
        return prior + cross @ solved[:, 0], np.sqrt(np.maximum(variance, 1e-6) * max(size, 1e-12))

    @cached_property
    def _means(self) -> Array:
        weight = self.weights[:, None] * np.isfinite(self.losses)
        return np.asarray((weight * np.nan_to_num(_spread(self.losses))).sum(axis=0) / weight.sum(axis=0))

    @cached_property
    def _kernel(self) -> Array:
        """Covariances over data sets, of mean variance 1; unknown losses are the mean ones."""
        off = np.nan_to_num(_spread(self.losses) - self._means) * np.sqrt(self.weights)[:, None]
        kernel = off.T @ off
        return np.asarray(kernel / max(float(np.diag(kernel).mean()), 1e-12))


def _spread(losses: Array) -> Array:
    return np.log(losses + _OFFSET)
