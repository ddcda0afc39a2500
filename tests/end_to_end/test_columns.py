"""Columns as people have them: what a fit makes of them, what it reports, and how users change that."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import KFold, cross_val_score

from automl import AutoMLClassifier, AutoMLRegressor
from automl.errors import InvalidInputError
from automl.trials.fingerprint import estimator_fingerprint
from tests.factories import FAST

RIDGE = FAST | {"include": ["ridge"], "max_trials": 1}
N = 240
RNG = np.random.default_rng(0)
AMOUNT = RNG.gamma(2, 4000, N)
TABLE = pd.DataFrame(
    {
        "amount": [f"{v:,.2f} €".translate(str.maketrans(",.", ".,")) for v in AMOUNT],
        "zip": [f"{i:05d}" for i in RNG.integers(0, 50, N)],
        "clock": (pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.integers(0, 86400, N), unit="s")).time,
        "ferritin": [str(v) for v in RNG.lognormal(0, 1, N).round(3)],
        "key": [f"user-{i}" for i in range(N)],
        "same": "x",
        "also": 1,
    }
)
TABLE.loc[[3, 99], "ferritin"] = "ND"
Y = AMOUNT / 1000 + RNG.normal(size=N)


@pytest.fixture(scope="module")
def reg():
    return AutoMLRegressor(**RIDGE).fit(TABLE, Y)


def test_columns_lists_kind_reason_and_treatment(reg):
    assert list(reg.columns_) == ["name", "kind", "reason", "treatment"]
    kinds = dict(zip(reg.columns_["name"], reg.columns_["kind"], strict=True))
    assert kinds == {
        "amount": "number",
        "zip": "category",
        "clock": "time",
        "ferritin": "number",
        "key": "identifier",
        "same": "constant",
        "also": "constant",
    }
    reasons = reg.columns_.set_index("name")["reason"]
    assert reasons["amount"] == "texts that are numbers (decimal comma, unit eur)"
    assert (reasons != "").all()
    treatments = reg.columns_.set_index("name")["treatment"]
    assert treatments["clock"] == "hour of the day, with its sine and cosine"
    assert (treatments[["key", "same"]] == "not used").all()
    assert reg.score(TABLE, Y) > 0.8


def test_what_users_may_not_expect_is_reported_once_with_the_argument_that_changes_it(caplog):
    with caplog.at_level(logging.INFO, logger="automl"):
        AutoMLRegressor(**RIDGE | {"verbose": 1}).fit(TABLE, Y)
    # Another warning, at the end, rightly says that 'amount' alone predicts this target.
    text = "\n".join(r.message for r in caplog.records if "alone predicts the target" not in r.message)
    assert text.count("column 'zip' holds numbers with leading zeros, and is read as categories") == 1
    assert "columns={'zip': 'number'} changes that" in text
    assert "column 'ferritin' has 2 cells that hold no number, for example 'ND'; such cells count as missing" in text
    identifier = "column 'key' holds running numbers that differ in nearly every row and is not used"
    assert f"{identifier}; columns={{'key': 'text'}} changes that" in text
    assert "each of the columns 'same', 'also' holds a single value and is not used" in text
    assert "'amount'" not in text


def test_the_argument_overrides_the_kinds():
    wanted = {"zip": "number", "key": "text", "clock": "category", "ferritin": "drop", "amount": "text"}
    reg = AutoMLRegressor(**RIDGE, columns=wanted).fit(TABLE, Y)
    kinds = reg.columns_.set_index("name")["kind"]
    assert kinds[list(wanted)].to_dict() == wanted
    assert (reg.columns_.set_index("name").loc[list(wanted), "reason"] == "set by the argument columns").all()
    assert np.isfinite(reg.predict(TABLE)).all()
    assert wanted == reg.get_params()["columns"]


def test_numbers_become_categories_by_position():
    X = np.column_stack([RNG.integers(0, 4, N), RNG.normal(size=N)])
    clf = AutoMLClassifier(**FAST | {"max_trials": 1}, columns={0: "category"}).fit(X, X[:, 0] % 2)
    assert clf.columns_["kind"].tolist() == ["category", "number"]
    assert clf.score(X, X[:, 0] % 2) == 1.0


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"zpi": "category"}, "columns: X has no column 'zpi'; did you mean 'zip'"),
        ({0: "category"}, "columns: X has no column 0"),
        ({"zip": "categorical"}, "columns: 'categorical' is unknown; did you mean 'category'"),
        ({"zip": 3}, "columns: the kind of column 'zip'"),
        ("zip", 'columns must be a dict such as {"zip": "category"}'),
        ({"key": "time"}, "columns: column 'key' cannot be read as 'time'; its first value is 'user-0'"),
        ({"zip": "date"}, "columns: column 'zip' cannot be read as 'date'"),
    ],
)
def test_a_column_or_kind_that_does_not_fit_is_one_error_before_the_search(columns, message):
    with pytest.raises(InvalidInputError) as error:
        AutoMLRegressor(**RIDGE, columns=columns).fit(TABLE, Y)
    assert message in str(error.value)


def test_positions_beyond_the_table_are_an_error():
    with pytest.raises(InvalidInputError, match="X has no column 7; X has no names; use positions from 0 to 1"):
        AutoMLRegressor(**RIDGE, columns={7: "drop"}).fit(RNG.normal(size=(N, 2)), Y)


def test_a_run_directory_sees_the_argument(tmp_path):
    X = pd.DataFrame({"code": RNG.integers(0, 4, N), "x": RNG.normal(size=N)})
    AutoMLRegressor(**RIDGE, store=tmp_path / "run").fit(X, Y)
    with pytest.raises(InvalidInputError, match="holds a run on other data"):
        AutoMLRegressor(**RIDGE, store=tmp_path / "run", columns={"code": "category"}).fit(X, Y)
    plain, other = AutoMLRegressor(), AutoMLRegressor(columns={"code": "category"})
    assert estimator_fingerprint(plain) != estimator_fingerprint(other)


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("lightgbm", "catboost", "random_forest", "kernel_svm")]


@pytest.mark.parametrize("family", ["logistic_regression", "decision_tree", *SLOW])
def test_the_best_pipeline_can_be_fitted_again_on_parts_of_the_rows(family):
    X = pd.DataFrame(
        {
            "rare": np.where(np.arange(N) == 7, 1.0, 0.0),  # constant in most parts of the rows
            "city": RNG.choice(["Rome", "Oslo", "Bern"], N),
            "x": RNG.normal(size=N),
            "last": np.where(np.arange(N) > N - 30, "new", "old"),  # a level that is absent in the first rows
            "note": np.where(np.arange(N) < 2, "odd", None),
            "price": [f"{v:.2f} $" for v in RNG.normal(size=N)],
            "day": pd.date_range("2024-01-01", periods=N),
        }
    )
    y = np.where(X["x"] + (X["city"] == "Rome") > 0.3, "yes", "no")
    pipeline = AutoMLClassifier(**FAST | {"include": [family], "max_trials": 1}).fit(X, y).best_pipeline_
    assert clone(pipeline).fit(X[20:], y[20:]).score(X[:20], y[:20]) > 0.7
    assert clone(pipeline).fit(X[:40], y[:40]).predict_proba(X).shape == (N, 2)
    assert cross_val_score(pipeline, X, y, cv=KFold(3), error_score="raise").min() > 0.75
    reader = clone(pipeline)[0]
    assert reader.fit(X[20:60]).transform(X).shape == pipeline[0].transform(X).shape
    np.testing.assert_array_equal(reader.transform(X), pipeline[0].transform(X))


def test_masked_cells_are_missing_and_masked_targets_and_weights_are_refused():
    X = RNG.normal(size=(N, 3))
    hole = RNG.random(X.shape) < 0.15
    masked = np.ma.MaskedArray(np.where(hole, 1e20, X), mask=hole, fill_value=1e20)
    plain = np.where(hole, np.nan, X)
    reg = AutoMLRegressor(**RIDGE).fit(masked, Y)
    np.testing.assert_array_equal(reg.predict(masked), AutoMLRegressor(**RIDGE).fit(plain, Y).predict(plain))
    np.testing.assert_array_equal(reg.predict(list(masked)), reg.predict(plain))
    target = np.ma.MaskedArray(Y, mask=hole[:, 0])
    with pytest.raises(InvalidInputError, match=f"values are missing in {hole[:, 0].sum()} of {N} rows"):
        reg.fit(X, target)
    with pytest.raises(InvalidInputError, match="sample_weight holds missing"):
        reg.fit(X, Y, sample_weight=np.ma.MaskedArray(np.ones(N), mask=hole[:, 0]))
    with pytest.raises(InvalidInputError, match=r"groups has \d+ missing values"):
        reg.fit(X, Y, groups=np.ma.MaskedArray(np.arange(N), mask=hole[:, 0]))
    labels = np.ma.MaskedArray(np.arange(N) % 2, mask=np.zeros(N, dtype=bool))
    clf = AutoMLClassifier(**FAST | {"max_trials": 1}).fit(X, labels)
    assert clf.classes_.dtype.kind == "i"


@pytest.mark.parametrize(
    "cell", [[1, 2], {"a": 1}, (1, 2), {3}, np.zeros(2)], ids=["list", "dict", "tuple", "set", "array"]
)
def test_nested_cells_are_one_error_that_names_the_column(cell):
    X = pd.DataFrame({"x": np.arange(N), "nested": [cell] * N})
    with pytest.raises(InvalidInputError, match="column 'nested' holds cells of type"):
        AutoMLRegressor(**RIDGE).fit(X, Y)
