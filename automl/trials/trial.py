"""Trials and their results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypedDict

from pipelines.configuration import Configuration

# Names of facts in `FoldInfo`, for tests whether they are there.
ITERATIONS: Final = "iterations"
CONTINUED: Final = "continued"


class Status(StrEnum):
    """How a trial ended.

    Examples
    --------
    >>> from automl.trials.trial import Status
    >>> [str(status) for status in Status]
    ['ok', 'timeout', 'memory', 'crash', 'invalid']
    """

    OK = "ok"
    TIMEOUT = "timeout"  # cut at its time limit
    MEMORY = "memory"  # cut at its memory limit
    CRASH = "crash"  # raised an exception, or its process died
    # Fitted, but its predictions are not finite or have the wrong shape, or its models are too large.
    INVALID = "invalid"


@dataclass(frozen=True)
class Trial:
    """A configuration that is to be fitted on some folds.

    Parameters
    ----------
    configuration : Configuration
        The values of all active hyperparameters.
    folds : tuple of int, default=(0,)
        Numbers of the folds; -1 stands for a training on all rows, which scores none.
    seed : int, default=0
        Seed of the fits.
    origin : str, default=""
        The source of the proposal: "initial", "smac", "random", "fleet" and so on.
    rounds : int, optional
        Rounds of boosting. By default, a model finds the best number on validation rows of its own.
    learning_rate : float, optional
        Learning rate of boosting with `rounds`; by default that of the configuration.
    fidelity : float, default=1.0
        Share of the iterations of a model that can continue its training (`Component.continues`), or of the training
        rows of each fold, above 0 and at most 1. Trials of less than 1 keep no models: their losses only decide which
        configurations get trials of a higher fidelity.

    Examples
    --------
    >>> from automl.trials.trial import Trial
    >>> from pipelines.configuration import Configuration
    >>> Trial(Configuration({"model": "ridge"}), folds=(0, 1)).configuration.family
    'ridge'
    """

    configuration: Configuration
    folds: tuple[int, ...] = (0,)
    seed: int = 0
    origin: str = ""
    rounds: int | None = None
    learning_rate: float | None = None
    fidelity: float = 1.0


class FoldInfo(TypedDict, total=False):
    """Facts about the fit of a fold beside its result. A fact that does not apply is not there.

    Attributes
    ----------
    cpu_seconds : float
        Processor seconds of the training.
    memory : float
        MiB by which all fits of the trial so far have made the worker grow.
    scores : dict of str to float
        Scores of further metrics, and other objectives of the search, by name.
    group_counts : list of list of list of float
        Counts of shape (n_groups, 2, 2), see `automl.task.sensitive.group_counts`.
    training_rows : int
        Number of the training rows, where they are a part of those of the fold.
    iterations : float
        Share of the iterations up to which the trial has trained, below 1. Without it, a fidelity below 1 is a share of
        the rows.
    continued : bool
        True where the trial has gone on with the training of an earlier trial.
    cut : bool
        True where the time limit has ended the training before it had converged.
    n_iter : int
        Iterations of the training.
    full_rounds, learning_rate : int, float
        Rounds of boosting that a training on all rows takes, and their mean learning rate.
    """

    cpu_seconds: float
    memory: float
    scores: dict[str, float]
    group_counts: list[list[list[float]]]
    training_rows: int
    iterations: float
    continued: bool
    cut: bool
    n_iter: int
    full_rounds: int
    learning_rate: float


@dataclass(frozen=True)
class FoldResult:
    """The result of a trial on one fold.

    Parameters
    ----------
    loss : float
        Loss on the scored rows; lower is better.
    fit_seconds, predict_seconds : float
        Wall-clock seconds.
    info : FoldInfo, optional
        Further facts by name, for example the iterations of the training.

    Examples
    --------
    >>> from automl.trials.trial import FoldResult
    >>> FoldResult(loss=0.25, fit_seconds=1.5, predict_seconds=0.1).loss
    0.25
    """

    loss: float
    fit_seconds: float
    predict_seconds: float
    info: FoldInfo = field(default_factory=FoldInfo)


@dataclass(frozen=True)
class TrialResult:
    """The result of a trial: its finished folds and its status.

    Parameters
    ----------
    trial : Trial
        The trial.
    status : Status
        How it ended.
    folds : mapping of int to FoldResult
        The finished folds, in the order of ``trial.folds``.
    seconds : float
        Wall-clock seconds from start to end in the worker.
    peak_memory : float, default=0.0
        The largest resident memory of the worker, in MiB.
    reason : str, default=""
        Why the status is not OK, in one line; empty if it is OK.
    started : bool, default=True
        False where the trial would most likely have exceeded a limit (status "timeout" or "memory"), or where a
        library of its model cannot be imported (status "crash").
    processor_seconds, gpu_seconds : float, optional
        Seconds of the worker's processors, added over its threads, and seconds in which a training had a GPU. None
        where they were not measured, for example by an earlier version.

    Examples
    --------
    >>> from automl.trials.trial import FoldResult, Status, Trial, TrialResult
    >>> from pipelines.configuration import Configuration
    >>> trial = Trial(Configuration({"model": "ridge"}))
    >>> TrialResult(trial, Status.OK, {0: FoldResult(0.25, 1.5, 0.1)}, seconds=1.7).folds[0].loss
    0.25
    """

    trial: Trial
    status: Status
    folds: Mapping[int, FoldResult]
    seconds: float
    peak_memory: float = 0.0
    reason: str = ""
    started: bool = True
    processor_seconds: float | None = None
    gpu_seconds: float | None = None
