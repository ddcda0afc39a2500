"""The score that an ensemble would have reached if the search had ended earlier, on the same out-of-fold rows."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.estimate import OutOfFoldRecord, Rows, draw_units
from automl.ensemble.scored_rows import find_units, sample_scored
from automl.ensemble.selection import greedy_weights, shrink_weights
from automl.execute.threads import single_threaded
from automl.search.budget import Budget
from automl.task.dummy import dummy_score
from automl.task.metrics import Metric
from automl.task.task import Task
from automl.trials.candidates import cap_candidates, enough_folds, rank
from automl.trials.finished import FinishedTrials
from automl.trials.history import Evaluation, RunHistory
from automl.trials.trial import TrialResult

Array = NDArray[Any]

SHARES = (0.125, 0.25, 0.5, 1.0)  # of the seconds of all trials: three doublings
_MAX_CANDIDATES = 24  # of one time
_MAX_ROUNDS = 10  # of greedy selection
_MAX_CHOICE_ROWS = 2_000
_RESAMPLES = (8, 24)  # lowest and highest number
_JACKKNIFE = 0.76  # scores of the rows left out vary more than scores of all rows, see `estimate_score`
_MAX_ROWS = 4_000
_MAX_BYTES = 2**23  # of the predictions in a fitted estimator


@dataclass(frozen=True)
class CandidatesAtTime:
    """The configurations that an ensemble could have used at a time of the search.

    Attributes
    ----------
    seconds : float
        Seconds of all trials until then, added over all workers.
    n_configurations : int
        Number of configurations that had been tried.
    members : tuple of int
        Numbers of the candidates in the out-of-fold record.
    """

    seconds: float
    n_configurations: int
    members: tuple[int, ...]


@dataclass(frozen=True)
class CurvePoint:
    """The gain of the search from a time until its end.

    Attributes
    ----------
    seconds : float
        Seconds of all trials until this time, added over all workers.
    n_configurations : int
        Number of configurations that had been tried.
    gain : float
        Score at the end of the search minus the score at this time; 0 for the last point.
    error : float
        Standard error of the gain.
    """

    seconds: float
    n_configurations: int
    gain: float
    error: float


@dataclass(frozen=True)
class ScoreCurve:
    """The gains of a search over time.

    Attributes
    ----------
    points : tuple of CurvePoint
        The first time first; empty where the search was too short or too small to compare times.
    scale : float
        Distance between the score at the end and the score of a constant prediction, on the same rows.
    search_seconds : float
        Seconds of the search on the clock, in all sessions.
    """

    points: tuple[CurvePoint, ...]
    scale: float
    search_seconds: float


@dataclass(frozen=True)
class CurveRecord:
    """The out-of-fold predictions that a score curve is computed from; small enough to stay in a fitted estimator."""

    out_of_fold: OutOfFoldRecord
    times: tuple[CandidatesAtTime, ...]
    search_seconds: float  # on the clock, in all sessions

    @property
    def metric(self) -> Metric:
        """The metric, which may hold rows of the training table."""
        return self.out_of_fold.metric


def collect_curve(trials: FinishedTrials, size: int, budget: Budget) -> CurveRecord | None:
    """Read the out-of-fold predictions of the candidates of some times of the search.

    Parameters
    ----------
    size : int
        Rounds of greedy selection in the run.
    budget : Budget
        Its last seconds are left to the estimate.

    Returns
    -------
    CurveRecord or None
        None if there are fewer than two times, or if the seconds do not suffice.
    """
    history, task = trials.history, trials.task
    n_folds, found = _find_candidates(history, task)
    if len(found) < 2:
        return None
    folds = [test for _, test in task.folds[:n_folds]]
    rows = np.concatenate(folds)
    configurations = list(dict.fromkeys(e.configuration for _, _, candidates in found for e in candidates))
    row_bytes = 4 * max(1, task.traits.n_columns) * len(configurations)
    most = min(_MAX_ROWS, _MAX_BYTES // row_bytes)
    kept = sample_scored(task, rows, most, np.random.default_rng(trials.random_state))
    starts = np.cumsum([0, *map(len, folds)])
    places = np.searchsorted(kept, starts)
    predictions = list[Array]()
    deadline = budget.deadline - budget.estimate_seconds
    for configuration in configurations:
        if time.monotonic() > deadline:
            return None
        parts = [
            trials.artifacts.predictions(configuration, fold)[kept[a:b] - starts[fold]]
            for fold, (a, b) in enumerate(pairwise(places))
        ]
        predictions.append(np.concatenate(parts).astype(np.float32 if task.traits.n_classes else np.float64))
    rows = rows[kept]
    record = OutOfFoldRecord(
        predictions=np.stack(predictions),
        sets=(),
        families=tuple(c.family for c in configurations),
        y=task.y[rows],
        sample_weight=task.weights(rows),
        units=find_units(task, rows),
        metric=task.metric.take(rows),
        n_table_rows=task.traits.n_rows,
        size=size,
        tunes_decision=False,
        calibrates=False,
        random_state=trials.random_state,
    )
    number = {configuration: i for i, configuration in enumerate(configurations)}
    times = tuple(
        CandidatesAtTime(seconds, n_configurations, tuple(number[e.configuration] for e in candidates))
        for seconds, n_configurations, candidates in found
    )
    return CurveRecord(record, times, times[-1].seconds if history.repeats else budget.elapsed)


def _find_candidates(history: RunHistory, task: Task) -> tuple[int, list[tuple[float, int, list[Evaluation]]]]:
    """Return the candidates at some times of the search, which all have finished the same first folds.

    Returns
    -------
    n_folds : int
        The number of these folds.
    times : list of (float, int, list of Evaluation)
        Seconds of all trials until then, number of configurations tried, and candidates, best first. A time at which
        no configuration had finished enough folds is left out.
    """
    ends = np.cumsum([_seconds(result, history) for result in history.results])
    if not len(ends) or ends[-1] <= 0:
        return 0, []
    least, found = enough_folds(task), list[tuple[float, int, list[Evaluation]]]()
    n_folds = len(task.folds)
    for share in SHARES:
        n_results = int(np.searchsorted(ends, share * ends[-1] * (1 + 1e-9), side="right"))
        early = RunHistory(history.results[:n_results])
        ranked = rank(early)
        most = max((_n_first_folds(e) for e in ranked), default=0)
        if most < least:
            continue
        n_folds = min(n_folds, most)
        found.append((share * float(ends[-1]), early.n_run, ranked))
    times = []
    for seconds, n_configurations, ranked in found:
        finished = [e for e in ranked if _n_first_folds(e) >= n_folds]
        places = cap_candidates([e.configuration.family for e in finished], task.traits.n_rows)[:_MAX_CANDIDATES]
        times.append((seconds, n_configurations, [finished[place] for place in places]))
    return n_folds, times


def score_curve(record: CurveRecord, deadline: float = math.inf) -> ScoreCurve | None:
    """Return the gain of the search from some times until its end, the first time first.

    For each bootstrap sample of the rows and for each time, an ensemble of the candidates of that time is chosen on the
    drawn rows, and scored on the rows left out. All times use the same rows, so that differences between them vary
    little. Calibration and decision weights are left out, because they are not found by the search.

    Parameters
    ----------
    deadline : float
        Time of `time.monotonic`, in seconds.

    Returns
    -------
    ScoreCurve or None
        None if the seconds do not suffice for eight samples. It has no points if the metric is undefined on most
        samples.
    """
    known = record.out_of_fold
    rng = np.random.default_rng(known.random_state)
    scores = list[list[float]]()
    with single_threaded():
        for n in range(_RESAMPLES[1]):
            if time.monotonic() > deadline:
                if n < _RESAMPLES[0]:
                    return None
                break
            drawn, left_out = draw_units(known.units, rng)
            if len(drawn) and len(left_out):
                drawn = drawn[:: max(1, len(drawn) // _MAX_CHOICE_ROWS)]
                scores.append([_score(known, at.members, drawn, left_out) for at in record.times])
    table = np.array(scores, dtype=float).reshape(-1, len(record.times))
    table = table[np.isfinite(table).all(axis=1)]
    constant, _ = dummy_score(known.metric, known.y, known.sample_weight)
    if len(table) < _RESAMPLES[0] or constant is None:
        return ScoreCurve((), 0.0, record.search_seconds)
    gains = table[:, -1:] - table
    errors = _JACKKNIFE * gains.std(axis=0, ddof=1)
    points = tuple(
        CurvePoint(at.seconds, at.n_configurations, float(gain), float(error))
        for at, gain, error in zip(record.times, gains.mean(axis=0), errors, strict=True)
    )
    return ScoreCurve(points, abs(float(table[:, -1].mean()) - constant), record.search_seconds)


def _seconds(result: TrialResult, history: RunHistory) -> float:
    """Return the seconds of a trial; the usual ones in a run that must repeat bit for bit."""
    if not history.repeats:
        return result.seconds
    known = history.evaluations[result.trial.configuration]
    return known.trainings(replace(result.trial, folds=tuple(result.folds))) * history.cost(known)


def _n_first_folds(evaluation: Evaluation) -> int:
    """Return how many of the first folds a configuration has finished."""
    n = 0
    while n in evaluation.folds:
        n += 1
    return n


def _score(record: OutOfFoldRecord, members: Sequence[int], drawn: Rows, left_out: Rows) -> float:
    """Choose weights of the candidates on the drawn rows, and return the score on the rows left out."""
    weights, target = np.ones(1), record.target.take(drawn)
    losses = np.nan_to_num([target.loss(record.predictions[i][drawn]) for i in members], nan=np.inf)
    ranked = [members[i] for i in np.argsort(losses, kind="stable")]
    if record.size == 1 or len(ranked) == 1 or not len(target.counted_rows):
        ranked = ranked[:1]
    else:
        stacked = np.stack([record.predictions[i][drawn] for i in ranked])
        weights = shrink_weights(greedy_weights(stacked, target, min(_MAX_ROUNDS, record.size)), len(drawn))
    mean = sum(
        w * record.predictions[i][left_out].astype(np.float64) for i, w in zip(ranked, weights, strict=True) if w
    )
    return -record.loss(left_out, np.asarray(mean))
