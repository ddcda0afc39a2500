"""The command `automl drift`."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLRegressor


def make_table(seed, shift=0.0):
    rng = np.random.default_rng(seed)
    age = rng.normal(40 + shift, 10, 300).round(1)
    code = rng.choice(["01", "02", "A"], 300)
    return pd.DataFrame({"age": age, "code": code, "pay": 2 * age + (code == "A") * 9})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("drift")
    train = make_table(0)
    train.to_csv(place / "train.csv", index=False)
    make_table(1).to_csv(place / "same.csv", index=False)
    make_table(2, shift=8).to_parquet(place / "older.parquet")
    reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, random_state=0, verbose=0)
    reg.fit(train[["age", "code"]], train["pay"]).save(place / "model")
    return place


def test_the_verdict_and_the_columns_that_differ_are_shown(call, folder):
    code, out, err = call("drift", folder / "model", folder / "older.parquet", "--train", folder / "train.csv")
    assert code == 0, err
    assert out.startswith("drift: 1 of 2 columns of the 300 new rows differs from the 300 training rows: 'age'; an adv")
    assert "│ age" in out
    assert "│ code" not in out
    assert "note:" not in out  # the target is no unknown column
    _, out, _ = call("drift", folder / "model", folder / "same.csv", "--all")
    assert out.startswith("no drift found: 2 columns of 300 new rows were compared with 300 training rows\n")
    assert "│ code" in out
    assert "note: there is no adversarial model, because the model holds no training rows" in out


def test_the_exit_code_and_json_are_for_programs(call, folder):
    code, out, _ = call("drift", folder / "model", folder / "older.parquet", "--json", "--exit-code")
    assert code == 1
    found = json.loads(out)
    assert found["drifted"]
    assert found["adversarial"] is None
    assert [row["name"] for row in found["columns"] if row["drifted"]] == ["age"]
    assert call("drift", folder / "model", folder / "same.csv", "--no-adversarial", "--exit-code")[0] == 0
