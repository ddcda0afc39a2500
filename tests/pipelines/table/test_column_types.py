"""Tests of the kinds that columns get."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from pipelines.table.reader import TableReader
from pipelines.table.summary import notices
from tests.pipelines.table.tables import KINDS, frame_of_kinds, read

nan = np.nan


def test_each_kind_is_recognized_and_placed_in_the_order_of_the_table():
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


@pytest.mark.parametrize("values", [["20240101", "20240102"], ["1-2", "3-4"], ["12:80", "13:90"], ["v1.2.3", "v1.2.4"]])
def test_texts_that_only_resemble_dates_are_categories(values):
    assert read(values)[0].kind == "category"


@pytest.mark.parametrize("values", [[str(i % 10) for i in range(60)], [f"{i:05d}" for i in range(60)]])
def test_texts_that_the_user_wants_are_not_reported_as_numbers(values):
    column, _ = read(values, columns={"column": "text"})
    assert (column.kind, column.notice, column.remedy) == ("text", "", "")


MONTHS = ["Mar 2024", "Jan 2024", "Feb 2024"]


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pd.Categorical(MONTHS, MONTHS, ordered=True), id="pandas"),
        pytest.param(pl.Series(MONTHS, dtype=pl.Enum(MONTHS)), id="polars"),
    ],
)
def test_an_ordered_category_of_dates_stays_a_category_with_its_own_order(column):
    frame = pl.DataFrame if isinstance(column, pl.Series) else pd.DataFrame
    table = frame({"month": column, "x": range(3)})
    reader = TableReader().fit(table)
    assert (reader.columns_[0].kind, reader.columns_[0].reader.levels) == ("category", tuple(MONTHS))
    np.testing.assert_array_equal(reader.transform(table)[:, 0], [0, 1, 2])
    assert not notices(reader.columns_)


@pytest.mark.parametrize(
    ("levels", "more"),
    [
        (["2024-01", "2024-03"], ""),
        (["1/2/2024", "3/4/2024"], "; it has dates in which nothing decides"),
        ([*(f"2024-{month:02}" for month in range(1, 13)), "soon"], "; it has one cell that holds no date"),
    ],
)
def test_a_category_that_is_read_as_dates_is_reported(levels, more):
    reader = TableReader().fit(pd.DataFrame({"month": pd.Categorical(levels + levels[:1] * 30)}))
    assert reader.columns_[0].kind == "date"
    line = notices(reader.columns_)[0]
    assert line.startswith("column 'month' has the dtype category but holds dates, and is read as dates")
    assert more in line
    assert line.endswith("; columns={'month': 'category'} changes that")


def test_many_zip_codes_with_leading_zeros_are_categories():
    assert read([f"{i:05d}" for i in range(100)] * 2)[0].kind == "category"
    assert read([f"{i:d}" for i in range(100)] * 2)[0].kind == "number"


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
    assert (out.shape[1] == 0) == bool(column.notice) == (kind in ("identifier", "constant"))
    assert column.reason


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("id", np.arange(30), "identifier"),
        ("customerId", 1000 + np.arange(30)[::-1], "identifier"),
        ("Unnamed: 0", np.arange(30), "identifier"),
        ("id", np.arange(30) * 2, "number"),
        ("year", 1990 + np.arange(30), "number"),
        ("humid", np.arange(30), "number"),
        (0, np.arange(30), "number"),
    ],
)
def test_integers_are_identifiers_only_by_name_and_values_together(name, values, kind):
    frame = pd.DataFrame({name: values, "other": np.arange(30) % 4})
    assert TableReader().fit(frame).columns_[0].kind == kind


def test_numbers_whose_difference_is_infinite_give_no_warning(recwarn):
    column, _ = read([1.7e308, -1.7e308, 0.0, 1.0])
    assert column.kind == "number"
    assert not recwarn.list
