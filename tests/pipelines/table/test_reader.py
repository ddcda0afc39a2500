"""Every way in which people hold a table, read into numbers."""

import datetime as dt
import enum
import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from automl.task import table_validation as table_checks
from pipelines.component import LARGEST
from pipelines.table.columns import TableError, level_text
from pipelines.table.reader import TableReader

nan = np.nan


def read(values, dtype=None, **parameters):
    """Kind and output of a table of this one column, beside a numeric one that keeps the table alive."""
    frame = pd.DataFrame({"column": pd.Series(values, dtype=dtype), "other": np.arange(len(values)) % 7.5})
    reader = TableReader(**parameters)
    out = reader.fit_transform(frame)
    column = reader.columns_[0]
    return column, out[:, list(column.positions)]


def frame_of_kinds(n=60, seed=0):
    """One column of each kind, with missing cells."""
    rng = np.random.default_rng(seed)
    words = np.array(["red", "green", "blue", "large", "small", "round", "flat", "old", "new"])
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=n).round(3),
            "count": rng.integers(0, 9, n),
            "flag": rng.random(n) < 0.5,
            "city": rng.choice(["Rome", "Oslo", "Lima"], n),
            "grade": pd.Categorical(rng.choice(["low", "mid", "high"], n), ["low", "mid", "high"], ordered=True),
            "day": pd.Timestamp("2024-01-30") + pd.to_timedelta(rng.integers(0, 300, n), unit="D"),
            "note": [" ".join(rng.choice(words, 6)) + f" {i}" for i in range(n)],
            "key": [f"user-{i:04d}" for i in range(n)],
            "same": 1,
        }
    )
    frame.loc[3, ["number", "city", "grade", "day", "note"]] = None
    return frame


KINDS = {
    "number": "numeric",
    "count": "numeric",
    "flag": "boolean",
    "city": "category",
    "grade": "category",
    "day": "date",
    "note": "text",
    "key": "identifier",
    "same": "constant",
}


@parametrize_with_checks([TableReader()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_each_kind_is_told_and_placed_in_the_order_of_the_table():
    frame = frame_of_kinds()
    reader = TableReader().fit(frame)
    out = reader.transform(frame)
    assert {column.name: column.kind for column in reader.columns_} == KINDS
    placed = [position for column in reader.columns_ for position in column.positions]
    assert placed == list(range(out.shape[1])) == list(range(reader.n_features_out_))
    assert out.dtype == np.float64
    assert out.flags["C_CONTIGUOUS"]
    assert all(column.reason for column in reader.columns_ if not column.positions)
    assert reader.categorical_ == (3, 4)
    assert reader.cardinalities_ == (3, 3)
    assert len(set(reader.get_feature_names_out())) == out.shape[1]


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


@pytest.mark.parametrize(
    ("values", "dtype", "kind", "expected"),
    [
        pytest.param(["b", None, "a"], object, "category", [1, nan, 0], id="object strings with None"),
        pytest.param(["b", pd.NA, "a"], object, "category", [1, nan, 0], id="object strings with pd.NA"),
        pytest.param(["b", pd.NA, "a"], "string", "category", [1, nan, 0], id="string"),
        pytest.param(["b", None, "a"], "string[python]", "category", [1, nan, 0], id="string[python]"),
        pytest.param(["b", None, "a"], "string[pyarrow]", "category", [1, nan, 0], id="string[pyarrow]"),
        pytest.param(["b", "  ", "a", ""], object, "category", [1, nan, 0, nan], id="blank strings are missing"),
        pytest.param([b"b", b"a"], object, "category", [1, 0], id="bytes"),
        pytest.param(["10", "9", "10"], object, "category", [1, 0, 1], id="few digits as text, ordered by number"),
        pytest.param(["1.5", "2.25", "?", None], object, "numeric", [1.5, 2.25, nan, nan], id="numbers as text"),
        pytest.param([1, "x", 1.0, True], object, "category", [0, 2, 0, 1], id="mixed types"),
        pytest.param([1, None, 2.5], object, "numeric", [1, nan, 2.5], id="object numbers"),
        pytest.param([Decimal("1.5"), None, Decimal(2)], object, "numeric", [1.5, nan, 2], id="decimal"),
        pytest.param([1, None, 3], "Int64", "numeric", [1, nan, 3], id="Int64"),
        pytest.param([1.5, None, 3], "Float32", "numeric", [1.5, nan, 3], id="Float32"),
        pytest.param([1, None, 3], "int64[pyarrow]", "numeric", [1, nan, 3], id="arrow integers"),
        pytest.param([True, None, False], "boolean", "boolean", [1, nan, 0], id="nullable boolean"),
        pytest.param([True, None, False], "bool[pyarrow]", "boolean", [1, nan, 0], id="arrow boolean"),
        pytest.param([True, nan, False], object, "boolean", [1, nan, 0], id="boolean with NaN"),
        pytest.param([True, False], bool, "boolean", [1, 0], id="bool"),
        pytest.param(["x", None, "y"], "category", "category", [0, nan, 1], id="category"),
        pytest.param([20, 3, 3], "category", "category", [1, 0, 0], id="category of numbers"),
        pytest.param(["a", None, "a"], object, "category", [0, nan, 0], id="one level and missing"),
        pytest.param([5.0, nan, 5.0], float, "numeric", [5, nan, 5], id="one number and missing"),
        pytest.param([1e300, -1e300, 1.0], float, "numeric", [1e30, -1e30, 1], id="beyond single precision"),
        pytest.param([1, 2, 3], "uint8", "numeric", [1, 2, 3], id="uint8"),
        pytest.param([0.5, 2], "float16", "numeric", [0.5, 2], id="float16"),
        pytest.param([0, 0, 3], "Sparse[int64]", "numeric", [0, 0, 3], id="pandas sparse among dense"),
        pytest.param(pd.to_timedelta(["1h", None, "1s"]), None, "numeric", [3600, nan, 1], id="timedelta"),
        pytest.param(
            [dt.timedelta(1), None, dt.timedelta(0)], object, "numeric", [86400, nan, 0], id="object timedelta"
        ),
        pytest.param(pd.IntervalIndex.from_breaks([0, 1, 2]), None, "category", [0, 1], id="interval"),
    ],
)
def test_values_of_one_column(values, dtype, kind, expected):
    column, out = read(values, dtype)
    assert column.kind == kind
    np.testing.assert_allclose(out[:, 0], expected)
    assert out.shape[1] == 1
    assert column.missing == np.isnan(expected).any()


DAYS = ["2024-02-28 06:30", None, "2024-03-01 18:00"]
DAY_PARTS = {"_month": [2, nan, 3], "_day": [28, nan, 1], "_weekday": [2, nan, 4], "_hour": [6.5, nan, 18]}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(pd.to_datetime(DAYS), id="datetime64"),
        pytest.param(pd.to_datetime(DAYS).tz_localize("Asia/Tokyo"), id="wall-clock time of a zone"),
        pytest.param([d and dt.datetime.fromisoformat(d) for d in DAYS], id="Python datetimes"),
        pytest.param(pd.Series([d and dt.datetime.fromisoformat(d) for d in DAYS], dtype=object), id="objects"),
        pytest.param(pd.Series(DAYS, dtype=object), id="ISO strings"),
        pytest.param(pd.Series(DAYS, dtype="category"), id="category of ISO strings"),
        pytest.param(pd.Series(["2024/02/28 06:30", "n/a", "2024/03/01 18:00"]), id="slashes"),
        pytest.param(pd.Series(["28.02.2024 06:30", None, "01.03.2024 18:00"]), id="day first with dots"),
        pytest.param(pd.Series(["28/02/2024 06:30", None, "01/03/2024 18:00"]), id="day first, told by 28"),
        pytest.param(pd.Series(["02/28/2024 06:30", None, "03/01/2024 18:00"]), id="month first, told by 28"),
        pytest.param(pd.Series(pd.to_datetime(DAYS), dtype="timestamp[us][pyarrow]"), id="arrow timestamps"),
        pytest.param(pd.PeriodIndex(DAYS, freq="min"), id="period"),
    ],
)
def test_dates_become_their_parts_and_elapsed_days(values):
    column, out = read(values)
    assert column.kind == "date"
    expected = DAY_PARTS | {"_elapsed": [0, nan, 2 + 11.5 / 24]}
    assert column.reader.parts == tuple(expected)  # no year: it does not vary
    np.testing.assert_allclose(out, np.column_stack(list(expected.values())))


@pytest.mark.parametrize(
    "values", [["20240101", "20240102"], ["1-2", "3-4"], ["12:30:00", "13:30:00"], ["v1.2.3", "v1.2.4"]]
)
def test_what_only_resembles_dates_stays_a_category(values):
    assert read(values)[0].kind == "category"


def test_later_dates_and_other_ways_to_write_them_are_read_alike():
    reader = TableReader().fit(pd.DataFrame({"day": pd.to_datetime(["2024-01-01", "2024-02-03"])}))
    later = pd.DataFrame({"day": pd.to_datetime(["2025-01-01", None])})
    out = reader.transform(later)
    np.testing.assert_array_equal(out[:, -1], [366, nan])
    np.testing.assert_array_equal(reader.transform(later.astype(object)), out)
    np.testing.assert_array_equal(reader.transform(pd.DataFrame({"day": ["2025-01-01", "garbage"]})), out)
    assert np.isnan(reader.transform(pd.DataFrame({"day": [nan, nan]}))).all()


def test_zoned_dates_are_moved_to_the_zone_of_training():
    day = pd.to_datetime(["2024-01-01 12:00", "2024-01-02 13:00"]).tz_localize("Europe/Rome")
    reader = TableReader().fit(pd.DataFrame({"day": day}))
    expected = reader.transform(pd.DataFrame({"day": day}))
    np.testing.assert_array_equal(reader.transform(pd.DataFrame({"day": day.tz_convert("UTC")})), expected)


def test_ordered_categories_keep_their_declared_order_and_unused_levels_have_no_code():
    values = pd.Categorical(["high", "low", "mid"], ["low", "never", "mid", "high"], ordered=True)
    column, out = read(values)
    assert column.reader.levels == ("low", "mid", "high")
    np.testing.assert_array_equal(out[:, 0], [2, 0, 1])


def test_zip_codes_with_leading_zeros_are_categories_though_many():
    assert read([f"{i:05d}" for i in range(100)] * 2)[0].kind == "category"
    assert read([f"{i:d}" for i in range(100)] * 2)[0].kind == "numeric"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        pytest.param([f"u{i}" for i in range(30)], "identifier", id="distinct tokens"),
        pytest.param([f"u{i}" for i in range(10)], "category", id="distinct tokens of few rows"),
        pytest.param([f"u{i}" for i in range(30)] * 2, "category", id="repeating tokens"),
        pytest.param([f"{i:064x}" for i in range(10**5, 10**5 + 30)], "identifier", id="hexadecimal digests"),
        pytest.param([f"No. {i}, a street by the sea" for i in range(30)], "text", id="distinct sentences"),
        pytest.param([f"Ms. Name{i}" for i in range(30)], "text", id="distinct titles"),
        pytest.param(["acgt" * 12 + f"{i:b}" for i in range(30)], "text", id="distinct long strings"),
        pytest.param(["a b c d", "e f g h"] * 30, "category", id="few sentences"),
        pytest.param([None] * 5, "constant", id="all missing"),
        pytest.param(["a"] * 5, "constant", id="one string"),
        pytest.param([True] * 5, "constant", id="one boolean"),
        pytest.param([pd.Timestamp("2020-01-01")] * 5, "constant", id="one date"),
        pytest.param([2.5] * 5, "constant", id="one number"),
    ],
)
def test_kinds_of_strings_and_constants(values, kind):
    column, out = read(values)
    assert column.kind == kind
    assert (out.shape[1] == 0) == bool(column.reason) == (kind in ("identifier", "constant"))


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("id", np.arange(30), "identifier"),
        ("customerId", 1000 + np.arange(30)[::-1], "identifier"),
        ("Unnamed: 0", np.arange(30), "identifier"),
        ("id", np.arange(30) * 2, "numeric"),
        ("year", 1990 + np.arange(30), "numeric"),
        ("humid", np.arange(30), "numeric"),
        (0, np.arange(30), "numeric"),
    ],
)
def test_integers_are_identifiers_only_if_name_and_values_say_so(name, values, kind):
    frame = pd.DataFrame({name: values, "other": np.arange(30) % 4})
    assert TableReader().fit(frame).columns_[0].kind == kind


def test_rare_levels_share_the_last_code_with_unseen_ones():
    values = ["a"] * 5 + ["b"] * 4 + ["c"] * 3 + ["d", "e"]
    column, out = read(values, max_categories=3)
    np.testing.assert_array_equal(out[:, 0], [0] * 5 + [1] * 4 + [2] * 5)
    assert column.reader.cardinality == 3
    np.testing.assert_array_equal(column.reader.read(pd.Series(["e", "new", None, "b"]))[:, 0], [2, 2, nan, 1])


def test_ten_thousand_categories_are_capped():
    values = [f"k{i % 10_000}" for i in range(20_000)]
    column, out = read(values)
    assert column.kind == "category"
    assert column.reader.cardinality == 1000
    assert out.max() == 999


def test_text_is_hashed_without_learning_and_counted():
    texts = [f"the {word} fox number {i}" for i, word in enumerate(["quick", "slow"] * 300)]
    column, out = read(texts)
    assert column.reader.parts[:3] == ("_length", "_words", "_hash0")
    assert out.shape[1] == 2 + 30  # a twentieth of the rows
    np.testing.assert_array_equal(out[:, 0], [len(text) for text in texts])
    assert (out[:, 1] == 5).all()
    np.testing.assert_allclose(np.linalg.norm(out[:, 2:], axis=1), 1)
    np.testing.assert_array_equal(column.reader.read(pd.Series([texts[7], None]))[0], out[7])
    np.testing.assert_array_equal(column.reader.read(pd.Series([None, "x"]))[0, :3], [nan, nan, 0])


def test_many_text_columns_share_the_hashed_columns():
    frame = pd.DataFrame({f"t{j}": [f"some long text {i} {j}" for i in range(2000)] for j in range(8)})
    assert TableReader().fit(frame).n_features_out_ == 8 * (2 + 256 // 8)


def test_unseen_levels_are_missing():
    reader = TableReader().fit(pd.DataFrame({"city": ["Rome", "Oslo"]}))
    out = reader.transform(pd.DataFrame({"city": ["Lima", "Oslo", None, 3]}))
    np.testing.assert_array_equal(out[:, 0], [nan, 0, nan, nan])


@pytest.mark.parametrize("dtype", [int, float, str, object, "category", "Int64", "string", "Float64"])
def test_levels_are_the_same_whatever_dtype_holds_them(dtype):
    reader = TableReader().fit(pd.DataFrame({"code": pd.Series(["1", "2", "10"], dtype="category")}))
    out = reader.transform(pd.DataFrame({"code": pd.Series([10, 2, 1, 3]).astype(dtype)}))
    np.testing.assert_array_equal(out[:, 0], [2, 1, 0, nan])


def test_a_level_written_as_a_decimal_number_is_found_by_its_value():
    reader = TableReader().fit(pd.DataFrame({"code": pd.Series(["1.0", "2.0"], dtype="category")}))
    np.testing.assert_array_equal(reader.transform(pd.DataFrame({"code": [2, 1, 3]}))[:, 0], [1, 0, nan])
    zips = TableReader().fit(pd.DataFrame({"code": pd.Series(["01", "1"], dtype="category")}))
    np.testing.assert_array_equal(zips.transform(pd.DataFrame({"code": ["01", "1", "001"]}))[:, 0], [0, 1, nan])


@pytest.mark.parametrize("dtype", [str, object, "category", "Float64", "string", "float32"])
def test_numbers_are_the_same_whatever_dtype_holds_them(dtype):
    reader = TableReader().fit(pd.DataFrame({"age": [1.5, 2.0, nan]}))
    out = reader.transform(pd.DataFrame({"age": pd.Series([2.5, 7.0]).astype(dtype)}))
    np.testing.assert_array_equal(out[:, 0], [2.5, 7])


def test_booleans_are_the_same_whatever_dtype_holds_them():
    reader = TableReader().fit(pd.DataFrame({"flag": [True, False]}))
    for values in (["True", "false", None], [1, 0, None], pd.array([True, False, None], dtype="boolean")):
        np.testing.assert_array_equal(reader.transform(pd.DataFrame({"flag": values}))[:, 0], [1, 0, nan])


def test_predict_table_may_be_shuffled_and_have_more_columns():
    frame = frame_of_kinds()
    reader = TableReader().fit(frame)
    expected = reader.transform(frame)
    shuffled = frame[frame.columns[::-1]].assign(extra="x")
    np.testing.assert_array_equal(reader.transform(shuffled), expected)
    np.testing.assert_array_equal(reader.transform(shuffled.head(1)), expected[:1])


def test_missing_column_is_named():
    frame = frame_of_kinds()
    reader = TableReader().fit(frame)
    with pytest.raises(TableError, match=r"(?s)now missing:\n- city\nAdd the missing columns \('city'\) to X"):
        reader.transform(frame.drop(columns="city"))
    with pytest.raises(TableError, match=r"(?s)unseen at fit time:\n- town.*missing:\n- city"):
        reader.transform(frame.rename(columns={"city": "town"}))


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
        ([True, False], ["yes", "no"], "column 'x' held booleans in fit but now holds 'no'"),
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
            "no column says anything about the rows.*'a': all cells are 1",
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


def test_arrays_and_lists():
    rows = [[1, "a", None], [2, "b", 2.5], [3, "a", 1.5]]
    expected = [[1, 0, nan], [2, 1, 2.5], [3, 0, 1.5]]
    for table in (rows, np.array(rows, dtype=object), [tuple(row) for row in rows]):
        reader = TableReader()
        np.testing.assert_array_equal(reader.fit_transform(table), expected)
        assert not hasattr(reader, "feature_names_in_")
        assert reader.n_features_in_ == 3
        assert list(reader.get_feature_names_out()) == ["x0", "x1", "x2"]
    texts = np.array([["1", "a"], ["2", "b"], ["3", "a"]])
    np.testing.assert_array_equal(TableReader().fit_transform(texts), [[1, 0], [2, 1], [3, 0]])
    flags = np.array([[True, False], [False, True]])
    np.testing.assert_array_equal(TableReader().fit_transform(flags), flags)
    days = np.array([["2024-01-01"], ["2024-01-03"]], dtype="datetime64[D]")
    np.testing.assert_array_equal(TableReader().fit_transform(days)[:, -1], [0, 2])


@pytest.mark.parametrize(
    "names", [[0, 1], ["a", 1], ["a[0]", "a:b"], ["a b", "a_b"], ["größe", "名"], [("x", 1), ("x", 2)]]
)
def test_any_labels_will_do(names):
    frame = pd.DataFrame(np.arange(6.0).reshape(3, 2))
    frame.columns = pd.Index(names, tupleize_cols=False)
    reader = TableReader().fit(frame)
    assert hasattr(reader, "feature_names_in_") == all(isinstance(name, str) for name in names)
    np.testing.assert_array_equal(reader.transform(frame[list(frame.columns[::-1])]), frame.to_numpy())


@pytest.mark.parametrize(
    "form", [sparse.csr_matrix, sparse.csc_matrix, sparse.coo_matrix, sparse.csr_array, sparse.coo_array, pd.DataFrame]
)
def test_sparse_stays_sparse(form):
    dense = np.array([[0, 1.0, 0], [0, 0, 2], [0, 0, 3]])
    is_frame = form is pd.DataFrame
    table = (
        pd.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(dense), columns=list("abc")) if is_frame else form(dense)
    )
    reader = TableReader()
    out = reader.fit_transform(table)
    assert sparse.issparse(out)
    assert out.format == "csr"
    np.testing.assert_array_equal(out.toarray(), dense)
    traits = reader.traits("binary", 2)
    assert traits.sparse
    assert not traits.has_missing
    assert traits.n_features == 3
    np.testing.assert_array_equal(reader.transform(dense).toarray(), dense)
    if is_frame:
        np.testing.assert_array_equal(reader.transform(table[["c", "a", "b"]]).toarray(), dense)


def test_sparse_after_dense_is_read_as_dense():
    dense = np.array([[0, 1.0, 5], [0, 0, 6], [0, 0, 7]])
    reader = TableReader().fit(dense)
    np.testing.assert_array_equal(reader.transform(sparse.csr_matrix(dense)), dense[:, 1:])


def test_arrow_tables_are_read_through_pandas():
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": [1, None, 3], "b": ["x", "y", None]})
    np.testing.assert_array_equal(TableReader().fit_transform(table), [[1, 0], [nan, 1], [3, nan]])


def test_polars_frames_are_read_through_pandas():
    pl = pytest.importorskip("polars")
    table = pl.DataFrame({"a": [1, None, 3], "b": ["x", "y", None]})
    np.testing.assert_array_equal(TableReader().fit_transform(table), [[1, 0], [nan, 1], [3, nan]])


def test_more_columns_than_rows():
    values = np.random.default_rng(0).normal(size=(5, 3000))
    np.testing.assert_array_equal(TableReader().fit_transform(pd.DataFrame(values)), values)


def test_input_is_never_changed_and_the_output_is_new_memory():
    frame = frame_of_kinds()
    before, blob = frame.copy(deep=True), pickle.dumps(frame)
    reader = TableReader().fit(frame)
    reader.transform(frame)[:] = -1
    pd.testing.assert_frame_equal(frame, before)
    assert pickle.dumps(frame) == blob
    for table in (np.arange(6.0).reshape(3, 2), sparse.csr_matrix(np.eye(3))):
        copy = table.copy()
        out = TableReader().fit_transform(table)
        out[0, 0] = 99
        assert abs(table - copy).sum() == 0


def test_pickle_is_small_and_reads_alike():
    frame = pd.concat([frame_of_kinds(seed=i) for i in range(50)], ignore_index=True)
    reader = TableReader().fit(frame)
    blob = pickle.dumps(reader)
    assert len(blob) < 10_000
    np.testing.assert_array_equal(pickle.loads(blob).transform(frame), reader.transform(frame))


def test_output_is_an_array_under_a_global_wish_for_frames():
    with config_context(transform_output="pandas"):
        assert isinstance(TableReader().fit_transform(frame_of_kinds()), np.ndarray)


def test_refit_forgets_the_names():
    reader = TableReader().fit(frame_of_kinds())
    assert "city" in reader.feature_names_in_
    reader.fit(np.arange(6.0).reshape(3, 2))
    assert not hasattr(reader, "feature_names_in_")
    assert clone(reader).get_params() == {"max_categories": 1000, "text_features": 64}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (1.0, "1"),
        (np.float32(0.1), "0.1"),
        (Decimal("2.0"), "2"),
        (True, "True"),
        ("1.0", "1.0"),
        (b"a", "a"),
    ],
)
def test_level_text(value, text):
    assert level_text(value) == text


@pytest.mark.parametrize(
    "sentinel",
    [
        np.array(["9999-12-31"], dtype="M8[us]"),
        [dt.datetime(9999, 12, 31)],
        ["9999-12-31"],
        np.array(["0001-01-01"], dtype="M8[s]"),
    ],
    ids=["microseconds", "object", "text", "first day"],
)
def test_dates_beyond_nanoseconds_are_dates(sentinel):
    days = pd.date_range("2020-01-01", periods=60, freq="D").as_unit("ns")
    reader = TableReader().fit(pd.DataFrame({"day": days}))
    out = reader.transform(pd.DataFrame({"day": sentinel}))
    assert np.isfinite(out).all()
    assert abs(out).max() > 700_000  # days elapsed
    far = pd.Series(np.concatenate([np.array(["0001-01-01"], dtype="M8[s]"), days.to_numpy().astype("M8[s]")]))
    out = TableReader().fit(pd.DataFrame({"day": far})).transform(pd.DataFrame({"day": days}))
    assert np.isfinite(out).all()


def test_members_of_an_enumeration_are_levels():
    color = enum.Enum("Color", ["RED", "GREEN"])
    table = pd.DataFrame({"color": [color.RED, color.GREEN] * 20, "x": range(40)})
    table_checks.check_table(table)
    reader = TableReader().fit(table)
    assert len(np.unique(reader.transform(table)[:, reader.categorical_[0]])) == 2


def test_integers_beyond_all_floats_are_said_to_be_infinite():
    table = pd.DataFrame({"x": [1, 2, 10**310, None] * 10}, dtype=object)
    with pytest.raises(TableError, match="'x' holds infinite"):
        TableReader().fit(table).transform(table)


def test_dense_rows_for_a_sparse_table_hold_what_a_sparse_one_may():
    reader = TableReader().fit(sparse.random(30, 3, 0.5, format="csr", random_state=0))
    assert reader.transform(np.array([[1e300, 0.0, 1.0]])).max() == LARGEST
    assert reader.transform(sparse.csr_matrix([[1e300, 0.0, 1.0]])).max() == LARGEST
    with pytest.raises(TableError, match="missing"):
        reader.transform(np.array([[1.0, np.nan, 0.0]]))
