"""Tests of the table reader: names, positions, errors, pickles."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from pipelines.table.cells import TableError
from pipelines.table.raw import as_table
from pipelines.table.reader import TableReader
from tests.pipelines.table.tables import frame_of_kinds

nan = np.nan


@parametrize_with_checks([TableReader()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_traits_describe_the_array():
    frame = frame_of_kinds()
    reader = TableReader().fit(frame)
    traits = reader.traits("multiclass", 3, weighted=True)
    assert (traits.task, traits.n_rows, traits.n_features, traits.n_classes) == (
        "multiclass",
        60,
        reader.n_features_out_,
        3,
    )
    assert (traits.categorical, traits.cardinalities) == ((3, 4), (3, 3))
    assert traits.has_missing
    assert traits.weighted
    assert not traits.sparse
    assert reader.traits("regression", n_rows=7).n_rows == 7
    assert not TableReader().fit(frame[["count", "flag"]]).traits("regression").has_missing


def test_many_text_columns_share_the_hashed_columns():
    frame = pd.DataFrame({f"t{j}": [f"some long text {i} {j}" for i in range(2000)] for j in range(8)})
    assert TableReader().fit(frame).n_features_out_ == 8 * (2 + 256 // 8)


def test_each_of_many_text_columns_may_have_eight_hashed_columns_in_a_small_table():
    frame = pd.DataFrame({f"t{j}": [f"some long text {i} {j}" for i in range(40)] for j in range(40)})
    assert TableReader().fit(frame).n_features_out_ == 40 * (2 + 8)


def test_a_later_table_may_have_another_order_and_more_columns():
    frame = frame_of_kinds()
    reader = TableReader().fit(frame)
    expected = reader.transform(frame)
    shuffled = frame[frame.columns[::-1]].assign(extra="x")
    np.testing.assert_array_equal(reader.transform(shuffled), expected)
    np.testing.assert_array_equal(reader.transform(shuffled.head(1)), expected[:1])
    assert reader.labels_ == tuple(frame.columns)
    assert reader.match_columns(as_table(shuffled)) == list(range(frame.shape[1]))[::-1]


def test_columns_without_names_are_matched_by_position():
    reader = TableReader().fit(np.eye(3))
    assert reader.labels_ == (0, 1, 2)
    assert reader.match_columns(as_table(np.eye(3))) == [0, 1, 2]


def test_missing_column_is_named():
    frame = frame_of_kinds()
    reader = TableReader().fit(frame)
    with pytest.raises(TableError, match=r"(?s)now missing:\n- city\nAdd the missing columns \('city'\) to X"):
        reader.transform(frame.drop(columns="city"))
    with pytest.raises(TableError, match=r"(?s)unseen at fit time:\n- town.*missing:\n- city"):
        reader.transform(frame.rename(columns={"city": "town"}))


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("City", r"to X, or rename columns: 'City' may be 'city'\.\n$"),
        ("ctiy", r"rename columns: 'ctiy' may be 'city'"),
        ("zzz", r"\('city'\) to X\.\n$"),
    ],
)
def test_a_missing_column_may_have_another_name(given, hint):
    frame = frame_of_kinds()
    with pytest.raises(TableError, match=hint):
        TableReader().fit(frame).transform(frame.rename(columns={"city": given}))


def test_the_kind_of_a_column_that_does_not_exist_is_answered_with_columns_that_do():
    frame = pd.DataFrame({"F": [1.0, 2.0], "price": [2.0, 3.0]})
    for given, hint in (("f", "did you mean 'F'"), ("zzz", "its columns are 'F', 'price'$")):
        with pytest.raises(TableError, match=f"columns: X has no column '{given}'; {hint}"):
            TableReader(columns={given: "drop"}).fit(frame)


def test_an_array_after_a_frame_goes_by_position():
    frame = frame_of_kinds()
    reader = TableReader().fit(frame)
    np.testing.assert_array_equal(reader.transform(frame.to_numpy(dtype=object)), reader.transform(frame))
    with pytest.raises(TableError, match="X has 2 features, but TableReader is expecting 9 features"):
        reader.transform(np.zeros((3, 2)))


@pytest.mark.parametrize(
    ("fit_values", "values", "message"),
    [
        ([1.5, 2.5], ["abc", "def"], "column 'x' held numbers in fit but now holds 'abc'"),
        ([1.5, 2.5], pd.to_datetime(["2020-01-01", "2020-01-02"]), "column 'x' held numbers in fit"),
        (pd.to_datetime(["2020-01-01", "2020-01-02"]), [3, 4], "column 'x' held dates in fit but now holds '3'"),
        ([True, False], ["red", "green"], "column 'x' held booleans in fit but now holds 'green'"),
        ([1.5, 2.5], [1.0, np.inf], "column 'x' holds infinite values"),
    ],
)
def test_a_column_of_another_kind_or_infinite_is_an_error_at_predict(fit_values, values, message):
    reader = TableReader().fit(pd.DataFrame({"x": fit_values}))
    with pytest.raises(TableError, match=message):
        reader.transform(pd.DataFrame({"x": values}))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "column name 'a' occurs more than once"),
        (pd.DataFrame({"a": [1.0, -np.inf]}), "column 'a' holds infinite values"),
        (np.array([[0, 1.0], [0, np.inf]]), "column 1 holds infinite values"),
        (
            pd.DataFrame({"a": [1, 1], "b": [None, None]}),
            "no column can be used.*'a': all cells are 1",
        ),
        (np.ones((1, 3)), "n_samples=1"),
        (np.ones(3), "Reshape your data"),
        (np.ones((0, 3)), r"0 sample\(s\)"),
        (np.ones((3, 0)), r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required"),
        (np.ones((3, 2)) * 1j, "Complex data not supported"),
        ([[1, 2], [3]], "rows differ in length"),
        (sparse.csr_array([[1.0, nan], [0, 1]]), "sparse table holds missing or infinite"),
    ],
)
def test_tables_that_cannot_be_read_are_refused_with_the_reason(table, message):
    with pytest.raises(TableError, match=message):
        TableReader().fit(table)


def test_a_pickle_is_small_and_reads_the_same():
    frame = pd.concat([frame_of_kinds(seed=i) for i in range(50)], ignore_index=True)
    reader = TableReader().fit(frame)
    blob = pickle.dumps(reader)
    assert len(blob) < 100_000  # components of texts, but no rows
    np.testing.assert_array_equal(pickle.loads(blob).transform(frame), reader.transform(frame))


def test_output_is_an_array_even_if_scikit_learn_is_set_to_frames():
    with config_context(transform_output="pandas"):
        assert isinstance(TableReader().fit_transform(frame_of_kinds()), np.ndarray)


def test_refit_forgets_the_names():
    reader = TableReader().fit(frame_of_kinds())
    assert "city" in reader.feature_names_in_
    reader.fit(np.arange(6.0).reshape(3, 2))
    assert not hasattr(reader, "feature_names_in_")
    assert clone(reader).get_params() == {
        "max_categories": 1000,
        "text_features": 64,
        "columns": None,
        "layout": None,
    }
