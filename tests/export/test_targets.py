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


def scores(folder, monkeypatch, capsys, table, targets, configuration):
    """Return the scores of the script and of `best_pipeline_` on the second half of a table, and the script."""
    train, test = table.iloc[::2], table.iloc[1::2]
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    kind = AutoMLRegressor if targets[0] == "bp" else AutoMLClassifier
    scoring = {} if kind is AutoMLRegressor else {"scoring": "neg_log_loss"}
    model = kind(**SETTINGS, **scoring, initial_configurations=[configuration])
    model.fit(train.drop(columns=targets), train[targets])
    script = python_script(model)
    names = {"__name__": "script"}
    exec(script, names)
    monkeypatch.setattr(sys, "argv", ["script", str(folder / "train.csv"), "--test", str(folder / "test.csv")])
    capsys.readouterr()
    names["main"]()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == targets
    ours = model.scorer_(model.best_pipeline_, test.drop(columns=targets), test[targets])
    printed = np.array([float(line.split()[2]) for line in lines])
    if kind is AutoMLRegressor:
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


def test_joint_nearest_neighbors_become_those_of_scikit_learn(tmp_path, monkeypatch, capsys):
    theirs, ours, script = scores(
        tmp_path, monkeypatch, capsys, LABELS.drop(columns="large"), ["target", "size"], NEIGHBORS
    )
    assert "KNeighborsClassifier(" in script
    assert theirs == pytest.approx(ours, abs=0.4)  # without the vote for each class, some probabilities are 0


def test_an_estimator_without_a_plain_counterpart_is_refused():
    class Own(ClassifierMixin, BaseEstimator):
        """Inherits from scikit-learn's mixin only."""

    with pytest.raises(InvalidInputError, match="cannot express Own, which has no plain counterpart; use the saved"):
        Script().plain(Own())
