"""The session of a run: what its process does now, for programs that watch the run directory."""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import psutil

from automl.task.task import Task
from automl.trials.endings import INTERRUPTED
from meta_db.files import write_text

logger = logging.getLogger(__name__)

FILE = "session.json"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PROCESSES = Path("/proc/self/ns/pid")  # processes see each other only in one name space
_CLOCK_SECONDS = 3.0  # by which the start time of a process may change when the clock of the machine is set


class Phase(StrEnum):
    """What the process of a run does."""

    SEARCH = "search"
    ENSEMBLE = "ensemble"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True)
class Session:
    """The last session of a run. A session begins when `fit` opens the run directory.

    Attributes
    ----------
    phase : Phase
    reason : str
        Why the search ended, or the error of a failed run.
    machine, pid, process_started : str, int, float
        The process; its start in seconds since 1970.
    elapsed : float
        Seconds of the budget that all sessions have used, up to the time `updated`.
    updated : float
        Time of the last change of this record, in seconds since 1970.
    budget_seconds, max_trials : float or None, int or None
        The budget of the run.
    n_classes : int
        0 for regression.
    model : str or None
        Folder in which ``automl fit`` has saved the model.
    expected : str
        One line with the expected score on new rows, after the end of the run.
    families : sequence of str
        The model families of the search space; empty in files of earlier versions.
    earlier_seconds : float
        Seconds of the budget that earlier sessions of the run have used; 0 in the first session.
    """

    phase: Phase
    reason: str
    machine: str
    pid: int
    process_started: float
    elapsed: float
    updated: float
    budget_seconds: float | None
    max_trials: int | None
    n_classes: int
    n_rows: int
    n_features: int
    n_folds: int
    model: str | None = None
    expected: str = ""
    families: Sequence[str] = ()
    earlier_seconds: float = 0.0

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return a session from the content of its file; entries of newer versions are ignored."""
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        return cls(**{**known, "phase": Phase(known["phase"])})

    @property
    def is_over(self) -> bool:
        """Whether the run has ended or failed."""
        return self.phase in (Phase.ENDED, Phase.FAILED)

    def is_alive(self) -> bool | None:
        """Return whether the process of the session lives; None if it belongs to another machine or container."""
        if self.machine != _machine_id():
            return None
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.process_started) < _CLOCK_SECONDS
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return True


class SessionRecorder:
    """Writes the session of this process into the run directory. A run goes on if the file cannot be written."""

    def __init__(self, folder: Path | None, session: Session, started: float):
        self._folder, self._session, self._started = folder, session, started
        self.enter(session.phase)

    def enter(self, phase: Phase, reason: str = "") -> None:
        """Record that a phase of the run begins."""
        elapsed = time.monotonic() - self._started
        self._session = replace(self._session, phase=phase, reason=reason, elapsed=elapsed, updated=time.time())
        if self._folder is not None:
            _write(self._folder, self._session)


@contextmanager
def record_session(
    folder: Path | None,
    task: Task,
    started: float,
    seconds: float | None,
    max_trials: int | None,
    families: Sequence[str],
    earlier_seconds: float,
) -> Iterator[SessionRecorder]:
    """Record the session of a run until the block ends. An exception that leaves the block is recorded as a failure.

    Parameters
    ----------
    folder : Path or None
        The run directory; without one, nothing is written.
    started : float
        Start of the budget's clock, as a time of `time.monotonic`.
    seconds, max_trials
        The budget of the run.
    families : sequence of str
        The model families of the search space.
    earlier_seconds : float
        Seconds of the budget that earlier sessions of the run have used.
    """
    traits, process = task.traits, psutil.Process()
    session = Session(
        phase=Phase.SEARCH,
        reason="",
        machine=_machine_id(),
        pid=process.pid,
        process_started=process.create_time(),
        elapsed=0.0,
        updated=0.0,
        budget_seconds=seconds,
        max_trials=max_trials,
        n_classes=traits.n_classes,
        n_rows=traits.n_rows,
        n_features=traits.n_features,
        n_folds=len(task.folds),
        families=families,
        earlier_seconds=earlier_seconds,
    )
    recorder = SessionRecorder(folder, session, started)
    try:
        yield recorder
    except BaseException as error:
        reason = INTERRUPTED if isinstance(error, KeyboardInterrupt) else f"{type(error).__name__}: {error}"
        recorder.enter(Phase.FAILED, reason)
        raise


def read_session(folder: Path) -> Session | None:
    """Return the last session of a run directory; None where the file is missing or damaged."""
    try:
        return Session.from_json(json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def record_model(folder: Path, model: Path) -> None:
    """Record in a run directory where its model was saved."""
    session = read_session(folder)
    if session is not None:
        _write(folder, replace(session, model=str(model.absolute())))


def record_expected(folder: str | os.PathLike[str] | None, line: str) -> None:
    """Record in a run directory, if there is one, the line with the expected score on new rows."""
    session = None if folder is None else read_session(Path(folder))
    if folder is not None and session is not None:
        _write(Path(folder), replace(session, expected=line))


def _machine_id() -> str:
    """Return a text that only processes share which can see each other: host, boot and name space of processes."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(_BOOT_ID.read_text()[:8])
    with suppress(OSError):
        parts.append(os.readlink(_PROCESSES))
    return " ".join(parts)


def _write(folder: Path, session: Session) -> None:
    try:
        write_text(folder / FILE, json.dumps(asdict(session), indent=1) + "\n")
    except OSError as error:  # only programs that watch the run need the file
        logger.info("'%s' was not written: %s", folder / FILE, error)
