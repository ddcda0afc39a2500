"""Exported scripts read the columns of a table as the model does."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLRegressor
from automl.export.script import python_script
from pipelines.table.cells import TableError
from tests.factories import FAST

CELLS = {
    "{:.1f}/5": ["1/5", "-4/5", "(2/5)", "4,5/5", "4.5/0", "4⁄5", "-4⁄5"],
    "{:.2f} × 10^3": ["2 x 10^3", "1.5·10^-2", "–1,5 × 10^3", "1.5d-3", "2.5*103"],
    "{:,.2f} EUR": ["– 7 EUR", "−2,5 EUR", "‑3", "+3", "+-3", "-EUR 3", "EUR-3"],
    "{:.2f} kg": ["1E400 kg", "1E400", "9.9E308", "-9E308 kg", "1E-400 kg", "1E3 kg", "inf"],
    "{:.2f} %": ["½", "1½", "2 ¼", "12½%", "−⅓ %", "3×10⁴", "3×10⁻²", "٣٫٥", "1’234.5", "５％"],
    "{:.1f} m": ["2 weeks", "5 kg", "$5", "7", "0x10", "3 M"],
    "({:.1f})": ["(5", "5)", "(5)", "(-5)", "-(5)", "5-", "-5-", "a) 5", "((5)", "2 (5)"],
}


def test_signs_powers_fractions_and_parentheses_are_read_as_the_model_reads_them():
    numbers = np.linspace(0.5, 2000, 60)
    X = pd.DataFrame({name: [name.format(number) for number in numbers] for name in CELLS})
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}).fit(X, numbers)
    names = {"__name__": "script"}
    exec(python_script(model), names)
    assert model.columns_["kind"].tolist() == ["number"] * len(CELLS)
    rows = pd.DataFrame({name: [*cells, *[""] * (10 - len(cells))] for name, cells in CELLS.items()})
    for table in (X, rows):
        np.testing.assert_allclose(names["read_columns"](table)[list(CELLS)], model._reader.transform(table))


def test_units_are_those_of_the_model():
    numbers = np.linspace(0.5, 20, 60)
    forms = {
        "weight": ("{:.2f} kg", "{:.0f}00 g"),
        "price": ("{:.1f}k", "{:.0f}30"),
        "rating": ("{:.1f}/5", "{:.1f}"),
        "share": ("{:.1f} %", "{:.0f}0 ‰"),
        "east": ("{:.1f}° E", "{:.1f}° W"),
    }
    X = pd.DataFrame({n: [pair[i % 2].format(number) for i, number in enumerate(numbers)] for n, pair in forms.items()})
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}).fit(X, numbers)
    assert model.columns_["kind"].tolist() == ["number"] * len(forms)
    names = {"__name__": "script"}
    exec(python_script(model), names)
    later = pd.Series(["250 g", "3 lb", "2M", "3/5", "1½", "0.5 bp", "12 S", "3 weeks", "7", "1,234.5", ""])
    for table in (X, pd.DataFrame(dict.fromkeys(X, later))):
        np.testing.assert_allclose(names["read_columns"](table), model._reader.transform(table), rtol=1e-12)


NOON = dt.datetime(2024, 7, 3, 12)
LATER_DATES = {
    "datetime64": pd.Series([NOON, NOON]),
    "datetime64 with a zone": pd.Series([NOON, NOON]).dt.tz_localize("Asia/Tokyo"),
    "objects": pd.Series([NOON, pd.Timestamp(NOON)], dtype=object),
    "days": pd.Series([NOON.date(), None], dtype=object),
    "objects with UTC": pd.Series([NOON, NOON.replace(tzinfo=dt.UTC)], dtype=object),
    "ISO texts": pd.Series(["2024-07-03 12:00", "2024-07-03T12:00:00.000", "2024-07-03", "20240703T12"]),
    "ISO texts with UTC": pd.Series(["2024-07-03 12:00", "2024-07-03T10:00:00Z", "2024-07-03 10:00:00 UTC"]),
    "ISO texts with offsets": pd.Series(["2024-07-03T12:00:00+02:00", "2024-07-03 05:00-0500", "20240703T12 +02"]),
    "ISO texts with GMT": pd.Series(["2024-07-03T100000Z", None, "2024-07-03 10:00:00 GMT"]),
    "category": pd.Series(["2024-07-03 12:00", "2024-07-03 10:00Z"], dtype="category"),
    "objects and texts": pd.Series([NOON, "2024-07-03 10:00Z"], dtype=object),
    "periods": pd.Series(pd.period_range("2024-07-03 12:00", periods=2, freq="h")),
    "months": pd.Series(pd.period_range("2024-07", periods=2, freq="M")),
    "blanks and quotation marks": pd.Series([" 2024-07-03 12:00", "2024-07-03 10:00Z ", "'2024-07-03'", " "]),
    "numbers": pd.Series([20240703.0, 20240704, 2024], dtype=object),
    "years": pd.Series(["2024", "2024-07", "2024-07-03"]),
    "end of the calendar": pd.Series(["9999-12-31", "9999-12-31 23:59", "9999-12-31T23:59Z"]),
    "objects at the end of the calendar": pd.Series(
        [dt.datetime(9999, 12, 31, 23, 59), dt.datetime(9999, 12, 31, 23, 59, tzinfo=dt.UTC), NOON], dtype=object
    ),
}


@pytest.mark.parametrize("zone", ["Europe/Berlin", dt.timezone(dt.timedelta(hours=-3.5)), None])
def test_later_dates_are_those_of_the_model(zone):
    hours = pd.date_range("2024-06-01", periods=60, freq="31h", tz=zone)
    X = pd.DataFrame({"day": hours})
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}).fit(X, np.arange(60.0))
    names = {"__name__": "script"}
    exec(python_script(model), names)
    for kind, days in LATER_DATES.items():
        later = pd.DataFrame({"day": days})
        read, expected = names["read_columns"](later), model._reader.transform(later)
        np.testing.assert_allclose(read[model._reader.get_feature_names_out()], expected, err_msg=kind)


LATER_TIMES = {
    "datetime64": pd.Series([NOON, NOON]),
    "datetime64 with a zone": pd.Series([NOON, NOON]).dt.tz_localize("Asia/Tokyo"),
    "objects": pd.Series([NOON, pd.Timestamp(NOON, tz="Asia/Tokyo"), NOON.replace(tzinfo=dt.UTC)], dtype=object),
    "dates and times": pd.Series([NOON, NOON.date(), dt.time(8, 15, 30), dt.timedelta(hours=27)], dtype=object),
    "durations": pd.Series(pd.to_timedelta([3600.5, -60, None], unit="s")),
    "texts with zones": pd.Series(["2024-07-03T12:00:00Z", "2024-07-03T12:00:00+05:00", "2024-07-03 12:00"]),
    "texts of times": pd.Series(["08:15", "8:15:30 PM", "11:59:59.5 p.m.", "8 am", "8h15", "27:15", "later", None]),
}


@pytest.mark.parametrize("zone", ["Europe/Berlin", dt.timezone(dt.timedelta(hours=-3.5)), None])
def test_later_times_of_day_are_those_of_the_model(zone):
    X = pd.DataFrame({"time": pd.date_range("2024-06-01", periods=60, freq="31h", tz=zone)})
    arguments = FAST | {"max_trials": 1, "include": ["ridge"], "columns": {"time": "time"}}
    model = AutoMLRegressor(**arguments).fit(X, np.arange(60.0))
    names = {"__name__": "script"}
    exec(python_script(model), names)
    for kind, times in LATER_TIMES.items():
        later = pd.DataFrame({"time": times})
        read, expected = names["read_columns"](later), model._reader.transform(later)
        np.testing.assert_allclose(read[model._reader.get_feature_names_out()], expected, atol=1e-12, err_msg=kind)


DURATIONS = {
    "days": ["1 days 02:03:04", "00:00:01", "-1 days 00:00:10"],
    "days of pandas": ["1 days 02:03:04", "-1 days +23:59:59", "-1 day, 23:59:59"],
    "clock": ["27:15:00", "1:15:22", "0:00:05"],
    "minutes": ["1:15", "2:30", "27:40"],
    "units": ["1h 30min", "2h", "45min 10s"],
    "weeks": ["2 weeks", "1 week and 2 days", "-3 d"],
    "ISO": ["PT15M", "PT1H30M", "P1DT2H"],
    "laps": ["1:23.45", "2:33.1", "0:59.9"],
    "small": ["5000000000 nanoseconds", "1 s 250 ns", "2 ms 5 \N{MICRO SIGN}s"],
    "letters": ["5000000 \N{GREEK SMALL LETTER MU}s", "1 microsecond", "1 min"],
    "dtype": pd.to_timedelta([5.25, -1, 93784], unit="s"),
}
LATER_DURATIONS = [
    pd.Series([duration for durations in DURATIONS.values() for duration in durations], dtype=object),
    pd.Series([3.5, 4, None]),
    pd.Series(
        [3.5, True, Decimal("2.5"), "4.5", "1:15", dt.timedelta(-3, 5), np.timedelta64(7, "s"), dt.time(8), "-", None]
    ),
    pd.Series(["1:15", None], dtype="category"),
    pd.Series(pd.to_timedelta([1.5, None], unit="s")),
]


def test_durations_are_those_of_the_model():
    X = pd.DataFrame({name: np.resize(np.array(durations, dtype=object), 60) for name, durations in DURATIONS.items()})
    X["dtype"] = pd.to_timedelta(X["dtype"])
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}).fit(X, np.arange(60.0))
    assert model.columns_["kind"].tolist() == ["number"] * len(DURATIONS)
    names = {"__name__": "script"}
    exec(python_script(model), names)
    for table in (X, *(pd.DataFrame(dict.fromkeys(X, later)) for later in LATER_DURATIONS)):
        np.testing.assert_allclose(names["read_columns"](table), model._reader.transform(table))


def test_later_durations_in_columns_of_numbers_are_seconds():
    numbers = np.linspace(0.5, 2000, 60)
    X = pd.DataFrame({"number": numbers, "text": [f"{number:,.2f} EUR" for number in numbers]})
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}).fit(X, numbers)
    names = {"__name__": "script"}
    exec(python_script(model), names)
    for later in (
        pd.Series(pd.to_timedelta([1.5, None, 93784], unit="s")),
        pd.Series([dt.timedelta(seconds=5), 3.5, "4", True, Decimal("2.5"), NOON, None], dtype=object),
    ):
        table = pd.DataFrame({"number": later, "text": later})
        np.testing.assert_allclose(names["read_columns"](table), model._reader.transform(table))


def test_missing_and_blank_texts_are_missing_as_in_the_model():
    rng = np.random.default_rng(0)
    words = ["fast", "slow", "cheap", "good", "bad", "old", "new", "clean"]
    X = pd.DataFrame(
        {
            "note": [" ".join(rng.choice(words, 6)) for _ in range(80)],
            "name": ["".join(rng.choice(["ka", "lo", "mi", "ru", "te"], 5)) for _ in range(80)],
        }
    )
    X.loc[::7] = None
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}).fit(X, np.arange(80.0))
    assert model.columns_["kind"].tolist() == ["text", "text"]
    names = {"__name__": "script"}
    exec(python_script(model), names)
    expected = pd.DataFrame(model._reader.transform(X), columns=model._reader.get_feature_names_out())
    read = names["read_columns"](X)
    shared = expected.columns.intersection(read.columns)
    assert {"note_length", "note_words", "note_hash0", "name_length"} <= set(shared)
    np.testing.assert_allclose(read[shared], expected[shared])
    later = pd.DataFrame(dict.fromkeys(X, pd.Series(["good  bad", "", " ", None, 1.0, 2.5, True], dtype=object)))
    expected = pd.DataFrame(model._reader.transform(later), columns=expected.columns)
    np.testing.assert_allclose(names["read_columns"](later)[shared], expected[shared])
    names["make_model"]().fit(read, np.arange(80.0)).predict(names["read_columns"](later))


@pytest.mark.parametrize("dtype", ["boolean", "Int64", "Float64"])
def test_missing_booleans_are_missing_numbers(dtype):
    X = pd.DataFrame({"sold": np.arange(60) % 3 == 0, "paid": ["yes", "no"] * 30})
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}).fit(X, np.arange(60.0))
    assert model.columns_["kind"].tolist() == ["boolean", "boolean"]
    names = {"__name__": "script"}
    exec(python_script(model), names)
    later = pd.DataFrame(dict.fromkeys(X, pd.Series([1, None, 0], dtype=dtype)))
    read = names["read_columns"](later)
    assert read.dtypes.eq("float64").all()
    np.testing.assert_array_equal(read, model._reader.transform(later))


def test_texts_that_end_in_utc_are_dates():
    X = pd.DataFrame({"day": pd.date_range("2024-06-01", periods=60, freq="31h").astype(str) + " UTC"})
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}).fit(X, np.arange(60.0))
    names = {"__name__": "script"}
    exec(python_script(model), names)
    read = names["read_columns"](X)
    np.testing.assert_allclose(read[model._reader.get_feature_names_out()], model._reader.transform(X))


@pytest.mark.parametrize(
    ("form", "later"),
    [
        (
            "%Y-%m-%d %H:%M America/New_York",
            ["2024-07-03T12:00 Europe/Berlin", "2024-07-03 12:00", "2024-07-03 12:00Z"],
        ),
        ("%Y-%m-%d %H:%M", ["2024-07-03 12:00 America/Argentina/Buenos_Aires", "2024-07-03 12:00 Etc/UTC"]),
        (
            "%Y-%m-%d %I:%M %p",
            ["2024-07-03 10:00 PM", "2024-07-03 10:00 PM America/New_York", "2024-07-03 10:00 UTC+2"],
        ),
        ("%Y-%m-%d %H:%M+00:00", ["2024-07-03 10:00 UTC+02:00", "2024-07-03 10:00 UTC"]),
        ("%d.%m.%Y %H:%M", ["03.07.2024 12:00", "2024-07-03 12:00", "2024-07-03T10:00Z", "20240703"]),
        ("%d %B %Y %H:%M", ["3 July 2024 12:00", "2024-07-03 12:00", "2024-07-03T10:00Z", "20240703", "2024"]),
    ],
)
def test_later_texts_in_other_notations_are_dates(form, later):
    X = pd.DataFrame({"day": pd.date_range("2024-06-01", periods=60, freq="31h").strftime(form)})
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}).fit(X, np.arange(60.0))
    names = {"__name__": "script"}
    exec(python_script(model), names)
    for table in (X, pd.DataFrame({"day": later})):
        read = names["read_columns"](table)
        np.testing.assert_allclose(read[model._reader.get_feature_names_out()], model._reader.transform(table))


DAYS = pd.date_range("2019-03-01", periods=60, freq="31h")
LATER_NOTATIONS = pd.Series(
    [
        "2021-02-03",
        "2021/02/03 04:05",
        "03/04/2021",
        "20-01-05",
        "5 Mar 2021 10:00 PM EST",
        "March 5th, 2021",
        "2024-01-01 10:00 Etc/GMT+5",
        "2024-01-01 10:00 America/Port-au-Prince",
        "2024-01-01T10:00 [Europe/Paris]",
        "2024-01-01T10:00+09:00[Asia/Tokyo]",
        "2024-01-01 10:00 (Europe/Paris)",
        "2024-07-03 10:00 PM",
        "2024-W05",
        "Q3 2024",
        "n/a",
    ]
)
NOTATIONS = {
    "names of months and slashes": [day.strftime(["%-d %b %Y", "%d/%m/%Y"][i % 2]) for i, day in enumerate(DAYS)],
    "American slashes": [day.strftime(["%b %d, %Y", "%m/%d/%Y"][i % 2]) for i, day in enumerate(DAYS)],
    "years of two digits first": [f"20-01-{i % 28 + 1:02}" for i in range(60)],
    "German": DAYS.strftime("%d.%m.%Y"),
    "ISO": DAYS.strftime("%Y-%m-%d %H:%M"),
    "UTC": DAYS.strftime("%Y-%m-%d %H:%M UTC"),
    "zone": DAYS.tz_localize("America/New_York"),
    "time": DAYS,
    "time with a zone": DAYS.tz_localize("America/New_York"),
    "time of German dates": DAYS.strftime("%d.%m.%Y %H:%M"),
    "whole numbers": DAYS.strftime("%Y%m%d").astype(int),
}


@pytest.fixture(scope="module")
def notations():
    """Return a table with one column for each notation of dates, the reader of a model, and that of its script."""
    X = pd.DataFrame(NOTATIONS)
    kinds = dict.fromkeys(("time", "time with a zone", "time of German dates"), "time") | {"whole numbers": "date"}
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"], "columns": kinds}).fit(X, np.arange(60.0))
    assert model.columns_["kind"].tolist() == [kinds.get(name, "date") for name in X]
    names = {"__name__": "script"}
    exec(python_script(model), names)
    return X, model._reader, names["read_columns"]


@pytest.mark.parametrize("cell", [*LATER_NOTATIONS, None])
def test_later_dates_in_any_notation_are_those_of_the_model(notations, cell):
    X, reader, read_columns = notations
    cells = pd.Series([cell, "2021-02-03 04:05", "5 Mar 2021"])
    for table in (X, pd.DataFrame(dict.fromkeys(X, cells))):
        expected = pd.DataFrame(reader.transform(table), columns=reader.get_feature_names_out())
        read = read_columns(table)
        for name in expected:
            np.testing.assert_allclose(read[name], expected[name], atol=1e-12, err_msg=name)


def table_of_all_kinds(n_rows=240):
    """Return a table whose columns are read by all readers of columns, in all notations of dates and numbers."""
    rng = np.random.default_rng(0)
    hours = pd.date_range("2024-06-01", periods=n_rows, freq="31h")
    zoned = hours.tz_localize("UTC").tz_convert("Europe/Berlin")
    minutes = rng.integers(0, 1440, n_rows)
    words = ["fast", "slow", "cheap", "good", "bad", "old", "new", "clean"]
    syllables = ["ka", "lo", "mi", "ru", "te", "bo", "sa", "ne"]
    brands = ["".join(rng.choice(syllables, 4)) for _ in range(120)]
    return pd.DataFrame(
        {
            "number": rng.normal(size=n_rows),
            "price": [f"{price:,.2f} EUR" for price in rng.uniform(1, 5000, n_rows)],
            "flag": rng.random(n_rows) < 0.5,
            "answer": rng.choice(["yes", "no"], n_rows),
            "city": rng.choice(["Rome", "Oslo", "Lima"], n_rows),
            "floor": rng.choice(["1", "2", "3"], n_rows),
            "grade": pd.Categorical(rng.choice([1, 2, 3], n_rows)),
            "brand": rng.choice(brands, n_rows),
            "note": [" ".join(rng.choice(words, 6)) for _ in range(n_rows)],
            "name": ["".join(rng.choice(syllables, 5)) for _ in range(n_rows)],
            "day": hours,
            "zoned_day": zoned,
            "day_text": hours.strftime("%Y-%m-%d %H:%M"),
            "german_day": hours.strftime("%d.%m.%Y %H:%M"),
            "clock": [f"{minute // 60}:{minute % 60:02d}" for minute in minutes],
            "hour": hours,
            "zoned_hour": zoned,
            "wait": pd.to_timedelta(minutes, unit="min"),
            "lap": [f"{minute // 60}:{minute % 60:02d}.5" for minute in minutes],
        }
    )


KINDS = {
    **dict.fromkeys(("number", "price", "wait", "lap"), "number"),
    **dict.fromkeys(("flag", "answer"), "boolean"),
    **dict.fromkeys(("city", "floor", "grade", "brand"), "category"),
    **dict.fromkeys(("note", "name"), "text"),
    **dict.fromkeys(("day", "zoned_day", "day_text", "german_day"), "date"),
    **dict.fromkeys(("clock", "hour", "zoned_hour"), "time"),
}
NOONS = pd.Series([NOON, NOON, None])
LATER_CELLS = [
    pd.Series([1.0, 2.5, np.nan]),
    pd.Series([1, 2.5, np.nan], dtype="float32"),
    pd.Series([1, 2, 3]),
    pd.Series([1, None, 3], dtype="Int64"),
    pd.Series([1.5, None, 3], dtype="Float64"),
    pd.Series([True, False]),
    pd.Series([True, None, False], dtype="boolean"),
    pd.Series([1, 2.5, None], dtype=object),
    pd.Series([Decimal(7), Decimal("2.5"), None], dtype=object),
    pd.Series([Decimal("7.00"), Decimal("1e3"), 1e16, 10**20], dtype=object),
    pd.Series([True, False, None], dtype=object),
    pd.Series([True, "2", 2.5, np.float32(2), np.True_, 10**18, NOON, None], dtype=object),
    pd.Series(["1", "2.5", "-4", "1e3", "n/a", "", " ", "x", None]),
    pd.Series(["1", "2.5", None], dtype=object),
    pd.Series(["1", "2.5", "1"], dtype="category"),
    pd.Series([1, 2, 1], dtype="category"),
    pd.Series([1.0, 2.5, None], dtype="category"),
    pd.Series([None, None], dtype=object),
    pd.Series([np.nan, np.nan]),
    pd.Series(["1,234.50 EUR", "3 EUR", "7"]),
    pd.Series(["1", "1.0", "02", " 3 ", "3e0", "2.5", "True", "x", None]),
    pd.Series(["yes", "No", " TRUE ", "f", "1", "maybe", None]),
    pd.Series(["yes", "no", None], dtype="category"),
    pd.Series([True, False, None], dtype="category"),
    pd.Series(["Rome", "Oslo", "Paris", " Rome", "", " ", None]),
    pd.Series(["Rome", 1, 1.0, True, None], dtype=object),
    pd.Series(["good bad\tnew", "a  b", "", " ", None]),
    NOONS,
    NOONS.astype("M8[s]"),
    NOONS.dt.tz_localize("Asia/Tokyo"),
    NOONS.dt.tz_localize("Europe/Berlin"),
    NOONS.astype("category"),
    pd.Series([NOON, pd.Timestamp(NOON), np.datetime64(NOON), None], dtype=object),
    pd.Series([NOON, NOON.replace(tzinfo=dt.UTC), pd.Timestamp(NOON, tz="Asia/Tokyo")], dtype=object),
    pd.Series([NOON.date(), None], dtype=object),
    pd.Series([NOON, NOON.date(), "2024-07-03 10:00Z", 1.5], dtype=object),
    pd.Series(pd.period_range("2024-07-03 12:00", periods=2, freq="h")),
    pd.Series(["2024-07-03 12:00", "2024-07-03T12:00:00.5", "2024-07-03", "20240703", "n/a", "", None]),
    pd.Series(["2024-07-03T12:00:00Z", "2024-07-03T12:00:00+05:00", "2024-07-03 12:00 UTC"]),
    pd.Series(["2024-07-03 12:00", "2024-07-03 10:00Z"], dtype="category"),
    pd.Series([20240703, 20240704]),
    pd.Series(["9999-12-31", "9999-12-31 23:59Z", "2024-07-03"]),
    pd.Series([dt.datetime(9999, 12, 31, 23, 59), dt.datetime(9999, 12, 31, 23, 59, tzinfo=dt.UTC)], dtype=object),
    pd.Series([dt.time(8, 15), dt.time(23, 59, 59, 500000), None], dtype=object),
    pd.Series(["08:15", "8:15:30 AM", "11:59:59.5 p.m.", "8 am", "8h15", "27:15", "24:00", "later", "-", None]),
    pd.Series(["08:15", None], dtype="category"),
    pd.Series([NOON.replace(tzinfo=dt.UTC), "08:15", dt.time(8, 15), NOON.date()], dtype=object),
    pd.Series(pd.to_timedelta([1, 90000.5, None], unit="s")),
    pd.Series(pd.to_timedelta([1, None], unit="s"), dtype="category"),
    pd.Series([dt.timedelta(hours=5), dt.timedelta(-3, 5), None], dtype=object),
    pd.Series([dt.timedelta(hours=5), "08:15", None], dtype=object),
    pd.Series([dt.timedelta(hours=5), 3.5, "4"], dtype=object),
    pd.Series(["1:23.45", "27:40", "2 weeks", "1 days 02:03:04", "-1 day, 23:59:59", "PT15M", "3.5", "n/a", None]),
    pd.Series(["1'000", "1 000", "1,234.5", "1,234,567", "(5)", "7-", "½", "５", "3 EUR", "inf", "1e999", "x", None]),
    pd.Series(["1,234.5 EUR", "$5", "2 kg", "½ EUR", "0x10", "3"]),
]


@pytest.fixture(scope="module")
def exported():
    """Return a table of all kinds of columns, the reader of a model that was trained on it, and that of its script."""
    X = table_of_all_kinds()
    columns = {"hour": "time", "zoned_hour": "time"}
    arguments = FAST | {"max_trials": 1, "include": ["ridge"], "columns": columns}
    model = AutoMLRegressor(**arguments).fit(X, np.arange(float(len(X))))
    assert dict(zip(X, model.columns_["kind"], strict=True)) == KINDS
    names = {"__name__": "script"}
    exec(python_script(model), names)
    return X, model._reader, names["read_columns"]


@pytest.mark.parametrize("cells", LATER_CELLS, ids=lambda cells: f"{cells.dtype}-{cells.iloc[0]}")
def test_all_cells_that_the_model_reads_are_those_of_the_model(exported, cells):
    X, reader, read_columns = exported
    codes = pd.DataFrame(reader.transform(X), columns=reader.get_feature_names_out())
    known, read = read_columns(X), read_columns(pd.DataFrame(dict.fromkeys(X, cells)))
    for column in reader.columns_:
        try:
            expected = column.reader.read(cells.rename(column.name))
        except TableError:
            continue
        if column.kind == "category":  # the script keeps the texts of categories
            read[column.name] = read[column.name].map(dict(zip(known[column.name], codes[column.name], strict=True)))
        for suffix, values in zip(column.reader.suffixes, expected.T, strict=True):
            if "component" not in suffix:  # the pipeline of the script learns them
                np.testing.assert_allclose(read[f"{column.name}{suffix}"], values, atol=1e-12, err_msg=column.name)


@pytest.mark.filterwarnings("error")
def test_all_kinds_of_columns_are_those_of_the_model(exported):
    X, reader, read_columns = exported
    expected = pd.DataFrame(reader.transform(X), columns=reader.get_feature_names_out())
    read = read_columns(X)
    names = [name for name in expected if name in read and KINDS.get(name) != "category"]
    assert len(names) > len(KINDS)
    np.testing.assert_allclose(read[names], expected[names], atol=1e-12)


def test_texts_that_repeat_are_read_once():
    numbers = np.linspace(0.5, 20, 60)
    X = pd.DataFrame({"weight": [f"{number:.2f} kg" for number in numbers], "lap": ["1:23.45", "2:33.1"] * 30})
    names = {"__name__": "script"}
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}).fit(X, numbers)
    exec(python_script(model), names)
    calls = []
    for name in ("read_number", "_time"):
        names[name] = lambda *arguments, own=names[name]: calls.append(arguments[0]) or own(*arguments)
    X = pd.concat([X] * 3, ignore_index=True)
    np.testing.assert_allclose(names["read_columns"](X), model._reader.transform(X))
    assert sorted(calls) == sorted(set(X["weight"]) | set(X["lap"]))
    assert names["_unit"].cache_info().misses == 1


def test_texts_are_the_levels_whose_numbers_they_are():
    cells = {
        "mixed": ["1", "2", "unknown"],
        "written": ["1.0", "02", "x"],
        "twice": ["1", "1.0", "2", "a"],
        "large": ["9007199254740993", "7", "b"],
        "infinite": ["inf", "3", "c"],
    }
    X = pd.DataFrame({name: np.resize(np.array(levels, dtype=object), 120) for name, levels in cells.items()})
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}).fit(X, np.arange(120.0))
    assert model.columns_["kind"].tolist() == ["category"] * len(cells)
    names = {"__name__": "script"}
    exec(python_script(model), names)
    later = [
        "1",
        "1.0",
        " 02",
        "2e0",
        "unknown",
        "9007199254740992",
        "+9007199254740993",
        "7.0",
        "Infinity",
        "y",
        None,
        1,
    ]
    read = names["read_columns"](pd.DataFrame(dict.fromkeys(X, pd.Series(later, dtype=object))))
    for column in model._reader.columns_:
        codes = {level: float(code) for code, level in enumerate(column.reader.levels)}
        expected = column.reader.read(pd.Series(later, dtype=object, name=column.name))[:, 0]
        np.testing.assert_array_equal(read[column.name].map(codes), expected, err_msg=column.name)
