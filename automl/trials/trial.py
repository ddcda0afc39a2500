"""Trials and their results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from pipelines.configuration import Configuration


class Status(StrEnum):
    """How a trial ended."""

    OK = "ok"
    TIMEOUT = "timeout"  # cut at its time limit
    MEMORY = "memory"  # cut at its memory limit
    CRASH = "crash"  # raised an exception, or its process died
    INVALID = "invalid"  # fitted, but its predictions are not finite or have the wrong shape


@dataclass(frozen=True)
class Trial:
    """A configuration that is to be fitted on some folds."""

    configuration: Configuration
    folds: tuple[int, ...] = (0,)
    seed: int = 0
    origin: str = ""  # the source of the proposal: "initial", "smac", "random", "fleet", ...


@dataclass(frozen=True)
class FoldResult:
    """The result of a trial on one fold."""

    loss: float
    fit_seconds: float
    predict_seconds: float
    info: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))  # e.g. iterations


@dataclass(frozen=True)
class TrialResult:
    """The result of a trial: its finished folds, in the order of ``trial.folds``, and its status."""

    trial: Trial
    status: Status
    folds: Mapping[int, FoldResult]
    seconds: float  # wall-clock seconds from start to end in the worker
    peak_memory: float = 0.0  # MiB
    reason: str = ""  # why the status is not OK, in one line; empty if it is OK
    started: bool = True  # False where the trial would most likely have exceeded a limit
