"""Racing over folds: who gets another fold, and when a newcomer gets its first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from automl.search.base import Searcher
from automl.search.budget import Budget
from automl.search.fleets import Siblings
from automl.search.forecast import MemoryModel, RuntimeModel
from automl.trials.candidates import max_candidates, max_per_family, rank
from automl.trials.history import Evaluation, RunHistory
from automl.trials.trial import Status, Trial, TrialResult
from pipelines.catalog import get_component
from pipelines.configuration import Configuration

# Share of worker seconds for first looks at new configurations, by share of the budget used: explore, then deepen.
_EXPLORE_AT = (0.0, 0.35, 0.5, 0.85, 0.95)
_EXPLORE_SHARE = (0.9, 0.9, 0.4, 0.2, 0.0)
_PER_SIBLING = 3.0  # places lost for each better one of the same family
_FOR_FOLDS = 4.0  # places won when all folds are done, and by parts
_FIRST_ROWS = 400  # to score a newcomer on, if that takes
_FIRST_SHARE = 0.02  # of the budget at most
_ASKED = 5  # times, where nothing of what a searcher proposes could end
_AT_ONCE = (8, 64)  # newcomers asked for together: only where so many workers are idle, and no more than that
_FLEET_PRICE = 4  # times the seconds of one trial that a fleet may take: a device that is slower cuts it short


def fold_seconds(seconds: float, n_workers: int, n_folds: int, n_rows: int) -> float:
    """Share of a budget that one fit may take.

    Where rows are few, bags of several families win, so that a whole bag gets an eighth of the workers' time; with the
    rows grows the worth of one long fit, up to a third of the budget.
    """
    bag = seconds * n_workers / 8
    longer = max(1.0, n_rows / 1_500) ** 0.65
    return float(np.clip(bag / n_folds * longer, 1.0, max(1.0, seconds / 3)))


@dataclass(frozen=True)
class Limits:
    """Of one trial.

    Attributes
    ----------
    seconds : float or None
        The user's.
    memory : float or None
        MiB that it may add to a worker.
    need : MemoryModel or None
        What is expected of that; None where trials are not to be judged by it.
    """

    seconds: float | None = None
    memory: float | None = None
    need: MemoryModel | None = None


@dataclass
class _Work:
    """Worker seconds that went into first looks and into further folds."""

    first: float = 1e-9
    further: float = 1e-9

    def add(self, is_further: bool, seconds: float) -> None:
        if is_further:
            self.further += seconds
        else:
            self.first += seconds


class Racing:
    """Turns a searcher's proposals into trials on folds.

    Newcomers run on the first fold, or a few where rows are few; the best go on, unless they cannot win any more: a
    configuration whose mean is worse than the worst fold of the incumbent is dropped (the forgiving rule of Bergman et
    al., 2024, arXiv:2405.03389, section 4). Among those left, rank decides, with a handicap for each better one of the
    same family, because an ensemble gains more from another family than from a sibling, and with an advantage for folds
    that are done, because unfinished bags are of little use.

    Parameters
    ----------
    searcher : Searcher
        Proposes configurations.
    n_folds, n_rows : int
    runtime : RuntimeModel
    budget : Budget
    n_workers : int
    limits : Limits
        What most likely exceeds them is not started, and noted as a failure.
    siblings : Siblings or None
        Where fleets may be asked for: what fills them.
    seed : int
        Of all trials.
    """

    def __init__(
        self,
        searcher: Searcher,
        n_folds: int,
        n_rows: int,
        runtime: RuntimeModel,
        budget: Budget,
        n_workers: int = 1,
        limits: Limits = Limits(),
        siblings: Siblings | None = None,
        seed: int = 0,
    ):
        self._searcher, self._n_folds, self._n_rows = searcher, n_folds, n_rows
        self._runtime, self._budget = runtime, budget
        self._n_workers, self._limits, self._siblings = n_workers, limits, siblings
        self._seed = seed

    def suggest(self, history: RunHistory, n: int, fleet_size: int = 1) -> list[tuple[Trial, ...]]:
        """Up to `n` trials, each the first fold of a new configuration or further folds of a known one.

        A newcomer that can be fitted together with others comes as a fleet of up to `fleet_size` trials, if none is
        under way: a second one would have to share the device. All are in the history as running when this returns.
        """
        finalists, busy_with = self.finalists(history), _folds_by_configuration(history.running)
        work = self._work(history)
        newcomers: list[Trial] = []
        fleets: list[tuple[Trial, ...]] = []
        while len(fleets) < n:
            further = self._further_folds(finalists, busy_with, history)
            trial = further
            if further is None or work.first / (work.first + work.further) < self._explore_share(history):
                newcomers = newcomers or self._newcomers(history, n - len(fleets))
                trial = newcomers.pop(0) if newcomers else further
            if trial is None:
                break
            fleet = (trial,) if trial is further else self._fleet(trial, history, fleet_size)
            for trial in fleet:
                history.start(trial)
                busy_with.setdefault(trial.configuration, set()).update(trial.folds)
                work.add(trial is further, self._runtime.predict(trial.configuration, history) * len(trial.folds))
            fleets.append(fleet)
        return fleets

    def time_limit(self, trials: Sequence[Trial]) -> float | None:
        """Seconds for a trial or a fleet: the user's limit, a share of the budget, never more than what is left."""
        limit = min(self._budget.search_left, self._longest(trials))
        return None if limit == float("inf") else max(0.1, limit)

    def _longest(self, trials: Sequence[Trial]) -> float:
        """Seconds for a trial or a fleet, however much is left of the budget."""
        longest = float("inf") if self._limits.seconds is None else self._limits.seconds
        if self._budget.seconds is not None:
            each = fold_seconds(self._budget.seconds, self._n_workers, self._n_folds, self._n_rows)
            longest = min(longest, each * len(trials[0].folds) * min(len(trials), _FLEET_PRICE))
        return longest

    def _objection(self, trial: Trial, history: RunHistory) -> TrialResult | None:
        """Why a newcomer is not started: most likely it would be cut at its limits. None where it may start."""
        c, longest = trial.configuration, self._longest([trial])
        seconds = self._runtime.predict(c, history) * len(trial.folds)
        stops_by_itself = get_component("model", c.family).interruptible
        if not stops_by_itself and seconds > longest:
            reason = f"not started: it would take about {seconds:.1f} s, the limit is {longest:.1f} s"
            return TrialResult(trial, Status.TIMEOUT, {}, 0.0, reason=reason)
        if self._limits.memory is None or self._limits.need is None:
            return None
        memory = self._limits.need.predict(c, history)
        if stops_by_itself:  # a part of a forest is all that there is time for
            memory *= min(1.0, longest / seconds)
        if memory <= self._limits.memory:
            return None
        reason = f"not started: it would take about {memory:.0f} MiB, {self._limits.memory:.0f} MiB are there for it"
        return TrialResult(trial, Status.MEMORY, {}, 0.0, reason=reason)

    def _fleet(self, trial: Trial, history: RunHistory, size: int) -> tuple[Trial, ...]:
        """A newcomer and those that are fitted together with it."""
        if self._budget.max_trials is not None:
            size = min(size, self._budget.max_trials - len(history.tried))
        if size <= 1 or self._siblings is None or any(self._siblings.suit(running) for running in history.running):
            return (trial,)
        return (trial, *self._siblings.of(trial, size - 1, history))

    def _explore_share(self, history: RunHistory) -> float:
        used = self._budget.fraction_used
        if self._budget.seconds is None and self._budget.max_trials:
            used = len(history.tried) / self._budget.max_trials
        return float(np.interp(used, _EXPLORE_AT, _EXPLORE_SHARE))

    def _work(self, history: RunHistory) -> _Work:
        """Seconds so far; running trials count as predicted."""
        work = _Work()
        for e in history.evaluations.values():
            seconds = history.cost(e)
            if not seconds:  # it was not started
                continue
            looks = min(max(1, len(e.folds)), self._first_look(seconds))
            work.add(False, seconds * looks)
            work.add(True, seconds * max(0, len(e.folds) - looks))
        for trial in history.running:
            seconds = self._runtime.predict(trial.configuration, history) * len(trial.folds)
            work.add(trial.configuration in history.evaluations, seconds)
        return work

    def _newcomers(self, history: RunHistory, n_idle: int) -> list[Trial]:
        """First looks at new configurations: one, or several where many workers are idle."""
        least, most = _AT_ONCE
        n = min(n_idle, most) if n_idle >= least else 1
        if self._budget.seconds is not None and self._explore_share(history) <= 0 and history.evaluations:
            return []  # too late for them to get all folds
        for _ in range(_ASKED):
            if self._budget.max_trials is not None:
                n = min(n, self._budget.max_trials - len(history.tried))
            proposed = self._searcher.suggest(history, n)[:n] if n > 0 else []
            able = []
            for trial in proposed:
                n_folds = self._first_look(self._runtime.predict(trial.configuration, history))
                look = replace(trial, folds=tuple(range(n_folds)), seed=self._seed)
                objection = self._objection(look, history)
                if objection is None:
                    able.append(look)
                else:
                    history.append(objection)
            if able or not proposed:
                return able
        return []

    def _first_look(self, seconds: float) -> int:
        """Folds that a newcomer begins with: more than one where a single one scores too few rows to tell much."""
        wanted = math.ceil(_FIRST_ROWS * self._n_folds / self._n_rows)
        if self._budget.seconds is not None:
            wanted = min(wanted, int(_FIRST_SHARE * self._budget.seconds / seconds))
        return int(np.clip(wanted, 1, self._n_folds))

    def _further_folds(
        self, finalists: list[Evaluation], busy_with: dict[Configuration, set[int]], history: RunHistory
    ) -> Trial | None:
        for e in finalists:
            running = busy_with.get(e.configuration, set())
            missing = [f for f in range(self._n_folds) if f not in e.folds and f not in running]
            if not missing:
                continue
            seconds = self._runtime.predict(e.configuration, history)
            if 1.2 * seconds <= self._budget.search_left:
                return Trial(e.configuration, self._bundle(e.configuration, missing, seconds), self._seed, e.origin)
        return None

    def _bundle(self, configuration: Configuration, missing: list[int], seconds: float) -> tuple[int, ...]:
        """As many folds as last about a second together: short fits should not pay for a message each.

        Models that fit several folds at once get more, up to a sixth of the budget.
        """
        if self._budget.seconds is None:
            return tuple(missing[:1])
        worth = min(1.0, 0.02 * self._budget.seconds)
        if get_component("model", configuration.family).fit_together is not None:
            worth = min(self._budget.seconds / 6, self._budget.search_left / 1.2)
        return tuple(missing[: max(1, int(worth / seconds))])

    def finalists(self, history: RunHistory) -> list[Evaluation]:
        """Configurations worth all folds, in the order in which they should get them."""
        ranked = rank(history)
        if not ranked:
            return []
        incumbent = max(ranked[:5], key=lambda e: len(e.folds))
        worst = max(r.loss for r in incumbent.folds.values())
        alive = [e for e in ranked if len(incumbent.folds) < 3 or np.mean([r.loss for r in e.folds.values()]) <= worst]
        siblings: dict[str, int] = {}
        places: list[tuple[float, Evaluation]] = []
        for place, e in enumerate(alive):
            elder = siblings.get(e.configuration.family, 0)
            siblings[e.configuration.family] = elder + 1
            if elder < max_per_family(self._n_rows):
                places.append((place + _PER_SIBLING * elder - _FOR_FOLDS * len(e.folds) / self._n_folds, e))
        places.sort(key=lambda pair: pair[0])
        return [e for _, e in places[: max_candidates(self._n_rows)]]


def _folds_by_configuration(trials: Iterable[Trial]) -> dict[Configuration, set[int]]:
    folds: dict[Configuration, set[int]] = {}
    for trial in trials:
        folds.setdefault(trial.configuration, set()).update(trial.folds)
    return folds
