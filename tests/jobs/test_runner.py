"""Whole batches, each job in its own process, on tables that take no time to make."""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sqlalchemy.exc import OperationalError

import automl
from automl.jobs import runner as runner_module
from automl.jobs.batch import open_batch, open_queue, resume_jobs, run_batch
from automl.jobs.folders import JobFolder
from automl.jobs.job import Resources
from automl.jobs.runner import Runner
from automl.jobs.spec import read_batch
from tests.jobs.workshop import DUMMY, lines

TABLE, RAISES, DIES, BLOATS = (f"tests.jobs.workshop:{name}" for name in ("table", "raises", "dies", "bloats"))


def describe(tmp_path, *tables, settings=DUMMY, **defaults):
    return {
        "results": str(tmp_path / "results"),
        "defaults": {"target": "y", **defaults},
        "tables": list(tables),
        "settings": settings,
    }


def made(n, marks, **arguments):
    return [{"call": TABLE, "arguments": {"seed": i, "marks": marks and str(marks), **arguments}} for i in range(n)]


def the_only(summary):
    assert len(summary) == 1
    return summary.iloc[0]


def test_each_job_leaves_a_folder_and_all_of_them_a_summary(tmp_path):
    load_iris(as_frame=True).frame.to_csv(tmp_path / "iris.csv", index=False)
    settings = {
        "forest": {"estimator": "sklearn.ensemble:RandomForestClassifier", "n_estimators": 10},
        "tree": {"estimator": "sklearn.tree:DecisionTreeClassifier", "scoring": "accuracy"},
    }
    table = {"path": str(tmp_path / "iris.csv"), "target": "target", "holdout": 0.4}
    summary = automl.run_jobs(describe(tmp_path, table, settings=settings))
    assert list(summary["state"]) == ["finished", "finished"]
    assert list(summary["metric"]) == ["neg_log_loss", "accuracy"]
    assert summary["test_score"][1] > 0.8
    assert (summary[["n_rows", "n_test_rows", "n_columns"]] == [90, 60, 4]).all(axis=None)
    assert summary["search_score"].isna().all()  # there was no search
    results = tmp_path / "results"
    for name in summary["job"]:
        assert {path.name for path in (results / name).iterdir()} == {"model", "log.txt", "result.json"}
        assert json.loads((results / name / "result.json").read_text())["state"] == "finished"
        assert "finished after" in (results / name / "log.txt").read_text()
    model = automl.load(results / summary["job"][1] / "model")
    assert model.score(load_iris().data, load_iris().target) > 0.8
    assert list(pd.read_csv(results / "summary.csv")["job"]) == list(summary["job"])
    pd.testing.assert_frame_equal(pd.read_parquet(results / "summary.parquet"), summary)


@pytest.mark.slow
def test_running_a_batch_again_repeats_no_job_and_adds_new_jobs(tmp_path):
    marks = tmp_path / "marks"
    assert len(automl.run_jobs(describe(tmp_path, *made(2, marks)))) == 2
    summary = automl.run_jobs(describe(tmp_path, *made(3, marks)))
    assert list(summary["state"]) == ["finished"] * 3
    assert sorted(line.split()[1] for line in lines(marks, "start")) == ["0", "1", "2"]


def test_larger_priorities_run_first_and_never_more_than_the_cores_allow(tmp_path):
    marks = tmp_path / "marks"
    tables = [{**table, "priority": i} for i, table in enumerate(made(3, marks, seconds=0.05))]
    automl.run_jobs(describe(tmp_path, *tables), n_jobs=1)
    assert [line.split()[:2] for line in lines(marks)] == [
        [what, str(i)] for i in (2, 1, 0) for what in ("start", "end")
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [pytest.param(RAISES, "ConnectionError: the line is dead", marks=pytest.mark.slow), (DIES, "exit code -9")],
)
def test_a_job_that_fails_is_tried_again_as_often_as_allowed(tmp_path, call, message):
    def table(name, times):
        return {"call": call, "name": name, "arguments": {"marks": str(tmp_path / name), "times": times}}

    summary = automl.run_jobs(describe(tmp_path, table("recovers", 1), table("never", 9), *made(1, None), retries=1))
    assert list(summary["state"]) == ["finished", "failed", "finished"]
    assert list(summary["attempts"]) == [2, 2, 1]
    assert message in summary["reason"][1]
    assert len(lines(tmp_path / "never")) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_death_of_a_job_is_seen_although_its_fork_lives(tmp_path):
    call = "tests.jobs.workshop:leaves_a_fork"
    row = the_only(automl.run_jobs(describe(tmp_path, {"call": call, "time_limit": 60}, retries=0)))
    assert "exit code -9" in row["reason"]


@pytest.mark.parametrize(
    ("table", "settings", "message"),
    [
        ({"call": TABLE, "target": "z"}, DUMMY, "no column 'z'"),
        ({"call": "tests.jobs.workshop:tabel"}, DUMMY, "cannot be imported"),
        pytest.param(
            *({"call": TABLE}, {"bad": {"estimator": "sklearn.dummy:DummyClassifier", "stratgy": 1}}, "stratgy"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *({"call": TABLE}, {"bad": {"estimator": "sklearn.dummy:DummyRegressor"}}, "cannot predict classes"),
            marks=pytest.mark.slow,
        ),
        (
            {"call": TABLE},
            {"bad": {"estimator": "sklearn.dummy:DummyClassifier", "strategy": "x"}},
            "settings: bad: .*'x'",
        ),
        (
            {"call": TABLE, "time_limit": 0.5, "arguments": {"seconds": 3600}},
            DUMMY,
            "more than its time_limit of 0.5 s",
        ),
        ({"call": BLOATS, "memory": 600}, DUMMY, "its memory of 600 MiB; raise memory"),
    ],
)
def test_a_failure_that_would_repeat_is_not_tried_again(tmp_path, table, settings, message):
    row = the_only(automl.run_jobs(describe(tmp_path, table, settings=settings)))
    assert (row["state"], row["attempts"]) == ("failed", 1)
    assert re.search(message, row["reason"])


def test_resuming_runs_failed_jobs_again_without_the_description(tmp_path):
    marks = tmp_path / "marks"
    table = {"call": RAISES, "arguments": {"marks": str(marks), "times": 1}}
    assert the_only(automl.run_jobs(describe(tmp_path, table, retries=0)))["state"] == "failed"
    assert the_only(automl.run_jobs(describe(tmp_path, table, retries=0)))["state"] == "failed"
    assert len(lines(marks)) == 1
    assert the_only(resume_jobs(str(tmp_path / "results" / "jobs.sqlite")))["state"] == "finished"


def test_a_cancelled_job_ends_soon_and_the_rest_goes_on(tmp_path):
    marks = tmp_path / "marks"
    description = describe(tmp_path, *made(1, marks, seconds=3600), *made(3, marks)[1:])
    got = []
    runner = threading.Thread(target=lambda: got.append(automl.run_jobs(description, n_jobs=1)))
    runner.start()
    while not lines(marks, "start 0"):
        time.sleep(0.05)
    with open_batch(str(tmp_path / "results" / "jobs.sqlite")) as (queue, batch):
        first, second, _ = (row.name for row in queue.records(batch.name))
        assert queue.cancel(batch.name, [first, second]) == 2
    runner.join(120)
    assert list(got[0]["state"]) == ["cancelled", "cancelled", "finished"]
    assert [line.split()[1] for line in lines(marks, "start")] == ["0", "2"]


def test_a_finished_folder_counts_if_the_runner_was_killed_before_it_recorded_the_end(tmp_path):
    marks = tmp_path / "marks"
    description = describe(tmp_path, *made(1, marks))
    automl.run_jobs(description)
    (tmp_path / "results" / "jobs.sqlite").unlink()
    row = the_only(automl.run_jobs(description))
    assert (row["state"], row["n_rows"]) == ("finished", 20)
    assert len(lines(marks, "start")) == 1


def fails_once(method, committed):
    """Return a method of the queue whose first call fails, before its transaction or after the commit of it."""
    calls = []

    def call(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            if committed:
                method(*arguments)
            raise OperationalError("", {}, Exception("the connection broke"))
        return method(*arguments)

    return call


def run_with_outage(monkeypatch, batch, name, committed):
    """Run a batch while one method of the queue fails once; return the records of its jobs."""
    monkeypatch.setattr(runner_module, "_TICK", 0.05)
    with open_queue(batch.queue) as queue:
        queue.register(batch.name, batch.folder, batch.results)
        queue.add(batch.name, batch.jobs)
        monkeypatch.setattr(queue, name, fails_once(getattr(queue, name), committed))
        thread = threading.Thread(target=Runner(queue, batch, Resources(1, 1000.0)).run, daemon=True)
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
        return queue.records(batch.name)


def test_a_job_whose_claim_was_not_answered_runs_later(tmp_path, monkeypatch):
    marks = tmp_path / "marks"
    batch = read_batch(describe(tmp_path, *made(2, marks)))
    records = run_with_outage(monkeypatch, batch, "claim", committed=True)
    assert [(record.state, record.attempts) for record in records] == [("finished", 2), ("finished", 1)]
    assert sorted(line.split()[1] for line in lines(marks, "start")) == ["0", "1"]


def test_a_finished_folder_counts_although_its_end_could_not_be_recorded_at_first(tmp_path, monkeypatch):
    marks = tmp_path / "marks"
    batch = read_batch(describe(tmp_path, *made(1, marks)))
    folder = JobFolder(batch.results, batch.jobs[0].name).final
    folder.mkdir(parents=True)
    (folder / "result.json").write_text('{"state": "finished"}')
    [record] = run_with_outage(monkeypatch, batch, "end", committed=False)
    assert record.state == "finished"
    assert not marks.exists()


def test_a_half_written_folder_is_no_result(tmp_path):
    description = describe(tmp_path, *made(1, None))
    name = the_only(automl.run_jobs(description))["job"]
    folder = JobFolder(tmp_path / "results", name)
    (tmp_path / "results" / "jobs.sqlite").unlink()
    folder.final.rename(folder.work)
    (folder.work / "result.json").write_text('{"state": ')
    assert the_only(automl.run_jobs(description))["state"] == "finished"
    assert json.loads((folder.final / "result.json").read_text())["state"] == "finished"
    assert not folder.work.exists()


def test_jobs_that_are_too_large_are_left_to_a_larger_runner(tmp_path):
    description = describe(tmp_path, {"call": TABLE, "n_jobs": 3}, {"call": TABLE, "arguments": {"seed": 1}})
    assert list(automl.run_jobs(description, n_jobs=2)["state"]) == ["queued", "finished"]
    with open_batch(str(tmp_path / "results" / "jobs.sqlite")) as (queue, batch):
        assert list(run_batch(queue, batch, Resources(3, 1000.0))["state"]) == ["finished", "finished"]


def test_rows_of_a_separate_test_table_and_quantities(tmp_path):
    rng = np.random.default_rng(0)
    for name, rows in (("train", 60), ("test", 30)):
        x = rng.normal(size=rows)
        pd.DataFrame({"x": x, "price": 2 * x + 1}).to_parquet(tmp_path / f"{name}.parquet")
    table = {"path": str(tmp_path / "train.parquet"), "target": "price", "test": str(tmp_path / "test.parquet")}
    settings = {"line": {"estimator": "sklearn.linear_model:LinearRegression", "scoring": "r2"}}
    row = the_only(automl.run_jobs(describe(tmp_path, table, settings=settings)))
    assert (row["task"], row["metric"], row["n_rows"], row["n_test_rows"]) == ("regression", "r2", 60, 30)
    assert row["test_score"] == pytest.approx(1)


@pytest.mark.slow
def test_words_as_labels_are_tested_by_f1_and_the_log_names_the_class(tmp_path, caplog):
    caplog.set_level(logging.INFO, "automl.jobs")
    rng = np.random.default_rng(0)
    for name, rows in (("train", 60), ("test", 30)):
        x = rng.normal(size=rows)
        pd.DataFrame({"x": x, "answer": np.where(x > 0, "yes", "no")}).to_parquet(tmp_path / f"{name}.parquet")
    table = {"path": str(tmp_path / "train.parquet"), "target": "answer", "test": str(tmp_path / "test.parquet")}
    settings = {"tree": {"estimator": "sklearn.tree:DecisionTreeClassifier", "scoring": "f1"}}
    row = the_only(automl.run_jobs(describe(tmp_path, table, settings=settings)))
    assert row["metric"] == "f1"
    assert row["test_score"] > 0.9
    assert "test F1 of class 'yes' " in caplog.text
