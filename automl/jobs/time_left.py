"""The time that the open jobs of a batch still take, from their budgets and from the jobs that have finished."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from automl.execute.machine import available_cpus
from automl.jobs.duration import PlannedJob, expected_seconds, in_words, total_time, typical_seconds
from automl.jobs.folders import JobFolder
from automl.jobs.job import Resources
from automl.jobs.queue import JobRecord, State
from automl.plurals import plural


@dataclass(frozen=True)
class TimeLeft:
    """The time left of a batch.

    Attributes
    ----------
    of_jobs : list of float
        Seconds of each job: 0 for a job that has ended, NaN where nothing says how long it takes.
    seconds : float
        Seconds until all open jobs of known duration have ended.
    cores : int
        Cores on which these jobs run.
    n_open, n_running, n_unknown : int
        Number of open jobs; of those that run; and of those without a known duration.
    """

    of_jobs: list[float]
    seconds: float
    cores: int
    n_open: int
    n_running: int
    n_unknown: int

    def __str__(self) -> str:
        cores = plural(self.cores, "core")
        if self.n_unknown == self.n_open:
            text = "time left: unknown"
        elif self.n_running:
            text = f"time left: about {in_words(self.seconds)} on {cores}"
        else:
            text = f"no job runs; 'automl jobs run' needs about {in_words(self.seconds)} on the {cores} of this machine"
        if 0 < self.n_unknown < self.n_open:
            text += f", and the time of {plural(self.n_unknown, 'job')} without a known duration"
        return text


def find_time_left(records: Sequence[JobRecord], results: Path) -> TimeLeft:
    """Return the time left of the jobs of a batch.

    The running jobs say how many cores the runners use. While no job runs, the cores of this machine count.

    Parameters
    ----------
    results : Path
        The folder of the results, which says how many seconds earlier attempts at a job have used.
    """
    typical, now = typical_seconds(records), time.time()
    seconds = [_seconds_left(record, expected_seconds(record.job, typical), results, now) for record in records]
    running = [(r, s) for r, s in zip(records, seconds, strict=True) if r.state is State.RUNNING]
    queued = [(r, s) for r, s in zip(records, seconds, strict=True) if r.state is State.QUEUED]
    cores = sum(record.job.resources.n_jobs for record, _ in running) or available_cpus()
    cores = max([cores, *(record.job.resources.n_jobs for record, _ in queued)])
    return TimeLeft(
        of_jobs=seconds,
        seconds=total_time(_planned(queued), _planned(running), Resources(cores)),
        cores=cores,
        n_open=len(running) + len(queued),
        n_running=len(running),
        n_unknown=sum(math.isnan(seconds) for _, seconds in running + queued),
    )


def _planned(jobs: Sequence[tuple[JobRecord, float]]) -> list[PlannedJob]:
    return [
        PlannedJob(seconds, Resources(record.job.resources.n_jobs), record.job.priority)
        for record, seconds in jobs
        if not math.isnan(seconds)
    ]


def _seconds_left(record: JobRecord, expected: float | None, results: Path, now: float) -> float:
    if record.state not in (State.QUEUED, State.RUNNING):
        return 0.0
    if expected is None:
        return math.nan
    started = record.started if record.state is State.RUNNING else None
    spent = 0.0 if started is None else now - started
    if (last := JobFolder(results, record.name).last_trial()) is not None:
        elapsed, ended = last  # of this attempt, or of an earlier one that the search goes on from
        spent = max(spent, elapsed if started is None else elapsed + now - max(started, ended))
    return max(0.0, expected - spent)
