"""The target of some rows with their weights and their metric, by which predictions for these rows are scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.task.metrics import Metric, as_score, loss_or_nan

Array = NDArray[Any]


@dataclass(frozen=True)
class ScoredTarget:
    """The target of some rows, the weights of these rows, and the metric of predictions for them.

    Attributes
    ----------
    y : ndarray of shape (n_samples,), or (n_samples, n_targets) for several targets
        Class codes, or floats.
    metric : Metric
        The metric for these rows; see `Metric.take`.
    sample_weight : ndarray of shape (n_samples,) or None
    """

    y: Array
    metric: Metric
    sample_weight: Array | None = None

    def __len__(self) -> int:
        return len(self.y)

    @property
    def counted_rows(self) -> NDArray[np.intp]:
        """The positions of the rows of a positive weight, in ascending order; the others do not count."""
        return np.arange(len(self.y)) if self.sample_weight is None else np.flatnonzero(self.sample_weight > 0)

    def take(self, rows: Array) -> ScoredTarget:
        """Return the target of some of the rows; `rows` are positions or a mask."""
        weights = None if self.sample_weight is None else self.sample_weight[rows]
        return ScoredTarget(self.y[rows], self.metric.take(rows), weights)

    def loss(self, predictions: Array) -> float:
        """Return the loss of predictions for all rows; NaN, without a warning, if the metric is undefined on them.

        Parameters
        ----------
        predictions : ndarray of shape (n_samples,) or (n_samples, n_columns)
            See `Metric.loss`.
        """
        return loss_or_nan(self.metric, self.y, predictions, self.sample_weight)

    def score(self, predictions: Array) -> float:
        """Return the score of predictions for all rows, which is the negative of their loss."""
        return as_score(self.loss(predictions))
