"""The worker process: it opens the task once, then evaluates trials until its connection closes."""

from __future__ import annotations

import math
import threading
import time
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from threadpoolctl import threadpool_limits

from automl.execute.evaluate import evaluate, import_libraries
from automl.execute.fork_server import wait_for_hangup
from automl.execute.groups import end_own_group, lead_group
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.trial import Status, TrialResult

_LEAST_LIMIT = 0.1  # seconds
FITTED = "fitted"  # a training has ended, and its predictions begin


def main(connection: Connection, folder: str, n_threads: int, device: str, own_scorer: bytes | None = None) -> None:
    """Answer each message ``(trials, time_limit, end)`` with a list of `TrialResult`.

    The end is a time of `time.monotonic`, which all processes of a machine share.

    A `FITTED` comes before it for each training, and a `FinishedFold` for each fold: the parent keeps these folds if it
    must end the worker, or if the worker dies.

    Parameters
    ----------
    folder : str
        Contains the saved `Task`; the worker writes models and predictions there.
    n_threads : int
        Number of threads that a trial may use.
    device : str
        Device of networks.
    own_scorer : bytes, optional
        Result of `Task.own_scorer`.
    """
    lead_group()
    threading.Thread(target=_end_with_parent, args=(connection,), name="automl-parent", daemon=True).start()
    task = Task.open(Path(folder), own_scorer)
    artifacts = Artifacts(Path(folder))
    connection.send(None)  # ready
    with threadpool_limits(n_threads), suppress(EOFError, BrokenPipeError):  # the parent has ended
        while True:
            trials, time_limit, end = connection.recv()
            try:
                import_libraries(trials[0].configuration.family)
            except ImportError as error:
                reason = f"not started: {error}"
                connection.send([TrialResult(t, Status.CRASH, {}, 0.0, reason=reason, started=False) for t in trials])
                continue
            connection.send(None)  # the clock of the time limit starts now
            limit, on_fitted = limit_before(time_limit, end), partial(connection.send, FITTED)
            results = evaluate(task, trials, artifacts, n_threads, device, limit, on_fitted, connection.send)
            connection.send(results)


def limit_before(time_limit: float | None, end: float) -> float | None:
    """Return a time limit in seconds that ends no later than a time of `time.monotonic`."""
    left = max(_LEAST_LIMIT, end - time.monotonic())
    if time_limit is not None:
        return min(time_limit, left)
    return None if math.isinf(left) else left


def _end_with_parent(connection: Connection) -> None:
    """End the process and its children, also in the middle of a trial, when the parent has died."""
    wait_for_hangup(connection)
    end_own_group()
