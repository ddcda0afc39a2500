"""Descriptions of batches: their meaning, and the errors in them."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import automl
from automl.errors import InvalidInputError
from automl.jobs.job import Job
from automl.jobs.spec import read_batch
from tests.jobs import workshop

BASE = {"tables": [{"path": "a.csv", "target": "y"}]}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("a.csv", "b.csv", "deep/c.csv", "test.csv", "odd.doc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pd.DataFrame({"x": [1, 2], "y": [0, 1]}).to_csv(tmp_path / name, index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def jobs(**given):
    return read_batch({**BASE, **given}).jobs


def test_a_file_means_all_its_tables_times_all_its_settings(folder):
    (folder / "nightly.yaml").write_text(
        """
        defaults: {target: y, holdout: 0.25}
        tables:
          - path: "[ab].csv"
          - {path: deep/c.csv, settings: [quick], test: test.csv, task: regression}
          - {openml: 31, name: credit}
          - {call: "tests.jobs.workshop:table", arguments: {seed: 3}}
        settings:
          quick: {time_budget: 10}
          forest: {estimator: "sklearn.ensemble:RandomForestClassifier", n_estimators: 50}
        """
    )
    batch = read_batch(folder / "nightly.yaml")
    assert (batch.name, batch.folder, batch.results) == ("nightly", folder, folder / "results")
    assert batch.queue == str(folder / "results" / "jobs.sqlite")
    assert [(job.table.name, job.setting.name) for job in batch.jobs] == [
        ("a", "quick"),
        ("a", "forest"),
        ("b", "quick"),
        ("b", "forest"),
        ("c", "quick"),
        ("credit", "quick"),
        ("credit", "forest"),
        ("table", "quick"),
        ("table", "forest"),
    ]
    a, c = batch.jobs[0].table, batch.jobs[4].table
    assert (a.target, a.holdout, a.test, a.task) == ("y", 0.25, None, "auto")
    assert (c.holdout, c.test, c.task) == (None, "test.csv", "regression")
    assert batch.jobs[1].setting.parameters == {"n_estimators": 50}
    assert len({job.name for job in batch.jobs}) == len(batch.jobs)


def test_a_table_overrules_a_setting_and_a_setting_the_defaults(folder):
    [first, second] = jobs(
        defaults={"priority": 1, "retries": 1, "n_jobs": 1, "memory": 500},
        tables=[{"path": "a.csv", "target": "y", "n_jobs": 4}, {"path": "b.csv", "target": "y"}],
        settings={"quick": {"priority": 2, "n_jobs": 2, "time_limit": 60, "time_budget": 30}},
    )
    assert (first.priority, first.retries, first.resources.n_jobs, first.resources.memory) == (2, 1, 4, 500)
    assert (second.resources.n_jobs, second.resources.time_limit) == (2, 60)
    assert first.setting.parameters == {"time_budget": 30}


def test_the_id_depends_on_the_fit_and_on_nothing_else(folder):
    quick = {"quick": {"time_budget": 10}}
    [job] = jobs(settings=quick)
    tables = [{"path": "a.csv", "target": "y", "name": "other", "priority": 9, "n_jobs": 2, "retries": 0}]
    [same] = jobs(settings={"renamed": {"time_budget": 10}}, tables=tables)
    assert same.id == job.id
    for change in (
        {"settings": {"quick": {"time_budget": 11}}},
        {"settings": quick, "defaults": {"holdout": 0.5}},
        {"settings": quick, "tables": [{"path": "a.csv", "target": "x"}]},
        {"settings": quick, "tables": [{"path": "b.csv", "target": "y"}]},
    ):
        assert jobs(**change)[0].id != job.id


def test_a_job_comes_back_from_the_queue_unchanged(folder):
    [job] = jobs(settings={"quick": {"time_budget": 10, "include": ["ridge"]}})
    assert type(job).from_json(job.to_json()) == job


def test_python_functions_are_named_so_that_other_processes_find_them(folder):
    [job] = jobs(tables=[{"call": workshop.table, "target": "y"}])
    assert job.table.source == "tests.jobs.workshop:table"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"table": []}, "the batch: 'table' is unknown; did you mean 'tables'?"),
        ({"tables": []}, "tables must be a list"),
        ({"tables": ["a.csv"]}, "tables: entry 1 must be a mapping"),
        ({"tables": ["a.csv" * 99]}, "must be a mapping of names to values; got '" + ("a.csv" * 20)[:99] + "..."),
        ({"tables": [{"target": "y"}]}, "entry 1 must name its table by exactly one of path, openml, call"),
        ({"tables": [{"path": "a.csv", "openml": 3, "target": "y"}]}, "must name its table by exactly one of"),
        ({"tables": [{"path": "a.csv"}]}, "entry 1 (a.csv): target is missing"),
        ({"tables": [{"path": "no/*.csv", "target": "y"}]}, "entry 1 (no/*.csv): there is no such file"),
        ({"tables": [{"path": "odd.doc", "target": "y"}]}, "'odd.doc' does not say its format"),
        ({"tables": [{"path": "a.csv", "traget": "y"}]}, "'traget' is unknown; did you mean 'target'"),
        (
            {"tables": [{"path": "[ab].csv", "target": "y", "name": "n"}]},
            "name is for one table, but the pattern matches 2",
        ),
        ({"tables": [{"path": "a.csv", "target": "y", "test": "no.csv"}]}, "there is no test file 'no.csv'"),
        ({"tables": [{"path": "a.csv", "target": "y", "holdout": 1.5}]}, "holdout must be a share"),
        ({"tables": [{"path": "a.csv", "target": "y", "task": "ranking"}]}, "task must be auto, classification or"),
        (
            {"tables": [{"path": "a.csv", "target": "y", "settings": ["slow"]}]},
            "'slow' is unknown; choose from 'default'",
        ),
        ({"tables": [{"path": "a.csv", "target": "y", "arguments": {}}]}, "arguments are for a callable"),
        ({"tables": [{"path": "a.csv", "target": "y"}] * 2}, "jobs a-default and a-default are the same fit"),
        ({"tables": [{"openml": "iris"}]}, "openml must be the number of an OpenML data set"),
        ({"tables": [{"call": "function"}]}, "call must be a callable as module:name"),
        ({"tables": [{"call": lambda: None}]}, "cannot be imported by other processes"),
        ({"tables": [{"call": "m:f", "arguments": {"x": {1, 2}}}]}, "x must be made of texts, numbers"),
        ({"defaults": {"priorty": 1}}, "defaults: 'priorty' is unknown; did you mean 'priority'?"),
        ({"defaults": {"priority": "high"}}, "defaults: priority must be a whole number; jobs with larger"),
        ({"defaults": {"retries": -1}}, "retries must be a whole number, 0 or more"),
        ({"defaults": {"n_jobs": -1}}, "n_jobs must be a whole number of cores, 1 or more"),
        ({"defaults": {"memory": True}}, "memory must be a number of MiB above 0"),
        ({"defaults": {"memory": 10**400}}, "memory must be a number of MiB above 0"),
        ({"defaults": {"time_limit": 10**400}}, "time_limit must be a number of seconds above 0"),
        ({"settings": {"quick": {"time_budgit": 5}}}, "settings: quick: 'time_budgit' is unknown; did you mean"),
        ({"settings": {"quick": {"time_budget": -5}}}, "settings: quick: time_budget must be a finite number"),
        ({"settings": {"quick": {"scoring": "roc_auk"}}}, "settings: quick: scoring: 'roc_auk' is unknown"),
        ({"settings": {"quick": {"verbose": 2}}}, "verbose cannot be set here (each job writes a log)"),
        ({"settings": {"quick": {"estimator": "Forest"}}}, "estimator must be 'automl' or a class as module:Class"),
        ({"settings": {"quick": {"estimator": "m:C", "x": math.nan}}}, "x must be made of texts, numbers"),
        ({"settings": ["quick"]}, "settings must be a mapping"),
        ({"store": 3}, "store must be a file or a URL"),
    ],
)
def test_one_clear_error_names_the_entry_and_the_correction(folder, given, message):
    with pytest.raises(InvalidInputError) as caught:
        read_batch({**BASE, **given})
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["tables: [", "- just\n- a list", "\0"])
def test_a_file_that_is_not_a_description_is_refused(tmp_path, text):
    (tmp_path / "jobs.yaml").write_text(text)
    with pytest.raises(InvalidInputError, match=r"jobs\.yaml"):
        read_batch(tmp_path / "jobs.yaml")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="cannot be read: No such file"):
        read_batch(tmp_path / "jobs.yaml")


@pytest.mark.slow
@pytest.mark.parametrize("library", ["SQLAlchemy", "PyYAML"])
def test_a_missing_library_is_named(folder, library):
    module = {"PyYAML": "yaml"}.get(library, library.lower())
    (folder / "jobs.yaml").write_text("tables: [{path: a.csv, target: y}]")
    code = f"import sys; sys.modules[{module!r}] = None; import automl; automl.run_jobs('jobs.yaml')"
    environment = {**os.environ, "PYTHONPATH": str(Path(automl.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith(
        f"InvalidInputError: batches of jobs need {library}; pip install 'cash-automl[jobs]'"
    )


def test_options_of_a_file_change_the_job_and_their_absence_does_not(folder):
    (plain,) = jobs()
    (job,) = jobs(tables=[{"path": "a.csv", "target": "y", "separator": ",", "encoding": "utf-8"}])
    assert job.table.reading == {"separator": ",", "encoding": "utf-8"}
    assert job.id != plain.id
    assert Job.from_json(job.to_json()) == job
    (folder / "parts").mkdir()
    assert jobs(tables=[{"path": "parts", "target": "y"}])[0].table.name == "parts"
    assert plain.id == "fd38065fab10"
    with pytest.raises(InvalidInputError, match=r": separator must be one character"):
        jobs(tables=[{"path": "a.csv", "target": "y", "separator": "::"}])
    with pytest.raises(InvalidInputError, match=r": sheet is for Excel files, but '.*a\.csv' is none"):
        jobs(tables=[{"path": "a.csv", "target": "y", "sheet": 2}])
    with pytest.raises(InvalidInputError, match="encoding is for a file"):
        jobs(tables=[{"openml": 31, "encoding": "utf-8"}])
