"""Tables made by callables, as jobs in other processes import them; some misbehave."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd

DUMMY = {"dummy": {"estimator": "sklearn.dummy:DummyClassifier"}}


def table(seed: int = 0, marks: str | None = None, seconds: float = 0.0) -> pd.DataFrame:
    """Twenty rows, after so many seconds; each call leaves a line in the file of marks, each end another."""
    _mark(marks, f"start {seed} {os.getpid()}")
    time.sleep(seconds)
    _mark(marks, f"end {seed} {os.getpid()}")
    return pd.DataFrame({"x": range(20), "y": ["left", "right"] * 10})


def raises(marks: str, times: int) -> pd.DataFrame:
    """A table that can be had after so many errors."""
    if _called_before(marks) < times:
        raise ConnectionError("the line is dead")
    return table()


def dies(marks: str, times: int) -> pd.DataFrame:
    """A table that can be had after so many deaths of the process."""
    if _called_before(marks) < times:
        os.kill(os.getpid(), signal.SIGKILL)
    return table()


def leaves_a_child(marks: str, dies: bool = True) -> pd.DataFrame:
    """A table, or the death of this process, after it has started a process that goes on for an hour."""
    child = subprocess.Popen(["sleep", "3600"])
    _mark(marks, str(child.pid))
    if dies:
        os.kill(os.getpid(), signal.SIGKILL)
    return table()


def bloats() -> pd.DataFrame:
    """A table that never comes, and takes more and more memory."""
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
    """The marks that begin with a word."""
    path = Path(marks)
    return [line for line in path.read_text().splitlines() if line.startswith(word)] if path.exists() else []
