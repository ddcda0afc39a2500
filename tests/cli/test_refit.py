"""The command ``automl refit``."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLRegressor, load
from tests.factories import FAST


def make_table(seed, slope=1.0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(150, 3)), columns=["a", "b", "c"])
    return table.assign(price=slope * table["a"] + 0.1 * rng.normal(size=150))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a saved model that has no rows, one that has rows, and a table with new rows."""
    folder = tmp_path_factory.mktemp("refit")
    table = make_table(0)
    model = AutoMLRegressor(**FAST).fit(table.drop(columns="price"), table["price"])
    model.save(folder / "model")
    model.save(folder / "rows", rows=True)
    make_table(1, slope=-1.0).to_csv(folder / "new.csv", index=False)
    return folder


def run(call, folder, *arguments):
    return call("refit", *(folder / a if a in ("model", "rows", "new.csv") else a for a in arguments))


def test_new_rows_give_a_report_and_a_new_model(call, folder):
    table = folder / "new.csv"
    code, out, err = run(call, folder, "model", "--train", table, "--target", "price", "--out", folder / "new")
    assert code == 0, err
    assert out.startswith("the new model is better on the new rows: root mean squared error 0.")
    assert f"saved to '{folder / 'new'}'" in err
    rows = make_table(2, slope=-1.0)
    assert load(folder / "new").score(rows.drop(columns="price"), rows["price"]) > 0.9


def test_kept_rows_need_no_table(call, folder):
    code, out, err = run(call, folder, "rows", "--out", folder / "again")
    assert code == 0, err
    assert "trained" in out
    assert "on 150 rows in" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the training rows are not there: the model was saved without them (automl fit --rows keeps them); pass"),
        (["--train", "new.csv"], "--train needs --target"),
        (["--target", "price"], "--target needs --train"),
        (["--train", "new.csv", "--target", "cost"], "'cost'"),
    ],
)
def test_what_is_missing_is_named(call, folder, arguments, message):
    code, _, err = run(call, folder, "model", *arguments, "--out", folder / "none")
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
