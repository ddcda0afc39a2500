"""A guard against overfitting the search: rows that nothing is chosen by, scored as the search goes on.

Crystallographers keep a small share of their reflections out of the refinement and watch two figures, R-work and R-free
(Brünger, "Free R value: a novel statistical quantity for assessing the accuracy of crystal structures", Nature 355,
1992). Where the first falls and the second rises, the refinement fits noise. So may a search that goes on for long: the
work score is what it believes of its incumbent, the free score what the free rows say.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.ensemble.estimate import draw_units
from automl.ensemble.selection import Ensemble, out_of_fold
from automl.ensemble.threshold import one_hot_labels
from automl.errors import InvalidInputError
from automl.task.metrics import loss_or_nan
from automl.task.task import Task
from automl.task.validation import is_number
from automl.trials.artifacts import Artifacts
from automl.trials.candidates import rank
from automl.trials.history import RunHistory

logger = logging.getLogger(__name__)

_NEXT_LOOK = 0.1  # of the trials so far have to follow before the next look
_RESAMPLES = 40
_STANDARD_ERRORS = 2.5  # of a loss on the free rows before they contradict the search: there are many looks
_COLUMNS = ["seconds", "work", "free", "parted"]


@dataclass(frozen=True)
class Guard:
    """How to guard a search against overfitting.

    Attributes
    ----------
    share : float
        Of the training rows that neither search nor ensemble sees, above 0 and at most 0.5.
    stop : bool
        Whether to end the search where work score and free score part.
    """

    share: float = 0.1
    stop: bool = False


def make_guard(given: float | Guard | None) -> Guard | None:
    """The guard that an estimator's argument asks for.

    Raises
    ------
    InvalidInputError
        If it is neither a share nor a `Guard`.
    """
    if given is None:
        return None
    guard = given if isinstance(given, Guard) else Guard(given)
    if not is_number(guard.share) or not 0 < guard.share <= 0.5:
        raise InvalidInputError(f"guard must be a share of the rows above 0 and at most 0.5, or a Guard; got {given!r}")
    return replace(guard, share=float(guard.share))


@dataclass(frozen=True)
class _Look:
    seconds: float
    work: float  # loss
    free: float  # loss
    answer: NDArray[np.float64]  # for the free rows


class Watch:
    """Looks at the free rows during one run.

    Parameters
    ----------
    guard : Guard
    task : Task
        With free rows.
    artifacts : Artifacts
    random_state : int
    """

    def __init__(self, guard: Guard, task: Task, artifacts: Artifacts, random_state: int):
        assert task.holdout is not None
        self._guard, self._task, self._free, self._artifacts = guard, task, task.holdout, artifacts
        self._seed = random_state
        self._looks: list[_Look] = []
        self._parted: list[bool] = []
        self._seen: tuple[object, int] | None = None
        self._next = 1

    @property
    def stops(self) -> bool:
        """Whether the run should end now."""
        return self._guard.stop and any(self._parted)

    @property
    def curve(self) -> pd.DataFrame:
        """One row a look: seconds since the start, work score, free score, and whether they have parted."""
        rows = [(x.seconds, -x.work, -x.free, parted) for x, parted in zip(self._looks, self._parted, strict=True)]
        return pd.DataFrame(rows, columns=_COLUMNS)

    def look(self, history: RunHistory, seconds: float) -> None:
        """Score the incumbent's fold models, if it is another than last time and there have been trials enough."""
        if len(history.results) < self._next:
            return
        ranked = rank(history)
        if not ranked or (ranked[0].configuration, len(ranked[0].folds)) == self._seen:
            return
        best = ranked[0]
        self._seen = best.configuration, len(best.folds)
        self._next = len(history.results) + max(1, int(_NEXT_LOOK * len(history.results)))
        work = {o.configuration: o.loss for o in history.observations()}[best.configuration]
        assert work is not None
        each = [self._artifacts.holdout_predictions(best.configuration, fold) for fold in best.folds]
        self._add(seconds, work, np.mean(each, axis=0, dtype=np.float64))

    def finish(self, ensemble: Ensemble, history: RunHistory, seconds: float) -> None:
        """Score the final ensemble: the last row of the curve."""
        rows, mixed = out_of_fold(ensemble.bags, history, self._artifacts, self._task)
        free = np.zeros(())
        for bag in ensemble.bags:
            folds = history.evaluations[bag.configuration].folds
            each = [self._artifacts.holdout_predictions(bag.configuration, fold) for fold in folds]
            free = free + bag.weight * np.mean(each, axis=0, dtype=np.float64)
        if ensemble.calibration is not None:
            mixed, free = ensemble.calibration(mixed), ensemble.calibration(free)
        if ensemble.label_weights is not None:
            mixed, free = one_hot_labels(mixed, ensemble.label_weights), one_hot_labels(free, ensemble.label_weights)
        work = loss_or_nan(self._task.metric, self._task.y[rows], mixed, self._task.weights(rows))
        self._add(seconds, work, free)

    def _add(self, seconds: float, work: float, answer: NDArray[np.float64]) -> None:
        now = _Look(seconds, work, self._loss(answer, np.arange(len(answer))), answer)
        parted = self._part_at(now)
        if parted and not any(self._parted):
            logger.warning(
                "work score and free score part after %.0f s: %.4g and %.4g; the search fits noise",
                seconds,
                -now.work,
                -now.free,
            )
        self._looks.append(now)
        self._parted.append(parted)

    def _part_at(self, now: _Look) -> bool:
        """Whether the search believes to have got better since the best free score, and the free rows deny it."""
        known = [look for look in self._looks if np.isfinite(look.free)]
        if not known:
            return False
        best = min(known, key=lambda look: look.free)
        if not (now.work < best.work and now.free > best.free):
            return False
        units = np.arange(len(now.answer)) if self._free.groups is None else self._free.groups
        units = np.unique(units, return_inverse=True)[1]
        rng = np.random.default_rng(self._seed)
        drawn = [draw_units(units, rng)[0] for _ in range(_RESAMPLES)]
        gaps = [self._loss(now.answer, rows) - self._loss(best.answer, rows) for rows in drawn]
        return bool(now.free - best.free > _STANDARD_ERRORS * np.nanstd(gaps))

    def _loss(self, answer: NDArray[np.float64], rows: NDArray[np.intp]) -> float:
        weights = None if self._free.sample_weight is None else self._free.sample_weight[rows]
        return loss_or_nan(self._task.metric, self._free.y[rows], answer[rows], weights)
