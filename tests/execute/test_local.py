"""Trials fail in real worker processes, by a scorer, which runs in the same process as the model."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from sklearn.datasets import load_breast_cancer

from automl import AutoMLClassifier
from automl.errors import NothingFittedError, NoWorkersError
from automl.execute import processes
from automl.execute.local import LocalExecutor
from automl.execute.processes import start_process
from automl.trials.artifacts import Artifacts
from automl.trials.trial import Status, Trial
from pipelines.configuration import Configuration
from tests.factories import FAST, make_task, net, tree


def _segfault(estimator, X, y):
    os.kill(os.getpid(), signal.SIGSEGV)


def _exit(estimator, X, y):
    os._exit(3)


def _hang(estimator, X, y):
    time.sleep(3600)


def _score_slowly(estimator, X, y):
    time.sleep(3.2)
    return 1.0


_CALLS = []  # of a scorer, in the worker


def _hang_at_the_third_call(estimator, X, y):
    _CALLS.append(1)
    return time.sleep(3600) if len(_CALLS) > 2 else 1.0


def _exit_at_the_third_call(estimator, X, y):
    _CALLS.append(1)
    return os._exit(3) if len(_CALLS) > 2 else 1.0


def _bloat_at_the_third_call(estimator, X, y):
    _CALLS.append(1)
    return _bloat(estimator, X, y) if len(_CALLS) > 2 else 1.0


def _bloat(estimator, X, y):
    return [np.ones(50_000_000) for _ in range(100)]


def _raise(estimator, X, y):
    raise ZeroDivisionError("no luck")


def _not_a_number(estimator, X, y):
    return float("nan")


@pytest.fixture
def start(tmp_path):
    executors = []

    def make(task, **limits):
        task.save(tmp_path)
        executors.append(LocalExecutor(tmp_path, 1, own_scorer=task.own_scorer(), **limits))
        return executors[-1]

    yield make
    for executor in executors:
        executor.shutdown()


@pytest.mark.alone
@pytest.mark.parametrize(
    ("scorer", "limits", "seconds", "status", "reason"),
    [
        (_segfault, {}, 60.0, Status.CRASH, "exit code -11"),
        (_exit, {}, 60.0, Status.CRASH, "exit code 3"),
        pytest.param(_hang, {}, 2.0, Status.TIMEOUT, "took more than", marks=pytest.mark.slow),
        (_bloat, {"memory_limit": 900}, 60.0, Status.MEMORY, "limit is 900 MiB"),
        (_raise, {}, 60.0, Status.INVALID, "ZeroDivisionError: no luck"),
        (_not_a_number, {}, 60.0, Status.INVALID, "nan"),
    ],
)
def test_the_reason_of_a_failed_trial_is_precise(start, scorer, limits, seconds, status, reason):
    executor = start(make_task(scoring=scorer, n_rows=100), **limits)
    (result,) = executor.submit([Trial(tree(5))], time_limit=seconds).result(timeout=60)
    assert result.status is status
    assert reason in result.reason


@pytest.mark.alone
def test_a_trial_whose_training_has_ended_is_not_thrown_away_at_its_time_limit(start):
    executor = start(make_task(scoring=_score_slowly, n_rows=100))
    (result,) = executor.submit([Trial(tree(5))], time_limit=1.5).result(timeout=60)
    assert (result.status, list(result.folds)) == (Status.OK, [0])


@pytest.mark.alone
@pytest.mark.parametrize(
    ("scorer", "limits", "seconds", "status"),
    [
        (_exit_at_the_third_call, {}, 60.0, Status.CRASH),
        pytest.param(_hang_at_the_third_call, {}, 1.0, Status.TIMEOUT, marks=pytest.mark.slow),
        pytest.param(_bloat_at_the_third_call, {"memory_limit": 900}, 60.0, Status.MEMORY, marks=pytest.mark.slow),
    ],
)
def test_a_trial_whose_worker_ends_keeps_its_finished_folds(start, tmp_path, scorer, limits, seconds, status):
    executor = start(make_task(scoring=scorer, n_rows=100), **limits)
    (result,) = executor.submit([Trial(tree(5), (0, 1, 2))], time_limit=seconds).result(timeout=60)
    assert (result.status, list(result.folds)) == (status, [0, 1])
    assert [len(Artifacts(tmp_path).predictions(tree(5), fold)) > 0 for fold in result.folds] == [True, True]


def _take_80_mb(estimator, X, y):
    return float(np.ones(10_000_000).mean())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not show it")
@pytest.mark.slow
def test_what_a_fit_takes_of_memory_is_noted_however_much_was_freed_before(start):
    executor = start(make_task(scoring=_take_80_mb, n_rows=100))
    results = [executor.submit([Trial(tree(n))], None).result(timeout=60)[0] for n in (5, 6)]
    assert all(75 < r.folds[0].info["memory"] < 120 for r in results)


def test_a_worker_killed_from_outside_is_replaced(start):
    executor = start(make_task(n_rows=100))
    assert executor.submit([Trial(tree(5))], None).result(timeout=60)[0].status is Status.OK
    for process in psutil.Process().children(recursive=True):
        if process.pid in {w.process.pid for w in executor._workers}:
            process.kill()
    statuses = [executor.submit([Trial(tree(n))], None).result(timeout=60)[0].status for n in (6, 7)]
    assert statuses[-1] is Status.OK


@pytest.mark.skipif(sys.platform != "linux", reason="the test counts the entries of /proc")
def test_an_executor_that_cannot_start_keeps_no_descriptor(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("Too many open files")

    monkeypatch.setattr("automl.execute.local.start_process", refuse)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="Too many open files") as caught:  # its traceback keeps the executor alive
        LocalExecutor(tmp_path, 1)
    assert len(os.listdir("/proc/self/fd")) == before, caught


def test_nobody_waits_for_workers_that_cannot_be_started(start):
    executor = start(make_task(n_rows=100))
    assert executor.submit([Trial(tree(5))], None).result(timeout=60)[0].status is Status.OK
    pid = executor._workers[0].process.pid
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Files that are open stay open; a new one would need a number below 3, and these are taken.
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        os.kill(pid, signal.SIGKILL)
        errors = [executor.submit([Trial(tree(depth))], None).exception(timeout=60) for depth in (6, 7, 8)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert isinstance(errors[-1], NoWorkersError)
    assert "Too many open files" in str(errors[-1])


@pytest.mark.slow
def test_a_fleet_answers_for_each_of_its_trials(start, tmp_path):
    task = make_task(n_rows=150)
    leader = net(32)
    rates = (0.04, 1e-4, 0.5, 0.08)
    fleet = [Trial(Configuration({**leader, "model:realmlp:learning_rate": rate}), folds=(0, 1)) for rate in rates]
    executor = start(task)
    results = executor.submit(fleet).result(timeout=120)
    assert [r.trial for r in results] == fleet
    assert all(r.status is Status.OK and set(r.folds) == {0, 1} for r in results), results[0].reason
    # The best network of the fleet equals the network that is trained alone.
    losses = [r.folds[0].loss + r.folds[1].loss for r in results]
    best = int(np.argmin(losses))
    kept = [Artifacts(tmp_path).predictions(fleet[best].configuration, fold) for fold in (0, 1)]
    alone = executor.submit([fleet[best]]).result(timeout=120)[0]
    for fold in (0, 1):
        assert alone.folds[fold].loss == pytest.approx(results[best].folds[fold].loss, abs=1e-3)
        np.testing.assert_allclose(
            Artifacts(tmp_path).predictions(fleet[best].configuration, fold), kept[fold], atol=1e-3
        )


@pytest.mark.slow
def test_a_search_sends_fleets_where_the_device_takes_them(monkeypatch):
    monkeypatch.setattr("automl.execute.local.fleet_size", lambda device: 4)
    X, y = load_breast_cancer(return_X_y=True)
    settings = {
        **FAST,
        "include": ["realmlp"],
        "max_trials": 5,
        "initial_configurations": [{"model": "realmlp", "model:realmlp:width": 32}],
    }
    model = AutoMLClassifier(**settings).fit(X[:200], y[:200])
    origins = [result.trial.origin for result in model.history_.results[:4]]
    assert origins == ["initial", "fleet", "fleet", "fleet"]
    assert len(model.history_.evaluations) == 5
    assert model.score(X[200:], y[200:]) > 0.9


def test_workers_end_though_another_interrupt_ends_the_shutdown(start, monkeypatch):
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    executor = start(make_task(scoring=_hang, n_rows=100))
    future = executor.submit([Trial(tree(5))], None)
    children = {process.pid for process in psutil.Process().children(recursive=True)} - before
    assert children

    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(executor._thread, "join", interrupt)
    with pytest.raises(KeyboardInterrupt):
        executor.shutdown()
    assert isinstance(future.exception(60.0), NoWorkersError)
    _wait_until(lambda: not any(map(_is_alive, children - {processes._server.process.pid})))


def _is_alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_an_executor_that_cannot_start_leaves_no_process(tmp_path, monkeypatch):
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    started = []

    def start_one(*args, **options):
        if started:
            raise OSError("no room for another process")
        started.append(start_process(*args, **options))
        return started[0]

    make_task(n_rows=100).save(tmp_path)
    monkeypatch.setattr("automl.execute.local.start_process", start_one)
    with pytest.raises(OSError, match="no room"):
        LocalExecutor(tmp_path, 2)
    _wait_until(lambda: started[0].pid not in {p.pid for p in psutil.Process().children(recursive=True)} - before)


def test_workers_end_in_the_middle_of_a_trial_when_their_parent_is_killed(tmp_path):
    make_task(scoring=_hang, n_rows=100).save(tmp_path)
    code = (
        "import time, sys\n"
        "from pathlib import Path\n"
        "from automl.execute.local import LocalExecutor\n"
        "from automl.trials.trial import Trial\n"
        "from tests.factories import tree\n"
        f"executor = LocalExecutor(Path({str(tmp_path)!r}), 1)\n"
        "executor.submit([Trial(tree(5))], None)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        _wait_until(lambda: any(_works(p) for p in psutil.Process(parent.pid).children(recursive=True)))
        children = psutil.Process(parent.pid).children(recursive=True)
    finally:
        parent.kill()
        parent.wait()
    _wait_until(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in children))


def _works(process):
    """Return whether the process is a worker that has opened the table."""
    return any(Path(m.path).name == "table.npy" for m in process.memory_maps())


def _wait_until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


_SLOW_XGBOOST = """
import sys, time
time.sleep(4)
sys.path = [entry for entry in sys.path if not entry.endswith("slow")]
del sys.modules["xgboost"]
import xgboost
"""
_FIT_XGBOOST = """
from sklearn.datasets import load_iris
from automl import AutoMLClassifier
model = AutoMLClassifier(time_budget=None, max_trials=1, trial_time_limit=1, include=["xgboost"], n_jobs=1, verbose=0)
print(*model.fit(*load_iris(return_X_y=True)).leaderboard_["status"])
"""


@pytest.mark.slow
@pytest.mark.alone
def test_the_import_of_a_library_does_not_count_as_the_trial_s_time(tmp_path):
    (tmp_path / "slow" / "xgboost").mkdir(parents=True)
    (tmp_path / "slow" / "xgboost" / "__init__.py").write_text(_SLOW_XGBOOST)
    path = os.pathsep.join([str(tmp_path / "slow"), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-c", _FIT_XGBOOST], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.stdout.split() == ["ok"], done.stderr


def test_processes_that_a_dying_worker_has_started_end_with_it(tmp_path):
    parent = os.getpid()

    def scorer(estimator, X, y):
        if os.getpid() != parent:
            (tmp_path / str(subprocess.Popen(["sleep", "600"]).pid)).touch()
            os._exit(3)
        return 0.5

    with pytest.raises(NothingFittedError, match="exit code 3"):
        AutoMLClassifier(scoring=scorer, **{**FAST, "max_trials": 1}).fit(*load_breast_cancer(return_X_y=True))
    (child,) = (int(path.name) for path in tmp_path.iterdir())
    assert not _runs(child, seconds=5)


def _runs(pid: int, seconds: float) -> bool:
    """Return whether a process still runs after some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:  # nobody has asked for its exit code
                return False
        except psutil.NoSuchProcess:
            return False
        time.sleep(0.05)
    return True


def _fork_and_exit(estimator, X, y):
    if os.fork() == 0:
        time.sleep(40)
    os._exit(3)


def test_a_worker_that_dies_is_replaced_while_a_process_that_it_has_forked_lives(start):
    executor = start(make_task(scoring=_fork_and_exit, n_rows=100))
    (result,) = executor.submit([Trial(tree(5))]).result(timeout=20)
    assert result.reason == "the worker process died with exit code 3"


STARTS_CHILDREN = """
import os, subprocess
from sklearn.datasets import load_breast_cancer
from automl import AutoMLClassifier

PARENT = os.getpid()

def scorer(estimator, X, y):
    if os.getpid() != PARENT:
        print(subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL).pid, flush=True)
    return 0.5

X, y = load_breast_cancer(return_X_y=True)
AutoMLClassifier(time_budget=120, n_jobs=1, verbose=0, scoring=scorer, include=["decision_tree"]).fit(X, y)
"""


@pytest.mark.slow
def test_processes_that_a_trial_has_started_end_when_the_main_process_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(STARTS_CHILDREN)
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    child = int(process.stdout.readline())
    process.kill()
    process.wait()
    assert not _runs(child, seconds=10)


@pytest.mark.slow
def test_a_trial_that_has_waited_ends_with_the_search(tmp_path):
    """Its limit was set when it was submitted. At its end the search would be over, and its result too late."""
    task = make_task(scoring=_hang, n_rows=100)
    task.save(tmp_path)
    end = time.monotonic() + 2
    executor = LocalExecutor(tmp_path, 1, own_scorer=task.own_scorer(), seconds_left=lambda: end - time.monotonic())
    try:
        (result,) = executor.submit([Trial(tree(2))], time_limit=60).result(timeout=40)
    finally:
        executor.shutdown()
    assert result.status is Status.TIMEOUT
