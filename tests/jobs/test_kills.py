"""Real runners in processes of their own, ended by SIGKILL: no finished work is lost or done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest
import yaml

import automl
from tests.jobs.workshop import DUMMY, lines

ROOT = Path(automl.__file__).parents[1]
TABLE = "tests.jobs.workshop:table"


@pytest.fixture
def start(tmp_path):
    """Start ``automl jobs ...`` in the folder; processes that still run at the end are killed."""
    started = []

    def make(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "automl", "jobs", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield make
    for process in started:
        process.kill()
        process.wait()


def write(tmp_path, n, seconds, **more):
    """Write a batch whose tables write marks into a file."""
    arguments = {"marks": str(tmp_path / "marks"), "seconds": seconds}
    batch = {
        "defaults": {"target": "y", "holdout": 0.25},
        "tables": [{"call": TABLE, "arguments": {"seed": i, **arguments}} for i in range(n)],
        "settings": DUMMY,
        **more,
    }
    (tmp_path / "jobs.yaml").write_text(yaml.safe_dump(batch))


def wait_for(condition, process=None):
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None, process.stdout.read()
        time.sleep(0.02)


def finish(process, code=0):
    output = process.communicate(timeout=300)[0]
    assert process.returncode == code, output
    return output


def starts(tmp_path):
    """Return how often each job began, and the numbers of the processes."""
    words = [line.split() for line in lines(tmp_path / "marks", "start")]
    return Counter(int(seed) for _, seed, _ in words), [int(pid) for *_, pid in words]


def lives(pid):
    """Return whether a process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def done(tmp_path):
    """Return the names of the jobs that have a folder in the results."""
    return {path.parent.name for path in (tmp_path / "results").glob("*/result.json")}


@pytest.mark.slow
def test_the_jobs_of_a_killed_runner_end_and_the_next_runner_does_the_rest_once(tmp_path, start):
    write(tmp_path, 8, seconds=0.3)
    first = start("run", "jobs.yaml", "--n-jobs", "2")
    wait_for(lambda: len(done(tmp_path)) >= 2 and len(lines(tmp_path / "marks", "start")) > 3, first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    before, (_, pids) = done(tmp_path), starts(tmp_path)
    wait_for(lambda: not any(map(lives, pids)))
    stamps = {name: (tmp_path / "results" / name / "result.json").stat().st_mtime_ns for name in before}
    output = finish(start("run", "jobs.yaml", "--n-jobs", "2"))
    assert "8 jobs: 8 finished" in output
    counts, _ = starts(tmp_path)
    assert set(counts) == set(range(8))
    assert sum(counts.values()) <= 8 + 2  # only interrupted jobs begin again
    assert {name: (tmp_path / "results" / name / "result.json").stat().st_mtime_ns for name in before} == stamps


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_runners_share_a_queue_and_do_each_job_once(tmp_path, start, request, kind):
    more = {}
    if kind == "postgresql":
        from tests.jobs.conftest import new_database

        more = {"store": new_database(request.getfixturevalue("postgresql"))}
    write(tmp_path, 24, seconds=0.1, **more)
    runners = [start("run", "jobs.yaml", "--n-jobs", "1") for _ in range(2)]
    outputs = [finish(runner) for runner in runners]
    assert all("24 jobs: 24 finished" in text for text in outputs)
    counts, _ = starts(tmp_path)
    assert counts == Counter(range(24))
    shares = [text.count(" finished: ") for text in outputs]
    assert sum(shares) == 24
    summary = pd.read_csv(tmp_path / "results" / "summary.csv")
    assert list(summary["state"]) == ["finished"] * 24


@pytest.mark.slow
def test_a_second_runner_takes_over_from_one_that_is_killed(tmp_path, start):
    write(tmp_path, 6, seconds=0.5)
    first, second = (start("run", "jobs.yaml", "--n-jobs", "1") for _ in range(2))
    wait_for(lambda: len(starts(tmp_path)[0]) >= 3, first)
    first.send_signal(signal.SIGKILL)
    assert "6 jobs: 6 finished" in finish(second)
    assert sum(starts(tmp_path)[0].values()) <= 6 + 1


@pytest.mark.slow
def test_a_killed_job_is_done_again_and_disturbs_no_other(tmp_path, start):
    write(tmp_path, 3, seconds=1.0)
    runner = start("run", "jobs.yaml", "--n-jobs", "1")
    wait_for(lambda: lines(tmp_path / "marks", "start"), runner)
    with suppress(ProcessLookupError):
        os.kill(starts(tmp_path)[1][0], signal.SIGKILL)
    output = finish(runner)
    assert "failed and will be tried again: its process died with exit code -9" in output
    assert "3 jobs: 3 finished" in output
    assert starts(tmp_path)[0] == {0: 2, 1: 1, 2: 1}


@pytest.mark.slow
def test_ctrl_c_puts_the_jobs_back_and_the_same_command_goes_on(tmp_path, start):
    write(tmp_path, 3, seconds=0.5)
    runner = start("run", "jobs.yaml", "--n-jobs", "1")
    wait_for(lambda: done(tmp_path), runner)
    runner.send_signal(signal.SIGINT)
    assert "automl: stopped; run the same command again to go on" in finish(runner, code=130)
    assert set(pd.read_csv(tmp_path / "results" / "summary.csv")["state"]) == {"finished", "queued"}
    assert "3 jobs: 3 finished" in finish(start("run", "jobs.yaml"))
    assert starts(tmp_path)[0][0] == 1


@pytest.mark.slow
def test_modules_beside_the_description_do_not_hide_libraries(tmp_path, start):
    (tmp_path / "batch" / "pipelines").mkdir(parents=True)
    (tmp_path / "batch" / "pipelines" / "__init__.py").touch()
    (tmp_path / "batch" / "xgboost.py").write_text("raise RuntimeError('a script of the user')\n")
    (tmp_path / "batch" / "mine.py").write_text("from tests.jobs.workshop import table\n")
    batch = {
        "tables": [{"call": "mine:table", "target": "y"}],
        "settings": {"boosting": {"max_trials": 1, "time_budget": 600, "cv": 2, "include": ["xgboost"]}},
    }
    (tmp_path / "batch" / "jobs.yaml").write_text(yaml.safe_dump(batch))
    assert "1 job: 1 finished" in finish(start("run", "batch/jobs.yaml"))


SEARCH = {"random_forest": {"time_budget": 600, "max_trials": 8, "cv": 3, "include": ["random_forest", "extra_trees"]}}
CANCER = {
    "call": "sklearn.datasets:load_breast_cancer",
    "arguments": {"return_X_y": True, "as_frame": True},
    "holdout": 0.3,
}


def history(tmp_path):
    """Return the lines of the finished trials of the only job."""
    found = sorted((tmp_path / "results").glob(".work/*/search-*/history.jsonl"))
    return found[0].read_text().splitlines() if found else []


def job_process(runner):
    """Return the process of the only job: it leads a group, and is no descendant of a process that leads one."""
    children = [child for child in psutil.Process(runner.pid).children(recursive=True) if lives(child.pid)]
    leaders = {child.pid: child for child in children if os.getpgid(child.pid) == child.pid}
    [first] = [leader for leader in leaders.values() if not any(p.pid in leaders for p in leader.parents())]
    return first


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["job", "runner"])
def test_a_killed_fit_goes_on_with_its_finished_trials(tmp_path, start, victim):
    batch = {"tables": [CANCER], "settings": SEARCH}
    (tmp_path / "jobs.yaml").write_text(yaml.safe_dump(batch))
    runner = start("run", "jobs.yaml", "--n-jobs", "1")
    wait_for(lambda: len(history(tmp_path)) >= 3, runner)
    children = psutil.Process(runner.pid).children(recursive=True)
    if victim == "runner":
        runner.send_signal(signal.SIGKILL)
        runner.wait()
        wait_for(lambda: not any(lives(child.pid) for child in children))
        finished = history(tmp_path)
        runner = start("run", "jobs.yaml", "--n-jobs", "1")
    else:
        finished = history(tmp_path)
        job_process(runner).kill()
    assert "1 job: 1 finished" in finish(runner)
    [result] = (tmp_path / "results").glob("*/result.json")
    kept = (result.parent / "history.jsonl").read_text().splitlines()
    assert kept[: len(finished)] == finished
    row = json.loads(result.read_text())
    assert row["n_trials"] == 8
    assert row["test_score"] > 0.9
    assert len(pd.read_csv(result.parent / "leaderboard.csv")) == 8
    assert "Test rows" in (result.parent / "report.html").read_text(encoding="utf-8")
    assert automl.load(result.parent / "model").score(*_cancer()) > 0.9


@pytest.mark.slow
def test_a_cancelled_fit_keeps_the_best_it_has_and_resuming_goes_on_from_there(tmp_path, start):
    batch = {"tables": [CANCER], "settings": SEARCH}
    (tmp_path / "jobs.yaml").write_text(yaml.safe_dump(batch))
    runner = start("run", "jobs.yaml", "--n-jobs", "1")
    wait_for(lambda: len(history(tmp_path)) >= 3, runner)
    assert "1 job cancelled" in finish(start("cancel", "jobs.yaml", "--all"))
    assert "1 job: 1 cancelled" in finish(runner, code=1)
    [result] = (tmp_path / "results").glob("*/result.json")
    assert automl.load(result.parent / "model").score(*_cancer()) > 0.9
    assert json.loads(result.read_text())["state"] == "cancelled"
    board = pd.read_csv(result.parent / "leaderboard.csv")
    assert "1 job: 1 finished" in finish(start("resume", "jobs.yaml"))
    assert set(board["id"]) <= set(pd.read_csv(result.parent / "leaderboard.csv")["id"])
    assert json.loads(result.read_text())["n_trials"] == 8


def _cancer():
    from sklearn.datasets import load_breast_cancer

    return load_breast_cancer(return_X_y=True, as_frame=True)
