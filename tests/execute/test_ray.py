"""Trials run on a real Ray cluster of two nodes, which loses nodes and its head."""

from __future__ import annotations

import errno
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from automl import AutoMLClassifier, run_jobs
from automl.errors import InvalidInputError, NoWorkersError
from automl.task.task import Task
from automl.testing import ExecutorContract
from automl.trials.trial import Status, Trial
from tests.factories import FAST, make_task, net, tree

ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")

ON_RAY = {**FAST, "executor": "ray"}


def _segfault(estimator, X, y):
    os.kill(os.getpid(), signal.SIGSEGV)


def _hang(estimator, X, y):
    time.sleep(3600)


def _on_gpu(estimator, X, y):
    """Return 1 in a process that has a GPU of Ray, by the environment: the nodes only declare their GPUs."""
    return float(os.environ.get("CUDA_VISIBLE_DEVICES", "") != "")


def _hang_on_gpu(estimator, X, y):
    return time.sleep(3600) if _on_gpu(estimator, X, y) else 0.0


def _bloat(estimator, X, y):
    return [np.ones(50_000_000) for _ in range(100)]


@pytest.fixture(scope="module")
def cluster():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    made = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
    made.wait_for_nodes()
    ray.init(address=made.address, log_to_driver=False)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def start(cluster, tmp_path):
    from automl.execute.ray import RayExecutor

    executors = []

    def make(task, **options):
        executors.append(RayExecutor(tmp_path, task, **options))
        return executors[-1]

    yield make
    for executor in executors:
        executor.shutdown()


def _outcome(history):
    """Return the results of a run without its measured times."""
    return [
        (r.trial.configuration, r.trial.folds, r.status, {f: e.loss for f, e in r.folds.items()})
        for r in history.results
    ]


@pytest.mark.slow
def test_without_a_cluster_the_error_names_the_way_to_start_one():
    # First in this file: later there is a cluster that would be found.
    code = (
        "from sklearn.datasets import load_iris\n"
        "from automl import AutoMLClassifier\n"
        "AutoMLClassifier(executor='ray', verbose=0).fit(*load_iris(return_X_y=True))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.returncode == 1
    assert run.stderr.strip().splitlines()[-1].startswith('automl.errors.InvalidInputError: executor="ray" found no')


@pytest.mark.slow
def test_the_same_seed_and_trials_give_the_same_results_as_on_one_machine(cluster):
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    fewer = {"max_trials": 2, "cv": 2}
    local, distant = (AutoMLClassifier(**settings | fewer).fit(X, y) for settings in (FAST, ON_RAY))
    assert _outcome(distant.history_) == _outcome(local.history_)
    np.testing.assert_array_equal(distant.predict_proba(X), local.predict_proba(X))


@pytest.mark.slow
def test_all_processors_of_the_cluster_are_used(start):
    executor = start(make_task(n_rows=100), n_jobs=-1)
    assert executor.n_workers == 2
    results = [f.result(timeout=120)[0] for f in [executor.submit([Trial(tree(n))], None) for n in range(2, 8)]]
    assert [r.status for r in results] == [Status.OK] * 6
    assert all(r.peak_memory > 10 for r in results)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scorer", "options", "seconds", "status", "reason"),
    [
        (_segfault, {}, 60.0, Status.CRASH, "exit code -11"),
        pytest.param(_hang, {}, 3.0, Status.TIMEOUT, "took more than", marks=pytest.mark.slow),
        (_bloat, {"memory_limit": 900}, 60.0, Status.MEMORY, "limit is 900 MiB"),
    ],
)
def test_a_trial_that_misbehaves_is_a_status_and_the_next_one_runs(start, scorer, options, seconds, status, reason):
    executor = start(make_task(scoring=scorer, n_rows=100), n_jobs=1, **options)
    results = [executor.submit([Trial(tree(n))], time_limit=seconds).result(timeout=120)[0] for n in (5, 6)]
    assert [r.status for r in results] == [status, status]
    assert all(reason in r.reason for r in results)


def _on_ray(folder, n_workers, memory_limit, own_scorer):
    from automl.execute.ray import RayExecutor

    return RayExecutor(folder, Task.open(folder, own_scorer), n_workers, memory_limit=memory_limit)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
class TestRayExecutor(ExecutorContract):
    executors: ClassVar = {"ray": _on_ray}
    # Ray decides the order and the node, and keeps its processes, with the fork server that a trial has started there.
    test_trials_start_in_the_order_of_submission = None
    test_no_process_or_thread_is_left_after_shutdown = None


@pytest.mark.slow
def test_a_trial_that_has_waited_gets_only_the_seconds_that_the_search_has_left(start):
    ends = [time.monotonic() + 3600]
    executor = start(make_task(scoring=_hang, n_rows=100), n_jobs=2, seconds_left=lambda: ends[0] - time.monotonic())
    first = [executor.submit([Trial(tree(2 + i))], time_limit=3) for i in range(2)]
    for future in first:  # from now on the clocks of both nodes are known
        future.result(timeout=300)
    ends[0] = time.monotonic() + 12
    waiting = [executor.submit([Trial(tree(4 + i))], time_limit=60 if i == 2 else 6) for i in range(3)]
    (result,) = waiting[2].result(timeout=300)
    limit = re.fullmatch(r"took more than ([\d.]+) s", result.reason)
    assert limit is not None, result
    assert float(limit[1]) < 6.5, "the two before it have used half of the 12 seconds"


@pytest.mark.slow
def test_shutdown_ends_trials_that_run_and_leaves_no_file_on_the_node(start):
    executor = start(make_task(scoring=_hang, n_rows=100), n_jobs=1)
    future = executor.submit([Trial(tree(5))], None)
    _wait_until(lambda: _folders(executor))
    executor.shutdown()
    _wait_until(lambda: not _folders(executor))
    assert isinstance(future.exception(timeout=0), NoWorkersError)


@pytest.mark.slow
def test_a_lost_node_costs_time_but_no_trial(cluster):
    node = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    lost = []

    def lose(result, history):
        if len(history.results) == 3:
            cluster.remove_node(node, allow_graceful=False)
            lost.append(node)

    X, y = load_breast_cancer(return_X_y=True)
    settings = {**ON_RAY, "max_trials": 10, "n_jobs": 4, "searcher": "random", "callbacks": [lose]}
    model = AutoMLClassifier(**settings).fit(X, y)
    assert lost
    assert len(model.history_.evaluations) == 10
    assert {r.status for r in model.history_.results} == {Status.OK}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_the_folder_of_another_user_is_not_read(start, tmp_path):
    executor = start(make_task(n_rows=100), n_jobs=1)
    foreign = Path(tempfile.gettempdir()) / f"automl-ray-{executor._options.run}-foreign"
    (foreign / "task").mkdir(parents=True)
    try:
        (foreign / "task" / "task.zip").write_bytes(b"the task of somebody else")
        os.chown(foreign, 65534, 65534)
        assert executor.submit([Trial(tree(5))]).result(timeout=120)[0].status is Status.OK
    finally:
        shutil.rmtree(foreign)


@pytest.mark.slow
def test_the_memory_of_a_node_is_shared_by_its_cpus_not_by_those_of_its_host(cluster):
    from automl.execute.ray_node import _slots

    def slots_on_a_large_host():
        os.cpu_count = lambda: 64
        return _slots(1)

    assert ray.get(ray.remote(max_calls=1)(slots_on_a_large_host).remote()) == 1


@pytest.mark.slow
def test_a_trial_that_ends_while_it_is_sent_again_ends_once(start):
    executor = start(make_task(n_rows=100), n_jobs=1)
    future = executor.submit([Trial(tree(5))])
    submission = executor._running[future]
    assert future.result(timeout=120)[0].status is Status.OK
    executor._send(future, submission.trials, None, submission)  # as the watch does, which saw it waiting
    assert not executor._running


@pytest.mark.slow
def test_a_full_disk_of_this_machine_is_named_and_leaves_no_half_file(start, tmp_path, monkeypatch):
    def write_half(path, content):
        with path.open("wb") as file:
            file.write(content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    executor = start(make_task(n_rows=100), n_jobs=1)
    monkeypatch.setattr(Path, "write_bytes", write_half)
    (result,) = executor.submit([Trial(tree(5))]).result(timeout=120)
    assert result.status is Status.CRASH
    assert result.reason.startswith(f"no space is left on the disk of the folder '{tmp_path}'; ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_future_ends_also_where_no_half_file_can_be_removed(start, tmp_path, monkeypatch):
    def refuse(path, *arguments, **options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    executor = start(make_task(n_rows=100), n_jobs=1)
    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    (result,) = executor.submit([Trial(tree(5))]).result(timeout=60)
    assert (result.status, result.reason) == (Status.CRASH, "OSError: [Errno 30] Read-only file system")


def _on_full_disk(part):
    """Run a trial in a process of a node whose disk is full; return the reason of its failure."""
    from automl.execute.ray_node import Assignment, End, NodeOptions, run_on_node

    def refuse(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    owner, name = (Task, "save") if part == "task" else (Path, "write_bytes")
    setattr(owner, name, refuse)
    end = End(time.time(), math.inf, {})
    states = {"state": b"of a training"}
    assignment = Assignment(NodeOptions("full", 1, None, "cpu"), (Trial(tree(5)),), None, states, end)
    return run_on_node(make_task(n_rows=100), assignment)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["task", "states"])
def test_a_full_disk_of_a_node_is_named_by_the_node(cluster, part):
    (result,), files, *_ = ray.get(ray.remote(max_calls=1)(_on_full_disk).remote(part))
    assert (result.status, files) == (Status.CRASH, {})
    folder = tempfile.gettempdir()
    assert result.reason == (
        f"no space is left on the disk of the folder '{folder}' on the node {ray.util.get_node_ip_address()}; "
        "free space there"
    )


def test_the_watch_of_gpus_survives_an_error(start, monkeypatch):
    looks = []

    def ask():
        looks.append(len(looks))
        if len(looks) == 1:
            raise ray.exceptions.RaySystemError("try again")
        return 0

    monkeypatch.setattr("automl.execute.ray._WATCH", 0.05)
    executor = start(make_task(n_rows=100), n_jobs=1)
    monkeypatch.setattr("automl.execute.ray._n_gpus", ask)
    _wait_until(lambda: len(looks) > 2)
    assert executor._lost is None


@pytest.mark.slow
def test_shutdown_ends_every_future_and_refuses_new_trials(start):
    executor = start(make_task(scoring=_hang, n_rows=100), n_jobs=1)
    futures = [executor.submit([Trial(tree(n))]) for n in (5, 6)]
    executor.shutdown()
    executor.shutdown()
    assert all(future.done() for future in futures)
    assert isinstance(executor.submit([Trial(tree(7))]).exception(timeout=60), NoWorkersError)


LOSE_THE_HEAD = """
import os
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import ray
from ray import cluster_utils
from sklearn.datasets import load_breast_cancer
from automl import AutoMLClassifier

def lose(result, history):
    if len(history.results) == 2:
        cluster.head_node.kill_gcs_server()

cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
ray.init(address=cluster.address, log_to_driver=False)
settings = {"include": ["decision_tree"], "executor": "ray", "n_jobs": 1, "verbose": 0, "callbacks": [lose]}
model = AutoMLClassifier(time_budget=110, random_state=0, **settings).fit(*load_breast_cancer(return_X_y=True))
print(model.stop_reason_)
for node in cluster.list_all_nodes():
    node.kill_all_processes(check_alive=False, allow_graceful=False)
"""


@pytest.mark.slow
def test_a_lost_head_ends_the_search_with_the_models_that_it_has():
    # Ray ends the process after a minute without an answer of the head.
    script = [sys.executable, "-c", LOSE_THE_HEAD]
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # where no other program looks for a cluster
        environment = {**os.environ, "RAY_TMPDIR": folder, "TMPDIR": folder}
        done = subprocess.run(script, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "the head of the Ray cluster does not answer" in done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_a_refused_device_closes_the_connection_that_was_opened_for_it(cluster):
    code = (
        "import ray\n"
        "from sklearn.datasets import load_iris\n"
        "from automl import AutoMLClassifier\n"
        "try:\n"
        "    AutoMLClassifier(executor='ray', device='cuda', verbose=0).fit(*load_iris(return_X_y=True))\n"
        "except ValueError:\n"
        "    print(ray.is_initialized())\n"
    )
    environment = {**os.environ, "RAY_ADDRESS": cluster.address}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["False"], done.stderr


@pytest.fixture
def gpu_node(cluster):
    node = cluster.add_node(num_cpus=1, num_gpus=1)
    cluster.wait_for_nodes()
    yield node
    if node in cluster.worker_nodes:
        cluster.remove_node(node)
    _wait_until(lambda: "GPU" not in ray.cluster_resources())


@pytest.mark.slow
def test_networks_run_where_the_cluster_has_a_gpu(gpu_node, start):
    executor = start(make_task(scoring=_on_gpu, n_rows=100), n_jobs=3)
    trials = [Trial(tree(5)), Trial(net(32)), Trial(tree(6)), Trial(net(33))]
    results = [f.result(timeout=120)[0] for f in [executor.submit([trial]) for trial in trials]]
    assert [r.status for r in results] == [Status.OK] * 4, results[1].reason
    assert [{-fold.loss for fold in r.folds.values()} for r in results] == [{0.0}, {1.0}, {0.0}, {1.0}]


@pytest.mark.slow
def test_networks_that_are_kept_from_the_gpu_stay_on_processors(gpu_node, start):
    executor = start(make_task(scoring=_on_gpu, n_rows=100), n_jobs=1, device="cpu")
    result = executor.submit([Trial(net(32))]).result(timeout=120)[0]
    assert {-fold.loss for fold in result.folds.values()} == {0.0}


@pytest.mark.slow
def test_when_the_last_gpu_is_lost_networks_go_on_without(cluster, gpu_node, start):
    executor = start(make_task(scoring=_hang_on_gpu, n_rows=100), n_jobs=2)
    futures = [executor.submit([Trial(net(n))]) for n in (32, 33)]  # the second waits for the GPU
    _wait_until(lambda: _folders(executor))
    cluster.remove_node(gpu_node, allow_graceful=False)
    results = [future.result(timeout=180)[0] for future in futures]
    assert [r.status for r in results] == [Status.OK] * 2, results[0].reason


@pytest.mark.parametrize(("device", "message"), [("cuda", "has no GPU"), ("cuda:1", "hands out its GPUs itself")])
def test_a_gpu_that_the_cluster_does_not_have_is_an_error(cluster, device, message):
    with pytest.raises(InvalidInputError, match=message):
        AutoMLClassifier(**ON_RAY, device=device).fit(*load_breast_cancer(return_X_y=True))


@pytest.mark.slow
def test_a_job_of_a_batch_has_its_trials_run_on_the_cluster(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    load_breast_cancer(as_frame=True).frame.to_csv(tmp_path / "table.csv", index=False)
    settings = {name: FAST[name] for name in ("include", "max_trials", "time_budget", "cv")}
    summary = run_jobs(
        {
            "results": str(tmp_path / "results"),
            "tables": [{"path": str(tmp_path / "table.csv"), "target": "target", "holdout": 0.25}],
            "settings": {"on_ray": {**settings, "executor": "ray", "n_jobs": 2}},
        },
        n_jobs=2,
    )
    assert list(summary["state"]) == ["finished"], summary["reason"][0]
    assert summary["test_score"][0] > 0.9


def test_a_missing_library_is_an_error_before_work_starts(monkeypatch):
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.raises(InvalidInputError, match="executor: 'rey' is unknown; did you mean 'ray'"):
        AutoMLClassifier(**{**FAST, "executor": "rey"}).fit(X, y)
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "automl.execute.ray", raising=False)
    with pytest.raises(InvalidInputError, match=r"cash-automl\[ray\]"):
        AutoMLClassifier(**ON_RAY).fit(X, y)


def _folders(executor):
    return list(Path(tempfile.gettempdir()).glob(f"automl-ray-{executor._options.run}-*"))


def _wait_until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)
