"""One attempt at a job, in a process of its own. Every error in it becomes an `Outcome`."""

from __future__ import annotations

import inspect
import logging
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier

from automl import persistence
from automl.errors import AutoMLError, InvalidInputError, NothingFittedError
from automl.execute.groups import end_own_group
from automl.expected_score import expected_score_fields
from automl.jobs.folders import JobFolder, LockedError, lock
from automl.jobs.job import Job
from automl.jobs.result import JobResult
from automl.jobs.tables import SplitData, load_object, read_data
from automl.plurals import plural
from automl.task.metrics import Metric, make_metric
from automl.task.several_metrics import deciding_scorer
from automl.trials.endings import was_interrupted
from pipelines.component import TaskType, task_type

logger = logging.getLogger("automl.jobs")

_LOCK_PATIENCE = 10.0  # seconds in which an earlier process of the job must end after its runner was killed
_MEMORY_SHARE = 0.8  # share of a job's memory for its trials; the rest is for the process that runs the search


class AttemptStatus(StrEnum):
    """The status of an attempt that has ended."""

    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"  # another attempt may succeed
    PERMANENT_FAILURE = "permanent_failure"  # another attempt would fail in the same way
    BUSY = "busy"  # another process works on this job
    DIED = "died"  # the process ended without an outcome


@dataclass(frozen=True)
class Assignment:
    """The job of an attempt, and its folders. `memory` is its limit in MiB if the job names none."""

    job: Job
    name: str
    attempt: int
    folder: Path
    results: Path
    memory: float


@dataclass(frozen=True)
class Outcome:
    """The outcome of an attempt."""

    status: AttemptStatus
    reason: str = ""
    result: JobResult | None = None


class _Interrupt:
    """Turns SIGINT, by which the runner requests the end, into one `KeyboardInterrupt`."""

    def __init__(self) -> None:
        self.received = False
        signal.signal(signal.SIGINT, self._raise)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        if not self.received:
            self.received = True
            raise KeyboardInterrupt

    def ignore(self) -> None:
        """Ignore further signals, so that the finished work is saved."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def main(connection: Connection, assignment: Assignment) -> None:
    """Run the attempt and send its `Outcome`. If the runner dies, end at once."""
    if hasattr(os, "setsid"):
        os.setsid()  # the runner can end all processes of the job together, and Ctrl-C reaches the runner only
    interrupt = _Interrupt()
    threading.Thread(target=_end_with_runner, args=(connection,), name="automl-runner", daemon=True).start()
    sys.path.append(str(assignment.folder))  # last: modules of the user must not hide libraries
    try:
        with lock(JobFolder(assignment.results, assignment.name).lock_path, _LOCK_PATIENCE):
            outcome = _attempt(assignment, interrupt)
    except LockedError:
        outcome = Outcome(AttemptStatus.BUSY, "another process works on this job")
    except KeyboardInterrupt:
        outcome = Outcome(AttemptStatus.CANCELLED, "cancelled")
    connection.send(outcome)
    end_own_group()  # without the libraries' cleanup, which is not needed at the end of a process


def _end_with_runner(connection: Connection) -> None:
    """Wait until the runner closes its end of the pipe; then end this process and its children."""
    try:
        connection.recv()
    except (EOFError, OSError):
        end_own_group()


def _attempt(assignment: Assignment, interrupt: _Interrupt) -> Outcome:
    folder = JobFolder(assignment.results, assignment.name)
    known = folder.result()
    if known is not None and known.state == AttemptStatus.FINISHED:
        folder.remove_searches()  # the earlier attempt may have been killed before it did so
        return Outcome(AttemptStatus.FINISHED, result=known)
    folder.open()
    _log_to(folder.work / "log.txt")
    logger.info("attempt %d of job %s", assignment.attempt, assignment.name)
    try:
        return _fit(assignment, folder, interrupt)
    except KeyboardInterrupt:
        logger.info("cancelled before there was a model")
        return Outcome(AttemptStatus.CANCELLED, "cancelled before there was a model")
    except AutoMLError as error:
        logger.error("%s", error)
        if isinstance(error, NothingFittedError) and interrupt.received:
            return Outcome(AttemptStatus.CANCELLED, "cancelled before there was a model")
        return Outcome(AttemptStatus.PERMANENT_FAILURE, str(error))
    except Exception as error:  # noqa: BLE001 - no error of a job may end the runner
        logger.error("%s", traceback.format_exc())
        return Outcome(AttemptStatus.FAILED, f"{type(error).__name__}: {error}")


def _fit(assignment: Assignment, folder: JobFolder, interrupt: _Interrupt) -> Outcome:
    data = read_data(assignment.job.table, assignment.folder)
    n_rows, n_columns = data.X.shape
    logger.info("%s and %s for the search", plural(n_rows, "row"), plural(n_columns, "column"))
    started = time.time()
    clock = time.monotonic()
    search = folder.search(data.fingerprint)
    estimator, metric = make_estimator(assignment, data, search)
    try:
        if assignment.job.setting.estimator == "automl":
            estimator.fit(data.X, data.y, **data.fit_arguments)
        else:
            estimator.fit(*data.all_rows())
    except AutoMLError:
        raise
    except (TypeError, ValueError) as error:  # another attempt on the same rows would fail, too
        raise InvalidInputError(f"settings: {assignment.job.setting.name}: {type(error).__name__}: {error}") from error
    interrupt.ignore()
    seconds = time.monotonic() - clock
    stop_reason = getattr(estimator, "stop_reason_", "")
    cancelled = interrupt.received or was_interrupted(stop_reason)
    _save(estimator, folder.work / "model")
    metric = getattr(estimator, "_metric", metric)
    status = AttemptStatus.CANCELLED if cancelled else AttemptStatus.FINISHED
    search_score, n_trials = _search_facts(estimator, folder)
    result = JobResult(
        state=status.value,
        job=assignment.name,
        table=assignment.job.table.name,
        setting=assignment.job.setting.name,
        estimator=assignment.job.setting.estimator,
        parameters=dict(assignment.job.setting.parameters),
        task="classification" if data.is_classification else "regression",
        metric=metric.name,
        metric_class=metric.of_class,
        search_score=search_score,
        n_trials=n_trials,
        **expected_score_fields(estimator),
        test_score=_test_score(estimator, metric, data),
        n_rows=len(data.X),
        n_columns=data.X.shape[1],
        n_test_rows=0 if data.X_test is None else len(data.X_test),
        started=started,
        seconds=seconds,
        attempt=assignment.attempt,
        stop_reason=stop_reason,
    )
    _write_report(estimator, folder.work / "report.html", data)
    logger.info("%s after %.1f s", result.state, seconds)
    folder.commit(result, search, keep_search=cancelled)
    return Outcome(status, "cancelled; the best so far is kept" if cancelled else "", result)


def _save(estimator: Any, path: Path) -> None:
    """Save the model; a job with an estimator of another library, which may hold anything, may end without a model."""
    try:
        persistence.save(estimator, path)
    except InvalidInputError as error:
        if hasattr(estimator, "_ensemble"):
            raise
        logger.warning("the model is not saved: %s", error)


def _write_report(estimator: Any, path: Path, data: SplitData) -> None:
    """Write the report about the model, with the test rows if they suit the model; a job ends well without a report."""
    if not hasattr(estimator, "_ensemble"):
        return
    pairs = [None] if data.X_test is None else [(data.X_test, data.y_test), None]
    for test in pairs:
        try:
            estimator.report(path, test=test)
            return
        except Exception as error:  # noqa: BLE001 - the model is good, and the report is only about it
            what = "the report" if test is None else "the report with the test rows"
            logger.warning("%s is not written: %s", what, error)


def make_estimator(assignment: Assignment, data: SplitData, search: Path) -> tuple[Any, Metric]:
    """Return the estimator to fit, and the metric of its test score."""
    setting = assignment.job.setting
    several = not isinstance(data.y, pd.Series)
    if several and setting.estimator != "automl":
        raise InvalidInputError(
            f"settings: {setting.name}: {setting.estimator} is fitted to one target, but the table has several; list "
            "the settings for this table in its entry (settings: [...])"
        )
    n_classes = data.y.nunique() if isinstance(data.y, pd.Series) else 2
    # For a target of one class, the error of `fit` is clearer.
    task = task_type(max(2, n_classes) if data.is_classification else 0)
    scoring = deciding_scorer(setting.parameters.get("scoring"))
    if setting.estimator == "automl":
        return _make_search(assignment, data, search), make_metric(None, task, None)
    return _make_other(assignment, data, task, scoring)


def _make_search(assignment: Assignment, data: SplitData, search: Path) -> Any:
    """Return an estimator of this package, with the resources of the job."""
    from automl.estimator import AutoMLClassifier, AutoMLRegressor

    setting, resources = assignment.job.setting, assignment.job.resources
    given = {"random_state": 0, **setting.parameters}
    if given.get("executor") != "ray":  # the trials of Ray use the memory of other machines
        memory = (resources.memory or assignment.memory) * _MEMORY_SHARE / resources.n_jobs
        given.setdefault("memory_limit", memory)
    make = AutoMLClassifier if data.is_classification else AutoMLRegressor
    if unknown := [name for name in setting.parameters if name not in inspect.signature(make).parameters]:
        raise InvalidInputError(
            f"settings: {setting.name}: {make.__name__} has no {unknown[0]}; list the settings for this table in "
            "its entry (settings: [...])"
        )
    return make(**given, n_jobs=resources.n_jobs, store=search)


def _make_other(assignment: Assignment, data: SplitData, task: TaskType, scoring: Any) -> tuple[Any, Metric]:
    """Return an estimator of another library, and the metric of its test score."""
    setting, n_jobs = assignment.job.setting, assignment.job.resources.n_jobs
    make = load_object(setting.estimator)
    known = inspect.signature(make).parameters
    parameters = {name: value for name, value in setting.parameters.items() if name in known or name != "scoring"}
    for name, value in (("n_jobs", n_jobs), ("random_state", 0)):
        if name in known:
            parameters.setdefault(name, value)
    try:
        estimator = make(**parameters)
        metric = make_metric(scoring, task, np.unique(np.asarray(data.y.dropna())) if data.is_classification else None)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"settings: {setting.name}: {error}") from error
    if hasattr(estimator, "__sklearn_tags__") and is_classifier(estimator) != data.is_classification:
        kind = "classes" if data.is_classification else "numbers"
        raise InvalidInputError(
            f"settings: {setting.name}: {setting.estimator} cannot predict {kind}; list the settings for this table in "
            "its entry (settings: [...])"
        )
    return estimator, metric


def _search_facts(estimator: Any, folder: JobFolder) -> tuple[float | None, int | None]:
    """Write the leaderboard; return the best score and the number of trials."""
    board = getattr(estimator, "leaderboard_", None)
    if board is None:
        return None, None
    board.to_csv(folder.work / "leaderboard.csv", index=False)
    best = float(board["score"].iloc[0])
    return best if np.isfinite(best) else None, len(board)


def _test_score(estimator: Any, metric: Metric, data: SplitData) -> float | None:
    if data.X_test is None or data.y_test is None:
        return None
    try:
        score = float(metric.scorer(estimator, data.X_test, data.y_test))
    except ValueError as error:  # for example a class that only the test rows have; the model is still good
        logger.warning("there is no test score: %s", error)
        return None
    return score if np.isfinite(score) else None


def _log_to(path: Path) -> None:
    """Append the output of this process and its children to one file, after the output of earlier attempts."""
    file = path.open("a", encoding="utf-8")
    for stream in (1, 2):
        os.dup2(file.fileno(), stream)
    handler = logging.StreamHandler(file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    logging.getLogger("automl").setLevel(logging.INFO)
