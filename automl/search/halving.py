"""Successive halving, Hyperband and BOHB: cheap trials decide which configurations get expensive ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, cycle, islice, repeat
from typing import NamedTuple

import numpy as np
from ConfigSpace import ConfigurationSpace

from automl.search.base import Searcher
from automl.search.baselines import RandomSearcher
from automl.search.rungs import ANY_TABLE, ETA, BracketPlan, Rung
from automl.search.smac import SmacSearcher
from automl.trials.history import Evaluation, RunHistory
from automl.trials.trial import Trial
from pipelines.configuration import Configuration

_LEAST_RESULTS = 10  # of one fidelity, before the model of BOHB learns from it
_RANDOM_SHARE = 1 / 3  # of the suggestions of BOHB (Falkner et al., 2018, algorithm 2)


class SuccessiveHalvingSearcher:
    """Starts many configurations at the cheapest rung, and promotes the best third of each rung to the next one.

    When a configuration has won the last rung, the next bracket begins. A bracket also begins where workers would
    otherwise wait for the results of a rung. The initial configurations are the first ones; then come random ones.
    Source: Jamieson and Talwalkar, 2016, "Non-stochastic best arm identification and hyperparameter optimization".

    Parameters
    ----------
    space : ConfigurationSpace
    seed : int
    initial : sequence of Configuration
        Tried first, in this order.
    plan : BracketPlan
        The rungs, and the limits of the brackets.
    """

    chooses_fidelity = True

    def __init__(
        self,
        space: ConfigurationSpace,
        *,
        seed: int = 0,
        initial: Sequence[Configuration] = (),
        plan: BracketPlan = ANY_TABLE,
    ):
        self._plan, self._rungs = plan, plan.rungs
        self._source = self._make_source(space, seed, initial)

    def _make_source(self, space: ConfigurationSpace, seed: int, initial: Sequence[Configuration]) -> Searcher:
        """Return the searcher that proposes the new configurations."""
        return RandomSearcher(space, seed=seed, initial=initial)

    def _brackets(self) -> Iterator[int]:
        """Yield the first rung of each bracket."""
        return repeat(0)

    def _known_to_source(self, history: RunHistory) -> RunHistory:
        """Return the history from which the source proposes new configurations."""
        return history

    def suggest(self, history: RunHistory, n: int) -> list[Trial]:
        """See `Searcher.suggest`: the trials are promotions, or new configurations where none can be promoted yet."""
        members = {first: iter(c) for first, c in self._members(history).items()}
        new = self._new_configurations(history, n)
        left = n if self._plan.max_trials is None else self._plan.max_trials - len(history.started)
        trials: list[Trial] = []
        for first in self._brackets():
            size = self._plan.size(first)
            known = list(islice(members.get(first, iter(())), size))
            added = list(islice(new, max(0, min(size - len(known), left, n - len(trials)))))
            left -= len(added)
            if added:
                rung = self._rungs[first]
                trials += [Trial(t.configuration, rung.folds, origin=t.origin, fidelity=rung.share) for t in added]
            else:  # the bracket is full, or as full as it can be
                trials += islice(self._promotions(known, first, history), n - len(trials))
            if len(trials) == n or not (known or added):
                break
        return trials

    def _new_configurations(self, history: RunHistory, n: int) -> Iterator[Trial]:
        """Yield up to `n` trials of new configurations, which are searched for when the first of them is needed."""
        yield from self._source.suggest(self._known_to_source(history), n)

    def _members(self, history: RunHistory) -> Mapping[int, list[Configuration]]:
        """Return the configurations by the number of the rung at which they began, in the order of first results.

        They fill the brackets that begin at this rung one after another. Running ones come last, so that a result
        never moves a configuration whose result is known into another bracket.
        """
        started = (result.trial for result in history.results if result.started)
        firsts: dict[Configuration, int | None] = {}
        for trial in chain(started, history.running):
            if trial.configuration not in firsts:
                firsts[trial.configuration] = self._rung_of(trial)
        found: dict[int, list[Configuration]] = {}
        for configuration, first in firsts.items():
            if first is not None:
                found.setdefault(first, []).append(configuration)
        return found

    def _rung_of(self, trial: Trial) -> int | None:
        for number, rung in enumerate(self._rungs):
            if rung.share == trial.fidelity and rung.n_folds > max(trial.folds):
                return number
        return None

    def _promotions(self, members: Sequence[Configuration], first: int, history: RunHistory) -> Iterator[Trial]:
        """Yield the trials that the members of a bracket need now; none while a rung waits for its last results."""
        running = {trial.configuration for trial in history.running}
        left = list(members)
        for n_passed, rung in enumerate(self._rungs[first:], 1):
            results = {c: _result(history.evaluations.get(c), rung) for c in left}
            waiting = [c for c in left if not results[c].ended]
            if waiting:
                yield from (_trial(history.evaluations[c], rung) for c in waiting if c not in running)
                return
            left = sorted((c for c in left if results[c].ok), key=lambda c: results[c].loss)
            left = left[: max(1, len(members) // ETA**n_passed)]


class HyperbandSearcher(SuccessiveHalvingSearcher):
    """Runs brackets of successive halving that begin at each of the rungs in turn, the cheapest first.

    So it also finds configurations whose results on few rows or folds are bad. Source: Li et al., 2018, "Hyperband: a
    novel bandit-based approach to hyperparameter optimization", algorithm 1.
    """

    def _brackets(self) -> Iterator[int]:
        return cycle(range(len(self._rungs)))


class BohbSearcher(HyperbandSearcher):
    """Hyperband whose new configurations come from a model in place of random ones.

    The model learns from the results of the highest fidelity that has enough of them, and a third of the configurations
    stays random (Falkner, Klein and Hutter, 2018, "BOHB: robust and efficient hyperparameter optimization at scale",
    section 3.2). The model is that of `SmacSearcher` in place of kernel densities, which need more results than
    hyperparameters; the multi-fidelity facade of SMAC3 makes the same choice (Lindauer et al., 2022).
    """

    def _make_source(self, space: ConfigurationSpace, seed: int, initial: Sequence[Configuration]) -> Searcher:
        return SmacSearcher(space, seed=seed, initial=initial, random_share=_RANDOM_SHARE)

    def _known_to_source(self, history: RunHistory) -> RunHistory:
        shares = sorted({rung.share for rung in self._rungs}, reverse=True)
        enough = (s for s in shares if sum(bool(e.folds_at(s)) for e in history.evaluations.values()) >= _LEAST_RESULTS)
        return history.at_fidelity(next(enough, shares[-1]))


class _Result(NamedTuple):
    """The result of a configuration at a rung: its mean loss over the folds, NaN where some have no result."""

    loss: float
    ended: bool

    @property
    def ok(self) -> bool:
        return not math.isnan(self.loss)


def _result(evaluation: Evaluation | None, rung: Rung) -> _Result:
    """Return the result of a configuration at a rung; a failed trial ends it at all rungs that it has not finished."""
    if evaluation is None:
        return _Result(math.nan, ended=False)
    known = evaluation.folds_at(rung.share)
    if all(fold in known for fold in rung.folds):
        return _Result(float(np.mean([known[fold].loss for fold in rung.folds])), ended=True)
    overtaken = evaluation.fidelity > rung.share  # racing has run it at the end of an earlier session
    return _Result(math.nan, ended=overtaken or not evaluation.extendable)


def _trial(evaluation: Evaluation, rung: Rung) -> Trial:
    """Return the trial that lifts a configuration to a rung: the folds of it that have no result."""
    known = evaluation.folds_at(rung.share)
    missing = tuple(fold for fold in rung.folds if fold not in known)
    return Trial(evaluation.configuration, missing, origin=evaluation.origin, fidelity=rung.share)
