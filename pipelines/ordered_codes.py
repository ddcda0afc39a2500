"""The ways to train ordered classes, and the places of the classes among those that the rows of a fit have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# The components of the step "ordering". The first two wrap models: a classifier for each question "is the class above
# this one?", or a regressor of the place of the class. The others are trained by some models themselves: networks ask
# only the rows that have reached a class, and a linear model has one vector of coefficients for all classes.
THRESHOLDS, NUMBERS, STEPWISE, PROPORTIONAL_ODDS = "thresholds", "class_number", "stepwise", "proportional_odds"


def places_of(y: Array, ranks: Sequence[int]) -> tuple[Array, Array, Array]:
    """Return the classes of a target, and the places in their order.

    The rows of a fold may lack classes of the table; the places of the other classes then move together.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class codes.
    ranks : sequence of int
        Rank of each class code; empty if the codes are in the order of the classes.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        The codes in `y`, sorted.
    places : ndarray of int, shape (n_classes,)
        Place of each of these classes, from 0.
    own : ndarray of int, shape (n_samples,)
        Place of the class of each row.

    Raises
    ------
    ValueError
        If `y` has a single class.

    Examples
    --------
    >>> classes, places, own = places_of(np.array([0, 3, 1, 0]), (2, 0, 3, 1))
    >>> classes.tolist(), places.tolist(), own.tolist()
    ([0, 1, 3], [2, 0, 1], [2, 1, 0, 2])
    """
    classes, numbers = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"a classifier needs at least two classes, the target has only {classes[0]!r}")
    order = np.asarray(ranks)[classes.astype(np.intp)] if len(ranks) else classes
    places = np.argsort(np.argsort(order))
    return classes, places, places[numbers]
