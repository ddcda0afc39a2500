"""Start processes: quickly, with single-threaded libraries, and without running the user's script again.

`multiprocessing` is not used for this. It has one fork server for the whole program: if we configured that server, the
user's own processes would inherit our settings. It also imports the user's main module into each process.
"""

from __future__ import annotations

import atexit
import json
import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import spawn
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from automl.errors import NoWorkersError
from automl.execute.descriptors import check_free_descriptors
from automl.execute.fork_server import SINGLE_THREADED, StartMessage, search_path

LIBRARIES = ("automl.execute.worker", "pipelines.build", "lightgbm")  # of the processes that run trials
# The packages are loaded from the folder of the parent's packages, whatever the search path and the working directory
# hold under the same names.
_BOOT = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
for name in ("pipelines", "meta_db", "metalearning", "automl"):
    spec = spec_from_file_location(name, f"{sys.argv[1]}/{name}/__init__.py")
    sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
from automl.execute.fork_server import main
main()
"""
_CAN_FORK = hasattr(os, "fork") and hasattr(socket, "send_fds")


class ChildProcess:
    """A process that this one has started.

    Attributes
    ----------
    pid : int
    connection : Connection
        The parent's end of the connection that the target got.
    """

    def __init__(self, pid: int, connection: Connection, status: Connection):
        self.pid, self.connection = pid, connection
        self._status = status  # sends the exit code
        self._exitcode: int | None = None

    @property
    def exitcode(self) -> int | None:
        """None while the process runs; negative for a signal; 255 if nobody has seen its end."""
        self._wait(0.0)
        return self._exitcode

    @property
    def end(self) -> Connection | None:
        """A connection that becomes readable when the process ends; None if only its own connection shows this."""
        return self._status if self._exitcode is None else None

    def join(self, timeout: float | None = None) -> None:
        """Wait until the process has ended, at most `timeout` seconds."""
        self._wait(timeout)

    def kill(self) -> None:
        """End the process at once; does not wait for it."""
        if self.exitcode in (None, 255):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    def close(self) -> None:
        """Close the pipes to the process."""
        self.connection.close()
        self._status.close()

    def _wait(self, timeout: float | None) -> None:
        if self._exitcode in (None, 255) and not self._status.closed and self._status.poll(timeout):
            try:
                self._exitcode = self._status.recv()
            except (EOFError, OSError):  # the fork server has died; the process may be alive
                self._exitcode = 255
                with suppress(psutil.Error):
                    psutil.Process(self.pid).wait(timeout)


class _LoneProcess(ChildProcess):
    """A process with an interpreter of its own, where the system has no fork."""

    def __init__(self, process: subprocess.Popen[bytes], connection: Connection):
        self._process = process
        super().__init__(process.pid, connection, connection)

    @property
    def end(self) -> None:
        return None

    def _wait(self, timeout: float | None) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._exitcode = self._process.wait(timeout)


class _ForkServer:
    """A process that has imported the libraries and forks other processes, each in milliseconds."""

    def __init__(self, preload: Sequence[str]):
        self._socket, theirs = socket.socketpair()
        _open_pipes.update((self._socket, theirs))
        with theirs:
            self.process = _start_interpreter(theirs.fileno(), preload)

    def start(self, connection: Connection) -> tuple[int, Connection]:
        """Fork a process; return its id and the pipe that will send its exit code.

        Raises
        ------
        OSError
            If the system has no resources for another process.
        EOFError
            If the server has ended.
        """
        status, theirs = _pipe(duplex=False)
        with theirs:
            try:
                socket.send_fds(self._socket, [b"f"], [connection.fileno(), theirs.fileno()])
            except ConnectionError as error:
                raise EOFError from error
        answer = status.recv()
        if isinstance(answer, OSError):
            raise answer
        return answer, status

    def close(self) -> None:
        """End the server."""
        self._socket.close()
        self.process.kill()
        self.process.wait()


_open_pipes: weakref.WeakSet[Connection | socket.socket] = weakref.WeakSet()  # to our processes
_server: _ForkServer | None = None  # of this process
_lock = threading.Lock()


def start_process(
    target: Callable[..., None], *args: Any, daemon: bool = False, preload: Sequence[str] = LIBRARIES
) -> ChildProcess:
    """Call ``target(connection, *args)`` in a new process, with a connection to this one.

    The process ignores Ctrl-C until the target handles it. It does not end with its parent by itself: the target must
    watch the connection (`automl.execute.fork_server.wait_for_hangup`). `sys.modules["__main__"]`, the environment and
    the signal handlers of this process stay as they are, and so does the fork server of `multiprocessing`.

    Parameters
    ----------
    target : callable
        A function of a module that the new process can import.
    daemon : bool
        Whether libraries in the process should start no processes of their own.
    preload : sequence of str
        Modules for the fork server to import, if it does not run yet.

    Raises
    ------
    NoWorkersError
        If the fork server ends while it starts.
    OSError
        If the system has no resources for another process.
    """
    first_message = pickle.dumps(StartMessage.make(target, args, daemon))
    ours, theirs = _pipe()
    try:
        process = _start(ours, theirs, preload)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    with suppress(OSError):  # it has died already, which the reader of the connection will see
        ours.send_bytes(first_message)
    return process


def warm_up(preload: Sequence[str] = ()) -> None:
    """Start to import the libraries of the workers in the background, while the caller goes on.

    Parameters
    ----------
    preload : sequence of str
        Further modules that all workers need.

    Raises
    ------
    InvalidInputError
        If this process has too many open files.
    """
    check_free_descriptors()
    if _CAN_FORK:
        _running_server([*LIBRARIES, *preload])


def _start(ours: Connection, theirs: Connection, preload: Sequence[str]) -> ChildProcess:
    if not _CAN_FORK:
        return _LoneProcess(_start_interpreter(theirs.fileno(), None), ours)
    # A server that was killed is replaced by an equal one. A library may also crash the server that imports it, and is
    # then left to the worker.
    for modules in (preload, preload, ()):
        server = _running_server(modules)
        try:
            return ChildProcess(*_with_connection(server.start(theirs), ours))
        except EOFError:
            code = server.process.wait()
    raise NoWorkersError(f"the process that starts the workers ended with exit code {code}")


def _pipe(duplex: bool = True) -> tuple[Connection, Connection]:
    ends = multiprocessing.Pipe(duplex)
    _open_pipes.update(ends)
    return ends


def _with_connection(started: tuple[int, Connection], connection: Connection) -> tuple[int, Connection, Connection]:
    return started[0], connection, started[1]


def _running_server(preload: Sequence[str]) -> _ForkServer:
    global _server
    with _lock:
        if _server is None or _server.process.poll() is not None:
            _server = _ForkServer(preload)
        return _server


def _start_interpreter(handle: int, preload: Sequence[str] | None) -> subprocess.Popen[bytes]:
    """Start an interpreter at `automl.execute.fork_server.main`; without modules to preload it runs one process.

    The interpreter gets the connection as its standard input; on Windows it gets the handle in its arguments.
    """
    root = str(Path(__file__).parents[2])
    arguments = json.dumps([handle, None if preload is None else list(preload), search_path()])
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    command = [os.fsdecode(spawn.get_executable()), *flags, "-P", "-c", _BOOT, root, arguments]
    environment = {**os.environ, **SINGLE_THREADED}
    with _interrupts_blocked():
        if sys.platform == "win32":
            os.set_handle_inheritable(handle, True)
            startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]})
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment, startupinfo=startup)
        return subprocess.Popen(command, stdin=handle, env=environment)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block Ctrl-C in this thread, and in the processes that it starts; these would end with a traceback."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _close_server() -> None:
    if _server is not None:
        _server.close()


def _forget_processes() -> None:
    """In a process that the user forks: keep no pipe open by whose end our processes notice the end of their parent."""
    global _server, _lock
    _lock = threading.Lock()
    if _server is not None:
        _server.process.returncode = 0  # it is no child of this process
        _server = None
    for pipe in list(_open_pipes):
        pipe.close()


atexit.register(_close_server)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_processes)
