"""An honest estimate of an ensemble's score on new data, from the out-of-fold predictions of the search that found it.

The score that a search reports for its winner is too good, because the winner was chosen by that score. Here the choice
is made again on bootstrap samples of the rows and judged on the rows left out (BBC-CV: Tsamardinos, Greasidou and
Borboudakis, "Bootstrapping the out-of-sample predictions for efficient and accurate cross-validation", Machine Learning
107, 2018, section 3), with nothing fitted again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from automl.ensemble.calibration import calibrate
from automl.ensemble.selection import (
    Ensemble,
    greedy_weights,
    out_of_fold,
    shrink_weights,
)
from automl.ensemble.threshold import one_hot_labels, tune_label_weights
from automl.task.metrics import Metric, loss_or_nan
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.candidates import candidate_sets, cap_candidates
from automl.trials.history import Evaluation, RunHistory
from pipelines.configuration import Configuration

Array = NDArray[Any]
Rows = NDArray[np.intp]

LEVEL = 0.95
_WIDEN = 3  # times as many candidates as the ensemble chose from, so that who may be chosen is drawn again, too
_MOST_CANDIDATES = 60
_MAX_ROWS = 5_000  # beyond them choosing overfits little, and the interval is narrow
_MAX_BYTES = 2**24  # of predictions that a fitted estimator carries
_ROUNDS = 10  # of greedy selection in a resample; the later ones only fine-tune the weights
_RESAMPLES = (40, 200)
_WORK = 1.5e8  # rows that metrics may look at in all: some ten seconds
_OVERHEAD_ROWS = {True: 200, False: 40_000}  # what a call of a fast metric and of another scorer costs, as rows
_FOLD_MODELS = 1.3  # times wider than the rows alone explain, see `estimate_score`
_REDRAWS = 20  # to get every class on both sides


@dataclass(frozen=True)
class Estimate:
    """What score to expect on new data.

    Attributes
    ----------
    score : float
        Greater is better, as scikit-learn's scorers have it.
    low, high : float
        The interval that holds the score on much new data with probability `level`.
    level : float
    """

    score: float
    low: float
    high: float
    level: float

    def __repr__(self) -> str:
        return f"Estimate(score={self.score:.4g}, low={self.low:.4g}, high={self.high:.4g}, level={self.level:g})"


@dataclass(frozen=True)
class Evidence:
    """What the estimate is made from; small enough to stay with the fitted estimator.

    Attributes
    ----------
    predictions : ndarray of shape (n_candidates, n_rows, n_classes) or (n_candidates, n_rows)
        Out-of-fold, fold after fold; NaN where a candidate has not finished a fold.
    sets : tuple of (int, tuple of int)
        For each set of candidates how many of the rows all of them have seen, and which they are.
    families : tuple of str
        Of each candidate.
    units : ndarray of shape (n_rows,)
        Number of the unit that a row is drawn with: its group, or the row itself.
    n_table_rows : int
        Of the whole table, which decides how many candidates are chosen from.
    size : int
        Rounds of greedy selection in the run.
    tunes_labels, calibrates : bool
        Whether the run found factors of the classes that labels are said with, and a map of the probabilities.
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
    tunes_labels: bool
    calibrates: bool
    random_state: int

    def loss(self, rows: Rows, predictions: Array) -> float:
        """Loss of predictions for some rows; NaN where the metric has no answer."""
        weights = None if self.sample_weight is None else self.sample_weight[rows]
        return loss_or_nan(self.metric, self.y[rows], predictions, weights)


def gather(
    history: RunHistory,
    artifacts: Artifacts,
    task: Task,
    ensemble: Ensemble,
    size: int,
    random_state: int,
    deadline: float = float("inf"),
) -> Evidence:
    """Read the out-of-fold predictions of all that were or might have been chosen.

    Parameters
    ----------
    size : int
        Rounds of greedy selection in the run.
    deadline : float
        In seconds of `time.monotonic`; candidates that are not in the ensemble and would be read later are left out.
    """
    rng = np.random.default_rng(random_state)
    sets = [(n, chosen[:_MOST_CANDIDATES]) for n, chosen in candidate_sets(history, task, _WIDEN)]
    if sets:
        rows, predictions, numbered, families = _gather_sets(sets, artifacts, task, ensemble, rng, deadline)
    else:  # parallel trials have finished later folds only, and the best of them stands alone
        rows, mixed = out_of_fold(ensemble.bags, history, artifacts, task)
        kept = _thin(len(rows), mixed[:1].nbytes, rng)
        rows, predictions, numbered, families = rows[kept], mixed[None, kept], [(len(kept), (0,))], ["ensemble"]
    return Evidence(
        predictions=predictions,
        sets=tuple(pair for pair in numbered if pair[1]),
        families=tuple(families),
        y=task.y[rows],
        sample_weight=task.weights(rows),
        units=np.unique(rows if task.groups is None else task.groups[rows], return_inverse=True)[1],
        metric=task.metric,
        n_table_rows=task.traits.n_rows,
        size=size,
        tunes_labels=ensemble.label_weights is not None,
        calibrates=ensemble.calibration is not None,
        random_state=random_state,
    )


def _gather_sets(
    sets: list[tuple[int, list[Evaluation]]],
    artifacts: Artifacts,
    task: Task,
    ensemble: Ensemble,
    rng: np.random.Generator,
    deadline: float,
) -> tuple[Rows, Array, list[tuple[int, tuple[int, ...]]], list[str]]:
    """Kept rows, predictions for them, sets and families of the candidates, as `Evidence` has them."""
    wanted = {e.configuration: e for _, chosen in sets for e in chosen}
    members_first = sorted(wanted.values(), key=lambda e: e.configuration not in ensemble.weights)
    folds = [test for _, test in task.folds[: sets[0][0]]]
    rows = np.concatenate(folds)
    kept = _thin(len(rows), 4 * max(1, task.traits.n_classes) * len(wanted), rng)
    starts = np.cumsum([0, *map(len, folds)])
    ends = np.searchsorted(kept, starts)
    numbers: dict[Configuration, int] = {}
    parts: list[Array] = []
    for e in members_first:
        if time.monotonic() > deadline and e.configuration not in ensemble.weights:
            break
        numbers[e.configuration] = len(parts)
        parts.append(_read(e, artifacts, task.traits.n_classes, kept, starts))
    numbered = [
        (int(ends[n]), tuple(numbers[e.configuration] for e in chosen if e.configuration in numbers))
        for n, chosen in sets
    ]
    return rows[kept], np.stack(parts), numbered, [c.family for c in numbers]


def estimate_score(evidence: Evidence, level: float = LEVEL) -> Estimate:
    """Bootstrap bias-corrected estimate of the ensemble's score, choice and weights included, with an interval.

    The mean over the resamples is the estimate. Scores of random parts of r among n units spread more widely than
    scores of n new units do; the delete-d jackknife says by how much (Shao and Wu, "A general theory for jackknife
    variance estimation", Annals of Statistics 17, 1989): with d = n - r, deviations from the mean are multiplied by
    sqrt(r / d), which is about 0.76, and the interval lies between their percentiles.

    That is the spread of given predictions. Other training rows would have made other fold models, too, whose errors
    are common to many rows and which nothing in one cross-validation shows (Bengio and Grandvalet, "No unbiased
    estimator of the variance of k-fold cross-validation", JMLR 5, 2004; Bates, Hastie and Tibshirani,
    "Cross-validation: what does it estimate and how well does it do it?", JASA 119, 2024). Hence a factor, chosen by
    measured coverage (`benchmarks/honest_estimate.py`); with it the interval is nearly that of BBC-CV, the plain
    percentiles.

    Resamples that miss a class on either side are drawn again.

    Returns
    -------
    Estimate
        Of NaN where the metric is undefined on every resample.
    """
    rng = np.random.default_rng(evidence.random_state)
    scores, shares = [], []
    with threadpool_limits(1):  # the problems are so small that threads would only wait for each other
        for drawn, left_out in _resamples(evidence, rng):
            scores.append(-_judge(evidence, drawn, left_out))
            shares.append(len(np.unique(evidence.units[left_out])))
    sound = np.isfinite(scores)
    if not sound.any():
        return Estimate(np.nan, np.nan, np.nan, level)
    found = np.array(scores)[sound]
    n_units = int(evidence.units.max()) + 1
    judged = float(np.mean(np.array(shares)[sound]))
    spread = _FOLD_MODELS * np.sqrt(judged / (n_units - judged))
    mean = float(found.mean())
    low, high = mean + spread * (np.quantile(found, [(1 - level) / 2, (1 + level) / 2]) - mean)
    return Estimate(mean, float(low), min(float(high), evidence.metric.best), level)


def draw_units(units: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """A bootstrap sample of units: its rows in ascending order, repeated as drawn, and the rows of units not drawn."""
    n_units = int(units.max()) + 1
    counts = np.bincount(rng.integers(n_units, size=n_units), minlength=n_units)[units]
    return np.repeat(np.arange(len(units)), counts), np.flatnonzero(counts == 0)


def _resamples(evidence: Evidence, rng: np.random.Generator) -> Iterator[tuple[Rows, Rows]]:
    """Drawn rows and rows left out; as many pairs as are worth their time, the same on every machine."""
    y = evidence.y if evidence.metric.classes is not None else np.zeros(len(evidence.y))
    n_classes = len(np.unique(y))
    for _ in range(_n_resamples(evidence)):
        for _ in range(_REDRAWS):
            drawn, left_out = draw_units(evidence.units, rng)
            if len(np.unique(y[drawn])) == len(np.unique(y[left_out])) == n_classes:
                break
        if len(drawn) and len(left_out):
            yield drawn, left_out


def _n_resamples(evidence: Evidence) -> int:
    rows = len(evidence.y) + _OVERHEAD_ROWS[evidence.metric.fast is not None]
    calls = 0
    for _, members in evidence.sets:
        chosen = len(cap_candidates([evidence.families[i] for i in members], evidence.n_table_rows))
        calls += len(members) + chosen * min(_ROUNDS, evidence.size)
    if evidence.tunes_labels:
        calls += 250
    if evidence.calibrates:
        calls += 20 * evidence.predictions.shape[2]
    return int(np.clip(_WORK / (rows * calls), *_RESAMPLES))


def _judge(evidence: Evidence, drawn: Rows, left_out: Rows) -> float:
    """Loss on the rows left out of the ensemble that the drawn rows choose."""
    best: tuple[float, int, list[int], Array] | None = None
    shared = drawn[drawn < evidence.sets[-1][0]]
    for n_rows, members in evidence.sets:
        rows = drawn[drawn < n_rows]
        chosen, weights = _choose(evidence, members, rows)
        alone = len(evidence.sets) == 1
        loss = 0.0 if alone else evidence.loss(shared, _mix(evidence, chosen, weights, shared))
        if best is None or loss < best[0]:
            best = loss, n_rows, chosen, weights
    assert best is not None
    _, n_rows, chosen, weights = best
    judged = left_out[left_out < n_rows]
    if not len(judged):
        return float("nan")
    answer = _mix(evidence, chosen, weights, judged)
    if evidence.calibrates:
        rows = drawn[drawn < n_rows]
        w = None if evidence.sample_weight is None else evidence.sample_weight[rows]
        mixed = _mix(evidence, chosen, weights, rows)
        calibration = calibrate(evidence.y[rows], mixed, evidence.metric, w, evidence.random_state)
        answer = answer if calibration is None else calibration(answer)
    if evidence.tunes_labels:
        # Each row once: the tuning tells a gain from chance by rows that it has not seen.
        seen = np.unique(drawn[drawn < n_rows])
        w = None if evidence.sample_weight is None else evidence.sample_weight[seen]
        mixed = _mix(evidence, chosen, weights, seen)
        factors = tune_label_weights(evidence.y[seen], mixed, evidence.metric, w, evidence.random_state)
        answer = answer if factors is None else one_hot_labels(answer, factors)
    return evidence.loss(judged, answer)


def _choose(evidence: Evidence, members: Sequence[int], rows: Rows) -> tuple[list[int], Array]:
    """Candidates and weights that the rows speak for, as `select_bags` does, but with a single bag."""
    losses = np.nan_to_num([evidence.loss(rows, evidence.predictions[i][rows]) for i in members], nan=np.inf)
    ranked = [members[i] for i in np.argsort(losses, kind="stable")]
    places = cap_candidates([evidence.families[i] for i in ranked], evidence.n_table_rows)
    chosen = [ranked[place] for place in places]
    if len(chosen) == 1 or evidence.size == 1:
        return chosen[:1], np.ones(1)
    w = None if evidence.sample_weight is None else evidence.sample_weight[rows]
    if w is not None and not w.any():
        return chosen[:1], np.ones(1)
    stacked = np.stack([evidence.predictions[i][rows] for i in chosen])
    weights = greedy_weights(stacked, evidence.y[rows], evidence.metric, min(_ROUNDS, evidence.size), w)
    return chosen, shrink_weights(weights, len(rows))


def _mix(evidence: Evidence, chosen: Sequence[int], weights: Array, rows: Rows) -> Array:
    """The ensemble's out-of-fold predictions for some rows."""
    pairs = zip(chosen, weights, strict=True)
    return np.asarray(sum(w * evidence.predictions[i][rows].astype(np.float64) for i, w in pairs if w > 0))


def _thin(n_rows: int, row_bytes: int, rng: np.random.Generator) -> Rows:
    """Positions of the rows to keep, ascending."""
    most = min(_MAX_ROWS, _MAX_BYTES // row_bytes)
    return np.arange(n_rows) if n_rows <= most else np.sort(rng.choice(n_rows, most, replace=False))


def _read(evaluation: Evaluation, artifacts: Artifacts, n_classes: int, kept: Rows, starts: Rows) -> Array:
    """Predictions of one configuration at the kept positions; NaN from its first missing fold on."""
    shape, dtype = ((len(kept), n_classes), np.float32) if n_classes else (len(kept), np.float64)
    out: Array = np.full(shape, np.nan, dtype=dtype)
    places = np.searchsorted(kept, starts)
    for fold, (a, b) in enumerate(pairwise(places)):
        if fold not in evaluation.folds:
            break
        out[a:b] = artifacts.predictions(evaluation.configuration, fold)[kept[a:b] - starts[fold]]
    return out
