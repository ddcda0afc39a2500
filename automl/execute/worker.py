"""The worker process: opens the task once, then evaluates trials until its pipe closes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from threadpoolctl import threadpool_limits

from automl.execute.evaluate import evaluate, import_libraries
from automl.task.task import Task
from automl.trials.artifacts import Artifacts


def main(connection: Connection, folder: str, n_threads: int, device: str) -> None:
    """Answer each ``(trials, time_limit)`` with a list of `TrialResult`.

    Parameters
    ----------
    folder : str
        Holds the saved `Task`; models and predictions go there too.
    n_threads : int
        Threads that a trial may keep busy.
    device : str
        Of networks.
    """
    threading.Thread(target=_end_with_parent, name="automl-parent", daemon=True).start()
    # Ctrl-C reaches the whole process group; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    task = Task.open(Path(folder))
    artifacts = Artifacts(Path(folder))
    connection.send(None)  # ready
    with threadpool_limits(n_threads), suppress(EOFError, BrokenPipeError):  # the parent is gone
        while True:
            trials, time_limit = connection.recv()
            import_libraries(trials[0])
            connection.send(None)  # only now starts the clock that the limit is measured by
            connection.send(evaluate(task, trials, artifacts, n_threads, device, time_limit))


def _end_with_parent() -> None:
    """End in the middle of a trial when the process that wants its result was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
