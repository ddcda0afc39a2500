"""The log of one job, also while the job writes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from automl.errors import InvalidInputError
from automl.jobs.folders import JobFolder

if TYPE_CHECKING:
    from automl.jobs.queue import JobRecord

_TICK = 0.5  # seconds between two looks at the file
_CHUNK = 2**16  # characters


def find_job(records: Sequence[JobRecord], name: str) -> JobRecord:
    """Return the record of a job by its name, or by the start of its name if no other job starts with it.

    Raises
    ------
    InvalidInputError
        If there is no such job, or more than one.
    """
    found = [record for record in records if record.name == name]
    found = found or [record for record in records if record.name.startswith(name)]
    if len(found) > 1:
        listed = ", ".join(f"'{record.name}'" for record in found[:3]) + (", ..." if len(found) > 3 else "")
        raise InvalidInputError(f"JOB: several jobs start with '{name}': {listed}; name one of them")
    if not found:
        raise InvalidInputError(f"there is no job '{name}'; 'automl jobs results' lists all jobs")
    return found[0]


def read_log(folder: JobFolder, follow: bool, is_open: Callable[[], bool]) -> Iterator[str]:
    """Yield the text of the log of a job.

    Parameters
    ----------
    follow : bool
        Whether to wait for further text until the job has ended.
    is_open : callable
        Returns whether the job runs or waits.

    Raises
    ------
    InvalidInputError
        If there is no log on this machine.
    """
    while (path := _log_path(folder)) is None:
        if not follow or not is_open():
            raise InvalidInputError(
                f"there is no log of '{folder.name}' in '{folder.results}': the job has not started, or it ran on "
                "another machine"
            )
        time.sleep(_TICK)
    with path.open(encoding="utf-8", errors="replace") as file:  # the file stays open when its folder is moved
        while True:
            goes_on = follow and is_open()  # before the last look, so that no text is missed
            while text := file.read(_CHUNK):
                yield text
            if not goes_on:
                return
            time.sleep(_TICK)


def _log_path(folder: JobFolder) -> Path | None:
    """Return the log of the last attempt; the folder of an unfinished job is in `.work`."""
    paths = (folder.work / "log.txt", folder.final / "log.txt")
    return next((path for path in paths if path.is_file()), None)
