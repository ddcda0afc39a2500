"""Estimate the score of an ensemble on new data from the out-of-fold predictions of its search.

The score that a search reports for its winner is too good, because the winner was chosen by that score. This module
repeats the choice on bootstrap samples of the rows and scores it on the rows left out. No model is fitted again
(BBC-CV: Tsamardinos, Greasidou and Borboudakis, "Bootstrapping the out-of-sample predictions for efficient and accurate
cross-validation", Machine Learning 107, 2018, section 3).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from automl.ensemble.calibration import Calibration
from automl.ensemble.estimate import LEVEL, Estimate, OutOfFoldRecord, Rows, draw_units, shows_spread
from automl.ensemble.selection import greedy_weights, shrink_weights
from automl.ensemble.target_calibration import TargetsCalibration, calibrate_for
from automl.ensemble.threshold import one_hot_labels, tune_decision_weights
from automl.execute.threads import single_threaded
from automl.task.target_metrics import TargetsScorer
from automl.trials.candidates import cap_candidates

Array = NDArray[Any]

_MAX_ROUNDS = 10  # of greedy selection in a resample; later rounds change the weights little
_RESAMPLES = (40, 200)  # lowest and highest number, where the time suffices
_FEWEST_RESAMPLES = 12  # also where the time does not suffice
_FEWEST_FOR_INTERVAL = 10
_MAX_SCORED_ROWS = 1.5e8  # rows that all calls of metrics may score together, which takes about ten seconds
_OVERHEAD_ROWS = {True: 200, False: 40_000}  # time of one call of a fast metric and of another scorer, in rows
_FOLD_MODEL_FACTOR = 1.3  # times the width that the rows alone explain, see `estimate_score`
_MAX_SECONDS = 60.0  # after which no further resample starts; only a slow scorer of the user needs as long
_MAX_REDRAWS = 20  # of one resample, until both parts hold every class
_TRIAL_SHARE = 0.1  # of the seconds, for the first resample with another effort
_FEWEST_FINISHED = 3  # resamples with calibration and decision weights
_FINISH_SHARE = 0.4  # of the seconds, for one calibration, and for all of them where the time is short


@dataclass(frozen=True)
class Effort:
    """How thoroughly each resample repeats the choice of the ensemble.

    Less effort chooses slightly worse ensembles, so that the estimate is on the safe side.

    Attributes
    ----------
    n_rows : int or None
        Largest number of rows for the choice; None for all drawn rows.
    n_candidates : int or None
        Largest number of candidates for the greedy selection; None for no other limit than that of the run.
    n_rounds : int
        Largest number of rounds of greedy selection.
    """

    n_rows: int | None = None
    n_candidates: int | None = None
    n_rounds: int = _MAX_ROUNDS

    def work(self, record: OutOfFoldRecord) -> float:
        """Return the number of rows that all calls of the metric score in one resample."""
        rows = len(record.y) if self.n_rows is None else min(len(record.y), self.n_rows)
        return float(self.n_calls(record) * (rows + _overhead_rows(record)))

    def n_calls(self, record: OutOfFoldRecord) -> int:
        """Return the number of calls of the metric in one resample."""
        calls = 0
        for _, members in record.sets:
            chosen = len(
                cap_candidates([record.families[i] for i in members], record.n_table_rows)[: self.n_candidates]
            )
            calls += len(members) + chosen * min(self.n_rounds, record.size)
        return calls


_EFFORTS = (Effort(), Effort(1_000), Effort(300, 10, 5), Effort(100, 4, 3))


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
        rows are too few, or if the scorer is so slow that a minute is enough for a few resamples only.
    """
    with single_threaded():
        scored = _score_resamples(_ResampleScorer(record), time.monotonic() + _MAX_SECONDS)
    return _summarize(record, *scored, level)


def estimate_score_before(record: OutOfFoldRecord, deadline: float, level: float = LEVEL) -> Estimate:
    """Return the estimate of `estimate_score`, with less effort if the time is short.

    The first resamples are timed. Then the choice of the ensemble takes fewer rows, candidates and rounds, if
    otherwise the time would not suffice for 40 resamples. Calibration and decision weights are the slowest part of a
    resample with many classes; in a short time they are fitted in a few resamples, and the other scores follow from
    these. A few resamples are always scored, so that there is always an estimate.

    Parameters
    ----------
    deadline : float
        Time of `time.monotonic`, in seconds; infinite for the result of `estimate_score`.
    """
    if deadline == float("inf"):
        return estimate_score(record, level)
    with single_threaded():
        scorer = _ResampleScorer(record)
        effort, seconds = _plan(scorer, deadline)
        scored = _score_resamples(scorer, deadline, effort, seconds, _FEWEST_RESAMPLES)
    return _summarize(record, *scored, level)


@dataclass(frozen=True)
class _Finish:
    """The calibration and the decision weights of an ensemble."""

    calibration: Calibration | TargetsCalibration | None = None
    factors: Array | None = None

    def __call__(self, predictions: Array) -> Array:
        """Return calibrated probabilities, or one-hot labels if there are decision weights."""
        predictions = predictions if self.calibration is None else self.calibration(predictions)
        return predictions if self.factors is None else one_hot_labels(predictions, self.factors)


@dataclass(frozen=True)
class _Choice:
    """The ensemble of a resample: its members can be scored on the first rows of the record."""

    n_rows: int
    members: list[int]
    weights: Array


class _ResampleScorer:
    """Chooses and scores the ensembles of resamples.

    Attributes
    ----------
    record : OutOfFoldRecord
    plain : OutOfFoldRecord
        The record for scores before calibration. Log loss needs only the probabilities of the given classes, so that
        its record has a single class.
    finishes : bool
        Whether calibration or decision weights may change a score.
    """

    def __init__(self, record: OutOfFoldRecord):
        self.record = self.plain = record
        if record.metric.fast == "neg_log_loss":
            own = record.predictions[:, np.arange(len(record.y)), record.y][..., None]
            self.plain = replace(record, predictions=own, y=np.zeros_like(record.y))
        self.finishes = record.tunes_decision or (record.calibrates and not _is_blind_to_calibration(record))

    def choose(self, drawn: Rows, effort: Effort) -> _Choice:
        """Choose an ensemble on the drawn rows, or on some of them."""
        record = self.plain
        places = slice(None, None, max(1, len(drawn) // effort.n_rows) if effort.n_rows else 1)
        shared = drawn[drawn < record.sets[-1][0]][places]
        best: tuple[float, _Choice] | None = None
        for n_rows, members in record.sets:
            choice = _Choice(n_rows, *_choose_members(record, members, drawn[drawn < n_rows][places], effort))
            is_only = len(record.sets) == 1
            loss = 0.0 if is_only else record.loss(shared, _mean_predictions(record, choice, shared))
            if best is None or loss < best[0]:
                best = loss, choice
        assert best is not None
        return best[1]

    def score(self, choice: _Choice, left_out: Rows, finish: _Finish | None = None) -> float:
        """Return the score of an ensemble on the rows left out."""
        n_scored = self.record.n_scored
        rows = left_out[left_out < (choice.n_rows if n_scored is None else min(choice.n_rows, n_scored))]
        if not len(rows):
            return float("nan")
        if finish is None:
            return -self.plain.loss(rows, _mean_predictions(self.plain, choice, rows))
        return -self.record.loss(rows, finish(_mean_predictions(self.record, choice, rows)))

    def finish(self, choice: _Choice, drawn: Rows, deadline: float) -> _Finish:
        """Fit the calibration and the decision weights of an ensemble on the drawn rows.

        Each row counts once. A row that counts several times would make the fit trust itself too much, and the tuning
        tests its gain on rows that it has not used.
        """
        record = self.record
        rows = np.unique(drawn[drawn < choice.n_rows])
        mean, target = _mean_predictions(record, choice, rows), record.target.take(rows)
        calibration = factors = None
        if record.calibrates and not _is_blind_to_calibration(record):
            calibration = calibrate_for(target, mean, record.random_state, deadline, record.calibration_form)
        if record.tunes_decision:
            factors = tune_decision_weights(target, mean, record.random_state, deadline)
        return _Finish(calibration, factors)


def _plan(scorer: _ResampleScorer, deadline: float) -> tuple[Effort, float]:
    """Return the effort that the time suffices for, and its seconds for one resample.

    More effort is tried as long as the time of the last effort says that the trial takes a small part of the time.
    """
    record = scorer.record
    drawn, left_out = next(_resamples(record), (None, None))
    if drawn is None or left_out is None:
        return _EFFORTS[-1], 0.0

    def measure(effort: Effort) -> float:
        start = time.monotonic()
        choice = scorer.choose(drawn, effort)
        scorer.score(choice, left_out)
        return time.monotonic() - start

    effort = _EFFORTS[-1]
    measure(effort)  # the first call may be slow, because it imports libraries
    seconds = measure(effort)
    for more in _EFFORTS[-2::-1]:
        left = deadline - time.monotonic()
        if seconds * more.work(record) / effort.work(record) > _TRIAL_SHARE * left:
            break
        needed = measure(more)
        if _RESAMPLES[0] * needed > (1 - _FINISH_SHARE * scorer.finishes) * (left - needed):
            break
        effort, seconds = more, needed
    return effort, seconds


def _score_resamples(
    scorer: _ResampleScorer, deadline: float, effort: Effort = _EFFORTS[0], seconds: float = 0.0, fewest: int = 0
) -> tuple[Array, Array]:
    """Return the score of each resample and the number of units that it leaves out, until a deadline.

    Parameters
    ----------
    seconds : float
        For one resample without the fit of calibration and decision weights.
    fewest : int
        Number of resamples that are scored also after the deadline. If it is 0, calibration and decision weights are
        fitted in each resample.
    """
    record = scorer.record
    n_resamples = _n_resamples(record)
    plain, own, n_left_out, spent = list[float](), list[float](), list[int](), list[float]()
    for i, (drawn, left_out) in enumerate(_resamples(record)):
        if i >= fewest and time.monotonic() > deadline:
            break
        choice = scorer.choose(drawn, effort)
        plain.append(scorer.score(choice, left_out))
        own.append(np.nan)
        n_left_out.append(len(np.unique(record.units[left_out])))
        start = time.monotonic()
        # The other resamples come first, because their seconds are few.
        finish_end = deadline - (n_resamples - i) * seconds if len(spent) >= _FEWEST_FINISHED else deadline
        takes = float(np.mean(spent)) if spent else 0.0
        if scorer.finishes and (i == 0 or fewest == 0 or start + takes < finish_end):
            latest = float("inf") if fewest == 0 else start + _FINISH_SHARE * (deadline - start)
            own[-1] = scorer.score(choice, left_out, scorer.finish(choice, drawn, latest))
            spent.append(time.monotonic() - start)
    return _combine(np.array(plain), np.array(own)), np.array(n_left_out)


def _combine(plain: Array, own: Array) -> Array:
    """Return the scores of resamples with calibration and decision weights.

    The mean gain of the resamples that have fitted these is added to the scores of the others. The deviations from the
    mean are scaled, because the gains vary, too.

    Parameters
    ----------
    plain, own : ndarray of shape (n_resamples,)
        Scores without and with calibration and decision weights; NaN where these were not fitted.
    """
    defined = np.isfinite(plain)
    known = defined & np.isfinite(own)
    if not known.any():
        return plain
    if (known == defined).all():
        return own
    gains = (own - plain)[known]
    mean, variance = plain[defined].mean(), plain[defined].var()
    ratio = 1.0
    if variance and len(gains) >= _FEWEST_FINISHED:
        ratio = float(np.sqrt(1 + gains.var(ddof=1) / variance))
    return np.asarray(mean + gains.mean() + ratio * (plain - mean))


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
    weight = None if record.sample_weight is None else record.sample_weight[: record.n_scored]
    if len(kept) < _FEWEST_FOR_INTERVAL or not shows_spread(kept, record.units[: record.n_scored], weight):
        return Estimate(mean, np.nan, np.nan, level)
    ends = np.array([(1 - level) / 2, (1 + level) / 2])
    # The percentiles of few scores are too close to the mean.
    quantiles = np.quantile(kept, ends) if len(kept) >= _RESAMPLES[0] else mean + kept.std(ddof=1) * ndtri(ends)
    low, high = mean + scale * (quantiles - mean)
    return Estimate(mean, *record.metric.clip(float(low), float(high)), level)


def _resamples(record: OutOfFoldRecord) -> Iterator[tuple[Rows, Rows]]:
    """Yield pairs of drawn rows and rows left out; their number does not depend on the machine."""
    rng = np.random.default_rng(record.random_state)
    y = record.y if record.metric.classes is not None else np.zeros(len(record.y), dtype=np.intp)
    n_classes = np.count_nonzero(np.bincount(y))

    def has_all_classes(rows: Rows) -> bool:
        return np.count_nonzero(np.bincount(y[rows])) == n_classes

    for _ in range(_n_resamples(record)):
        for _ in range(_MAX_REDRAWS):
            drawn, left_out = draw_units(record.units, rng)
            if has_all_classes(drawn) and has_all_classes(left_out):
                break
        if len(drawn) and len(left_out):
            yield drawn, left_out


def _n_resamples(record: OutOfFoldRecord) -> int:
    """Return the number of resamples that the limit on scored rows allows."""
    calls = Effort().n_calls(record)
    if record.tunes_decision:
        calls += 250
    if record.calibrates:
        calls += 20 * record.predictions.shape[2]
    return int(np.clip(_MAX_SCORED_ROWS / ((len(record.y) + _overhead_rows(record)) * calls), *_RESAMPLES))


def _overhead_rows(record: OutOfFoldRecord) -> int:
    return _OVERHEAD_ROWS[record.metric.fast is not None]


def _is_blind_to_calibration(record: OutOfFoldRecord) -> bool:
    """Return whether calibration cannot change a score: it keeps the order of the probabilities of two classes."""
    metric, ranking = record.metric, ("roc_auc", "average_precision")
    if isinstance(metric.scorer, TargetsScorer):
        each = zip(metric.scorer.each, metric.scorer.layout.n_classes, strict=True)
        return all(own.fast in ranking and n_classes == 2 for own, n_classes in each)
    return metric.fast in ranking and record.predictions.shape[2] == 2


def _choose_members(
    record: OutOfFoldRecord, members: Sequence[int], rows: Rows, effort: Effort
) -> tuple[list[int], Array]:
    """Choose candidates and weights on some rows, as `choose_members` does, but with a single bag of rows."""
    losses = np.nan_to_num([record.loss(rows, record.predictions[i][rows]) for i in members], nan=np.inf)
    ranked = [members[i] for i in np.argsort(losses, kind="stable")]
    places = cap_candidates([record.families[i] for i in ranked], record.n_table_rows)
    chosen = [ranked[place] for place in places[: effort.n_candidates]]
    if len(chosen) == 1 or record.size == 1:
        return chosen[:1], np.ones(1)
    target = record.target.take(rows)
    if not len(target.counted_rows):
        return chosen[:1], np.ones(1)
    stacked = np.stack([record.predictions[i][rows] for i in chosen])
    n_rounds = min(effort.n_rounds, record.size)
    weights = greedy_weights(stacked, target, n_rounds)
    return chosen, shrink_weights(weights, len(rows))


def _mean_predictions(record: OutOfFoldRecord, choice: _Choice, rows: Rows) -> Array:
    """Return the weighted mean of the out-of-fold predictions for some rows."""
    pairs = zip(choice.members, choice.weights, strict=True)
    return np.asarray(sum(w * record.predictions[i][rows].astype(np.float64) for i, w in pairs if w > 0))
