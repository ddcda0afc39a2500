"""Expected losses of configurations on a table, given the losses of some configurations there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from metalearning.portfolio import WORST, normalize
from pipelines.configuration import Configuration

Array = NDArray[Any]

_OFFSET = 0.5  # losses are compared as log(normalized loss + offset), which spreads the small losses
_NOISE = 0.5  # variance of a loss, in units of the mean variance of a configuration over data sets


@dataclass(frozen=True)
class ConfigurationPosterior:
    """A Gaussian process over configurations; its means and covariances are those over the known data sets.

    Two configurations that did well on the same data sets are expected to do well together on a new one. The idea is
    that of Fusi, Sheth and Elibol (2018, "Probabilistic matrix factorization for automated machine learning", NeurIPS,
    section 3), with the data sets themselves in place of latent factors. The more losses are known on the table, the
    less weight the known data sets have.

    Attributes
    ----------
    configurations : tuple of Configuration
        Complete configurations in the space of the table.
    losses : ndarray of shape (n_datasets, n_configurations)
        Normalized, see `metalearning.portfolio.normalize`; NaN where nothing is known.
    weights : ndarray of shape (n_datasets,)
        Similarity of each data set to the table.
    seconds : ndarray of shape (n_configurations,)
        Seconds of a fit plus the patience, see `metalearning.portfolio.choose`.
    """

    configurations: tuple[Configuration, ...]
    losses: Array
    weights: Array
    seconds: Array

    def rank_by_improvement(
        self, seen: Mapping[Configuration, float | None], left_out: Collection[Configuration]
    ) -> list[Configuration]:
        """Return the configurations that are not left out, by expected improvement per second, best first.

        The improvement is divided by one plus the number of left-out configurations of the same family: an ensemble
        gains more from another family, and on a table that is unlike the known data sets another family may do better
        than expected.

        Parameters
        ----------
        seen : mapping of Configuration to float or None
            Losses on the table; None for a failure. At least one of `configurations` is among them.
        left_out : collection of Configuration
        """
        place = {configuration: i for i, configuration in enumerate(self.configurations)}
        known = {place[c]: loss for c, loss in seen.items() if c in place}
        at = np.array(list(known))
        losses = normalize(np.array([np.nan if loss is None else loss for loss in known.values()]))
        y = _spread(np.where(np.isfinite(losses), losses, WORST))
        mean, deviation = self._posterior(at, y)
        z = (y.min() - mean) / deviation
        value = deviation * (z * norm.cdf(z) + norm.pdf(z)) / self.seconds
        per_family = Counter(configuration.family for configuration in left_out)
        value /= np.array([1 + per_family[configuration.family] for configuration in self.configurations])
        return [self.configurations[i] for i in np.argsort(-value) if self.configurations[i] not in left_out]

    def _posterior(self, at: Array, y: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of all configurations, given the values `y` at the positions `at`."""
        prior = self._means + np.mean(y - self._means[at])  # a table may be harder than others for every configuration
        off, cross = y - prior[at], self._kernel[:, at]
        solved = np.linalg.solve(cross[at] + _NOISE * np.eye(len(at)), np.c_[off, cross.T])
        size = off @ solved[:, 0] / len(at)  # the scale of the kernel for which these losses are most likely
        variance = np.diag(self._kernel) - np.einsum("ij,ji->i", cross, solved[:, 1:])
        return prior + cross @ solved[:, 0], np.sqrt(np.maximum(variance, 1e-6) * max(size, 1e-12))

    @cached_property
    def _means(self) -> Array:
        weight = self.weights[:, None] * np.isfinite(self.losses)
        return np.asarray((weight * np.nan_to_num(_spread(self.losses))).sum(axis=0) / weight.sum(axis=0))

    @cached_property
    def _kernel(self) -> Array:
        """Covariances over data sets, scaled to a mean variance of 1; an unknown loss is taken to be the mean."""
        off = np.nan_to_num(_spread(self.losses) - self._means) * np.sqrt(self.weights)[:, None]
        kernel = off.T @ off
        return np.asarray(kernel / max(float(np.diag(kernel).mean()), 1e-12))


def _spread(losses: Array) -> Array:
    return np.log(losses + _OFFSET)
