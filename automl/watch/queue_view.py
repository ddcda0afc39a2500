"""What people see of a queue of jobs: one row for each job, totals, and the time left."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from automl.jobs.duration import in_words
from automl.jobs.folders import JobFolder, host_of
from automl.jobs.queue import JobRecord, State
from automl.jobs.result import JobResult
from automl.jobs.time_left import find_time_left
from automl.report.words import clean, metric_words, rounded
from automl.trials.run_directory import HISTORY

_STATES = ("running", "failed", "queued", "cancelled", "finished", "withdrawn")  # in the order of the rows
_ORDER = {state: place for place, state in enumerate(_STATES)}


@dataclass(frozen=True)
class JobRow:
    """One job.

    Attributes
    ----------
    clock : float or None
        Time at which the attempt of a running job began, in seconds since 1970.
    seconds : float or None
        Seconds that a job which has ended took in its last attempt.
    left, left_seconds : str, float or None
        The time left; empty where it is not known or the job has ended.
    expected, low, high, test : float or None
        The expected score on new rows with its interval, and the score on the test rows, with the sign that people
        read.
    """

    name: str
    state: str
    attempts: int
    host: str
    clock: float | None
    seconds: float | None
    left: str
    left_seconds: float | None
    metric: str
    expected: float | None
    low: float | None
    high: float | None
    test: float | None
    reason: str
    has_report: bool
    has_run: bool


@dataclass(frozen=True)
class QueueView:
    """The content of the view of a queue; `counts` is the number of jobs in each state."""

    title: str
    counts: tuple[tuple[str, int], ...]
    n_jobs: int
    n_done: int
    sentence: str
    seconds_left: float | None
    rows: tuple[JobRow, ...]

    @property
    def is_live(self) -> bool:
        """Whether a job waits or runs."""
        return any(row.state in (State.QUEUED, State.RUNNING) for row in self.rows)

    @property
    def share(self) -> float:
        """The share of the jobs that have ended, between 0 and 1."""
        return self.n_done / self.n_jobs if self.n_jobs else 1.0


def view_queue(records: Sequence[JobRecord], batch: str, results: Path) -> QueueView:
    """Return the view of the jobs of a batch; running jobs come first, then failed jobs."""
    left = find_time_left(records, results)
    rows = [_row(record, seconds, results) for record, seconds in zip(records, left.of_jobs, strict=True)]
    counts = Counter(row.state for row in rows)
    open_ = counts[State.QUEUED] + counts[State.RUNNING]
    known = left.n_running > 0 and left.n_unknown < left.n_open
    return QueueView(
        title=f"Batch {clean(batch)}",
        counts=tuple(sorted(counts.items(), key=lambda item: _ORDER.get(item[0], len(_ORDER)))),
        n_jobs=len(rows),
        n_done=len(rows) - open_,
        sentence=str(left) if open_ else "All jobs have ended.",
        seconds_left=left.seconds if known else None,
        rows=tuple(sorted(rows, key=lambda row: _ORDER.get(row.state, len(_ORDER)))),
    )


def _row(record: JobRecord, seconds_left: float, results: Path) -> JobRow:
    result, folder = record.result or JobResult(), JobFolder(results, record.name)
    metric = metric_words(result.metric, result.metric_class) if result.metric else None
    sign = 1 if metric is None else metric.sign
    ends = [_signed(end, sign) for end in (result.expected_low, result.expected_high)]
    if sign < 0:
        ends.reverse()
    runs = record.state is State.RUNNING
    ended = record.state in (State.FINISHED, State.FAILED, State.CANCELLED)
    took = result.seconds
    if took is None and ended and record.started is not None and record.ended is not None:
        took = record.ended - record.started
    is_known = not math.isnan(seconds_left) and record.state in (State.QUEUED, State.RUNNING)
    return JobRow(
        name=record.name,
        state=record.state.value,
        attempts=record.attempts,
        host=clean(host_of(record.owner)) if record.owner else "",
        clock=record.started if runs else None,
        seconds=rounded(took, 4),
        left=in_words(seconds_left) if is_known else "",
        left_seconds=rounded(seconds_left, 3) if is_known else None,
        metric="" if metric is None else metric.title,
        expected=_signed(result.expected_score, sign),
        low=ends[0],
        high=ends[1],
        test=_signed(result.test_score, sign),
        reason=clean(record.reason.splitlines()[0]) if record.reason.strip() else "",
        has_report=(folder.final / "report.html").is_file(),
        has_run=runs or (folder.final / HISTORY).is_file(),
    )


def _signed(score: float | None, sign: int) -> float | None:
    return None if score is None else rounded(sign * score)
