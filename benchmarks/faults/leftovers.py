"""What a run must not leave behind: processes, files, shared memory, file descriptors, threads."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path

from automl.execute import processes

TOKEN = "AUTOML_FAULTS_SESSION"  # an environment variable; each process with its value belongs to the session
_SHARED = Path("/dev/shm")


@dataclass(frozen=True)
class State:
    """What exists at one moment."""

    processes: frozenset[int]
    files: frozenset[str]
    shared: frozenset[str]
    descriptors: int
    threads: int

    @classmethod
    def now(cls) -> State:
        """Return the state of this process, its folder for temporary files, and its session."""
        gc.collect()
        shared = frozenset(os.listdir(_SHARED)) if _SHARED.is_dir() else frozenset()
        tracker = getattr(resource_tracker._resource_tracker, "_pid", None)  # of multiprocessing
        found = frozenset(session_processes()) - {os.getpid(), _server(), tracker}
        with suppress(OSError):
            files = frozenset(os.listdir(tempfile.gettempdir()))
            return cls(found, files, shared, len(os.listdir("/proc/self/fd")), threading.active_count())
        return cls(found, frozenset(), shared, 0, threading.active_count())

    def left(self, after: State) -> str:
        """Return in words what the later state holds beyond this one; an empty text if it is nothing."""
        more = [
            f"{len(found)} {name}"
            for name, found in (
                ("processes", after.processes - self.processes),
                ("files", after.files - self.files),
                ("shared-memory segments", after.shared - self.shared),
            )
            if found
        ]
        for name in ("descriptors", "threads"):
            if (n := getattr(after, name) - getattr(self, name)) > 0:
                more.append(f"{n} {name}")
        return ", ".join(more)


def left_after(before: State, now: Callable[[], State] = State.now, seconds: float = 8.0) -> str:
    """Wait until nothing is left, at most some seconds, and return in words what is left then."""
    end = time.monotonic() + seconds
    while (left := before.left(now())) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def session_processes(value: str | None = None) -> list[int]:
    """Return the ids of all processes that a session has started, also of those whose parent has ended."""
    token = f"{TOKEN}={value or os.environ.get(TOKEN, '-')}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError):
                if token in Path("/proc", entry, "environ").read_bytes().split(b"\0"):
                    found.append(int(entry))
    return found


def end_session(value: str) -> None:
    """Kill all processes of a session."""
    for pid in session_processes(value):
        if pid != os.getpid():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _server() -> int:
    """Return the id of the process that starts the workers, which lives as long as this process; -1 if none runs."""
    return -1 if processes._server is None else processes._server.process.pid
