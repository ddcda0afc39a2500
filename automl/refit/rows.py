"""The training rows that a fitted estimator keeps: in memory, or on disk in the run directory."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from automl.ensemble.fitted_model import FittedModel
from automl.errors import InvalidInputError
from automl.task.task import Task
from automl.trials.run_directory import RUN_FILE

ROWS_FILE = "rows.npz"


class MissingRowsError(InvalidInputError):
    """Raised if the training rows of a fitted estimator cannot be read.

    Attributes
    ----------
    reason : str
        Why they are not there, for a caller that names another remedy than that of a refit.
    """

    def __init__(self, reason: str):
        super().__init__(
            f"the training rows are not there: {reason}; pass a table and its target, as in refit(X, y), or --train "
            "and --target on the command line"
        )
        self.reason = reason


@dataclass(frozen=True)
class TrainingRows:
    """All training rows of a fitted estimator, the holdout rows of a guard included.

    The table is the output of the table reader, which `fit` makes anyway. So nothing that the user does to the own
    table later changes a refit.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Class codes, or floats.
    sample_weight : ndarray of shape (n_samples,), optional
    groups : ndarray of shape (n_samples,), optional
        Codes of the groups.
    train_shares : tuple of float
        Share of these rows on which each fold was trained.
    test_rows : tuple of ndarray of int
        Numbers of the scored rows of each fold; empty in files of earlier versions.
    """

    X: Any
    y: NDArray[Any]
    sample_weight: NDArray[np.float64] | None = None
    groups: NDArray[Any] | None = None
    train_shares: tuple[float, ...] = ()
    test_rows: tuple[NDArray[np.intp], ...] = ()

    @classmethod
    def from_task(cls, task: Task) -> TrainingRows:
        """Return the rows of a task."""
        y, weights = targets_and_weights(task)
        shares = tuple(len(train) / len(y) for train, _ in task.folds)
        test_rows = tuple(test for _, test in task.folds)  # the holdout rows come after all rows of the folds
        if task.holdout is None:
            return cls(task.X, y, weights, task.groups, shares, test_rows)
        rest, groups = task.holdout, None
        stack = sparse.vstack if sparse.issparse(task.X) else np.concatenate
        if task.groups is not None and rest.groups is not None:
            groups = np.concatenate([task.groups, rest.groups])
        return cls(stack([task.X, rest.X]), y, weights, groups, shares, test_rows)

    def write(self, folder: Path) -> None:
        """Write the rows into a folder, as arrays without objects."""
        X = self.X
        parts = {"X": X}
        if sparse.issparse(X):
            X = X.tocsr()
            parts = {"data": X.data, "indices": X.indices, "indptr": X.indptr, "shape": np.array(X.shape)}
        optional = {"sample_weight": self.sample_weight, "groups": self.groups}
        parts.update({name: array for name, array in optional.items() if array is not None})
        if self.test_rows:
            parts["test_rows"] = np.concatenate(self.test_rows)
            parts["test_sizes"] = np.array([len(rows) for rows in self.test_rows])
        with (folder / ROWS_FILE).open("wb") as file:
            np.savez_compressed(file, y=self.y, train_shares=np.array(self.train_shares), **parts)

    @classmethod
    def read(cls, folder: Path) -> TrainingRows:
        """Read rows that `write` has written.

        Raises
        ------
        MissingRowsError
            If the file is missing or damaged.
        """
        try:
            with np.load(folder / ROWS_FILE, allow_pickle=False) as file:
                parts = {name: file[name] for name in file.files}
            if "X" in parts:
                X: Any = parts["X"]
            else:
                X = sparse.csr_matrix(
                    (parts["data"], parts["indices"], parts["indptr"]), shape=tuple(parts["shape"].tolist())
                )
            shares = tuple(parts["train_shares"].tolist())
            ends = np.cumsum(parts.get("test_sizes", np.empty(0, dtype=np.intp)))
            test_rows = tuple(np.split(parts["test_rows"], ends[:-1])) if len(ends) else ()
            return cls(X, parts["y"], parts.get("sample_weight"), parts.get("groups"), shares, test_rows)
        except FileNotFoundError:
            raise MissingRowsError(f"'{folder / ROWS_FILE}' does not exist") from None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise MissingRowsError(f"'{folder / ROWS_FILE}' is damaged ({error})") from error


@dataclass(frozen=True)
class StoredRows:
    """Training rows on disk: the task in the run directory, which is read when a refit needs it.

    Attributes
    ----------
    folder : Path
    fingerprint : str
        Fingerprint of the task in ``run.json``.
    """

    folder: Path
    fingerprint: str

    @classmethod
    def of(cls, folder: Path) -> StoredRows:
        """Return the rows in the run directory of a fit that has just ended."""
        return cls(folder.absolute(), _fingerprint(folder) or "")

    def read(self) -> TrainingRows:
        """Return the rows.

        Raises
        ------
        MissingRowsError
            If the folder is gone, or holds another run.
        """
        if _fingerprint(self.folder) != self.fingerprint:
            raise MissingRowsError(f"'{self.folder}' does not hold the run of this model")
        try:
            return TrainingRows.from_task(Task.open(self.folder, checked=True))
        except (OSError, ValueError, InvalidInputError) as error:  # a file of the task is missing, or damaged
            raise MissingRowsError(str(error)) from error


@dataclass(frozen=True)
class SavedRows:
    """Training rows in the folder of a saved model, which are read when a refit needs them.

    Attributes
    ----------
    folder : Path
    sha256 : str
        Checksum of the file; another model may have taken its place after this one was loaded.
    """

    folder: Path
    sha256: str

    def read(self) -> TrainingRows:
        """Return the rows.

        Raises
        ------
        MissingRowsError
            If the file is missing, damaged, or of another model.
        """
        path = self.folder / ROWS_FILE
        if path.is_file():
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != self.sha256:
                raise MissingRowsError(f"'{path}' is damaged, or of another model")
        return TrainingRows.read(self.folder)


def targets_and_weights(task: Task) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
    """Return target and weights of all rows of a task, the holdout rows of a guard included."""
    rest = task.holdout
    if rest is None:
        return task.y, task.sample_weight
    y = np.concatenate([task.y, rest.y])
    if task.sample_weight is None or rest.sample_weight is None:
        return y, None
    return y, np.concatenate([task.sample_weight, rest.sample_weight])


KeptRows = TrainingRows | StoredRows | SavedRows


def _fingerprint(folder: Path) -> str | None:
    """Return the fingerprint of the task of a run; None if the folder holds no run."""
    try:
        return str(json.loads((folder / RUN_FILE).read_text())["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def get_rows(kept: KeptRows | None) -> TrainingRows:
    """Return the training rows that an estimator has kept.

    Raises
    ------
    MissingRowsError
        If it has none, because its model was saved without them.
    """
    if kept is None:
        raise MissingRowsError("the model was saved without them (rows=True keeps them)")
    return kept if isinstance(kept, TrainingRows) else kept.read()


def find_rows(estimator: FittedModel) -> TrainingRows | None:
    """Return the training rows that an estimator has kept, as the table reader reads them; None without them."""
    try:
        return get_rows(getattr(estimator, "_rows", None))
    except InvalidInputError:
        return None
