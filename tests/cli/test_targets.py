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
    assert call("predict", "model", "numbers.csv", "--interval", 0.8, "--out", "p.csv")[0] == 0
    ends = pd.read_csv("p.csv")
    assert list(ends) == [
        f"{name}{end}" for name in ("rain", "wind") for end in ("", "_interval_low", "_interval_high")
    ]
    assert (ends["wind_interval_low"] <= ends["wind"]).mean() > 0.9
    code, _, message = call("predict", "model", "numbers.csv", "--set", 0.8)
    assert code == 2
    assert "--set: the model in 'model' predicts numbers, not classes; use --interval" in message


@pytest.mark.slow
def test_a_target_with_the_name_of_an_added_column_is_an_error_before_rows_are_read(call, here):
    numbers = pd.read_csv("t.csv")[["a", "b", "rain", "wind"]].rename(columns={"wind": "rain_interval_low"})
    numbers.to_csv("numbers.csv", index=False)
    assert call("fit", "numbers.csv", "--target", "rain,rain_interval_low", *QUICK)[0] == 0
    code, _, message = call("predict", "model", "missing.csv", "--interval", 0.5)
    assert code == 2
    assert "--interval: the file of the predictions would have two columns 'rain_interval_low'" in message
    labels = pd.read_csv("t.csv").drop(columns=["rain", "wind"]).rename(columns={"wet": "kind_set"})
    labels.to_csv("labels.csv", index=False)
    assert call("fit", "labels.csv", "--target", "kind,kind_set", *QUICK)[0] == 0
    code, _, message = call("predict", "model", "missing.csv", "--set", 0.8)
    assert code == 2
    assert "two columns 'kind_set', because of the names of targets or classes; leave out --set" in message


@pytest.mark.slow
def test_commas_separate_targets_and_probabilities_name_target_and_class(call, here):
    pd.read_csv("t.csv").drop(columns=["rain", "wind"]).to_csv("labels.csv", index=False)
    assert call("fit", "labels.csv", "--target", "wet, kind", *QUICK)[0] == 0
    assert call("predict", "model", "labels.csv", "--proba", "--out", "p.csv")[0] == 0
    pairs = ["wet=no", "wet=yes", "kind=x", "kind=y", "kind=z"]
    assert list(pd.read_csv("p.csv")) == [f"probability_{pair}" for pair in pairs]
    assert call("predict", "model", "labels.csv", "--set", 0.8, "--by-class", "--out", "p.csv")[0] == 0
    predicted = pd.read_csv("p.csv")
    assert list(predicted) == ["wet", "kind", "wet_set", "kind_set"]
    assert all(label in found for label, found in zip(predicted["wet"], predicted["wet_set"], strict=True))
    _score_and_check(call)
    code, shown, _ = call("leaderboard", "model", "--test", "labels.csv")
    assert code == 0
    assert "log loss, mean of targets of the ensemble on 79 test rows" in shown
    assert call("report", "model", "--test", "labels.csv", "--out", "r.md")[0] == 0
    assert "### Target 'kind', test rows: 79" in (here / "r.md").read_text(encoding="utf-8")
    code, script, _ = call("export", "model", "--python")
    assert code == 0
    assert 'TARGETS = ["wet", "kind"]' in script


def _score_and_check(call):
    """Score the model of the labels `wet` and `kind`: as JSON, as tables, and with a wrong target."""
    table = pd.read_csv("labels.csv")
    table.loc[3, "kind"] = np.nan
    table[["kind", "wet", "b", "a"]].to_csv("labels.csv", index=False)
    code, shown, message = call("score", "model", "labels.csv", "--json")
    assert code == 0
    assert "left out 1 row" in message
    found = json.loads(shown)
    assert found["n_rows"] == 79
    assert list(found["targets"]) == ["wet", "kind"]
    whole = found["metrics"]["log_loss, mean of targets"]
    each = [metrics["log_loss"]["score"] for metrics in found["targets"].values()]
    assert whole["score"] == pytest.approx(np.mean(each))
    assert whole["low"] < whole["score"] < whole["high"]
    assert whole["expected"]["low"] < whole["expected"]["score"]
    assert found["targets"]["wet"]["accuracy"]["score"] > 0.7
    code, shown, _ = call("score", "model", "labels.csv", "--target", "kind", "--target", "wet")
    assert code == 0
    assert "target 'kind'" in shown
    code, _, message = call("score", "model", "labels.csv", "--target", "wet")
    assert code == 2
    assert "--target: the targets of the model are 'wet', 'kind'; name all of them" in message


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
