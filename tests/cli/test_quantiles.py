"""Quantiles on the command line and in jobs."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from sklearn.datasets import load_diabetes

from automl import AutoMLRegressor, load
from automl.errors import InvalidInputError
from automl.jobs.attempt import Assignment, make_estimator
from automl.jobs.job import Job, Setting, Table
from automl.jobs.tables import SplitData
from automl.report.reproduce import make_reproduce_section
from automl.serving.bodies import CSV, JSON, write_predictions
from automl.serving.model import Predictions, ServedModel
from tests.factories import FAST


@pytest.mark.slow
def test_the_command_line_writes_a_column_for_each_quantile(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    pd.concat([X[["bmi", "s5"]], y], axis=1)[:120].to_csv("t.csv", index=False)
    quick = ["--max-trials", 1, "--n-jobs", 1, "--seed", 0, "--include", "ridge", "--cv", 2]
    code, _, messages = call("fit", "t.csv", "--target", "target", "--quantiles", "0.1,0.5,0.9", *quick)
    assert code == 0
    assert "because of --quantiles" in messages
    assert call("predict", "model", "t.csv", "--out", "p.csv")[0] == 0
    found = pd.read_csv("p.csv")
    assert list(found) == ["prediction", "quantile_0.1", "quantile_0.5", "quantile_0.9"]
    code, _, message = call("predict", "model", "missing.csv", "--interval", "0.9")
    assert code == 2
    assert "predicts quantiles; leave out --interval" in " ".join(message.split())
    assert (found["prediction"] == found["quantile_0.5"]).all()
    assert "--quantiles 0.1,0.5,0.9" in make_reproduce_section(load("model"), None).command
    code, shown, _ = call("score", "model", "t.csv", "--target", "target", "--json")
    assert code == 0
    assert '"mean_pinball_loss"' in shown
    code, _, message = call("fit", "t.csv", "--target", "target", "--quantiles", "low,high", *quick)
    assert code == 2
    assert "--quantiles must be numbers such as 0.1,0.5,0.9; got 'low,high'" in message
    code, _, message = call("fit", "t.csv", "--target", "target", "--quantiles", "", *quick)
    assert code == 2
    assert "--quantiles must be numbers such as 0.1,0.5,0.9; got ''" in message
    X.assign(target="x").to_csv("texts.csv", index=False)
    code, _, message = call("fit", "texts.csv", "--target", "target", "--quantiles", "0.1,0.9", *quick)
    assert code == 2
    assert "leave out --quantiles" in message


def test_a_server_answers_with_all_quantiles(tmp_path):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    reg = AutoMLRegressor(quantiles=(0.1, 0.9), **FAST | {"max_trials": 1, "include": ["ridge"]}).fit(X[:100], y[:100])
    served = ServedModel(reg)
    answer = json.loads(write_predictions(served.predict(X[:3]), JSON))
    found = reg.predict_quantiles(X[:3])
    assert answer["quantiles"] == {"0.1": found[:, 0].tolist(), "0.9": found[:, 1].tolist()}
    assert answer["predictions"] == reg.predict(X[:3]).tolist()
    first = write_predictions(served.predict(X[:3]), CSV).decode().splitlines()[0]
    assert first == "prediction,quantile_0.1,quantile_0.9"
    assert served.describe()["quantiles"] == [0.1, 0.9]


def test_a_setting_with_quantiles_is_for_tables_of_numbers(tmp_path):
    numbers, classes = (
        SplitData(X=pd.DataFrame({"a": [1.0, 2.0]}), y=pd.Series(y), is_classification=kind)
        for y, kind in (([1.5, 2.5], False), (["x", "z"], True))
    )
    job = Job(Table("t", "path", "t.csv", target="y"), Setting("stock", "automl", {"quantiles": [0.1, 0.9]}))
    assignment = Assignment(job, "t-stock", 1, tmp_path, tmp_path, memory=1_000.0)
    assert make_estimator(assignment, numbers, tmp_path / "run")[0].quantiles == [0.1, 0.9]
    with pytest.raises(InvalidInputError, match="settings: stock: AutoMLClassifier has no quantiles"):
        make_estimator(assignment, classes, tmp_path / "run")


def test_levels_that_differ_in_the_last_digits_keep_their_own_names():
    found = Predictions([1.0], quantiles={0.9999999: [2.0], 0.99999999: [3.0]})
    assert json.loads(write_predictions(found, JSON))["quantiles"] == {"0.9999999": [2.0], "0.99999999": [3.0]}
    assert write_predictions(found, CSV).decode().startswith("prediction,quantile_0.9999999,quantile_0.99999999")
