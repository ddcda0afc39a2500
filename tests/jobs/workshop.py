"""Functions that make tables, for jobs in other processes; some of them fail."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd

DUMMY = {"dummy": {"estimator": "sklearn.dummy:DummyClassifier"}}


def table(seed: int = 0, marks: str | None = None, seconds: float = 0.0) -> pd.DataFrame:
    """Return twenty rows after some seconds; write a line into the file of marks at the start and at the end."""
    _mark(marks, f"start {seed} {os.getpid()}")
    time.sleep(seconds)
    _mark(marks, f"end {seed} {os.getpid()}")
    return pd.DataFrame({"x": range(20), "y": ["left", "right"] * 10})


def raises(marks: str, times: int) -> pd.DataFrame:
    """Raise an error in the first calls; then return a table."""
    if _called_before(marks) < times:
        raise ConnectionError("the line is dead")
    return table()


def dies(marks: str, times: int) -> pd.DataFrame:
    """Kill this process in the first calls; then return a table."""
    if _called_before(marks) < times:
        os.kill(os.getpid(), signal.SIGKILL)
    return table()


def leaves_a_child(marks: str, dies: bool = True) -> pd.DataFrame:
    """Start a process that runs for an hour; then kill this process, or return a table."""
    child = subprocess.Popen(["sleep", "3600"])
    _mark(marks, str(child.pid))
    if dies:
        os.kill(os.getpid(), signal.SIGKILL)
    return table()


def leaves_a_fork() -> pd.DataFrame:
    """Kill this process after a fork of it, which holds its connections open for an hour."""
    if os.fork() == 0:
        time.sleep(3600)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)
    return table()


def bloats() -> pd.DataFrame:
    """Take more and more memory, and never return."""
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1000) * 10_000))
        time.sleep(0.01)


def _called_before(marks: str) -> int:
    calls = lines(marks)
    _mark(marks, "call")
    return len(calls)


def _mark(marks: str | None, line: str) -> None:
    if marks is not None:
        with Path(marks).open("a") as file:
            file.write(line + "\n")


def lines(marks: str | Path, word: str = "") -> list[str]:
    """Return the lines of the file of marks that begin with a word."""
    path = Path(marks)
    return [line for line in path.read_text().splitlines() if line.startswith(word)] if path.exists() else []
