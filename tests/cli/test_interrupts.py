"""Ctrl-C ends a command with one line and the exit code of shells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLRegressor
from tests.factories import FAST

UNSAVED = "automl: interrupted before a model was ready; nothing saved"
PLAIN = "automl: interrupted"


def interrupt(*arguments, **named):
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a table and a saved model."""
    folder = tmp_path_factory.mktemp("interrupts")
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(80, 3)), columns=["a", "b", "price"])
    table.to_csv(folder / "table.csv", index=False)
    AutoMLRegressor(**FAST).fit(table[["a", "b"]], table["price"]).save(folder / "model")
    return folder


@pytest.mark.parametrize(
    ("place", "words", "line"),
    [
        ("automl.base.prepare", ["fit", "table.csv", "--target", "price", "--out", "new"], UNSAVED),
        ("automl.run._prepare_search", ["fit", "table.csv", "--target", "price", "--out", "new"], UNSAVED),
        ("automl.task.files.read_table", ["fit", "table.csv", "--target", "price", "--out", "new"], UNSAVED),
        ("automl.base.refit", ["refit", "model", "--train", "table.csv", "--target", "price", "--out", "new"], UNSAVED),
        ("automl.retune.methods.retune", ["retune", "model", "table.csv", "--out", "new"], UNSAVED),
        ("automl.base.BaseAutoML._predict", ["predict", "model", "table.csv", "--out", "new.csv"], PLAIN),
        ("automl.base.BaseAutoML._predict", ["score", "model", "table.csv"], PLAIN),
    ],
)  # fmt: skip
def test_ctrl_c_is_one_line(call, folder, monkeypatch, place, words, line):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(place, interrupt)
    code, out, err = call(*words)
    assert (code, out, err.splitlines()[-1]) == (130, "", line)
    assert "Traceback" not in err
    assert not (folder / "new").exists()
    assert not (folder / "new.csv").exists()
