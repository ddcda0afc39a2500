"""Tests of numbers that are written as texts."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from pipelines.table.reader import TableReader
from tests.pipelines.table.tables import read

nan = np.nan
VALUES = np.random.default_rng(0).gamma(2, 4000, 60).round(2)


def swapped(text):
    return text.translate(str.maketrans(",.", ".,"))


def wide(text):
    return "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in text)


FORMS = {
    "comma": lambda v: f"{v:,.2f}",
    "comma of whole numbers": lambda v: f"{v:,.0f}",
    "decimal comma": lambda v: swapped(f"{v:,.2f}"),
    "decimal comma alone": lambda v: f"{v:.2f}".replace(".", ","),
    "dots of whole numbers": lambda v: f"{v / 9:,.0f}".replace(",", "."),
    "blank": lambda v: f"{v:,.2f}".replace(",", " "),
    "no-break blank and decimal comma": lambda v: swapped(f"{v:,.2f}").replace(".", "\u00a0"),
    "thin blank": lambda v: f"{v:,.2f}".replace(",", "\u2009"),
    "narrow no-break blank": lambda v: f"{v:,.2f}".replace(",", "\u202f"),
    "apostrophe": lambda v: f"{v:,.2f}".replace(",", "'"),
    "typographic apostrophe": lambda v: f"{v:,.2f}".replace(",", "’"),
    "dollars": lambda v: f"${v:,.2f}",
    "euros behind": lambda v: swapped(f"{v:,.2f} €"),
    "pounds": lambda v: f"£{v:.2f}",
    "rupees": lambda v: f"₹ {v:.2f}",
    "code before": lambda v: f"USD {v:,.2f}",
    "code behind": lambda v: f"{v:.2f} EUR",
    "percent": lambda v: f"{v:.1f}%",
    "percent after a blank": lambda v: f"{v:.1f} %",
    "per mille": lambda v: f"{v:.1f}‰",
    "kilograms": lambda v: f"{v:.1f} kg",
    "kilometers without blank": lambda v: f"{v:.1f}km",
    "degrees": lambda v: f"{v:.1f} °C",
    "milliseconds": lambda v: f"{v:.0f}ms",
    "density": lambda v: f"{v:.1f} kg/m³",
    "plus": lambda v: f"+{v:.1f}",
    "scientific": lambda v: f"{v:.6e}",
    "exponent of Fortran": lambda v: f"{v:.6e}".replace("e", "D"),
    "power of ten": lambda v: f"{v / 1000:.5f}×10^3",
    "full width": lambda v: wide(f"{v:.1f}"),
    "blanks around": lambda v: f"  {v:.1f} ",
    "at least": lambda v: f">={v:.2f}",
    "about": lambda v: f"~{v:.2f}",
    "or more": lambda v: f"{v:,.0f}+",
    "a word before": lambda v: f"pH {v:.2f}",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_numbers_are_read_in_the_notations_of_the_world(form):
    values = VALUES / 9 if form is FORMS["dots of whole numbers"] else VALUES
    column, out = read([form(v) for v in VALUES])
    assert column.kind == "number"
    np.testing.assert_allclose(out[:, 0], values, atol=0.6)
    assert not column.notice


@pytest.mark.parametrize("form", ["-{:,.2f}", "−{:.2f}", "({:,.2f})", "{:.2f}-", "-${:,.2f}", "$-{:.2f}", "$({:,.2f})"])
def test_negative_numbers(form):
    column, out = read([form.format(v) if i % 2 else f"{v:.2f}" for i, v in enumerate(VALUES)])
    assert column.kind == "number"
    np.testing.assert_allclose(out[:, 0], np.where(np.arange(60) % 2, -VALUES, VALUES))


@pytest.mark.parametrize(
    "odd", ["<0.01", "ND", "n/a", "#DIV/0!", "12 (est.)", "-", "?", "unknown", "two", "1,2,3", "--"]
)
def test_a_few_odd_cells_are_missing_or_bounds(odd):
    texts = [str(v) for v in VALUES]
    texts[7] = odd
    column, out = read(texts)
    assert column.kind == "number"
    np.testing.assert_allclose(
        out[:, 0], [(0.01 if odd == "<0.01" else nan) if i == 7 else v for i, v in enumerate(VALUES)]
    )
    assert (column.remedy == "category" and repr(odd) in column.notice) or odd == "<0.01"


def test_repeated_odd_cells_are_missing_and_many_different_ones_make_a_text():
    texts = ["refused" if i % 6 == 0 else str(v) for i, v in enumerate(VALUES)]
    assert read(texts)[0].kind == "number"
    texts = [f"{v}/{i}" if i % 2 else str(v) for i, v in enumerate(VALUES)]
    assert read(texts)[0].kind == "text"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2.5 kg", "300 g", "1.25 kg", "750 g"], [2.5, 0.3, 1.25, 0.75]),
        (["$1.2M", "$300K", "$2.5B", "$1,000.50"], [1.2e6, 3e5, 2.5e9, 1000.5]),
        (["19.5M", "201k", "1.5M", "900k"], [19.5e6, 201e3, 1.5e6, 9e5]),
        (["1.5 h", "30 min", "45 s"], [5400, 1800, 45]),
        (["4.5/5", "3.25/5", "1.75/5", "2/5"], [0.9, 0.65, 0.35, 0.4]),
        (["4.5/5", "8.5/10", "1.5/5", "7/10"], [0.9, 0.85, 0.3, 0.7]),
        (["12,34,567.50", "1,00,000.25", "5.75"], [1234567.5, 100000.25, 5.75]),
        (["٣٤٫٥", "١٢٫٢"], [34.5, 12.2]),
        ([1.5, "2.25", b"3.5", Decimal("4.5"), Fraction(1, 4), None, pd.NA], [1.5, 2.25, 3.5, 4.5, 0.25, nan, nan]),
        (["0,5", "12,75", "1.234,5"], [0.5, 12.75, 1234.5]),
        ([1.5, "2,25", "1.234,5", 1234.567], [1.5, 2.25, 1234.5, 1234.567]),
        (["$1.50", "€2.25", "¥3.75"], [1.5, 2.25, 3.75]),
        (["19.5 kmpl", "26.6 km/kg", "18.2 kmpl"], [19.5, 26.6, 18.2]),
        (["45.5° N", "33.25° S", "12.125° N"], [45.5, -33.25, 12.125]),
        (["1.5 year", "2 years", "0.5 years"], [1.5, 2, 0.5]),
        (["½", "1½", "2 ¼", "-⅓", "0.75"], [0.5, 1.5, 2.25, -1 / 3, 0.75]),
        (["½ kg", "1⅛ kg", "250 g"], [0.5, 1.125, 0.25]),
        (["2,5", "0,75", "1.250", "1⅛", "⅛"], [2.5, 0.75, 1250, 1.125, 0.125]),
        (["4.5⁄5", "3.25/5", "1.75⁄5", "2/5"], [0.9, 0.65, 0.35, 0.4]),
        (["4½/5", "3.25/5", "1¾/5", "2"], [0.9, 0.65, 0.35, 0.4]),
        (["3/4", "¼", "2", "1½", "3/4"], [0.75, 0.25, 2, 1.5, 0.75]),
    ],
)
def test_few_numbers(texts, expected):
    column, out = read(pd.Series(texts, dtype=object))
    assert column.kind == "number"
    np.testing.assert_allclose(out[:, 0], expected)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        pytest.param(["<=50K", ">50K"] * 20, "category", id="bounds that differ in their sign alone"),
        pytest.param(["<5", "5-10", ">10"] * 20, "category", id="ranges"),
        pytest.param(["$5", "$10", "$20"] * 20, "category", id="few whole prices"),
        pytest.param([f"{i:05d}" for i in range(90, 190)] * 2, "category", id="zip codes"),
        pytest.param([f"0{i}" for i in range(170, 270)] * 2, "category", id="telephone numbers"),
        pytest.param([f"192.168.{i % 7}.{i}" for i in range(60)], "text", id="addresses of computers"),
        pytest.param([f"1.{i}.{i % 7}" for i in range(60)], "text", id="versions"),
        pytest.param([f"{i}{'ABC'[i % 3]}" for i in range(30)] * 2, "category", id="seats"),
        pytest.param([f"INV-{i * 37 % 9001}" for i in range(60)], "identifier", id="numbers behind a word"),
        pytest.param([f"+49 171 {i * 7919 % 10**7:07d}" for i in range(60)], "text", id="calls"),
        pytest.param([f"{i % 9 + 1}/{i % 7 + 2}" for i in range(60)], "text", id="ratios"),
    ],
)
def test_texts_that_only_resemble_numbers(values, kind):
    assert read(values)[0].kind == kind


@pytest.mark.parametrize(
    ("texts", "remedy"),
    [
        ([f"0{i * 7919 % 10**6:06d}" for i in range(60)], "number"),
        (["$5", "$10", "$20"] * 20, "number"),
        ([f"{v}/{i}" if i % 3 == 0 else str(v) for i, v in enumerate(VALUES)], "number"),
        ([f"2024-01-{i % 28 + 1:02d}" if i % 3 else f"week {i}" for i in range(60)], "date"),
        (["red", "green", "level 5"] * 20, ""),
        (["<5", ">10", "12 A"] * 20, ""),
    ],
)
def test_texts_that_are_read_against_their_look_are_reported(texts, remedy):
    column, _ = read(texts)
    assert column.kind in ("category", "text")
    assert column.remedy == remedy
    assert bool(column.notice) == bool(remedy)


def test_a_single_odd_cell_is_missing_if_training_had_odd_cells():
    dates, times = [*["2024-01-31", "2024-02-01"] * 15, "soon"], [*["8:15", "9:30"] * 15, "noon"]
    for texts in ([*map(str, VALUES), "12 (est.)"], dates, times):
        column, _ = read(texts)
        assert np.isnan(column.reader.read(pd.Series(["later"], dtype=object))).all()


def test_leading_zeros_are_reported():
    column, _ = read([f"{i:05d}" for i in range(90, 190)] * 2)
    assert "leading zeros" in column.notice
    assert column.remedy == "number"


@pytest.mark.parametrize(
    ("pair", "others"),
    [
        (("yes", "no"), [True, False]),
        (("J", "N"), [1, 0]),
        (("true", "FALSE "), ["True", "no"]),
        (("oui", "non"), [1.0, 0.0]),
    ],
)
def test_texts_for_true_and_false(pair, others):
    column, out = read([*pair, None, pair[0], "n/a"])
    assert column.kind == "boolean"
    np.testing.assert_array_equal(out[:, 0], [1, 0, nan, 1, nan])
    np.testing.assert_array_equal(column.reader.read(pd.Series(others, dtype=object))[:, 0], [1, 0])


def test_later_texts_are_read_in_the_notation_of_training():
    table = pd.DataFrame({"price": [swapped(f"{v:,.2f} €") for v in VALUES]})
    reader = TableReader().fit(table)
    later = pd.DataFrame({"price": ["1.234,50 €", "1.234", "7", "free", None]})
    np.testing.assert_array_equal(reader.transform(later)[:, 0], [1234.5, 1234, 7, nan, nan])
    np.testing.assert_array_equal(reader.transform(pd.DataFrame({"price": [1234.5]})), [[1234.5]])


def test_a_later_fraction_is_no_rating():
    reader = TableReader().fit(pd.DataFrame({"rating": [f"{v:.1f}/5" for v in np.linspace(0, 5, 40)]}))
    later = pd.DataFrame({"rating": ["¼", "-1½", "2", "2½/5"]})
    np.testing.assert_allclose(reader.transform(later)[:, 0], [0.25, -1.5, 0.4, 0.5])


@pytest.mark.parametrize("number", [7, 7.0, np.int16(7), np.float32(7), Decimal(7), Fraction(7)], ids=repr)
@pytest.mark.parametrize("dtype", [object, "category"])
def test_a_number_among_texts_has_no_unit_whatever_its_type_and_the_cells_beside_it(dtype, number):
    weights = pd.DataFrame({"weight": [f"{v:.1f} kg" if i % 3 else f"{100 * v:.0f} g" for i, v in enumerate(VALUES)]})
    reader = TableReader().fit(pd.concat([weights, pd.DataFrame({"weight": [f"{i} g" for i in range(99)]})]))
    for cells, expected in (([number], [7]), ([number, "300 g", None], [7, 0.3, nan])):
        later = pd.DataFrame({"weight": pd.Series(cells, dtype=object).astype(dtype)})
        np.testing.assert_array_equal(reader.transform(later)[:, 0], expected)


@pytest.mark.parametrize("number", [1.234, np.float32(1.234), Decimal("1.234"), Fraction(1234, 1000)], ids=repr)
def test_a_number_among_texts_with_decimal_commas_is_no_number_of_thousands(number):
    reader = TableReader().fit(pd.DataFrame({"price": [swapped(f"{v:,.2f}") for v in VALUES]}))
    for cells in ([number], [number, "1,5", True, None]):
        out = reader.transform(pd.DataFrame({"price": pd.Series(cells, dtype=object)}))[:, 0]
        np.testing.assert_array_equal(out, [float(number), 1.5, 1, nan][: len(cells)])


@pytest.mark.parametrize("code", ["A12E567", "7E512X"])
def test_a_number_beyond_the_range_of_floats_is_no_number(code):
    codes = [f"{code[0]}{i}E{500 + i}{code[-1]}" for i in range(60)]
    assert read([*codes, code])[0].kind in ("text", "identifier")
    prices = TableReader().fit(pd.DataFrame({"price": [f"{v:.2f} EUR" for v in VALUES]}))
    later = pd.DataFrame({"price": ["5e400 EUR", "5e-400 EUR", "5e2 EUR"]})
    np.testing.assert_array_equal(prices.transform(later)[:, 0], [nan, 0, 500])


@pytest.mark.parametrize("dtype", [object, "category"])
@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (True, 1),
        (np.False_, 0),
        (np.float32(0.1), float(np.float32(0.1))),
        (dt.timedelta(hours=1, microseconds=7), 3600.000007),
        (pd.Timedelta("0 days 00:00:00.000000005"), 5e-9),
        (np.timedelta64(5000, "ms"), 5),
    ],
    ids=repr,
)
@pytest.mark.parametrize("training", [VALUES, pd.to_timedelta(VALUES, unit="s")], ids=["numbers", "durations"])
def test_a_cell_that_is_no_text_has_the_same_value_whatever_the_cells_beside_it(training, cell, value, dtype):
    reader = TableReader().fit(pd.DataFrame({"x": training}))
    for rest, expected in (([], []), ([3.5], [3.5]), (["3.25", "odd"], [3.25, nan]), (["odd"], [nan]), ([None], [nan])):
        later = pd.DataFrame({"x": pd.Series([cell, *rest], dtype=object).astype(dtype)})
        np.testing.assert_array_equal(reader.transform(later)[:, 0], [value, *expected])


def test_booleans_and_durations_among_the_numbers_of_training_are_no_odd_cells():
    column, out = read(pd.Series([*map(str, VALUES), True, dt.timedelta(seconds=5)], dtype=object))
    assert column.kind == "number"
    np.testing.assert_array_equal(out[-2:, 0], [1, 5])
    assert not column.missing
    assert not column.notice
