"""The layout of several targets: their names, their classes, and how the predictions for them lie side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class TargetLayout:
    """Several targets of one table.

    The predictions of a pipeline are one array of shape (n_samples, n_columns), in which the blocks of the targets lie
    side by side: one column for a number, one probability of each class for a target of classes.

    Attributes
    ----------
    names : tuple of str
    n_classes : tuple of int
        Number of classes of each target; empty where all targets are numbers.

    Examples
    --------
    >>> layout = TargetLayout(("rain", "wind"), (2, 3))
    >>> layout.n_columns, layout.codes(np.array([[0.9, 0.1, 0.2, 0.5, 0.3]])).tolist()
    (5, [[0, 1]])
    """

    names: tuple[str, ...]
    n_classes: tuple[int, ...] = ()

    @property
    def n_targets(self) -> int:
        """Number of targets."""
        return len(self.names)

    @property
    def is_classification(self) -> bool:
        """Whether the targets hold classes."""
        return bool(self.n_classes)

    @property
    def n_columns(self) -> int:
        """Number of columns of the predictions."""
        return sum(self.n_classes) if self.n_classes else len(self.names)

    def classes_of(self, target: int) -> int:
        """Return the number of classes of a target; 0 for a number."""
        return self.n_classes[target] if self.n_classes else 0

    def blocks(self, predictions: Array) -> list[Array]:
        """Return the predictions for each target: probabilities of shape (..., n_classes), or values of shape (...)."""
        if not self.n_classes:
            return [predictions[..., target] for target in range(self.n_targets)]
        return np.split(predictions, np.cumsum(self.n_classes)[:-1], axis=-1)

    def normalize(self, probabilities: Array) -> Array:
        """Return probabilities of shape (n_samples, n_columns) that sum to 1 for each target."""
        return np.hstack([block / block.sum(axis=1, keepdims=True) for block in self.blocks(probabilities)])

    def codes(self, probabilities: Array) -> NDArray[np.intp]:
        """Return the code of the most probable class of each target, shape (n_samples, n_targets)."""
        return np.column_stack([block.argmax(axis=1) for block in self.blocks(probabilities)])
