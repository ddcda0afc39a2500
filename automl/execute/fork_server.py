"""The child's side of `automl.execute.processes`: the fork server, and the first steps of each new process.

This module imports the standard library only, because the fork server reads the paths of all other modules first.
"""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.connection
import os
import pickle
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any, NoReturn

# A worker runs one trial at a time with a fixed number of threads; larger pools of threads would compete for its cores.
SINGLE_THREADED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}


@dataclass(frozen=True)
class StartMessage:
    """The first message to a new process.

    Attributes
    ----------
    call : bytes
        Pickle of ``(target, args)``; the process calls ``target(connection, *args)``.
    daemon : bool
        Whether libraries in the process should start no processes of their own, as in `multiprocessing.Process`.
    path, directory, environment
        Search path of modules, working directory and environment of the parent at this moment.
    """

    call: bytes
    daemon: bool
    path: Sequence[str]
    directory: str | None
    environment: Mapping[str, str] = field(repr=False)

    @staticmethod
    def make(target: Callable[..., None], args: Sequence[Any], daemon: bool) -> StartMessage:
        """Describe the call, and the state of this process."""
        return StartMessage(pickle.dumps((target, args)), daemon, search_path(), _directory(), dict(os.environ))

    def run(self, connection: Connection) -> None:
        """Call the target in this process."""
        sys.path[:] = self.path
        if self.directory is not None:
            with suppress(OSError):  # somebody has removed it since
                os.chdir(self.directory)
        for name in os.environ.keys() - self.environment.keys():
            del os.environ[name]
        os.environ.update({**self.environment, **SINGLE_THREADED})
        multiprocessing.current_process().daemon = self.daemon
        target, args = pickle.loads(self.call)
        target(connection, *args)


def search_path() -> list[str]:
    """Return the search path of modules of this process, with the working directory by its name."""
    # Python ignores entries of other types, such as `pathlib.Path`.
    return [path for entry in sys.path if isinstance(entry, str) and (path := entry or _directory())]


def _directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # somebody has removed it
        return None


def wait_for_hangup(connection: Connection) -> None:
    """Return when the process at the other end has closed the connection or died; read no message.

    Another thread may read from the connection and write to it meanwhile.
    """
    if sys.platform == "win32":
        with suppress(OSError):
            while True:
                connection.poll()
                time.sleep(1.0)
    else:
        hangup = select.poll()
        hangup.register(connection, 0)
        hangup.poll()


def main() -> NoReturn:
    """Run the fork server, or one process where the system has no fork; the new interpreter calls this."""
    # Ctrl-C reaches the whole process group; only the parent decides how to react.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):  # the parent may block signals, such as SIGCHLD, in its threads
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
    handle, preload, path = json.loads(sys.argv[2])
    sys.argv[1:] = []
    if sys.platform != "win32":
        handle = _take_standard_input()
    if preload is None:
        os._exit(_run(_open(handle)))
    sys.path[:] = path
    for module in preload:
        # Whatever prevents the import, a trial that needs the library shows it.
        with suppress(Exception):
            import_module(module)
    with socket.socket(fileno=handle) as requests:
        _serve(requests)
    os._exit(0)


def _take_standard_input() -> int:
    """Return a handle of the connection to the parent, which is the standard input; then open all standard streams.

    A stream that the parent has closed is opened, too. Otherwise a connection to a later process would get its number,
    and each line that a library prints would go into that connection.
    """
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:  # the lowest free number
        os.set_inheritable(null, True)
    handle = os.dup(0)
    os.dup2(null, 0)
    os.close(null)
    return handle


def _open(handle: int) -> Connection:
    if sys.platform == "win32":
        return multiprocessing.connection.PipeConnection(handle)
    return Connection(handle)


def _run(connection: Connection) -> int:
    """Read the first message, run the call in it, and return the exit code."""
    try:
        message = connection.recv_bytes()
    except (EOFError, OSError):
        return 1  # the parent has ended
    code = 1
    try:
        pickle.loads(message).run(connection)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001  the last frame of the process
        traceback.print_exc()
    with suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    return code


def _serve(requests: socket.socket) -> None:
    """Fork a process for each request until the parent closes its end, and report the exit codes.

    A request is one byte with two file descriptors: the connection of the new process, and a pipe on which the server
    answers with the process id (or an `OSError`) and, when the process has ended, with its exit code.
    """
    statuses: dict[int, Connection] = {}  # by process id
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)  # without a handler nothing is written to the pipe
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    watched: list[Any] = [requests, woken]
    while True:
        ready = select.select(watched, [], [])[0]
        if woken in ready:
            os.read(woken, 4096)
            _report_ended(statuses)
        if requests not in ready:
            continue
        try:
            message, handles, *_ = socket.recv_fds(requests, 1, 2)
        except ConnectionError:
            return
        if not message:
            return
        if len(handles) != 2:  # no file descriptors are left; the parent starts another server
            return
        connection, status = Connection(handles[0]), Connection(handles[1], readable=False)
        try:
            pid = os.fork()
        except OSError as error:
            _send(status, error)
            continue
        if pid == 0:
            code = 1
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for handle in (woken, wake, requests.detach()):
                    os.close(handle)
                for pipe in (status, *statuses.values()):
                    pipe.close()
                code = _run(connection)
            finally:
                os._exit(code)
        connection.close()
        statuses[pid] = status
        _send(status, pid)


def _report_ended(statuses: dict[int, Connection]) -> None:
    while statuses:
        pid, code = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        if (status := statuses.pop(pid, None)) is not None:
            _send(status, os.waitstatus_to_exitcode(code))
            status.close()


def _send(status: Connection, answer: int | OSError) -> None:
    with suppress(OSError):  # nobody waits for it any more
        status.send(answer)
