"""One part of a training: up to a share of the iterations, from the state that an earlier part has left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np


class TrainingPart:
    """What the models of a pipeline take over from an earlier part of their training, and leave to the next one.

    A model asks for its state when its fit begins, and leaves a state when it ends. A pipeline may fit several models,
    for example one for each quantile. They find their states by the order of their fits, which is always the same.

    Parameters
    ----------
    share : float
        Share of the iterations of the whole training after which the training stops, above 0 and at most 1.
    earlier : sequence
        The states that the fits of an earlier part have left, in their order; empty where the training begins.

    Attributes
    ----------
    states : list
        The states that the fits of this part have left; a part that ends the training leaves none.
    """

    def __init__(self, share: float = 1.0, earlier: Sequence[Any] = ()):
        self.share = share
        self.states: list[Any] = []
        self._earlier, self._n_begun = list(earlier), 0

    def __deepcopy__(self, memo: Any) -> Self:
        """Return the object itself, so that the copies of a model that scikit-learn makes share it."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return what a stored model needs of it: nothing of the states."""
        return {"share": self.share, "states": [], "_earlier": [], "_n_begun": 0}

    def begin(self) -> Any:
        """Return the state of the model whose fit begins; None where its training begins."""
        self._n_begun += 1
        return self._earlier[self._n_begun - 1] if self._n_begun <= len(self._earlier) else None

    def keep(self, state: Any) -> None:
        """Keep the state of the model whose fit ends, if a later part can go on from it."""
        if self.share < 1:
            self.states.append(state)


def as_bytes_array(content: bytes) -> np.ndarray:
    """Return bytes as an array, in which form a file of a state holds them without detours."""
    return np.frombuffer(content, dtype=np.uint8).copy()
