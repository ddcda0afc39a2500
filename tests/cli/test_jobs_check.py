"""The commands ``automl jobs check``, ``schema`` and ``logs``, and the time left in ``status``."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import sqlite3
import threading
import time
from functools import partial

import numpy as np
import pandas as pd
import pytest
import yaml

from automl import AutoMLClassifier, run_jobs
from automl.jobs.duration import DEFAULT_BUDGET, PlannedJob, total_time
from automl.jobs.job import Resources
from automl.jobs.schema import batch_schema
from tests.jobs.workshop import DUMMY


@pytest.fixture
def shell(tmp_path, monkeypatch, call):
    """Return a function that calls ``automl jobs ...`` in a folder with two tables."""
    _write_tables(tmp_path)
    monkeypatch.chdir(tmp_path)
    return partial(call, "jobs")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the folder of a batch of two jobs that have finished."""
    folder = tmp_path_factory.mktemp("finished")
    _write_tables(folder)
    tables = [{"path": f"{name}.csv", "target": "y", "name": f"table_{name}"} for name in "ab"]
    write(folder, defaults={"task": "classification"}, tables=tables, settings=DUMMY)
    assert set(run_jobs(folder / "jobs.yaml", n_jobs=2)["state"]) == {"finished"}
    return folder


@pytest.fixture
def done(shell, finished, tmp_path):
    """Return a function that calls ``automl jobs ...`` in a copy of the folder of the finished batch."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return shell


def _write_tables(folder):
    for name, target in (("a", ["left", "right"] * 20), ("b", np.arange(40) % 20 * 1.5)):
        pd.DataFrame({"x": range(40), "y": target}).to_csv(folder / f"{name}.csv", index=False)


def write(folder, **batch):
    (folder / "jobs.yaml").write_text(yaml.safe_dump(batch))


def test_check_shows_jobs_needs_and_the_time_on_this_machine(shell, tmp_path):
    write(
        tmp_path,
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


def test_check_finds_an_estimator_that_refuses_a_column(shell, tmp_path):
    pd.DataFrame({"x": range(40), "town": ["Oslo", "Rome"] * 20, "y": ["left", "right"] * 20}).to_csv(
        "t.csv", index=False
    )
    write(
        tmp_path,
        defaults={"target": "y"},
        tables=[{"path": "a.csv"}, {"path": "t.csv"}],
        settings={"rf": {"estimator": "sklearn.ensemble:RandomForestClassifier", "n_estimators": 2}},
    )
    code, out, _ = shell("check", "jobs.yaml", "--json")
    problems = json.loads(out)["problems"]
    assert (code, len(problems)) == (1, 1)
    assert problems[0].startswith(
        "t-rf: settings: rf: sklearn.ensemble:RandomForestClassifier gets the table without any"
    )
    assert "refuses column 'town': could not convert string to float: 'Oslo'; name a function" in problems[0]


def test_check_lists_all_problems_and_starts_nothing(shell, tmp_path):
    pd.DataFrame({"x": range(40), "y": "same"}).to_csv("c.csv", index=False)
    write(
        tmp_path,
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


def test_a_misspelled_key_does_not_hide_other_problems(shell, tmp_path):
    write(
        tmp_path,
        tables=[{"path": "none.csv", "target": "y"}, {"path": "a.csv", "target": "targt", "holdot": 0.2}],
        settings={"quick": {"time_budgt": 10, "scoring": "acuracy", "retries": -1}},
    )
    code, out, _ = shell("check", "jobs.yaml")
    problems = [line.removeprefix("problem: ") for line in out.splitlines() if line.startswith("problem: ")]
    assert code == 1
    for part in (
        "settings: quick: 'time_budgt' is unknown; did you mean 'time_budget'",
        "settings: quick: retries must be a whole number, 0 or more",
        "settings: quick: scoring: 'acuracy' is unknown; did you mean 'accuracy'",
        "tables: entry 1 (none.csv): there is no such file",
        "tables: entry 2 (a.csv): 'holdot' is unknown; did you mean 'holdout'",
        "a: target: 'a.csv' has no column 'targt'",
    ):
        assert [text for text in problems if text.startswith(part)], part
    assert len(problems) == 6


@pytest.mark.parametrize("budget", ["x", "60", [60], True, -5, 10**400])
def test_a_time_budget_that_is_no_number_of_seconds_is_one_problem(shell, tmp_path, budget):
    settings = {"odd": {"time_budget": budget, "time_limit": 30}, "quick": {"time_budget": 20}}
    write(tmp_path, tables=[{"path": "b.csv", "target": "y"}], settings=settings)
    code, out, err = shell("check", "jobs.yaml", "--n-jobs", "1", "--json")
    found = json.loads(out)
    assert (code, err) == (1, "")
    assert [text.partition(" must be ")[0] for text in found["problems"]] == ["settings: odd: time_budget"]
    assert (found["job_seconds"], found["n_unknown"]) == (20, 1)


def test_check_knows_finished_jobs_and_jobs_of_unknown_duration(done, tmp_path):
    assert done("check", "jobs.yaml")[1].startswith("2 jobs of 2 tables; 2 finished already\n")
    shutil.rmtree(tmp_path / "results")
    assert "not counted, because nothing says how long they take: 2 jobs\n" in done("check", "jobs.yaml")[1]


def test_the_schema_is_printed(shell):
    assert json.loads(shell("schema")[1]) == batch_schema()


def test_logs_by_the_start_of_the_name_of_a_job(done, tmp_path):
    for options in ([], ["--follow"]):
        code, out, _ = done("logs", "jobs.yaml", "table_a", *options)
        assert code == 0
        assert "attempt 1 of job table_a-dummy-" in out
        assert "finished after" in out
    for name, message in (
        ("tabel_a", "there is no job 'tabel_a'; 'automl jobs results' lists all jobs"),
        ("table", "JOB: several jobs start with 'table': 'table_a-dummy-"),
    ):
        code, _, err = done("logs", "jobs.yaml", name)
        assert (code, message in err) == (2, True), err
    shutil.rmtree(next(tmp_path.glob("results/table_a-*")))
    code, _, err = done("logs", "jobs.yaml", "table_a", "--follow")
    assert (code, "the job has not started, or it ran on another machine" in err) == (2, True)


def test_follow_shows_lines_that_come_later_until_the_job_ends(done, tmp_path):
    [final] = tmp_path.glob("results/table_a-*")
    work = final.parent / ".work" / final.name
    final.rename(work)
    _set_state(tmp_path, "running")

    def go_on():
        time.sleep(0.6)
        with (work / "log.txt").open("a") as file:
            file.write("one line more\n")
        work.rename(final)
        _set_state(tmp_path, "finished")

    thread = threading.Thread(target=go_on)
    thread.start()
    code, out, _ = done("logs", "jobs.yaml", "table_a", "--follow")
    thread.join()
    assert (code, out.splitlines()[-1]) == (0, "one line more")


def _set_state(folder, state, **values):
    """Change the state of all jobs, in the way of a runner."""
    connection = sqlite3.connect(folder / "results" / "jobs.sqlite")
    changes = ", ".join(f"{key} = :{key}" for key in ("state", *values))
    with connection:
        connection.execute(f"UPDATE automl_jobs SET {changes}", {"state": state, **values})
    connection.close()


def test_status_says_how_much_time_is_left(done, tmp_path):
    _set_state(tmp_path, "running", started=time.time() - 10)
    assert done("status", "jobs.yaml")[1].endswith("time left: unknown\n")
    connection = sqlite3.connect(tmp_path / "results" / "jobs.sqlite")
    with connection:  # a search has a time budget
        connection.execute(
            f"UPDATE automl_jobs SET payload = replace(payload, '{DUMMY['dummy']['estimator']}', 'automl')"
        )
    connection.close()
    code, out, _ = done("status", "jobs.yaml")
    assert code == 0
    assert re.fullmatch(r"time left: about (4\d|50) s on 2 cores", out.splitlines()[-1])
    left = [job["seconds_left"] for job in json.loads(done("status", "jobs.yaml", "--json")[1]).values()]
    assert all(20 < seconds <= 50 for seconds in left)
    _set_state(tmp_path, "queued")
    assert re.search(
        r"no job runs; 'automl jobs run' needs about [\w ]+ on the \d+ cores? of this", done("status", "jobs.yaml")[1]
    )


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
