"""What a page shows. It is drawn again only if something has changed."""

from __future__ import annotations

import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from automl.report.words import clean
from automl.trials.run_reader import RunReader
from automl.watch.render import EVERY, run_fragment
from automl.watch.run_view import RunState, find_state, view_run

_SHARE = 0.05  # of one core, which the drawing of a page may take
_LOG_LINES = 40
_LOG_BYTES = 2**15


@dataclass(frozen=True)
class Fragment:
    """The part of a page that changes. `version` changes whenever the content does."""

    html: str
    version: str
    title: str
    is_live: bool


class Source(ABC):
    """Something to watch. Several requests may ask at the same time; one of them draws."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: Fragment | None = None
        self._next = 0.0
        self._token, self._number = secrets.token_hex(4), 0

    def fragment(self, fresh: bool = False) -> Fragment:
        """Return the part of the page that changes.

        Parameters
        ----------
        fresh : bool
            Whether to draw the times again, even if nothing else has changed.

        Raises
        ------
        AutoMLError
            If the files or the queue cannot be read.
        """
        with self._lock:
            if self._known is not None and time.monotonic() < self._next:
                return self._known
            began = time.thread_time()
            changed = self.has_changed()
            if changed or self._known is None:
                self._number += 1
            if changed or self._known is None or (fresh and self._known.is_live):
                self._known = self.draw(f"{self._token}-{self._number}")
            spent = time.thread_time() - began
            self._next = time.monotonic() + max(EVERY / 2, spent / _SHARE)
            return self._known

    @abstractmethod
    def has_changed(self) -> bool:
        """Read what is new, and return whether the page must be drawn again."""

    @abstractmethod
    def draw(self, version: str) -> Fragment:
        """Draw the part of the page that changes."""


class RunSource(Source):
    """The run in a folder.

    Parameters
    ----------
    reader : RunReader
    title : str
    find : callable, optional
        Returns the state of the run where it belongs to a job, whose state the queue knows.
    log, report : Path, optional
        The log and the report of the job.
    """

    def __init__(
        self,
        reader: RunReader,
        title: str,
        find: Callable[[RunReader], RunState] | None = None,
        log: Path | None = None,
        report: Path | None = None,
    ):
        super().__init__()
        self.reader, self._title, self._find, self._log = reader, title, find, log
        self._report = report
        self._state: RunState | None = None
        self._tail = ""

    def has_changed(self) -> bool:
        """Read the new trials and the state of the process."""
        changed = self.reader.update()
        state = (self._find or find_state)(self.reader)
        tail = "" if self._log is None else _read_tail(self._log)
        if state != self._state or tail != self._tail:
            self._state, self._tail, changed = state, tail, True
        return changed

    def draw(self, version: str) -> Fragment:
        """Draw the run."""
        view = view_run(self.reader, self._title, self._state)
        has_report = self.model is not None if self._report is None else self._report.is_file()
        html = run_fragment(view, has_report=has_report, is_job=self._find is not None, log=self._tail)
        return Fragment(html, version, view.title, view.state.is_live)

    @property
    def model(self) -> Path | None:
        """The folder of the saved model, if the run has ended and the folder exists."""
        session = self.reader.session
        if session is None or session.model is None or not Path(session.model).is_dir():
            return None
        return Path(session.model)


def _read_tail(path: Path) -> str:
    """Return the last lines of a log, without control characters; an empty text if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _LOG_BYTES))
            content = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(clean(line, 500) for line in deque(content.splitlines(), _LOG_LINES))
