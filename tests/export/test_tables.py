"""The exported script reads the cells of a file as the model does, whatever else the file holds."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import cache

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLClassifier, AutoMLRegressor
from automl.errors import InvalidInputError
from automl.export.script import python_script
from automl.task.validation import check_target
from tests.factories import FAST


def make_table():
    """Return a table as the reader of files reads it: cells with leading zeros or units are texts."""
    numbers = np.linspace(0.5, 30, 60)
    return pd.DataFrame(
        {
            "a": numbers,
            "code": ["01", "02", "A1"] * 20,
            "price": [f"{number:.2f} EUR".replace(".", ",") for number in numbers],
            "floor": pd.Categorical([1, 2, None] * 20),
        }
    )


@cache
def fitted():
    """Return a model of the table, and the names of its script."""
    table, names = make_table(), {"__name__": "script"}
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}).fit(table, table["a"])
    exec(python_script(model), names)
    return model, names


def read(folder, content, *options):
    """Return the columns of a file as the script reads them."""
    (folder / "new.csv").write_text(content)
    _, names = fitted()
    arguments = names["make_parser"]().parse_args([str(folder / "new.csv"), *options])
    return names["read_columns"](names["read_table"](str(folder / "new.csv"), ["y"], arguments))


def test_texts_that_look_like_numbers_stay_texts(tmp_path):
    found = read(tmp_path, 'code,price,a,floor,y\n01,1.234,1,1,1\n02,"12,5",2,2,2\n,,3,1,3\n')
    assert found["code"].tolist()[:2] == ["01", "02"]
    assert found["code"].isna().tolist() == [False, False, True]
    assert found["price"].tolist()[:2] == [1234, 12.5]
    assert found["floor"].tolist() == ["1", "2", "1"]
    with_gap = read(tmp_path, "code,price,a,floor,y\n01,1,1,1.0,1\n02,1,1,,1\n")
    assert with_gap["floor"].tolist()[0] == "1"


def test_decimal_commas_are_read_beside_thousands_and_placeholders(tmp_path):
    cells = ["12,5", "1.234,5", "-", "-1.234", "0.125", "1,5e-05", "1.234.567"]
    content = "a;code;price;floor;y\n" + "".join(f"{cell};01;1.234;1;{cell}\n" for cell in cells)
    found = read(tmp_path, content, "--separator", ";", "--decimal", ",")
    np.testing.assert_array_equal(found["a"], [12.5, 1234.5, np.nan, -1234, 0.125, 1.5e-05, 1234567])
    assert set(found["price"]) == {1234}
    _, names = fitted()
    content = content.replace("\n-;01;1.234;1;-", "")
    (tmp_path / "train.csv").write_text(content)
    options = ["--separator", ";", "--decimal", ","]
    arguments = names["make_parser"]().parse_args([str(tmp_path / "train.csv"), *options])
    target = names["read_target"](names["read_table"](str(tmp_path / "train.csv"), ["y"], arguments)["y"])
    np.testing.assert_array_equal(target, found["a"].dropna())


@pytest.mark.parametrize("column", ["a", "price"])
def test_infinite_numbers_end_the_script_as_the_model_refuses_them(column):
    table = make_table().head(3).assign(**{column: [1.5, np.inf, 2.5]})
    with pytest.raises(InvalidInputError, match=f"column '{column}' holds infinite values"):
        fitted()[0].predict(table)
    with pytest.raises(SystemExit, match=f"^column '{column}' holds infinite values"):
        fitted()[1]["read_columns"](table)


def test_infinite_numbers_of_a_file_end_the_script(tmp_path):
    with pytest.raises(SystemExit, match=r"^column 'a' holds infinite values"):
        read(tmp_path, "code,price,a,floor,y\n01,1,1.5,1,1\n02,2,inf,2,2\n")


TARGETS = {
    "whole numbers": [3, 2, 7],
    "truth values": [True, False, True],
    "decimals": [Decimal("1.5"), Decimal(2), Decimal(-3)],
    "texts of numbers beside numbers": [1.5, " 2.5 ", "-1e3"],
    "whole numbers of pandas": pd.array([1, 2, 3], dtype="Int64"),
    "numbers of Arrow": pd.Series([1.5, 2.5, 3.5], dtype="double[pyarrow]"),
    "categories of numbers": pd.Categorical([5, 3, 4]),
    "thousands": [1.5, "1'000", 2.5],
    "decimal commas": [1.5, "1,5", 2.5],
    "brackets": [1.5, "(5)", 2.5],
    "units": ["5 EUR", "6 EUR", "7 EUR"],
    "placeholders": ["n.a.", "1", "2"],
    "missing numbers": [1.5, None, 2.5],
    "missing whole numbers": pd.array([1, None, 2], dtype="Int64"),
    "infinite numbers": [1.5, np.inf, 2.5],
    "infinite texts": [1.5, "inf", 2.5],
    "numbers beyond floats": [1, 10**400, 2],
    "complex numbers": [1 + 1j, 2, 3],
    "dates": pd.date_range("2024-01-01", periods=3),
    "dates with zone": pd.date_range("2024-01-01", periods=3, tz="UTC"),
    "days": pd.period_range("2024-01-01", periods=3, freq="D"),
    "durations": pd.to_timedelta([1, 2, 3], unit="D"),
    "durations of Python": pd.Series([timedelta(1), timedelta(2), timedelta(3)], dtype=object),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_a_target_has_the_numbers_of_the_model_or_ends_the_script_with_one_message(kind):
    target = pd.Series(TARGETS[kind], name="y")
    _, names = fitted()
    try:
        expected, _ = check_target(target, np.zeros((3, 1)), classification=False)
    except InvalidInputError:
        with pytest.raises(SystemExit, match=r"^column 'y'.*(hold no finite number, such as|with a comma)"):
            names["read_target"](target)
    else:
        np.testing.assert_array_equal(names["read_target"](target), expected)


LABELS = [
    ["01", "02"],
    ["1", "01"],
    ["1.0", "2.0"],
    ["0.5", "1.50"],
    ["true", "false"],
    [" a", "a"],
    ["None", "NA"],
    ["nan", "null"],
    [1, 2],
    [0.0, 1.0],
]


@pytest.mark.slow
@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize("labels", LABELS, ids=str)
def test_labels_in_a_file_are_those_of_the_model(tmp_path, labels, n_targets):
    table, targets = pd.DataFrame({"a": np.arange(60.0), "b": labels * 30, "y": labels * 30}), ["y", "b"][:n_targets]
    model = AutoMLClassifier(**FAST | {"max_trials": 1, "include": ["decision_tree"]})
    model.fit(table[["a"]], table[targets].squeeze(axis=1))
    names = {"__name__": "script"}
    exec(python_script(model), names)
    table.to_csv(tmp_path / "new.csv", index=False)
    arguments = names["make_parser"]().parse_args([str(tmp_path / "new.csv")])
    found = names["read_table"](str(tmp_path / "new.csv"), targets, arguments)
    if n_targets == 1:
        codes, classes = names["read_target"](found["y"]), names["CLASSES"]
    else:
        codes, classes = names["read_targets"](found)[:, 1], names["CLASSES"][1]
    assert [classes[code] for code in codes] == labels * 30


NO_LABELS = {
    "days": np.array(["2024-01-01", "2025-01-01"], dtype="datetime64[D]"),
    "times": pd.date_range("2024-01-01", periods=2, tz="UTC"),
    "durations": pd.to_timedelta([1, 2], unit="D"),
    "decimals": [Decimal("1.5"), Decimal("2.5")],
    "months": pd.period_range("2024-01", periods=2, freq="M"),
    "dates of Python": [date(2024, 1, 1), date(2025, 1, 1)],
}


@pytest.mark.parametrize("kind", NO_LABELS)
def test_a_script_with_classes_that_no_file_holds_is_refused(kind):
    model = AutoMLClassifier(**FAST | {"max_trials": 1, "include": ["decision_tree"]})
    model.fit(make_table()[["a"]], pd.Series(NO_LABELS[kind]).repeat(30).reset_index(drop=True))
    with pytest.raises(InvalidInputError, match=r"classes such as .*(20|timedelta|Decimal)"):
        python_script(model)


def test_a_label_that_is_no_class_ends_the_script_with_one_message():
    table = make_table().assign(code=["1", "2", "A1"] * 20)
    model = AutoMLClassifier(**FAST | {"max_trials": 1, "include": ["decision_tree"]})
    names = {"__name__": "script"}
    exec(python_script(model.fit(table[["a"]], table["code"])), names)
    assert names["read_target"](pd.Series(["A1", "1.0", 2.0, 1])).tolist() == [2, 0, 1, 0]
    for other in ("B", None, 3):
        with pytest.raises(SystemExit, match=r"^column 'code', row 2: .* is no class of the model; .* '1', '2', 'A1'$"):
            names["read_target"](pd.Series(["1", other], name="code"))
