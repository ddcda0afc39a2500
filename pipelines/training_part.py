"""One part of a training: up to a share of the iterations, from the state that an earlier part has left."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy import sparse


class TrainingPart:
    """What the models of a pipeline take over from an earlier part of their training, and leave to the next one.

    A model asks for its state when its fit begins, and leaves a state when it ends. A pipeline may fit several models,
    for example one for each quantile. They find their states by the order of their fits, which is always the same.

    The rows and columns of a model may depend on the predictions of another one, as after confident learning or in a
    chain of targets. They then change while the other model goes on with its training. So each state has a checksum of
    the data that its model was trained on, and the training on other data begins anew.

    Parameters
    ----------
    share : float
        Share of the iterations of the whole training after which the training stops, above 0 and at most 1.
    earlier : sequence
        The states that the fits of an earlier part have left, in their order; empty where the training begins.
    folder : Path, optional
        The folder for files that a library needs during a part of a training; it may not exist yet. By default they go
        into the folder for temporary files of the system.

    Attributes
    ----------
    states : list
        The states that the fits of this part have left; a part that ends the training leaves none.
    goes_on : bool
        Whether a fit of this part has gone on with an earlier one.
    """

    def __init__(self, share: float = 1.0, earlier: Sequence[Any] = (), folder: Path | None = None):
        self.share, self.folder = share, folder
        self.states: list[Any] = []
        self.goes_on = False
        self._earlier, self._n_begun, self._checksum = list(earlier), 0, 0

    def __deepcopy__(self, memo: Any) -> Self:
        """Return the object itself, so that the copies of a model that scikit-learn makes share it."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return what a stored model needs of it: nothing of the states and their files."""
        return {**vars(self), "states": [], "_earlier": [], "_n_begun": 0, "folder": None}

    def begin(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Return the state of the model whose fit begins; None where its training begins.

        Parameters
        ----------
        X : ndarray or sparse matrix of shape (n_samples, n_features)
            The data of the fit: if they differ from those of the earlier part, the training begins anew.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), optional
        """
        self._checksum = _checksum(X, y, sample_weight)
        self._n_begun += 1
        if self._n_begun > len(self._earlier):
            return None
        checksum, state = self._earlier[self._n_begun - 1]
        if checksum != self._checksum:
            return None
        self.goes_on = True
        return state

    def keep(self, state: Any) -> None:
        """Keep the state of the model whose fit ends, if a later part can go on from it."""
        if self.share < 1:
            self.states.append((self._checksum, state))


def _checksum(*data: Any) -> int:
    """Return a number that differs, almost surely, where a shape, a type or a value of the data differs."""
    arrays: list[np.ndarray] = []
    for item in data:
        if sparse.issparse(item):
            rows = sparse.csr_matrix(item)
            arrays += [np.asarray(rows.shape), rows.data, rows.indices, rows.indptr]
        else:
            arrays.append(np.ascontiguousarray("" if item is None else item))
    checksum = 0
    for array in arrays:
        checksum = zlib.crc32(array.data, zlib.crc32(f"{array.shape}{array.dtype.str}".encode(), checksum))
    return checksum


def as_bytes_array(content: bytes) -> np.ndarray:
    """Return bytes as an array, in which form a file of a state holds them without detours."""
    return np.frombuffer(content, dtype=np.uint8).copy()
