"""What this machine and its processes have and use."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil

_GPUS = Path("/proc/driver/nvidia/gpus")
_FLEET = 16  # on an H200 a step of 16 networks takes 1.7 to 1.9 times as long as one of a single network
_LIBRARIES = 350.0  # MiB of a worker before it does anything
_WORKER_MEMORY = 600.0  # MiB: the libraries, and a small table


def available_cpus() -> int:
    """Cores that this process may use: its affinity, and its control groups' quotas where there are some."""
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
    """Folders of the control groups that a controller limits this process by, of version 2 and of version 1."""
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
    """Workers for an argument `n_jobs` in scikit-learn's sense: None is one, -1 all cores, -2 all but one."""
    if n_jobs is None:
        return 1
    return n_jobs if n_jobs > 0 else max(1, n_cpus + 1 + n_jobs)


def fleet_size(device: str) -> int:
    """Configurations of one shape that are worth training together on a device, by its name."""
    return _FLEET if device.startswith("cuda") or (device == "auto" and _has_cuda()) else 1


def _has_cuda() -> bool:
    """Whether torch will find a GPU, without the seconds that it takes to import it and ask."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1") or not any(_GPUS.glob("*")):
        return False
    torch = find_spec("torch")
    return any(any(Path(p, "lib").glob("*torch_cuda*")) for p in (torch and torch.submodule_search_locations) or ())


def available_memory() -> float:
    """MiB that this process and its children may still take: the machine's, or what its control groups leave."""
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
    """Workers that the memory has room for, at most so many: each holds the libraries before it holds any data."""
    return max(1, min(n_workers, int(0.8 * available_memory() / _WORKER_MEMORY)))


def default_memory_limit(n_workers: int) -> float:
    """MiB for one worker: an even share of 80 % of what is available now, but enough for a small table."""
    return max(_WORKER_MEMORY, 0.8 * available_memory() / n_workers)


def room_for_a_fit(memory_limit: float | None, table: float) -> float | None:
    """MiB that a worker of a limit has for a fit, beside its libraries and the table; None without a limit."""
    return None if memory_limit is None else max(0.0, memory_limit - _LIBRARIES - table)


def resident_memory(pid: int | None) -> float:
    """Resident memory in MiB of a process and its children; 0 where it is gone."""
    try:
        process = psutil.Process(pid)
        return float(sum(p.memory_info().rss for p in [process, *process.children(recursive=True)]) / 2**20)
    except psutil.Error:
        return 0.0


class MemoryMeter:
    """How much memory this process takes at its highest, beyond what it held when the meter was made; Linux only.

    What earlier work has freed is first given back to the system: the allocator would use it again, and nothing be seen
    to grow. That takes about 4 ms.
    """

    def __init__(self) -> None:
        with suppress(OSError, AttributeError):  # another system, or another C library
            ctypes.CDLL(None).malloc_trim(0)
        self._before = _own_memory("VmRSS")
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the highest so far is what it holds now
            return
        self._before = None

    def grown(self) -> float | None:
        """MiB; None where the system does not tell."""
        highest = _own_memory("VmHWM")
        return None if self._before is None or highest is None else max(0.0, highest - self._before)


def _own_memory(name: str) -> float | None:
    """A line of Linux's status of this process, in MiB."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
    return None
