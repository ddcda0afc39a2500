"""The exported script reads the cells of a file as the model does, whatever else the file holds."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from automl import AutoMLRegressor
from automl.export.script import python_script
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
