"""Which known data sets are like a new one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metalearning.metafeatures import MetaFeatures, Scaling

_NEAR = 8  # the distance to so many of the known data sets is the width of the kernel
_EVERYONE = 0.05  # weight of a data set that has nothing in common: with only such ones, all count alike


def distances(described: MetaFeatures, known: Sequence[MetaFeatures], names: Sequence[str]) -> NDArray[np.float64]:
    """Root mean squared differences of scaled meta-features, over those that both data sets have; shape (n_known,)."""
    scaling = Scaling.fit(known, names)
    here, mine = scaling.transform(described), scaling.known(described)
    there = np.array([scaling.transform(one) for one in known])
    both = np.array([scaling.known(one) for one in known]) & mine
    squares = np.where(both, (there - here) ** 2, 0.0).sum(axis=1)
    shared = both.sum(axis=1)
    return np.sqrt(np.where(shared, squares / np.maximum(shared, 1), np.inf))


def weigh(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight of each known data set, at most 1: a Gaussian kernel on a floor; shape (n_known,)."""
    width = max(float(np.sort(distance)[min(_NEAR, len(distance)) - 1]), 1e-9)
    return _EVERYONE + (1 - _EVERYONE) * np.exp(-0.5 * (distance / width) ** 2)
