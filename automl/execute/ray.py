"""Trials on a Ray cluster: each is a Ray task, run by a worker process on the node that Ray chose."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
import ray.exceptions

from automl.errors import InvalidInputError
from automl.execute.local import LocalExecutor
from automl.execute.machine import count_workers, default_memory_limit, fleet_size
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.trial import Status, Trial, TrialResult
from pipelines.catalog import get_component

_LOST_NODES = 3  # times that a trial begins anew elsewhere before it counts as failed
_IDLE = 20.0  # seconds after which a node's processes end where nothing more comes
_PREFIX = "automl-ray-"  # of folders on a node
_POLL = 0.5  # seconds between chances to hear of a cancellation
_GPU_POLL = 2.0  # seconds between looks whether the cluster still has a GPU


@dataclass(frozen=True)
class _Errand:
    """A trial or a fleet that Ray has, or is to find a node for."""

    trials: tuple[Trial, ...]
    time_limit: float | None
    on_gpu: bool
    reference: Any


@dataclass(frozen=True)
class _Terms:
    """What a node is told beside the task."""

    run: str
    n_threads: int
    memory_limit: float | None  # MiB
    device: str


class RayExecutor:
    """Workers on the nodes of a Ray cluster that is already running.

    The task lies in Ray's object store once and reaches each node once. A trial asks for its threads, for its memory
    where there is a limit, and for a GPU where its model uses one and the cluster has any; Ray finds the node. There
    it runs under a `LocalExecutor`, so a trial that is slow, greedy or crashing ends as it would on one machine. When
    a node is lost, its trials begin anew on others; when the last GPU is lost, on processors.

    Parameters
    ----------
    folder : Path
        Fold models and predictions are brought here.
    task : Task
    n_jobs : int or None
        Trials at once, in scikit-learn's sense; -1 for as many as the cluster has processors for.
    n_threads : int
        Of each trial.
    memory_limit : float or None
        MiB of one trial, of which Ray is told; None for an even share of each node's memory, of which it is not.
    device : str
        Of networks: "cpu", "cuda", or "auto" for CUDA where the cluster has any.

    Raises
    ------
    InvalidInputError
        If no cluster is running, or CUDA is asked for and it has no GPU.
    """

    def __init__(
        self,
        folder: Path,
        task: Task,
        n_jobs: int | None = -1,
        n_threads: int = 1,
        memory_limit: float | None = None,
        device: str = "auto",
    ):
        self._owns_connection = connect()
        _check_device(device)
        cpus = int(ray.cluster_resources().get("CPU", 0))
        self.n_workers = count_workers(n_jobs, cpus // n_threads)
        self.fleet_size = fleet_size("cuda" if device != "cpu" and _n_gpus() else "cpu")
        self.memory_limit = memory_limit
        self._artifacts = Artifacts(folder)
        self._terms = _Terms(uuid.uuid4().hex[:12], n_threads, memory_limit, device)
        self._task = ray.put(task)
        self._remote = ray.remote(max_retries=_LOST_NODES, retry_exceptions=False)(run_on_node)
        self._running: dict[Future[list[TrialResult]], _Errand] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        threading.Thread(target=self._watch_gpus, daemon=True).start()

    def submit(self, trials: Sequence[Trial], time_limit: float | None = None) -> Future[list[TrialResult]]:
        """See `Executor.submit`."""
        future: Future[list[TrialResult]] = Future()
        self._send(future, tuple(trials), time_limit)
        return future

    def shutdown(self) -> None:
        """See `Executor.shutdown`."""
        self._closing.set()
        with self._lock:
            references = [errand.reference for errand in self._running.values()]
        for reference in references:
            ray.cancel(reference)
        if references:
            ray.wait(references, num_returns=len(references), timeout=_IDLE)
        if self._owns_connection:
            ray.shutdown()

    def _send(self, future: Future[list[TrialResult]], trials: tuple[Trial, ...], time_limit: float | None) -> None:
        terms = self._terms
        component = get_component("model", trials[0].configuration.family)
        on_gpu = terms.device != "cpu" and component.uses_device and _n_gpus() >= 1
        asked: dict[str, Any] = {"num_cpus": terms.n_threads, "num_gpus": int(on_gpu)}
        if terms.memory_limit is not None:
            asked["memory"] = int(terms.memory_limit * 2**20)
        terms = replace(terms, device="cuda" if on_gpu else "cpu")
        reference = self._remote.options(**asked).remote(terms, self._task, trials, time_limit)
        with self._lock:
            self._running[future] = _Errand(trials, time_limit, on_gpu, reference)
        reference.future().add_done_callback(lambda answer: self._settle(answer, future, reference))

    def _watch_gpus(self) -> None:
        """Send what waits for a GPU elsewhere when there is none any more: Ray would let it wait forever."""
        while not self._closing.wait(_GPU_POLL):
            with self._lock:
                waiting = {future: errand for future, errand in self._running.items() if errand.on_gpu}
            if waiting and not _n_gpus():
                for future, errand in waiting.items():
                    self._send(future, errand.trials, errand.time_limit)
                    ray.cancel(errand.reference)

    def _settle(self, answer: Future[Any], future: Future[list[TrialResult]], reference: Any) -> None:
        with self._lock:
            if future not in self._running or self._running[future].reference is not reference:
                return  # it was sent anew, elsewhere
            trials = self._running.pop(future).trials
        try:
            results, files = answer.result()
            for name, content in files.items():
                (self._artifacts.folder / name).write_bytes(content)
        except ray.exceptions.OutOfMemoryError as error:
            results = [TrialResult(trial, Status.MEMORY, {}, 0.0, reason=_first_line(error)) for trial in trials]
        except Exception as error:  # noqa: BLE001  a future always ends with a result
            results = [TrialResult(trial, Status.CRASH, {}, 0.0, reason=_first_line(error)) for trial in trials]
        future.set_result(results)


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


class _Node:
    """The part of an executor that lives in a Ray worker: the task on the node's disk, and one process for trials."""

    def __init__(self, terms: _Terms, task: Task):
        self.terms, self.busy = terms, False
        self._directory = tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{terms.run}-", ignore_cleanup_errors=True)
        self._artifacts = Artifacts(Path(self._directory.name))
        _share(task, self._artifacts.folder, terms.run)
        slots = max(1, (os.cpu_count() or 1) // terms.n_threads)
        memory = terms.memory_limit or default_memory_limit(slots)
        self._executor = LocalExecutor(self._artifacts.folder, 1, terms.n_threads, memory, terms.device)

    def run(self, trials: tuple[Trial, ...], time_limit: float | None) -> tuple[list[TrialResult], dict[str, bytes]]:
        """The results, and the files that the trials wrote, by their names."""
        future = self._executor.submit(trials, time_limit)
        while not wait([future], timeout=_POLL).done:
            pass
        files = {}
        for result in future.result():
            for fold in result.folds:
                for path in self._artifacts.paths(result.trial.configuration, fold):
                    files[path.name] = path.read_bytes()
                    path.unlink()
        return future.result(), files

    def close(self) -> None:
        self._executor.shutdown()
        self._directory.cleanup()


def _share(task: Task, folder: Path, run: str) -> None:
    """Put the task into the folder: as links to the files of another worker on this node, else written.

    Links, because each worker may then end, and remove its folder, whenever it likes.
    """
    for written in folder.parent.glob(f"{_PREFIX}{run}-*/task"):
        try:
            _link(written, folder)
        except FileNotFoundError:  # its worker is just ending
            continue
        return
    partial = folder / "partial"
    partial.mkdir()
    task.save(partial)
    _link(partial.rename(folder / "task"), folder)


def _link(written: Path, folder: Path) -> None:
    for path in written.iterdir():
        (folder / path.name).unlink(missing_ok=True)
        os.link(path, folder / path.name)


_node: _Node | None = None  # of this Ray worker process; outlives its trials, because it is dear to set up
_closing = threading.Timer(_IDLE, lambda: None)
_guard = threading.RLock()


def run_on_node(
    terms: _Terms, task: Task, trials: tuple[Trial, ...], time_limit: float | None
) -> tuple[list[TrialResult], dict[str, bytes]]:
    """Run a trial, or a fleet, in the process that this Ray worker keeps for the run; what the Ray tasks call."""
    global _node, _closing
    with _guard:
        _closing.cancel()
        if _node is None or _node.terms != terms:
            _close()
            _node = _Node(terms, task)
        _node.busy = True
    try:
        answer = _node.run(trials, time_limit)
    except BaseException:  # such as a cancellation
        _close()
        raise
    with _guard:
        _node.busy = False
        _closing = threading.Timer(_IDLE, _close_idle)
        _closing.daemon = True
        _closing.start()
    return answer


def _close_idle() -> None:
    with _guard:
        if _node is not None and not _node.busy:
            _close()


def _close() -> None:
    global _node
    with _guard:
        if _node is not None:
            _node.close()
        _node = None
