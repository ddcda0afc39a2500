"""What this machine and its processes have and use."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

_WORKER_MEMORY = 600.0  # MiB: the libraries' 300 to 400, and a small table


def available_cpus() -> int:
    """Cores that this process may use: its affinity, and its control group's quota where there is one."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            allowed = min(allowed, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return allowed


def count_workers(n_jobs: int | None, n_cpus: int) -> int:
    """Workers for an argument `n_jobs` in scikit-learn's sense: None is one, -1 all cores, -2 all but one."""
    if n_jobs is None:
        return 1
    return n_jobs if n_jobs > 0 else max(1, n_cpus + 1 + n_jobs)


def available_memory() -> float:
    """MiB that this process and its children may still take: the machine's, or what its control group leaves."""
    free = float(psutil.virtual_memory().available)
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = (group / "memory.max").read_text().strip(), int((group / "memory.current").read_text())
        if limit != "max":
            lines = (line.split() for line in (group / "memory.stat").read_text().splitlines())
            cached = next((int(value) for name, value in lines if name == "inactive_file"), 0)
            free = min(free, int(limit) - used + cached)
    except (OSError, ValueError):
        pass
    return max(0.0, free / 2**20)


def affordable_workers(n_workers: int) -> int:
    """Workers that the memory has room for, at most so many: each holds the libraries before it holds any data."""
    return max(1, min(n_workers, int(0.8 * available_memory() / _WORKER_MEMORY)))


def default_memory_limit(n_workers: int) -> float:
    """MiB for one worker: an even share of 80 % of what is available now, but enough for a small table."""
    return max(_WORKER_MEMORY, 0.8 * available_memory() / n_workers)


def resident_memory(pid: int | None) -> float:
    """Resident memory in MiB of a process and its children; 0 where it is gone."""
    try:
        process = psutil.Process(pid)
        return float(sum(p.memory_info().rss for p in [process, *process.children(recursive=True)]) / 2**20)
    except psutil.Error:
        return 0.0
