"""Which known data sets are like a new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metalearning.metafeatures import MetaFeatures, Scaling

_NEAR = 8  # the distance to so many of the known data sets is the width of the kernel
_EVERYONE = 0.05  # weight of a data set that has nothing in common: with only such ones, all count alike
_NAMED = 2  # meta-features that explain a likeness


@dataclass(frozen=True)
class Likeness:
    """How like two data sets are.

    Attributes
    ----------
    distance : float
        Root mean squared difference of their scaled meta-features, over those that both have; infinite without any.
    alike, unlike : tuple of str
        The meta-features that speak most for and against it.
    """

    distance: float
    alike: tuple[str, ...]
    unlike: tuple[str, ...]


def compare(described: MetaFeatures, known: Sequence[MetaFeatures], names: Sequence[str]) -> list[Likeness]:
    """How like each known data set is to a new one."""
    scaling = Scaling.fit(known, names)
    here, mine = scaling.transform(described), scaling.known(described)
    found = []
    for one in known:
        both = mine & scaling.known(one)
        gaps = np.abs(scaling.transform(one) - here)
        shared = np.flatnonzero(both)
        if len(shared) == 0:
            found.append(Likeness(float("inf"), (), ()))
            continue
        # What is common to most data sets says nothing: alike is what is unusual in both.
        alike = shared[np.argsort(gaps[shared] - np.abs(here[shared]), kind="stable")]
        unlike = shared[np.argsort(-gaps[shared], kind="stable")]
        found.append(
            Likeness(
                float(np.sqrt(np.mean(gaps[shared] ** 2))),
                tuple(names[i] for i in alike[:_NAMED]),
                tuple(names[i] for i in unlike[:_NAMED]),
            )
        )
    return found


def weigh(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight of each known data set, at most 1: a Gaussian kernel on a floor; shape (n_known,)."""
    width = max(float(np.sort(distance)[min(_NEAR, len(distance)) - 1]), 1e-9)
    return _EVERYONE + (1 - _EVERYONE) * np.exp(-0.5 * (distance / width) ** 2)
