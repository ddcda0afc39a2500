"""Greedy ensemble selection over out-of-fold predictions, guarded against overfitting them."""

from __future__ import annotations

import pickle
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from automl.ensemble.calibration import Calibration
from automl.execute.evaluate import predict
from automl.task.metrics import Metric, loss_or_nan, roc_auc_losses
from automl.task.splits import is_forward_chaining
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.candidates import candidate_sets, rank
from automl.trials.history import RunHistory
from pipelines.configuration import Configuration

Array = NDArray[Any]

_SHRINKAGE_ROWS = 100.0  # rows at which greedy weights and equal weights of those picked count the same
_BAGS = 8
_BAG_ROWS = 5_000  # tables below this many rows average the weights of several bags
_SMALLEST_WEIGHT = 0.02
_SORTED_AT_ONCE = 1_000_000  # scores, which bounds the memory
_MAX_ROWS = 20_000  # more rows do not change the weights, but cost time with sorting metrics
_filters = threading.Lock()  # of warnings, which belong to the process


@dataclass
class FoldBag:
    """The fold models of one configuration; together they predict with the mean."""

    configuration: Configuration
    weight: float
    pickled: list[bytes]
    _models: list[Pipeline] = field(default_factory=list, repr=False)

    @property
    def models(self) -> list[Pipeline]:
        """The fitted pipelines, unpickled when first asked for."""
        if not self._models:
            self._models = [pickle.loads(data) for data in self.pickled]
        return self._models

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_models": []}


@dataclass
class Ensemble:
    """Weighted mean of bags of fold models.

    Attributes
    ----------
    n_threads : int
        Models that predict at the same time.
    label_weights : ndarray of shape (n_classes,) or None
        Factors of the probabilities when a label is to be said; None says the most probable one.
    calibration : Calibration or None
        Applied to the mean probabilities.
    """

    bags: list[FoldBag]
    n_classes: int
    n_threads: int = 1
    label_weights: Array | None = None
    calibration: Calibration | None = None

    def predict(self, X: Any) -> Array:
        """Probabilities of shape (n_samples, n_classes), or values of shape (n_samples,) for regression.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n_samples, n_features)
            Output of the table reader.
        """
        models = [(bag.weight / len(bag.models), model) for bag in self.bags for model in bag.models]
        # scikit-learn's forests set the process's warning filters while they predict, each thread over the other's; and
        # so would calls from several threads, whose models would only wait for the same processors.
        with _filters, warnings.catch_warnings(record=True), ThreadPoolExecutor(self.n_threads) as pool:
            each = pool.map(lambda pair: pair[0] * predict(pair[1], X, self.n_classes).astype(np.float64), models)
            out = np.asarray(sum(each))
        if not self.n_classes:
            return out
        p = out / out.sum(axis=1, keepdims=True)
        return p if self.calibration is None else self.calibration(p)

    def decide(self, probabilities: Array) -> Array:
        """Class codes to say for probabilities of shape (n_samples, n_classes)."""
        factors = 1.0 if self.label_weights is None else self.label_weights
        return np.asarray((probabilities * factors).argmax(axis=1))

    @property
    def weights(self) -> dict[Configuration, float]:
        """Weight of each configuration; they sum to 1."""
        return {bag.configuration: bag.weight for bag in self.bags}


def select_bags(
    history: RunHistory, artifacts: Artifacts, task: Task, size: int, seconds: float, random_state: int
) -> list[FoldBag]:
    """The members of the best ensemble that a run history supports.

    Parameters
    ----------
    size : int
        Rounds of greedy selection; 1 picks the single best configuration.
    seconds : float
        Time that the selection may take.
    """
    deadline = time.monotonic() + seconds
    sets = candidate_sets(history, task)
    shared = sum(len(task.folds[f][1]) for f in range(sets[-1][0])) if sets else 0
    # Parallel trials may have finished a later fold before the first; then the best stands alone.
    best = (float("inf"), rank(history)[:1] or [next(e for e in history.evaluations.values() if e.folds)], np.ones(1))
    for n_folds, candidates in sets:
        rows = np.concatenate([task.folds[f][1] for f in range(n_folds)])
        stacked = np.stack(
            [np.concatenate([artifacts.predictions(e.configuration, f) for f in range(n_folds)]) for e in candidates]
        )
        weights = select_weights(stacked, task.y[rows], task.metric, size, task.weights(rows), random_state, deadline)
        mixed = np.tensordot(weights, stacked[:, :shared], 1)
        loss = loss_or_nan(task.metric, task.y[rows[:shared]], mixed, task.weights(rows[:shared]))
        if loss < best[0]:
            best = loss, candidates, weights
        if time.monotonic() > deadline:
            break
    _, candidates, weights = best
    # In the order of time, models of older folds have not seen the newest rows, so only the newest fold predicts.
    n_models = 1 if is_forward_chaining(task.folds) else len(task.folds)
    return [
        FoldBag(e.configuration, float(w), [artifacts.model(e.configuration, f) for f in sorted(e.folds)[:n_models]])
        for e, w in zip(candidates, weights, strict=True)
        if w > 0
    ]


def out_of_fold(
    bags: Sequence[FoldBag], history: RunHistory, artifacts: Artifacts, task: Task
) -> tuple[NDArray[np.intp], Array]:
    """Rows of the folds that all members have finished, and what the ensemble predicts for them out of fold."""
    finished = [set(history.evaluations[bag.configuration].folds) for bag in bags]
    folds = sorted(set.intersection(*finished))
    rows = np.concatenate([task.folds[f][1] for f in folds])
    each = [bag.weight * np.concatenate([artifacts.predictions(bag.configuration, f) for f in folds]) for bag in bags]
    return rows, np.asarray(sum(each))


def select_weights(
    predictions: Array,
    y: Array,
    metric: Metric,
    size: int,
    sample_weight: Array | None = None,
    random_state: int = 0,
    deadline: float = float("inf"),
) -> Array:
    """Weights of the candidates, summing to 1.

    Greedy selection with replacement (Caruana et al., 2004), its weights averaged over bags of rows on small tables
    (Caruana et al., 2006), then shrunk towards equal weights of the candidates picked.

    Parameters
    ----------
    predictions : ndarray of shape (n_candidates, n_samples, n_classes) or (n_candidates, n_samples)
        Out-of-fold, best candidate first.
    deadline : float
        In seconds of `time.monotonic`; bags that would start later are left out.

    Returns
    -------
    ndarray of shape (n_candidates,)
    """
    if sample_weight is not None and not sample_weight.all():
        rows = np.flatnonzero(sample_weight)  # a random part of all rows might have no weight at all
        predictions, y, sample_weight = predictions[:, rows], y[rows], sample_weight[rows]
    n_candidates, n_rows = predictions.shape[:2]
    if n_candidates == 1 or size == 1:
        return np.eye(n_candidates)[0]
    rng = np.random.default_rng(random_state)
    subsets = [np.arange(n_rows)]
    if n_rows > _MAX_ROWS:
        subsets = [np.sort(rng.choice(n_rows, _MAX_ROWS, replace=False))]
    elif n_rows < _BAG_ROWS:
        subsets = [np.sort(rng.choice(n_rows, max(2, int(0.8 * n_rows)), replace=False)) for _ in range(_BAGS)]
    bags: list[Array] = []
    for rows in subsets:
        if bags and time.monotonic() > deadline:
            break
        w = None if sample_weight is None else sample_weight[rows]
        bags.append(greedy_weights(predictions[:, rows], y[rows], metric, size, w, deadline))
    return shrink_weights(np.mean(bags, axis=0), n_rows)


def shrink_weights(weights: Array, n_rows: int) -> Array:
    """Weights without the smallest, drawn towards equal ones; the more so, the fewer rows they were found on."""
    kept = np.where(weights < min(_SMALLEST_WEIGHT, weights.max()), 0.0, weights)
    kept = kept / kept.sum()
    equal = (kept > 0) / np.count_nonzero(kept)
    shrink = _SHRINKAGE_ROWS / (_SHRINKAGE_ROWS + n_rows)
    return (1 - shrink) * kept + shrink * equal


def greedy_weights(
    predictions: Array, y: Array, metric: Metric, size: int, w: Array | None = None, deadline: float = float("inf")
) -> Array:
    """Weights of the best prefix of greedy selection; ties go to candidates already in, then to the earlier one."""
    losses_with = _loss_function(predictions, y, metric, w)
    counts = np.zeros(len(predictions), dtype=int)
    total = np.zeros(predictions.shape[1:])
    best_loss, best_counts = float("inf"), counts
    for done in range(size):
        losses = np.nan_to_num(losses_with(total, done), nan=np.inf)
        lowest = losses.min()
        ties = np.flatnonzero(losses <= lowest + 1e-9 * abs(lowest))
        pick = max(ties, key=lambda i: (counts[i] > 0, -i))
        counts = counts.copy()
        counts[pick] += 1
        total = total + predictions[pick]
        if lowest < best_loss:
            best_loss, best_counts = lowest, counts
        if time.monotonic() > deadline:
            break
    if best_counts.sum() == 0:
        best_counts = np.eye(len(predictions), dtype=int)[0]
    return best_counts / best_counts.sum()


def _loss_function(
    predictions: Array, y: Array, metric: Metric, w: Array | None
) -> Callable[[Array, int], Sequence[float] | Array]:
    """Function of (sum of predictions, number of them) that gives the loss with each candidate added, shape (m,)."""
    if metric.fast == "neg_log_loss":
        own = predictions[:, np.arange(len(y)), y].astype(np.float64)

        def log_losses(total: Array, done: int) -> Array:
            mean = (total[np.arange(len(y)), y] + own) / (done + 1)
            return -np.average(np.log(np.clip(mean, 1e-15, 1.0)), axis=1, weights=w)

        return log_losses
    if metric.fast in ("neg_root_mean_squared_error", "neg_mean_squared_error"):

        def squared(total: Array, done: int) -> Array:
            return np.average(((total + predictions) / (done + 1) - y) ** 2, axis=1, weights=w)

        return squared

    if metric.fast == "roc_auc":

        def roc_aucs(total: Array, done: int) -> Array:
            return np.concatenate([roc_auc_losses(y, total[:, 1] + part[..., 1], w) for part in parts])

        parts = np.array_split(predictions, 1 + len(predictions) * len(y) // _SORTED_AT_ONCE)
        return roc_aucs

    def general(total: Array, done: int) -> list[float]:
        return [loss_or_nan(metric, y, (total + p) / (done + 1), w) for p in predictions]

    return general
