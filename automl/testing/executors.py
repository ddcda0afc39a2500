"""The contract suite of executors; `automl.execute.base` describes the contract."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import psutil
import pytest

from automl.errors import NoWorkersError
from automl.execute.base import Executor
from automl.task.task import Task
from automl.testing.tasks import make_task, net, tree
from automl.trials.artifacts import Artifacts
from automl.trials.trial import Status, Trial, TrialResult
from pipelines.component import TaskType
from pipelines.configuration import Configuration

MakeExecutor = Callable[[Path, int, float | None, bytes | None], Executor]
Start = Callable[..., Executor]

_SECONDS = 120.0  # after which a test gives up


# Scorers run in the worker, after the model of a fold was fitted; they are the trials that fail.


def _segfault(estimator: Any, X: Any, y: Any) -> float:
    os.kill(os.getpid(), signal.SIGSEGV)
    return 0.0


def _exit(estimator: Any, X: Any, y: Any) -> float:
    os._exit(3)


def _hang(estimator: Any, X: Any, y: Any) -> float:
    time.sleep(3600)
    return 0.0


def _bloat(estimator: Any, X: Any, y: Any) -> float:
    return float(len([np.ones(50_000_000) for _ in range(100)]))


def _bloat_in_a_child(estimator: Any, X: Any, y: Any) -> float:
    return float(subprocess.call([sys.executable, "-c", "import time; x = b'x' * 2**30; time.sleep(3600)"]))


def _interrupt(estimator: Any, X: Any, y: Any) -> float:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.1)
    return 1.0


def _raise(estimator: Any, X: Any, y: Any) -> float:
    raise ZeroDivisionError("no luck")


def _not_a_number(estimator: Any, X: Any, y: Any) -> float:
    return float("nan")


@dataclass(frozen=True)
class _Counter:
    """A scorer that returns the number of the earlier calls."""

    folder: Path

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        self.folder.mkdir(exist_ok=True)
        n_calls = len(list(self.folder.iterdir()))
        (self.folder / str(n_calls)).touch()
        return float(n_calls)


@dataclass(frozen=True)
class _Meeting:
    """A scorer that returns when two processes have called it."""

    folder: Path

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        (self.folder / f"{os.getpid()}.met").touch()
        _wait_until(lambda: len(list(self.folder.glob("*.met"))) >= 2)
        return 1.0


class FailingTrial(NamedTuple):
    """One way in which a trial fails, and the status that the executor has to give.

    Parameters
    ----------
    scorer : callable
        The scorer that fails in the worker.
    seconds : float
        The time limit of the trial.
    memory_limit : float or None
        The memory limit of the executor, in MiB.
    status : Status
        The status of the result.

    Examples
    --------
    >>> from automl.testing.executors import FAILING_TRIALS
    >>> FAILING_TRIALS["hang"].status
    <Status.TIMEOUT: 'timeout'>
    """

    scorer: Callable[[Any, Any, Any], float]
    seconds: float
    memory_limit: float | None
    status: Status


FAILING_TRIALS = {
    "segfault": FailingTrial(_segfault, 60.0, None, Status.CRASH),
    "exit": FailingTrial(_exit, 60.0, None, Status.CRASH),
    "hang": FailingTrial(_hang, 2.0, None, Status.TIMEOUT),
    "bloat": FailingTrial(_bloat, 60.0, 900.0, Status.MEMORY),
    "bloat-in-a-child": FailingTrial(_bloat_in_a_child, 60.0, 900.0, Status.MEMORY),
    "raise": FailingTrial(_raise, 60.0, None, Status.INVALID),
    "nan": FailingTrial(_not_a_number, 60.0, None, Status.INVALID),
}


def wait_for(future: Future[list[TrialResult]]) -> list[TrialResult]:
    """Return the results of a future of an executor, which must not end with an exception.

    Parameters
    ----------
    future : Future
        The result of `Executor.submit`.

    Returns
    -------
    list of TrialResult
        One result for each trial.

    Raises
    ------
    AssertionError
        If the future does not end within two minutes, or ends with an exception.

    Examples
    --------
    >>> from concurrent.futures import Future
    >>> from automl.testing.executors import wait_for
    >>> future = Future()
    >>> future.set_exception(OSError("broken pipe"))
    >>> wait_for(future)
    Traceback (most recent call last):
    AssertionError: a future must end with results, whatever a trial does; it ended with OSError('broken pipe')
    ...
    """
    try:
        error = future.exception(timeout=_SECONDS)
    except TimeoutError:
        raise AssertionError(f"a future must end; it did not end within {_SECONDS:.0f} s") from None
    assert error is None, f"a future must end with results, whatever a trial does; it ended with {error!r}"
    return future.result()


class ExecutorContract:
    """The rules of `automl.execute.base`, as tests; a subclass lists the executors.

    Attributes
    ----------
    executors : mapping
        Functions ``make(folder, n_workers, memory_limit, own_scorer)``, by name, that return a new executor for the
        task that is saved in the folder. The workers pass `own_scorer` to `Task.open`: it is the scorer of the user,
        which the files of the task do not hold. A class whose constructor has these four arguments is such a function.
    failing_trials : mapping
        Trials that fail, by name: all of `FAILING_TRIALS`. A subclass may leave out some.

    Examples
    --------
    >>> from automl.execute.local import LocalExecutor
    >>> from automl.testing import ExecutorContract
    >>> def make(folder, n_workers, memory_limit, own_scorer):
    ...     return LocalExecutor(folder, n_workers, memory_limit=memory_limit, own_scorer=own_scorer)
    >>> class TestMyExecutor(ExecutorContract):
    ...     executors = {"mine": make}
    """

    executors: ClassVar[Mapping[str, MakeExecutor]] = {}
    failing_trials: ClassVar[Mapping[str, FailingTrial]] = FAILING_TRIALS

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give each test its executors.

        Parameters
        ----------
        metafunc : pytest.Metafunc
            The test that pytest collects.

        Examples
        --------
        >>> from automl.testing import ExecutorContract
        >>> callable(ExecutorContract().pytest_generate_tests)  # pytest calls it
        True
        """
        if "make" not in metafunc.fixturenames:
            return
        if not self.executors:
            raise pytest.UsageError(f"{type(self).__name__} needs the class attribute executors: names and functions")
        metafunc.parametrize("make", list(self.executors.values()), ids=list(self.executors))
        if "failing" in metafunc.fixturenames:
            metafunc.parametrize("failing", list(self.failing_trials.values()), ids=list(self.failing_trials))

    @pytest.fixture
    def start(self, make: MakeExecutor, tmp_path: Path) -> Iterator[Start]:
        """Return a function that saves a task and starts an executor, which is shut down after the test.

        Parameters
        ----------
        make : callable
            One of `executors`.
        tmp_path : Path
            The folder of the run.

        Yields
        ------
        callable
            ``start(task, n_workers=1, memory_limit=None)`` returns an executor.

        Examples
        --------
        >>> from automl.testing import ExecutorContract
        >>> hasattr(ExecutorContract, "start")  # a fixture of pytest
        True
        """
        executors: list[Executor] = []

        def start(task: Task, n_workers: int = 1, memory_limit: float | None = None) -> Executor:
            task.save(tmp_path)
            executors.append(make(tmp_path, n_workers, memory_limit, task.own_scorer()))
            return executors[-1]

        yield start
        for executor in executors:
            executor.shutdown()

    def test_attributes_are_set_and_do_not_change(self, start: Start) -> None:
        executor = start(make_task(n_rows=100), n_workers=2)
        before = executor.n_workers, executor.memory_limit, executor.fleet_size
        assert executor.n_workers >= 1, "n_workers must be at least 1"
        assert executor.fleet_size >= 1, "fleet_size must be at least 1"
        assert executor.memory_limit is None or executor.memory_limit > 0, "memory_limit must be positive or None"
        wait_for(executor.submit([Trial(tree(5))], None))
        assert (executor.n_workers, executor.memory_limit, executor.fleet_size) == before, "attributes must not change"

    @pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
    def test_losses_and_files_of_all_folds_are_there_when_the_future_ends(
        self, start: Start, tmp_path: Path, kind: TaskType
    ) -> None:
        task = make_task(kind, n_rows=120)
        trial = Trial(tree(20), folds=(0, 2), seed=1)
        (result,) = wait_for(start(task).submit([trial], None))
        assert result.trial == trial, "a result must hold its trial"
        assert result.status is Status.OK, f"a trial that evaluate has ended keeps its status: {result.reason}"
        assert list(result.folds) == [0, 2], "the folds of a result must be those of the trial, in their order"
        for fold, answer in result.folds.items():
            kept = Artifacts(tmp_path).predictions(trial.configuration, fold)
            rows = task.folds[fold][1]
            assert len(kept) == len(rows), "the folder must hold a prediction for each scored row"
            assert answer.loss == pytest.approx(task.metric.loss(task.y[rows], kept), rel=1e-5)
            assert answer.fit_seconds > 0
            assert Artifacts(tmp_path).model(trial.configuration, fold), "the folder must hold the fold model"
        assert result.peak_memory > 10, "peak_memory must be measured"

    def test_a_failed_trial_is_a_status_and_the_next_one_runs(self, start: Start, failing: FailingTrial) -> None:
        executor = start(make_task(scoring=failing.scorer, n_rows=100), memory_limit=failing.memory_limit)
        for depth in (5, 6):
            (result,) = wait_for(executor.submit([Trial(tree(depth))], failing.seconds))
            assert result.status is failing.status, (
                f"the status must be {failing.status}, not {result.status}: {result.reason}"
            )
            assert result.reason, "a result that is not OK must have a reason in words"
            assert "\n" not in result.reason, "a reason must be one line"
            assert not result.folds, "a trial without a finished fold must have no folds"

    def test_a_worker_ignores_ctrl_c(self, start: Start) -> None:
        (result,) = wait_for(start(make_task(scoring=_interrupt, n_rows=100)).submit([Trial(tree(5))], None))
        assert result.status is Status.OK, f"a worker must ignore Ctrl-C: {result.reason}"

    def test_trials_start_in_the_order_of_submission(self, start: Start, tmp_path: Path) -> None:
        executor = start(make_task(scoring=_Counter(tmp_path / "calls"), n_rows=100))
        if executor.n_workers > 1:
            pytest.skip("the executor has several workers")
        futures = [executor.submit([Trial(tree(depth))], None) for depth in range(2, 6)]
        calls = [-wait_for(future)[0].folds[0].loss for future in futures]
        assert calls == [0, 1, 2, 3], "waiting trials must start in the order of their submission"

    def test_more_trials_than_workers_are_accepted_and_each_ends_once(self, start: Start) -> None:
        executor = start(make_task(n_rows=100))
        ended: list[int] = []
        futures = [executor.submit([Trial(tree(depth))], None) for depth in range(2, 8)]
        for number, future in enumerate(futures):
            future.add_done_callback(partial(_append, ended, number))
        results = [wait_for(future)[0] for future in futures]
        assert [result.trial.configuration for result in results] == [tree(depth) for depth in range(2, 8)], (
            "a future must end with the results of its own trials"
        )
        _wait_until(lambda: len(ended) >= len(futures))  # a callback may run shortly after the end
        assert sorted(ended) == list(range(6)), "each future must end exactly once"

    def test_as_many_trials_run_at_the_same_time_as_there_are_workers(self, start: Start, tmp_path: Path) -> None:
        executor = start(make_task(scoring=_Meeting(tmp_path), n_rows=100), n_workers=2)
        if executor.n_workers < 2:
            pytest.skip("the executor has one worker")
        futures = [executor.submit([Trial(tree(depth))], None) for depth in (5, 6)]
        statuses = [wait_for(future)[0].status for future in futures]
        assert statuses == [Status.OK] * 2, "n_workers submissions must run at the same time"

    def test_each_trial_of_a_fleet_gets_a_result_in_order(self, start: Start, tmp_path: Path) -> None:
        leader = net(32)
        rates = (0.04, 1e-4, 0.08)
        fleet = [Trial(Configuration({**leader, "model:realmlp:learning_rate": rate}), folds=(0, 1)) for rate in rates]
        results = wait_for(start(make_task(n_rows=100)).submit(fleet, None))
        assert [result.trial for result in results] == fleet, "a future must end with one result a trial, in order"
        assert all(result.status is Status.OK for result in results), results[0].reason
        assert all(set(result.folds) == {0, 1} for result in results)

    def test_a_fleet_that_dies_is_a_crash_for_each_of_its_trials(self, start: Start) -> None:
        executor = start(make_task(scoring=_segfault, n_rows=100))
        results = wait_for(executor.submit([Trial(net(32)), Trial(net(32), seed=1)], None))
        assert [result.status for result in results] == [Status.CRASH] * 2, "each trial of a fleet gets a result"

    def test_submit_does_not_wait_and_shutdown_ends_every_future(self, start: Start) -> None:
        executor = start(make_task(scoring=_hang, n_rows=100))
        futures = [executor.submit([Trial(tree(depth))], None) for depth in range(5, 8)]
        assert not any(future.done() for future in futures), "submit must return before the trial ends"
        executor.shutdown()
        assert all(future.done() for future in futures), "every future must have ended when shutdown returns"
        errors = [future.exception() for future in futures]
        assert all(isinstance(error, NoWorkersError) for error in errors), (
            f"a future that shutdown ends must end with NoWorkersError, not {errors}"
        )
        executor.shutdown()  # a second call does nothing
        late = executor.submit([Trial(tree(9))], None)
        assert isinstance(late.exception(timeout=_SECONDS), NoWorkersError), (
            "a submission after shutdown must end with NoWorkersError"
        )

    def test_no_process_or_thread_is_left_after_shutdown(self, start: Start) -> None:
        wait_for(start(make_task(n_rows=100)).submit([Trial(tree(5))], None))  # starts what executors share
        before = _children(), set(threading.enumerate())
        executor = start(make_task(n_rows=100), n_workers=2)
        wait_for(executor.submit([Trial(tree(6))], None))
        started = _children() - before[0]
        executor.shutdown()
        assert not {process for process in started if _runs(process)}, "shutdown must end all workers"
        _wait_until(lambda: set(threading.enumerate()) <= before[1])


def _append(numbers: list[int], number: int, future: Future[list[TrialResult]]) -> None:
    numbers.append(number)


def _children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {_SECONDS:.0f} s"
        time.sleep(0.05)
