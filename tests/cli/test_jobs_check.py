"""The commands ``automl jobs check``, ``schema`` and ``logs``, and the time left in ``status``."""

from __future__ import annotations

import inspect
import json
import sqlite3
import threading
import time
from functools import partial

import numpy as np
import pandas as pd
import pytest
import yaml

from automl import AutoMLClassifier
from automl.jobs.duration import DEFAULT_BUDGET, PlannedJob, total_time
from automl.jobs.job import Resources
from automl.jobs.schema import batch_schema
from tests.jobs.workshop import DUMMY


@pytest.fixture
def shell(tmp_path, monkeypatch, call):
    """Return a function that calls ``automl jobs ...`` in a folder with two tables."""
    for name, target in (("a", ["left", "right"] * 20), ("b", np.arange(40) * 1.1)):
        pd.DataFrame({"x": range(40), "y": target}).to_csv(tmp_path / f"{name}.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return partial(call, "jobs")


def write(**batch):
    with open("jobs.yaml", "w") as file:
        yaml.safe_dump(batch, file)


def test_check_shows_jobs_needs_and_the_time_on_this_machine(shell):
    write(
        defaults={"target": "y", "holdout": 0.25},
        tables=[{"path": "*.csv"}, {"openml": 31}],
        settings={"quick": {"time_budget": 30}, "large": {"time_budget": 90, "n_jobs": 2, "memory": 200}},
    )
    code, out, err = shell("check", "jobs.yaml", "--n-jobs", "2", "--memory", "1000", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["n_jobs"], found["n_finished"], found["problems"]) == (6, 0, [])
    assert (found["job_seconds"], found["wall_seconds"]) == (360, 330)  # three quick jobs run beside no large one
    assert (found["most_cores"], found["most_memory"]) == (2, 200)
    assert [table["n_rows"] for table in found["tables"]] == [30, 30, None]
    assert [table["task"] for table in found["tables"]] == ["classification", "regression", None]
    code, out, _ = shell("check", "jobs.yaml", "--n-jobs", "2", "--memory", "1000")
    lines = out.splitlines()
    assert lines[0] == "6 jobs of 3 tables"
    assert lines[2].split() == ["a", "2", "30", "10", "1", "classification", "a.csv"]
    assert "the largest job needs 2 cores and has at most 200 MiB" in lines
    assert any("6 min 0 s one after the other, 5 min 30 s on this machine" in line for line in lines)
    assert lines[-1] == "no problems"


def test_check_lists_all_problems_and_starts_nothing(shell, tmp_path):
    pd.DataFrame({"x": range(40), "y": "same"}).to_csv("c.csv", index=False)
    write(
        defaults={"priorty": 3},
        tables=[
            {"path": "none.csv", "target": "y"},
            {"path": "a.csv", "target": "z"},
            {"path": "b.csv", "target": "y", "settings": ["ranks"]},
            {"path": "c.csv", "target": "y", "settings": ["good"]},
            {"call": "tests.jobs.workshop:nothing", "name": "table", "settings": ["good"]},
            {"path": "a.csv", "target": "y", "settings": ["good", "short"], "n_jobs": 64, "time_limit": 30},
        ],
        settings={
            "good": {"time_budget": 20},
            "short": {"time_budget": 60},
            "ranks": {"scoring": "roc_auc"},
            "wrong": {"time_budgit": 3},
            "odd": {"max_trials": 0},
        },
    )
    code, out, err = shell("check", "jobs.yaml", "--n-jobs", "2")
    assert (code, err) == (1, "")
    problems = [line for line in out.splitlines() if line.startswith("problem: ")]
    for part in (
        "defaults: 'priorty' is unknown; did you mean 'priority'",
        "tables: entry 1 (none.csv): there is no such file",
        "a: target: 'a.csv' has no column 'z'",
        "b-ranks: scoring='roc_auc' scores classification",
        "c-good: ",
        "table: 'tests.jobs.workshop:nothing' cannot be imported",
        "a-good and 1 more: it needs 64 cores, and this runner has 2 cores",
        "a-short: time_limit (30 s) ends the job before its time_budget (60 s) is used",
        "settings: wrong: 'time_budgit' is unknown; did you mean 'time_budget'",
        "settings: odd: max_trials must be a whole number",
    ):
        assert len([line for line in problems if part in line]) == 1, part
    assert not (tmp_path / "results").exists()


def test_check_knows_finished_jobs_and_jobs_of_unknown_duration(shell):
    write(tables=[{"path": "a.csv", "target": "y"}], settings=DUMMY)
    out = shell("check", "jobs.yaml")[1]
    assert "not counted, because nothing says how long they take: 1 job" in out
    assert shell("run", "jobs.yaml", "--verbose", "0")[0] == 0
    assert shell("check", "jobs.yaml")[1].startswith("1 job of 1 table; 1 finished already\n")


def test_the_schema_is_printed(shell):
    assert json.loads(shell("schema")[1]) == batch_schema()


def test_logs_by_the_start_of_the_name_of_a_job(shell):
    write(tables=[{"path": "?.csv", "target": "y", "task": "classification"}], settings=DUMMY)
    code, _, err = shell("logs", "jobs.yaml", "a-dummy")
    assert (code, "there is no queue" in err) == (2, True)
    assert shell("run", "jobs.yaml", "--verbose", "0")[0] == 0
    for options in ([], ["--follow"]):
        code, out, _ = shell("logs", "jobs.yaml", "a-dummy", *options)
        assert code == 0
        assert "attempt 1 of job a-dummy-" in out
        assert "finished after" in out
    code, _, err = shell("logs", "jobs.yaml", "c-dummy")
    assert (code, "JOB: 'c-dummy' is unknown" in err) == (2, True)
    write(tables=[{"path": "a.csv", "target": y, "task": "classification"} for y in "xy"], settings=DUMMY, name="two")
    assert shell("run", "jobs.yaml", "--verbose", "0")[0] == 0
    code, _, err = shell("logs", "jobs.yaml", "a-")
    assert (code, "JOB: several jobs start with 'a-'" in err) == (2, True)


def test_follow_shows_lines_that_come_later_until_the_job_ends(shell, tmp_path):
    write(tables=[{"path": "a.csv", "target": "y"}], settings=DUMMY)
    assert shell("run", "jobs.yaml", "--verbose", "0")[0] == 0
    [final] = tmp_path.glob("results/a-dummy-*")
    work = final.parent / ".work" / final.name
    final.rename(work)
    _set_state(tmp_path, "running")

    def go_on():
        time.sleep(0.8)
        with (work / "log.txt").open("a") as file:
            file.write("one line more\n")
        work.rename(final)
        _set_state(tmp_path, "finished")

    thread = threading.Thread(target=go_on)
    thread.start()
    code, out, _ = shell("logs", "jobs.yaml", "a", "--follow")
    thread.join()
    assert (code, out.splitlines()[-1]) == (0, "one line more")


def _set_state(folder, state, **values):
    """Change the state of all jobs, in the way of a runner."""
    connection = sqlite3.connect(folder / "results" / "jobs.sqlite")
    changes = ", ".join(f"{key} = :{key}" for key in ("state", *values))
    with connection:
        connection.execute(f"UPDATE automl_jobs SET {changes}", {"state": state, **values})
    connection.close()


def test_status_says_how_much_time_is_left(shell, tmp_path):
    write(tables=[{"path": "?.csv", "target": "y"}], settings={"quick": {"estimator": "sklearn.nothing:None"}})
    assert shell("run", "jobs.yaml", "--verbose", "0")[0] == 1  # both jobs fail, and the queue exists
    _set_state(tmp_path, "running", started=time.time() - 10)
    assert shell("status", "jobs.yaml")[1].endswith("time left: unknown\n")
    connection = sqlite3.connect(tmp_path / "results" / "jobs.sqlite")
    with connection:
        replaced = """replace(payload, '"estimator": "sklearn.nothing:None"', '"estimator": "automl"')"""
        connection.execute(f"UPDATE automl_jobs SET payload = {replaced}")
    connection.close()
    code, out, _ = shell("status", "jobs.yaml")
    assert code == 0
    assert out.splitlines()[-1] in {f"time left: about {s} s on 2 cores" for s in (48, 49, 50)}
    assert sum(line.endswith(" s") or " s " in line for line in out.splitlines()[2:4]) == 2
    left = [job["seconds_left"] for job in json.loads(shell("status", "jobs.yaml", "--json")[1]).values()]
    assert left == [pytest.approx(50, abs=3)] * 2
    _set_state(tmp_path, "queued")
    assert "no job runs; 'automl jobs run' needs about" in shell("status", "jobs.yaml")[1]


def test_the_time_of_a_batch_follows_the_order_of_the_runner():
    def time_of(*jobs, cores=2, running=()):
        return total_time(jobs, running, Resources(cores, 1000.0))

    one, two = PlannedJob(10.0), PlannedJob(10.0, Resources(2))
    assert time_of(*[one] * 4) == 20
    assert time_of(one, two, one) == 20  # the first job that fits starts
    assert time_of(two, one, running=[one]) == 20
    assert time_of(one, PlannedJob(30.0, Resources(2), priority=1)) == 40
    assert time_of(*[PlannedJob(10.0, Resources(1, 800.0))] * 2) == 20  # memory for one of them
    assert time_of(PlannedJob(10.0, Resources(8))) == 0


def test_the_default_budget_is_that_of_the_estimators():
    assert inspect.signature(AutoMLClassifier).parameters["time_budget"].default == DEFAULT_BUDGET
