"""Tests of the values that columns of each kind give."""

import datetime as dt
import enum
import time
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from dateutil import tz

from automl.task.table_validation import check_table
from pipelines.table.cells import TableError, level_text
from pipelines.table.columns import zone_text
from pipelines.table.reader import TableReader
from tests.pipelines.table.tables import read

nan = np.nan


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
        pytest.param(["1.5", "2.25", "?", None], object, "number", [1.5, 2.25, nan, nan], id="numbers as text"),
        pytest.param([1, "x", 1.0, True], object, "category", [0, 2, 0, 1], id="mixed types"),
        pytest.param([1, None, 2.5], object, "number", [1, nan, 2.5], id="object numbers"),
        pytest.param([Decimal("1.5"), None, Decimal(2)], object, "number", [1.5, nan, 2], id="decimal"),
        pytest.param([1, None, 3], "Int64", "number", [1, nan, 3], id="Int64"),
        pytest.param([1.5, None, 3], "Float32", "number", [1.5, nan, 3], id="Float32"),
        pytest.param([1, None, 3], "int64[pyarrow]", "number", [1, nan, 3], id="arrow integers"),
        pytest.param([True, None, False], "boolean", "boolean", [1, nan, 0], id="nullable boolean"),
        pytest.param([True, None, False], "bool[pyarrow]", "boolean", [1, nan, 0], id="arrow boolean"),
        pytest.param([True, nan, False], object, "boolean", [1, nan, 0], id="boolean with NaN"),
        pytest.param([True, False], bool, "boolean", [1, 0], id="bool"),
        pytest.param(["x", None, "y"], "category", "category", [0, nan, 1], id="category"),
        pytest.param([20, 3, 3], "category", "category", [1, 0, 0], id="category of numbers"),
        pytest.param(["a", None, "a"], object, "category", [0, nan, 0], id="one level and missing"),
        pytest.param([5.0, nan, 5.0], float, "number", [5, nan, 5], id="one number and missing"),
        pytest.param([1e300, -1e300, 1.0], float, "number", [1e30, -1e30, 1], id="beyond single precision"),
        pytest.param([1, 2, 3], "uint8", "number", [1, 2, 3], id="uint8"),
        pytest.param([0.5, 2], "float16", "number", [0.5, 2], id="float16"),
        pytest.param([0, 0, 3], "Sparse[int64]", "number", [0, 0, 3], id="pandas sparse among dense"),
        pytest.param(pd.to_timedelta(["1h", None, "1s"]), None, "number", [3600, nan, 1], id="timedelta"),
        pytest.param(
            [dt.timedelta(1), None, dt.timedelta(0)], object, "number", [86400, nan, 0], id="object timedelta"
        ),
        pytest.param(["b", "a", np.timedelta64(1, "M")], object, "category", [2, 1, 0], id="months among texts"),
        pytest.param(
            ["a", "b", np.timedelta64(10**15, "D")], "category", "category", [1, 2, 0], id="too long among texts"
        ),
        pytest.param(
            ["1.5", "2.25", np.timedelta64(1, "Y"), "0.5"], object, "number", [1.5, 2.25, nan, 0.5], id="years"
        ),
        pytest.param(
            [dt.timedelta(1), np.timedelta64(1, "M"), np.timedelta64(1, "s")],
            object,
            "number",
            [86400, nan, 1],
            id="months among durations",
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
        pytest.param(pd.Series(["28/02/2024 06:30", None, "01/03/2024 18:00"]), id="day first, because of 28"),
        pytest.param(pd.Series(["02/28/2024 06:30", None, "03/01/2024 18:00"]), id="month first, because of 28"),
        pytest.param(pd.Series(pd.to_datetime(DAYS), dtype="timestamp[us][pyarrow]"), id="arrow timestamps"),
        pytest.param(pd.PeriodIndex(DAYS, freq="min"), id="period"),
    ],
)
def test_dates_become_their_parts_and_elapsed_days(values):
    column, out = read(values)
    assert column.kind == "date"
    expected = DAY_PARTS | {"_elapsed": [0, nan, 2 + 11.5 / 24]}
    assert column.reader.suffixes == tuple(expected)  # no year: it does not vary
    np.testing.assert_allclose(out, np.column_stack(list(expected.values())))


def test_months_and_years_among_durations_of_prediction_are_missing_values():
    reader = TableReader().fit(pd.DataFrame({"x": ["1 h", "2 h", "3 h", "1 h 30 min"] * 5}))
    later = pd.DataFrame({"x": pd.Series(["1 h", np.timedelta64(1, "Y"), np.timedelta64(1, "M")], dtype=object)})
    np.testing.assert_array_equal(reader.transform(later)[:, 0], [3600, nan, nan])


def test_later_dates_are_read_the_same_from_all_types():
    reader = TableReader().fit(pd.DataFrame({"day": pd.to_datetime(["2024-01-01", "2024-02-03"])}))
    later = pd.DataFrame({"day": pd.to_datetime(["2025-01-01", None])})
    out = reader.transform(later)
    np.testing.assert_array_equal(out[:, -1], [366, nan])
    np.testing.assert_array_equal(reader.transform(later.astype(object)), out)
    np.testing.assert_array_equal(reader.transform(pd.DataFrame({"day": ["2025-01-01", "garbage"]})), out)
    assert np.isnan(reader.transform(pd.DataFrame({"day": [nan, nan]}))).all()


def test_dates_with_a_zone_are_converted_to_the_zone_of_training():
    day = pd.to_datetime(["2024-01-01 12:00", "2024-01-02 13:00"]).tz_localize("Europe/Rome")
    reader = TableReader().fit(pd.DataFrame({"day": day}))
    expected = reader.transform(pd.DataFrame({"day": day}))
    np.testing.assert_array_equal(reader.transform(pd.DataFrame({"day": day.tz_convert("UTC")})), expected)


def test_ordered_categories_keep_their_declared_order_and_unused_levels_have_no_code():
    values = pd.Categorical(["high", "low", "mid"], ["low", "never", "mid", "high"], ordered=True)
    column, out = read(values)
    assert column.reader.levels == ("low", "mid", "high")
    np.testing.assert_array_equal(out[:, 0], [2, 0, 1])


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


def test_text_becomes_lengths_hashed_columns_and_components():
    texts = [f"the {word} fox number {i}" for i, word in enumerate(["quick", "slow"] * 300)]
    column, out = read(texts)
    assert column.reader.suffixes[:3] == ("_length", "_words", "_hash0")
    assert out.shape[1] == 2 + 30  # hashed columns and components together: a twentieth of the rows
    assert column.reader.suffixes[-15:] == tuple(f"_component{i}" for i in range(15))
    np.testing.assert_array_equal(out[:, 0], [len(text) for text in texts])
    assert (out[:, 1] == 5).all()
    np.testing.assert_allclose(np.linalg.norm(out[:, 2:17], axis=1), 1)
    np.testing.assert_array_equal(column.reader.read(pd.Series([texts[7], None]))[0], out[7])
    np.testing.assert_array_equal(column.reader.read(pd.Series([None, "x"]))[0, :3], [nan, nan, 0])


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
    check_table(table)
    reader = TableReader().fit(table)
    assert len(np.unique(reader.transform(table)[:, reader.categorical_[0]])) == 2


def test_integers_beyond_the_range_of_floats_are_refused_as_infinite():
    table = pd.DataFrame({"x": [1, 2, 10**310, None] * 10}, dtype=object)
    with pytest.raises(TableError, match="'x' holds infinite"):
        TableReader().fit(table).transform(table)


@pytest.mark.parametrize("dtype", [object, str, "category"])
def test_huge_whole_numbers_are_compared_digit_by_digit(dtype):
    levels = [2**60 + 1000 * i for i in range(30)] + [-(2**60)]
    reader = TableReader().fit(pd.DataFrame({"key": pd.Series(levels * 3, dtype="category")}))
    later = pd.DataFrame({"key": pd.Series([2**60 + 1000, 2**60 + 1001, 2**60 + 1, -(2**60) - 1]).astype(dtype)})
    np.testing.assert_array_equal(reader.transform(later)[:, 0], [2, nan, nan, nan])


def test_huge_numbers_that_only_one_side_writes_as_whole_numbers_are_found_by_their_value():
    reader = TableReader().fit(pd.DataFrame({"key": pd.Series(["1e20", 2**60, 2**61], dtype="category")}))
    later = pd.Series([10**20, "00" + str(2**60), 2.0**61, 10**20 + 10**6], dtype=object)
    np.testing.assert_array_equal(reader.transform(pd.DataFrame({"key": later}))[:, 0], [2, 0, 1, nan])


def test_an_unseen_huge_number_shares_the_code_of_rare_levels():
    keys = pd.Series([2**60 + 1000 * min(i, 9) for i in range(40)], dtype="category")
    reader = TableReader(max_categories=5).fit(pd.DataFrame({"key": keys}))
    later = pd.DataFrame({"key": [2**60 + 9000, 2**60 + 9001]})
    np.testing.assert_array_equal(reader.transform(later)[:, 0], [3, 4])


FAR, NEAR = dt.datetime(9999, 12, 31), pd.Timestamp("2024-07-03 12:00:00.123456789")


@pytest.mark.parametrize(
    "cells", [[FAR, NEAR], [NEAR, FAR], [np.datetime64(FAR, "D"), np.datetime64(NEAR, "ns")]], ids=str
)
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_a_date_does_not_depend_on_the_unit_of_the_dates_beside_it(cells, zone):
    days = pd.DataFrame({"day": pd.date_range("2024-07-01", periods=60, freq="7h", tz=zone)})
    later = pd.DataFrame({"day": pd.Series(cells, dtype=object)})
    reader = TableReader().fit(days)
    out = reader.transform(later)
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(out, np.vstack([reader.transform(later[:1]), reader.transform(later[1:])]))
    np.testing.assert_array_equal(TableReader().fit(later).transform(later)[:, -1], out[:, -1] - out[:, -1].min())


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_zone_of_a_column_does_not_depend_on_the_unit_of_its_dates(unit, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        local = pd.Series(pd.date_range("2024-06-30", periods=9, freq="30D", tz=tz.tzlocal()).as_unit(unit))
        berlin = pd.Series(pd.date_range("2024-06-30", periods=9, freq="30D", tz="Europe/Berlin").as_unit(unit))
        found = zone_text(local), zone_text(berlin)
    time.tzset()
    assert found == (None, "Europe/Berlin")
