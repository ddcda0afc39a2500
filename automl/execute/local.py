"""Worker processes on this machine, whose limits of time and memory this process enforces."""

from __future__ import annotations

import logging
import math
import multiprocessing
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path

import psutil

from automl.errors import NoWorkersError
from automl.execute.descriptors import descriptor_errors
from automl.execute.evaluate import FinishedFold
from automl.execute.groups import kill_group, kill_survivors
from automl.execute.machine import ProcessMeter, fleet_size, trains_on_gpu
from automl.execute.processes import start_process
from automl.execute.worker import FITTED, limit_before
from automl.execute.worker import main as worker_main
from automl.trials.trial import FoldResult, Status, Trial, TrialResult

logger = logging.getLogger(__name__)

_POLL = 0.1  # seconds between checks of memory and time limits
_GRACE = 1.0  # seconds beyond its time limit in which a trial may end by itself
# Times its time limit: a training is ended, and a trial whose training has ended is not thrown away so soon.
_LATEST, _LATEST_PREDICTIONS = 1.2, 2.5
_IMPORT_SECONDS = 120.0  # for the libraries of a model, from a slow disk of a busy machine
_MAX_FAILED_STARTS = 5  # workers that die in a row before their first trial: then the machine is the cause


@dataclass
class _Job:
    trials: tuple[Trial, ...]
    time_limit: float | None
    future: Future[list[TrialResult]]
    on_gpu: bool
    started: float = 0.0
    end: float = math.inf  # time of `time.monotonic` after which the results come too late
    importing: bool = True  # whether the worker imports the libraries of the model, for which there is another limit
    latest: float = _LATEST  # times the time limit, when the job is ended
    peak: float = 0.0  # MiB
    busy_before: float | None = None  # processor seconds of the worker when the job began, and at the last look
    busy: float | None = None
    finished: list[FinishedFold] = field(default_factory=list)

    def begin(self, busy: float | None) -> None:
        """Start the clock of the time limit: the libraries are imported; `busy` are the worker's processor seconds."""
        self.started, self.importing = time.monotonic(), False
        self.time_limit = limit_before(self.time_limit, self.end)
        self.busy_before = busy

    def look(self, meter: ProcessMeter) -> None:
        """Measure what the worker uses; a job that must be ended, or whose worker dies, has used that much."""
        self.peak = max(self.peak, meter.memory())
        self.busy = meter.processor_seconds() or self.busy

    def keep(self, finished: FinishedFold) -> None:
        """Keep the result of a fold, and limit the training of the next one."""
        self.finished.append(finished)
        # After the time limit no further training starts, and the worker is about to send its results.
        if self.time_limit is None or time.monotonic() - self.started < self.time_limit:
            self.latest = _LATEST

    def fail(self, status: Status, seconds: float, reason: str) -> None:
        """End the future with the same status for all trials, and with the folds that they have finished."""
        share = seconds / len(self.trials)
        processor = None
        if self.busy is not None and self.busy_before is not None:
            processor = (self.busy - self.busy_before) / len(self.trials)
        folds: list[dict[int, FoldResult]] = [{} for _ in self.trials]
        for number, fold, result in self.finished:
            folds[number][fold] = result
        failed = partial(
            TrialResult,
            status=status,
            seconds=share,
            peak_memory=self.peak,
            reason=reason,
            processor_seconds=processor,
            gpu_seconds=share if self.on_gpu else 0.0,
        )
        self.future.set_result([failed(trial, folds=own) for trial, own in zip(self.trials, folds, strict=True)])


class _Worker:
    """A process, the connection to it, and the job that it does."""

    def __init__(self, folder: Path, n_threads: int, device: str, own_scorer: bytes | None):
        self.process = start_process(worker_main, str(folder), n_threads, device, own_scorer, daemon=True)
        self.connection: Connection = self.process.connection
        self.meter = ProcessMeter(self.process.pid)
        self.ready = False
        self.job: _Job | None = None

    def kill(self) -> None:
        """End the process and all processes that it has started, and wait for its end."""
        self.signal()
        self.process.join()
        self.process.close()

    def signal(self) -> None:
        """End the process and all processes that it has started, without waiting: to free much memory takes time."""
        try:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                child.kill()
        except (psutil.Error, OSError):  # it has ended, or this process has too many open files to look
            pass
        if self.process.exitcode in (None, 255):  # 255: nobody has seen its end
            kill_group(self.process.pid)
            self.process.kill()
        else:
            kill_survivors(self.process.pid)


class LocalExecutor:
    """A fixed number of worker processes; a process that dies or must be killed is replaced.

    Parameters
    ----------
    folder : Path
        Contains the saved `Task`; the workers write fold models and predictions there.
    n_workers : int
    n_threads : int
        Threads of each worker.
    memory_limit : float or None
        MiB of resident memory of one worker and its child processes.
    device : str
        Device of networks: "cpu", "cuda", or "auto" for CUDA where there is a GPU.
    own_scorer : bytes, optional
        Result of `Task.own_scorer`, if the metric of the task is a scorer of the user.
    seconds_left : callable, optional
        Returns the seconds after which the results of trials come too late. A trial that has waited for a worker, or
        for the import of its libraries, gets no more than these.
    """

    def __init__(
        self,
        folder: Path,
        n_workers: int,
        n_threads: int = 1,
        memory_limit: float | None = None,
        device: str = "auto",
        own_scorer: bytes | None = None,
        seconds_left: Callable[[], float] = lambda: math.inf,
    ):
        self.n_workers, self.fleet_size = n_workers, fleet_size(device)
        self.memory_limit, self._device = memory_limit, device
        self._seconds_left = seconds_left
        self._start: Callable[[], _Worker] = lambda: _Worker(folder, n_threads, device, own_scorer)
        self._queue: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._wake_receiver, self._wake = multiprocessing.Pipe(duplex=False)
        self._stopping = False
        self._broken: Exception | None = None
        self._failed_starts = 0
        self._workers: list[_Worker] = []
        try:
            with descriptor_errors():
                for _ in range(n_workers):
                    self._workers.append(self._start())
        except BaseException:
            for worker in self._workers:
                worker.kill()
            self._wake.close()  # with few descriptors left, the caller needs these to remove the folder
            self._wake_receiver.close()
            raise
        self._thread = threading.Thread(target=self._supervise, name="automl-executor", daemon=True)
        self._thread.start()

    def submit(self, trials: Sequence[Trial], time_limit: float | None = None) -> Future[list[TrialResult]]:
        """See `Executor.submit`."""
        job = _Job(tuple(trials), time_limit, Future(), trains_on_gpu(trials[0].configuration, self._device))
        self._queue.put(job)
        if self._broken is not None:
            self._give_up(self._broken)
        else:
            self._wake.send_bytes(b"job")
        return job.future

    def shutdown(self) -> None:
        """See `Executor.shutdown`."""
        if self._stopping:
            return
        self._stopping = True
        self._wake.send_bytes(b"end")
        self._thread.join()
        self._wake.close()
        self._wake_receiver.close()

    def _supervise(self) -> None:
        try:
            self._serve()
            self._broken = RuntimeError("the executor was shut down")
        except Exception as error:  # noqa: BLE001  whatever ends this thread, all futures and workers must end
            self._broken = error
        self._give_up(self._broken)
        # Not in `shutdown`, which a second Ctrl-C may end.
        for worker in self._workers:
            worker.signal()
        for worker in self._workers:
            worker.kill()

    def _give_up(self, error: Exception) -> None:
        """End all futures with an error."""
        jobs = [worker.job for worker in self._workers if worker.job is not None]
        with suppress(queue.Empty):
            while True:
                jobs.append(self._queue.get_nowait())
        for job in jobs:
            with suppress(InvalidStateError):  # it has ended already
                job.future.set_exception(NoWorkersError(f"worker processes can no longer be used: {error}"))

    def _serve(self) -> None:
        """Give jobs to the workers, collect the results and enforce the limits; no other thread uses the workers."""
        while not self._stopping:
            if self._failed_starts >= _MAX_FAILED_STARTS:
                self._refuse()
            self._assign_jobs()
            busy = any(worker.job for worker in self._workers)
            handles = [self._wake_receiver, *(worker.connection for worker in self._workers)]
            ends = [worker.process.end for worker in self._workers if worker.process.end is not None]
            ready = wait([*handles, *ends], timeout=_POLL if busy else None)
            if self._wake_receiver in ready:
                self._wake_receiver.recv_bytes()
            for worker in list(self._workers):
                if worker.connection in ready:
                    self._receive(worker)
                elif worker.process.end in ready and worker.process.exitcode not in (None, 255):
                    self._replace_dead(worker)  # a process that it has forked holds the connection open
            for worker in self._workers:
                self._enforce_limits(worker)

    def _assign_jobs(self) -> None:
        for worker in self._workers:
            if worker.ready and worker.job is None and not self._queue.empty():
                job = self._queue.get()
                job.started = time.monotonic()
                job.end = job.started + self._seconds_left()
                worker.job = job
                try:
                    worker.connection.send((job.trials, job.time_limit, job.end))
                except OSError:
                    self._replace(worker, Status.CRASH, "the worker process died")

    def _refuse(self) -> None:
        """End all waiting jobs, because no worker can start."""
        while not self._queue.empty():
            job = self._queue.get()
            job.fail(Status.CRASH, 0.0, f"{self._failed_starts} worker processes in a row died while starting")

    def _receive(self, worker: _Worker) -> None:
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            self._replace_dead(worker)
            return
        if message is None:
            worker.ready = True
            self._failed_starts = 0
            if worker.job is not None:
                worker.job.begin(worker.meter.processor_seconds())
            return
        if message == FITTED:
            if worker.job is not None:
                worker.job.latest = _LATEST_PREDICTIONS
            return
        if isinstance(message, FinishedFold):
            if worker.job is not None:
                worker.job.keep(message)
            return
        job, worker.job = worker.job, None
        assert job is not None
        peak = max(job.peak, worker.meter.memory())
        job.future.set_result([replace(result, peak_memory=peak) for result in message])

    def _replace_dead(self, worker: _Worker) -> None:
        worker.process.join(1.0)
        self._failed_starts += not worker.ready
        self._replace(worker, Status.CRASH, f"the worker process died with exit code {worker.process.exitcode}")

    def _enforce_limits(self, worker: _Worker) -> None:
        job = worker.job
        if job is None:
            return
        job.look(worker.meter)
        if self.memory_limit is not None and job.peak > self.memory_limit:
            self._replace(worker, Status.MEMORY, f"used {job.peak:.0f} MiB, the limit is {self.memory_limit:.0f} MiB")
            return
        seconds = time.monotonic() - job.started
        if job.importing and seconds > _IMPORT_SECONDS:
            self._replace(worker, Status.TIMEOUT, f"importing its libraries took more than {_IMPORT_SECONDS:.0f} s")
        elif not job.importing and job.time_limit is not None and seconds > job.latest * job.time_limit + _GRACE:
            self._replace(worker, Status.TIMEOUT, f"took more than {job.time_limit:.1f} s")

    def _replace(self, worker: _Worker, status: Status, reason: str) -> None:
        worker.kill()
        job, worker.job = worker.job, None
        if job is not None:  # the job ends first, because the start of another worker may fail
            for trial in job.trials:
                logger.info("trial %s ended as %s: %s", trial.configuration.id, status, reason)
            job.fail(status, time.monotonic() - job.started, reason)
        self._workers[self._workers.index(worker)] = self._start()
