"""What is asked of running processes."""

from __future__ import annotations

import psutil


def resident_memory(pid: int | None) -> float:
    """Resident memory in MiB of a process and its children; 0 where it is gone."""
    try:
        process = psutil.Process(pid)
        return float(sum(p.memory_info().rss for p in [process, *process.children(recursive=True)]) / 2**20)
    except psutil.Error:
        return 0.0
