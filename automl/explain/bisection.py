"""SHAP values of one row of a wide table, from fewer predictions than the order of its columns has places.

The cells of the explained row replace those of a background row in a random order. The prediction is computed at some
places of the order only: first at evenly spaced ones, then in the middle of the stretches between two places over which
the prediction changes most. The change over a stretch that stays whole is divided evenly among its columns. So the
values add up exactly to the difference between the two predictions, whatever the number of predictions is, and the
columns with the largest effects are found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Places = NDArray[np.intp]

_SPACED = 4  # one of so many predictions is at an evenly spaced place
_ROUNDS = 6  # in which the other predictions are computed


def changes_along(
    lengths: Sequence[int],
    ends: Sequence[tuple[Array, Array]],
    predict: Callable[[list[Places]], Sequence[Array]],
    max_evaluations: int,
) -> list[Array]:
    """Return the change of the prediction at each place of some orders.

    Parameters
    ----------
    lengths : sequence of int
        Number of columns of each order, at least 1.
    ends : sequence of (ndarray, ndarray)
        For each order, the predictions before its first column and after its last one, shape () or (n_classes,).
    predict : callable
        Takes for each order an array of places, each at least 1 and less than its number of columns, and returns for
        each order the predictions after so many columns, shape (n_places,) or (n_places, n_classes).
    max_evaluations : int
        Largest number of places of all orders together.

    Returns
    -------
    list of ndarray
        For each order an array of shape (length,) or (length, n_classes) that adds up to the difference of its ends.

    Examples
    --------
    >>> import numpy as np
    >>> effects = np.where(np.arange(64) == 40, 5.0, 0.0)
    >>> def predict(places):
    ...     return [effects.cumsum()[each - 1] for each in places]
    >>> changes = changes_along([64], [(np.array(0.0), np.array(5.0))], predict, 16)[0]
    >>> int(changes.argmax()), float(changes.max())
    (40, 5.0)
    """
    known = [np.array([0, length], dtype=np.intp) for length in lengths]
    outputs = [np.stack(pair) for pair in ends]
    spaced = max(1, max_evaluations // (_SPACED * len(ends)))
    wanted = [
        np.unique(np.linspace(0, length, min(spaced + 2, length + 1)).astype(np.intp))[1:-1] for length in lengths
    ]
    left = max_evaluations
    size = max(1, -(-max_evaluations * (_SPACED - 1) // (_SPACED * _ROUNDS)))
    while left > 0 and (n := sum(map(len, wanted))) > 0:
        for k, found in enumerate(predict(wanted)):
            places = np.concatenate([known[k], wanted[k]])
            order = np.argsort(places)
            known[k], outputs[k] = places[order], np.concatenate([outputs[k], found])[order]
        left -= n
        wanted = _middles(known, outputs, min(left, size))
    changes = []
    for places, values in zip(known, outputs, strict=True):
        n_columns = np.diff(places)
        share = np.diff(values, axis=0) / n_columns.reshape(-1, *[1] * (values.ndim - 1))
        changes.append(np.repeat(share, n_columns, axis=0))
    return changes


def _middles(known: Sequence[Places], outputs: Sequence[Array], most: int) -> list[Places]:
    """Return the middles of the stretches of two columns or more over which the prediction changes most."""
    sizes, middles, owners = [], [], []
    for k, (places, values) in enumerate(zip(known, outputs, strict=True)):
        change = np.abs(np.diff(values, axis=0)).reshape(len(places) - 1, -1).max(axis=1)
        long = np.flatnonzero((np.diff(places) > 1) & (change > 0))
        sizes.append(change[long])
        middles.append((places[long] + places[long + 1]) // 2)
        owners.append(np.full(len(long), k))
    chosen = np.argsort(-np.concatenate(sizes), kind="stable")[:most]
    owner, middle = np.concatenate(owners)[chosen], np.concatenate(middles)[chosen]
    return [np.sort(middle[owner == k]) for k in range(len(known))]
