"""The process of a job, from the side of its runner, which sends signals only to this process and its children."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from multiprocessing.connection import Connection

from automl.execute.groups import kill_group, kill_survivors
from automl.execute.machine import ProcessMeter
from automl.execute.processes import start_process
from automl.jobs import attempt
from automl.jobs.attempt import Assignment, AttemptStatus, Outcome

_LIBRARIES = ("automl.jobs.attempt", "automl.estimator", "lightgbm")  # every job needs them
_LAST_SECONDS = 5.0  # seconds in which a process must end after it has sent its outcome


class JobProcess:
    """A started process that works on an assignment; its children are in its process group.

    The operating system may give the number of an ended process to a new process. Therefore each method checks first
    that the process has not ended.
    """

    def __init__(self, assignment: Assignment):
        self._process = start_process(attempt.main, assignment, preload=_LIBRARIES)
        self.connection = self._process.connection
        self._meter = ProcessMeter(self._process.pid)

    @property
    def handles(self) -> list[Connection]:
        """The connections of which one becomes readable when the process sends its outcome or ends."""
        return [self.connection] if self._process.end is None else [self.connection, self._process.end]

    def is_over(self) -> bool:
        """Return whether the process has sent its outcome, or has ended.

        A process that it has forked may hold its connection open, so that the connection alone does not show its end.
        """
        return self.connection.poll() or self._process.exitcode not in (None, 255)

    def memory(self) -> float:
        """Return the resident memory in MiB of the process and its children; 0 after its end."""
        return 0.0 if self._has_ended() else self._meter.memory()

    def interrupt(self) -> None:
        """Ask the process to end, and to save what it has."""
        if not self._has_ended():
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGINT)

    def receive(self) -> Outcome:
        """Return the outcome of a process that is over, and wait for its end. If it has sent none, it has died."""
        try:
            if not self.connection.poll():
                raise EOFError
            outcome: Outcome = self.connection.recv()
        except (EOFError, OSError):
            self._process.join(1.0)
            outcome = Outcome(AttemptStatus.DIED, f"its process died with exit code {self._process.exitcode}")
            self.kill()
            return outcome
        self._process.join(_LAST_SECONDS)  # it ends itself and its children
        if self._has_ended():
            self._process.close()
        else:
            self.kill()
        return outcome

    def kill(self) -> None:
        """End the process and all processes that it started, and wait for its end."""
        if self._has_ended():
            kill_survivors(self._process.pid)
        else:
            kill_group(self._process.pid)
            self._process.kill()
            self._process.join()
        self._process.close()

    def _has_ended(self) -> bool:
        return self._process.exitcode is not None
