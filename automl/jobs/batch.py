"""What users call: run a batch, and look at what became of it."""

from __future__ import annotations

import importlib
import logging
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.errors import InvalidInputError
from automl.execute.machine import available_cpus, available_memory, count_workers
from automl.jobs.folders import LockedError, lock, summarize, write_summary
from automl.jobs.job import Batch, Resources
from automl.jobs.spec import read_batch

if TYPE_CHECKING:
    import pandas as pd

    from automl.jobs.queue import JobQueue

logger = logging.getLogger("automl.jobs")

_MEMORY_SHARE = 0.8  # of the free memory, for all jobs of a runner
_LOCK_PATIENCE = 30.0  # seconds in which another process that writes the summary has to end


def run_jobs(
    jobs: str | os.PathLike[str] | Mapping[str, Any],
    *,
    n_jobs: int = -1,
    memory: float | None = None,
    again: bool = False,
) -> pd.DataFrame:
    """Run a batch of jobs, or go on with it: what is finished is never repeated.

    Runners that are started at the same time, with the same description, share the work.

    Parameters
    ----------
    jobs : path or mapping
        A YAML file, or what one would hold.
    n_jobs : int
        Cores for all jobs that run at the same time; -1 for all that this process may use.
    memory : float, optional
        MiB for all jobs that run at the same time; 80 % of what is free when None.
    again : bool
        Queue failed and cancelled jobs anew.

    Returns
    -------
    DataFrame
        One row a job, as in ``summary.csv`` in the folder of the results.

    Raises
    ------
    InvalidInputError
        If an entry of the description cannot be used; raised before work starts.
    KeyboardInterrupt
        On Ctrl-C; running jobs go back into the queue and keep their finished trials.
    """
    capacity = _capacity(n_jobs, memory)
    batch = read_batch(jobs)
    with open_queue(batch.queue) as queue:
        queue.register(batch.name, batch.folder, batch.results)
        added = queue.add(batch.name, batch.jobs)
        if again:
            queue.requeue(batch.name, None)
        logger.info("%d jobs, %d of them new; results in '%s'", len(batch.jobs), added, batch.results)
        return run_batch(queue, batch, capacity)


def resume_jobs(place: str, name: str | None = None, *, n_jobs: int = -1, memory: float | None = None) -> pd.DataFrame:
    """Go on with a batch that is in a store, failed and cancelled jobs included; its description is not needed.

    Parameters
    ----------
    place : str
        The description, or the store: a file of SQLite or a URL.
    name : str, optional
        Of the batch, where the store holds several.
    n_jobs, memory
        As in `run_jobs`.
    """
    capacity = _capacity(n_jobs, memory)
    with open_batch(place, name) as (queue, batch):
        queue.requeue(batch.name, None)
        return run_batch(queue, batch, capacity)


def run_batch(queue: JobQueue, batch: Batch, capacity: Resources) -> pd.DataFrame:
    """Run a batch's jobs until none is left, and write the summary, also when this is interrupted."""
    from automl.jobs.runner import Runner

    _warn_oversized(queue, batch, capacity)
    try:
        Runner(queue, batch, capacity).run()
    finally:
        summary = write_results(queue, batch)
    return summary


def write_results(queue: JobQueue, batch: Batch) -> pd.DataFrame:
    """Write the summary of the present state of all jobs, and return it.

    Reading and writing are one step for other processes: an older summary never replaces a newer one.
    """
    try:
        with lock(batch.results / ".work" / "summary.lock", _LOCK_PATIENCE):
            summary = summarize(queue.records(batch.name))
            write_summary(summary, batch.results)
    except LockedError:
        logger.warning("another process is writing the summary in '%s'; it was not written again", batch.results)
        summary = summarize(queue.records(batch.name))
    return summary


@contextmanager
def open_queue(place: str) -> Iterator[JobQueue]:
    """A store, closed afterwards.

    Raises
    ------
    InvalidInputError
        If it cannot be opened, or a library is missing.
    """
    for module, library in (("sqlalchemy", "SQLAlchemy"), ("filelock", "filelock")):
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise InvalidInputError(f"batches of jobs need {library}; pip install 'cash-automl[jobs]'") from error
    from automl.jobs.queue import JobQueue

    queue = JobQueue(place)
    try:
        yield queue
    finally:
        queue.close()


@contextmanager
def open_batch(place: str, name: str | None = None) -> Iterator[tuple[JobQueue, Batch]]:
    """A batch that is in a store, by its description or by the store itself.

    Raises
    ------
    InvalidInputError
        If there is none of this name, or there are several and none is named.
    """
    described = None
    if place.lower().endswith((".yaml", ".yml")):
        described = read_batch(place, with_jobs=False)
        place, name = described.queue, described.name
    if "://" not in place and not Path(place).is_file():
        raise InvalidInputError(f"there is no job store '{place}'; 'automl jobs run' makes it")
    with open_queue(place) as queue:
        batches = queue.batches()
        if name is None and len(batches) == 1:
            name = next(iter(batches))
        if name is None or name not in batches:
            raise InvalidInputError(
                f"--batch: the store holds {', '.join(map(repr, sorted(batches))) or 'no batch'}; name one of them"
            )
        folder, results = batches[name] if described is None else (described.folder, described.results)
        yield queue, Batch(name, folder, place, results)


def _capacity(n_jobs: int, memory: float | None) -> Resources:
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or n_jobs == 0:
        raise InvalidInputError(f"n_jobs must be a whole number, -1 for all cores, and not 0; got {n_jobs!r}")
    if memory is not None and not (_is_number(memory) and 0 < memory < math.inf):
        raise InvalidInputError(f"memory must be a number of MiB above 0; got {memory!r}")
    cores = count_workers(int(n_jobs), available_cpus())
    return Resources(cores, _MEMORY_SHARE * available_memory() if memory is None else float(memory))


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _warn_oversized(queue: JobQueue, batch: Batch, capacity: Resources) -> None:
    assert capacity.memory is not None
    for row in queue.records(batch.name):
        wanted = row.job.resources
        if row.state == "queued" and (wanted.n_jobs > capacity.n_jobs or (wanted.memory or 0.0) > capacity.memory):
            logger.warning(
                "%s and perhaps others wait for a larger runner: asks for %d cores and %.0f MiB, here are %d and %.0f",
                row.name,
                wanted.n_jobs,
                wanted.memory or 0.0,
                capacity.n_jobs,
                capacity.memory,
            )
            return
