"""The estimate of an ensemble's score on new data, and the out-of-fold predictions that it is computed from."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.calibration import Form
from automl.ensemble.scored_rows import find_units, n_scored_folds, sample_scored, scored_part
from automl.ensemble.selection import Ensemble, out_of_fold
from automl.plurals import short_number
from automl.task.metrics import Metric
from automl.task.scored_target import ScoredTarget
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.candidates import candidate_sets, find_singles
from automl.trials.finished import FinishedTrials
from automl.trials.history import Evaluation
from pipelines.component import TableTraits
from pipelines.configuration import Configuration

Array = NDArray[Any]
Rows = NDArray[np.intp]

LEVEL = 0.95
_WIDEN = 3  # times as many candidates as the ensemble had, so that each resample also chooses the candidates again
_MAX_CANDIDATES = 60
_MAX_ROWS = 5_000  # with more rows, the choice overfits little and the interval is narrow
_MAX_BYTES = 2**24  # of the predictions in a fitted estimator


_FEWEST_UNITS = 5  # from which an interval is computed
_FEWEST_EQUAL = 30  # where all scores are equal; of new rows, at most one in ten is then worse (the rule of three)

OF_SMALLER_ENSEMBLE = "not corrected for the choice of this smaller ensemble"
OF_FOLD_MODELS = "that of models which were trained on a part of the rows, because no rows are left to score the refit"


@dataclass(frozen=True)
class Estimate:
    """The score to expect on new data, with an interval.

    Parameters
    ----------
    score : float
        The expected score; greater is better, as in scikit-learn's scorers.
    low, high : float
        Ends of the interval that contains the score on many new rows with probability `level`. They are NaN where
        the rows are too few, or the scorer too slow, to compute them.
    level : float
        Probability between 0 and 1.
    note : str, default=""
        How the estimate differs from that of `fit`, in words: after `slim` it is not corrected for the choice, and
        after `refit` it is that of the fold models.

    Examples
    --------
    >>> from automl.ensemble.estimate import Estimate
    >>> Estimate(score=0.91, low=0.88, high=0.94, level=0.95)
    Estimate(score=0.91, low=0.88, high=0.94, level=0.95)
    >>> Estimate(score=-30123.4, low=-33012.5, high=-28000.0, level=0.95)
    Estimate(score=-30123, low=-33012, high=-28000, level=0.95)
    """

    score: float
    low: float
    high: float
    level: float
    note: str = ""

    def __repr__(self) -> str:
        numbers = {"score": self.score, "low": self.low, "high": self.high}
        shown = ", ".join(f"{name}={short_number(value).replace(',', '')}" for name, value in numbers.items())
        fields = f"{shown}, level={self.level:g}"
        return f"Estimate({fields}, note={self.note!r})" if self.note else f"Estimate({fields})"


UNKNOWN = Estimate(np.nan, np.nan, np.nan, LEVEL)


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
    calibration_form : str or tuple of str
        The form of the calibration, or of that of each of several targets. The resamples do not choose it again,
        because that takes long.
    note : str
        The note of the estimate; see `Estimate`.
    n_scored : int or None
        Number of the first rows that are scored, where older rows say less about new rows; None for all rows. The
        ensemble is chosen by all rows.
    best, simple : int or None
        Numbers of the best configuration, and of the best one of a simple family, that have predicted all scored rows.
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
    note: str = ""
    calibration_form: Form | tuple[Form | None, ...] = "matrix"
    n_scored: int | None = None
    best: int | None = None
    simple: int | None = None

    @property
    def target(self) -> ScoredTarget:
        """The target of all rows."""
        return ScoredTarget(self.y, self.metric, self.sample_weight)

    @property
    def scored_target(self) -> ScoredTarget:
        """The target of the scored rows."""
        return self.target.take(np.arange(len(self.y))[: self.n_scored])

    def score_of(self, number: int) -> float:
        """Return the score of a candidate on the scored rows; NaN if the metric is undefined on them."""
        return self.scored_target.score(self.predictions[number][: self.n_scored].astype(np.float64))

    def loss(self, rows: Rows, predictions: Array) -> float:
        """Return the loss of predictions for some rows; NaN if the metric is undefined on these rows."""
        return self.target.take(rows).loss(predictions)


def collect(trials: FinishedTrials, ensemble: Ensemble, size: int, deadline: float = float("inf")) -> OutOfFoldRecord:
    """Read the out-of-fold predictions of the ensemble's members and of the other candidates.

    Parameters
    ----------
    size : int
        Rounds of greedy selection in the run.
    deadline : float
        Time of `time.monotonic`, in seconds. After it, only members of the ensemble and configurations that
        are scored alone are still read.
    """
    history, task = trials.history, trials.task
    rng = np.random.default_rng(trials.random_state)
    sets = [(n, chosen[:_MAX_CANDIDATES]) for n, chosen in candidate_sets(history, task, _WIDEN)]
    if sets:
        singles = find_singles(history, range(n_scored_folds(task, sets[0][0])))
        rows, predictions, numbered, numbers = _collect_sets(trials, sets, singles, ensemble, rng, deadline)
        families = [c.family for c in numbers]
        best, simple = (None if e is None else numbers[e.configuration] for e in singles)
    else:  # parallel trials have finished later folds only, so the ensemble is the single best configuration
        rows, mean = out_of_fold(trials, ensemble.bags)
        kept = _sample_positions(task, rows, mean[:1].nbytes, rng)
        rows, predictions, numbered, families = rows[kept], mean[None, kept], [(len(kept), (0,))], ["ensemble"]
        best, simple = 0, None
    return OutOfFoldRecord(
        predictions=predictions,
        sets=tuple(pair for pair in numbered if pair[1]),
        families=tuple(families),
        y=task.y[rows],
        sample_weight=task.weights(rows),
        units=find_units(task, rows),
        metric=task.metric.take(rows),
        n_table_rows=task.traits.n_rows,
        size=size,
        tunes_decision=ensemble.decision_weights is not None,
        calibrates=ensemble.calibration is not None,
        calibration_form="matrix" if ensemble.calibration is None else ensemble.calibration.form,
        random_state=trials.random_state,
        best=best,
        simple=simple,
        **scored_part(task, rows),
    )


def _collect_sets(
    trials: FinishedTrials,
    sets: list[tuple[int, list[Evaluation]]],
    singles: Sequence[Evaluation | None],
    ensemble: Ensemble,
    rng: np.random.Generator,
    deadline: float,
) -> tuple[Rows, Array, list[tuple[int, tuple[int, ...]]], dict[Configuration, int]]:
    """Return the kept rows, their predictions, the sets as in `OutOfFoldRecord`, and the numbers of the candidates.

    The predictions of the configurations `singles` are read, too.
    """
    task = trials.task
    alone = {e.configuration: e for e in singles if e is not None}
    wanted = {e.configuration: e for _, chosen in sets for e in chosen} | alone
    needed = ensemble.weights.keys() | alone.keys()
    needed_first = sorted(wanted.values(), key=lambda e: e.configuration not in needed)
    folds = [test for _, test in task.folds[: sets[0][0]]]
    rows = np.concatenate(folds)
    kept = _sample_positions(task, rows, 4 * max(1, task.traits.n_columns) * len(wanted), rng)
    starts = np.cumsum([0, *map(len, folds)])
    ends = np.searchsorted(kept, starts)
    numbers: dict[Configuration, int] = {}
    parts: list[Array] = []
    for e in needed_first:
        if time.monotonic() > deadline and e.configuration not in needed:
            break
        numbers[e.configuration] = len(parts)
        parts.append(_read_predictions(e, trials.artifacts, task.traits, kept, starts))
    numbered = [
        (int(ends[n]), tuple(numbers[e.configuration] for e in chosen if e.configuration in numbers))
        for n, chosen in sets
    ]
    return rows[kept], np.stack(parts), numbered, numbers


def shows_spread(scores: Array, units: Array, sample_weight: Array | None) -> bool:
    """Return whether the scores of parts of some rows say how much a score on new rows varies.

    A few rows say nothing. If they are all predicted alike, their scores do not differ, and a few more are needed.

    Parameters
    ----------
    units : ndarray of shape (n_rows,)
        Number of the unit of each row.
    sample_weight : ndarray of shape (n_rows,) or None
        Rows of weight 0 do not count.
    """
    n_units = len(np.unique(units if sample_weight is None else units[sample_weight > 0]))
    are_equal = len(scores) > 0 and np.allclose(scores, scores[0], rtol=1e-9, atol=0)
    return n_units >= (_FEWEST_EQUAL if are_equal else _FEWEST_UNITS)


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


def _sample_positions(task: Task, rows: Rows, row_bytes: int, rng: np.random.Generator) -> Rows:
    """Return the positions of the rows to keep, ascending: all of them, or a random sample of large tables."""
    return sample_scored(task, rows, min(_MAX_ROWS, _MAX_BYTES // row_bytes), rng)


def _read_predictions(
    evaluation: Evaluation, artifacts: Artifacts, traits: TableTraits, kept: Rows, starts: Rows
) -> Array:
    """Return the predictions of a configuration at the kept positions; NaN from its first missing fold on."""
    shape = (len(kept), traits.n_columns) if traits.n_columns else (len(kept),)
    out: Array = np.full(shape, np.nan, dtype=np.float32 if traits.n_classes else np.float64)
    places = np.searchsorted(kept, starts)
    for fold, (a, b) in enumerate(pairwise(places)):
        if fold not in evaluation.folds:
            break
        out[a:b] = artifacts.predictions(evaluation.configuration, fold)[kept[a:b] - starts[fold]]
    return out
