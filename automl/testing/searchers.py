"""The contract suite of searchers; `automl.search.base` describes the contract."""

from __future__ import annotations

import copy
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar

import cloudpickle
import numpy as np
import psutil
import pytest
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    Integer,
)
from ConfigSpace import Configuration as SpaceConfiguration

from automl.search.base import Searcher
from automl.trials.history import Observation, RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.component import TableTraits
from pipelines.configuration import Configuration
from pipelines.space import build_space

MakeSearcher = Callable[[ConfigurationSpace, int], Searcher]


def small_space() -> ConfigurationSpace:
    """Return a space of two model families with a forbidden combination.

    Returns
    -------
    ConfigurationSpace
        The hyperparameters are model, scaling, and the rate and size of the model "good".

    Examples
    --------
    >>> from automl.testing import small_space
    >>> sorted(small_space())
    ['model', 'model:good:rate', 'model:good:size', 'scaling']
    """
    space = ConfigurationSpace()
    model = Categorical("model", ["good", "bad"])
    rate = Float("model:good:rate", (1e-4, 1.0), log=True)
    size = Integer("model:good:size", (1, 64), log=True)
    scaling = Categorical("scaling", ["none", "standard", "robust"])
    space.add(model, rate, size, scaling)
    space.add(EqualsCondition(rate, model, "good"), EqualsCondition(size, model, "good"))
    forbidden = ForbiddenAndConjunction(ForbiddenEqualsClause(model, "bad"), ForbiddenEqualsClause(scaling, "robust"))
    space.add(forbidden)
    return space


def small_loss(configuration: Configuration) -> float:
    """Return the loss of a configuration of `small_space`.

    Parameters
    ----------
    configuration : Configuration
        A configuration of `small_space`.

    Returns
    -------
    float
        At least 0, which the model "good" has with rate 0.01, size 8 and the scaling "standard".

    Examples
    --------
    >>> from automl.components import Configuration
    >>> from automl.testing import small_loss
    >>> small_loss(Configuration({"model": "bad", "scaling": "none"}))
    10.0
    """
    if configuration["model"] == "bad":
        return 10.0
    rate, size = float(configuration["model:good:rate"]), float(configuration["model:good:size"])
    loss = (np.log10(rate) + 2) ** 2 + (np.log2(size) - 3) ** 2 + (configuration["scaling"] != "standard")
    return float(loss)


def finish(trial: Trial, *, failed: bool = False, seconds: float = 0.1) -> TrialResult:
    """Return a result of a trial on `small_space`, without running it.

    Parameters
    ----------
    trial : Trial
        A trial of `small_space`.
    failed : bool, default=False
        Whether the trial crashes.
    seconds : float, default=0.1
        Seconds that the trial takes.

    Returns
    -------
    TrialResult
        The result on the folds of the trial, or a crash without any fold.

    Examples
    --------
    >>> from automl.components import Configuration
    >>> from automl.searchers import Trial
    >>> from automl.testing.searchers import finish
    >>> finish(Trial(Configuration({"model": "bad", "scaling": "none"})), failed=True).status
    <Status.CRASH: 'crash'>
    """
    if failed:
        return TrialResult(trial, Status.CRASH, {}, seconds, reason="failed")
    fold = FoldResult(small_loss(trial.configuration), seconds, 0.0)
    return TrialResult(trial, Status.OK, dict.fromkeys(trial.folds, fold), seconds)


def search(searcher: Searcher, n: int, history: RunHistory | None = None) -> RunHistory:
    """Return the history of a search on `small_space`, one trial after the other.

    Parameters
    ----------
    searcher : Searcher
        The searcher to use.
    n : int
        Number of results at which the search ends; it ends earlier if the searcher suggests nothing.
    history : RunHistory, optional
        The history to continue.

    Returns
    -------
    RunHistory
        The given history, or a new one.

    Examples
    --------
    >>> from automl.search.catalog import make_searcher
    >>> from automl.testing import small_space
    >>> from automl.testing.searchers import search
    >>> len(search(make_searcher("random", small_space(), 0), 5))
    5
    """
    history = RunHistory() if history is None else history
    while len(history.results) < n:
        trials = searcher.suggest(history, 1)
        if not trials:
            break
        history.append(finish(trials[0]))
    return history


def check_suggestions(
    trials: list[Trial], space: ConfigurationSpace, history: RunHistory, n: int, searcher: Searcher | None = None
) -> None:
    """Raise an error if a searcher must not suggest these trials.

    Parameters
    ----------
    trials : list of Trial
        The result of `Searcher.suggest`.
    space : ConfigurationSpace
        The search space.
    history : RunHistory
        The history that the searcher got.
    n : int
        The number of trials that the searcher got.
    searcher : Searcher, optional
        The searcher, if it may choose folds and fidelities.

    Raises
    ------
    AssertionError
        If a guarantee is broken; the message names the guarantee.

    Examples
    --------
    >>> from automl.components import Configuration
    >>> from automl.searchers import RunHistory, Trial
    >>> from automl.testing.searchers import check_suggestions, small_space
    >>> trial = Trial(Configuration({"model": "bad", "scaling": "none"}), folds=(0, 1), origin="mine")
    >>> check_suggestions([trial], small_space(), RunHistory(), 1)
    Traceback (most recent call last):
    AssertionError: suggest must leave folds and seed at their defaults
    ...
    """
    chooses_fidelity = bool(getattr(searcher, "chooses_fidelity", False))
    assert isinstance(trials, list), f"suggest must return a list, not {type(trials).__name__}"
    assert len(trials) <= n, f"suggest must return up to n = {n} trials, not {len(trials)}"
    for trial in trials:
        assert trial.seed == 0, "suggest must leave folds and seed at their defaults"
        if not chooses_fidelity:
            assert (trial.folds, trial.fidelity) == ((0,), 1.0), "suggest must leave folds and seed at their defaults"
        assert isinstance(trial.origin, str), "origin must be a short name"
        assert trial.origin, "origin must be a short name"
        assert _is_new(trial, history, chooses_fidelity), "suggest must not repeat a configuration of history.tried"
        try:
            SpaceConfiguration(space, values=dict(trial.configuration)).check_valid_configuration()
        except (ValueError, KeyError) as error:
            raise AssertionError(f"suggest must return valid configurations of the space: {error}") from error
    assert len({trial.configuration for trial in trials}) == len(trials), "the trials of one call must differ"


def _is_new(trial: Trial, history: RunHistory, chooses_fidelity: bool) -> bool:
    """Return whether a trial is of a new configuration, or a promotion of a known one that does not run."""
    if trial.configuration not in history.tried:
        return True
    known = [result.trial for result in history.results if result.trial.configuration == trial.configuration]
    is_promotion = all(
        trial.fidelity > earlier.fidelity or (trial.fidelity == 1 and not {*trial.folds} & {*earlier.folds})
        for earlier in known
    )
    return chooses_fidelity and is_promotion and all(t.configuration != trial.configuration for t in history.running)


class _ShuffledSet(set[Configuration]):
    """A set that is iterated in another order, as it is in another process."""

    def __init__(self, members: Iterable[Configuration], seed: int):
        super().__init__(members)
        self._seed = seed

    def __iter__(self) -> Iterator[Configuration]:
        members = sorted(super().__iter__(), key=lambda configuration: configuration.id)
        random.Random(self._seed).shuffle(members)
        return iter(members)


class _OtherProcessHistory(RunHistory):
    """A history whose sets have another order, and whose measured seconds differ."""

    def __init__(self, seed: int):
        super().__init__(cost_of=lambda configuration: 0.1)
        self._seed = seed

    @property
    def tried(self) -> set[Configuration]:
        return _ShuffledSet(super().tried, self._seed)


class _InterruptedHistory(RunHistory):
    """A history during whose use somebody presses Ctrl-C."""

    interrupted = False

    def observations(self) -> list[Observation]:
        self.interrupted = True
        raise KeyboardInterrupt

    @property
    def tried(self) -> set[Configuration]:
        self.interrupted = True
        raise KeyboardInterrupt


class SearcherContract:
    """The rules of `automl.search.base`, as tests; a subclass lists the searchers.

    Attributes
    ----------
    searchers : mapping
        Functions ``make(space, seed)``, by name, that return a new searcher for a space. A class whose constructor has
        these two arguments is such a function.

    Examples
    --------
    >>> from automl.search.baselines import RandomSearcher
    >>> from automl.testing import SearcherContract
    >>> class TestMySearcher(SearcherContract):
    ...     searchers = {"mine": lambda space, seed: RandomSearcher(space, seed=seed)}
    """

    searchers: ClassVar[Mapping[str, MakeSearcher]] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give each test its searchers.

        Parameters
        ----------
        metafunc : pytest.Metafunc
            The test that pytest collects.

        Examples
        --------
        >>> from automl.testing import SearcherContract
        >>> callable(SearcherContract().pytest_generate_tests)  # pytest calls it
        True
        """
        if "make" not in metafunc.fixturenames:
            return
        if not self.searchers:
            raise pytest.UsageError(f"{type(self).__name__} needs the class attribute searchers: names and functions")
        metafunc.parametrize("make", list(self.searchers.values()), ids=list(self.searchers))

    def test_suggestions_are_new_valid_and_on_the_first_fold(self, make: MakeSearcher) -> None:
        space, history = small_space(), RunHistory()
        searcher = make(space, 0)
        for _ in range(40):
            trials = searcher.suggest(history, 1)
            check_suggestions(trials, space, history, 1, searcher)
            if not trials:
                break
            history.append(finish(trials[0]))
        assert history.results, "suggest must return a trial for an empty history"

    def test_a_new_searcher_continues_a_history_in_the_same_way(self, make: MakeSearcher) -> None:
        whole = search(make(small_space(), 0), 20)
        resumed = search(make(small_space(), 0), 20, RunHistory(whole.results[:12]))
        assert _trials(resumed) == _trials(whole), (
            "a suggestion must be a function of the history and the seed: "
            "a new searcher with the same seed must continue a history in the same way"
        )

    def test_clocks_global_generators_and_the_order_of_sets_have_no_influence(self, make: MakeSearcher) -> None:
        histories = []
        for number in (0, 1):
            history = _OtherProcessHistory(number)
            searcher = make(small_space(), 0)
            states = random.getstate(), np.random.get_state()  # noqa: NPY002  a searcher may use the old generator
            try:
                random.seed(number)
                np.random.seed(number)  # noqa: NPY002
                while len(history.results) < 15 and (trials := searcher.suggest(history, 1)):
                    history.append(finish(trials[0], seconds=0.1 + number * len(history.results)))
            finally:
                random.setstate(states[0])
                np.random.set_state(states[1])  # noqa: NPY002
            histories.append(history)
        assert _trials(histories[0]) == _trials(histories[1]), (
            "with max_trials, one worker and a seed a run must repeat bit for bit: a searcher must not use a clock, "
            "measured seconds, a global generator of random numbers, or the order of a set"
        )

    def test_one_object_serves_several_fits(self, make: MakeSearcher) -> None:
        fresh = search(make(small_space(), 0), 10)
        used = make(small_space(), 0)
        other = RunHistory(search(make(small_space(), 7), 6).results)
        search(used, 12, other)
        assert _trials(search(used, 10)) == _trials(fresh), "a searcher must not remember the history of an earlier fit"

    def test_copies_and_unpickled_searchers_suggest_the_same(self, make: MakeSearcher) -> None:
        searcher = make(small_space(), 0)
        history = search(searcher, 8)
        expected = make(small_space(), 0).suggest(history, 1)
        assert copy.deepcopy(searcher).suggest(history, 1) == expected, "a searcher must be deep-copyable"
        assert cloudpickle.loads(cloudpickle.dumps(searcher)).suggest(history, 1) == expected, (
            "a searcher must be picklable by cloudpickle"
        )

    def test_several_suggestions_differ_from_each_other_and_from_running_trials(self, make: MakeSearcher) -> None:
        space = small_space()
        history = search(make(space, 0), 15)
        searcher = make(space, 0)
        running = searcher.suggest(history, 4)
        check_suggestions(running, space, history, 4, searcher)
        for trial in running:
            history.start(trial)
        check_suggestions(searcher.suggest(history, 4), space, history, 4, searcher)
        check_suggestions(searcher.suggest(history, 64), space, history, 64, searcher)

    def test_the_history_is_not_changed(self, make: MakeSearcher) -> None:
        searcher = make(small_space(), 0)
        history = search(searcher, 12)
        before = _snapshot(history)
        searcher.suggest(history, 2)
        assert _snapshot(history) == before, "suggest must not change the history"

    def test_failures_and_later_folds_do_not_end_the_search(self, make: MakeSearcher) -> None:
        space, history = small_space(), RunHistory()
        searcher = make(space, 0)
        for number in range(25):
            trials = searcher.suggest(history, 1)
            check_suggestions(trials, space, history, 1, searcher)
            if not trials:
                break
            history.append(finish(trials[0], failed=number % 2 == 0))
            if number % 6 == 5:  # racing runs a further fold of a configuration, which changes known losses
                further = Trial(trials[0].configuration, folds=(1,))
                loss = FoldResult(2.0 + small_loss(trials[0].configuration), 0.1, 0.0)
                history.append(TrialResult(further, Status.OK, {1: loss}, 0.1))

    def test_a_history_of_another_searcher_is_continued(self, make: MakeSearcher) -> None:
        space, history = small_space(), RunHistory()
        space.seed(3)
        for drawn in space.sample_configuration(10):
            history.append(finish(Trial(Configuration(dict(drawn)), origin="other")))
        searcher = make(space, 0)
        check_suggestions(searcher.suggest(history, 2), space, history, 2, searcher)

    def test_a_finite_space_is_exhausted_without_an_endless_loop(self, make: MakeSearcher) -> None:
        space = ConfigurationSpace({"model": ["a", "b"], "size": [1, 2, 3]})
        searcher = make(space, 0)
        history = RunHistory()
        for _ in range(30):
            trials = searcher.suggest(history, 1)
            check_suggestions(trials, space, history, 1, searcher)
            if not trials:
                break
            folds = dict.fromkeys(trials[0].folds, FoldResult(1.0, 0.1, 0.0))
            history.append(TrialResult(trials[0], Status.OK, folds, 0.1))
        if len(history.evaluations) == 6:
            assert searcher.suggest(history, 1) == [], "suggest must return an empty list in an exhausted space"

    def test_suggestions_from_the_space_of_whole_pipelines_are_valid(self, make: MakeSearcher) -> None:
        space = build_space(TableTraits("multiclass", 1_000, 10, 3, (0, 1), (4, 12), has_missing=True))
        searcher = make(space, 0)
        history, rng = RunHistory(), np.random.default_rng(0)
        for _ in range(40):
            trials = searcher.suggest(history, 1)
            check_suggestions(trials, space, history, 1, searcher)
            if not trials:
                break
            loss = FoldResult(float(rng.random()), 0.1, 0.0)
            history.append(TrialResult(trials[0], Status.OK, dict.fromkeys(trials[0].folds, loss), 0.1))

    def test_no_thread_or_process_outlives_a_call(self, make: MakeSearcher) -> None:
        searcher = make(small_space(), 0)
        history = search(searcher, 5)
        searcher.suggest(history, 1)
        before = set(threading.enumerate()), _children()
        searcher.suggest(history, 1)
        assert set(threading.enumerate()) <= before[0], "no thread may outlive a call of suggest"
        assert _children() <= before[1], "no process may outlive a call of suggest"

    def test_ctrl_c_is_not_swallowed(self, make: MakeSearcher) -> None:
        searcher = make(small_space(), 0)
        history = _InterruptedHistory(search(make(small_space(), 0), 12).results)
        with suppress(KeyboardInterrupt):
            searcher.suggest(history, 1)
            assert not history.interrupted, "suggest must let KeyboardInterrupt pass through"


def _trials(history: RunHistory) -> list[Trial]:
    return [result.trial for result in history.results]


def _children() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


def _snapshot(history: RunHistory) -> Any:
    evaluations = [(e.configuration, dict(e.folds), e.status, e.seconds) for e in history.evaluations.values()]
    return list(history.results), list(history.running), evaluations
