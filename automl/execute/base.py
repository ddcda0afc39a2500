"""Where trials run: the verbs of `concurrent.futures`."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from automl.trial import Trial, TrialResult


class Executor(Protocol):
    """Runs trials. A future always ends with a `TrialResult`, whatever the trial does."""

    n_workers: int

    def submit(self, trial: Trial, time_limit: float | None) -> Future[TrialResult]:
        """Run a trial; it is cut when `time_limit` seconds have passed since it was handed to a worker."""
        ...

    def shutdown(self) -> None:
        """End all workers at once; trials still running are lost."""
        ...
