"""Objects between a scorer and predictions made earlier: models that return them, and the rows that a scorer reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import _safe_indexing

Array = NDArray[Any]


def take_rows(X: Any, rows: Array) -> Any:
    """Return the rows of a table with these numbers; the table has any accepted type."""
    if isinstance(X, list | tuple):
        X = np.asarray(X)
    return _safe_indexing(X.tocsr() if sparse.issparse(X) else X, rows)


def find_rows(X: Any, table: Any) -> Array:
    """Return the numbers of the rows of a table that a scorer has passed on to a model.

    A scorer may drop columns, convert the table to an array, or choose rows of a DataFrame whose index is unique.

    Raises
    ------
    ValueError
        If the table does not show which of its rows these are.
    """
    n_rows = table.shape[0]
    if isinstance(X, pd.DataFrame) and isinstance(table, pd.DataFrame):
        if X.index.equals(table.index):
            return np.arange(n_rows)
        if table.index.is_unique:
            positions = table.index.get_indexer(X.index)
            if (positions >= 0).all():
                return positions
    elif getattr(X, "shape", (0,))[0] == n_rows and not _differs(X, table):
        return np.arange(n_rows)
    raise ValueError(
        "a scorer must ask for predictions of the rows that it was given, in their order; to score some of the rows, "
        "predict all of them and choose afterwards"
    )


def _differs(X: Any, table: Any) -> bool:
    """Return whether two tables of the same shape hold different cells, as far as they can be compared."""
    if sparse.issparse(X) or sparse.issparse(table) or X.shape != table.shape:
        return False
    try:
        given, known = np.asarray(X), np.asarray(table)
        return bool(((given != known) & ((given == given) | (known == known))).any())
    except (TypeError, ValueError):
        return False


class TableProbe:
    """An object in place of a table, which notices whether a scorer reads it."""

    def __init__(self) -> None:
        object.__setattr__(self, "reads", [])

    def __getattribute__(self, name: str) -> Any:
        object.__getattribute__(self, "reads").append(name)
        raise AttributeError(name)

    def _refuse(self, *_: Any) -> Any:
        object.__getattribute__(self, "reads").append("")
        raise TypeError("the table was read")

    __getitem__ = __len__ = __iter__ = __array__ = __contains__ = __bool__ = _refuse

    @staticmethod
    def was_read(probe: TableProbe) -> bool:
        """Return whether any attribute or row was read."""
        return bool(object.__getattribute__(probe, "reads"))


class _StoredModel(BaseEstimator):
    """A model that returns predictions made earlier, so that a scorer can score them.

    Parameters
    ----------
    predictions : ndarray of shape (n_samples, n_classes) or (n_samples,)
    classes : ndarray of shape (n_classes,), optional
    table : DataFrame, ndarray or sparse matrix, optional
        The rows of the predictions, for a scorer that reads them; such a scorer may ask for some of its rows only.
    """

    def __init__(self, predictions: Array | None = None, classes: Array | None = None, table: Any = None):
        self.predictions = predictions
        self.classes = classes
        self.table = table

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def _of(self, X: Any) -> Array:
        """Return the predictions of the rows that a scorer asks for."""
        assert self.predictions is not None
        if self.table is None or X is self.table:
            return self.predictions
        return self.predictions[find_rows(X, self.table)]


class StoredClassifier(ClassifierMixin, _StoredModel):
    @property
    def classes_(self) -> Array:
        assert self.classes is not None
        return self.classes

    def predict_proba(self, X: Any) -> Array:
        return self._of(X)

    def decision_function(self, X: Any) -> Array:
        p = np.log(np.clip(self.predict_proba(X), 1e-15, 1.0))
        return p[:, 1] - p[:, 0] if p.shape[1] == 2 else p

    def predict(self, X: Any) -> Array:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class StoredRegressor(RegressorMixin, _StoredModel):
    def predict(self, X: Any) -> Array:
        return self._of(X)
