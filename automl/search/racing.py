"""Racing: which configuration gets another fold, and when a challenger gets its first folds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from itertools import chain, takewhile, zip_longest

from automl.search.base import Searcher
from automl.search.budget import Budget
from automl.search.fleets import FleetBuilder
from automl.search.forecast import RuntimeModel
from automl.search.racing_policies import (
    LEAST_COMPARED,
    FirstFolds,
    FoldPolicy,
    RacingPolicy,
    RungPolicy,
    Work,
    is_too_late_for_challengers,
)
from automl.search.scalarization import FurtherObjectives, pareto_front, spread
from automl.search.trial_limits import Limits, TrialLimits, not_started
from automl.trials.candidates import max_candidates, max_per_family
from automl.trials.history import Evaluation, RunHistory
from automl.trials.trial import Status, Trial, TrialResult
from pipelines.catalog import get_component
from pipelines.configuration import Configuration

_FAMILY_HANDICAP = 3.0  # places that a configuration loses for each better one of its family
_FOLDS_ADVANTAGE = 4.0  # places that a configuration wins when all its folds are done; a part of them for some folds
_MAX_REQUESTS = 5  # requests in one call of `suggest` while none of the proposals can be started
_MOST_REFUSED = 200  # proposals in a row that are not started, before a search ends in which nothing runs
# From this many idle workers on, challengers are requested together; the second number is the most of one request.
_CHALLENGERS_AT_ONCE = (8, 64)
_LEAST_SHARE = 0.6  # of the longest fold so far: a fold with less is not worth a trial if its model stops in time


class Racing:
    """Turns the proposals of a searcher into trials on folds.

    A challenger runs on the first fold, or on a few folds where rows are few. The best configurations are intensified:
    they get further folds as long as they can win. A configuration whose mean loss is worse than the worst fold of the
    incumbent is dropped (the forgiving rule of Bergman et al., 2024, arXiv:2405.03389, section 4). Both are adjusted
    for the folds that the configurations have finished, because a hard first fold would otherwise drop all
    configurations that have run on it alone. The rank decides among the configurations that remain. A configuration
    loses places for each better one of its family, because an ensemble gains more from another family; it wins places
    for finished folds, because unfinished bags are of little use. Where the searcher chooses the fidelities itself,
    configurations are intensified only if it proposes nothing, and at the end of the budget.

    Parameters
    ----------
    searcher : Searcher
        Proposes configurations.
    n_folds, n_rows : int
    runtime : RuntimeModel
    budget : Budget
    n_workers : int
    limits : Limits
        A trial that most likely exceeds them is not started, and enters the history as a failure.
    fleet_builder : FleetBuilder or None
        Fills the fleets; None where workers fit one configuration at a time.
    seed : int
        The seed of all trials.
    further : callable or None
        Returns the values of objectives beside the loss. Configurations on the Pareto front are then finalists, too.
    dropped : callable
        Returns the model families of which no more trials may start.
    """

    def __init__(
        self,
        searcher: Searcher,
        n_folds: int,
        n_rows: int,
        runtime: RuntimeModel,
        budget: Budget,
        n_workers: int = 1,
        limits: Limits = Limits(),  # noqa: B008  it is immutable
        fleet_builder: FleetBuilder | None = None,
        seed: int = 0,
        further: FurtherObjectives | None = None,
        dropped: Callable[[], Collection[str]] = tuple,
    ):
        self._n_folds, self._n_rows = n_folds, n_rows
        self._runtime, self._budget = runtime, budget
        self._fleet_builder, self._seed, self._further, self._dropped = fleet_builder, seed, further, dropped
        self._limits = TrialLimits(limits, budget, runtime, n_workers, n_folds, n_rows)
        self._first_folds = FirstFolds(n_folds, n_rows, budget)
        by_rungs = getattr(searcher, "chooses_fidelity", False)
        by_folds = FoldPolicy(searcher, budget, runtime, self._first_folds)
        self._policy: RacingPolicy = RungPolicy(searcher, budget) if by_rungs else by_folds

    def suggest(self, history: RunHistory, n: int, fleet_size: int = 1) -> list[tuple[Trial, ...]]:
        """Return up to `n` fleets; each holds a trial on the first folds of a challenger, or on one that intensifies.

        A challenger that can be fitted together with others comes as a fleet of up to `fleet_size` trials, if no fleet
        is running: a second one would share the device. All trials are in the history as running when this returns.

        A challenger that most likely exceeds a limit is not started: its result enters the history at once, it does
        not count towards `max_trials`, and the searcher is asked again, a few times in one call.
        """
        if n <= 0:  # the loop also asks when no worker is free, and to rank a long history takes a while
            return []
        dropped, busy_with = self._dropped(), _folds_by_configuration(history.running)
        finalists = [e for e in self.finalists(history) if e.configuration.family not in dropped]
        work = self._work(history)
        challengers: list[Trial] = []
        fleets: list[tuple[Trial, ...]] = []
        while len(fleets) < n:
            intensifying = self._intensify(finalists, busy_with, history)
            trial = intensifying
            if trial is None or len(history.evaluations) < LEAST_COMPARED or self._explores(trial, work, history):
                challengers = challengers or self._challengers(history, n - len(fleets))
                trial = challengers.pop(0) if challengers else intensifying
            if trial is None:
                break
            alone = trial is intensifying or not self._policy.fills_fleets
            fleet = (trial,) if alone else self._fleet(trial, history, fleet_size)
            for member in fleet:
                history.start(member)
                busy_with.setdefault(member.configuration, set()).update(member.folds)
                work.add(member is intensifying, self._seconds(member, history))
            if len(fleet) > 1 and self._budget.max_trials is not None:  # the fleet has used up several trials
                challengers = challengers[: max(0, self._budget.max_trials - len(history.started))]
            fleets.append(fleet)
        return fleets

    def resume(self, history: RunHistory, results: Sequence[TrialResult]) -> None:
        """Append the results of earlier sessions to the history.

        A trial that was not started then is judged again: it is left out if it may start under the present limits, or
        if a later session has run its configuration.
        """
        has_run = {result.trial.configuration for result in results if result.started}
        for result in results:
            judged = not result.started and result.trial.configuration not in has_run
            if result.started or (judged and self._refusal(result.trial, history) is not None):
                history.append(result)

    def time_limit(self, trials: Sequence[Trial]) -> float | None:
        """Return the seconds for a trial or a fleet: the user's limit or a share of the budget, or all that is left."""
        return self._limits.seconds_left(trials)

    def _refusal(self, trial: Trial, history: RunHistory) -> TrialResult | None:
        """Return a result for a challenger that is not started; None for a challenger that may start.

        It is not started if its family was dropped, or if it most likely exceeds a limit.
        """
        if trial.configuration.family in self._dropped():
            return not_started(trial, Status.TIMEOUT, "the user has dropped its family")
        return self._limits.predicted_violation(trial, history)

    def _fleet(self, trial: Trial, history: RunHistory, size: int) -> tuple[Trial, ...]:
        """Return a challenger and the trials that are fitted together with it."""
        if self._budget.max_trials is not None:
            size = min(size, self._budget.max_trials - len(history.started))
        builder = self._fleet_builder
        if size <= 1 or builder is None or any(builder.can_join(running) for running in history.running):
            return (trial,)
        return (trial, *builder.fill(trial, size - 1, history))

    def _explores(self, intensifying: Trial, work: Work, history: RunHistory) -> bool:
        """Return whether a proposal of the searcher comes before a trial that intensifies."""
        return self._policy.explores(work, self._seconds(intensifying, history), history)

    def _work(self, history: RunHistory) -> Work:
        """Return the worker seconds so far; running trials count as predicted."""
        work = Work()
        for e in history.evaluations.values():
            seconds = history.cost(e)
            if not e.started or not seconds:
                continue
            n_first = min(max(1, len(e.folds)), self._first_folds.count(seconds))
            work.add(False, seconds * n_first)
            work.add(True, seconds * max(0, len(e.folds) - n_first))
        for trial in history.running:
            work.add(trial.configuration in history.evaluations, self._seconds(trial, history))
        return work

    def _seconds(self, trial: Trial, history: RunHistory) -> float:
        """Return the predicted seconds of a trial, without regard to its limit."""
        known = history.evaluations.get(trial.configuration)
        trainings = len(trial.folds) * trial.fidelity if known is None else known.trainings(trial)
        return self._runtime.predict(trial.configuration, history) * trainings

    def expected_seconds(self, trials: Sequence[Trial], history: RunHistory) -> float:
        """Return the seconds after which a trial or a fleet is expected to end, if it starts now."""
        return min(self._limits.seconds(trials), sum(self._seconds(trial, history) for trial in trials))

    def _challengers(self, history: RunHistory, n_idle: int) -> list[Trial]:
        """Return trials on the first folds of new configurations: one, or several where many workers are idle."""
        least, most = _CHALLENGERS_AT_ONCE
        n = min(n_idle, most) if n_idle >= least else 1
        if is_too_late_for_challengers(self._budget, history):
            return []
        for _ in range(_MAX_REQUESTS):
            proposed = self._policy.propose(history, n)
            startable = []
            for proposal in proposed:
                trial = replace(self._policy.begin(proposal, history), seed=self._seed)
                refusal = self._refusal(trial, history)
                if refusal is None:
                    startable.append(trial)
                else:
                    history.append(refusal)
            if startable or not proposed:
                return startable
        return []

    def _intensify(
        self, finalists: list[Evaluation], busy_with: dict[Configuration, set[int]], history: RunHistory
    ) -> Trial | None:
        """Return a trial on further folds of the first finalist that misses some; None where no finalist does."""
        for e in finalists:
            if not e.extendable:
                continue
            running = busy_with.get(e.configuration, set())
            missing = [f for f in range(self._n_folds) if f not in e.folds and f not in running]
            if not missing:
                continue
            seconds = self._runtime.predict(e.configuration, history)
            needed = 1.2 * seconds
            if e.folds and get_component("model", e.configuration.family).interruptible:
                needed = _LEAST_SHARE * max(fold.fit_seconds + fold.predict_seconds for fold in e.folds.values())
            if needed <= self._budget.search_left:
                bundle = self._bundle(e.configuration, missing, seconds)
                folds = bundle if e.folds else tuple(missing[: self._first_folds.count(seconds)])
                return Trial(e.configuration, folds, self._seed, e.origin)
        return self._first_model(finalists, busy_with, history)

    def first_model(self, history: RunHistory) -> Trial | None:
        """Return the trial that brings a model soonest, where the search has ended without one.

        It is of one of the best configurations. None where there is a model, or where no configuration has a result.
        """
        dropped = self._dropped()
        finalists = [e for e in self.finalists(history) if e.configuration.family not in dropped]
        return self._first_model(finalists[:LEAST_COMPARED], {}, history)

    def _first_model(
        self, finalists: list[Evaluation], busy_with: dict[Configuration, set[int]], history: RunHistory
    ) -> Trial | None:
        """Return a trial that brings a model where the searcher chooses the fidelities and there is none yet.

        The forecast says that no finalist ends in time; without this trial, the run would end without a model for sure.
        """
        if not self._policy.lacks_model(history):
            return None
        left = [e for e in finalists if e.extendable and e.configuration not in busy_with]
        if not left:
            return None
        trials = [Trial(e.configuration, (0,), self._seed, e.origin) for e in left]
        return min(trials, key=lambda trial: self._seconds(trial, history))

    def _bundle(self, configuration: Configuration, missing: list[int], seconds: float) -> tuple[int, ...]:
        """Return as many folds as last about a second together, because sending a trial to a worker takes time.

        A model that fits several folds at once gets more folds, up to a sixth of the budget.
        """
        if self._budget.planned_seconds is None:
            return tuple(missing[:1])
        target = min(1.0, 0.02 * self._budget.planned_seconds)
        if get_component("model", configuration.family).fit_together is not None:
            target = min(self._budget.planned_seconds / 6, self._budget.search_left / 1.2)
        return tuple(missing[: max(1, int(target / seconds))])

    def finalists(self, history: RunHistory) -> list[Evaluation]:
        """Return the configurations that are worth all folds, in the order in which they should get them."""
        contenders = self._policy.contenders(history)
        return self._in_order(contenders, history) if contenders else []

    def _in_order(self, ranked: Sequence[Evaluation], history: RunHistory) -> list[Evaluation]:
        """Return the finalists among ranked configurations, in the order in which they should get all folds."""
        family_counts: dict[str, int] = {}
        places: list[tuple[float, Evaluation]] = []
        for place, e in enumerate(ranked):
            n_better = family_counts.get(e.configuration.family, 0)  # configurations of the same family
            family_counts[e.configuration.family] = n_better + 1
            if n_better < max_per_family(self._n_rows):
                advantage = _FOLDS_ADVANTAGE * len(e.folds) / self._n_folds
                places.append((place + _FAMILY_HANDICAP * n_better - advantage, e))
        places.sort(key=lambda pair: pair[0])
        most = max_candidates(self._n_rows)
        best = [e for _, e in places[:most]]
        if self._further is None:
            return best
        front = spread(*pareto_front(history, self._further), most)
        taking_turns = chain.from_iterable(zip_longest(best, front))
        return list({e.configuration: e for e in taking_turns if e is not None}.values())


def nothing_left(history: RunHistory, n_known: int) -> bool:
    """Return whether a search ends in which nothing runs, after a call of `Racing.suggest` that returned no trial.

    It goes on after proposals that exceed a limit, because others may not, but not after many of them in a row.

    Parameters
    ----------
    n_known : int
        Number of results in the history before the call.
    """
    refused = sum(1 for _ in takewhile(lambda result: not result.started, reversed(history.results)))
    return len(history.results) == n_known or refused >= _MOST_REFUSED


def _folds_by_configuration(trials: Iterable[Trial]) -> dict[Configuration, set[int]]:
    folds: dict[Configuration, set[int]] = {}
    for trial in trials:
        folds.setdefault(trial.configuration, set()).update(trial.folds)
    return folds
