"""The exported script of a model of several targets trains and scores all of them."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_diabetes

from automl import AutoMLClassifier, AutoMLRegressor
from automl.errors import InvalidInputError
from automl.export.code import Script
from automl.export.script import python_script

NUMBERS = load_diabetes(as_frame=True).frame.drop(columns=["s1", "s2"])
LABELS = load_breast_cancer(as_frame=True).frame.iloc[:, [0, 1, 4, 5, 6, 20, 27, 30]]
LABELS = LABELS.assign(
    target=LABELS["target"].map({0: "malignant", 1: "benign"}),
    large=(LABELS["worst radius"] > 16).astype(int),
    size=np.digitize(LABELS["mean radius"], [12, 14]),
).drop(columns=["mean radius", "worst radius"])
SETTINGS = {"time_budget": None, "max_trials": 1, "n_jobs": 1, "cv": 2, "verbose": 0, "random_state": 0}


def fitted(table, targets, configuration, scoring="neg_log_loss"):
    """Return an estimator that was fitted with one configuration."""
    kind = AutoMLRegressor if targets[0] == "bp" else AutoMLClassifier
    model = kind(
        **SETTINGS, scoring=None if kind is AutoMLRegressor else scoring, initial_configurations=[configuration]
    )
    return model.fit(table.drop(columns=targets), table[targets])


def run(folder, monkeypatch, capsys, script, train, test=None):
    """Return the lines that a script prints."""
    arguments = []
    for name, table in (("train.csv", train), ("test.csv", test)):
        if table is not None:
            table.to_csv(folder / name, index=False)
            arguments += ["--test"] * (name == "test.csv") + [str(folder / name)]
    names = {"__name__": "script"}
    exec(script, names)
    monkeypatch.setattr(sys, "argv", ["script", *arguments])
    capsys.readouterr()
    names["main"]()
    return capsys.readouterr().out.splitlines()


def scores(folder, monkeypatch, capsys, table, targets, configuration):
    """Return the scores of the script and of `best_pipeline_` on the second half of a table, and the script."""
    train, test = table.iloc[::2], table.iloc[1::2]
    model = fitted(train, targets, configuration)
    script = python_script(model)
    lines = run(folder, monkeypatch, capsys, script, train, test)
    assert [line.split(":")[0] for line in lines] == targets
    ours = model.scorer_(model.best_pipeline_, test.drop(columns=targets), test[targets])
    printed = np.array([float(line.split()[2]) for line in lines])
    if targets[0] == "bp":
        printed /= np.array(model.scorer_.scales)
    return printed.mean(), ours, script


NEIGHBORS = {"model": "k_nearest_neighbors", "multi_output": "joint"}
FOREST = {"model": "random_forest", "multi_output": "joint"}
LINEAR = {"model": "logistic_regression"}


@pytest.mark.parametrize(
    ("targets", "configuration", "words"),
    [
        (["bp", "target"], {"model": "ridge", "multi_output": "joint"}, "TransformedTargetRegressor"),
        (["bp", "target"], {"model": "ridge", "multi_output": "independent"}, "MultiOutputRegressor"),
        (["bp", "target"], {"model": "ridge", "multi_output": "chain"}, "RegressorChain"),
        (["target", "large"], {**LINEAR, "multi_output": "chain"}, "ClassifierChain"),
        (["target", "size"], {**LINEAR, "multi_output": "independent"}, "MultiOutputClassifier"),
        pytest.param(["bp", "target"], FOREST, "RandomForestRegressor", marks=pytest.mark.slow),
        pytest.param(["target", "size"], FOREST, "RandomForestClassifier", marks=pytest.mark.slow),
        pytest.param(
            ["bp", "target"], {"model": "lightgbm", "multi_output": "chain"}, "RegressorChain", marks=pytest.mark.slow
        ),
        pytest.param(
            ["target", "size"],
            {"model": "lightgbm", "multi_output": "chain"},
            "independent models take its place",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["target", "size"],
            {"model": "realmlp", "multi_output": "joint"},
            "MultiOutputClassifier",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_script_scores_each_target_like_the_best_pipeline(
    tmp_path, monkeypatch, capsys, targets, configuration, words
):
    table = NUMBERS if targets[0] == "bp" else LABELS.drop(columns={"large", "size"} - set(targets))
    theirs, ours, script = scores(tmp_path, monkeypatch, capsys, table, targets, configuration)
    assert words in script
    assert "automl" not in script.split("import argparse")[1]
    assert theirs == pytest.approx(ours, abs=0.1)


def test_the_positive_class_of_each_target_is_the_last_one(tmp_path, monkeypatch, capsys):
    table = LABELS.drop(columns="size").assign(large=2 - LABELS["large"])  # 1 for the few large ones, and 2
    targets, (train, test) = ["target", "large"], (table.iloc[::2], table.iloc[1::2])
    configuration = {**LINEAR, "multi_output": "independent"}
    model = AutoMLClassifier(**SETTINGS, scoring="recall", initial_configurations=[configuration])
    model.fit(train.drop(columns=targets), train[targets])
    script = python_script(model)
    assert 'CLASSES = [["benign", "malignant"], [2, 1]]' in script
    lines = run(tmp_path, monkeypatch, capsys, script, train, test)
    ours = model.scorer_(model.best_pipeline_, test.drop(columns=targets), test[targets])
    assert np.mean([float(line.split()[2]) for line in lines]) == pytest.approx(ours, abs=0.1)


def test_joint_nearest_neighbors_become_those_of_scikit_learn(tmp_path, monkeypatch, capsys):
    theirs, ours, script = scores(
        tmp_path, monkeypatch, capsys, LABELS.drop(columns="large"), ["target", "size"], NEIGHBORS
    )
    assert "KNeighborsClassifier(" in script
    assert theirs == pytest.approx(ours, abs=0.4)  # without the vote for each class, some probabilities are 0


@pytest.mark.parametrize("method", ["independent", "chain"])
@pytest.mark.filterwarnings("ignore:The least populated class")
def test_the_script_cross_validates_a_sorted_table_with_a_rare_class(tmp_path, monkeypatch, capsys, method):
    table = LABELS.drop(columns="size").sort_values(["target", "large"])
    script = python_script(fitted(table, ["target", "large"], {**LINEAR, "multi_output": method}))
    assert "rounds" not in script  # the numbers of iterations that logistic regression needed are not in the script
    table["large"] = (np.arange(len(table)) == 7).astype(int)  # four folds of test rows lack the class of this row
    target, large = run(tmp_path, monkeypatch, capsys, script, table)
    assert -0.45 < float(target.split()[2]) < 0
    assert "over 5 of 5 folds" in large  # the log loss has a value for rows of one class
    assert -0.2 < float(large.split()[2]) < 0


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_folds_without_a_score_are_left_out_of_the_mean(tmp_path, monkeypatch, capsys):
    table = LABELS.drop(columns="large").sort_values(["size", "target"]).iloc[::3]
    configuration = {**LINEAR, "multi_output": "independent"}
    script = python_script(fitted(table, ["target", "size"], configuration, "roc_auc_ovr"))
    table["size"] = np.where(np.arange(len(table)) < 3, 0, 1 + (np.arange(len(table)) > 60))
    target, size = run(tmp_path, monkeypatch, capsys, script, table)
    assert "over 5 of 5 folds" in target
    assert "over 3 of 5 folds" in size


def test_the_script_cross_validates_a_sorted_table_of_numbers(tmp_path, monkeypatch, capsys):
    table = NUMBERS.sort_values("target")
    model = fitted(table, ["bp", "target"], {"model": "ridge", "multi_output": "chain"})
    bp, target = run(tmp_path, monkeypatch, capsys, python_script(model), table)
    assert bp.startswith("bp: neg_root_mean_squared_error -0.0")
    assert -60 < float(target.split()[2]) < -45  # with folds of sorted rows, the error is 75 and more


@pytest.mark.slow
@pytest.mark.parametrize("targets", [["bp", "target"], ["target", "size"]])
@pytest.mark.parametrize("method", ["joint", "independent", "chain"])
@pytest.mark.parametrize("model", ["decision_tree", "extra_trees", "k_nearest_neighbors", "random_forest", "ridge"])
def test_each_model_of_all_targets_becomes_a_script_that_runs(tmp_path, monkeypatch, capsys, model, method, targets):
    if model == "ridge" and targets == ["target", "size"]:
        pytest.skip("ridge is a model of numbers")
    table = NUMBERS if targets[0] == "bp" else LABELS.drop(columns="large")
    script = python_script(fitted(table, targets, {"model": model, "multi_output": method}))
    lines = run(tmp_path, monkeypatch, capsys, script, table)
    assert all("over 5 of 5 folds" in line for line in lines)


def test_an_estimator_without_a_plain_counterpart_is_refused():
    class Own(ClassifierMixin, BaseEstimator):
        """Inherits from scikit-learn's mixin only."""

    with pytest.raises(InvalidInputError, match="cannot express Own, which has no plain counterpart; use the saved"):
        Script().plain(Own())
