"""The out-of-fold scores of an ensemble, from which its intervals and its sets of classes are computed."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.conformal import Scores, class_sets, interval_ends, mass_before
from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.frontier import FrontierRecord
from automl.ensemble.residual_scale import ResidualScale, can_use, fit_scale, scale_features
from automl.ensemble.selection import Ensemble
from automl.task.metrics import clip_predictions
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.finished import FinishedTrials
from pipelines.configuration import Configuration
from pipelines.row_samples import rows_to_score
from pipelines.targets import TargetLayout

Array = NDArray[Any]


_MAX_ROWS = 10_000  # at a level of 0.9, they give the coverage up to 0.3 points
_LEAST_SHARE = 0.25  # of the expected squared residual, that fold models with very different predictions leave
_LEAST_WEIGHT = 0.5  # of the members that have finished a fold, so that the fold counts

OF_FEWER_MODELS = "slim has left out fold models, so that the residuals are those of other models"
OF_REFIT = "refit has trained the models on all rows, so that the residuals are those of fold models"
OF_VALIDATION_ROWS = "the residuals are those of models that were not trained on the validation rows"
OF_TIME_ORDER = "the rows are in the order of time, so that the residuals are those of models of older rows"


@dataclass(frozen=True)
class ConformalRecord:
    """What intervals and sets are computed from; small enough to stay in the fitted estimator.

    Attributes
    ----------
    scores : Scores
        Absolute residuals, which the scale divides once it is known; for classes, scores of `mass_before`.
    predictions, spreads : ndarray of shape (n_rows,) or None
        The prediction of the ensemble for each row, and the disagreement of its members; None for classes, and after
        the scale is known.
    rows : ndarray of int32, shape (n_rows,), or None
        Numbers of the rows in the training rows that the estimator keeps; None where they are not known.
    note : str
        Why the scores are not those of the models that predict, so that the result is approximate; empty for CV+.
    scale : ResidualScale or None
        The expected size of a residual; None for a constant one.
    has_scale : bool
        Whether the scale is known; it is learned when it is used for the first time.
    """

    scores: Scores
    predictions: Array | None
    spreads: Array | None
    rows: NDArray[np.int32] | None
    random_state: int
    note: str = ""
    scale: ResidualScale | None = None
    has_scale: bool = False

    @property
    def folds(self) -> list[int]:
        """The folds whose models predict; a single one where the whole ensemble does."""
        return [0] if self.note else np.unique(self.scores.folds).tolist()

    def known_scores(self) -> Scores:
        """Return the scores; they belong to one fold where the whole ensemble predicts."""
        return replace(self.scores, folds=np.zeros_like(self.scores.folds)) if self.note else self.scores

    def with_scale(self, X: Any) -> ConformalRecord:
        """Return the record with its scale, which is learned from the training rows; None uses predictions alone."""
        if self.has_scale or self.predictions is None or self.spreads is None:
            return self
        tables = [scale_features(self.predictions, self.spreads, None)]
        if can_use(X) and self.rows is not None:
            tables.append(scale_features(self.predictions, self.spreads, np.asarray(X[self.rows])))
        scores, scale = fit_scale(self.scores, tables, self.random_state)
        return replace(self, scores=scores, scale=scale, has_scale=True, predictions=None, spreads=None, rows=None)


# The records of the targets, in their order; one target has one record. The same models predict all targets, so that
# the records have the same rows, folds and note.
Records = tuple[ConformalRecord, ...]


def collect_scores(
    members: Mapping[Configuration, tuple[float, Collection[int]]],
    ensemble: Ensemble,
    artifacts: Artifacts,
    task: Task,
    random_state: int,
    deadline: float = float("inf"),
    note: str = "",
) -> Records | None:
    """Read the out-of-fold predictions of the members, and return their scores for each target.

    On a fold that some members have not finished, the weights of the other members are scaled up.

    Parameters
    ----------
    members : mapping of Configuration to (float, collection of int)
        The weight of each member, and the folds whose models count.
    ensemble : Ensemble
        It calibrates and clips the mean predictions.
    deadline : float
        Time of `time.monotonic`, in seconds, after which no further fold is read.

    Returns
    -------
    tuple of ConformalRecord or None
        None if there is no row with a prediction and a positive weight, and for quantiles.
    """
    if task.traits.quantiles:
        return None
    folds = _usable_folds(members, len(task.folds))
    if not folds:
        return None
    sizes, rows = [len(task.folds[fold][1]) for fold in folds], task.scored_rows(folds)
    numbers = np.repeat(folds, sizes)
    places = np.concatenate([np.arange(size) for size in sizes])  # of the rows in the predictions of their folds
    kept = np.arange(len(rows)) if task.sample_weight is None else np.flatnonzero(task.sample_weight[rows] > 0)
    kept = rows_to_score(np.random.default_rng(random_state), kept, _MAX_ROWS, task.y[rows])
    numbers, rows, places = numbers[kept], rows[kept], places[kept]
    means, spreads, done = list[Array](), list[Array](), np.zeros(len(rows), dtype=bool)
    for fold in folds:
        own = numbers == fold
        if not own.any() or (done.any() and time.monotonic() > deadline):
            continue
        present = [(c, weight) for c, (weight, known) in members.items() if fold in known]
        each = [artifacts.predictions(c, fold)[places[own]].astype(np.float64) for c, _ in present]
        mean, spread = _mean_and_spread(each, [weight for _, weight in present], ensemble.n_classes)
        means.append(ensemble.finish(mean))
        spreads.append(spread)
        done[own] = True
    if not done.any():
        return None
    numbers, rows = numbers[done], rows[done]
    units = rows if task.groups is None else task.groups[rows]
    facts = _RowFacts(numbers, units, task.weights(rows), rows, random_state, note)
    return _records(task.traits.targets, np.concatenate(means), np.concatenate(spreads), task.y[rows], facts)


def scores_of_run(trials: FinishedTrials, ensemble: Ensemble, deadline: float = float("inf")) -> Records | None:
    """Return the scores of the ensemble of a run; None for quantiles.

    Where models are trained on all rows at last, the scores are those of the models before.

    Parameters
    ----------
    deadline : float
        Time of `time.monotonic`, in seconds, after which no further fold is read.
    """
    task = trials.task
    if task.traits.quantiles:
        return None
    trained_at_last = task.trains_at_last  # the models of all rows have no fold
    members = {
        bag.configuration: (
            bag.weight,
            trials.history.evaluations[bag.configuration].folds if trained_at_last else bag.scored_folds,
        )
        for bag in ensemble.bags
    }
    note = OF_TIME_ORDER if task.in_time_order else OF_VALIDATION_ROWS if trained_at_last else ""
    return collect_scores(members, ensemble, trials.artifacts, task, trials.random_state, deadline, note)


def known_records(estimator: FittedModel) -> Records | None:
    """Return the records that a fitted estimator holds; None without them."""
    held = vars(estimator).get("_conformal")
    return (held,) if isinstance(held, ConformalRecord) else held  # earlier versions have saved one record alone


def of_refit(records: Records | None) -> Records | None:
    """Return records with the note that they are those of the fold models."""
    return None if records is None else tuple(replace(record, note=record.note or OF_REFIT) for record in records)


def scores_of_frontier(record: FrontierRecord, ensemble: Ensemble) -> Records | None:
    """Return the scores of the ensemble of a record, from the out-of-fold predictions of the record.

    Parameters
    ----------
    record : FrontierRecord
        Its weights are those of the ensemble.
    """
    if ensemble.quantiles:
        return None
    if record.folds is None or record.units is None:  # in a model of an earlier version
        return None
    kept = np.arange(len(record.y)) if record.sample_weight is None else np.flatnonzero(record.sample_weight > 0)
    if not len(kept):
        return None
    each = [p[kept].astype(np.float64) for p in record.predictions]
    mean, spread = _mean_and_spread(each, record.weights.tolist(), ensemble.n_classes)
    weight = None if record.sample_weight is None else record.sample_weight[kept]
    rows = None if record.rows is None else record.rows[kept]
    folds = set(np.unique(record.folds).tolist())
    note = "" if all(folds <= set(bag.folds) for bag in ensemble.bags) else OF_FEWER_MODELS
    facts = _RowFacts(record.folds[kept], record.units[kept], weight, rows, record.random_state, note)
    return _records(ensemble.targets, ensemble.finish(mean), spread, record.y[kept], facts)


def _usable_folds(members: Mapping[Configuration, tuple[float, Collection[int]]], n_folds: int) -> list[int]:
    """Return the folds on which members of enough weight have models, or else those with the largest weight."""
    weights = [sum(weight for weight, known in members.values() if fold in known) for fold in range(n_folds)]
    least = min(_LEAST_WEIGHT, max(weights, default=0.0))
    return [fold for fold, weight in enumerate(weights) if weight >= least and weight > 0]


def _mean_and_spread(each: Sequence[Array], weights: Sequence[float], n_classes: int) -> tuple[Array, Array]:
    """Return the weighted mean of predictions, and of numbers their weighted standard deviation; zeros for classes."""
    shares = np.asarray(weights) / np.sum(weights)
    mean = np.asarray(sum(share * p for share, p in zip(shares, each, strict=True)))
    if n_classes:
        return mean, np.zeros(len(mean))
    return mean, np.sqrt(np.asarray(sum(share * (p - mean) ** 2 for share, p in zip(shares, each, strict=True))))


class _RowFacts(NamedTuple):
    """What is known about some rows beside their predictions, the same for all targets; see `ConformalRecord`."""

    folds: Array
    units: Array
    weights: Array | None
    rows: Array | None
    random_state: int
    note: str


def _records(layout: TargetLayout | None, mean: Array, spread: Array, y: Array, facts: _RowFacts) -> Records:
    """Return the record of each target."""
    if layout is None:
        return (_record(mean, spread, y, facts),)
    spreads = [spread] * layout.n_targets if layout.is_classification else spread.T
    parts = zip(layout.blocks(mean), spreads, y.T, strict=True)
    return tuple(_record(block, own, target, facts) for block, own, target in parts)


def _record(mean: Array, spread: Array, y: Array, facts: _RowFacts) -> ConformalRecord:
    units = np.unique(facts.units, return_inverse=True)[1].astype(np.int32)
    rows = None if facts.rows is None else facts.rows.astype(np.int32)
    folds = facts.folds.astype(np.int32)
    if mean.ndim == 1:
        scores = Scores(np.abs(y - mean), folds, units, facts.weights)
        return ConformalRecord(scores, mean, spread, rows, facts.random_state, facts.note)
    codes = y.astype(np.int32)
    own = mass_before(mean)[np.arange(len(codes)), codes]
    scores = Scores(own, folds, units, facts.weights, codes)
    return ConformalRecord(scores, None, None, None, facts.random_state, facts.note)


def _fold_means(record: ConformalRecord, ensemble: Ensemble, X: Any) -> tuple[Array, list[Array], Array]:
    """Return the predictions of the ensemble, those of the models of each fold, and the disagreement of the members."""
    each = iter(ensemble.plan().predict(X, ensemble.n_threads))
    bags = [(bag, [next(each).astype(np.float64) for _ in bag.models]) for bag in ensemble.bags]
    weights = [bag.weight for bag, _ in bags]
    n_classes = ensemble.n_classes
    whole, spread = _mean_and_spread([np.mean(predictions, axis=0) for _, predictions in bags], weights, n_classes)
    finished = ensemble.finish(whole)
    if record.note:
        return finished, [finished], spread
    means, spreads = [], []
    for fold in record.folds:
        own = [(predictions[bag.folds.index(fold)], bag.weight) for bag, predictions in bags if fold in bag.folds]
        mean, spread = _mean_and_spread([p for p, _ in own], [weight for _, weight in own], n_classes)
        means.append(ensemble.finish(mean))
        spreads.append(spread)
    return finished, means, np.mean(spreads, axis=0)


def _share_of_mean(centers: Array, scale: Array, mean_square: float) -> Array:
    """Return the factors by which intervals around the predictions of fold models become those of their mean.

    The squared residual of a fold model is, on average over new rows, that of the mean of all fold models plus the
    variance of their predictions. CV+ would add this variance once more, because it collects intervals around each of
    the predictions; so twice the variance is taken away.

    Parameters
    ----------
    centers : ndarray of shape (n_folds, n_samples)
    mean_square : float
        The mean of the squared scores, where the scale is the unit.
    """
    expected = scale**2 * mean_square
    share = np.divide(2 * centers.var(axis=0), expected, out=np.zeros(len(scale)), where=expected > 0)
    return np.asarray(np.sqrt(np.clip(1 - share, _LEAST_SHARE, 1)))


def predict_intervals(records: Records, ensemble: Ensemble, X: Any, level: float) -> tuple[Array, Array]:
    """Return the predictions, and the ends of the intervals, shape (n_samples, 2) or (n_samples, 2, n_targets).

    Parameters
    ----------
    records : tuple of ConformalRecord
        With their scales.
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        Output of the table reader.
    """
    prediction, means, spread = _fold_means(records[0], ensemble, X)
    centers, limits = np.stack(means), ensemble.prediction_range
    if ensemble.targets is None:
        ends = _ends(records[0], centers, spread, X, level)
        return prediction, ends if limits is None else np.clip(ends, *limits)
    parts = enumerate(records)
    every = np.stack([_ends(record, centers[..., j], spread[:, j], X, level) for j, record in parts], axis=-1)
    return prediction, clip_predictions(every, limits)


def _ends(record: ConformalRecord, centers: Array, spread: Array, X: Any, level: float) -> Array:
    """Return the ends of the intervals of one target, shape (n_samples, 2)."""
    scale = np.ones(centers.shape[1])
    if record.scale is not None:
        scale = record.scale(centers.mean(axis=0), spread, X)
    scores = record.known_scores()
    scale = scale * _share_of_mean(centers, scale, float(scores.relative() @ scores.values**2))
    return interval_ends(scores, record.folds, centers, scale, level)


def predict_sets(
    records: Records, ensemble: Ensemble, X: Any, level: float, by_class: bool
) -> tuple[Array, list[NDArray[np.bool_]]]:
    """Return the probabilities, and for each target the classes of each set, shape (n_samples, n_classes).

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        Output of the table reader.
    """
    probabilities, means, _ = _fold_means(records[0], ensemble, X)
    layout, found = ensemble.targets, []
    whole = [probabilities] if layout is None else layout.blocks(probabilities)
    parts = [[mean] if layout is None else layout.blocks(mean) for mean in means]
    for j, (record, p) in enumerate(zip(records, whole, strict=True)):
        sets = class_sets(record.known_scores(), record.folds, [part[j] for part in parts], level, by_class)
        sets[np.arange(len(sets)), p.argmax(axis=1)] = True
        found.append(sets)
    return probabilities, found
