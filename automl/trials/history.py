"""The run history: an append-only list of trial results, and everything derived from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from automl.plurals import plural
from automl.trials.trial import CONTINUED, ITERATIONS, FoldResult, Status, Trial, TrialResult
from pipelines.configuration import Configuration

_LIMITS = (Status.TIMEOUT, Status.MEMORY)


@dataclass
class Evaluation:
    """The results of all trials of one configuration."""

    configuration: Configuration
    origin: str
    folds: dict[int, FoldResult] = field(default_factory=dict)  # of trials on all training rows
    # Of trials of a lower fidelity: the folds by the share of the rows or iterations. No ensemble can use them.
    low_fidelity: dict[float, dict[int, FoldResult]] | None = None
    status: Status = Status.OK
    reason: str = ""  # why the configuration is not usable, in one line
    usable: bool = True  # False if its models were removed or may be faulty: an ensemble must not choose it
    seconds: float = 0.0  # sum over all trials
    low_fidelity_seconds: float = 0.0  # the part of it that models of lower fidelities took
    started: bool = False  # True if a trial has run

    @property
    def extendable(self) -> bool:
        """Whether further folds are worth a trial: another fold would most likely exceed the same limit."""
        return self.usable and self.status is Status.OK

    @property
    def fidelity(self) -> float:
        """The largest fidelity at which a fold has finished; NaN where none has."""
        finished = [share for share, folds in (self.low_fidelity or {}).items() if folds]
        return 1.0 if self.folds else max(finished, default=float("nan"))

    def folds_at(self, fidelity: float) -> Mapping[int, FoldResult]:
        """Return the finished folds of the trials of a fidelity, by their numbers."""
        return self.folds if fidelity == 1 else (self.low_fidelity or {}).get(fidelity, {})

    def trainings(self, trial: Trial) -> float:
        """Return how many whole trainings of a fold a trial is: less where it goes on with an earlier one.

        It is a forecast: where the state of the earlier training was removed, the trial begins anew.
        """
        begun = dict.fromkeys(trial.folds, 0.0)
        for share, folds in (self.low_fidelity or {}).items():
            for fold in begun:
                if share < trial.fidelity and fold in folds and ITERATIONS in folds[fold].info:
                    begun[fold] = max(begun[fold], share)
        return sum(trial.fidelity - share for share in begun.values())

    def whole_seconds(self, number: int) -> float:
        """Return the seconds of a whole training of a fold, with those of its earlier parts, and of its predictions."""
        fold = self.folds_at(self.fidelity)[number]
        trained = fold.fit_seconds
        if CONTINUED in fold.info:
            shares = (share for share in self.low_fidelity or {} if share < self.fidelity)
            earlier = (self.folds_at(share).get(number) for share in shares)
            trained += sum(one.fit_seconds for one in earlier if one is not None)
        return trained / self.fidelity + fold.predict_seconds

    def whole_folds(self) -> dict[int, FoldResult]:
        """Return the finished folds with the seconds of whole trainings; see `whole_seconds`."""
        folds = dict(self.folds)  # a copy, because a search may add folds meanwhile
        return {n: replace(fold, fit_seconds=self.whole_seconds(n) - fold.predict_seconds) for n, fold in folds.items()}

    @property
    def mean_loss(self) -> float:
        """The mean loss over the finished folds, NaN without any; comparable only with means over the same folds."""
        return float(np.mean([r.loss for r in self.folds.values()])) if self.folds else float("nan")

    @property
    def fold_seconds(self) -> float:
        """The mean seconds of one fold on all training rows."""
        return (self.seconds - self.low_fidelity_seconds) / max(1, len(self.folds))


@dataclass(frozen=True)
class Observation:
    """The result of a configuration as a searcher sees it."""

    configuration: Configuration
    loss: float | None  # None where no fold finished
    seconds: float  # mean of one fold; 0 where no trial was started


class RunHistory:
    """The results of a run, to which results are only added; iterating gives them in the order in which trials ended.

    Parameters
    ----------
    results : iterable of TrialResult
        Results that are already known, for example from a run directory.
    cost_of : callable, optional
        ``cost_of(configuration)`` replaces the measured seconds in every decision. A run that must repeat bit for bit
        must not depend on a clock.

    Attributes
    ----------
    results : list of TrialResult
        All results, in the order in which trials ended.
    running : dict of Trial to None
        The trials that run, in the order in which they started.
    evaluations : dict of Configuration to Evaluation
        The results of each configuration, in the order of their first results.
    n_run : int
        Number of configurations of which a trial has run.

    Examples
    --------
    >>> from automl.trials.history import RunHistory
    >>> from automl.trials.trial import FoldResult, Status, Trial, TrialResult
    >>> from pipelines.configuration import Configuration
    >>> trial = Trial(Configuration({"model": "ridge"}))
    >>> history = RunHistory([TrialResult(trial, Status.OK, {0: FoldResult(0.25, 1.5, 0.1)}, seconds=2.0)])
    >>> history
    <RunHistory of 1 trial on 1 configuration>
    >>> [result.status.value for result in history]
    ['ok']
    """

    def __init__(self, results: Iterable[TrialResult] = (), cost_of: Callable[[Configuration], float] | None = None):
        self._cost_of = cost_of
        self.results: list[TrialResult] = []
        self.running: dict[Trial, None] = {}
        self.evaluations: dict[Configuration, Evaluation] = {}
        self.n_run = 0
        for result in results:
            self.append(result)

    def __iter__(self) -> Iterator[TrialResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __repr__(self) -> str:
        return (
            f"<RunHistory of {plural(len(self.results), 'trial')} on {plural(len(self.evaluations), 'configuration')}>"
        )

    def start(self, trial: Trial) -> None:
        """Record that a trial runs, so that its configuration is not suggested again.

        Parameters
        ----------
        trial : Trial
            The trial.

        Examples
        --------
        >>> from automl.trials.history import RunHistory
        >>> from automl.trials.trial import Trial
        >>> from pipelines.configuration import Configuration
        >>> trial = Trial(Configuration({"model": "ridge"}))
        >>> history = RunHistory()
        >>> history.start(trial)
        >>> trial.configuration in history.tried
        True
        """
        self.running[trial] = None

    def append(self, result: TrialResult) -> None:
        """Add the result of a trial.

        Parameters
        ----------
        result : TrialResult
            The result.

        Examples
        --------
        >>> from automl.trials.history import RunHistory
        >>> from automl.trials.trial import Status, Trial, TrialResult
        >>> from pipelines.configuration import Configuration
        >>> trial = Trial(Configuration({"model": "ridge"}))
        >>> history = RunHistory()
        >>> history.append(TrialResult(trial, Status.CRASH, {}, seconds=2.0, reason="ValueError: no rows"))
        >>> history.evaluations[trial.configuration].usable
        False
        """
        self.running.pop(result.trial, None)
        self.results.append(result)
        configuration = result.trial.configuration
        known = self.evaluations.setdefault(configuration, Evaluation(configuration, result.trial.origin))
        known.seconds += result.seconds
        if result.trial.fidelity < 1:
            known.low_fidelity_seconds += result.seconds
            known.low_fidelity = known.low_fidelity or {}
            known.low_fidelity.setdefault(result.trial.fidelity, {}).update(result.folds)
        else:
            known.folds.update(result.folds)
            if any(CONTINUED in fold.info for fold in result.folds.values()):
                known.low_fidelity_seconds = 0.0  # these seconds are a part of the training that has ended now
        if result.started and not known.started:
            known.started = True
            self.n_run += 1
        if result.status is not Status.OK:
            known.status, known.reason = result.status, result.reason
            # A limit says nothing about the models of the folds that have finished before.
            known.usable &= result.status in _LIMITS and bool(known.folds)

    def without(self, families: Collection[str]) -> RunHistory:
        """Return a history without the trials of some model families.

        Parameters
        ----------
        families : collection of str
            Names of the model families.

        Returns
        -------
        RunHistory
            A new history with the other results and the other running trials.

        Examples
        --------
        >>> from automl.trials.history import RunHistory
        >>> from automl.trials.trial import FoldResult, Status, Trial, TrialResult
        >>> from pipelines.configuration import Configuration
        >>> trial = Trial(Configuration({"model": "ridge"}))
        >>> history = RunHistory([TrialResult(trial, Status.OK, {0: FoldResult(0.25, 1.5, 0.1)}, seconds=2.0)])
        >>> len(history.without({"ridge"}))
        0
        """
        left = RunHistory(
            (result for result in self.results if result.trial.configuration.family not in families), self._cost_of
        )
        for trial in self.running:
            if trial.configuration.family not in families:
                left.start(trial)
        return left

    def at_fidelity(self, fidelity: float) -> RunHistory:
        """Return a history in which only the trials on a share of the training rows have folds.

        The other failed trials are failures there as well.

        Parameters
        ----------
        fidelity : float
            Share of the training rows, see `Trial`.

        Returns
        -------
        RunHistory
            A new history with these results as if they were of all training rows. All other configurations are running.

        Examples
        --------
        >>> from automl.trials.history import RunHistory
        >>> from automl.trials.trial import FoldResult, Status, Trial, TrialResult
        >>> from pipelines.configuration import Configuration
        >>> trial = Trial(Configuration({"model": "ridge"}), fidelity=0.1)
        >>> history = RunHistory([TrialResult(trial, Status.OK, {0: FoldResult(0.25, 1.5, 0.1)}, seconds=2.0)])
        >>> len(history.observations()), len(history.at_fidelity(0.1).observations())
        (0, 1)
        """
        view = RunHistory(cost_of=self._cost_of)
        for result in self.results:
            trial = replace(result.trial, fidelity=1.0)
            if result.trial.fidelity == fidelity:
                view.append(replace(result, trial=trial))
            elif result.status is not Status.OK:  # folds that it has finished are of another fidelity
                view.append(replace(result, trial=trial, folds={}))
            elif trial.configuration not in view.evaluations:
                view.start(trial)
        for trial in self.running:
            view.start(trial)
        return view

    def cost(self, evaluation: Evaluation) -> float:
        """Return the seconds of one fold of a configuration, as decisions use them.

        Parameters
        ----------
        evaluation : Evaluation
            The results of the configuration.

        Returns
        -------
        float
            The measured mean, or the result of `cost_of`.

        Examples
        --------
        >>> from automl.trials.history import RunHistory
        >>> from automl.trials.trial import FoldResult, Status, Trial, TrialResult
        >>> from pipelines.configuration import Configuration
        >>> trial = Trial(Configuration({"model": "ridge"}))
        >>> history = RunHistory([TrialResult(trial, Status.OK, {0: FoldResult(0.25, 1.5, 0.1)}, seconds=2.0)])
        >>> history.cost(history.evaluations[trial.configuration])
        2.0
        """
        if self._cost_of is not None:
            return self._cost_of(evaluation.configuration)
        return evaluation.fold_seconds

    @property
    def repeats(self) -> bool:
        """Whether the run must repeat bit for bit, so that no decision may depend on measured seconds or memory.

        Returns
        -------
        bool
            True if the history has a function `cost_of`.

        Examples
        --------
        >>> from automl.trials.history import RunHistory
        >>> RunHistory().repeats, RunHistory(cost_of=lambda configuration: 1.0).repeats
        (False, True)
        """
        return self._cost_of is not None

    @property
    def tried(self) -> set[Configuration]:
        """The configurations that have run, are running, or were not started.

        Returns
        -------
        set of Configuration
            The configurations that a searcher must not suggest.

        Examples
        --------
        >>> from automl.trials.history import RunHistory
        >>> from automl.trials.trial import FoldResult, Status, Trial, TrialResult
        >>> from pipelines.configuration import Configuration
        >>> trial = Trial(Configuration({"model": "ridge"}))
        >>> history = RunHistory([TrialResult(trial, Status.OK, {0: FoldResult(0.25, 1.5, 0.1)}, seconds=2.0)])
        >>> trial.configuration in history.tried
        True
        """
        return set(self.evaluations) | {trial.configuration for trial in self.running}

    @property
    def started(self) -> set[Configuration]:
        """The configurations that have run or are running; `max_trials` limits their number.

        Returns
        -------
        set of Configuration
            The configurations of `tried`, without those that were not started.

        Examples
        --------
        >>> from automl.trials.history import RunHistory
        >>> from automl.trials.trial import FoldResult, Status, Trial, TrialResult
        >>> from pipelines.configuration import Configuration
        >>> trial = Trial(Configuration({"model": "ridge"}))
        >>> history = RunHistory([TrialResult(trial, Status.OK, {0: FoldResult(0.25, 1.5, 0.1)}, seconds=2.0)])
        >>> len(history.started)
        1
        """
        ended = {configuration for configuration, e in self.evaluations.items() if e.started}
        return ended | {trial.configuration for trial in self.running}

    def fold_effects(self) -> Mapping[int, float]:
        """Return the median loss of each fold among the configurations with the most folds.

        The medians make configurations comparable that have finished different folds.

        Returns
        -------
        mapping of int to float
            The median loss, by number of the fold.

        Examples
        --------
        >>> from automl.trials.history import RunHistory
        >>> from automl.trials.trial import FoldResult, Status, Trial, TrialResult
        >>> from pipelines.configuration import Configuration
        >>> trial = Trial(Configuration({"model": "ridge"}))
        >>> history = RunHistory([TrialResult(trial, Status.OK, {0: FoldResult(0.25, 1.5, 0.1)}, seconds=2.0)])
        >>> history.fold_effects()
        {0: 0.25}
        """
        most = max((len(e.folds) for e in self.evaluations.values()), default=0)
        complete = [e for e in self.evaluations.values() if most and len(e.folds) == most]
        folds = {fold for e in complete for fold in e.folds}
        return {f: float(np.median([e.folds[f].loss for e in complete if f in e.folds])) for f in folds}

    def observations(self) -> list[Observation]:
        """Return the observation of each configuration, its loss adjusted for the folds that it has finished.

        Returns
        -------
        list of Observation
            One for each configuration, in the order of their first results; none for a configuration that has run on a
            part of the training rows or iterations only.

        Examples
        --------
        >>> from automl.trials.history import RunHistory
        >>> from automl.trials.trial import FoldResult, Status, Trial, TrialResult
        >>> from pipelines.configuration import Configuration
        >>> trial = Trial(Configuration({"model": "ridge"}))
        >>> history = RunHistory([TrialResult(trial, Status.OK, {0: FoldResult(0.25, 1.5, 0.1)}, seconds=2.0)])
        >>> [(observation.loss, observation.seconds) for observation in history.observations()]
        [(0.25, 2.0)]
        """
        effects = self.fold_effects()
        center = float(np.mean(list(effects.values()))) if effects else 0.0
        rows = []
        for e in self.evaluations.values():
            if e.low_fidelity and not e.folds and e.status is Status.OK:
                continue  # there is no result on all training rows yet
            loss = None
            if e.folds:
                # Plain sums are fast: this runs for every configuration before every suggestion.
                loss = center + sum(r.loss - effects.get(f, center) for f, r in e.folds.items()) / len(e.folds)
            rows.append(Observation(e.configuration, loss, self.cost(e)))
        return rows
