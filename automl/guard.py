"""Guard a search against overfitting: score its incumbent on holdout rows that the search does not use.

Crystallographers keep a small share of their reflections out of the refinement and watch two numbers, R-work and R-free
(Brünger, "Free R value: a novel statistical quantity for assessing the accuracy of crystal structures", Nature 355,
1992). If R-work falls and R-free rises, the refinement fits noise. A long search may do the same. The work score is the
score of the incumbent in the search; the free score is its score on the holdout rows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.ensemble.estimate import draw_units
from automl.ensemble.selection import Ensemble, out_of_fold, predicting_folds
from automl.ensemble.threshold import one_hot_labels
from automl.errors import InvalidInputError
from automl.plurals import short_number
from automl.task.scored_target import ScoredTarget
from automl.task.task import ALL_ROWS, Task
from automl.task.validation import is_number
from automl.trials.artifacts import Artifacts
from automl.trials.candidates import rank
from automl.trials.finished import FinishedTrials
from automl.trials.history import Evaluation, RunHistory
from pipelines.configuration import Configuration

logger = logging.getLogger(__name__)

_UPDATE_AFTER = 0.1  # share of the trials so far that must follow before the next update
_RESAMPLES = 40
_MAX_SECONDS = 4.0  # that all resamples of one comparison may take
_STANDARD_ERRORS = 2.5  # by which the free score must get worse; the limit is high because it is tested many times
_COLUMNS = ["seconds", "work", "free", "parted"]


@dataclass(frozen=True)
class Guard:
    """How to guard a search against overfitting.

    Parameters
    ----------
    share : float
        Share of the training rows that become holdout rows, above 0 and at most 0.5. Neither the search nor the
        ensemble uses the holdout rows.
    stop : bool
        Whether to end the search when the work score and the free score diverge.

    Examples
    --------
    >>> from automl import AutoMLClassifier, Guard
    >>> AutoMLClassifier(guard=Guard(0.1, stop=True)).guard.share
    0.1
    """

    share: float = 0.1
    stop: bool = False


def make_guard(given: float | Guard | None) -> Guard | None:
    """Return the guard that the argument `guard` of an estimator describes.

    Raises
    ------
    InvalidInputError
        If the argument is neither a share nor a `Guard`.
    """
    if given is None:
        return None
    guard = given if isinstance(given, Guard) else Guard(given)
    if not is_number(guard.share) or not 0 < guard.share <= 0.5:
        raise InvalidInputError(
            f"guard must be a share of the rows above 0 and at most 0.5, such as 0.1, or a Guard; got {given!r}"
        )
    return replace(guard, share=float(guard.share))


@dataclass(frozen=True)
class _Point:
    """One row of the curve."""

    seconds: float
    work_loss: float
    holdout_loss: float


class GuardMonitor:
    """Scores the incumbent on the holdout rows during one run.

    Parameters
    ----------
    guard : Guard
    task : Task
        A task with holdout rows.
    artifacts : Artifacts
    random_state : int
        Seed of the bootstrap samples of the holdout rows.
    """

    def __init__(self, guard: Guard, task: Task, artifacts: Artifacts, random_state: int):
        assert task.holdout is not None
        self._guard, self._task, self._holdout, self._artifacts = guard, task, task.holdout, artifacts
        self._seed = random_state
        self._points: list[_Point] = []
        # The point with the lowest free loss and its predictions for the holdout rows, which may take many MiB.
        self._best: tuple[_Point, NDArray[np.float64]] | None = None
        self._diverged: list[bool] = []
        self._scored: tuple[object, int] | None = None  # the last incumbent and its number of folds
        self._next_update = 1  # number of results

    @property
    def stops(self) -> bool:
        """Whether the run must end now."""
        return self._guard.stop and any(self._diverged)

    @property
    def curve(self) -> pd.DataFrame:
        """One row an update: seconds since the start, work score, free score, and whether the scores have diverged."""
        pairs = zip(self._points, self._diverged, strict=True)
        rows = [(point.seconds, -point.work_loss, -point.holdout_loss, diverged) for point, diverged in pairs]
        return pd.DataFrame(rows, columns=_COLUMNS)

    def update(self, history: RunHistory, seconds: float) -> None:
        """Score the incumbent, if it has changed and enough trials have ended since the last time.

        Parameters
        ----------
        seconds : float
            Seconds since the start of the run.
        """
        if len(history.results) < self._next_update:
            return
        ranked = rank(history)
        if not ranked or (ranked[0].configuration, len(ranked[0].folds)) == self._scored:
            return
        best = ranked[0]
        self._scored = best.configuration, len(best.folds)
        self._next_update = len(history.results) + max(1, int(_UPDATE_AFTER * len(history.results)))
        work_loss = {o.configuration: o.loss for o in history.observations()}[best.configuration]
        assert work_loss is not None
        self._add(seconds, work_loss, self._holdout_predictions(best))

    def finish(self, trials: FinishedTrials, ensemble: Ensemble, seconds: float) -> None:
        """Score the final ensemble, which becomes the last row of the curve."""
        rows, mean = out_of_fold(trials, ensemble.bags)
        holdout = np.zeros(())
        for bag in ensemble.bags:
            holdout = holdout + bag.weight * self._mean_on_holdout_rows(bag.configuration, bag.folds or (ALL_ROWS,))
        mean, holdout = ensemble.finish(mean), ensemble.finish(holdout)
        if ensemble.decision_weights is not None:
            mean, holdout = (one_hot_labels(p, ensemble.decision_weights) for p in (mean, holdout))
        self._add(seconds, self._task.scored(rows).loss(mean), holdout)

    def _holdout_predictions(self, evaluation: Evaluation) -> NDArray[np.float64]:
        """Return the predictions of a configuration for the holdout rows, by the models that would predict new rows."""
        return self._mean_on_holdout_rows(evaluation.configuration, predicting_folds(evaluation, self._task))

    def _mean_on_holdout_rows(self, configuration: Configuration, folds: Sequence[int]) -> NDArray[np.float64]:
        each = [self._artifacts.holdout_predictions(configuration, fold) for fold in folds]
        return np.mean(each, axis=0, dtype=np.float64)

    def _add(self, seconds: float, work_loss: float, predictions: NDArray[np.float64]) -> None:
        point = _Point(seconds, work_loss, self._loss(predictions, np.arange(len(predictions))))
        diverged = self._diverges_at(point, predictions)
        if diverged and not any(self._diverged):
            logger.warning(
                "work score and free score diverge after %.0f s: work score %s, free score %s; the search overfits",
                seconds,
                short_number(-point.work_loss),
                short_number(-point.holdout_loss),
            )
        self._points.append(point)
        self._diverged.append(diverged)
        if np.isfinite(point.holdout_loss) and (self._best is None or point.holdout_loss < self._best[0].holdout_loss):
            self._best = point, predictions

    def _diverges_at(self, point: _Point, predictions: NDArray[np.float64]) -> bool:
        """Return whether the work score is better, but the free score clearly worse, than at the best free score."""
        if self._best is None:
            return False
        best, best_predictions = self._best
        if not (point.work_loss < best.work_loss and point.holdout_loss > best.holdout_loss):
            return False
        units = np.arange(len(predictions)) if self._holdout.groups is None else self._holdout.groups
        units = np.unique(units, return_inverse=True)[1]
        rng = np.random.default_rng(self._seed)
        start = time.monotonic()
        self._loss(predictions, np.arange(len(predictions)))
        if 2 * _RESAMPLES * (time.monotonic() - start) > _MAX_SECONDS:
            return False  # the scorer is too slow to show that a difference is more than noise
        samples = [draw_units(units, rng)[0] for _ in range(_RESAMPLES)]
        differences = [self._loss(predictions, rows) - self._loss(best_predictions, rows) for rows in samples]
        return bool(point.holdout_loss - best.holdout_loss > _STANDARD_ERRORS * np.nanstd(differences))

    def _loss(self, predictions: NDArray[np.float64], rows: NDArray[np.intp]) -> float:
        holdout = self._holdout
        metric = self._task.metric if holdout.metric is None else holdout.metric
        return ScoredTarget(holdout.y, metric, holdout.sample_weight).take(rows).loss(predictions[rows])
