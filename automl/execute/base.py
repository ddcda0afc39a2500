"""Where trials run: the verbs of `concurrent.futures`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from automl.trials.trial import Trial, TrialResult


class Executor(Protocol):
    """Runs trials. A future always ends with a result for each of its trials, whatever they do.

    Attributes
    ----------
    n_workers : int
    memory_limit : float or None
        MiB of resident memory of one worker; None where there is none, or each node has its own.
    fleet_size : int
        Networks of one shape that a worker trains at about the price of one: 1 on processors.
    """

    n_workers: int
    memory_limit: float | None
    fleet_size: int

    def submit(self, trials: Sequence[Trial], time_limit: float | None) -> Future[list[TrialResult]]:
        """Have one worker run a trial, or a fleet of them (`automl.execute.evaluate.evaluate`).

        It is cut when `time_limit` seconds have passed since it was handed to the worker.
        """
        ...

    def shutdown(self) -> None:
        """End all workers at once; trials still running are lost."""
        ...
