"""Tests of dates, times of day and durations."""

import datetime as dt
import pickle
import re
from zoneinfo import available_timezones

import numpy as np
import pandas as pd
import pytest
from dateutil import tz

from pipelines.table.cells import TableError
from pipelines.table.reader import TableReader
from tests.pipelines.table.tables import read

nan = np.nan
MOMENTS = pd.Timestamp("2012-01-01") + pd.to_timedelta(
    np.random.default_rng(0).integers(0, 3 * 365 * 86400, 60), unit="s"
)


def wall_clock(moments, unit):
    return (moments.floor(unit) - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)


FORMATS = {
    "%Y-%m-%d %H:%M:%S UTC": "s",
    "%Y-%m-%dT%H:%M:%SZ": "s",
    "%Y-%m-%dT%H:%M:%S.%f+00:00": "s",
    "%Y-%m-%d %H.%M.%S": "s",
    "%Y/%m/%d %H:%M": "min",
    "%Y.%m.%d": "D",
    "%Y%m%d": "D",
    "%Y%m%dT%H%M%S": "s",
    "%Y%m%d%H%M%S": "s",
    "%m/%d/%Y %I:%M:%S %p": "s",
    "%m/%d/%y": "D",
    "%d/%m/%Y": "D",
    "%d.%m.%Y %H:%M": "min",
    "%d.%m.%y": "D",
    "%d-%m-%Y": "D",
    "%y-%m-%d": "D",
    "%d %B %Y": "D",
    "%d. %B %Y": "D",
    "%d-%b-%y": "D",
    "%d%b%Y": "D",
    "%b %d, %Y %I:%M %p": "min",
    "%A, %B %d, %Y": "D",
    "%a, %d %b %Y %H:%M:%S GMT": "s",
    "%a %b %d %H:%M:%S %Y": "s",
    "%d/%b/%Y:%H:%M:%S +0000": "s",
    "[%d/%b/%Y:%H:%M:%S +0000]": "s",
    '"%Y-%m-%d %H:%M:%S"': "s",
    "'%d.%m.%Y": "D",
    "%Y年%m月%d日": "D",
    "%G-W%V-%u": "D",
}


@pytest.mark.parametrize("form", FORMATS)
def test_dates_are_read_in_the_notations_of_the_world(form):
    column, out = read(MOMENTS.strftime(form).tolist())
    assert column.kind == "date"
    elapsed = wall_clock(MOMENTS, FORMATS[form])
    np.testing.assert_allclose(out[:, -1], elapsed - elapsed.min(), atol=1e-9)
    assert ("_hour" in column.reader.suffixes) == (FORMATS[form] != "D")


def test_names_of_months_in_other_languages():
    _, out = read(["1. März 2024", "2 mai 2024", "3 de agosto de 2024", "4 dicembre 2024", "5 juillet 2024"])
    np.testing.assert_array_equal(out[:, -1], [0, 62, 155, 278, 126])


@pytest.mark.parametrize("form", ["%B %Y", "%b-%y", "%m/%Y", "%Y-%m"])
def test_months_are_dates(form):
    assert read(MOMENTS.strftime(form).tolist())[0].kind == "date"


def test_offsets_and_abbreviations_of_zones_are_read_in_utc():
    _, out = read(
        ["2024-01-31 12:00 CET", "2024-01-31T13:00:00+02:00", "Jan 31, 2024 6:00 AM EST", "2024-02-01 11:00 UTC"]
    )
    np.testing.assert_allclose(out[:, -1], [0, 0, 0, 1])


def test_formats_may_be_mixed_and_a_few_cells_may_be_no_dates():
    texts = [m.strftime("%d.%m.%Y" if i % 3 else "%Y-%m-%d") for i, m in enumerate(MOMENTS)]
    texts[5], texts[6] = "soon", None
    column, out = read(pd.Series(texts, dtype=object))
    assert column.kind == "date"
    elapsed = wall_clock(MOMENTS, "D")
    known = np.isin(np.arange(60), [5, 6], invert=True)
    np.testing.assert_allclose(out[known, -1], (elapsed - elapsed[known].min())[known])
    assert np.isnan(out[~known]).all()
    assert "'soon'" in column.notice


def test_the_day_comes_first_in_all_cells_if_one_cell_proves_it():
    column, out = read(["01/02/2024"] * 30 + ["25/02/2024"])
    np.testing.assert_array_equal(out[[0, -1], -1], [0, 24])
    later = column.reader.read(pd.Series(["03/02/2024"]))
    assert later[0, -1] == 2


@pytest.mark.parametrize(("mark", "order"), [("/", "month"), (".", "day")])
def test_dates_whose_order_nothing_decides_are_reported(mark, order):
    column, _ = read([mark.join(["03", "04", "2024"]), mark.join(["05", "06", "2024"])])
    assert f"the {order} is taken as the first" in column.notice
    assert not read([mark.join(["03", "04", "2024"]), mark.join(["25", "06", "2024"])])[0].notice


def test_seconds_since_1970_stay_numbers():
    seconds = (MOMENTS - pd.Timestamp("1970-01-01")) // pd.Timedelta(seconds=1)
    assert read(seconds.to_numpy())[0].kind == "number"
    assert read(seconds.astype(str).tolist())[0].kind == "number"


CLOCKS = [dt.time(8, 15), None, dt.time(20, 15, 30), dt.time(23, 59, 59, 500000)]
HOURS = [8.25, nan, 20.25 + 30 / 3600, 24 - 0.5 / 3600]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(CLOCKS, id="datetime.time"),
        pytest.param(["08:15", None, "20:15:30", "23:59:59.5"], id="24 hours"),
        pytest.param(["8h15", "-", "20h15:30", "23:59:59,5"], id="h"),
        pytest.param(["8:15 AM", "n/a", "8:15:30 PM", "11:59:59.5 p.m."], id="12 hours"),
    ],
)
def test_times_of_day_are_hours_with_sine_and_cosine(values):
    column, out = read(pd.Series(values, dtype=object))
    assert column.kind == "time"
    assert column.reader.suffixes == ("_hour", "_sin", "_cos")
    np.testing.assert_allclose(out[:, 0], HOURS)
    np.testing.assert_allclose(out[:, 1], np.sin(np.array(HOURS) / 12 * np.pi))
    np.testing.assert_allclose(
        column.reader.read(pd.Series([dt.time(20, 15, 30), "8:15"], dtype=object))[:, 0], [HOURS[2], 8.25]
    )


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        (["1 days 02:03:04", "00:00:01", "-1 days 00:00:10"], [93784, 1, -86410]),
        (["27:15:00", "1:15:22", "0:00:05"], [98100, 4522, 5]),
        (["1h 30min", "2h", "45min 10s"], [5400, 7200, 2710]),
        (["PT15M", "PT1H30M", "P1DT2H"], [900, 5400, 93600]),
        (["1:23.45", "2:33.1", "0:59.9"], [83.45, 153.1, 59.9]),
        (["5000000000 nanoseconds", "1 s 250 ns", "2 ms 5 \N{MICRO SIGN}s"], [5, 1 + 250e-9, 2e-3 + 5e-6]),
        (["5000000 \N{GREEK SMALL LETTER MU}s", "1 microsecond", "1 min"], [5, 1e-6, 60]),
    ],
)
def test_durations_are_seconds(values, seconds):
    column, out = read(values)
    assert column.kind == "number"
    np.testing.assert_allclose(out[:, 0], seconds)


SECONDS = [5.25, -1, 93784, -86410, nan]


@pytest.mark.parametrize("columns", [None, {"wait": "number"}], ids=["found", "wanted"])
@pytest.mark.parametrize(
    "waits",
    [
        pytest.param(pd.Series(pd.to_timedelta(SECONDS, unit="s")), id="timedelta64"),
        pytest.param(pd.Series([*(dt.timedelta(0, s) for s in SECONDS[:4]), None], dtype=object), id="objects"),
    ],
)
def test_a_column_of_durations_may_hold_their_texts_later(waits, columns):
    frame = pd.DataFrame({"wait": waits})
    reader = TableReader(columns=columns).fit(frame)
    np.testing.assert_array_equal(reader.transform(frame)[:, 0], SECONDS)
    texts = pd.DataFrame({"wait": [None if pd.isna(wait) else str(wait) for wait in waits]})
    np.testing.assert_array_equal(reader.transform(texts)[:, 0], SECONDS)


class DriverOffset(dt.tzinfo):
    """A fixed offset as database drivers define it."""

    def utcoffset(self, when):
        return dt.timedelta(minutes=90)

    def dst(self, when):
        return dt.timedelta(0)

    def tzname(self, when):
        return "+0130"


ZONES = {
    "dateutil UTC": (tz.tzutc(), 0),
    "dateutil name": (tz.gettz("Europe/Berlin"), None),
    "dateutil offset": (tz.tzoffset(None, -3600), None),
    "driver": (DriverOffset(), None),
    "fixed": (dt.timezone(dt.timedelta(hours=5, minutes=45)), None),
}


@pytest.mark.parametrize("zone", [zone for zone, _ in ZONES.values()], ids=ZONES)
def test_zones_of_any_library_show_their_wall_clock(zone):
    days = pd.Series(pd.date_range("2023-01-01", periods=40, freq="220h").tz_localize(zone))
    frame = pd.DataFrame({"day": days})
    reader = TableReader().fit(frame)
    expected = TableReader().fit_transform(pd.DataFrame({"day": days.dt.tz_localize(None)}))
    for copy in (reader, pickle.loads(pickle.dumps(reader))):
        np.testing.assert_allclose(copy.transform(frame), expected)
        np.testing.assert_allclose(copy.transform(pd.DataFrame({"day": days.dt.tz_convert("UTC")})), expected)
        objects = pd.DataFrame({"day": days.astype(object)})
        np.testing.assert_allclose(copy.transform(objects), expected)


NOON = dt.datetime(2024, 7, 3, 12)


@pytest.mark.parametrize(
    "days",
    [
        pytest.param(pd.Series([NOON, NOON]), id="datetime64"),
        pytest.param(pd.Series([NOON, pd.Timestamp(NOON)], dtype=object), id="objects"),
        pytest.param(pd.Series([NOON, NOON.replace(hour=10, tzinfo=dt.UTC)], dtype=object), id="objects with UTC"),
        pytest.param(["2024-07-03 12:00", "2024-07-03T12:00:00.000"], id="ISO texts"),
        pytest.param(["2024-07-03 12:00", "2024-07-03T10:00:00Z"], id="ISO texts with UTC"),
        pytest.param(["2024-07-03T12:00:00+02:00", "2024-07-03 05:00-05:00"], id="ISO texts with offsets"),
        pytest.param(["2024-07-03T100000Z", "2024-07-03 10:00:00 UTC"], id="ISO texts with names of zones"),
        pytest.param(["3 July 2024 12:00", "Wed, 03 Jul 2024 10:00:00 GMT"], id="other texts"),
        pytest.param(["2024-07-03 12:00 Europe/Berlin", "2024-07-03 12:00 CEST"], id="names of the zone"),
        pytest.param(["2024-07-03 06:00 America/New_York", "3 July 2024 19:00 Asia/Tokyo"], id="names of other zones"),
        pytest.param(["2024-07-03 05:00 Etc/GMT+5"] * 2, id="name with a sign and a digit"),
        pytest.param(["2024-07-03T06:00[America/New_York]", "3 July 2024 19:00 (Asia/Tokyo)"], id="names in brackets"),
        pytest.param(["2024-07-03T12:00+02:00[Asia/Tokyo]", "2024-07-03 10:00Z (Asia/Tokyo)"], id="offsets and names"),
        pytest.param(["2024-07-03 12:00 [summer/2024]", "2024-07-03 12:00 (CEST)"], id="other words in brackets"),
        pytest.param(["2024-07-03 12:00 Nowhere/Nobody", "2024-07-03 11:00 europe/london"], id="unknown zone"),
        pytest.param(pd.Series(["2024-07-03 12:00", "2024-07-03 10:00Z"], dtype="category"), id="category"),
        pytest.param(pd.Series([NOON, "2024-07-03 10:00Z"], dtype=object), id="objects and texts"),
    ],
)
def test_later_dates_without_zone_are_wall_clock_times_of_the_zone_of_training(days):
    hours = pd.date_range("2024-06-01", periods=40, freq="31h", tz="Europe/Berlin")
    reader = TableReader().fit(pd.DataFrame({"day": hours}))
    expected = reader.transform(pd.DataFrame({"day": pd.Series([NOON, NOON]).dt.tz_localize("Europe/Berlin")}))
    assert expected[0, reader.columns_[0].reader.suffixes.index("_hour")] == 12
    np.testing.assert_array_equal(reader.transform(pd.DataFrame({"day": days})), expected)


@pytest.mark.parametrize(
    ("placeholder", "day", "hour"),
    [
        pytest.param("9999-12-31 23:59:59", 31, 23 + 59 / 60, id="text"),
        pytest.param("9999-12-31T23:59:00Z", 1, 59 / 60, id="text in UTC"),
        pytest.param("9999-12-31T23:59:00-05:00", 1, 5 + 59 / 60, id="text of the next year in UTC"),
        pytest.param(dt.datetime(9999, 12, 31, 23, 59), 31, 23 + 59 / 60, id="object"),
        pytest.param(dt.datetime(9999, 12, 31, 23, 59, tzinfo=dt.UTC), 1, 59 / 60, id="object in UTC"),
    ],
)
def test_placeholders_at_the_end_of_the_calendar_are_read_in_a_zone(placeholder, day, hour):
    hours = pd.Series(pd.date_range("2024-06-01", periods=40, freq="31h", tz="Etc/GMT-1"))
    reader = TableReader().fit(pd.DataFrame({"day": hours.dt.tz_convert("Europe/Berlin")}))
    names = list(reader.get_feature_names_out())
    later = pd.DataFrame({"day": pd.Series([placeholder, hours[0]], dtype=object)})
    out = reader.transform(later)
    assert [out[0, names.index("day_day")], out[0, names.index("day_hour")]] == [day, hour]
    np.testing.assert_array_equal(out[1], reader.transform(pd.DataFrame({"day": hours[:1]}))[0])
    np.testing.assert_array_equal(out[:1], reader.transform(later[:1]))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC"])
def test_fit_reads_placeholders_of_a_column_with_a_zone(zone):
    days = np.append(np.arange("2024-06-01", "2024-06-20", dtype="M8[D]"), np.datetime64("9999-12-31"))
    moments = days.astype("M8[us]") + np.timedelta64(1439, "m")
    frame = pd.DataFrame({"day": pd.DatetimeIndex(moments, tz="UTC").tz_convert(zone)})
    reader = TableReader().fit(frame)
    assert reader.columns_[0].reader.zone == zone
    out = reader.transform(frame)
    np.testing.assert_array_equal(reader.transform(frame[:-1]), out[:-1])
    hour = 0 if zone == "UTC" else 1 / 24  # between summer and winter
    np.testing.assert_allclose(out[-1, -1], (days[-1] - days[0]).astype(int) - hour, rtol=1e-12)


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(pd.Series(pd.DatetimeIndex([NOON], tz="Europe/Berlin")), id="dtype of the zone"),
        pytest.param(pd.Series(pd.DatetimeIndex([NOON], tz="Europe/Berlin").tz_convert("UTC")), id="dtype of UTC"),
        pytest.param(pd.Series([NOON]), id="dtype without zone"),
        pytest.param(pd.Series([pd.Timestamp(NOON, tz="Europe/Berlin")], dtype=object), id="object"),
        pytest.param(pd.Series([pd.Timestamp(NOON, tz="Europe/Berlin"), "08:15"], dtype=object), id="object and text"),
        pytest.param(pd.Series([NOON, dt.time(8, 15), "later"], dtype=object), id="object and time"),
        pytest.param(["2024-07-03 12:00:00+02:00"], id="text"),
        pytest.param(["2024-07-03T10:00:00Z", "12:00"], id="text in UTC"),
        pytest.param(["2024-07-03 12:00", "12:00", dt.date(2024, 7, 3)], id="text without zone"),
    ],
)
def test_dates_as_times_of_day_are_read_in_the_zone_of_training(cells):
    hours = pd.date_range("2024-06-01", periods=40, freq="31h", tz="Europe/Berlin")
    reader = TableReader(columns={"hour": "time"}).fit(pd.DataFrame({"hour": hours}))
    out = reader.transform(pd.DataFrame({"hour": cells}))
    assert out[0, 0] == 12
    rest = [{"08:15": 8.25, "12:00": 12, "later": nan, dt.time(8, 15): 8.25}.get(cell, 0) for cell in cells[1:]]
    np.testing.assert_array_equal(out[1:, 0], rest)


VISITS = pd.date_range("2024-01-30 08:15", periods=40, freq="31h")


@pytest.mark.parametrize(
    "pattern",
    [
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M UTC",
        "%d.%m.%Y %H:%M",
        "%m/%d/%Y %I:%M %p",
        "%d %b %Y, %H:%M",
    ],
)
@pytest.mark.parametrize("dtype", [object, "category"])
def test_texts_of_dates_are_read_as_times_of_day_where_the_user_says_so(pattern, dtype):
    table = pd.DataFrame({"d": VISITS.strftime(pattern)}, dtype=dtype)
    reader = TableReader(columns={"d": "time"}).fit(table)
    expected = VISITS.hour + VISITS.minute / 60
    np.testing.assert_allclose(reader.transform(table)[:, 0], expected)
    later = pd.DataFrame({"d": [VISITS[3].strftime(pattern), "09:30", "2024-05-06 11:30", "soon"]})
    np.testing.assert_allclose(reader.transform(later)[:, 0], [expected[3], 9.5, 11.5, nan])


def test_a_bare_time_of_day_leaves_the_dates_of_a_column_of_times_readable():
    texts = [*VISITS.strftime("%d.%m.%Y %H:%M"), "09:30", "soon"]
    column, out = read(texts, columns={"column": "time"})
    np.testing.assert_allclose(out[:, 0], [*(VISITS.hour + VISITS.minute / 60), 9.5, nan])
    assert column.notice == "has one cell that holds no time of day, for example 'soon'; such cells count as missing"


@pytest.mark.parametrize("dtype", [int, float, "Int64"])
def test_whole_numbers_of_eight_digits_are_dates_where_the_user_says_so(dtype):
    numbers = VISITS.strftime("%Y%m%d").astype(int)
    reader = TableReader(columns={"d": "date"}).fit(pd.DataFrame({"d": pd.array(numbers, dtype=dtype)}))
    assert reader.columns_[0].kind == "date"
    expected = TableReader().fit_transform(pd.DataFrame({"d": VISITS.normalize()}))
    for later in (numbers, numbers.astype(float), numbers.astype(str), VISITS.normalize()):
        np.testing.assert_array_equal(reader.transform(pd.DataFrame({"d": later})), expected)


@pytest.mark.parametrize(
    ("cells", "wanted", "remedy"),
    [
        (VISITS.strftime("%Y-%m-%d"), "time", "'date', or write times such as 08:15 in it"),
        (VISITS.strftime("%d.%m.%Y"), "time", "'date', or write times such as 08:15 in it"),
        (VISITS.normalize(), "time", "'date', or write times such as 08:15 in it"),
        (np.arange(40), "time", "'number', or write times such as 08:15 in it"),
        (["1h 30min", "2h"] * 20, "time", "'number', or write times such as 08:15 in it"),
        (["red", "green"] * 20, "time", "'category', or write times such as 08:15 in it"),
        (["yes", "no"] * 20, "time", "'category', or write times such as 08:15 in it"),
        (np.arange(40) + 1980, "date", "'number', or write dates such as 2024-01-31 in it"),
        (pd.to_timedelta(np.arange(40), "h"), "date", "'number', or write dates such as 2024-01-31 in it"),
        (["08:15", "9:30"] * 20, "date", "'time', or write dates such as 2024-01-31 in it"),
        ([True, False] * 20, "date", "'category', or write dates such as 2024-01-31 in it"),
        (VISITS.strftime("%Y-%m-%d"), "number", "'date', or write numbers such as 1.5 in it"),
    ],
)
def test_a_kind_that_does_not_suit_a_column_names_the_one_that_does(cells, wanted, remedy):
    table = pd.DataFrame({"d": cells})
    start = f"columns: column 'd' cannot be read as '{wanted}'; its first value is "
    with pytest.raises(TableError, match=f"{re.escape(start)}.*; name the kind {re.escape(remedy)}$"):
        TableReader(columns={"d": wanted}).fit(table)


@pytest.mark.parametrize("dtype", [int, float])
def test_few_numbers_that_are_no_dates_count_as_missing_where_the_user_wants_dates(dtype):
    numbers = VISITS.strftime("%Y%m%d").astype(int).to_numpy().copy()
    numbers[6] = 99999999
    column, out = read(numbers, dtype=dtype, columns={"column": "date"})
    assert column.kind == "date"
    assert column.notice == "has one cell that holds no date, for example '99999999'; such cells count as missing"
    assert np.flatnonzero(np.isnan(out).any(axis=1)).tolist() == [6]


def test_many_numbers_that_are_no_dates_are_an_error_that_shows_the_first_of_them_and_its_row():
    table = pd.DataFrame({"d": [20240131, 20240131, 20240199, 20240201] * 10})
    message = (
        "columns: column 'd' cannot be read as 'date'; 10 of 40 cells hold no date, first '20240199' in row 3; name "
        "the kind 'number', or write dates such as 2024-01-31 in it"
    )
    with pytest.raises(TableError, match=f"^{re.escape(message)}$"):
        TableReader(columns={"d": "date"}).fit(table)


def test_a_date_in_a_column_of_times_is_a_time_of_day():
    column, out = read([*(f"{hour}:15" for hour in range(24)), "2024-07-03 12:30"])
    assert column.kind == "time"
    assert out[-1, 0] == 12.5
    assert not column.notice


def test_sizes_of_shoes_are_no_microseconds():
    assert read(["8 US", "9 US", "10 US"] * 9)[0].kind == "category"


def test_names_of_cities_do_not_change_the_dates_of_a_column_of_texts():
    texts = [f"2024-07-{i % 28 + 1:02d} 18:00 America/New_York" for i in range(40)]
    _, out = read([*texts, "2024-07-03 18:00"])
    np.testing.assert_array_equal(out[-1], out[2])


@pytest.mark.parametrize("text", ["2024-07-03 12:00 {}", "3 July 2024 12:00 [{}]"])
def test_the_names_of_all_zones_with_a_slash_are_read(text):
    hours = pd.date_range("2024-06-01", periods=40, freq="31h", tz="Europe/Berlin")
    reader = TableReader().fit(pd.DataFrame({"day": hours}))
    zones = sorted(zone for zone in available_timezones() if "/" in zone)
    moments = [pd.Timestamp(NOON, tz=zone).tz_convert("UTC") for zone in zones]
    expected = reader.transform(pd.DataFrame({"day": pd.DatetimeIndex(moments)}))
    np.testing.assert_array_equal(reader.transform(pd.DataFrame({"day": map(text.format, zones)})), expected)


def test_placeholders_with_the_name_of_a_city_are_read():
    hours = pd.date_range("2024-06-01", periods=40, freq="31h", tz="Europe/Berlin")
    reader = TableReader().fit(pd.DataFrame({"day": hours}))
    out = reader.transform(pd.DataFrame({"day": ["9999-12-31 23:00 America/New_York", "9999-12-31 23:00 Asia/Tokyo"]}))
    hour = list(reader.get_feature_names_out()).index("day_hour")
    np.testing.assert_array_equal(out[:, hour], [5, 15])
