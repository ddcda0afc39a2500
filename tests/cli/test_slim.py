"""The command ``automl slim``."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLRegressor, load
from tests.factories import FAST

TABLE = pd.DataFrame(np.random.default_rng(0).normal(size=(150, 3)), columns=["a", "b", "c"])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return the folder of a saved model."""
    folder = tmp_path_factory.mktemp("slim") / "model"
    AutoMLRegressor(**FAST).fit(TABLE, TABLE["a"] + TABLE["b"] ** 2).save(folder)
    return folder


def test_without_a_folder_the_possible_models_are_listed(call, model):
    code, out, err = call("slim", model)
    assert code == 0, err
    assert out.split()[:4] == ["row", "score", "low", "high"]
    assert "1 model" in out


def test_a_smaller_model_is_saved(call, model, tmp_path):
    code, _, err = call("slim", model, "--max-loss", "1e9", "--out", tmp_path / "small")
    assert code == 0, err
    assert "saved to" in err
    assert len(load(tmp_path / "small").predict(TABLE)) == 150


def test_an_impossible_limit_is_one_message(call, model, tmp_path):
    code, _, err = call("slim", model, "--milliseconds", "1e-9", "--out", tmp_path / "small")
    assert code == 2, err
    assert "the nearest possible limit is --milliseconds 0" in err
    assert not (tmp_path / "small").exists()


def test_the_model_of_a_row_of_the_list_is_saved(call, model, tmp_path):
    table = load(model).frontier_
    code, _, err = call("slim", model, "--row", len(table) - 1, "--out", tmp_path / "chosen")
    assert code == 0, err
    assert load(tmp_path / "chosen").frontier_["members"].iloc[0] == table["members"].iloc[-1]
    code, _, err = call("slim", model, "--row", 1, "--max-loss", 1, "--out", tmp_path / "both")
    assert code == 2
    assert "leave out --milliseconds" in err
