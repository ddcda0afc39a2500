"""Tests of the warnings after the search and of the suspicious labels, through fitted estimators."""

from __future__ import annotations

import copy
import logging
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import make_scorer

import automl
from automl import AutoMLClassifier, AutoMLRegressor
from automl.checks import scorer
from automl.checks.labels import find_suspects, suspect_table
from automl.checks.leak import check_leak
from automl.checks.predictions import RowPredictions
from tests.factories import FAST

ARGUMENTS = FAST | {"include": ["decision_tree", "lda"], "max_trials": 2, "initial_configurations": "default"}


def make_table(n=240):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    y = np.where(X["a"] + X["b"] > 0, "high", "low")
    X["a"] += np.where(X["a"] + X["b"] > 0, 0.5, -0.5)
    return X, y


def make_leak():
    X, y = make_table()
    return X.assign(paid=np.where(y == "high", 3.0, 4.0) + X["d"] / 100), y


@pytest.fixture(scope="module")
def fitted():
    X, y = make_table()
    wrong = np.argsort(-np.abs(X["a"] + X["b"]).to_numpy())[:3]
    y[wrong] = np.where(y[wrong] == "high", "low", "high")
    return AutoMLClassifier(**ARGUMENTS).fit(X, y), y, wrong


class Lines(logging.Handler):
    """Keeps the lines of the log."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def fit_with_log(model, X, y):
    logger, handler = logging.getLogger("automl"), Lines()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        return model.fit(X, y), handler.lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@pytest.fixture(scope="module")
def logged():
    return fit_with_log(AutoMLClassifier(**ARGUMENTS | {"verbose": 1}), *make_leak())


@pytest.fixture(scope="module")
def useless():
    """A model of numbers that say nothing about the target, and the lines of its log."""
    X, _ = make_table(80)
    settings = ARGUMENTS | {"include": ["ridge"], "verbose": 1}
    return fit_with_log(AutoMLRegressor(**settings), X, np.random.default_rng(1).normal(size=80))


@pytest.fixture(scope="module")
def leaking(logged):
    return logged[0]


def test_wrong_labels_are_the_first_suspects(fitted):
    clf, y, wrong = fitted
    table = clf.suspect_labels_
    assert list(table) == ["row", "given", "likelier", "probability"]
    assert set(wrong) <= set(table["row"][:6])
    assert (table["given"] == y[table["row"]]).all()
    assert (table["given"] != table["likelier"]).all()
    assert table["probability"].between(0, 1).all()


def test_a_table_without_a_leak_gives_no_warning(fitted):
    assert fitted[0].warnings_ == []


def test_a_column_that_alone_predicts_as_well_as_the_ensemble_gives_a_warning(leaking):
    (found,) = leaking.warnings_
    assert (found.code, found.column, found.severity) == ("leak", "paid", "high")
    assert "columns={'paid': 'drop'}" in found.message


def test_a_model_no_better_than_a_constant_has_a_warning_in_the_attribute_and_at_the_end_of_the_log(
    useless,
):
    model, lines = useless
    (found,) = model.warnings_
    assert (found.code, found.column, found.severity) == ("no_better_than_constant", None, "high")
    assert "may be no better than a constant prediction" in found.message
    assert any(found.message in line for line in lines[-4:])
    assert sum("constant prediction" in line for line in lines) == 1


def test_the_warning_about_a_constant_does_not_depend_on_the_log(useless):
    X, _ = make_table(80)
    quiet = AutoMLRegressor(**ARGUMENTS | {"include": ["ridge"]}).fit(X, np.random.default_rng(1).normal(size=80))
    assert quiet.warnings_ == useless[0].warnings_


def test_a_useless_model_keeps_the_warning_after_refit_and_in_a_report_and_after_loading(useless, tmp_path):
    model, _ = useless
    assert [each.code for each in copy.copy(model).refit().warnings_] == ["no_better_than_constant"]
    model.save(tmp_path / "model")
    loaded = automl.load(tmp_path / "model")
    assert loaded.warnings_ == model.warnings_
    loaded.report(tmp_path / "report.md", format="markdown")
    assert (tmp_path / "report.md").read_text().count("constant prediction: ") == 1


@pytest.fixture(scope="module")
def noisy_target():
    """A model of a target that it knows and of one that it does not know, and the lines of its log."""
    X, _ = make_table(80)
    y = pd.DataFrame({"known": X["a"] + X["b"], "noise": np.random.default_rng(4).normal(size=80)})
    return fit_with_log(AutoMLRegressor(**ARGUMENTS | {"include": ["ridge"], "verbose": 1}), X, y)


def test_each_target_that_is_predicted_no_better_than_by_a_constant_has_a_warning(noisy_target):
    model, lines = noisy_target
    scores = model.target_scores_.set_index("target")
    assert scores.loc["noise", "score"] < scores.loc["noise", "constant"]
    (found,) = model.warnings_
    assert found.code == "no_better_than_constant"
    assert found.message.startswith("target 'noise': ")
    assert any(found.message in line for line in lines[-4:])


def test_the_warning_about_a_target_stays_with_the_model_that_its_scores_describe(noisy_target):
    model, _ = noisy_target
    X, _ = make_table(80)
    assert model.refit().warnings_ == model.warnings_
    new = model.refit(X, pd.DataFrame({"known": X["a"] + X["b"], "noise": X["a"] - X["c"]}))
    assert new.warnings_ == []
    assert model.choose(len(model.frontier_) - 1).warnings_ == []


def test_a_useless_model_of_rows_in_the_order_of_time_has_a_warning():
    X, _ = make_table(80)
    y = np.random.default_rng(1).normal(size=80)
    model = AutoMLRegressor(**ARGUMENTS | {"include": ["ridge"]}).fit(X, y, time=np.arange(80))
    assert (model.metric_scores_["score"] < model.metric_scores_["constant"]).all()
    assert [each.code for each in model.warnings_] == ["no_better_than_constant"]


def test_the_comparison_with_a_constant_needs_no_rows_of_the_run_directory(tmp_path):
    X, _ = make_table(160)
    y = np.random.default_rng(1).normal(size=160)
    settings = ARGUMENTS | {"include": ["ridge"], "cv": None, "store": tmp_path / "run"}
    model = AutoMLRegressor(**settings).fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:])
    model.save(tmp_path / "model", rows=False)
    several = [model, model.refit(), automl.load(tmp_path / "run"), automl.load(tmp_path / "model")]
    before = [each.warnings_ for each in several]
    shutil.rmtree(tmp_path / "run")
    assert [[each.code for each in found] for found in before] == [["no_better_than_constant"]] * 4
    assert [each.warnings_ for each in several] == before


def test_the_target_that_is_left_in_the_table_gives_one_warning_before_the_search():
    X, y = make_table()
    model, lines = fit_with_log(AutoMLClassifier(**ARGUMENTS | {"verbose": 1}), X.assign(label=y), y)
    assert [(each.code, each.column) for each in model.warnings_] == [("target_column", "label")]
    assert sum("'label'" in line for line in lines) == 1
    assert "'label'" in lines[1]  # before the results of the trials


def test_a_leak_of_a_regression_target_gives_a_warning():
    X, _ = make_table()
    y = np.exp(X["a"] + X["b"])
    model = AutoMLRegressor(**ARGUMENTS | {"include": ["decision_tree"], "max_trials": 6}).fit(
        X.assign(paid=2 * y + 1), y
    )
    assert [(each.code, each.column) for each in model.warnings_] == [("leak", "paid")]


def test_a_leak_that_stands_in_two_columns_gives_a_warning_that_names_both():
    X, y = make_leak()
    model = AutoMLClassifier(**ARGUMENTS).fit(
        X.assign(state=np.where((y == "high") ^ (np.arange(len(y)) == 7), "open", "closed")), y
    )
    (found,) = model.warnings_
    assert found.code == "leak"
    assert "'paid'" in found.message
    assert "'state'" in found.message


def test_a_leak_of_a_rare_class_of_a_long_table_gives_a_warning():
    rng = np.random.default_rng(0)
    y = np.zeros(100_000, dtype=np.int32)
    y[rng.choice(100_000, 12, replace=False)] = 1
    X = np.column_stack([y, rng.normal(size=(100_000, 3))])
    task = SimpleNamespace(X=X, traits=SimpleNamespace(n_classes=2), weights=lambda rows: None)
    columns = [SimpleNamespace(name=name, positions=(at,)) for at, name in enumerate("abcd")]
    record = RowPredictions(np.arange(100_000, dtype=np.int32), y, np.column_stack([1 - y, y]))
    assert [found.column for found in check_leak(task, columns, record)] == ["a"]


def test_a_saved_model_keeps_warnings_and_suspects(fitted, leaking, tmp_path):
    fitted[0].save(tmp_path / "suspects")
    pd.testing.assert_frame_equal(automl.load(tmp_path / "suspects").suspect_labels_, fitted[0].suspect_labels_)
    leaking.save(tmp_path / "leak")
    assert automl.load(tmp_path / "leak").warnings_ == leaking.warnings_
    with pytest.raises(AttributeError, match="no suspect_labels_: the model was loaded with for_prediction=True"):
        automl.load(tmp_path / "leak", for_prediction=True).suspect_labels_  # noqa: B018  the access is the test


def test_the_report_shows_the_warnings(leaking, tmp_path):
    leaking.report(tmp_path / "report.md", format="markdown")
    page = (tmp_path / "report.md").read_text()
    assert "Column 'paid' alone predicts the target" in page
    assert "leaves it out." in page


def test_the_caller_cannot_change_the_warnings(leaking):
    leaking.warnings_.clear()
    assert len(leaking.warnings_) == 1


def test_the_log_shows_the_warning(logged):
    assert sum("column 'paid' alone predicts the target" in line for line in logged[1]) == 1


def test_rows_of_suspects_are_positions_in_the_table_with_holdout_rows_of_a_guard():
    X, y = make_table()
    clf = AutoMLClassifier(**ARGUMENTS | {"guard": 0.25, "max_trials": 1}).fit(X, y)
    rows = clf._row_predictions.rows
    assert len(rows) == 180
    assert rows.max() > 200
    codes = np.unique(y, return_inverse=True)[1]
    assert (clf._row_predictions.y == codes[rows]).all()


def test_refit_with_new_rows_has_warnings_of_these_rows_and_no_suspects(fitted):
    X, y = make_table(300)
    new = copy.copy(fitted[0]).refit(X.assign(d=np.where(y == "high", np.nan, X["d"])), y)
    assert [each.code for each in new.warnings_] == ["missing_by_class"]
    with pytest.raises(AttributeError, match="refit has replaced the models of the search"):
        new.suspect_labels_  # noqa: B018  the access is the test


def test_the_threshold_of_a_class_is_the_mean_probability_of_its_rows():
    # The rows of class 0 are predicted with little confidence, so that 0.45 is much for class 0, and 0.5 little for 1.
    of_0, of_1 = [[0.4, 0.3, 0.3], [0.3, 0.4, 0.3]], [[0.1, 0.8, 0.1], [0.1, 0.9, 0.0]]
    of_2 = [[0.1, 0.1, 0.8], [0.0, 0.1, 0.9], [0.45, 0.5, 0.05]]
    rows, classes = find_suspects(np.array([0, 0, 1, 1, 2, 2, 2]), np.array([*of_0, *of_1, *of_2]))
    assert rows.tolist() == [6]
    assert classes.tolist() == [0]


def test_a_label_whose_class_is_as_probable_as_another_is_no_suspect():
    """The frequent class has a high threshold, so that its unclear rows look like rows of the rare class."""
    probabilities = np.array([[0.9, 0.1]] * 95 + [[0.55, 0.45], [0.05, 0.95]] + [[0.7, 0.3]] * 5)
    y = np.array([0] * 97 + [1] * 5)
    rows, classes = find_suspects(y, probabilities)
    assert rows.tolist() == [96]
    assert classes.tolist() == [1]


def test_rows_of_weight_0_are_no_suspects():
    X, y = make_table(120)
    weight = np.ones(120)
    flipped = np.argsort(-np.abs(X["a"] + X["b"]).to_numpy())[:12]
    y[flipped] = np.where(y[flipped] == "high", "low", "high")
    weight[flipped[2:]] = 0.0
    found = AutoMLClassifier(**ARGUMENTS | {"max_trials": 1}).fit(X, y, sample_weight=weight).suspect_labels_
    assert set(flipped[:2]) <= set(found["row"])
    assert not set(flipped[2:]) & set(found["row"])


def test_the_threshold_of_a_class_is_a_mean_by_weight():
    p = np.array([0.75, 0.1, 0.5, 0.9])  # of class "b", which is the label of the last two rows
    record = RowPredictions(np.arange(4, 8, dtype=np.int32), np.array([0, 0, 1, 1]), np.column_stack([1 - p, p]))
    classes = np.array(["a", "b"])
    assert suspect_table(record, classes)["row"].tolist() == [4]  # 0.75 is above the threshold 0.7
    weighted = replace(record, sample_weight=np.array([1.0, 1.0, 1.0, 3.0]))
    assert suspect_table(weighted, classes).empty  # and below the threshold 0.8


def test_a_model_that_was_selected_by_a_loss_needs_another_scorer_and_no_more_rows(monkeypatch):
    monkeypatch.setattr(scorer, "_MOST_SECONDS", np.inf)  # or the load of the machine could make the scorer too slow
    X, _ = make_table(80)
    scoring = make_scorer(lambda y, predicted: float(np.abs(y - predicted).mean()))
    model = AutoMLRegressor(**ARGUMENTS | {"include": ["ridge"], "scoring": scoring}).fit(X, X["a"] + X["b"])
    assert [each.code for each in model.warnings_] == ["scorer_sign"]
