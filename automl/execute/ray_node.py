"""The part of a Ray executor on a node: the task on the disk of the node, and one process for trials."""

from __future__ import annotations

import math
import os
import stat
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import wait
from dataclasses import dataclass, replace
from pathlib import Path

import ray

from automl.execute.local import LocalExecutor
from automl.execute.machine import default_memory_limit
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.disk_space import describe_full_disk, on_node
from automl.trials.trial import Status, Trial, TrialResult

IDLE = 20.0  # seconds without a trial after which the processes of a node end
_PREFIX = "automl-ray-"  # of folders on a node
_POLL = 0.5  # seconds between the moments in which a task on a node can be canceled


@dataclass(frozen=True)
class End:
    """When the result of a trial comes too late.

    A trial may wait for a free node. The waiting time is known where the clock of the node has been compared with that
    of this machine, which is so from the first result of the node on; elsewhere it counts as 0.

    Attributes
    ----------
    sent : float
        When the trial was sent, as a time of `time.time` on this machine.
    seconds : float
        Seconds from then to the end.
    clocks : mapping of str to float
        Seconds by which the clocks of known nodes are fast.
    """

    sent: float
    seconds: float
    clocks: Mapping[str, float]

    def seconds_left(self) -> float:
        """Return the seconds until the end, on the node."""
        fast = self.clocks.get(ray.get_runtime_context().get_node_id())
        waited = 0.0 if fast is None else time.time() - fast - self.sent
        return self.seconds - max(0.0, waited)


@dataclass(frozen=True)
class NodeOptions:
    """The settings of a run that a node gets beside the task."""

    run: str
    n_threads: int
    memory_limit: float | None  # MiB
    device: str


@dataclass(frozen=True)
class Assignment:
    """What a node gets beside the task, which Ray replaces by its content only as an argument of its own.

    Attributes
    ----------
    options : NodeOptions
    trials : tuple of Trial
        A trial or a fleet.
    time_limit : float or None
        Seconds of each trial.
    states : mapping of str to bytes
        The contents of the files from which the trials go on with a training, by name.
    end : End
    """

    options: NodeOptions
    trials: tuple[Trial, ...]
    time_limit: float | None
    states: Mapping[str, bytes]
    end: End


class _Node:
    """The part of an executor in a Ray worker: the task on the disk of the node, and one process for trials."""

    def __init__(self, options: NodeOptions, task: Task):
        self.options, self.busy = options, False
        self._directory = tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{options.run}-", ignore_cleanup_errors=True)
        self._artifacts = Artifacts(Path(self._directory.name))
        _share(task, self._artifacts.folder, options.run)
        memory = options.memory_limit or default_memory_limit(_slots(options.n_threads))
        self._end = math.inf  # of the search, as a time of `time.monotonic`
        self._executor = LocalExecutor(
            self._artifacts.folder,
            n_workers=1,
            n_threads=options.n_threads,
            memory_limit=memory,
            device=options.device,
            own_scorer=task.own_scorer(),
            seconds_left=lambda: self._end - time.monotonic(),
        )

    def run(self, assignment: Assignment) -> tuple[list[TrialResult], dict[str, bytes]]:
        """Return the results, and the contents of the files that the trials wrote, by name."""
        self._end = time.monotonic() + assignment.end.seconds_left()
        for name, content in assignment.states.items():
            (self._artifacts.folder / name).write_bytes(content)
        future = self._executor.submit(assignment.trials, assignment.time_limit)
        while not wait([future], timeout=_POLL).done:
            pass
        for path in self._artifacts.training_paths():
            if path.name in assignment.states and assignment.trials[0].fidelity == 1:  # this training has ended
                path.unlink()
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


def _slots(n_threads: int) -> int:
    """Number of trials that Ray runs on this node at the same time: the node may have fewer CPUs than its host."""
    here = ray.get_runtime_context().get_node_id()
    cpus = next((node["Resources"].get("CPU", 1) for node in ray.nodes() if node["NodeID"] == here), 1)
    return max(1, int(cpus) // n_threads)


def _share(task: Task, folder: Path, run: str) -> None:
    """Put the task into the folder: as links to the files of another worker on this node, or written anew.

    With links each worker can end, and remove its folder, at any time.
    """
    for other in folder.parent.glob(f"{_PREFIX}{run}-*"):
        if other == folder or not _is_own(other):
            continue
        try:
            _link(other / "task", folder)
        except FileNotFoundError:  # not written yet, or its worker is ending
            continue
        return
    partial = folder / "partial"
    partial.mkdir()
    task.save(partial)
    _link(partial.rename(folder / "task"), folder)


def _is_own(folder: Path) -> bool:
    """Return whether this user made the folder: others may put a task of their own into the same parent."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    others = stat.S_IWGRP | stat.S_IWOTH
    is_own = not hasattr(os, "getuid") or status.st_uid == os.getuid()  # Windows has no such numbers of users
    return stat.S_ISDIR(status.st_mode) and is_own and not status.st_mode & others


def _link(written: Path, folder: Path) -> None:
    for path in written.iterdir():
        (folder / path.name).unlink(missing_ok=True)
        os.link(path, folder / path.name)


_node: _Node | None = None  # of this Ray worker process; it outlives its trials, because its start takes seconds
_closing = threading.Timer(IDLE, lambda: None)
_guard = threading.RLock()


def run_on_node(task: Task, assignment: Assignment) -> tuple[list[TrialResult], dict[str, bytes], str, float]:
    """Run a trial or a fleet in the process that this Ray worker keeps for the run; the Ray tasks call this.

    The answer ends with the id of the node and the time of its clock.
    """
    try:
        results, files = _run(task, assignment)
    except BaseException as error:  # such as a cancellation
        _close()
        reason = describe_full_disk(error, Path(tempfile.gettempdir()))
        if not reason:
            raise
        results, files = [TrialResult(trial, Status.CRASH, {}, 0.0, reason=reason) for trial in assignment.trials], {}
    address = ray.util.get_node_ip_address()
    results = [replace(result, reason=on_node(result.reason, address)) for result in results]
    return results, files, ray.get_runtime_context().get_node_id(), time.time()


def _run(task: Task, assignment: Assignment) -> tuple[list[TrialResult], dict[str, bytes]]:
    global _node, _closing
    with _guard:
        _closing.cancel()
        if _node is None or _node.options != assignment.options:
            _close()
            _node = _Node(assignment.options, task)
        _node.busy = True
    answer = _node.run(assignment)
    with _guard:
        _node.busy = False
        _closing = threading.Timer(IDLE, _close_idle)
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
