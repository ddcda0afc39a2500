"""The command ``automl leaderboard``."""

from __future__ import annotations

import io
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.cli.leaderboard import render, render_rows
from tests.factories import FAST

TINY = {**FAST, "max_trials": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a saved regressor, a saved classifier, and tables with rows that their searches lack."""
    folder = tmp_path_factory.mktemp("models")
    diabetes, cancer = load_diabetes(as_frame=True).frame, load_breast_cancer(as_frame=True).frame
    cancer["target"] = np.where(cancer["target"] == 1, "benign", "malignant")
    AutoMLRegressor(**TINY).fit(diabetes.drop(columns="target")[:300], diabetes["target"][:300]).save(folder / "reg")
    AutoMLClassifier(**TINY).fit(cancer.drop(columns="target")[:300], cancer["target"][:300]).save(folder / "clf")
    diabetes[300:].to_csv(folder / "diabetes.csv", index=False)
    cancer[300:].assign(more=1).to_csv(folder / "cancer.csv", index=False)
    return folder


def test_the_first_lines_are_the_expected_score_and_the_direction_of_the_metric(folder, call):
    code, out, err = call("leaderboard", folder / "reg")
    assert (code, err) == (0, "")
    expected, direction, head, *rows, costs = out.splitlines()
    assert costs.startswith("costs: ")
    assert re.match(
        r"expected root mean squared error on new rows: [\d.]+ \(95% interval [\d.]+ to [\d.]+; lower", expected
    )
    assert direction.startswith(
        "score: the negative root mean squared error, the mean over the finished folds; greater"
    )
    assert head.split()[:4] == ["rank", "family", "score", "std"]
    assert "test score" not in head
    assert len(rows) == 2
    assert any("alpha=" in row for row in rows)


def test_a_labeled_table_adds_scores_of_the_members_and_of_the_ensemble(folder, call):
    _, out, _ = call("leaderboard", folder / "reg", "--test", folder / "diabetes.csv")
    lines = out.splitlines()
    assert re.match(r"root mean squared error of the ensemble on 142 test rows: [\d.]+$", lines[1])
    assert "test score" in lines[3]
    _, out, _ = call("leaderboard", folder / "reg", "--test", folder / "diabetes.csv", "--csv")
    board = pd.read_csv(io.StringIO(out))
    assert board.loc[board["weight"] > 0, "test_score"].between(-80, -40).all()


def test_cells_of_the_test_rows_that_cannot_be_read_are_noted_once(folder, call):
    table = pd.read_csv(folder / "diabetes.csv").astype({"bmi": object})
    table.loc[3, "bmi"] = "heavy"
    table.to_csv(folder / "unread.csv", index=False)
    code, _, err = call("leaderboard", folder / "reg", "--test", folder / "unread.csv")
    assert code == 0
    assert err.count("column 'bmi': 1 of 142 cells cannot be read as numbers, such as 'heavy' in row 4") == 1
    assert err.count("\n") == 1


def test_the_labels_of_a_classifier_are_found_by_the_name_of_the_column(folder, call):
    test = ["--test", folder / "cancer.csv"]
    code, out, err = call("leaderboard", folder / "clf", *test)
    assert (code, out) == (2, "")
    assert "--target: name the column" in err
    code, out, err = call("leaderboard", folder / "clf", *test, "--target", "target")
    assert (code, err) == (0, "")
    score = re.search(r"ROC AUC of the ensemble on 269 test rows: ([\d.]+)", out)[1]
    assert 0.9 < float(score) <= 1
    code, _, err = call("leaderboard", folder / "clf", *test, "--target", "more")
    assert code == 2
    assert "which is no class of the model" in err


def test_a_line_says_that_ranks_of_unfinished_configurations_use_adjusted_scores(folder):
    model = load(folder / "reg")
    board = pd.concat([model.leaderboard_] * 2, ignore_index=True).assign(folds=[3, 2, 1, 1])
    assert "sorted by scores that are adjusted for their missing folds" in render(model, board, 20)


def test_large_times_and_scores_are_written_without_an_exponent(folder):
    board = load(folder / "reg").leaderboard_
    text = render_rows(board.assign(predict_milliseconds=823.4, score=-30123.4), 20)
    assert " 823 " in text
    assert " -30,123 " in text
