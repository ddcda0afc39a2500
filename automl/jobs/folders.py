"""The folder of the results: one folder for each job, which appears complete or not at all, and one summary.

An unfinished job has its folder in ``.work``. ``result.json`` is written last; then a rename moves the folder to the
results. The locks belong to the kernel, which frees them when the process ends, also after a kill.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from automl.errors import InvalidInputError
from automl.jobs.result import JobResult
from meta_db.files import replace_file, write_text

if TYPE_CHECKING:
    import pandas as pd

    from automl.jobs.queue import JobRecord

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_BOOT = re.compile("[0-9a-f]{8}")  # the start of a boot id
_LONGEST_HOST = 100  # characters; the queue has 200 for the name of a runner
_SEARCHES = "search-*"  # run directories of the search, one for each state of the table
_HISTORY = "history.jsonl"  # of a run directory, with a line for each trial


class LockedError(Exception):
    """A lock was not free in time."""


@contextmanager
def lock(path: Path, patience: float) -> Iterator[None]:
    """Hold a lock file.

    Raises
    ------
    LockedError
        If another process still holds the lock after `patience` seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file_lock = FileLock(path)
    try:
        file_lock.acquire(timeout=patience)
    except Timeout:
        raise LockedError from None
    try:
        yield
    finally:
        file_lock.release()


@dataclass(frozen=True)
class JobFolder:
    """The folder of one job: in `work` until the job ends, then in `final`."""

    results: Path
    name: str

    @property
    def final(self) -> Path:
        """The place of the folder after the job has ended."""
        return self.results / self.name

    @property
    def work(self) -> Path:
        """The place of the folder until the job has ended."""
        return self.results / ".work" / self.name

    @property
    def lock_path(self) -> Path:
        """The lock file that a process holds while it works on the job."""
        return self.results / ".work" / "locks" / f"{self.name}.lock"

    def result(self) -> JobResult | None:
        """Return the result of an earlier attempt, or None if there is none or its file is damaged."""
        try:
            found = json.loads((self.final / "result.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):  # after a power cut a file may be empty
            return None
        return JobResult.from_dict(found) if isinstance(found, dict) and "state" in found else None

    def open(self) -> None:
        """Create the folder in `work`. The folder of a cancelled job moves back there, so that its search can go on."""
        if self.final.exists():
            (self.final / "result.json").unlink(missing_ok=True)
            shutil.rmtree(self.work, ignore_errors=True)
            self.work.parent.mkdir(parents=True, exist_ok=True)
            self.final.rename(self.work)
        self.work.mkdir(parents=True, exist_ok=True)

    def search(self, fingerprint: str) -> Path:
        """Return the run directory of the search on one state of the table."""
        return self.work / f"search-{fingerprint}"

    def last_trial(self) -> tuple[float, float] | None:
        """Return when the last trial of an unfinished search has ended; None where there is none.

        Returns
        -------
        elapsed, ended : float
            In seconds of the budget, which all sessions of the search share; and in seconds since 1970.
        """
        found = [*self.work.glob(f"{_SEARCHES}/{_HISTORY}"), *self.final.glob(f"{_SEARCHES}/{_HISTORY}")]
        ends = []
        for path in found:
            with suppress(OSError):  # the job ends now
                ended = path.stat().st_mtime
                for line in reversed(path.read_bytes().splitlines()):
                    with suppress(ValueError, KeyError, TypeError):  # half a line, left by a killed attempt
                        ends.append((ended, float(json.loads(line)["elapsed"])))
                        break
        if not ends:
            return None
        ended, elapsed = max(ends)  # others belong to earlier states of the table
        return elapsed, ended

    def commit(self, result: JobResult, search: Path, keep_search: bool) -> None:
        """Write the result and move the folder to its final place.

        Parameters
        ----------
        search : Path
            Run directory of the search that led to the result. Only its history is kept; other run directories belong
            to earlier states of the table.
        keep_search : bool
            Whether to keep the run directory, so that the search can go on later. Otherwise it is removed last: if the
            process is killed before that, the next attempt goes on with all finished trials.
        """
        with suppress(FileNotFoundError):  # only the search has a history
            shutil.copyfile(search / _HISTORY, self.work / _HISTORY)
        write_text(self.work / "result.json", json.dumps(result.to_dict(), indent=2) + "\n")
        self.work.rename(self.final)
        if not keep_search:
            self.remove_searches()

    def remove_searches(self) -> None:
        """Remove the run directories from the final folder; only an unfinished job needs them."""
        for folder in self.final.glob(_SEARCHES):
            shutil.rmtree(folder, ignore_errors=True)


def _machine_name() -> str:
    """Return a name that no other machine shares, even if it has the same host name.

    On Linux the name holds the start of the kernel's boot id, which is the same in all containers of a machine.
    """
    parts = [socket.gethostname()[:_LONGEST_HOST]]
    with suppress(OSError):
        parts.append(_BOOT_ID.read_text()[:8])
    return "-".join(parts)


def new_owner() -> str:
    """Return a unique name for a runner in this process; it begins with the name of the machine."""
    return f"{_machine_name()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def host_of(owner: str) -> str:
    """Return the host name in the name of a runner.

    Examples
    --------
    >>> host_of(new_owner()) == socket.gethostname()[:100]
    True
    """
    host, _, boot = (machine := owner.rsplit("-", 2)[0]).rpartition("-")
    return host if host and _BOOT.fullmatch(boot) else machine


def runner_lock_path(results: Path, owner: str) -> Path:
    """Return the path of the lock file that a runner holds while it lives."""
    return results / ".work" / "runners" / f"{owner}.lock"


def is_dead(results: Path, owner: str) -> bool:
    """Return whether a runner is known to have ended.

    Only the lock file of a runner on this machine is asked: on some network file systems locks are local to a machine,
    so that the lock of a live runner on another machine looks free. The jobs of such a runner wait for its lease.
    """
    path = runner_lock_path(results, owner)
    if owner.rsplit("-", 2)[0] != _machine_name() or not path.exists():
        return False
    try:
        with lock(path, patience=0):
            return True
    except LockedError:
        return False


def summarize(records: Sequence[JobRecord]) -> pd.DataFrame:
    """Return one row for each job, with its state and its scores; greater scores are better.

    ``expected_score`` is the estimate of the score on new rows, corrected for the search, with the ends of its 95 %
    interval, ``expected_low`` and ``expected_high``. ``search_score`` is the mean score of the best configuration
    over the folds of the search, which is another measure. ``test_score`` is measured on rows that the search never
    sees.
    """
    import pandas as pd

    columns = {
        "job": "string",
        "table": "string",
        "setting": "string",
        "state": "string",
        "task": "string",
        "metric": "string",
        "test_score": "float64",
        "expected_score": "float64",
        "expected_low": "float64",
        "expected_high": "float64",
        "search_score": "float64",
        "n_rows": "Int64",
        "n_test_rows": "Int64",
        "n_columns": "Int64",
        "n_trials": "Int64",
        "seconds": "float64",
        "attempts": "Int64",
        "priority": "Int64",
        "ended": "string",
        "reason": "string",
    }
    rows = [
        {
            **({} if record.result is None else record.result.to_dict()),
            "job": record.name,
            "table": record.job.table.name,
            "setting": record.job.setting.name,
            "state": record.state.value,
            "attempts": record.attempts,
            "priority": record.job.priority,
            "ended": ""
            if record.ended is None
            else datetime.fromtimestamp(record.ended, UTC).isoformat("T", "seconds"),
            "reason": record.reason,
        }
        for record in records
    ]
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def write_summary(summary: pd.DataFrame, results: Path) -> None:
    """Write ``summary.csv`` and ``summary.parquet``; each is replaced in one step.

    Raises
    ------
    InvalidInputError
        If a file cannot be written.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
        with replace_file(results / "summary.csv") as partial:
            summary.to_csv(partial, index=False)
        with replace_file(results / "summary.parquet") as partial:
            summary.to_parquet(partial, index=False)
    except OSError as error:
        raise InvalidInputError(f"the summary in '{results}' cannot be written: {error}") from error
