"""The options of ``automl fit``: one for every parameter of the estimators and every argument of `fit`."""

from __future__ import annotations

import inspect
import json
import re
import sys

import numpy as np
import pandas as pd
import pytest
import typer
from sklearn.datasets import load_breast_cancer

import automl
from automl import AutoMLClassifier, AutoMLRegressor
from automl.cli.main import app

# Options whose names differ from the names in Python.
OTHER_NAMES = {
    "X": "table",
    "y": "--target",
    "sample_weight": "--weight",
    "X_val": "--validation",
    "y_val": "--target",
    "sample_weight_val": "--weight",
    "random_state": "--seed",
    "callbacks": "--callback",
}
FIRST = ["--target", "--out", "--time-budget", "--scoring", "--n-jobs"]
QUICK = ["--max-trials", 1, "--n-jobs", 1, "--seed", 0, "--verbose", 0]
CALLBACK = """
def note(result, history):
    open("noted.txt", "a").write(result.trial.configuration.family)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return the working directory, with a table, a module with a callback, and a file with configurations."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=90), "code": rng.integers(0, 4, 90)})
    table["label"] = np.where(table["a"] + rng.normal(size=90) > 0, "yes", "no")
    table["amount"], table["clinic"] = rng.uniform(1, 2, 90), np.arange(90) % 30
    table.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "own_callbacks.py").write_text(CALLBACK)
    (tmp_path / "first.json").write_text(json.dumps([{"model": "decision_tree"}]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def options(command):
    """Return the names of the options and arguments of a command."""
    return {name for param in typer.main.get_command(app).commands[command].params for name in param.opts}


@pytest.mark.parametrize("function", [AutoMLClassifier, AutoMLRegressor, AutoMLClassifier.fit, AutoMLRegressor.fit])
def test_every_parameter_has_an_option(function):
    names = [name for name in inspect.signature(function).parameters if name != "self"]
    assert len(names) > 3
    expected = {OTHER_NAMES.get(name, "--" + name.replace("_", "-")) for name in names}
    assert expected - options("fit") == set()


@pytest.mark.slow
def test_the_options_reach_the_estimator(here, call):
    given = {
        "--scoring": "f1",
        "--positive-label": "no",
        "--weight": "amount",
        "--groups": "clinic",
        "--columns": "code=category",
        "--cv": "GroupKFold:3",
        "--initial-configurations": "first.json",
        "--searcher": "random",
        "--ensemble-size": 3,
        "--guard": 0.1,
        "--callback": "own_callbacks:note",
        "--memory-limit": 1500,
        "--trial-time-limit": 30,
        "--max-predict-milliseconds": 500,
        "--device": "cpu",
        "--executor": "local",
        "--store": "run",
    }
    typed = [text for pair in given.items() for text in pair]
    code, out, err = call("fit", "t.csv", "--target", "label", *typed, "--guard-stop", "--rows", *QUICK)
    assert (code, out, err) == (0, "", "")
    clf = automl.load("model")
    assert list(clf.feature_names_in_) == ["a", "code"]
    found = clf.get_params(deep=False)
    assert (found["scoring"], found["positive_label"], found["columns"]) == ("f1", "no", {"code": "category"})
    assert (found["cv"].n_splits, type(found["cv"]).__name__, clf.n_splits_) == (3, "GroupKFold", 3)
    assert found["initial_configurations"] == [{"model": "decision_tree"}]
    assert (found["searcher"], found["ensemble_size"], found["executor"]) == ("random", 3, "local")
    assert (found["guard"].share, found["guard"].stop) == (0.1, True)
    assert (found["memory_limit"], found["trial_time_limit"], found["max_predict_milliseconds"]) == (1500, 30, 500)
    assert (found["device"], str(found["store"])) == ("cpu", "run")
    assert (here / "run" / "history.jsonl").stat().st_size > 0
    assert (here / "noted.txt").read_text() == "decision_tree"
    assert clf.refit().refit_report_ is not None  # --rows


@pytest.mark.slow
def test_times_and_a_gap_split_the_rows(here, call):
    table = pd.read_csv("t.csv").assign(day=pd.date_range("2024-03-01", periods=90).strftime("%d/%m/%Y"))
    table.sample(frac=1, random_state=0).to_csv("t.csv", index=False)
    typed = ["--time", "day", "--gap", "2 days", "--include", "decision_tree", "--rows"]
    code, _, err = call("fit", "t.csv", "--target", "label", *typed, *QUICK)
    assert code == 0, err
    clf = automl.load("model")
    assert "by models that were trained on older rows" in clf.estimate_.note
    assert "day" in clf.feature_names_in_
    code, _, err = call("refit", "model", "--train", "t.csv", "--target", "label", "--out", "new", "--verbose", 0)
    assert code == 0, err
    assert "by models" in automl.load("new").estimate_.note


def test_each_combination_of_several_sensitive_features_is_a_group(here, call):
    arguments = ["fit", "t.csv", "--target", "label", "--include", "decision_tree", *QUICK]
    code, _, err = call(*arguments, "--sensitive-features", "clinics")
    assert (code, "--sensitive-features: 'clinics' is unknown; did you mean 'clinic'" in err) == (2, True)
    pd.read_csv("t.csv").assign(old=[True, False, False] * 30, home=["a", "b"] * 45).to_csv("t.csv", index=False)
    assert call(*arguments, "--sensitive-features", "old", "--sensitive-features", "home")[0] == 0
    board = automl.load("model").leaderboard_
    assert {"score[False, a]", "score[False, b]", "score[True, a]", "score[True, b]"} <= set(board.columns)


def test_validation_rows_come_from_a_file(here, call):
    table = pd.read_csv("t.csv")
    table[:60].to_csv("old.csv", index=False)
    table[60:].to_csv("new.csv", index=False)
    typed = ["--validation", "new.csv", "--weight", "amount", "--include", "decision_tree", "--rows"]
    code, _, err = call("fit", "old.csv", "--target", "label", *typed, *QUICK)
    assert code == 0, err
    clf = automl.load("model")
    assert (clf.n_splits_, list(clf.feature_names_in_)) == (1, ["a", "code", "clinic"])
    assert clf.estimate_.note.startswith("that of the validation rows")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--time", "dya"], "--time: 't.csv' has no column 'dya'"),
        (["--gap", "3"], "--gap needs --time"),
        (["--time", "a", "--gap", "3 days"], "--gap '3 days' is a duration, but time holds numbers"),
        (["--time", "a", "--cv", "KFold"], "time and a splitter as cv exclude each other"),
        (["--validation", "t.csv", "--cv", "3"], "--validation and --cv exclude each other"),
        (["--validation", "t.csv", "--groups", "clinic"], "--validation and --groups exclude each other"),
        (["--validation", "nothing.csv"], "nothing.csv"),
        (["--weight", "amonut"], "--weight: 't.csv' has no column 'amonut'; it has 'amount'"),
        (["--groups", "label"], "--groups: 't.csv' has no column 'label'"),
        (["--columns", "code"], "--columns must be NAME=KIND, for example zip=category; got 'code'"),
        (["--columns", "code=categry"], "columns: 'categry' is unknown; did you mean 'category'"),
        (["--columns", "code=text,a=drop", "--drop", "code"], "--drop code: another option names this column"),
        (["--cv", "KFolds"], "--cv: 'KFolds' is unknown; did you mean 'KFold'"),
        (["--cv", "KFold:1"], "--cv must have 2 folds or more after the colon; got 'KFold:1'"),
        (["--cv", "5:2"], "--cv must be a number of folds, or a splitter such as KFold:5; got '5:2'"),
        (["--guard-stop"], "--guard-stop needs --guard"),
        (["--guard", "0.9"], "guard must be a share of the rows"),
        (["--initial-configurations", "none.json"], "'none.json' cannot be read: No such file"),
        (["--initial-configurations", "t.csv"], "--initial-configurations: 't.csv' is unknown"),
        (["--callback", "note"], "--callback must be module:name; got 'note'"),
        (["--callback", "own_callbacks:nothing"], "--callback: 'own_callbacks:nothing' cannot be imported"),
        (["--executor", "slurm"], "executor: 'slurm' is unknown"),
        (["--memory-limit", "-1"], "--memory-limit must be a finite number of MiB above 0"),
    ],
)
def test_a_wrong_value_is_one_line_before_any_work(here, call, arguments, message):
    code, out, err = call("fit", "t.csv", "--target", "label", *QUICK, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not (here / "model").exists()


def test_a_column_may_have_a_comma_in_its_name(here, call):
    pd.read_csv("t.csv").rename(columns={"code": "code, old"}).to_csv("t.csv", index=False)
    code, _, err = call("benchmark", "t.csv", "--target", "label", "--columns", "cod, old=category")
    assert (code, "'cod, old' is unknown; did you mean 'code, old'" in err) == (2, True)


def test_help_shows_the_five_most_important_options_first(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = call("fit", "--help")
    assert code == 0
    panels = out.split("╭─ ")
    assert panels[2].startswith("Options")
    assert [name for name in FIRST if name in panels[2]] == FIRST
    assert panels[2].count(" --") == len(FIRST) + 1  # and --help
    assert len(panels) > 6


@pytest.mark.slow
def test_scoring_takes_several_names_after_commas(call, tmp_path):
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X.iloc[:, :5].assign(target=y).to_csv(tmp_path / "train.csv", index=False)
    options = ["--max-trials", 1, "--include", "lda", "--scoring", "roc_auc, accuracy", "--n-jobs", 1]
    code, out, err = call("fit", tmp_path / "train.csv", "--target", "target", "--out", tmp_path / "model", *options)
    assert code in (0, None), err
    head = next(line for line in out.splitlines() if line.lstrip().startswith("rank"))
    assert head.split()[2:6] == ["score", "std", "accuracy", "folds"]
    assert re.search(r"^out-of-fold scores of the ensemble: roc_auc 0\.\d{4}, accuracy 0\.\d{4}$", out, re.MULTILINE)
    estimator = automl.load(tmp_path / "model")
    assert estimator.scoring == ["roc_auc", "accuracy"]
    estimator.report(tmp_path / "report.md")
    assert "--scoring roc_auc,accuracy" in (tmp_path / "report.md").read_text()


@pytest.mark.slow
def test_a_csv_file_gets_the_order_of_its_classes_from_an_option_and_a_parquet_file_keeps_its_own(here, call):
    order = ["low", "middle", "high"]
    table = pd.read_csv("t.csv")
    labels = np.array(order)[np.digitize(table["a"], [-0.5, 0.5])]
    table["label"] = pd.Categorical(labels, categories=order, ordered=True)
    table.to_csv("t.csv", index=False)
    table.to_parquet("t.parquet")
    quick = ["--target", "label", "--out", "model", "--include", "decision_tree", *QUICK]
    for given in (["t.csv", "--ordered-classes", "low, middle,high"], ["t.parquet"]):
        assert call("fit", *given, *quick)[0] == 0
        assert automl.load("model").scorer_.labels == tuple(order)
    code, _, error = call("fit", "t.csv", "--ordered-classes", "low,middle", *quick)
    assert code != 0
    assert "--ordered-classes lacks the class 'high' of 'label'" in " ".join(error.split())


@pytest.mark.slow
def test_fractions_are_ordered_classes_of_a_csv_file_also_for_new_rows(here, call):
    table = pd.read_csv("t.csv")
    table["label"] = np.array(["0.5", "1", "1.5"])[np.digitize(table["a"], [-0.5, 0.5])]  # "1" is no text of a float
    table.to_csv("t.csv", index=False)
    named = ["--target", "label", "--ordered-classes", "0.5,1,1.5", "--validation", "t.csv"]
    assert call("fit", "t.csv", *named, "--out", "model", "--include", "decision_tree", *QUICK)[0] == 0
    assert automl.load("model").scorer_.labels == ("0.5", "1.0", "1.5")
    code, out, error = call("score", "model", "t.csv", "--target", "label")
    assert code in (0, None), error
    assert "90 rows" in out
    new = ["--target", "label", "--out", "report.json"]
    assert call("report", "model", "--test", "t.csv", *new)[0] in (0, None)
    code, _, error = call("refit", "model", "--train", "t.csv", "--target", "label", "--out", "new")
    assert code in (0, None), error
