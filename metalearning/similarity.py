"""Similarity of the known data sets to a new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metalearning.metafeatures import MetaFeatures, Scaling

_NEAR = 8  # the width of the kernel is the distance to the 8th nearest data set
_LEAST_WEIGHT = 0.05  # of a data set that has nothing in common with the new one
_NAMED = 2  # meta-features that are named to explain a similarity


@dataclass(frozen=True)
class Similarity:
    """The similarity of a known data set to a new one.

    Attributes
    ----------
    distance : float
        Root mean squared difference of the scaled meta-features that both data sets have; infinite if they share none.
    similar_in, different_in : tuple of str
        Names of the meta-features that agree most and differ most.
    """

    distance: float
    similar_in: tuple[str, ...]
    different_in: tuple[str, ...]


def compare(described: MetaFeatures, known: Sequence[MetaFeatures], names: Sequence[str]) -> list[Similarity]:
    """Return the similarity of each known data set to a new one."""
    scaling = Scaling.fit(known, names)
    here, mine = scaling.transform(described), scaling.known(described)
    found = []
    for one in known:
        both = mine & scaling.known(one)
        gaps = np.abs(scaling.transform(one) - here)
        shared = np.flatnonzero(both)
        if len(shared) == 0:
            found.append(Similarity(float("inf"), (), ()))
            continue
        # A value that most data sets have says nothing. Two data sets are similar in a value that is unusual in both.
        similar = shared[np.argsort(gaps[shared] - np.abs(here[shared]), kind="stable")]
        different = shared[np.argsort(-gaps[shared], kind="stable")]
        found.append(
            Similarity(
                float(np.sqrt(np.mean(gaps[shared] ** 2))),
                tuple(names[i] for i in similar[:_NAMED]),
                tuple(names[i] for i in different[:_NAMED]),
            )
        )
    return found


def kernel_weights(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weight of each known data set: a Gaussian kernel of the distance, from 0.05 to 1; shape (n_known,)."""
    width = max(float(np.sort(distance)[min(_NEAR, len(distance)) - 1]), 1e-9)
    return _LEAST_WEIGHT + (1 - _LEAST_WEIGHT) * np.exp(-0.5 * (distance / width) ** 2)
