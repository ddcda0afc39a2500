"""The run history: an append-only list of trial results, and everything derived from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.configuration import Configuration


@dataclass
class Evaluation:
    """All that is known of one configuration."""

    configuration: Configuration
    origin: str
    folds: dict[int, FoldResult] = field(default_factory=dict)
    status: Status = Status.OK
    reason: str = ""  # why it is not usable, one line for people
    usable: bool = True  # False where a trial failed or the models were removed: no ensemble may choose it
    seconds: float = 0.0  # spent on it in all
    started: bool = False  # True once a trial of it has run

    @property
    def mean_loss(self) -> float:
        """Mean over the finished folds, NaN without any; not comparable where others have finished other folds."""
        return float(np.mean([r.loss for r in self.folds.values()])) if self.folds else float("nan")

    @property
    def fold_seconds(self) -> float:
        """Mean seconds of one fold."""
        return self.seconds / max(1, len(self.folds))


@dataclass(frozen=True)
class Observation:
    """A configuration as the surrogate sees it."""

    configuration: Configuration
    loss: float | None  # None where no fold finished
    seconds: float  # mean of one fold


class RunHistory:
    """Append-only; iterating gives the `results` in the order in which trials ended.

    Parameters
    ----------
    results : iterable of TrialResult
        What is already known, for example from a run directory.
    cost_of : callable, optional
        ``cost_of(configuration)`` replaces measured seconds in every decision; a run that must be repeatable bit for
        bit may not look at the clock.
    """

    def __init__(self, results: Iterable[TrialResult] = (), cost_of: Callable[[Configuration], float] | None = None):
        self._cost_of = cost_of
        self.results: list[TrialResult] = []
        self.running: dict[Trial, None] = {}  # started, not ended, in that order
        self.evaluations: dict[Configuration, Evaluation] = {}
        self.n_run = 0  # configurations of which a trial has run
        for result in results:
            self.append(result)

    def __iter__(self) -> Iterator[TrialResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __repr__(self) -> str:
        return f"<RunHistory of {len(self.results)} trials on {len(self.evaluations)} configurations>"

    def start(self, trial: Trial) -> None:
        """Note that a trial runs, so that nobody suggests it again."""
        self.running[trial] = None

    def append(self, result: TrialResult) -> None:
        """Add what came of a trial."""
        self.running.pop(result.trial, None)
        self.results.append(result)
        configuration = result.trial.configuration
        known = self.evaluations.setdefault(configuration, Evaluation(configuration, result.trial.origin))
        known.folds.update(result.folds)
        known.seconds += result.seconds
        if result.started and not known.started:
            known.started = True
            self.n_run += 1
        if result.status is not Status.OK:
            known.status, known.reason, known.usable = result.status, result.reason, False

    def cost(self, evaluation: Evaluation) -> float:
        """Seconds of one fold of a configuration, for decisions."""
        if self._cost_of is not None:
            return self._cost_of(evaluation.configuration)
        return evaluation.fold_seconds

    @property
    def tried(self) -> set[Configuration]:
        """Configurations that have run, are running, or were not started because they would exceed a limit."""
        return set(self.evaluations) | {trial.configuration for trial in self.running}

    @property
    def started(self) -> set[Configuration]:
        """Configurations that have run or are running; `max_trials` limits their number."""
        ended = {configuration for configuration, e in self.evaluations.items() if e.started}
        return ended | {trial.configuration for trial in self.running}

    def fold_effects(self) -> Mapping[int, float]:
        """Median loss of each fold among the configurations with the most folds, for comparing unequal coverage."""
        most = max((len(e.folds) for e in self.evaluations.values()), default=0)
        complete = [e for e in self.evaluations.values() if most and len(e.folds) == most]
        folds = {fold for e in complete for fold in e.folds}
        return {f: float(np.median([e.folds[f].loss for e in complete if f in e.folds])) for f in folds}

    def observations(self) -> list[Observation]:
        """One per evaluated configuration, losses adjusted for the folds that it has seen, in order of first end."""
        effects = self.fold_effects()
        center = float(np.mean(list(effects.values()))) if effects else 0.0
        rows = []
        for e in self.evaluations.values():
            loss = None
            if e.folds:
                # Plain sums: this runs for every configuration before every suggestion.
                loss = center + sum(r.loss - effects.get(f, center) for f, r in e.folds.items()) / len(e.folds)
            rows.append(Observation(e.configuration, loss, self.cost(e)))
        return rows
