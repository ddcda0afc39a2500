"""Measure the processors and the memory that this machine has, and that its processes use."""

from __future__ import annotations

import ctypes
import math
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from pipelines.catalog import get_component
from pipelines.configuration import Configuration
from pipelines.nets.device import has_cuda

_FLEET = 16  # networks; on an H200 a step of 16 takes 1.7 to 1.9 times as long as a step of one
_LIBRARIES = 350.0  # MiB that a worker uses before its first trial
_SECONDS_BETWEEN_LOOKS = 1.0  # for the children of a process
_WORKER_MEMORY = 600.0  # MiB for the libraries and a small table


def available_cpus() -> int:
    """Return the number of cores that this process may use, by its affinity and the quotas of its control groups."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for group in _control_groups("cpu"):
        with suppress(OSError, ValueError):
            quota, period = (group / "cpu.max").read_text().split()
            allowed = min(allowed, max(1, int(quota) // int(period)))
        with suppress(OSError, ValueError):  # version 1
            quota, period = ((group / f"cpu.cfs_{what}_us").read_text() for what in ("quota", "period"))
            if int(quota) > 0:
                allowed = min(allowed, max(1, int(quota) // int(period)))
    return allowed


def _control_groups(controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups, version 2 and version 1, in which a controller limits this process."""
    try:
        lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    except OSError:
        lines = []
    root = Path("/sys/fs/cgroup")
    for base, inside in ((root, ""), (root / controller, controller)):
        yield base  # in a container its own group is often shown as the root
        for _, names, path in lines:
            if inside in names.split(",") and path != "/":
                group = base / path.lstrip("/")
                yield from (folder for folder in (group, *group.parents) if base in folder.parents)


def count_workers(n_jobs: int | None, n_cpus: int) -> int:
    """Return the number of workers for `n_jobs` in scikit-learn's sense: None is one, -1 all cores, -2 all but one."""
    if n_jobs is None:
        return 1
    return n_jobs if n_jobs > 0 else max(1, n_cpus + 1 + n_jobs)


def fleet_size(device: str) -> int:
    """Return how many networks of one shape should be trained together on a device."""
    return _FLEET if device.startswith("cuda") or (device == "auto" and has_cuda()) else 1


def trains_on_gpu(configuration: Configuration, device: str) -> bool:
    """Return whether a process of this machine trains the model of a configuration on a GPU."""
    if not get_component("model", configuration.family).uses_device:
        return False
    return device.startswith("cuda") or (device == "auto" and has_cuda())


def available_memory() -> float:
    """Return the MiB that this process and its children can still allocate, here and in their control groups."""
    free = float(psutil.virtual_memory().available)
    for group in _control_groups("memory"):
        for limit, used, cached in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            with suppress(OSError, ValueError):
                most, now = (int((group / name).read_text()) for name in (limit, used))
                stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
                free = min(free, most - now + int(stat.get(cached, 0)))
    return max(0.0, free / 2**20)


def affordable_workers(n_workers: int) -> int:
    """Reduce the number of workers to the number for whose libraries and a small table the memory is sufficient."""
    return max(1, min(n_workers, int(0.8 * available_memory() / _WORKER_MEMORY)))


def default_memory_limit(n_workers: int) -> float:
    """Return the MiB for one worker: an even share of 80 % of the available memory, but enough for a small table."""
    return max(_WORKER_MEMORY, 0.8 * available_memory() / n_workers)


def memory_for_fit(memory_limit: float | None, table: float) -> float | None:
    """Return the MiB that a worker has for a fit, beside its libraries and the table; None if it has no limit."""
    return None if memory_limit is None else max(0.0, memory_limit - _LIBRARIES - table)


def processor_seconds() -> float:
    """Return the processor seconds of this process, all its threads, and its children that have ended."""
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system


class ProcessMeter:
    """Measure the resident memory and the processor seconds of a process and its children.

    Looking for children takes some milliseconds, more where many processes run, so that it is done once a second.

    Parameters
    ----------
    pid : int or None
        Number of the process; None for one that has ended.
    """

    def __init__(self, pid: int | None):
        self._pid = pid
        self._tree: list[psutil.Process] = []
        self._looked = -math.inf  # time of `time.monotonic`

    def memory(self) -> float:
        """Return the MiB that the processes take now; 0 if the process has ended."""
        try:
            first, *children = self._processes()
            return (first.memory_info().rss + sum(map(_resident_bytes, children))) / 2**20
        except psutil.Error:
            return 0.0

    def processor_seconds(self) -> float | None:
        """Return the processor seconds that the living processes have used so far; None if the process has ended."""
        try:
            first, *children = self._processes()
            return _busy_seconds(first) + sum(map(_busy_seconds_if_alive, children))
        except psutil.Error:
            return None

    def _processes(self) -> list[psutil.Process]:
        if time.monotonic() - self._looked >= _SECONDS_BETWEEN_LOOKS:
            process = psutil.Process(self._pid)
            self._tree, self._looked = [process, *process.children(recursive=True)], time.monotonic()
        return self._tree


def _resident_bytes(process: psutil.Process) -> int:
    """Return the resident bytes of a process; 0 if it has ended."""
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _busy_seconds(process: psutil.Process) -> float:
    """Return the processor seconds of a process and its children that have ended."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _busy_seconds_if_alive(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return _busy_seconds(process)
    return 0.0


class MemoryMeter:
    """Measure the peak of this process's memory above its memory at the creation of the meter; on Linux only.

    First the allocator returns freed memory to the system; otherwise it would use that memory again, and the process
    would not seem to grow. This takes about 4 ms.
    """

    def __init__(self) -> None:
        with suppress(OSError, AttributeError):  # another system, or another C library
            ctypes.CDLL(None).malloc_trim(0)
        self._before = _own_memory("VmRSS")
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the peak is now the current value
            return
        self._before = None

    def grown(self) -> float | None:
        """Return the growth in MiB; None if the system does not show it."""
        peak = _own_memory("VmHWM")
        return None if self._before is None or peak is None else max(0.0, peak - self._before)


def _own_memory(name: str) -> float | None:
    """Return an entry of Linux's status of this process, in MiB."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
    return None
