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
# The scorers that configurations are ranked by; they are also the defaults of the search.
RANKED_BY: Mapping[str, str] = {
    "binary": "roc_auc",  # first, because binary data sets have a log loss, too
    "multiclass": "neg_log_loss",
    "regression": "neg_root_mean_squared_error",
}


@dataclass(frozen=True)
class DatasetRecord:
    """A data set of the meta-database.

    Attributes
    ----------
    fingerprint : str
        Digest of the content, so that the same table is not kept twice.
    family : str
        Near-duplicates have the same family.
    n_rows : int
        Rows of the whole table; ``traits.n_rows`` counts the rows that were used.
    target : ndarray of shape (n_sampled,)
        Targets of the rows whose predictions are kept; for regression in standard deviations.
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
    """The result of a configuration on a data set.

    Attributes
    ----------
    scores : mapping of str to sequence of float
        Scores by the name of a scikit-learn scorer: one per fold, greater is better, NaN for a fold that was not run.
        Empty if no fold finished.
    fit_seconds, predict_seconds : float or None
        Mean seconds of a fold with one thread.
    peak_memory : float or None
        MiB of the process, including the libraries and the table.
    own_memory : float or None
        MiB that the fits added to the process.
    iterations : float or None
        Mean iterations of a fold; only for models that stop early.
    sample : bytes or None
        Predictions, see `meta_db.prediction_codec`; only if all folds were run.
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
    """All results on some data sets, as arrays with one row per data set and one column per configuration.

    Attributes
    ----------
    datasets : list of (int, DatasetRecord)
    configurations : list of (int, Configuration)
    scores : ndarray of shape (n_datasets, n_configurations)
        Means over folds, see `mean_scores`; NaN without a finished fold.
    seconds : ndarray of the same shape
        Seconds of the fit of one fold.
    memory : ndarray of the same shape
        MiB that a fit added to its process.
    """

    datasets: list[tuple[int, DatasetRecord]]
    configurations: list[tuple[int, Configuration]]
    scores: NDArray[np.float64]
    seconds: NDArray[np.float64]
    memory: NDArray[np.float64]


def mean_scores(folds: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Return the mean score of each configuration, as if it had been run on all folds; shape (n_configurations,).

    Folds that were not run are NaN. Folds differ in difficulty. Therefore a configuration that was run on some folds is
    compared, on these folds, with the configurations that were run on all folds: its mean gets the quantile that its
    score has among them. A configuration that did worse than all of them is worse than the worst mean by the same
    difference. A row whose length differs from most rows (OpenML may give the mean alone) is averaged as it is.

    Parameters
    ----------
    folds : sequence of ndarray
        The scores of each configuration, one per fold.
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
        same_folds = (known == run).all(axis=1)
        there, here = np.sort(table[np.ix_(whole, run)].mean(axis=1)), table[np.ix_(same_folds, run)].mean(axis=1)
        means[same_folds] = np.interp(here, there, np.sort(means[whole])) + np.minimum(0.0, here - there[0])
    return means
