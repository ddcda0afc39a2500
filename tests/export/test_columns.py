"""The functions of an exported script read single cells as the table reader of the model does."""

from __future__ import annotations

import numpy as np
import pandas as pd

from automl import AutoMLRegressor
from automl.export.script import python_script
from tests.factories import FAST

CELLS = {
    "{:.1f}/5": ["1/5", "-4/5", "(2/5)", "4,5/5", "4.5/0"],
    "{:.2f} × 10^3": ["2 x 10^3", "1.5·10^-2", "–1,5 × 10^3", "1.5d-3", "2.5*103"],
    "{:,.2f} EUR": ["– 7 EUR", "−2,5 EUR", "‑3", "+3", "+-3", "-EUR 3", "EUR-3"],
    "({:.1f})": ["(5", "5)", "(5)", "(-5)", "-(5)", "5-", "-5-", "a) 5", "((5)", "2 (5)"],
}


def test_signs_powers_fractions_and_parentheses_are_read_as_the_model_reads_them():
    numbers = np.linspace(0.5, 2000, 60)
    X = pd.DataFrame({name: [name.format(number) for number in numbers] for name in CELLS})
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}).fit(X, numbers)
    script, names = python_script(model), {"__name__": "script"}
    exec(script, names)
    assert "4.5/5" in script
    assert model.columns_["kind"].tolist() == ["number"] * len(CELLS)
    rows = pd.DataFrame({name: [*cells, *[""] * (10 - len(cells))] for name, cells in CELLS.items()})
    for table in (X, rows):
        np.testing.assert_allclose(names["read_columns"](table), model._reader.transform(table))
