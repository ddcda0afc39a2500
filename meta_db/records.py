"""The records of the meta-database: data sets, evaluations, and all results as arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipelines.component import TableTraits, TaskType
from pipelines.configuration import Configuration

TASKS: tuple[TaskType, ...] = ("binary", "multiclass", "regression")
# What configurations are ranked by, and the loss that the search sees by default.
RANKED_BY: Mapping[str, str] = {
    "binary": "roc_auc",  # before the log loss, which data sets of two classes have, too
    "multiclass": "neg_log_loss",
    "regression": "neg_root_mean_squared_error",
}


@dataclass(frozen=True)
class DatasetRecord:
    """A data set as the memory knows it.

    Attributes
    ----------
    fingerprint : str
        Names the content, so that the same table is not kept twice.
    family : str
        Near-duplicates share one.
    n_rows : int
        Of the whole table; ``traits.n_rows`` counts those that were used.
    target : ndarray of shape (n_sampled,)
        Targets of the rows whose predictions are kept; in standard deviations for regression.
    """

    name: str
    fingerprint: str
    family: str
    n_rows: int
    traits: TableTraits
    qualities: Mapping[str, float]
    target: NDArray[np.float32]
    openml_id: int | None = None


@dataclass(frozen=True)
class EvaluationRecord:
    """What came of a configuration on a data set.

    Attributes
    ----------
    scores : mapping of str to sequence of float
        By the name of a scikit-learn scorer, one a fold, greater is better, NaN where a fold was not run; empty where
        nothing finished.
    fit_seconds, predict_seconds : float or None
        Mean of a fold at one thread.
    peak_memory : float or None
        MiB of the process, the libraries and the table included.
    own_memory : float or None
        MiB of it that came with the fits.
    iterations : float or None
        Mean of a fold, of what stops early.
    sample : bytes or None
        See `meta_db.prediction_codec`; of what was run on all folds.
    """

    status: str
    scores: Mapping[str, Sequence[float]] = field(default_factory=dict)
    reason: str = ""
    seed: int = 0
    fit_seconds: float | None = None
    predict_seconds: float | None = None
    peak_memory: float | None = None
    own_memory: float | None = None
    iterations: float | None = None
    sample: bytes | None = None


@dataclass(frozen=True)
class Results:
    """All results on some data sets, as arrays with one row a data set and one column a configuration.

    Attributes
    ----------
    datasets : list of (int, DatasetRecord)
    configurations : list of (int, Configuration)
    scores : ndarray of shape (n_datasets, n_configurations)
        Mean over folds, see `mean_scores`; NaN where nothing finished or nothing was tried.
    seconds : ndarray of the same shape
        To fit one fold.
    memory : ndarray of the same shape
        MiB that came with a fit.
    """

    datasets: list[tuple[int, DatasetRecord]]
    configurations: list[tuple[int, Configuration]]
    scores: NDArray[np.float64]
    seconds: NDArray[np.float64]
    memory: NDArray[np.float64]


def mean_scores(folds: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Mean score over the folds of each configuration, as if all had been run on all folds; shape (n_configurations,).

    Folds that were not run are NaN. Folds differ in difficulty, so what was run on some of them takes the mean of those
    that did as well there: the quantile of its score among the configurations that were run on all folds is that of its
    mean; what did worse there than all of those is as much worse than the worst of them. A row of another length than
    most (OpenML may tell of the mean alone) is averaged as it is.
    """
    if not folds:
        return np.zeros(0)
    lengths = np.array([len(row) for row in folds])
    table = np.full((len(folds), lengths.max()), np.nan)
    for i, row in enumerate(folds):
        table[i, : len(row)] = row
    means = np.nanmean(table, axis=1)
    usual = Counter(lengths.tolist()).most_common(1)[0][0]
    table[lengths != usual] = np.nan
    table = table[:, :usual]
    known = np.isfinite(table)
    whole = known.all(axis=1)
    if not whole.any():
        return means
    for run in np.unique(known[~whole & known.any(axis=1)], axis=0):
        alike = (known == run).all(axis=1)
        there, here = np.sort(table[np.ix_(whole, run)].mean(axis=1)), table[np.ix_(alike, run)].mean(axis=1)
        means[alike] = np.interp(here, there, np.sort(means[whole])) + np.minimum(0.0, here - there[0])
    return means
