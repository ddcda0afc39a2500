"""The jobs of a queue, as a page shows them, and the runs of these jobs."""

from __future__ import annotations

from pathlib import Path

from automl.errors import InvalidInputError
from automl.jobs.folders import JobFolder
from automl.jobs.job import Batch
from automl.jobs.queue import JobQueue, JobRecord, State
from automl.jobs.result import JobResult
from automl.report.words import clean
from automl.trials.run_directory import HISTORY, RUN_FILE
from automl.trials.run_reader import RunReader
from automl.watch.queue_view import view_queue
from automl.watch.render import queue_fragment
from automl.watch.run_view import ENDED, FAILED, RUNNING, RunState, find_state
from automl.watch.sources import Fragment, RunSource, Source


class QueueSource(Source):
    """The jobs of a batch."""

    def __init__(self, queue: JobQueue, batch: Batch):
        super().__init__()
        self._queue, self._batch = queue, batch
        self._records: list[JobRecord] = []
        self._runs: dict[str, tuple[Path, RunSource]] = {}

    def has_changed(self) -> bool:
        """Read the queue. While jobs run, their times change."""
        records = self._queue.records(self._batch.name)
        changed = records != self._records or any(record.state is State.RUNNING for record in records)
        self._records = records
        return changed

    def draw(self, version: str) -> Fragment:
        """Draw the table of the jobs."""
        view = view_queue(self._records, self._batch.name, self._batch.results)
        return Fragment(queue_fragment(view), version, view.title, view.is_live)

    def record(self, name: str) -> JobRecord:
        """Return the record of a job.

        Raises
        ------
        InvalidInputError
            If there is no such job.
        """
        for record in self._queue.records(self._batch.name):
            if record.name == name:
                return record
        raise InvalidInputError(f"there is no job '{clean(name)}'")

    def report(self, name: str) -> Path:
        """Return the path of the report of a job; the file may be missing."""
        return JobFolder(self._batch.results, self.record(name).name).final / "report.html"

    def run(self, name: str) -> RunSource:
        """Return the run of a job.

        Raises
        ------
        InvalidInputError
            If there is no such job, or if it has no run on this machine.
        """
        record = self.record(name)
        folder = JobFolder(self._batch.results, record.name)
        place = _run_folder(folder)
        if place is None:
            raise InvalidInputError(
                f"the job '{clean(name)}' has no search here: it has not begun, it runs on another machine, or its "
                "estimator is of another library"
            )
        with self._lock:
            known = self._runs.get(name)
            if known is None or known[0] != place:
                result = record.result or JobResult()
                metric = result.metric or None if place == folder.final else None
                log = place / "log.txt" if place == folder.final else folder.work / "log.txt"
                reader = RunReader(place, metric, result.metric_class)

                def find(reader: RunReader) -> RunState:
                    return _state_of_job(self.record(name), reader)

                known = place, RunSource(reader, f"Job {name}", find, log, folder.final / "report.html")
                self._runs[name] = known
            return known[1]


def _run_folder(folder: JobFolder) -> Path | None:
    """Return the folder with the history of a job: its newest run directory, or the folder of its result."""
    searches = [path for path in folder.work.glob("search-*") if (path / RUN_FILE).is_file()]
    if searches:
        return max(searches, key=lambda path: (path / RUN_FILE).stat().st_mtime)
    return folder.final if (folder.final / HISTORY).is_file() else None


def _state_of_job(record: JobRecord, reader: RunReader) -> RunState:
    """Return the state of the run of a job, which the queue knows best once the job has ended."""
    reason = clean(record.reason)
    if record.state is State.RUNNING:
        found = find_state(reader)
        return found if found.is_live or found.kind == ENDED else RunState(RUNNING, "running", "The job is running.")
    if record.state is State.QUEUED:
        return RunState(RUNNING, "queued", f"The job waits for a runner. {reason}".strip())
    if record.state is State.FAILED:
        return RunState(FAILED, "failed", f"The job failed. {reason}")
    return RunState(ENDED, record.state.value, f"The job is {record.state.value}. {reason}".strip())
