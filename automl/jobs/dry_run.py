"""A dry run of a batch: the jobs, what they need, and the problems that would stop them. Nothing is fitted."""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from automl.arguments import check_arguments
from automl.errors import InvalidInputError
from automl.guard import make_guard
from automl.jobs.attempt import Assignment, make_estimator
from automl.jobs.batch import find_capacity, open_queue
from automl.jobs.duration import PlannedJob, expected_seconds, search_seconds, total_time
from automl.jobs.job import Batch, Job, Resources, Table
from automl.jobs.plain_estimators import refusal
from automl.jobs.spec import read_batch
from automl.jobs.tables import SplitData, load_object, read_data
from automl.task.prepare import TrainingData, prepare
from automl.task.settings import TaskSettings


@dataclass(frozen=True)
class CheckedTable:
    """One table of a batch. Its numbers are None where the table is not read: only its job calls or downloads it."""

    name: str
    source: str
    jobs: int
    n_rows: int | None
    n_test_rows: int | None
    n_columns: int | None
    task: str | None


@dataclass(frozen=True)
class DryRun:
    """The result of a dry run.

    Attributes
    ----------
    tables : tuple of CheckedTable
    problems : tuple of str
        One sentence for each entry, table or setting that cannot be used.
    n_jobs, n_finished, n_unknown : int
        Number of jobs; of those that are finished already; and of open jobs without a known duration.
    job_seconds, wall_seconds : float
        Seconds of all open jobs of known duration one after the other, and on this machine.
    most_cores : int
        Number of cores of the largest job.
    most_memory : float or None
        Largest limit of memory of a job in MiB.
    capacity : Resources
        Cores and memory that a runner on this machine would use.
    """

    batch: Batch
    tables: tuple[CheckedTable, ...]
    problems: tuple[str, ...]
    n_jobs: int
    n_finished: int
    n_unknown: int
    job_seconds: float
    wall_seconds: float
    most_cores: int
    most_memory: float | None
    capacity: Resources


def check_jobs(
    description: str | os.PathLike[str] | Mapping[str, Any], n_jobs: int = -1, memory: float | None = None
) -> DryRun:
    """Read a batch with the tables in its files, and check each job as far as this is possible without a fit.

    Parameters
    ----------
    n_jobs, memory
        Resources of the runner, as in `run_jobs`.

    Raises
    ------
    InvalidInputError
        If the file cannot be read, or an argument cannot be used.
    """
    capacity = find_capacity(n_jobs, memory)
    problems: list[str] = []
    batch = read_batch(description, problems=problems)
    found = _Problems()
    with _importable(batch.folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tables = tuple(_check_table(jobs, batch, found) for jobs in _by_table(batch.jobs))
    for job in batch.jobs:
        for message in _check_limits(job, capacity):
            found.add(_label(job), message)
    # A wrong setting is named once, not again for each table.
    problems += [text for text in found.texts() if not any(text.endswith(known) for known in map(_bare, problems))]
    finished = _finished(batch)
    open_jobs = [job for job in batch.jobs if job.id not in finished]
    known = [(job, seconds) for job in open_jobs if (seconds := expected_seconds(job)) is not None]
    planned = [PlannedJob(seconds, job.resources, job.priority) for job, seconds in known]
    memories = [job.resources.memory for job in batch.jobs if job.resources.memory is not None]
    return DryRun(
        batch=batch,
        tables=tables,
        problems=tuple(problems),
        n_jobs=len(batch.jobs),
        n_finished=len(batch.jobs) - len(open_jobs),
        n_unknown=len(open_jobs) - len(known),
        job_seconds=sum(seconds for _, seconds in known),
        wall_seconds=total_time(planned, [], capacity),
        most_cores=max((job.resources.n_jobs for job in batch.jobs), default=0),
        most_memory=max(memories, default=None),
        capacity=capacity,
    )


def _by_table(jobs: Sequence[Job]) -> list[list[Job]]:
    found: dict[str, list[Job]] = {}
    for job in jobs:
        found.setdefault(json.dumps(asdict(job.table), sort_keys=True), []).append(job)
    return list(found.values())


class _Problems:
    """The problems of tables and jobs; the same problem of several jobs is one."""

    def __init__(self) -> None:
        self._labels: dict[str, list[str]] = {}

    def add(self, label: str, message: str) -> None:
        self._labels.setdefault(message, []).append(label)

    def texts(self) -> list[str]:
        texts = []
        for message, (label, *others) in self._labels.items():
            n = len(others)
            more = f" and {n} more" if n else ""
            texts.append(f"{label}{more}: {message}")
        return texts


def _label(job: Job) -> str:
    return f"{job.table.name}-{job.setting.name}"


def _bare(problem: str) -> str:
    """Return the message of a problem without the setting that it names."""
    return problem.split(": ", 2)[-1] if problem.startswith("settings: ") else problem


def _check_table(jobs: Sequence[Job], batch: Batch, problems: _Problems) -> CheckedTable:
    """Check the jobs of one table; add each problem."""
    table = jobs[0].table
    data = None
    try:
        data = _read(table, batch.folder)
    except InvalidInputError as error:
        problems.add(table.name, str(error))
    seen: set[str] = set()
    for job in jobs if data is not None else ():
        assert data is not None
        try:
            _check_fit(job, data, batch, seen)
        except InvalidInputError as error:
            problems.add(_label(job), str(error))
    return CheckedTable(
        name=table.name,
        source=table.source if table.kind == "path" else f"{table.kind} {table.source}",
        jobs=len(jobs),
        n_rows=None if data is None else len(data.X),
        n_test_rows=None if data is None else 0 if data.X_test is None else len(data.X_test),
        n_columns=None if data is None else data.X.shape[1],
        task=None if data is None else "classification" if data.is_classification else "regression",
    )


def _read(table: Table, folder: Path) -> SplitData | None:
    """Return the rows of a table in a file. A function is imported, but not called, and nothing is downloaded."""
    if table.kind == "path":
        return read_data(table, folder)
    if table.kind == "call":
        load_object(table.source)
    return None


def _check_fit(job: Job, data: SplitData, batch: Batch, seen: set[str]) -> None:
    """Make the estimator of a job, and check what `fit` checks before its search starts.

    Parameters
    ----------
    seen : set of str
        Arguments of earlier jobs of the table, whose checks are not repeated.
    """
    assignment = Assignment(job, job.name, 1, batch.folder, batch.results, memory=1024.0)
    estimator, _ = make_estimator(assignment, data, batch.results)
    if job.setting.estimator != "automl":
        reason = refusal(estimator, data.all_rows()[0])
        if reason:
            raise InvalidInputError(
                f"settings: {job.setting.name}: {job.setting.estimator} gets the table without any preparation, and "
                f"refuses {reason}; name a function that returns a pipeline with this preparation, or list the "
                "settings for this table in its entry (settings: [...])"
            )
        return
    parameters = {**estimator.get_params(deep=False), "store": None}
    check_arguments(parameters, data.is_classification)
    guard = make_guard(parameters["guard"])
    settings, share = TaskSettings.of(estimator), None if guard is None else guard.share
    key = json.dumps([vars(settings), share], sort_keys=True, default=repr)
    if key not in seen:
        known = TrainingData(data.X, data.y, **data.fit_arguments)
        prepare(known, settings, classification=data.is_classification, holdout_share=share)
    seen.add(key)


def _check_limits(job: Job, capacity: Resources) -> Iterator[str]:
    """Yield the problems with the resources of a job."""
    needs, budget = job.resources, search_seconds(job)
    if needs.n_jobs > capacity.n_jobs or (needs.memory or 0.0) > (capacity.memory or math.inf):
        yield (
            f"it needs {needs.text}, and this runner has {capacity.text}; run it on a larger machine, or "
            "lower its needs"
        )
    if budget is not None and needs.time_limit is not None and budget >= needs.time_limit:
        yield (
            f"time_limit ({needs.time_limit:g} s) ends the job before its time_budget ({budget:g} s) is used; set a "
            "greater time_limit"
        )


def _finished(batch: Batch) -> set[str]:
    """Return the ids of the jobs that an earlier run has finished; a dry run creates no queue."""
    if "://" not in batch.queue and not Path(batch.queue).is_file():
        return set()
    with open_queue(batch.queue) as queue:
        return {record.job.id for record in queue.records(batch.name) if record.state == "finished"}


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let the block import the modules beside the YAML file, as jobs can."""
    before = list(sys.path)
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path[:] = before
