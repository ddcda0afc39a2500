"""What this machine and its processes have and use."""

from __future__ import annotations

import os
from pathlib import Path

import psutil


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


def default_memory_limit(n_workers: int) -> float:
    """MiB for one worker: an even share of 80 % of what is available now."""
    return 0.8 * psutil.virtual_memory().available / 2**20 / n_workers


def resident_memory(pid: int | None) -> float:
    """Resident memory in MiB of a process and its children; 0 where it is gone."""
    try:
        process = psutil.Process(pid)
        return float(sum(p.memory_info().rss for p in [process, *process.children(recursive=True)]) / 2**20)
    except psutil.Error:
        return 0.0
