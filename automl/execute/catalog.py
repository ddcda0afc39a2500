"""Make an executor by its name."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from automl.errors import InvalidInputError
from automl.execute.base import Executor
from automl.execute.local import LocalExecutor
from automl.execute.machine import affordable_workers, available_cpus, count_workers, default_memory_limit
from automl.task.task import Task

EXECUTORS = ("local", "ray")


def local_workers(n_jobs: int | None, memory_limit: float | None = None) -> tuple[int, float]:
    """Return the number of workers that this machine gets for `n_jobs`, and the MiB of each of them.

    Parameters
    ----------
    n_jobs : int or None
        In scikit-learn's sense; a negative number asks for no more workers than the memory is sufficient for.
    memory_limit : float or None
        MiB of one worker; None for an even share of the memory.
    """
    n_workers = count_workers(n_jobs, available_cpus())
    if n_jobs is not None and n_jobs < 0:
        n_workers = affordable_workers(n_workers)
    return n_workers, memory_limit or default_memory_limit(n_workers)


def make_executor(
    name: str,
    folder: Path,
    task: Task,
    n_jobs: int | None,
    memory_limit: float | None,
    device: str,
    seconds_left: Callable[[], float] = lambda: math.inf,
) -> Executor:
    """Return a new executor that is ready for trials.

    Parameters
    ----------
    folder : Path
        Contains the saved task; the executor writes fold models and predictions there.
    n_jobs : int or None
        Number of trials that run at the same time, in scikit-learn's sense; -1 uses all cores that the executor has.
    memory_limit : float or None
        MiB of one trial; None for an even share of the memory.
    seconds_left : callable, optional
        Returns the seconds after which the results of trials come too late.

    Raises
    ------
    InvalidInputError
        If Ray is requested and is not installed, or if no cluster is running.
    """
    if name == "local":
        n_workers, memory = local_workers(n_jobs, memory_limit)
        return LocalExecutor(
            folder,
            n_workers,
            memory_limit=memory,
            device=device,
            own_scorer=task.own_scorer(),
            seconds_left=seconds_left,
        )
    try:
        from automl.execute.ray import RayExecutor
    except ModuleNotFoundError as error:
        raise InvalidInputError("executor=\"ray\" needs Ray; pip install 'cash-automl[ray]'") from error
    return RayExecutor(folder, task, n_jobs, memory_limit=memory_limit, device=device, seconds_left=seconds_left)
