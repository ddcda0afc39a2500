"""Tests of tables of all types: frames, arrays, lists, sparse matrices."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from pipelines.component import LARGEST
from pipelines.table.cells import TableError
from pipelines.table.reader import TableReader
from tests.pipelines.table.tables import frame_of_kinds

nan = np.nan


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


def test_an_array_of_bytes_is_read_as_its_texts():
    texts = [["é", "1"], ["b ", "2"], ["é", "3"], ["名", "1"]]
    array = np.array([[text.encode() for text in row] for row in texts])
    assert array.dtype.kind == "S"
    expected = TableReader().fit_transform(np.array(texts))
    reader = TableReader()
    np.testing.assert_array_equal(reader.fit_transform(array), expected)
    np.testing.assert_array_equal(reader.transform(np.array(texts)), expected)
    np.testing.assert_array_equal(reader.transform(np.array(texts, dtype=object)), expected)


def test_bytes_that_are_no_utf_8_are_a_level_of_their_own():
    array = np.array([[b"\xe9"], [b"b"], [b"\xe9"]])
    np.testing.assert_array_equal(TableReader().fit_transform(array), TableReader().fit_transform(array.astype(object)))


@pytest.mark.parametrize(
    "names", [[0, 1], ["a", 1], ["a[0]", "a:b"], ["a b", "a_b"], ["größe", "名"], [("x", 1), ("x", 2)]]
)
def test_column_names_may_be_of_any_type(names):
    frame = pd.DataFrame(np.arange(6.0).reshape(3, 2))
    frame.columns = pd.Index(names, tupleize_cols=False)
    reader = TableReader().fit(frame)
    assert hasattr(reader, "feature_names_in_") == all(isinstance(name, str) for name in names)
    np.testing.assert_array_equal(reader.transform(frame[list(frame.columns[::-1])]), frame.to_numpy())


def test_a_column_name_may_be_missing():
    frame = pd.DataFrame(np.arange(6.0).reshape(3, 2), columns=[nan, 1.0])
    reader = pickle.loads(pickle.dumps(TableReader().fit(frame)))
    np.testing.assert_array_equal(reader.transform(frame.iloc[:, ::-1]), frame.to_numpy())


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


def test_the_table_is_never_changed_and_the_output_is_a_copy():
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


def test_dense_rows_for_a_sparse_table_have_the_same_limits():
    reader = TableReader().fit(sparse.random(30, 3, 0.5, format="csr", random_state=0))
    assert reader.transform(np.array([[1e300, 0.0, 1.0]])).max() == LARGEST
    assert reader.transform(sparse.csr_matrix([[1e300, 0.0, 1.0]])).max() == LARGEST
    with pytest.raises(TableError, match="missing"):
        reader.transform(np.array([[1.0, np.nan, 0.0]]))
