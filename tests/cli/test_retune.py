"""The command ``automl retune``."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLRegressor, load
from tests.factories import FAST

TRIALS = ["--max-trials", "1", "--time-budget", "60"]


def make_table(seed, slope=1.0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(150, 3)), columns=["a", "b", "c"])
    return table.assign(price=slope * table["a"] + 0.1 * rng.normal(size=150))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("retune")
    table = make_table(0)
    settings = FAST | {"include": ["ridge"], "max_trials": 1}
    AutoMLRegressor(**settings).fit(table.drop(columns="price"), table["price"]).save(folder / "model")
    table.to_csv(folder / "train.csv", index=False)
    make_table(1, slope=-1.0).to_csv(folder / "new.csv", index=False)
    return folder


@pytest.mark.slow
def test_a_better_model_takes_the_place_of_the_old_one(call, folder):
    old = ["--old", folder / "train.csv"]
    code, out, err = call("retune", folder / "model", folder / "new.csv", *old, "--out", folder / "better", *TRIALS)
    assert code == 0, err
    assert out.startswith("the new model is better on the 50 newest rows: root mean squared error 0.")
    assert "tried 1 configuration, trained 1 model on 150 rows (0 old rows) in" in out
    assert f"saved to '{folder / 'better'}'" in err
    assert load(folder / "better").retune_report_.is_better


def test_a_model_that_is_not_better_replaces_nothing(call, folder):
    before = (folder / "model" / "manifest.json").read_bytes()
    arguments = ["--target", "price", "--out", folder / "model", *TRIALS]
    code, out, err = call("retune", folder / "model", folder / "train.csv", *arguments)
    assert code == 0, err
    assert out.startswith(("no clear difference", "the old model is better"))
    assert f"the old model stays in '{folder / 'model'}', because the new one is not clearly better" in err
    assert (folder / "model" / "manifest.json").read_bytes() == before


def test_messages_about_old_rows_name_the_option(call, folder):
    make_table(2).drop(columns="b").to_csv(folder / "narrow.csv", index=False)
    code, _, err = call("retune", folder / "model", folder / "new.csv", "--old", folder / "narrow.csv", *TRIALS)
    assert code == 2
    assert "the old rows (--old) lack columns of the training table: 'b'; add them, or leave out --old\n" in err


def test_without_out_nothing_is_saved(call, folder):
    code, _, err = call("retune", folder / "model", folder / "new.csv", "--target", "cost")
    assert code == 2
    assert "'cost'" in err
