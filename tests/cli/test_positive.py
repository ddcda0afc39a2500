"""The option ``--positive``, which names the class of interest."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import precision_score

import automl
from automl.cli.leaderboard import render
from automl.report.performance import scores_by_metric
from tests.factories import FAST


@pytest.fixture
def table(tmp_path, monkeypatch):
    frame = load_breast_cancer(as_frame=True).frame.iloc[:, -4:]
    frame["target"] = np.where(frame["target"] == 1, "healthy", "ill")
    frame.to_csv(tmp_path / "cells.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return frame


@pytest.mark.slow
def test_the_model_knows_the_class_of_interest(table, call):
    quick = ["--max-trials", 1, "--n-jobs", 1, "--seed", 0, "--include", "decision_tree", "--scoring", "recall"]
    code, _, err = call("fit", "cells.csv", "--target", "target", "--positive", "healthy", *quick)
    assert code == 0, err
    clf = automl.load("model")
    X, y = table.drop(columns="target"), table["target"]
    assert clf.positive_label == "healthy"
    found = (clf.predict(X) == "healthy")[y == "healthy"].mean()
    assert clf.scorer_(clf, X, y) == pytest.approx(found)
    for positive in ("healthy", "ill"):
        code, out, err = call("score", "model", "cells.csv", "--target", "target", "--positive", positive, "--json")
        assert code == 0, err
        precision = json.loads(out)["metrics"]["precision"]["score"]
        expected = precision_score(y, clf.predict(X), pos_label=positive)
        assert precision == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
def test_the_scores_of_one_class_name_the_class(table, call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # no name is wrapped
    quick = ["--max-trials", 1, "--n-jobs", 1, "--seed", 0, "--include", "decision_tree"]
    scoring = ["--scoring", "recall,accuracy", "--positive", "healthy"]
    code, out, err = call("fit", "cells.csv", "--target", "target", *scoring, *quick)
    assert code == 0, err
    assert "search for the best recall of class 'healthy'" in err
    assert "expected recall of class 'healthy' on new rows" in out + err
    assert "recall of class 'healthy'" in (Path("model") / "README.md").read_text()
    code, out, err = call("score", "model", "cells.csv", "--target", "target", "--positive", "ill")
    names = ["recall of class 'healthy'", "F1 of class 'ill'", "precision of class 'ill'", "average precision of class"]
    assert code == 0, err
    assert [name for name in names if name not in out] == []
    code, out, err = call("leaderboard", "model")
    assert code == 0, err
    assert "out-of-fold scores of the ensemble: recall of class 'healthy'" in out
    automl.load("model").report("report.md", format="markdown")
    assert "recall of class 'healthy'" in Path("report.md").read_text()


def test_names_that_the_user_gives_to_scores_are_no_names_of_scorers(table):
    scoring = {"search": "roc_auc", "recall": "recall_macro", "hits": "recall"}
    model = automl.AutoMLClassifier(**FAST | {"include": ["decision_tree"], "max_trials": 1, "scoring": scoring})
    model.fit(table.drop(columns="target"), table["target"])
    shown = render(model, model.leaderboard_, 1)
    assert re.search(r": roc_auc 0\.\d+, recall 0\.\d+, hits of class 'ill' 0\.\d+\n", shown)
    titles = [score.title for score in scores_by_metric(model)]
    assert [("class" in title) for title in titles] == [False, False, True]


def test_the_benchmark_scores_the_class_of_interest(table, call):
    settings = ["--estimators", "dummy", "--outer-cv", 2, "--n-jobs", 1, "--scoring", "recall", "--verbose", 0]
    for positive, expected in (("healthy", 1), ("ill", 0)):
        code, _, err = call(
            "benchmark", "cells.csv", "--target", "target", "--positive", positive, *settings, "--out", positive
        )
        assert code == 0, err
        assert (pd.read_csv(f"{positive}/scores.csv")["score"] == expected).all()  # most cells are healthy


@pytest.mark.parametrize("command", ["fit", "benchmark"])
def test_an_unknown_class_is_one_line(table, call, command):
    code, _, err = call(command, "cells.csv", "--target", "target", "--positive", "sick", "--verbose", 0)
    assert code == 2
    assert "--positive: 'sick' is no class of the target; the classes are 'healthy', 'ill'" in err
    code, _, err = call(command, "cells.csv", "--target", table.columns[0], "--positive", "1", "--verbose", 0)
    assert code == 2
    assert "holds numbers, not classes; leave out --positive" in err
