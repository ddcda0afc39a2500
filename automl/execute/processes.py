"""How processes begin: quickly, single-threaded, and without the user's script."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

LIBRARIES = ("automl.execute.worker", "pipelines.build", "lightgbm")  # of the processes that run trials
# Workers run one trial a time with a fixed number of threads; pools sized to the machine would fight for its cores.
_SINGLE_THREADED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}
_SERVER_ENDS = 30.0  # seconds, with all libraries in memory and a busy machine
_starting = threading.RLock()  # fits in several threads must not take each other's changes for the original state


def start_process(process: BaseProcess) -> None:
    """Start a process of `process_context`."""
    deadline = time.monotonic() + _SERVER_ENDS
    with _process_start():
        while True:
            try:
                return process.start()
            except ConnectionRefusedError:  # the fork server ends, as where there were no files left; then comes a new
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.1)


@contextmanager
def _process_start() -> Iterator[None]:
    """Start processes with single-threaded libraries, and without importing the user's main script into them."""
    # Without this, a script that calls `fit` outside `if __name__ == "__main__":` would run again in each worker.
    with _starting:
        main = sys.modules.get("__main__")
        before = {name: os.environ.get(name) for name in _SINGLE_THREADED}
        os.environ.update(_SINGLE_THREADED)
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            if main is not None:
                sys.modules["__main__"] = main
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def process_context(preload: Sequence[str]) -> Any:
    """Fork server where there is one: the modules are imported once, a new process costs milliseconds."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return context


def warm_up(preload: Sequence[str] = ()) -> None:
    """Begin importing the workers' libraries in the background, while the caller goes on.

    Parameters
    ----------
    preload : sequence of str
        Further modules that all workers will need: worth their seconds where workers are started again and again.
    """
    if "forkserver" in multiprocessing.get_all_start_methods():
        from multiprocessing import forkserver

        process_context([*LIBRARIES, *preload])
        with _process_start(), _deaf_to_interrupts():
            forkserver.ensure_running()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started here ignore Ctrl-C, which else would end them with a traceback while they import."""
    before = signal.getsignal(signal.SIGINT)
    if before is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
