"""``automl score`` on tables with few rows, whose scores have no interval."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from automl.ensemble.selection import Ensemble
from pipelines.table.reader import TableReader

QUICK = ["--max-trials", 1, "--n-jobs", 1, "--seed", 0, "--include", "decision_tree", "--cv", 2, "--verbose", 0]


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Return a table whose labels a tree predicts without a mistake."""
    a = np.r_[np.arange(30), np.arange(60, 90)]
    frame = pd.DataFrame({"a": a, "b": a % 7, "kind": np.where(a < 45, "yes", "no")})
    monkeypatch.chdir(tmp_path)
    frame.to_csv("table.csv", index=False)
    return frame


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


def scores(call, table):
    """Return the scores of the model on a table, from strict JSON."""
    table.to_csv("labeled.csv", index=False)
    code, out, err = call("score", "model", "labeled.csv", "--target", "kind", "--json")
    assert code == 0, err
    return json.loads(out, parse_constant=refuse)["metrics"]


def test_a_few_rows_that_are_all_predicted_right_have_no_interval(call, table):
    assert call("fit", "table.csv", "--target", "kind", "--scoring", "accuracy", *QUICK)[0] == 0
    few = table.iloc[26:34]
    for rows in (few, few.iloc[3:5]):
        accuracy = scores(call, rows)["accuracy"]
        assert (accuracy["score"], accuracy["low"], accuracy["high"]) == (1.0, None, None)
    _, out, _ = call("score", "model", "labeled.csv", "--target", "kind")
    assert "no interval" in out
    assert "nan" not in out
    accuracy = scores(call, table)["accuracy"]
    assert (accuracy["low"], accuracy["high"]) == (1.0, 1.0)  # 60 rows are enough


@pytest.mark.slow
@pytest.mark.parametrize("target", [["kind"], ["kind", "half"]])
def test_rows_that_the_model_was_trained_on_are_noted_where_the_model_keeps_its_rows(call, table, target):
    table = table.assign(half=np.where(table["a"] % 2, "odd", "even"))[["a", "b", *target]]
    table.to_csv("table.csv", index=False)
    targets = [word for name in target for word in ("--target", name)]
    assert call("fit", "table.csv", *targets, "--scoring", "accuracy", "--rows", *QUICK)[0] == 0
    _, _, err = call("score", "model", "table.csv", *targets, "--chunk-rows", 25)
    assert err.count("automl: note: 60 of 60 rows were training rows of the model, so that these scores") == 1
    assert err.count("\n") == 1
    table.assign(a=table["a"] + 0.5).to_csv("new.csv", index=False)
    assert call("score", "model", "new.csv", *targets)[2] == ""
    table.iloc[:40].to_csv("few.csv", index=False)
    assert call("fit", "few.csv", *targets, "--scoring", "accuracy", *QUICK)[0] == 0  # without its rows
    assert call("score", "model", "few.csv", *targets)[2] == ""


def test_a_part_of_a_table_may_lack_all_labels_where_the_model_keeps_its_rows(call, table):
    assert call("fit", "table.csv", "--target", "kind", "--scoring", "accuracy", "--rows", *QUICK)[0] == 0
    table["kind"] = table["kind"].where(table.index < 20)
    table.to_csv("labeled.csv", index=False)
    code, _, err = call("score", "model", "labeled.csv", "--target", "kind", "--chunk-rows", 25)
    assert (code, err.count("note: 20 of 20 rows were training rows")) == (0, 1)
    table.iloc[20:].to_csv("none.csv", index=False)
    code, _, err = call("score", "model", "none.csv", "--target", "kind")
    assert (code, err.splitlines()[-1]) == (2, "automl: 'none.csv' holds no row with a known label")


@pytest.mark.parametrize("target", [["kind"], ["kind", "half"]])
def test_each_chunk_is_read_and_predicted_once(call, table, monkeypatch, target):
    table = table.assign(half=np.where(table["a"] % 2, "odd", "even"))[["a", "b", *target]]
    table.to_csv("table.csv", index=False)
    targets = [word for name in target for word in ("--target", name)]
    assert call("fit", "table.csv", *targets, "--scoring", "accuracy", "--rows", *QUICK)[0] == 0
    done = []
    for owner, name in ((TableReader, "transform_noting"), (Ensemble, "predict")):
        method = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda self, X, name=name, method=method: done.append(name) or method(self, X))
    code, _, err = call("score", "model", "table.csv", *targets, "--chunk-rows", 25)
    assert (code, "60 of 60 rows were training rows" in err) == (0, True)
    assert sorted(done) == ["predict"] * 3 + ["transform_noting"] * 3


def test_an_expected_score_without_interval_is_valid_json_and_text(call, table):
    table.iloc[20:40].to_csv("few.csv", index=False)  # all are predicted right, also in cross-validation
    assert call("fit", "few.csv", "--target", "kind", "--scoring", "accuracy", *QUICK)[0] == 0
    expected = scores(call, table)["accuracy"]["expected"]
    assert (expected["score"], expected["low"], expected["high"]) == (1.0, None, None)
    _, out, _ = call("score", "model", "labeled.csv", "--target", "kind")
    assert "1 (no interval)" in out
    assert "nan" not in out


def test_the_target_is_asked_for_before_any_other_column_is_read_as_numbers(call, table):
    numbers = table[["a", "b"]].assign(y=table["a"] * 0.5)
    numbers.to_csv("numbers.csv", index=False)
    assert call("fit", "numbers.csv", "--target", "y", *QUICK)[0] == 0
    months = numbers.assign(month=["01.2020", *["later"] * 59])
    months.to_csv("months.csv", index=False, sep=";", decimal=",")
    for command in (("score", "model", "months.csv"), ("leaderboard", "model", "--test", "months.csv")):
        code, _, err = call(*command)
        assert code == 2
        assert "--target: name the column of 'months.csv' with the true values; 'y', 'month' may be it" in err
        code, _, err = call(*command, "--target", "y")
        assert code == 0, err
    months.iloc[:0].to_csv("empty.csv", index=False)
    code, _, err = call("score", "model", "empty.csv")
    assert (code, "'empty.csv' holds no row" in err) == (2, True)


@pytest.mark.parametrize("n_zero", [0, 1, 3])
def test_errors_as_shares_of_zero_are_left_out(call, table, n_zero):
    numbers = table[["a", "b"]].assign(y=1 + table["a"] * 0.5)
    numbers.to_csv("numbers.csv", index=False)
    assert call("fit", "numbers.csv", "--target", "y", *QUICK)[0] == 0
    numbers.assign(y=numbers["y"].where(numbers.index >= n_zero, 0)).to_csv("zeros.csv", index=False)
    code, out, err = call("score", "model", "zeros.csv", "--target", "y", "--json")
    assert code == 0, err
    assert ("mean_absolute_percentage_error" in json.loads(out)["metrics"]) == (n_zero == 0)
    rows = {0: "", 1: "1 row", 3: "3 rows"}[n_zero]
    note = f"automl: note: left out the mean absolute percentage error, because the true value is 0 in {rows}\n"
    assert err == (note if n_zero else "")


def test_a_search_for_the_error_as_a_share_keeps_it(call, table):
    numbers = table[["a", "b"]].assign(y=table["a"] * 0.5)
    numbers.to_csv("numbers.csv", index=False)
    name = "neg_mean_absolute_percentage_error"
    assert call("fit", "numbers.csv", "--target", "y", "--scoring", name, *QUICK)[0] == 0
    code, out, err = call("score", "model", "numbers.csv", "--target", "y", "--json")
    assert (code, err) == (0, "")
    assert name.removeprefix("neg_") in json.loads(out)["metrics"]


def test_the_note_about_zeros_names_the_target(call, table):
    both = table[["a", "b"]].assign(y=1 + table["a"] * 0.5, z=table["a"] * 0.2)
    both.to_csv("both.csv", index=False)
    assert call("fit", "both.csv", "--target", "y", "--target", "z", *QUICK)[0] == 0
    code, out, err = call("score", "model", "both.csv", "--json")
    assert code == 0, err
    assert "because the true value of 'z' is 0 in 1 row" in err
    found = json.loads(out)["targets"]
    assert ["mean_absolute_percentage_error" in found[name] for name in ("y", "z")] == [True, False]
