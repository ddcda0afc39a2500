"""The task: everything a trial needs to know of the data, built once and shared read-only with the workers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from automl.task.metrics import Metric
from automl.task.splits import Fold
from pipelines.component import TableTraits


@dataclass(frozen=True)
class FreeRows:
    """Rows that neither search nor ensemble sees; what the guard against overfitting judges on."""

    X: Any
    y: NDArray[Any]
    sample_weight: NDArray[np.float64] | None = None
    groups: NDArray[Any] | None = None


@dataclass(frozen=True)
class Task:
    """A table ready for pipelines, its encoded target, and how predictions on it are judged.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        Output of `pipelines.table.reader.TableReader`.
    y : ndarray of shape (n_samples,)
        Class codes, or floats.
    groups : ndarray of shape (n_samples,), optional
        Rows of one group belong together whenever rows are drawn.
    """

    X: Any
    y: NDArray[Any]
    traits: TableTraits
    metric: Metric
    folds: tuple[Fold, ...]
    sample_weight: NDArray[np.float64] | None = None
    groups: NDArray[Any] | None = None
    free: FreeRows | None = None

    @property
    def table_bytes(self) -> int:
        """What the table takes in memory."""
        parts = (self.X.data, self.X.indices, self.X.indptr) if sparse.issparse(self.X) else (self.X,)
        return sum(int(part.nbytes) for part in parts)

    def weights(self, rows: NDArray[np.intp]) -> NDArray[np.float64] | None:
        """Sample weights of some rows, or None."""
        return None if self.sample_weight is None else self.sample_weight[rows]

    def save(self, folder: Path) -> None:
        """Write the task so that workers can open it; the table as a file that they map instead of reading."""
        _write_table(folder, "table", self.X)
        free = self.free
        if free is not None:
            _write_table(folder, "free", free.X)
            free = replace(free, X=None)
        # cloudpickle carries scorers that were defined in the user's own script.
        (folder / "task.pkl").write_bytes(cloudpickle.dumps(replace(self, X=None, free=free)))

    @staticmethod
    def open(folder: Path) -> Task:
        """The task written by `save`; a dense table is memory-mapped, read-only."""
        task: Task = cloudpickle.loads((folder / "task.pkl").read_bytes())
        free = None if task.free is None else replace(task.free, X=_read_table(folder, "free"))
        return replace(task, X=_read_table(folder, "table"), free=free)


def _write_table(folder: Path, name: str, X: Any) -> None:
    if sparse.issparse(X):
        sparse.save_npz(folder / f"{name}.npz", X, compressed=False)
    else:
        np.save(folder / f"{name}.npy", X)


def _read_table(folder: Path, name: str) -> Any:
    dense = folder / f"{name}.npy"
    return np.load(dense, mmap_mode="r") if dense.exists() else sparse.load_npz(folder / f"{name}.npz")
