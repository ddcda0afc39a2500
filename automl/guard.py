"""A guard against overfitting the search: rows that nothing is chosen by, scored as the search goes on.

Crystallographers keep a small share of their reflections out of the refinement and watch two figures, R-work and R-free
(Brünger, "Free R value: a novel statistical quantity for assessing the accuracy of crystal structures", Nature 355,
1992). Where the first falls and the second rises, the refinement fits noise. So may a search that goes on for long: the
work score is what it believes of its incumbent, the free score what the free rows say.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.ensemble.estimate import draw_units
from automl.ensemble.selection import Ensemble, out_of_fold
from automl.ensemble.threshold import one_hot_labels
from automl.errors import InvalidInputError
from automl.task.metrics import loss_or_nan
from automl.task.splits import deal, group_folds
from automl.task.task import FreeRows, Task
from automl.trials.artifacts import Artifacts
from automl.trials.candidates import rank
from automl.trials.history import RunHistory

logger = logging.getLogger(__name__)

_NEXT_LOOK = 0.1  # of the trials so far have to follow before the next look
_RESAMPLES = 40
_MOST_PARTS = 20  # that rows are dealt into, for a share that is no whole part of them
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
    known = isinstance(guard.share, (int, float, np.number)) and not isinstance(guard.share, bool)
    if not known or not 0 < guard.share <= 0.5:
        raise InvalidInputError(f"guard must be a share of the rows above 0 and at most 0.5, or a Guard; got {given!r}")
    return guard


def choose_free(
    y: NDArray[np.generic],
    is_classification: bool,
    share: float,
    groups: NDArray[np.generic] | None,
    random_state: int,
    sample_weight: NDArray[np.float64] | None = None,
) -> NDArray[np.bool_]:
    """Which rows are free, shape (n_samples,): as many of each class or stretch of the target, groups as a whole.

    Raises
    ------
    InvalidInputError
        If there are too few rows or groups for that share.
    """
    part = Fraction(share).limit_denominator(_MOST_PARTS) or Fraction(1, round(1 / share))
    n_taken, n_parts = part.numerator, part.denominator
    n_units = len(y) if groups is None else len(np.unique(groups))
    if n_units < 2 * n_parts:
        what = "rows" if groups is None else "groups"
        raise InvalidInputError(f"guard={share} leaves too few free {what} of {n_units}; give a larger share, or None")
    if groups is None:
        return deal(y, is_classification, n_parts, np.random.default_rng(random_state), sample_weight) < n_taken
    free = np.zeros(len(y), dtype=bool)
    for _, rows in group_folds(y, is_classification, n_parts, groups, random_state)[:n_taken]:
        free[rows] = True
    return free


def set_aside(task: Task, free: NDArray[np.bool_]) -> Task:
    """The task of the rows that are not free, which come along apart.

    Raises
    ------
    InvalidInputError
        If a fold or a class has no other rows.
    """
    work = np.flatnonzero(~free)
    number = np.cumsum(~free) - 1
    folds = tuple((number[train[~free[train]]], number[test[~free[test]]]) for train, test in task.folds)
    if any(len(train) == 0 or len(test) == 0 for train, test in folds):
        raise InvalidInputError("guard leaves a fold without rows; give a smaller share or fewer folds")
    if task.traits.is_classification and len(np.unique(task.y[work])) < task.traits.n_classes:
        raise InvalidInputError("guard takes all rows of a class; give a smaller share, or None")
    apart = np.flatnonzero(free)
    return replace(
        task,
        X=task.X[work],
        y=task.y[work],
        traits=replace(task.traits, n_rows=len(work)),
        folds=folds,
        sample_weight=task.weights(work),
        groups=None if task.groups is None else task.groups[work],
        free=FreeRows(
            task.X[apart], task.y[apart], task.weights(apart), None if task.groups is None else task.groups[apart]
        ),
    )


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
        assert task.free is not None
        self._guard, self._task, self._free, self._artifacts = guard, task, task.free, artifacts
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
        work = next(o.loss for o in history.observations() if o.configuration == best.configuration)
        assert work is not None
        each = [self._artifacts.free_predictions(best.configuration, fold) for fold in best.folds]
        self._add(seconds, work, np.mean(each, axis=0, dtype=np.float64))

    def finish(self, ensemble: Ensemble, history: RunHistory, seconds: float) -> None:
        """Score the final ensemble: the last row of the curve."""
        rows, mixed = out_of_fold(ensemble.bags, history, self._artifacts, self._task)
        free = np.zeros(())
        for bag in ensemble.bags:
            folds = history.evaluations[bag.configuration].folds
            each = [self._artifacts.free_predictions(bag.configuration, fold) for fold in folds]
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
