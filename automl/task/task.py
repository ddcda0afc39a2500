"""Define the task: all data that a trial needs, built once and shared read-only with the workers."""

from __future__ import annotations

import math
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cloudpickle
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from automl.errors import InvalidInputError
from automl.task.array_files import read_array, write_array
from automl.task.metrics import Metric
from automl.task.own_objects import NotLoaded, is_ours
from automl.task.scored_target import ScoredTarget
from automl.task.sensitive import SensitiveFeatures
from automl.task.splits import Fold, is_forward_chaining
from automl.task.trusted import TRUSTED
from meta_db.files import replace_file
from pipelines import storage
from pipelines.catalog import OwnComponents
from pipelines.component import TableTraits
from pipelines.row_samples import sample_rows
from pipelines.space import NO_OWN

# The number of a fold that trains on all rows but the holdout rows, and scores none.
ALL_ROWS = -1
_FILE = "task.zip"
_MANY_ROWS = 10_000  # from which a search finishes few folds
_SCORER, _COMPONENTS = "scorer", "components"


@dataclass(frozen=True)
class HoldoutRows:
    """Rows that neither the search nor the ensemble uses; the guard against overfitting scores models on these rows."""

    X: Any
    y: NDArray[Any]
    sample_weight: NDArray[np.float64] | None = None
    groups: NDArray[Any] | None = None
    metric: Metric | None = None  # the metric of the task, for these rows


@dataclass(frozen=True)
class Task:
    """A table in the form that pipelines take, its encoded target, its folds and its metric.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        Output of `pipelines.table.reader.TableReader`.
    y : ndarray of shape (n_samples,), or (n_samples, n_targets) for several targets
        Class codes, or floats.
    groups : ndarray of shape (n_samples,), optional
        Codes of the groups; the rows of one group are always drawn or split together.
    recorded_metrics : tuple of Metric
        Metrics that are recorded on each fold, and decide nothing.
    resampling : "folds", "time" or "validation"
        How the folds came about: by default or by the argument `cv`, by the times of the rows, or from validation rows
        of the user, which are the scored rows of a single fold.
    max_model_bytes : float
        Largest size of the models of an ensemble, and thus of one configuration, on the disk.
    own : OwnComponents
        Components of the user.
    objectives : tuple of str
        The objectives of the search beside the score.
    sensitive : SensitiveFeatures or None
        Groups of rows whose scores are compared.
    """

    X: Any
    y: NDArray[Any]
    traits: TableTraits
    metric: Metric
    folds: tuple[Fold, ...]
    sample_weight: NDArray[np.float64] | None = None
    groups: NDArray[Any] | None = None
    holdout: HoldoutRows | None = None
    recorded_metrics: tuple[Metric, ...] = ()
    resampling: Literal["folds", "time", "validation"] = "folds"
    max_model_bytes: float = math.inf
    own: OwnComponents = NO_OWN
    objectives: tuple[str, ...] = ()
    sensitive: SensitiveFeatures | None = None

    @property
    def row_order(self) -> Literal["", "time", "cv", "X_val"]:
        """The argument that gives the rows an order, or validation rows at their end; an empty text for none."""
        if self.resampling == "folds":
            return "cv" if is_forward_chaining(self.folds) else ""
        return "time" if self.resampling == "time" else "X_val"

    @property
    def in_time_order(self) -> bool:
        """Whether the rows are in the order of time, and every fold trains on rows before its scored rows."""
        return self.row_order in ("time", "cv")

    @property
    def trains_at_last(self) -> bool:
        """Whether the members of the ensemble are trained on all rows after the search.

        Otherwise the fold models predict, which together have seen all rows.
        """
        return self.row_order != ""

    @property
    def adds_models_of_all_rows(self) -> bool:
        """Whether members of the ensemble get a model of all rows beside those of their folds, after the search.

        On large tables the search finishes few folds, and each of their models lacks a part of the rows. A row on which
        no fold trains may be one that the user keeps for a test. Limits on the size of the models count those of folds.
        """
        if self.trains_at_last or len(self.y) <= _MANY_ROWS or self.max_model_bytes < math.inf:
            return False
        trained = np.zeros(len(self.y), dtype=bool)
        for train, _ in self.folds:
            trained[train] = True
        return bool(trained.all())

    @property
    def counted_rows(self) -> NDArray[np.intp]:
        """The rows of a positive weight; the others do not count."""
        return np.arange(len(self.y)) if self.sample_weight is None else np.flatnonzero(self.sample_weight > 0)

    @property
    def train_shares(self) -> list[float]:
        """The share of all rows on which each fold trains."""
        return [len(train) / len(self.y) for train, _ in self.folds]

    @property
    def has_estimate(self) -> bool:
        """Whether a score for new rows can be expected from the folds.

        Forward-chaining folds of the argument `cv` do not say which of their scored rows are new enough.
        """
        return self.row_order != "cv"

    @property
    def table_bytes(self) -> int:
        """Size of the table in memory, in bytes."""
        parts = (self.X.data, self.X.indices, self.X.indptr) if sparse.issparse(self.X) else (self.X,)
        return sum(int(part.nbytes) for part in parts)

    def allows(self, n_bytes: int) -> bool:
        """Return whether a configuration with fold models of this size is within the size limit, without others."""
        return self.n_predicting * n_bytes <= self.max_model_bytes

    @property
    def n_predicting(self) -> int:
        """Number of the fold models of a configuration that predict: those of all folds, or of the newest one."""
        return 1 if self.in_time_order else len(self.folds)

    def weights(self, rows: NDArray[np.intp]) -> NDArray[np.float64] | None:
        """Return the sample weights of some rows, or None."""
        return None if self.sample_weight is None else self.sample_weight[rows]

    def scored(self, rows: NDArray[np.intp]) -> ScoredTarget:
        """Return target, weights and metric of some rows, by which predictions for these rows are scored."""
        return ScoredTarget(self.y[rows], self.metric.take(rows), self.weights(rows))

    def training_rows(
        self, fold: int, most: int | None = None, random_state: int = 0
    ) -> tuple[Any, NDArray[Any], NDArray[np.float64] | None]:
        """Return table, target and sample weights of the training rows of a fold, which may be `ALL_ROWS`.

        Rows of weight 0 are left out, because they must not change any step of a pipeline.

        Parameters
        ----------
        most : int, optional
            Largest number of rows; a random part of more rows is returned.
        random_state : int
            Seed of the random part.
        """
        rows = np.arange(len(self.y)) if fold == ALL_ROWS else self.folds[fold][0]
        weight = self.weights(rows)
        if weight is not None and weight.any() and not weight.all():
            rows = rows[weight > 0]
        if most is not None and len(rows) > most:
            rows = sample_rows(rows, self.y, self.traits.is_classification, most, random_state)
        if fold != ALL_ROWS or len(rows) < len(self.y):
            return self.X[rows], self.y[rows], self.weights(rows)
        # The table may be mapped into memory read-only, which some libraries refuse.
        return (self.X if sparse.issparse(self.X) else np.array(self.X)), self.y, self.sample_weight

    def scored_rows(self, folds: Iterable[int]) -> NDArray[np.intp]:
        """Return the numbers of the scored rows of some folds, one fold after the other."""
        return np.concatenate([self.folds[fold][1] for fold in folds])

    def save(self, folder: Path, checked: bool = True) -> None:
        """Write the task into a folder; the table becomes a file of its own, which workers map into memory.

        Parameters
        ----------
        checked : bool
            Whether the table gets a checksum, for a folder that is read after the run.
        """
        _write_table(folder, "table", self.X, checked)
        holdout = self.holdout
        if holdout is not None:
            _write_table(folder, "free", holdout.X, checked)
            holdout = replace(holdout, X=None)
        external = {id(own): name for name, own in self._own_objects().items()}
        with replace_file(folder / _FILE, durable=False) as path, path.open("wb") as file:
            storage.write(replace(self, X=None, holdout=holdout), file, external)

    def own_scorer(self) -> bytes | None:
        """Return the user's own scorers and components for a worker of this session, or None if there are none.

        No file holds these bytes: a worker gets them from the process that made them.
        """
        own = self._own_objects()
        return cloudpickle.dumps(own) if own else None

    def _own_objects(self) -> dict[str, Any]:
        """Return the objects that the file of the task does not hold, by the names that stand for them there."""
        metrics = (self.metric, *self.recorded_metrics)
        scorers = {f"{_SCORER}{i or ''}": m.scorer for i, m in enumerate(metrics) if not is_ours(m.scorer)}
        return scorers | ({_COMPONENTS: self.own} if self.own.by_step else {})

    @staticmethod
    def open(folder: Path, own_scorer: bytes | None = None, checked: bool = False) -> Task:
        """Read a task that `save` has written; a dense table is memory-mapped, read-only.

        Parameters
        ----------
        own_scorer : bytes, optional
            Result of the method `own_scorer` in the process that saved the task. Without it, each scorer of the user is
            represented by a `NotLoaded`, and there are no components of the user.
        checked : bool
            Whether to compare the checksum of the table, for which the whole table is read.

        Raises
        ------
        InvalidInputError
            If the file of the task is damaged.
        ValueError
            If the table is damaged, or has changed since it was written.
        """
        missing = NotLoaded("scoring", "an own scorer", reason="a run directory does not hold it")
        external = defaultdict(lambda: missing, {} if own_scorer is None else cloudpickle.loads(own_scorer))
        external.setdefault(_COMPONENTS, NO_OWN)
        external[_COMPONENTS].register()
        try:
            task: Task = storage.load((folder / _FILE).read_bytes(), TRUSTED, external)
        except storage.StorageError as error:
            raise InvalidInputError(f"'{folder / _FILE}' cannot be read: {error}") from error
        holdout = None if task.holdout is None else replace(task.holdout, X=_read_table(folder, "free", checked))
        return replace(task, X=_read_table(folder, "table", checked), holdout=holdout)


def _write_table(folder: Path, name: str, X: Any, checked: bool) -> None:
    # Workers of a killed session may still have the old file mapped, so it must not be written into.
    file_name = f"{name}.{'npz' if sparse.issparse(X) else 'npy'}"
    with replace_file(folder / file_name, durable=False) as path, path.open("wb") as file:
        if sparse.issparse(X):
            sparse.save_npz(file, X, compressed=False)
        else:
            write_array(file, X, checked)


def _read_table(folder: Path, name: str, checked: bool) -> Any:
    dense = folder / f"{name}.npy"
    if dense.exists():
        return read_array(dense, mapped=True, checked=checked)
    try:
        return sparse.load_npz(folder / f"{name}.npz")
    except zipfile.BadZipFile as error:
        raise ValueError(f"'{name}.npz' is damaged: {error}") from error
