"""What a searcher is: the strategy that proposes which configurations are tried next.

The search knows its strategy only through the protocol `Searcher`. `automl.search.smac`, `automl.search.baselines` and
`automl.search.optuna_sampler` implement it; users give an object of their own as ``AutoMLClassifier(searcher=...)``.
This page is the whole contract.

**Creation.** A strategy of this package is created once per fit by `automl.search.catalog.make_searcher`, which gives
it the search space, the seed and the initial configurations, and has one line in the table of that module. An object
from a user is taken as it is: it gets neither the space nor the initial configurations. Its author builds the space
with `automl.components.build_space` from a description of the table, or writes configurations by hand and completes
them with `automl.components.complete`. The estimator never copies the object, but `sklearn.base.clone` does, and
`nested_cross_validate` clones estimators; so the object must be deep-copyable. To be saved with the model it must be
picklable. It is never sent to a worker.

**Who calls.** Only `automl.search.racing.Racing` calls `suggest`, in the process and the thread that called `fit`, and
never twice at the same time. The first call comes before any trial runs. Later calls come when a worker is, or will
soon be, idle and racing decides that a new configuration is worth more than a further fold of a known one. So there is
no fixed number of calls for each result: several results may enter the history between two calls, or none.

**What it is asked for.** `n` is 1 as long as fewer than 8 workers are idle, then up to 64. The searcher returns a list
of up to `n` trials. If it returns more, the surplus is ignored. A shorter or an empty list means that no other new
configuration is left at this moment; the searcher is asked again at the next occasion, because the history may have
grown. The search ends when the list is empty, no trial runs and no known configuration needs a further fold.

**What a suggestion is.** Each trial needs a `configuration` that is valid in the space (all active hyperparameters,
no inactive ones, no forbidden combination), that is not in ``history.tried``, and that no other trial of the list has.
Racing does not check this: an invalid configuration ends as a crashed trial, and a repeated one runs again. `origin` is
a short name, which the leaderboard shows. `folds`, `seed` and `fidelity` keep their defaults, because racing replaces
folds and seed.

**Fidelity.** A searcher whose attribute `chooses_fidelity` is True decides itself on how many folds a configuration
runs, and with which share of the iterations of its model or of the training rows: its trials have `folds` and
`fidelity`. The share is of the iterations where `Component.continues` is True. The searcher may suggest a configuration
of `history.tried` again, with a higher fidelity or on further folds at fidelity 1, if no trial of it runs. Racing then
completes the folds of the best configurations only where the searcher suggests nothing, and in the last quarter of the
seconds. When as many configurations have run as ``max_trials`` allows, new ones are ignored. The results of a lower
fidelity are in `history.evaluations`, but not among the observations: see `Evaluation.folds_at`. The ensemble never
uses them. `automl.search.halving` has the searchers of this package that do so.

**What becomes of a suggestion.** Racing decides on how many folds it runs first, and whether it runs at all. A trial
that would most likely exceed a limit of seconds or memory is not started: it enters the history at once as a failure,
and racing asks again, at most five times before it turns to other work. Where there is none, it asks on, until 200
proposals in a row were not started. All other trials are in ``history.running`` until they end. Where networks are
trained in fleets, racing adds configurations that the searcher has not proposed; they enter the history in the same
way.

**The history.** `RunHistory` holds everything that is known, and the searcher must not change it.

- ``history.observations()`` gives, for each configuration of which a trial has ended or was not started, a loss and the
  seconds of one fold, which are 0 where no trial was started. A lower loss is better, whatever the metric is. Losses
  are adjusted for the folds that each configuration has finished; the loss is None where no fold has finished. A known
  loss may change later, when further folds end.
- ``history.tried`` is the set of all configurations that must not be suggested again; those that run are among them.
- After a restart (``fit(store=...)``) the history begins with the results of earlier sessions, which may stem from
  another searcher or from other limits.

**State.** A suggestion is a function of the history and of the seed of the searcher. The object may keep a cache, but
a new object with the same seed must continue a given history in the same way; resumed runs and tests rely on it. One
object may serve several fits, on different tables, and each of them begins with another history.

**Determinism.** With ``max_trials``, one worker and a seed a run must repeat bit for bit. So a searcher draws random
numbers only from a generator that it makes from its seed and the history, for example
``numpy.random.default_rng((seed, len(history.tried)))``; it does not use a clock; and it does not iterate over a set,
whose order differs between processes (``history.tried`` is one; ``history.evaluations`` keeps the order). It takes
seconds from the observations, where a repeatable run has forecasts, and not from the results, where they are measured.

**Time.** `suggest` may block, but while it runs no further trial is submitted, and its seconds count towards the time
budget. One trial waits for the workers in advance, so a call should take less time than a short fit: `SmacSearcher`
takes about 50 ms. It must not start threads or processes that outlive the call.

**Errors.** An exception from `suggest` ends the fit with this exception, and no model is built; only the run directory
keeps the results. So a searcher raises nothing because of failed trials or an exhausted space. `KeyboardInterrupt`
must pass through: `fit` then returns the best model so far.

`automl.testing` checks most of these promises for a searcher from outside this repository, and
`tests/contracts/test_searchers.py` for those of the catalog.
"""

from __future__ import annotations

from typing import Protocol

from automl.trials.history import RunHistory
from automl.trials.trial import Trial


class Searcher(Protocol):
    """A strategy that proposes what to run next; the description of the module says who calls it, and when.

    Examples
    --------
    A searcher that proposes the configurations of a list, in order:

    >>> from automl.components import TableTraits, build_space, complete
    >>> from automl.searchers import RunHistory, Trial
    >>> class ListSearcher:
    ...     def __init__(self, configurations):
    ...         self.configurations = configurations
    ...     def suggest(self, history, n):
    ...         new = [c for c in self.configurations if c not in history.tried]
    ...         return [Trial(c, origin="list") for c in new[:n]]
    >>> space = build_space(TableTraits("binary", n_rows=1_000, n_features=10, n_classes=2))
    >>> searcher = ListSearcher([complete(space, {"model": name}) for name in ("lda", "decision_tree")])
    >>> [trial.configuration.family for trial in searcher.suggest(RunHistory(), 5)]
    ['lda', 'decision_tree']
    """

    def suggest(self, history: RunHistory, n: int) -> list[Trial]:
        """Return new trials.

        Parameters
        ----------
        history : RunHistory
            The results so far and the trials that run; it must not be changed.
        n : int
            The greatest number of trials to return, at least 1.

        Returns
        -------
        list of Trial
            Up to `n` trials of configurations that are new and differ from each other; fewer, or none, where the space
            is exhausted.

        Examples
        --------
        >>> from automl.components import TableTraits, build_space
        >>> from automl.search.catalog import make_searcher
        >>> from automl.searchers import RunHistory
        >>> space = build_space(TableTraits("binary", n_rows=1_000, n_features=10, n_classes=2))
        >>> trials = make_searcher("random", space, seed=0).suggest(RunHistory(), 3)
        >>> [trial.origin for trial in trials]
        ['random', 'random', 'random']
        """
        ...
