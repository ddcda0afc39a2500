"""A wrong call of a command is one clear error, which names the option, before any work."""

from __future__ import annotations

import shlex

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLRegressor
from automl.table_files import reading
from tests.factories import FAST

NO_ROW = "'none.csv' holds no row below its header; add rows, or name another file"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with tables, a model of a table with names, and a model of an array."""
    folder = tmp_path_factory.mktemp("wrong")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60), "c": rng.choice(["x", "y"], 60)})
    table.assign(y=table["a"]).to_csv(folder / "t.csv", index=False)
    table.head(0).to_csv(folder / "none.csv", index=False)
    (folder / "other").mkdir()
    (folder / "other" / "notes").write_text("mine")
    (folder / "broken.py").write_text("1 / 0")
    model = AutoMLRegressor(**FAST).fit(table, table["a"])
    model.save(folder / "model")
    AutoMLRegressor(**FAST).fit(table[["a", "b"]].to_numpy(), table["a"]).save(folder / "array")
    return folder


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("fit none.csv --target a --out new", NO_ROW),
        ("advise none.csv --target a", NO_ROW),
        ("benchmark none.csv --target a --out new", NO_ROW),
        ("benchmark t.csv --target y --out new --columns c=time", "--columns: column 'c' cannot be read as 'time'"),
        ("fit t.csv --target y --out new --callback ..:x", "--callback: '..:x' cannot be imported: TypeError"),
        ("fit t.csv --target y --out new --callback broken:x", "--callback: 'broken:x' cannot be imported: ZeroDivis"),
        ("fit t.csv --target y --out new --quantiles 2", "such as --quantiles 0.1,0.5,0.9; they hold 2.0"),
        ("predict array t.csv", "'t.csv' has 4 columns, but the training table had 2, without names"),
        ("predict model t.csv --interval 2", "--interval must be a level between 0 and 1, for example 0.9; got 2.0"),
        ("predict model t.csv --out other", "--out: 'other' is a folder; name a file"),
        ("predict model t.csv --out t.csv/p.csv", "--out: 't.csv/p.csv' cannot be written: there is no folder 't.csv'"),
        ("report model --out new/r.html", "--out: 'new/r.html' cannot be written: there is no folder 'new'; create it"),
        ("export model --python --out new/p.py", "--out: 'new/p.py' cannot be written: there is no folder 'new'"),
        ("export model --optuna other", "--optuna: 'other' is a folder; name a file"),
        ("export model --optuna new.log --study ''", "--study must be a text"),
        ("package model --out t.csv/new", "'t.csv/new' cannot be written: no file can be made in"),
        ("slim model --out new", "--out needs --milliseconds, --megabytes, --max-loss or --row; 'automl slim MODEL'"),
        ("slim model --out new --row 99", "--row must be from 0 to "),
        ("drop other --family ' '", "--family names no model family; 'automl space' lists them"),
        ("jobs run t.yaml --n-jobs 0", "--n-jobs must be a whole number of cores, or -1 for all cores; got 0"),
        ("jobs check t.yaml --memory nan", "--memory must be a number of MiB above 0; got nan"),
        ("jobs resume t.yaml --memory 0", "--memory must be a number of MiB above 0; got 0.0"),
        ("meta add new --name x --file new.sqlite", "there is no folder 'new'; a run directory is the folder of"),
        ("meta add other --name ' '", "--name must be the name of the data set"),
        ("meta publish other --openml-task 3", "'other' holds no run; a run directory is the folder of"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_one_clear_error(call, folder, monkeypatch, words, message):
    monkeypatch.chdir(folder)
    code, out, err = call(*shlex.split(words))
    assert (code, out) == (2, "")
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err
    assert not list(folder.glob("new*"))


@pytest.mark.parametrize("option", ["--out", "--optuna"])
def test_a_folder_that_takes_no_file_is_an_error_before_the_work(call, folder, monkeypatch, option):
    monkeypatch.chdir(folder)
    monkeypatch.setattr("automl.persistence.takes_files", lambda path: False)
    monkeypatch.setattr("automl.loading.load", lambda *arguments, **named: pytest.fail("the model has been read"))
    commands = {"--out": ["predict model t.csv", "report model", "export model --python"], "--optuna": ["export model"]}
    for words in commands[option]:
        code, _, err = call(*words.split(), option, "new.csv")
        assert (code, err.count("\n")) == (2, 1)
        assert f"{option}: 'new.csv' cannot be written: no file can be made in" in err


@pytest.mark.parametrize("words", ["--time-budget -1", "--scoring accuracies", "--include nothing", "--searcher none"])
def test_a_wrong_parameter_is_an_error_before_the_table_is_read(call, folder, monkeypatch, words):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(reading, "read_table", lambda *arguments, **named: pytest.fail("the table has been read"))
    code, _, err = call("fit", "t.csv", "--target", "y", "--task", "regression", "--out", "new", *words.split())
    assert (code, err.count("\n")) == (2, 1)
    assert words.split()[0] in err
