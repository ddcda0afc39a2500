"""The comparison of new rows with the training rows: schema, columns, adversarial model, saved models, the warning."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.drift.sketch import sketch_table
from automl.errors import DriftWarning, InvalidInputError
from automl.refit.rows import TrainingRows
from pipelines import storage
from pipelines.table.reader import TableReader

FAST = {
    "include": ["decision_tree"],
    "time_budget": None,
    "max_trials": 1,
    "n_jobs": 1,
    "cv": 3,
    "random_state": 0,
    "verbose": 0,
}
N_ROWS = 400


def table(seed: int, n_rows: int = N_ROWS) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 12, n_rows).round(1)
    return pd.DataFrame(
        {
            "age": np.where(rng.random(n_rows) < 0.1, np.nan, age),
            "visits": rng.poisson(3, n_rows),
            "city": rng.choice(["Rome", "Oslo", "Lima", "Bern"], n_rows, p=[0.4, 0.3, 0.2, 0.1]),
            "member": rng.random(n_rows) < 0.3,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 365, n_rows), unit="D"),
            "remark": [
                " ".join(rng.choice(["late", "paid", "in", "full", "note"], 5)) + f" {i}" for i in range(n_rows)
            ],
            "constant": "x",
        }
    )


def target(X: pd.DataFrame) -> np.ndarray:
    return np.where(X["age"].fillna(40) - 5 * X["visits"] > 25, "stays", "leaves")


@pytest.fixture(scope="module")
def model() -> AutoMLClassifier:
    X = table(0)
    return AutoMLClassifier(**FAST).fit(X, target(X))


def row(report, name):
    return report.columns.set_index("name").loc[name]


@pytest.mark.slow
def test_rows_of_the_same_kind_show_no_drift(model):
    report = model.check_drift(table(1))
    assert not report.drifted
    assert report.drifted_columns == []
    assert report.verdict.startswith("no drift found: 6 columns of 400 new rows were compared with 400 training rows")
    assert 0.4 < report.auc < 0.6
    assert set(report.columns["name"]) == {"age", "visits", "city", "member", "day", "remark"}
    assert repr(report).startswith(report.verdict)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("age", lambda X: X["age"] + 8),
        ("age", lambda X: X["age"].mask(X["age"] > 45)),
        ("visits", lambda X: X["visits"] + 1),
        ("city", lambda X: X["city"].replace("Oslo", "Rome")),
        ("city", lambda X: X["city"].replace("Oslo", "Kiel")),
        ("member", lambda X: ~X["member"]),
        ("day", lambda X: X["day"] + pd.Timedelta(days=60)),
        ("remark", lambda X: X["remark"] + " and more words"),
    ],
)
def test_a_changed_column_is_found_and_is_the_only_one(model, name, change):
    new = table(2)
    report = model.check_drift(new.assign(**{name: change(new)}), adversarial=False)
    assert report.drifted_columns == [name]
    assert f"drift: 1 of 6 columns of the 400 new rows differs from the 400 training rows: '{name}'" in report.verdict


def test_a_year_outside_of_the_training_years_is_shown_without_a_comma():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"year": np.r_[1975, 2013, rng.integers(1975, 2014, 98)], "size": rng.normal(size=100)})
    reg = AutoMLRegressor(**FAST).fit(X, X["size"])
    report = reg.check_drift(X.assign(year=X["year"] + 5), adversarial=False)
    assert "of the cells outside of 1975 to 2013" in row(report, "year")["note"]


def test_the_facts_of_a_column_are_in_words(model):
    new = table(3)
    new.loc[:39, "city"] = "Kiel"
    new.loc[:19, "age"] = 130.0
    new["age"] = new["age"].astype(object)
    new.loc[20:29, "age"] = "forty"
    new["day"] = new["day"].where(np.arange(N_ROWS) % 2 == 0)
    report = model.check_drift(new, adversarial=False)
    assert row(report, "city")["note"] == "40 cells with unseen levels, for example 'Kiel'"
    assert "10 cells cannot be read, for example 'forty'" in row(report, "age")["note"]
    assert "5 % of the cells outside of" in row(report, "age")["note"]
    assert row(report, "day")["note"] == "missing cells: 0 % before, 50 % now"
    assert row(report, "day")["drifted"]
    assert "city: distance" in repr(report)


@pytest.mark.parametrize("value", [2, -1, 0.5])
def test_other_numbers_in_a_boolean_column_are_unseen_levels(model, value):
    report = model.check_drift(table(1).assign(member=value), adversarial=False)
    assert report.drifted_columns == ["member"]
    assert row(report, "member").note == f"400 cells with unseen levels, for example '{value}'"


def test_changes_of_the_schema_are_drift(model):
    new = table(4).drop(columns="visits").assign(extra=1)
    new["age"] = "old"
    report = model.check_drift(new)
    assert set(report.drifted_columns) == {"visits", "age"}
    assert row(report, "visits")["note"] == "is missing from the new rows"
    assert row(report, "age")["note"] == "column 'age' held numbers in fit but now holds 'old'"
    assert "columns that the model does not know: 'extra'" in report.notes
    assert np.isnan(report.auc)
    with pytest.raises(InvalidInputError, match="X_new has 2 columns, but the training table had 7"):
        model.check_drift(np.zeros((30, 2)))


@pytest.mark.slow
def test_the_adversarial_model_finds_what_no_single_column_shows(model):
    new = table(5)
    noise = np.random.default_rng(0).normal(0, 4, N_ROWS)
    new["visits"] = new["visits"].sort_values().to_numpy()[np.argsort(np.argsort(new["age"].fillna(40) + noise))]
    report = model.check_drift(new)  # the columns keep their distributions, but belong together now
    assert report.drifted_columns == []
    assert report.drifted
    assert report.auc > 0.6
    assert "no single column of the 400 new rows differs" in report.verdict
    assert "visits: " in repr(report)
    assert report.columns["importance"].sum() == pytest.approx(1)
    assert model.check_drift(pl.from_pandas(new)).auc == report.auc


@pytest.mark.slow
def test_a_saved_model_compares_columns_and_takes_training_rows_for_the_adversarial_model(model, tmp_path):
    shifted = table(5).assign(age=lambda X: X["age"] + 8)
    expected = model.check_drift(shifted, random_state=1)
    model.save(tmp_path / "m")
    for for_prediction in (False, True):
        loaded = load(tmp_path / "m", for_prediction=for_prediction)
        report = loaded.check_drift(shifted)
        pd.testing.assert_frame_equal(
            report.columns.drop(columns=["importance", "drifted"]),
            expected.columns.drop(columns=["importance", "drifted"]),
        )
        assert "the model holds no training rows; pass the training table" in report.notes[0]
    frames = pl.from_pandas(shifted), pl.from_pandas(table(0))
    assert loaded.check_drift(*frames, random_state=1).auc == expected.auc
    loaded.save(tmp_path / "again")
    assert load(tmp_path / "again").check_drift(shifted).drifted_columns == ["age"]


def test_the_sketch_is_small_and_holds_no_cell():
    X = np.random.default_rng(0).normal(size=(3000, 20))
    sketch = sketch_table(TableReader().fit(X).columns_, TrainingRows(X, X[:, 0]))
    assert len(storage.dump(sketch)) < 2_000 * 20
    for column, values in zip(sketch.columns, X.T, strict=True):
        assert not set(column.edges) & set(values)
        assert column.low < values.min()
        assert column.high > values.max()
        assert np.diff(column.counts).min() >= 10


@pytest.mark.slow
def test_slim_and_refit_keep_or_renew_the_sketch(model):
    old, new = table(0), table(6).assign(visits=lambda X: X["visits"] + 3)
    assert model.slim(max_loss=1).check_drift(new, adversarial=False).drifted_columns == ["visits"]
    again = model.refit(new, np.where(new["age"].fillna(40) - 5 * new["visits"] > 10, "stays", "leaves"))
    assert again.check_drift(old, adversarial=False).drifted_columns == ["visits"]
    assert not again.check_drift(new).drifted
    assert model.check_drift(new, adversarial=False).drifted_columns == ["visits"]


def test_predictions_warn_only_if_the_user_wants_that(model, tmp_path):
    shifted = table(7).assign(age=lambda X: X["age"] + 15)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = model.predict(shifted)
    model.save(tmp_path / "m")
    loaded = load(tmp_path / "m", for_prediction=True)
    loaded.warn_of_drift = True
    with pytest.warns(DriftWarning, match="1 of 6 columns of the 400 new rows differs.*'age'; check_drift shows"):
        np.testing.assert_array_equal(loaded.predict(shifted), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded.predict(table(8))
        loaded.predict(shifted[:10])  # too few rows
    loaded.save(tmp_path / "watching")
    assert load(tmp_path / "watching").warn_of_drift
    assert not clone(loaded).warn_of_drift


def test_wrong_arguments_are_named(model):
    for arguments, message in (
        ({"level": 5}, "level must be a number between 0 and 1"),
        ({"random_state": -1}, "random_state must be a whole number"),
        ({"X_train": table(0)[["age"]]}, "X_train: "),
    ):
        with pytest.raises(InvalidInputError, match=message):
            model.check_drift(table(1), **arguments)
    with pytest.raises(InvalidInputError, match="X is a lazy frame"):
        model.check_drift(pl.from_pandas(table(1)).lazy())


def test_few_rows_are_compared_without_an_adversarial_model(model):
    report = model.check_drift(table(9)[:5])
    assert not report.drifted
    assert "needs 20 rows" in report.notes[0]
    assert not model.check_drift(table(9)[:1]).drifted


@pytest.mark.slow
def test_a_sparse_table_is_compared():
    X = sparse.random(600, 8, 0.3, format="csr", random_state=0)
    reg = AutoMLRegressor(**FAST).fit(X[:300], np.asarray(X[:300].sum(axis=1)).ravel())
    assert not reg.check_drift(X[300:]).drifted
    new = X[300:].tolil()
    new[:, 2] = 3.0
    assert reg.check_drift(new.tocsr()).drifted_columns == [2]


def test_a_run_directory_that_is_gone_is_named_as_the_reason(tmp_path):
    X = table(0, 60)
    clf = AutoMLClassifier(**FAST | {"include": ["decision_tree"]}, store=tmp_path / "run").fit(X, target(X))
    (tmp_path / "run").rename(tmp_path / "moved")
    with pytest.raises(InvalidInputError, match=r"run' does not hold the run of this model; pass the training table"):
        clf.check_drift(table(1, 60))
    clf.save(tmp_path / "model")
    assert clf.check_drift(table(1, 60), X).n_training_rows == 60
