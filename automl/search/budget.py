"""The budget of a run: one clock that all parts of the run use."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from automl.search.processors import ProcessorBudget
from automl.trials.trial import Trial, TrialResult

_MAX_LOADING_SHARE = 0.1  # of the budget, for the reading of large models

# The choice of the ensemble takes longer after a long run. After 900 s on one core, it took 4 s with 18,000 rows.
_CHOICE_SECONDS, _CHOICE_SHARE = 0.6, 0.025
_MAX_CHOICE_SECONDS = 15.0


@dataclass(frozen=True)
class Used:
    """The seconds, the configurations and the processor seconds that earlier sessions of a run have used."""

    seconds: float = 0.0
    trials: int = 0
    processor_seconds: float = 0.0


@dataclass(frozen=True)
class SecondsArgument:
    """The argument with which the user limits the seconds: of `fit`, or of a method that searches again.

    Attributes
    ----------
    name : str
    share : float
        Share of the user's seconds that is the budget; the caller keeps the rest for other work.
    used : float
        Seconds of earlier sessions, on top of which the user's seconds come.
    """

    name: str = "time_budget"
    share: float = 1.0
    used: float = 0.0

    def value(self, seconds: float) -> float:
        """Return the value of the argument for a budget of these seconds."""
        return (seconds - self.used) / self.share

    def show(self, seconds: float) -> str:
        """Return the argument with its value for a budget of these seconds, such as ``time_budget=60``."""
        return f"{self.name}={self.value(seconds):g}"


@dataclass
class Reserves:
    """The seconds at the end of a search that other threads reserve while it goes on.

    Attributes
    ----------
    loading : float
        Seconds for the reading of large models.
    refit : float
        Seconds of which a training on all rows needs no more.
    """

    loading: float = 0.0
    refit: float = float("inf")


@dataclass(frozen=True)
class Budget:
    """The seconds and trials that a run may take; the seconds count from the creation of the object.

    The limits of a budget never change. What changes during a run is in `reserves` and `processors`, two objects that a
    budget shares with all copies that `dataclasses.replace` makes of it.

    Attributes
    ----------
    seconds : float or None
        Wall-clock seconds for the whole of ``fit``; None for no limit.
    max_trials : int or None
        Number of configurations that may run; None for no limit.
    processors : ProcessorBudget or None
        The processor seconds that all trials may take; None for no limit.
    refit_share : float
        Largest share of the session's seconds that is reserved for a training on all rows at the end.
    estimate_share : float
        Share of the session's seconds that is reserved for the estimate of the score.
    earlier : float
        Those of the seconds that earlier sessions of the run have used; a later session has the others.
    argument : SecondsArgument
        The argument that messages about the seconds name.
    reserves : Reserves
        The seconds that other threads reserve for the end.
    """

    seconds: float | None
    max_trials: int | None = None
    started: float = field(default_factory=time.monotonic)
    processors: ProcessorBudget | None = None
    refit_share: float = 0.0
    estimate_share: float = 0.0
    earlier: float = 0.0
    argument: SecondsArgument = field(default_factory=SecondsArgument)
    reserves: Reserves = field(default_factory=Reserves, compare=False, repr=False)

    @property
    def elapsed(self) -> float:
        """The seconds since the start."""
        return time.monotonic() - self.started

    @property
    def session_seconds(self) -> float:
        """The seconds of this session of the run; infinite without a time budget."""
        return float("inf") if self.seconds is None else max(0.0, self.seconds - self.earlier)

    def part(self, share: float) -> float:
        """Return a share of the seconds of this session; 0 without a time budget."""
        return 0.0 if self.seconds is None else share * self.session_seconds

    @property
    def reserve(self) -> float:
        """The seconds reserved for the end: the ensemble, its models, a training on all rows, and the estimate.

        The choice of the ensemble takes at most a quarter of a short later session.
        """
        if self.seconds is None:
            return 0.0
        loading = min(self.part(_MAX_LOADING_SHARE), self.reserves.loading)
        choice = min(_CHOICE_SECONDS + _CHOICE_SHARE * self.seconds, _MAX_CHOICE_SECONDS, self.part(0.25))
        return choice + loading + self.closing_seconds

    @property
    def refit_seconds(self) -> float:
        """The seconds that are reserved for a training on all rows."""
        return min(self.part(self.refit_share), self.reserves.refit)

    @property
    def estimate_seconds(self) -> float:
        """The seconds that are reserved for the estimate of the score."""
        return self.part(self.estimate_share)

    @property
    def closing_seconds(self) -> float:
        """The seconds that are reserved for the work after the ensemble: a training on all rows, and the estimate."""
        return self.refit_seconds + self.estimate_seconds

    @property
    def deadline(self) -> float:
        """The end of the budget, as a time of `time.monotonic` in seconds; infinite without a time budget."""
        return float("inf") if self.seconds is None else self.started + self.seconds

    @property
    def clock_left(self) -> float:
        """The seconds left for trials by the clock; infinite without a time budget."""
        return float("inf") if self.seconds is None else self.seconds - self.reserve - self.elapsed

    @property
    def search_left(self) -> float:
        """The seconds after which no trial may start, because the clock or the processor seconds are over."""
        left = self.clock_left
        return left if self.processors is None else min(left, self.processors.seconds_left)

    def plan_for(self, n_workers: int) -> None:
        """Take the number of trials that run at the same time, where the processor seconds are limited."""
        if self.processors is not None:
            self.processors.n_workers = n_workers

    def begin(self, trials: Sequence[Trial]) -> None:
        """Count the processor seconds of trials that were given to a worker, where they are limited."""
        if self.processors is not None:
            self.processors.begin(trials)

    def end(self, results: Sequence[TrialResult]) -> None:
        """Count the processor seconds of trials that have ended, where they are limited."""
        if self.processors is not None:
            self.processors.end(results)

    def resume(self, results: Sequence[TrialResult]) -> None:
        """Count the processor seconds of the trials of earlier sessions, where they are limited."""
        if self.processors is not None:
            self.processors.resume(results)

    @property
    def planned_seconds(self) -> float | None:
        """The seconds in which the search plans to end; None without a budget of seconds or processor seconds."""
        if self.processors is None:
            return self.seconds
        planned = self.processors.planned_seconds
        return planned if self.seconds is None else min(self.seconds, planned)

    @property
    def session_fraction_used(self) -> float:
        """The share of the seconds of this session for trials that is used; see `fraction_used`."""
        used = 0.0
        if self.seconds is not None:
            used = min(1.0, (self.elapsed - self.earlier) / max(1e-9, self.session_seconds - self.reserve))
        return used if self.processors is None else max(used, self.processors.session_share)

    @property
    def fraction_used(self) -> float:
        """The share of the seconds for trials that is used, between 0 and 1; 0 without a budget of seconds."""
        used = 0.0 if self.seconds is None else min(1.0, self.elapsed / (self.seconds - self.reserve))
        return used if self.processors is None else max(used, self.processors.share)
