"""The JSON Schema of jobs.yaml accepts what `read_batch` accepts, and refuses the errors that need no files."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from jsonschema import Draft7Validator

from automl.errors import InvalidInputError
from automl.jobs.dry_run import check_jobs
from automl.jobs.schema import batch_schema
from automl.jobs.spec import SET_BY_JOBS, read_batch

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / "first_steps.md", ROOT / "docs" / "jobs.md"]
BLOCKS = [text for page in PAGES for text in re.findall(r"```yaml\n(.*?)```", page.read_text(), flags=re.DOTALL)]
EXAMPLES = [text for text in BLOCKS if "tables:" in text]
GOOD = [
    {},
    {"settings": {"quick": None}},
    {"name": "b", "results": "r", "store": "postgresql://u@h/d", "defaults": {"n_jobs": 2, "memory": 0.5}},
    {"tables": [{"path": "a.csv", "target": "y", "encoding": "cp1252", "separator": ";", "settings": ["default"]}]},
    {"tables": [{"openml": 31, "priority": -3, "retries": 0}]},
    {"tables": [{"call": "m.n:f", "arguments": {"seed": 3}, "holdout": 0.25, "task": "regression"}]},
    {"settings": {"a": {"time_budget": None, "max_trials": 3, "include": ["ridge"], "cv": 5, "guard": 0.1}}},
    {"settings": {"a": {"scoring": "r2", "searcher": "random", "columns": {"zip": "category"}, "random_state": 7}}},
    {"settings": {"a": {"initial_configurations": [{"model": "ridge"}], "device": "cpu", "executor": "local"}}},
    {"settings": {"a": {"estimator": "sklearn.ensemble:RandomForestClassifier", "n_estimators": 5, "priority": 2}}},
    {"settings": {"a": {"estimator": "automl", "positive_label": 1, "memory_limit": 500, "ensemble_size": 1}}},
    {"settings": {"a": {"quantiles": [0.1, 0.9]}}},
]
BAD = [
    {"table": []},
    {"tables": []},
    {"tables": ["a.csv"]},
    {"tables": [{"target": "y"}]},
    {"tables": [{"path": "a.csv", "openml": 3, "target": "y"}]},
    {"tables": [{"path": "a.csv", "traget": "y"}]},
    {"tables": [{"path": "a.csv", "target": " "}]},
    {"tables": [{"path": "a.csv", "target": "y", "holdout": 1.5}]},
    {"tables": [{"path": "a.csv", "target": "y", "holdout": True}]},
    {"tables": [{"path": "a.csv", "target": "y", "task": "ranking"}]},
    {"tables": [{"path": "a.csv", "target": "y", "arguments": {}}]},
    {"tables": [{"path": "a.csv", "target": "y", "settings": []}]},
    {"tables": [{"openml": "iris"}]},
    {"tables": [{"openml": 31, "encoding": "utf-8"}]},
    {"tables": [{"call": "function"}]},
    {"tables": [{"call": "m:f", "arguments": [3]}]},
    {"defaults": {"priorty": 1}},
    {"defaults": {"priority": "high"}},
    {"defaults": {"retries": -1}},
    {"defaults": {"n_jobs": 0}},
    {"defaults": {"memory": True}},
    {"defaults": {"time_limit": 0}},
    {"settings": ["quick"]},
    {"settings": {"quick": {"time_budgit": 5}}},
    {"settings": {"quick": {"time_budget": -5}}},
    {"settings": {"quick": {"max_trials": 1.5}}},
    {"settings": {"quick": {"verbose": 2}}},
    {"settings": {"quick": {"estimator": "Forest"}}},
    {"settings": {"quick": {"estimator": "m:C", "n_jobs": 0}}},
    {"settings": {"quick": {"include": ["rigde"]}}},
    {"settings": {"quick": {"include": "ridge"}}},
    {"settings": {"quick": {"searcher": "smak"}}},
    {"settings": {"quick": {"cv": 1}}},
    {"settings": {"quick": {"guard": 0.9}}},
    {"settings": {"quick": {"columns": {"zip": "categry"}}}},
    {"settings": {"quick": {"device": "gpu"}}},
    {"settings": {"quick": {"initial_configurations": "metta"}}},
    {"settings": {"quick": {"random_state": -1}}},
    {"settings": {"quick": {"quantiles": [0.5, 1.5]}}},
    {"store": 3},
]


@pytest.fixture(scope="module")
def validator():
    schema = batch_schema()
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


@pytest.fixture
def complete(tmp_path, monkeypatch):
    """Return a function that adds the necessary keys to a description; its table exists."""
    (tmp_path / "a.csv").write_text("x,y\n1,0\n2,1\n")
    monkeypatch.chdir(tmp_path)
    return lambda given: {"tables": [{"path": "a.csv", "target": "y"}], **given}


@pytest.mark.parametrize("given", GOOD, ids=str)
def test_a_description_that_can_be_read_is_valid(validator, complete, given):
    assert read_batch(complete(given)).jobs
    assert [error.message for error in validator.iter_errors(complete(given))] == []


@pytest.mark.parametrize("given", BAD, ids=str)
def test_a_description_that_cannot_be_read_is_invalid(validator, complete, given):
    with pytest.raises(InvalidInputError):
        read_batch(complete(given))
    assert not validator.is_valid(complete(given))


def test_jobs_refuse_objectives_for_which_they_have_no_frontier_or_no_groups(validator, tmp_path):
    pd.DataFrame({"x": range(60), "day": range(60), "y": [0, 1] * 30}).to_csv(tmp_path / "a.csv")
    table = {"path": str(tmp_path / "a.csv"), "target": "y", "task": "classification"}
    fair = {"objectives": ["score", "equalized_odds_difference"]}
    small = {"objectives": ["score", "megabytes"]}
    given = {"tables": [table | {"time": "day"}], "settings": {"small": small}, "store": str(tmp_path / "runs")}
    assert any("there is no frontier_" in problem for problem in check_jobs(given).problems)
    assert validator.is_valid(given)
    given = given | {"tables": [table], "settings": {"fair": fair}}
    assert any("pass them to fit" in problem for problem in check_jobs(given).problems)


def test_the_groups_of_a_table_make_differences_between_them_an_objective(validator, tmp_path):
    pd.DataFrame({"x": range(80), "sex": ["f", "m", "m", "f"] * 20, "y": [0, 1] * 40}).to_csv(tmp_path / "a.csv")
    table = {"path": str(tmp_path / "a.csv"), "target": "y", "task": "classification"}
    fair = {"objectives": ["score", "equalized_odds_difference"]}
    given = {"tables": [table | {"sensitive_features": ["sex"]}], "settings": {"fair": fair}}
    given["store"] = str(tmp_path / "runs")
    assert validator.is_valid(given)
    assert len(check_jobs(given).problems) == 0
    given = given | {"tables": [table | {"sensitive_features": "sexx"}]}
    assert any("sensitive_features: 'sexx' is unknown" in problem for problem in check_jobs(given).problems)


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_of_the_documentation_are_valid(validator, text):
    assert [error.message for error in validator.iter_errors(yaml.safe_load(text))] == []


def test_every_key_and_every_parameter_has_a_meaning_and_a_line_in_the_documentation():
    schema = batch_schema()
    table = schema["definitions"]["table"]["properties"]
    setting = schema["definitions"]["setting"]["then"]["properties"]
    page = PAGES[1].read_text()
    assert [key for key in [*schema["properties"], *table] if f"`{key}`" not in page] == []
    assert [key for keys in (table, setting) for key, value in keys.items() if not value["description"]] == []
    assert len(setting) > 15
    assert set(setting) & (set(SET_BY_JOBS) - {"n_jobs"}) == set()
