"""The permutation importance of raw columns, out of fold and on new rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import norm
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import TimeSeriesSplit

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.errors import InvalidInputError
from automl.explain.importance import LEVEL
from tests.factories import FAST


def make_rows(n=240, seed=0):
    """A table whose target depends on a date, a category and a number; two columns are nearly equal."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"strong": rng.normal(size=n), "noise": rng.normal(size=n)})
    X["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D")
    X["city"] = rng.choice(["Oslo", "Rome"], n)
    X["copy"] = X["strong"] + 0.05 * rng.normal(size=n)
    X["same"] = 1
    y = 3 * X["strong"] + (X["city"] == "Rome") + X["day"].dt.day_of_year / 100 + 0.1 * rng.normal(size=n)
    return X, y.to_numpy()


@pytest.fixture(scope="module")
def rows():
    return make_rows()


@pytest.fixture(scope="module")
def reg(rows):
    return AutoMLRegressor(**FAST).fit(*rows)


def of(table, name):
    return table.set_index("name").loc[name]


def test_columns_with_an_effect_come_first_and_noise_is_not_far_from_zero(reg):
    table = reg.importance()
    assert list(table) == ["name", "importance", "low", "high", "correlated_with", "correlation"]
    assert set(table["name"].head(2)) <= {"strong", "copy", "day"}
    assert of(table, "city")["importance"] > abs(of(table, "noise")["importance"])
    assert of(table, "noise")["low"] <= 0.02
    assert (table["low"] <= table["importance"]).all()
    assert (table["importance"] <= table["high"]).all()
    assert table["importance"].is_monotonic_decreasing


def test_a_date_is_permuted_as_a_whole_and_an_unused_column_has_no_importance(reg):
    table = reg.importance(n_repeats=2)
    assert sorted(table["name"]) == ["city", "copy", "day", "noise", "same", "strong"]
    assert of(table, "same")[["importance", "low", "high"]].tolist() == [0, 0, 0]
    assert of(table, "day")["importance"] > 0.2


def test_correlated_columns_name_each_other(reg):
    table = reg.importance(n_repeats=1)
    assert of(table, "strong")["correlated_with"] == "copy"
    assert of(table, "copy")["correlated_with"] == "strong"
    assert of(table, "copy")["correlation"] > 0.9
    assert of(table, "city")["correlated_with"] is None


def test_the_same_seed_gives_the_same_table_and_another_seed_another_one(reg):
    first = reg.importance(n_repeats=1, random_state=3)
    pd.testing.assert_frame_equal(first, reg.importance(n_repeats=1, random_state=3))
    assert not first.equals(reg.importance(n_repeats=1, random_state=4))


@pytest.mark.slow
def test_memorized_rows_do_not_make_noise_important():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 4)), rng.normal(size=200)
    reg = AutoMLRegressor(**{**FAST, "include": ["decision_tree"]}).fit(X, y)
    assert (reg.importance()["low"] < 0.05).all()


def test_new_rows_are_scored_with_the_whole_ensemble(reg):
    X, y = make_rows(seed=1)
    table = reg.importance(n_repeats=2, X=X, y=y)
    assert set(table["name"].head(2)) <= {"strong", "copy", "day"}
    assert (table["high"] - table["low"]).max() > 0


def test_weights_of_zero_leave_rows_out(reg):
    X, y = make_rows(seed=1)
    broken = y.copy()
    broken[120:] = 1e6
    weight = np.r_[np.ones(120), np.zeros(120)]
    table = reg.importance(n_repeats=1, X=X, y=broken, sample_weight=weight)
    pd.testing.assert_frame_equal(table, reg.importance(n_repeats=1, X=X[:120], y=y[:120]), rtol=1e-6)


def test_a_single_row_of_positive_weight_counts_like_a_table_of_this_row(reg):
    X, y = make_rows(seed=1)
    table = reg.importance(n_repeats=1, X=X, y=y, sample_weight=np.arange(len(y)) == 3)
    pd.testing.assert_frame_equal(table, reg.importance(n_repeats=1, X=X[3:4], y=y[3:4]))
    with pytest.raises(InvalidInputError, match="Sample weights must contain at least one non-zero number"):
        reg.importance(n_repeats=1, X=X, y=y, sample_weight=np.zeros(len(y)))


@pytest.mark.slow
def test_labels_and_probabilities_of_several_classes_are_scored():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(210, 3))
    y = np.array(["a", "b", "c"])[np.digitize(X[:, 1] + 0.2 * rng.normal(size=210), [-0.5, 0.5])]
    groups = np.arange(210) // 5
    for scoring in ("neg_log_loss", "balanced_accuracy"):
        clf = AutoMLClassifier(**{**FAST, "max_trials": 2, "scoring": scoring}).fit(X, y, groups=groups)
        table = clf.importance(n_repeats=2)
        assert table["name"][0] == 1
        assert table["low"][0] > 0


def test_a_sparse_table_gives_what_the_dense_table_gives():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6)) * (rng.random((200, 6)) < 0.4)
    y = 2 * X[:, 2] + X[:, 4] + 0.1 * rng.normal(size=200)
    settings = {**FAST, "include": ["ridge"], "max_trials": 1}
    table = AutoMLRegressor(**settings).fit(sparse.csr_matrix(X), y).importance(n_repeats=2)
    assert table["name"].head(2).tolist() == [2, 4]


@pytest.mark.slow
def test_rows_in_time_order_are_scored_by_the_newest_fold():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 3))
    y = 2 * X[:, 0] + 0.1 * rng.normal(size=150)
    reg = AutoMLRegressor(**{**FAST, "include": ["ridge"], "cv": TimeSeriesSplit(3)}).fit(X, y)
    table = reg.importance()
    assert table["name"][0] == 0
    assert table.attrs["n_rows"] == 37


@pytest.mark.slow
def test_importance_survives_slim_refit_and_loading_with_rows(reg, rows, tmp_path):
    expected = reg.importance(n_repeats=1)
    reg.save(tmp_path / "model", rows=True)
    pd.testing.assert_frame_equal(load(tmp_path / "model").importance(n_repeats=1), expected)
    assert reg.slim(max_loss=1e9).importance(n_repeats=1)["name"][0] in ("strong", "copy", "day")
    again = reg.refit()
    pd.testing.assert_frame_equal(again.importance(n_repeats=1), expected)
    assert np.array_equal(again.feature_importances_, reg.feature_importances_)
    again.save(tmp_path / "refit", rows=True)
    pd.testing.assert_frame_equal(load(tmp_path / "refit").importance(n_repeats=1), expected)
    new = reg.refit(*make_rows(seed=2))
    assert new.importance(n_repeats=1)["name"][0] in ("strong", "copy", "day")
    assert not np.array_equal(new.feature_importances_, reg.feature_importances_)


def test_a_model_without_rows_asks_for_them(reg, tmp_path):
    reg.save(tmp_path / "model")
    model = load(tmp_path / "model")
    with pytest.raises(InvalidInputError, match=r"saved without them .*; pass X and y"):
        model.importance()
    with pytest.raises(AttributeError, match=r"no feature_importances_.*; importance\(X=X, y=y\) takes such rows"):
        _ = model.feature_importances_
    assert not hasattr(model, "feature_importances_")
    assert len(model.importance(n_repeats=1, X=make_rows()[0], y=make_rows()[1])) == 6


def test_feature_importances_follow_the_columns_and_are_kept(rows, tmp_path):
    model = AutoMLRegressor(**{**FAST, "max_trials": 2}).fit(*rows)
    values = model.feature_importances_
    table = model.importance()
    assert values.shape == (6,)
    assert values.tolist() == [of(table, name)["importance"] for name in rows[0]]
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").feature_importances_, values)


def test_a_short_time_leaves_columns_of_a_wide_table_out_with_a_warning():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 300))
    y = X[:, 70] + 0.1 * rng.normal(size=200)
    reg = AutoMLRegressor(**{**FAST, "include": ["ridge"], "max_trials": 1}).fit(X, y)
    with pytest.warns(UserWarning, match="pass a larger number of seconds"):
        table = reg.importance(seconds=1e-9)
    assert table["name"][0] == 70
    assert table["importance"].isna().any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_repeats": 0}, "n_repeats"),
        ({"seconds": 0}, "seconds"),
        ({"random_state": "x"}, "random_state"),
        ({"y": [1]}, "no X"),
        ({"X": make_rows()[0]}, "without y"),
    ],
)
def test_wrong_arguments_are_named(reg, arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        reg.importance(**arguments)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (range(60), "groups has 60 values but X has 50 rows"),
        ([None, *range(49)], "groups has 1 missing value"),
    ],
)
def test_groups_that_do_not_suit_new_rows_are_refused(reg, groups, message):
    X, y = make_rows(50, seed=1)
    with pytest.raises(InvalidInputError, match=message):
        reg.importance(X=X, y=y, groups=list(groups))


def test_the_interval_comes_from_as_many_groups_as_there_are(reg):
    X, y = make_rows(seed=1)
    one = reg.importance(n_repeats=1, X=X, y=y, groups=np.zeros(len(X)))
    used = one["name"] != "same"
    assert one.loc[used, ["low", "high"]].isna().all(axis=None)
    assert of(one, "same")[["importance", "low", "high"]].tolist() == [0, 0, 0]

    groups = np.arange(len(X)) % 2
    two = of(reg.importance(n_repeats=1, random_state=0, X=X, y=y, groups=groups), "strong")
    permuted = X.assign(strong=X["strong"].to_numpy()[np.random.default_rng((0, 0, 0)).permutation(len(X))])
    gains = []
    for group in (0, 1):
        rows = groups != group
        losses = [root_mean_squared_error(y[rows], reg.predict(table[rows])) for table in (permuted, X)]
        gains.append(losses[0] - losses[1])
    # The jackknife error of two values is half their distance.
    half = norm.ppf((1 + LEVEL) / 2) * abs(gains[0] - gains[1]) / 2
    assert two["high"] - two["importance"] == pytest.approx(half)
