"""Several targets on the command line."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

QUICK = ["--max-trials", 1, "--n-jobs", 1, "--seed", 0, "--include", "decision_tree", "--cv", 2]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return the working directory, with a table of numbers and labels."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=80), "b": rng.normal(size=80)})
    table["rain"], table["wind"] = table["a"] + 5, table["b"] * 10
    table["wet"], table["kind"] = np.where(table["a"] > 0, "yes", "no"), np.array(list("xyz"))[np.arange(80) % 3]
    table.to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_fit_and_predict_write_a_column_for_each_target(call, here):
    numbers = pd.read_csv("t.csv").drop(columns=["wet", "kind"])
    numbers.to_csv("numbers.csv", index=False)
    code, _, messages = call("fit", "numbers.csv", "--target", "rain", "--target", "wind", *QUICK)
    assert code == 0
    assert "regression of 'rain', 'wind'" in messages
    assert call("predict", "model", "numbers.csv", "--out", "p.csv")[0] == 0
    predicted = pd.read_csv("p.csv")
    assert list(predicted.columns) == ["rain", "wind"]
    assert np.corrcoef(predicted["rain"], numbers["rain"])[0, 1] > 0.7


def test_commas_separate_targets_and_probabilities_name_target_and_class(call, here):
    pd.read_csv("t.csv").drop(columns=["rain", "wind"]).to_csv("labels.csv", index=False)
    assert call("fit", "labels.csv", "--target", "wet, kind", *QUICK)[0] == 0
    assert call("predict", "model", "labels.csv", "--proba", "--out", "p.csv")[0] == 0
    assert list(pd.read_csv("p.csv")) == ["wet=no", "wet=yes", "kind=x", "kind=y", "kind=z"]
    code, _, message = call("score", "model", "labels.csv", "--target", "wet")
    assert code == 2
    assert "automl score is for models of one target, but this model has 2: 'wet', 'kind'" in message
    code, _, message = call("export", "model", "--python")
    assert code == 2
    assert "the exported script is for models of one target" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "rain,wet"], "--target: 'wet' holds classes, and 'rain' holds quantities"),
        (["--target", "rain,snow"], "--target: 't.csv' has no column 'snow'"),
        (["--target", "wet,kind", "--positive", "yes"], "--positive is for one target of two classes"),
    ],
)
def test_targets_that_do_not_go_together_get_one_error(call, here, arguments, message):
    code, _, shown = call("fit", "t.csv", *arguments, *QUICK)
    assert code == 2
    assert message in shown


def test_a_job_may_name_a_list_of_targets(here, tmp_path):
    from automl.jobs.job import Job, Setting, Table
    from automl.jobs.tables import read_data

    table = Table("t", "path", "t.csv", target=["rain", "wind"], holdout=0.25)
    data = read_data(table, tmp_path)
    assert list(data.y.columns) == ["rain", "wind"]
    assert not data.is_classification
    assert len(data.y_test) == 20
    assert len(data.fingerprint) == 16
    job = Job(table, Setting("quick"))
    assert Job.from_json(job.to_json()).id == job.id
    assert json.loads(job.to_json())["table"]["target"] == ["rain", "wind"]
