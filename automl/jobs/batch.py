"""The functions that users call: run a batch, resume it, and read its results."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.errors import InvalidInputError, check_names
from automl.execute.machine import available_cpus, available_memory, count_workers
from automl.jobs.folders import LockedError, lock, summarize, write_summary
from automl.jobs.job import Batch, Resources
from automl.jobs.spec import read_batch
from automl.limits import LARGEST
from automl.progress.log import attach_handler, detach_handler
from automl.task.validation import python_number

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
    verbose: int = 1,
) -> pd.DataFrame:
    """Run a batch of jobs, or go on with it. Finished jobs do not run again.

    Several runners may run the same description at the same time; they share its jobs.

    Parameters
    ----------
    jobs : path or mapping
        A YAML file, or a mapping with the same keys.
    n_jobs : int
        Number of cores for all jobs that run at the same time; -1 for all cores that this process may use.
    memory : float, optional
        Memory in MiB for all jobs that run at the same time. None for 80 % of the memory that is free now; in a
        container, its limit counts.
    again : bool
        Whether failed and cancelled jobs run again.
    verbose : int
        If your program has not configured logging, 1 writes a line for each job that ends to standard error, and 0
        writes only warnings. Otherwise the logger ``automl.jobs`` gets all messages.

    Returns
    -------
    DataFrame
        One row for each job, as in ``summary.csv`` in the folder of the results.

    Raises
    ------
    InvalidInputError
        If an argument or an entry of the description cannot be used. This is checked before any job starts.
    KeyboardInterrupt
        After Ctrl-C. The running jobs go back into the queue and keep their finished trials.

    Notes
    -----
    A queue can execute code: a runner calls the functions that the queue names. Everybody who can write to the queue
    can run code as you; use it only if you trust all these people.

    Examples
    --------
    >>> import tempfile
    >>> from automl import run_jobs
    >>> iris = {"call": "sklearn.datasets:load_iris", "arguments": {"return_X_y": True, "as_frame": True}}
    >>> summary = run_jobs(
    ...     {
    ...         "results": tempfile.mkdtemp(),
    ...         "tables": [{**iris, "name": "iris", "holdout": 0.2}],
    ...         "settings": {"tree": {"estimator": "sklearn.tree:DecisionTreeClassifier", "scoring": "accuracy"}},
    ...     },
    ...     n_jobs=1,
    ...     verbose=0,
    ... )
    >>> summary[["table", "setting", "state"]].values.tolist()
    [['iris', 'tree', 'finished']]
    """
    capacity = find_capacity(n_jobs, memory)
    batch = read_batch(jobs)
    with open_queue(batch.queue) as queue, _log_for_users(verbose):
        queue.register(batch.name, batch.folder, batch.results)
        added = queue.add(batch.name, batch.jobs)
        if again:
            queue.requeue(batch.name, None)
        logger.info("jobs: %d, new: %d; the results are in '%s'", len(batch.jobs), added, batch.results)
        return run_batch(queue, batch, capacity)


def resume_jobs(
    place: str, name: str | None = None, *, n_jobs: int = -1, memory: float | None = None, verbose: int = 1
) -> pd.DataFrame:
    """Go on with a batch, and run its failed and cancelled jobs again. The description of the batch is not needed.

    Parameters
    ----------
    place : str
        The YAML file of the batch, or its queue: an SQLite file or a URL.
    name : str, optional
        Name of the batch; needed if the queue has several batches.
    n_jobs, memory, verbose
        As in `run_jobs`.
    """
    capacity = find_capacity(n_jobs, memory)
    with open_batch(place, name) as (queue, batch), _log_for_users(verbose):
        queue.requeue(batch.name, None)
        return run_batch(queue, batch, capacity)


def run_batch(queue: JobQueue, batch: Batch, capacity: Resources) -> pd.DataFrame:
    """Run the jobs of a batch until none is left. Write the summary, also after an interrupt or an error."""
    from automl.jobs.runner import Runner

    _warn_oversized(queue, batch, capacity)
    try:
        Runner(queue, batch, capacity).run()
    finally:
        summary = write_results(queue, batch)
    return summary


def write_results(queue: JobQueue, batch: Batch) -> pd.DataFrame:
    """Write the summary of all jobs in their present states, and return it.

    Reading and writing are one step for other processes: an older summary never replaces a newer one.
    """
    try:
        with lock(batch.results / ".work" / "summary.lock", _LOCK_PATIENCE):
            summary = summarize(queue.records(batch.name))
            write_summary(summary, batch.results)
    except LockedError:
        logger.warning("the summary in '%s' was not written: another process holds its lock", batch.results)
        summary = summarize(queue.records(batch.name))
    return summary


@contextmanager
def _log_for_users(verbose: int) -> Iterator[None]:
    """Send the messages to standard error during the block if the user has configured no logging."""
    handler = attach_handler(verbose, logger.name) if verbose > 0 else None
    try:
        yield
    finally:
        detach_handler(handler)


@contextmanager
def open_queue(place: str, read_only: bool = False) -> Iterator[JobQueue]:
    """Open a queue, and close it at the end of the block.

    Raises
    ------
    InvalidInputError
        If the queue cannot be opened, or a library is missing.
    """
    try:
        from automl.jobs.queue import JobQueue
    except ModuleNotFoundError as error:
        raise InvalidInputError("batches of jobs need SQLAlchemy; pip install 'cash-automl[jobs]'") from error

    queue = JobQueue(place, read_only=read_only)
    try:
        yield queue
    finally:
        queue.close()


@contextmanager
def open_batch(place: str, name: str | None = None, read_only: bool = False) -> Iterator[tuple[JobQueue, Batch]]:
    """Open the queue of a batch; `place` is the YAML file of the batch, or the queue itself.

    Parameters
    ----------
    place : str
    name : str, optional
        Name of the batch; needed if the queue has several batches.
    read_only : bool
        Whether the queue is only read, so that its runners never wait for this process.

    Raises
    ------
    InvalidInputError
        If the queue or the batch does not exist, or if the queue has several batches and no name is given.
    """
    described, given = None, name
    if place.lower().endswith((".yaml", ".yml")):
        described = read_batch(place, with_jobs=False)
        place, name = described.queue, given or described.name
    if "://" not in place and not Path(place).is_file():
        raise InvalidInputError(f"there is no queue '{place}'; 'automl jobs run' creates it")
    with open_queue(place, read_only) as queue:
        batches = queue.batches()
        if not batches:
            raise InvalidInputError(f"the queue '{place}' has no batch; 'automl jobs run' adds one")
        if given is not None:
            check_names("--batch", given, batches)
        if name is None and len(batches) == 1:
            name = next(iter(batches))
        listed = ", ".join(map(repr, sorted(batches)))
        if name is None:
            raise InvalidInputError(f"--batch: the queue has the batches {listed}; name one of them")
        if name not in batches:
            raise InvalidInputError(f"the queue has no batch '{name}', only {listed}; 'automl jobs run' adds it")
        folder, results = batches[name]
        if described is not None and name == described.name:
            folder, results = described.folder, described.results
        yield queue, Batch(name, folder, place, results)


def find_capacity(n_jobs: int, memory: float | None) -> Resources:
    """Return the cores and the memory of a runner on this machine.

    Raises
    ------
    InvalidInputError
        If an argument cannot be used.
    """
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or n_jobs == 0:
        raise InvalidInputError(f"n_jobs must be a whole number of cores, or -1 for all cores; got {n_jobs!r}")
    if memory is not None and not (_is_number(memory) and 0 < python_number(memory) <= LARGEST):
        raise InvalidInputError(f"memory must be a number of MiB above 0; got {memory!r}")
    cores = count_workers(int(n_jobs), available_cpus())
    return Resources(cores, _MEMORY_SHARE * available_memory() if memory is None else float(memory))


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _warn_oversized(queue: JobQueue, batch: Batch, capacity: Resources) -> None:
    """Log a warning if a queued job needs more than this runner has."""
    assert capacity.memory is not None
    for record in queue.records(batch.name):
        needs = record.job.resources
        if record.state == "queued" and (needs.n_jobs > capacity.n_jobs or (needs.memory or 0.0) > capacity.memory):
            logger.warning(
                "%s needs a larger runner, and other jobs may need one, too; it needs %s; this runner has %s",
                record.name,
                needs.text,
                capacity.text,
            )
            return
