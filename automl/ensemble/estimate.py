"""Estimate the score of an ensemble on new data from the out-of-fold predictions of its search.

The score that a search reports for its winner is too good, because the winner was chosen by that score. This module
repeats the choice on bootstrap samples of the rows and scores it on the rows left out. No model is fitted again
(BBC-CV: Tsamardinos, Greasidou and Borboudakis, "Bootstrapping the out-of-sample predictions for efficient and accurate
cross-validation", Machine Learning 107, 2018, section 3).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.calibration import calibrate
from automl.ensemble.selection import Ensemble, greedy_weights, out_of_fold, shrink_weights
from automl.ensemble.threshold import one_hot_labels, tune_decision_weights
from automl.execute.threads import single_threaded
from automl.task.metrics import Metric, loss_or_nan
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.candidates import candidate_sets, cap_candidates
from automl.trials.history import Evaluation, RunHistory
from pipelines.configuration import Configuration

Array = NDArray[Any]
Rows = NDArray[np.intp]

LEVEL = 0.95
_WIDEN = 3  # times as many candidates as the ensemble had, so that each resample also chooses the candidates again
_MAX_CANDIDATES = 60
_MAX_ROWS = 5_000  # with more rows, the choice overfits little and the interval is narrow
_MAX_BYTES = 2**24  # of the predictions in a fitted estimator
_MAX_ROUNDS = 10  # of greedy selection in a resample; later rounds change the weights little
_RESAMPLES = (40, 200)  # lowest and highest number
_MAX_SCORED_ROWS = 1.5e8  # rows that all calls of metrics may score together, which takes about ten seconds
_OVERHEAD_ROWS = {True: 200, False: 40_000}  # time of one call of a fast metric and of another scorer, in rows
_FOLD_MODEL_FACTOR = 1.3  # times the width that the rows alone explain, see `estimate_score`
_MAX_SECONDS = 60.0  # after which no further resample starts; only a slow scorer of the user needs as long
_MIN_RESAMPLES_FOR_INTERVAL = 10
_SLOW_START = 3  # resamples after which the seconds of all of them are forecast
_FEW_ROWS = 1_000  # of the choice of an ensemble, where the time is short
_MAX_REDRAWS = 20  # of one resample, until both parts hold every class


@dataclass(frozen=True)
class Estimate:
    """The score to expect on new data, with an interval.

    Parameters
    ----------
    score : float
        The expected score; greater is better, as in scikit-learn's scorers.
    low, high : float
        Ends of the interval that contains the score on many new rows with probability `level`.
    level : float
        Probability between 0 and 1.

    Examples
    --------
    >>> from automl.ensemble.estimate import Estimate
    >>> Estimate(score=0.91, low=0.88, high=0.94, level=0.95)
    Estimate(score=0.91, low=0.88, high=0.94, level=0.95)
    """

    score: float
    low: float
    high: float
    level: float

    def __repr__(self) -> str:
        return f"Estimate(score={self.score:.4g}, low={self.low:.4g}, high={self.high:.4g}, level={self.level:g})"


@dataclass(frozen=True)
class OutOfFoldRecord:
    """The out-of-fold predictions that an estimate is computed from; small enough to stay in the fitted estimator.

    Attributes
    ----------
    predictions : ndarray of shape (n_candidates, n_rows, n_classes) or (n_candidates, n_rows)
        Out-of-fold predictions in the order of the folds; NaN if a candidate has not finished a fold.
    sets : tuple of (int, tuple of int)
        For each set of candidates: for how many of the first rows all its candidates have predictions, and the
        numbers of the candidates.
    families : tuple of str
        The family of each candidate.
    units : ndarray of shape (n_rows,)
        Number of the unit that a row is drawn with: the group of the row, or the row itself.
    n_table_rows : int
        Number of rows of the whole table, which limits the number of candidates.
    size : int
        Rounds of greedy selection in the run.
    tunes_decision, calibrates : bool
        Whether the ensemble has decision weights, and whether it has a calibration.
    """

    predictions: Array
    sets: tuple[tuple[int, tuple[int, ...]], ...]
    families: tuple[str, ...]
    y: Array
    sample_weight: Array | None
    units: Rows
    metric: Metric
    n_table_rows: int
    size: int
    tunes_decision: bool
    calibrates: bool
    random_state: int

    def loss(self, rows: Rows, predictions: Array) -> float:
        """Return the loss of predictions for some rows; NaN if the metric is undefined on these rows."""
        weights = None if self.sample_weight is None else self.sample_weight[rows]
        return loss_or_nan(self.metric.take(rows), self.y[rows], predictions, weights)


def collect(
    history: RunHistory,
    artifacts: Artifacts,
    task: Task,
    ensemble: Ensemble,
    size: int,
    random_state: int,
    deadline: float = float("inf"),
) -> OutOfFoldRecord:
    """Read the out-of-fold predictions of the ensemble's members and of the other candidates.

    Parameters
    ----------
    size : int
        Rounds of greedy selection in the run.
    deadline : float
        Time of `time.monotonic`, in seconds. After it, only members of the ensemble are still read.
    """
    rng = np.random.default_rng(random_state)
    sets = [(n, chosen[:_MAX_CANDIDATES]) for n, chosen in candidate_sets(history, task, _WIDEN)]
    if sets:
        rows, predictions, numbered, families = _collect_sets(sets, artifacts, task, ensemble, rng, deadline)
    else:  # parallel trials have finished later folds only, so the ensemble is the single best configuration
        rows, mean = out_of_fold(ensemble.bags, history, artifacts, task)
        kept = _sample_positions(len(rows), mean[:1].nbytes, rng)
        rows, predictions, numbered, families = rows[kept], mean[None, kept], [(len(kept), (0,))], ["ensemble"]
    return OutOfFoldRecord(
        predictions=predictions,
        sets=tuple(pair for pair in numbered if pair[1]),
        families=tuple(families),
        y=task.y[rows],
        sample_weight=task.weights(rows),
        units=np.unique(rows if task.groups is None else task.groups[rows], return_inverse=True)[1],
        metric=task.metric.take(rows),
        n_table_rows=task.traits.n_rows,
        size=size,
        tunes_decision=ensemble.decision_weights is not None,
        calibrates=ensemble.calibration is not None,
        random_state=random_state,
    )


def _collect_sets(
    sets: list[tuple[int, list[Evaluation]]],
    artifacts: Artifacts,
    task: Task,
    ensemble: Ensemble,
    rng: np.random.Generator,
    deadline: float,
) -> tuple[Rows, Array, list[tuple[int, tuple[int, ...]]], list[str]]:
    """Return the kept rows, their predictions, and sets and families of the candidates, as in `OutOfFoldRecord`."""
    wanted = {e.configuration: e for _, chosen in sets for e in chosen}
    members_first = sorted(wanted.values(), key=lambda e: e.configuration not in ensemble.weights)
    folds = [test for _, test in task.folds[: sets[0][0]]]
    rows = np.concatenate(folds)
    kept = _sample_positions(len(rows), 4 * max(1, task.traits.n_classes) * len(wanted), rng)
    starts = np.cumsum([0, *map(len, folds)])
    ends = np.searchsorted(kept, starts)
    numbers: dict[Configuration, int] = {}
    parts: list[Array] = []
    for e in members_first:
        if time.monotonic() > deadline and e.configuration not in ensemble.weights:
            break
        numbers[e.configuration] = len(parts)
        parts.append(_read_predictions(e, artifacts, task.traits.n_classes, kept, starts))
    numbered = [
        (int(ends[n]), tuple(numbers[e.configuration] for e in chosen if e.configuration in numbers))
        for n, chosen in sets
    ]
    return rows[kept], np.stack(parts), numbered, [c.family for c in numbers]


def estimate_score(record: OutOfFoldRecord, level: float = LEVEL) -> Estimate:
    """Return the bootstrap bias-corrected estimate of the ensemble's score, with an interval.

    Each resample repeats the choice of the candidates and of their weights. The mean score over the resamples is the
    estimate. Scores of random parts with r of n units vary more than scores of n new units. The delete-d jackknife
    gives the ratio (Shao and Wu, "A general theory for jackknife variance estimation", Annals of Statistics 17, 1989):
    with d = n - r, deviations from the mean are multiplied by sqrt(r / d), which is about 0.76. The interval lies
    between their percentiles.

    This is the variation for fixed fold models. Other training rows would also have given other fold models. Their
    errors are common to many rows, and one cross-validation cannot show them (Bengio and Grandvalet, "No unbiased
    estimator of the variance of k-fold cross-validation", JMLR 5, 2004; Bates, Hastie and Tibshirani,
    "Cross-validation: what does it estimate and how well does it do it?", JASA 119, 2024). Therefore the width is
    multiplied by a factor that was chosen by measured coverage (`benchmarks/honest_estimate.py`). The resulting
    interval is close to the interval of BBC-CV, which uses the plain percentiles.

    A resample is drawn again if one of its two parts lacks a class.

    Returns
    -------
    Estimate
        All its scores are NaN if the metric is undefined on every resample. The ends of the interval are NaN if the
        scorer is so slow that a minute is enough for a few resamples only.
    """
    scored = _score_resamples(record, time.monotonic() + _MAX_SECONDS, 0)
    assert scored is not None
    return _summarize(record, *scored, level)


def estimate_score_before(record: OutOfFoldRecord, deadline: float, level: float = LEVEL) -> Estimate | None:
    """Return the estimate of `estimate_score`, from fewer resamples if the time is short.

    Parameters
    ----------
    deadline : float
        Time of `time.monotonic`, in seconds; infinite for as many resamples as `estimate_score` takes.

    Returns
    -------
    Estimate or None
        None if the time does not suffice for the fewest resamples that give a useful interval.
    """
    scored = _score_resamples(record, deadline, _RESAMPLES[0])
    return None if scored is None else _summarize(record, *scored, level)


def _score_resamples(record: OutOfFoldRecord, deadline: float, fewest: int) -> tuple[Array, Array] | None:
    """Return the score of each resample and the number of units that it leaves out, until a deadline.

    Parameters
    ----------
    fewest : int
        The result is None as soon as the time does not suffice for this number of resamples, not even if ensembles are
        chosen on fewer rows. Such ensembles are a little worse, so that the estimate is on the safe side.
    """
    rng = np.random.default_rng(record.random_state)
    scores, n_left_out = list[float](), list[int]()
    start, n_checked = time.monotonic(), 0
    most_rows: int | None = None  # of the choice of the ensemble
    with single_threaded():
        for drawn, left_out in _resamples(record, rng):
            now, n = time.monotonic(), len(scores)
            # The first resamples may be slow, because they import libraries.
            if n >= n_checked + _SLOW_START and now + (now - start) * (fewest - n) / (n - n_checked) > deadline:
                if most_rows is not None or len(record.y) < 2 * _FEW_ROWS:
                    return None
                most_rows, n_checked, start = _FEW_ROWS, n, now
            if now > deadline:
                if n < fewest:
                    return None
                break
            scores.append(_score_resample(record, drawn, left_out, most_rows))
            n_left_out.append(len(np.unique(record.units[left_out])))
    return np.array(scores), np.array(n_left_out)


def _summarize(record: OutOfFoldRecord, scores: Array, n_left_out: Array, level: float) -> Estimate:
    """Return the mean of the scores of resamples, and the interval."""
    defined = np.isfinite(scores)
    if not defined.any():
        return Estimate(np.nan, np.nan, np.nan, level)
    kept = scores[defined]
    n_units = int(record.units.max()) + 1
    n_scored = float(np.mean(n_left_out[defined]))
    scale = _FOLD_MODEL_FACTOR * np.sqrt(n_scored / (n_units - n_scored))
    mean = float(kept.mean())
    if len(kept) < _MIN_RESAMPLES_FOR_INTERVAL:
        return Estimate(mean, np.nan, np.nan, level)
    low, high = mean + scale * (np.quantile(kept, [(1 - level) / 2, (1 + level) / 2]) - mean)
    return Estimate(mean, float(low), min(float(high), record.metric.best), level)


def draw_units(units: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Draw a bootstrap sample of units.

    Returns
    -------
    drawn, left_out : ndarray
        Rows of the drawn units in ascending order, repeated as often as drawn; rows of the units that were not drawn.
    """
    n_units = int(units.max()) + 1
    counts = np.bincount(rng.integers(n_units, size=n_units), minlength=n_units)[units]
    return np.repeat(np.arange(len(units)), counts), np.flatnonzero(counts == 0)


def _resamples(record: OutOfFoldRecord, rng: np.random.Generator) -> Iterator[tuple[Rows, Rows]]:
    """Yield pairs of drawn rows and rows left out; their number does not depend on the machine."""
    y = record.y if record.metric.classes is not None else np.zeros(len(record.y))
    n_classes = len(np.unique(y))
    for _ in range(_n_resamples(record)):
        for _ in range(_MAX_REDRAWS):
            drawn, left_out = draw_units(record.units, rng)
            if len(np.unique(y[drawn])) == len(np.unique(y[left_out])) == n_classes:
                break
        if len(drawn) and len(left_out):
            yield drawn, left_out


def _n_resamples(record: OutOfFoldRecord) -> int:
    """Return the number of resamples that the limit on scored rows allows."""
    rows = len(record.y) + _OVERHEAD_ROWS[record.metric.fast is not None]
    calls = 0
    for _, members in record.sets:
        chosen = len(cap_candidates([record.families[i] for i in members], record.n_table_rows))
        calls += len(members) + chosen * min(_MAX_ROUNDS, record.size)
    if record.tunes_decision:
        calls += 250
    if record.calibrates:
        calls += 20 * record.predictions.shape[2]
    return int(np.clip(_MAX_SCORED_ROWS / (rows * calls), *_RESAMPLES))


def _score_resample(record: OutOfFoldRecord, drawn: Rows, left_out: Rows, most_rows: int | None = None) -> float:
    """Choose an ensemble on the drawn rows, or on some of them, and return its score on the rows left out."""
    best: tuple[float, int, list[int], Array] | None = None
    places = slice(None, None, max(1, len(drawn) // most_rows) if most_rows else 1)
    shared = drawn[drawn < record.sets[-1][0]][places]
    for n_rows, members in record.sets:
        rows = drawn[drawn < n_rows][places]
        chosen, weights = _choose(record, members, rows)
        is_only = len(record.sets) == 1
        loss = 0.0 if is_only else record.loss(shared, _mean_predictions(record, chosen, weights, shared))
        if best is None or loss < best[0]:
            best = loss, n_rows, chosen, weights
    assert best is not None
    _, n_rows, chosen, weights = best
    scored = left_out[left_out < n_rows]
    if not len(scored):
        return float("nan")
    predictions = _mean_predictions(record, chosen, weights, scored)
    if record.calibrates and not _is_blind_to_calibration(record):
        rows = drawn[drawn < n_rows]
        w = None if record.sample_weight is None else record.sample_weight[rows]
        mean = _mean_predictions(record, chosen, weights, rows)
        calibration = calibrate(record.y[rows], mean, record.metric, w, record.random_state)
        predictions = predictions if calibration is None else calibration(predictions)
    if record.tunes_decision:
        # Use each row once: the tuning tests its gain on rows that it has not used.
        distinct = np.unique(drawn[drawn < n_rows])
        w = None if record.sample_weight is None else record.sample_weight[distinct]
        mean = _mean_predictions(record, chosen, weights, distinct)
        factors = tune_decision_weights(record.y[distinct], mean, record.metric.take(distinct), w, record.random_state)
        predictions = predictions if factors is None else one_hot_labels(predictions, factors)
    return -record.loss(scored, predictions)


def _is_blind_to_calibration(record: OutOfFoldRecord) -> bool:
    """Return whether calibration cannot change a score: it keeps the order of the probabilities of two classes."""
    return record.metric.fast in ("roc_auc", "average_precision") and record.predictions.shape[2] == 2


def _choose(record: OutOfFoldRecord, members: Sequence[int], rows: Rows) -> tuple[list[int], Array]:
    """Choose candidates and weights on some rows, as `choose_members` does, but with a single bag of rows."""
    losses = np.nan_to_num([record.loss(rows, record.predictions[i][rows]) for i in members], nan=np.inf)
    ranked = [members[i] for i in np.argsort(losses, kind="stable")]
    places = cap_candidates([record.families[i] for i in ranked], record.n_table_rows)
    chosen = [ranked[place] for place in places]
    if len(chosen) == 1 or record.size == 1:
        return chosen[:1], np.ones(1)
    w = None if record.sample_weight is None else record.sample_weight[rows]
    if w is not None and not w.any():
        return chosen[:1], np.ones(1)
    stacked = np.stack([record.predictions[i][rows] for i in chosen])
    weights = greedy_weights(stacked, record.y[rows], record.metric.take(rows), min(_MAX_ROUNDS, record.size), w)
    return chosen, shrink_weights(weights, len(rows))


def _mean_predictions(record: OutOfFoldRecord, chosen: Sequence[int], weights: Array, rows: Rows) -> Array:
    """Return the weighted mean of the out-of-fold predictions for some rows."""
    pairs = zip(chosen, weights, strict=True)
    return np.asarray(sum(w * record.predictions[i][rows].astype(np.float64) for i, w in pairs if w > 0))


def _sample_positions(n_rows: int, row_bytes: int, rng: np.random.Generator) -> Rows:
    """Return the positions of the rows to keep, ascending: all of them, or a random sample of large tables."""
    most = min(_MAX_ROWS, _MAX_BYTES // row_bytes)
    return np.arange(n_rows) if n_rows <= most else np.sort(rng.choice(n_rows, most, replace=False))


def _read_predictions(evaluation: Evaluation, artifacts: Artifacts, n_classes: int, kept: Rows, starts: Rows) -> Array:
    """Return the predictions of a configuration at the kept positions; NaN from its first missing fold on."""
    shape, dtype = ((len(kept), n_classes), np.float32) if n_classes else (len(kept), np.float64)
    out: Array = np.full(shape, np.nan, dtype=dtype)
    places = np.searchsorted(kept, starts)
    for fold, (a, b) in enumerate(pairwise(places)):
        if fold not in evaluation.folds:
            break
        out[a:b] = artifacts.predictions(evaluation.configuration, fold)[kept[a:b] - starts[fold]]
    return out
