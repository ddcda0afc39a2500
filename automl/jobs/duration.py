"""How long jobs take: the seconds of each job, and the time until a runner has finished all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from automl.jobs.job import Job, Resources
from automl.limits import LARGEST

if TYPE_CHECKING:
    from automl.jobs.queue import JobRecord

DEFAULT_BUDGET = 60.0  # seconds, the default of `time_budget`


@dataclass(frozen=True)
class PlannedJob:
    """A job that is not finished, and the seconds that it still needs."""

    seconds: float
    resources: Resources = field(default_factory=Resources)
    priority: int = 0


def expected_seconds(job: Job, typical: Mapping[str, float] | None = None) -> float | None:
    """Return the seconds of a job, or None where nothing says how long it takes.

    Parameters
    ----------
    typical : mapping, optional
        Seconds of finished jobs by the name of their setting, see `typical_seconds`.
    """
    if typical and job.setting.name in typical:
        return typical[job.setting.name]
    budget, limit = search_seconds(job), job.resources.time_limit
    return budget if budget is None or limit is None else min(budget, float(limit))


def search_seconds(job: Job) -> float | None:
    """Return the seconds of the search of a job; None where it has no limit, or one that cannot be used."""
    if job.setting.estimator != "automl":
        return None
    budget = job.setting.parameters.get("time_budget", DEFAULT_BUDGET)
    is_number = isinstance(budget, int | float) and not isinstance(budget, bool)
    return float(budget) if is_number and 0 < budget <= LARGEST else None


def typical_seconds(records: Iterable[JobRecord]) -> dict[str, float]:
    """Return the median seconds of the finished jobs of each setting, the reading of the table included."""
    seconds: dict[str, list[float]] = {}
    for record in records:
        is_whole = record.state == "finished" and record.attempts == 1
        if is_whole and record.started is not None and record.ended is not None:
            seconds.setdefault(record.job.setting.name, []).append(record.ended - record.started)
    return {name: median(values) for name, values in seconds.items()}


def total_time(waiting: Sequence[PlannedJob], running: Sequence[PlannedJob], capacity: Resources) -> float:
    """Return the seconds until all jobs have ended, if runners with this capacity take them in their usual order.

    A job that needs more than the capacity is left out.

    >>> jobs = [PlannedJob(60.0)] * 5
    >>> total_time(jobs, [], Resources(n_jobs=2))
    180.0
    """
    queue = sorted((job for job in waiting if _fits(job, capacity)), key=lambda job: -job.priority)
    active = [(job.seconds, job) for job in running]
    now = 0.0
    while queue or active:
        while (place := _next(queue, _free(capacity, active))) is not None:
            job = queue.pop(place)
            active.append((now + job.seconds, job))
        now = min(end for end, _ in active)
        active = [(end, job) for end, job in active if end > now]
    return now


def in_words(seconds: float) -> str:
    """Return a duration for people.

    >>> [in_words(seconds) for seconds in (4.2, 90, 330, 1800, 9000, 200_000)]
    ['4 s', '90 s', '5 min 30 s', '30 min', '2 h 30 min', '2 d 7 h']
    """
    if seconds <= 90:
        return f"{seconds:.0f} s"
    if seconds < 600:
        return f"{round(seconds) // 60} min {round(seconds) % 60} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def _next(queue: Sequence[PlannedJob], free: Resources) -> int | None:
    """Return the place of the first job of the highest priority that fits, as `JobQueue.claim` chooses it."""
    for place, job in enumerate(queue):
        if job.priority != queue[0].priority:
            return None
        if _fits(job, free):
            return place
    return None


def _fits(job: PlannedJob, capacity: Resources) -> bool:
    memory = job.resources.memory or 0.0
    return job.resources.n_jobs <= capacity.n_jobs and (capacity.memory is None or memory <= capacity.memory)


def _free(capacity: Resources, active: Sequence[tuple[float, PlannedJob]]) -> Resources:
    used = [job.resources for _, job in active]
    memory = None if capacity.memory is None else capacity.memory - sum(each.memory or 0.0 for each in used)
    return Resources(capacity.n_jobs - sum(each.n_jobs for each in used), memory)
