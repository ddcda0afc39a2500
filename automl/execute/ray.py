"""Trials on a Ray cluster: each is a Ray task, run by a worker process on the node that Ray chose."""

from __future__ import annotations

import logging
import math
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
import ray.exceptions

from automl.errors import InvalidInputError, NoWorkersError
from automl.execute.machine import count_workers, fleet_size
from automl.execute.ray_node import IDLE, Assignment, End, NodeOptions, run_on_node
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.disk_space import describe_full_disk
from automl.trials.trial import Status, Trial, TrialResult
from pipelines.catalog import get_component

logger = logging.getLogger(__name__)

_MAX_RESTARTS = 3  # of a trial on another node, before it counts as failed
_WATCH = 2.0  # seconds between looks at the cluster
_HEAD_TIMEOUT = "RAY_gcs_rpc_server_reconnect_timeout_s"  # then Ray ends a process whose head does not answer
_HEAD_SHARE = 0.6  # of this time, after which the head counts as lost


@dataclass(frozen=True)
class _Submission:
    """A trial or a fleet that was given to Ray and has not ended."""

    trials: tuple[Trial, ...]
    time_limit: float | None
    on_gpu: bool
    reference: Any


class RayExecutor:
    """Workers on the nodes of a Ray cluster that is already running.

    The task is stored in Ray's object store once and reaches each node once. A trial asks Ray for its threads, for its
    memory where there is a limit, and for a GPU if its model uses one and the cluster has any; Ray chooses the node.
    There the trial runs in a `LocalExecutor`, which handles a slow, large or crashing trial as on one machine. When a
    node is lost, its trials start again on others; when the last GPU is lost, on processors. When the head of the
    cluster is lost, all futures end with `NoWorkersError`.

    Parameters
    ----------
    folder : Path
        Fold models and predictions are brought here.
    task : Task
    n_jobs : int or None
        Number of trials that run at the same time, in scikit-learn's sense; -1 uses all processors of the cluster.
    n_threads : int
        Threads of each trial.
    memory_limit : float or None
        MiB of one trial, which the trial also asks Ray for. None: an even share of the memory of each node, which the
        trial does not ask Ray for.
    device : str
        Device of networks: "cpu", "cuda", or "auto" for CUDA where the cluster has any.
    seconds_left : callable, optional
        Returns the seconds after which the results of trials come too late.

    Raises
    ------
    InvalidInputError
        If no cluster is running, or if CUDA is requested and the cluster has no GPU.
    """

    def __init__(
        self,
        folder: Path,
        task: Task,
        n_jobs: int | None = -1,
        n_threads: int = 1,
        memory_limit: float | None = None,
        device: str = "auto",
        seconds_left: Callable[[], float] = lambda: math.inf,
    ):
        self._owns_connection = connect()
        try:
            _check_device(device)
            cpus = int(ray.cluster_resources().get("CPU", 0))
            self._has_gpu = _n_gpus() > 0
            self._task = ray.put(task)
        except BaseException:
            if self._owns_connection:
                ray.shutdown()
            raise
        self.n_workers = count_workers(n_jobs, cpus // n_threads)
        self.fleet_size = fleet_size("cuda" if device != "cpu" and self._has_gpu else "cpu")
        self.memory_limit = memory_limit
        self._artifacts = Artifacts(folder)
        self._seconds_left = seconds_left
        self._clocks: dict[str, float] = {}  # seconds by which the clocks of nodes are fast
        self._options = NodeOptions(uuid.uuid4().hex[:12], n_threads, memory_limit, device)
        self._remote = ray.remote(max_retries=_MAX_RESTARTS, retry_exceptions=False)(run_on_node)
        self._running: dict[Future[list[TrialResult]], _Submission] = {}
        self._lost: str | None = None  # the reason why the cluster cannot be used any more
        self._lock = threading.Lock()  # of what is running
        self._calls = threading.Lock()  # of calls of Ray, which must stay connected meanwhile
        self._closing = threading.Event()
        self._head = _Head()
        self._head_watch = threading.Thread(target=self._watch_head, name="automl-ray-head", daemon=True)
        self._head_watch.start()
        threading.Thread(target=self._watch_gpus, name="automl-ray-gpus", daemon=True).start()

    def submit(self, trials: Sequence[Trial], time_limit: float | None = None) -> Future[list[TrialResult]]:
        """See `Executor.submit`."""
        future: Future[list[TrialResult]] = Future()
        try:
            self._send(future, tuple(trials), time_limit, None)
        except Exception as error:  # noqa: BLE001  Ray has many; a future always ends
            self._lose(f"Ray accepts no trial: {_first_line(error)}")
            if not future.done():
                future.set_exception(self._no_workers())
        return future

    def shutdown(self) -> None:
        """See `Executor.shutdown`."""
        self._closing.set()
        self._head_watch.join()
        with self._calls:
            is_connected, self._lost = self._lost is None, self._lost or "the executor was shut down"
        references = self._fail_all()
        if not is_connected:
            return
        with suppress(Exception):  # the head may have been lost just now
            for reference in references:
                ray.cancel(reference)
            if references:
                ray.wait(references, num_returns=len(references), timeout=IDLE)
        if self._owns_connection:
            with suppress(Exception):
                ray.shutdown()

    def _send(
        self,
        future: Future[list[TrialResult]],
        trials: tuple[Trial, ...],
        time_limit: float | None,
        replaced: _Submission | None,
    ) -> None:
        """Give trials to Ray; in place of an earlier submission, unless that has ended."""
        with self._calls:
            if self._lost is not None:
                future.set_exception(self._no_workers())
                return
            options = self._options
            uses_device = get_component("model", trials[0].configuration.family).uses_device
            on_gpu = options.device != "cpu" and self._has_gpu and uses_device
            resources: dict[str, Any] = {"num_cpus": options.n_threads, "num_gpus": int(on_gpu)}
            if options.memory_limit is not None:
                resources["memory"] = int(options.memory_limit * 2**20)
            options = replace(options, device="cuda" if on_gpu else "cpu")
            states = _states(self._artifacts, trials)
            end = End(time.time(), self._seconds_left(), dict(self._clocks))
            assignment = Assignment(options, trials, time_limit, states, end)
            reference = self._remote.options(**resources).remote(self._task, assignment)
            with self._lock:
                is_current = self._running.get(future) is replaced  # else it has ended meanwhile
                if is_current:
                    self._running[future] = _Submission(trials, time_limit, on_gpu, reference)
        if not is_current:
            ray.cancel(reference)
            return
        reference.future().add_done_callback(lambda answer: self._settle(answer, future, reference))

    def _watch_head(self) -> None:
        """Notice that the head of the cluster is lost, before Ray does; calls nothing of Ray that may block."""
        while not self._closing.wait(_WATCH):
            if self._head.is_lost():
                self._lose("the head of the Ray cluster does not answer")
                return

    def _watch_gpus(self) -> None:
        """Notice whether the cluster still has a GPU."""
        while not self._closing.wait(_WATCH) and self._lost is None:
            try:
                self._has_gpu = _n_gpus() > 0
                self._leave_gpus()
            except Exception as error:  # noqa: BLE001  the next look may succeed
                logger.warning("could not ask the Ray cluster for its GPUs: %s", _first_line(error))

    def _leave_gpus(self) -> None:
        """Send the trials that wait for a GPU to processors if there is no GPU: Ray would let them wait forever."""
        if self._has_gpu:
            return
        with self._lock:
            waiting = {future: submission for future, submission in self._running.items() if submission.on_gpu}
        for future, submission in waiting.items():
            self._send(future, submission.trials, submission.time_limit, submission)
            ray.cancel(submission.reference)

    def _lose(self, reason: str) -> None:
        """End all futures, and the connection: otherwise Ray would end this process, and the models with it."""
        with self._calls:
            is_first, self._lost = self._lost is None, self._lost or reason
            if is_first:
                with suppress(Exception):
                    ray.shutdown()
        self._fail_all()

    def _fail_all(self) -> list[Any]:
        """End all futures with an error; return Ray's references to what they waited for."""
        with self._lock:
            running = dict(self._running)
            self._running.clear()
        for future in running:
            future.set_exception(self._no_workers())
        return [submission.reference for submission in running.values()]

    def _no_workers(self) -> NoWorkersError:
        return NoWorkersError(f"the Ray cluster can no longer be used: {self._lost}")

    def _settle(self, answer: Future[Any], future: Future[list[TrialResult]], reference: Any) -> None:
        with self._lock:
            if future not in self._running or self._running[future].reference is not reference:
                return  # the trials were sent again, or the cluster was lost
            trials = self._running.pop(future).trials
        try:
            results, files, node, clock = answer.result()
            fast = clock - time.time()  # less the seconds of the way, which are lowest in the largest difference
            self._clocks[node] = max(fast, self._clocks.get(node, fast))
        except ray.exceptions.OutOfMemoryError as error:
            results = [TrialResult(trial, Status.MEMORY, {}, 0.0, reason=_first_line(error)) for trial in trials]
        except Exception as error:  # noqa: BLE001  a future always ends with a result
            results = [TrialResult(trial, Status.CRASH, {}, 0.0, reason=_first_line(error)) for trial in trials]
        else:
            results = self._keep(results, files)
        future.set_result(results)

    def _keep(self, results: list[TrialResult], files: Mapping[str, bytes]) -> list[TrialResult]:
        """Write the files of trials into the folder; return the results, or failures if that is not possible."""
        folder = self._artifacts.folder
        try:
            for name, content in files.items():
                (folder / name).write_bytes(content)
        except Exception as error:  # noqa: BLE001  a future always ends with a result
            for name in files:  # half of them would take space
                with suppress(OSError):
                    (folder / name).unlink()
            reason = describe_full_disk(error, folder) or _first_line(error)
            return [TrialResult(each.trial, Status.CRASH, {}, 0.0, reason=reason) for each in results]
        return results


def _states(artifacts: Artifacts, trials: Sequence[Trial]) -> dict[str, bytes]:
    """Return the contents of the files from which the trials go on with a training, by name."""
    paths = [artifacts.training_path(trial.configuration, fold) for trial in trials for fold in trial.folds]
    return {path.name: path.read_bytes() for path in paths if path.exists()}


class _Head:
    """Whether the head of the cluster can be reached.

    Ray itself ends this process when the head has not answered for a minute, with all that the run has found.
    """

    def __init__(self) -> None:
        self._patience = _HEAD_SHARE * float(os.environ.get(_HEAD_TIMEOUT, "60"))
        host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
        self._address = (host.strip("[]"), int(port))
        self._since: float | None = None  # when it did not answer for the first time
        self._reachable = self._connects()  # not so from outside the cluster, by Ray's client

    def is_lost(self) -> bool:
        """Try to connect; return whether all trials of some time have failed."""
        if not self._reachable or self._connects():
            self._since = None
        elif self._since is None:
            self._since = time.monotonic()
        return self._since is not None and time.monotonic() - self._since > self._patience

    def _connects(self) -> bool:
        try:
            with socket.create_connection(self._address, timeout=_WATCH):
                return True
        except OSError:
            return False


def connect() -> bool:
    """Connect to the running cluster; False where the process already was.

    Raises
    ------
    InvalidInputError
        If no cluster is running.
    """
    if ray.is_initialized():
        return False
    try:
        ray.init(address="auto", logging_level=logging.ERROR, log_to_driver=False)
    except ConnectionError as error:
        raise InvalidInputError(
            'executor="ray" found no running Ray cluster; start one with "ray start --head" '
            "(docs/cluster.md), or call ray.init() before fit"
        ) from error
    return True


def _n_gpus() -> int:
    return int(ray.cluster_resources().get("GPU", 0))


def _check_device(device: str) -> None:
    if ":" in device:
        raise InvalidInputError(f'device={device!r}: Ray hands out its GPUs itself; use device="cuda" or "auto"')
    if device == "cuda" and not _n_gpus():
        raise InvalidInputError('device="cuda", and the Ray cluster has no GPU; use device="auto"')


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0]
