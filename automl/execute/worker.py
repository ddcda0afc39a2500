"""The worker process: opens the task once, then evaluates trials until its pipe closes."""

from __future__ import annotations

import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from threadpoolctl import threadpool_limits

from automl.evaluate import Artifacts, evaluate, import_libraries
from automl.task import Task


def main(connection: Connection, folder: str, n_threads: int, device: str) -> None:
    """Answer each ``(trial, time_limit)`` with a `TrialResult`.

    Parameters
    ----------
    folder : str
        Holds the saved `Task`; models and predictions go there too.
    n_threads : int
        Threads that a trial may keep busy.
    device : str
        Of networks.
    """
    # Ctrl-C reaches the whole process group; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    task = Task.open(Path(folder))
    artifacts = Artifacts(Path(folder))
    connection.send(None)  # ready
    with threadpool_limits(n_threads), suppress(EOFError, BrokenPipeError):  # the parent is gone
        while True:
            trial, time_limit = connection.recv()
            import_libraries(trial)
            connection.send(None)  # only now starts the clock that the limit is measured by
            result = evaluate(task, trial, artifacts, n_threads, device, time_limit)
            connection.send(result)
