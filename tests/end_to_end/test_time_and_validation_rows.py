"""`fit` with the times of the rows, and with validation rows of the user."""

from __future__ import annotations

import html

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.errors import InvalidInputError
from automl.expected_score import expected_score_line
from automl.refit.rows import get_rows
from automl.task.split_arguments import on_command_line
from tests.factories import FAST

N = 300
SETTINGS = {**FAST, "cv": None, "max_trials": 3}
TREE = {**SETTINGS, "include": ["decision_tree"]}


def drifting_table():
    """Return rows in random order, whose target is the number of the day."""
    rng = np.random.default_rng(0)
    day = rng.permutation(N)
    X = pd.DataFrame(
        {
            "date": pd.Timestamp("2023-01-01") + pd.to_timedelta(day, unit="D"),
            "a": rng.normal(size=N),
            "b": rng.choice(["x", "y"], N),
        }
    )
    return X, pd.Series(day.astype(float), name="sales")


X, Y = drifting_table()
NEWEST = int(Y.argmax())


@pytest.fixture(scope="module")
def dated():
    return AutoMLRegressor(**TREE).fit(X, Y, time="date", gap="3 days")


@pytest.fixture(scope="module")
def validated():
    return AutoMLRegressor(**SETTINGS).fit(X[:200], Y[:200], X_val=X[200:], y_val=Y[200:])


def test_the_final_model_has_seen_the_newest_rows(dated):
    assert dated.predict(X.iloc[[NEWEST]])[0] > 0.9 * N
    assert dated.best_pipeline_.predict(X.iloc[[NEWEST]])[0] > 0.9 * N


def test_rows_in_any_order_give_the_same_model_as_sorted_rows(dated):
    order = np.argsort(X["date"].to_numpy())
    again = AutoMLRegressor(**TREE).fit(X.iloc[order], Y.iloc[order], time="date", gap="3 days")
    losses = [[r.mean_loss for r in model.history_.evaluations.values()] for model in (dated, again)]
    assert losses[0] == losses[1]
    assert np.array_equal(dated.predict(X), again.predict(X))


@pytest.mark.slow
def test_an_array_of_times_is_the_same_as_the_column(dated):
    again = AutoMLRegressor(**TREE).fit(X, Y, time=X["date"].dt.strftime("%Y-%m-%d").tolist(), gap="3 days")
    assert np.array_equal(dated.predict(X), again.predict(X))


def test_the_estimate_is_that_of_the_newest_rows():
    """Old rows have noise, the newest rows have none: their score is the expected one."""
    day = np.arange(600)
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=600)})
    y = table["a"] + np.where(day < 350, rng.normal(scale=10, size=600), 0.0)
    reg = AutoMLRegressor(**{**SETTINGS, "include": ["ridge"], "max_trials": 1}).fit(table, y, time=day)
    assert -1.0 < reg.estimate_.score < 0
    assert reg.best_score_ < -3
    assert "that of the newest 240 rows, by models that were trained on older rows" in repr(reg.estimate_)


def test_the_last_line_names_the_rows_of_the_expected_score(dated):
    assert np.isfinite(dated.estimate_.score)
    line = expected_score_line(dated)
    assert "on the same rows, optimistic as the best of" in line
    assert line.endswith("the expected score is that of the newest 200 rows, by models that were trained on older rows")


def test_the_positions_of_suspect_labels_are_those_of_the_table_of_the_user():
    rng = np.random.default_rng(0)
    a = rng.normal(size=400)
    y = np.where(a > 0, "high", "low")
    times = rng.permutation(400)
    wrong = int(np.argmax(a * (times == times.max())))
    y[wrong] = "low" if a[wrong] > 0 else "high"
    clf = AutoMLClassifier(**{**TREE, "max_trials": 1}).fit(pd.DataFrame({"a": a}), y, time=times)
    rows = clf._row_predictions.rows
    assert list(rows) == sorted(np.flatnonzero(times >= 133))
    assert [clf.classes_[code] for code in clf._row_predictions.y] == list(y[rows])


def test_a_saved_model_keeps_the_estimate_and_refits_by_its_time_column(dated, tmp_path):
    dated.save(tmp_path / "model", rows=True)
    loaded = load(tmp_path / "model")
    assert np.array_equal(loaded.predict(X), dated.predict(X))
    assert loaded.estimate_.note == dated.estimate_.note
    new = loaded.refit(X, Y)
    train, test = new._rows.train_shares, new._rows.test_rows
    assert len(train) == len(test) == 5
    days = new._rows.y  # the target is the number of the day
    assert [days[rows].min() for rows in test] == sorted((days[rows].min() for rows in test), reverse=True)
    assert new.predict(X.iloc[[NEWEST]])[0] > 0.9 * N


@pytest.mark.slow
def test_a_refit_of_a_model_of_times_in_an_array_asks_for_the_times():
    reg = AutoMLRegressor(**{**TREE, "max_trials": 1}).fit(X, Y, time=Y)
    with pytest.raises(InvalidInputError, match="fitted with an array as time; pass time for the new rows"):
        reg.refit(X, Y)
    assert len(reg.refit(X, Y, time=Y)._rows.test_rows) == 5


def test_a_stored_run_is_resumed(tmp_path):
    settings = {**TREE, "store": tmp_path / "run"}
    first = AutoMLRegressor(**{**settings, "max_trials": 2}).fit(X, Y, time="date")
    second = AutoMLRegressor(**settings).fit(X, Y, time="date")
    assert [r.trial for r in second.history_.results[:2]] == [r.trial for r in first.history_.results[:2]]
    assert len(second.history_.started) == 3
    order = np.argsort(X["date"].to_numpy())
    third = AutoMLRegressor(**settings).fit(X.iloc[order], Y.iloc[order], time="date")  # the same rows
    assert len(third.history_.results) == len(second.history_.results)


def test_a_guard_holds_out_the_newest_rows():
    reg = AutoMLRegressor(**{**TREE, "max_trials": 1}, guard=0.1).fit(X, Y, time="date")
    rows = get_rows(reg._rows)
    assert sorted(rows.y[-30:]) == list(range(270, 300))
    assert reg.predict(X.iloc[[NEWEST]])[0] < 270  # neither the search nor the ensemble has seen them
    assert reg.refit().predict(X.iloc[[NEWEST]])[0] > 270


def test_the_report_repeats_the_call_with_its_times(dated, tmp_path):
    dated.report(tmp_path / "report.html")
    page = html.unescape((tmp_path / "report.html").read_text())
    assert "estimator.fit(X, y, time='date', gap='3 days')" in page
    assert on_command_line(dated._split_arguments) == ["--time", "date", "--gap", "3 days"]


def test_validation_rows_are_scored_in_place_of_folds(validated):
    assert validated.n_splits_ == 1
    assert [len(rows) for rows in validated._rows.test_rows] == [100]
    assert list(validated._rows.test_rows[0]) == list(range(200, 300))
    ridge = next(e for e in validated.history_.evaluations.values() if 0 in e.folds)
    assert list(ridge.folds) == [0]
    assert validated.estimate_.note == "that of the validation rows, by models that were not trained on them"


def test_the_final_model_was_trained_on_the_validation_rows_too():
    only = X[200:].assign(c=1.0)
    table = X[:200].assign(c=0.0)
    reg = AutoMLRegressor(**{**TREE, "max_trials": 2}).fit(
        table, Y[:200] * 0 + np.arange(200) % 2, X_val=only, y_val=Y[200:]
    )
    assert reg.predict(only).mean() > 50  # no training row has such a target


def test_intervals_come_from_the_residuals_of_the_validation_rows(validated):
    with pytest.warns(UserWarning, match="approximate: the residuals are those of models that were not trained on the"):
        interval = validated.predict_interval(X)
    assert (interval[:, 0] < interval[:, 1]).all()
    assert (interval[:, 0] <= Y).mean() > 0.8


def test_validation_rows_give_the_same_result_twice(validated):
    again = AutoMLRegressor(**SETTINGS).fit(X[:200], Y[:200], X_val=X[200:], y_val=Y[200:])
    assert np.array_equal(again.predict(X), validated.predict(X))
    assert again.estimate_ == validated.estimate_


@pytest.mark.slow
def test_a_model_with_validation_rows_can_be_saved_and_refitted(validated, tmp_path):
    validated.save(tmp_path / "model", rows=True)
    loaded = load(tmp_path / "model")
    assert np.array_equal(loaded.predict(X), validated.predict(X))
    assert loaded.refit().refit_report_.n_rows == N
    assert loaded.refit(X, Y).refit_report_.n_rows == N
    loaded.report(tmp_path / "report.html")
    assert "X_val=X_val, y_val=y_val" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_validation_rows_of_arrays_with_weights_and_a_guard():
    table, y = X[["a"]].to_numpy(), (X["a"] > 0).to_numpy()
    clf = AutoMLClassifier(**{**SETTINGS, "max_trials": 1}, guard=0.1)
    clf.fit(table[:200], y[:200], np.ones(200), X_val=table[200:], y_val=y[200:], sample_weight_val=np.full(100, 2.0))
    rows = get_rows(clf._rows)
    assert len(rows.test_rows[0]) == 100
    assert set(rows.sample_weight[rows.test_rows[0]]) == {2.0}
    assert len(rows.y) == N


@pytest.mark.slow
def test_columns_of_validation_rows_may_have_another_order_and_fewer_categories():
    table = X.assign(b=X["b"].astype("category"))
    rest = table[200:][["b", "a", "date"]].assign(b=["x"] * 100)
    reg = AutoMLRegressor(**{**TREE, "max_trials": 1}).fit(table[:200], Y[:200], X_val=rest, y_val=Y[200:])
    assert list(reg.columns_["name"]) == ["date", "a", "b"]
    assert reg.columns_.set_index("name").loc["b", "kind"] == "category"


LABELS = np.where(X["a"] > 0, "high", "low")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y_val": None}, "X_val is given without y_val"),
        ({"X_val": None}, "y_val is given without X_val"),
        ({"X_val": X[["a", "b"]][200:]}, "X_val must have the columns of X; it lacks 'date'"),
        ({"X_val": X[200:].assign(c=1)}, "X_val must have the columns of X; X lacks 'c'"),
        ({"X_val": X[200:].to_numpy()}, "X is a table with names of columns but X_val is an array"),
        ({"y_val": np.full(100, "other")}, "y_val holds classes that y lacks: 'other'"),
        ({"y_val": np.full(100, "low")}, "the rows of X_val cannot be scored by models of X: .*roc_auc"),
        ({"y_val": LABELS[:50]}, "y_val: .*inconsistent numbers of samples"),
        ({"time": "date"}, "X_val and time exclude each other"),
        ({"groups": np.arange(200)}, "X_val and groups exclude each other"),
        ({"sample_weight": np.ones(200)}, "sample_weight is given without sample_weight_val"),
        ({"sample_weight_val": np.ones(100)}, "sample_weight_val is given without sample_weight"),
        ({"X_val": None, "y_val": None, "sample_weight_val": np.ones(100)}, "sample_weight_val needs X_val and y_val"),
        ({"gap": 3}, "gap needs time"),
        (
            {"sample_weight": np.ones(220), "sample_weight_val": np.ones(80)},
            r"sample_weight has shape \(220,\) but X has 200 rows",
        ),
        (
            {"sample_weight": np.ones(200), "sample_weight_val": np.ones((100, 1))},
            r"sample_weight_val has shape \(100, 1\) but X_val has 100 rows",
        ),
    ],
)
def test_validation_rows_that_cannot_be_used_are_an_error(arguments, message):
    given = {"X_val": X[200:], "y_val": LABELS[200:], **arguments}
    with pytest.raises(InvalidInputError, match=message):
        AutoMLClassifier(**SETTINGS).fit(X[:200], LABELS[:200], **given)


def test_validation_rows_beside_cv_are_an_error():
    with pytest.raises(InvalidInputError, match="X_val and cv exclude each other"):
        AutoMLClassifier(**FAST).fit(X[:200], LABELS[:200], X_val=X[200:], y_val=LABELS[200:])
