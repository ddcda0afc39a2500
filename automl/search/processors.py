"""The budget of a run in processor seconds, which are added over all workers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from automl.trials.trial import Trial, TrialResult

_LEAST_SECONDS = 0.1  # of trials that show how busy the workers are


class ProcessorBudget:
    """Counts the processor seconds of trials against a budget.

    A trial that has ended counts with the seconds that its worker has measured. A running one counts with its seconds
    by the clock, times how busy the workers were so far: one processor before the first trial has ended.

    Parameters
    ----------
    seconds : float
        The budget, in processor seconds.
    n_workers : int
        Number of trials that run at the same time; each may use one processor.

    Examples
    --------
    >>> from automl.trials.trial import Status
    >>> from pipelines.configuration import Configuration
    >>> trial = Trial(Configuration({"model": "ridge"}))
    >>> budget = ProcessorBudget(60.0, n_workers=2)
    >>> budget.planned_seconds
    30.0
    >>> budget.end([TrialResult(trial, Status.OK, {}, seconds=10.0, processor_seconds=5.0)])
    >>> budget.spent, budget.seconds_left  # the other 55 last 55 s, because each worker uses half a processor
    (5.0, 55.0)
    """

    def __init__(self, seconds: float, n_workers: int = 1):
        self.seconds, self.n_workers = seconds, n_workers
        self.spent = 0.0
        self._earlier = 0.0  # of what is spent, by earlier sessions of the run
        self._measured = [0.0, 0.0]  # processor seconds and seconds of trials that were measured
        self._running: dict[Trial, float] = {}  # with the times at which a worker got them

    def begin(self, trials: Iterable[Trial]) -> None:
        """Count trials that were given to a worker."""
        now = time.monotonic()
        self._running.update(dict.fromkeys(trials, now))

    def end(self, results: Sequence[TrialResult]) -> None:
        """Count trials that have ended."""
        for result in results:
            self._running.pop(result.trial, None)
            if result.processor_seconds is None:  # an executor that does not measure them, or an earlier version
                self.spent += result.seconds
                continue
            self.spent += result.processor_seconds
            self._measured[0] += result.processor_seconds
            self._measured[1] += result.seconds

    def resume(self, results: Sequence[TrialResult]) -> None:
        """Count the trials of earlier sessions of the run; this session has the other processor seconds."""
        self.end(results)
        self._earlier = self.spent

    @property
    def planned_seconds(self) -> float:
        """The seconds by the clock in which the workers use the whole budget, if they stay as busy as they were."""
        return self.seconds / self.n_workers / self._rate

    @property
    def share(self) -> float:
        """The share of the budget that trials have used, running ones included; between 0 and 1."""
        return min(1.0, (self.spent + self._spent_by_running) / self.seconds)

    @property
    def session_share(self) -> float:
        """The share of the processor seconds of this session that its trials have used; see `share`."""
        if self._earlier >= self.seconds:
            return 1.0
        return min(1.0, (self.spent - self._earlier + self._spent_by_running) / (self.seconds - self._earlier))

    @property
    def seconds_left(self) -> float:
        """The seconds by the clock after which the workers will have used the budget; 0 where it is spent."""
        return max(0.0, 1.0 - self.share) * self.planned_seconds

    @property
    def _spent_by_running(self) -> float:
        now = time.monotonic()
        return sum(now - begun for begun in self._running.values()) * self._rate

    @property
    def _rate(self) -> float:
        busy, seconds = self._measured
        return 1.0 if seconds < _LEAST_SECONDS else max(0.01, busy / seconds)
