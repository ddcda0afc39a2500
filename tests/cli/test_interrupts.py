"""Ctrl-C ends a command with one line and the exit code of shells."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLRegressor
from tests.factories import FAST

UNSAVED = "automl: interrupted before a model was ready; nothing saved"
PLAIN = "automl: interrupted"
RESUME = "automl: stopped; run the same command again to go on"


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
        ("automl.run.run._prepare_search", ["fit", "table.csv", "--target", "price", "--out", "new"], UNSAVED),
        ("automl.table_files.reading.read_table", ["fit", "table.csv", "--target", "price", "--out", "new"], UNSAVED),
        ("automl.base.refit", ["refit", "model", "--train", "table.csv", "--target", "price", "--out", "new"], UNSAVED),
        ("automl.retune.methods.retune", ["retune", "model", "table.csv", "--out", "new"], UNSAVED),
        ("automl.base.BaseAutoML._predict", ["predict", "model", "table.csv", "--out", "new.csv"], PLAIN),
        ("automl.base.BaseAutoML._read_and_predict", ["score", "model", "table.csv"], PLAIN),
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


@pytest.mark.parametrize(
    ("place", "words", "line"),
    [
        ("automl.loading.load", ["export", "model", "--python"], PLAIN),
        ("automl.loading.load", ["package", "model", "--out", "new"], PLAIN),
        ("automl.loading.load", ["slim", "model"], PLAIN),
        ("automl.loading.load", ["serve", "model"], PLAIN),
        ("automl.trials.run_reader.RunReader", ["drop", "run", "--family", "lda"], PLAIN),
        ("automl.trials.run_reader.RunReader", ["stop", "run"], PLAIN),
        ("automl.trials.run_reader.RunReader", ["watch", "run"], PLAIN),
        ("automl.watch.terminal.show_run", ["watch", "run", "--terminal"], PLAIN),
        ("automl.jobs.dry_run.check_jobs", ["jobs", "check", "jobs.yaml"], PLAIN),
        ("automl.jobs.batch.open_batch", ["jobs", "status", "jobs.yaml"], PLAIN),
        ("automl.jobs.batch.open_batch", ["jobs", "logs", "jobs.yaml", "a"], PLAIN),
        ("automl.jobs.batch.open_batch", ["jobs", "cancel", "jobs.yaml", "--all"], PLAIN),
        ("automl.jobs.batch.run_jobs", ["jobs", "run", "jobs.yaml"], RESUME),
        ("meta_db.store.MetaDatabase", ["meta", "info"], PLAIN),
        ("pipelines.space.build_space", ["space"], PLAIN),
    ],
)
def test_ctrl_c_before_the_work_of_a_command_is_one_line(call, folder, monkeypatch, place, words, line):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(place, interrupt)
    assert call(*words) == (130, "", f"{line}\n")


IMPORTS = """
import runpy, sys

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == {library!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
sys.argv[0] = "automl"
runpy.run_module("automl", run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "words", "line"),
    [
        ("typer", ["--help"], PLAIN),
        ("automl.cli.predict", ["predict", "model", "table.csv"], PLAIN),
        ("pandas", ["predict", "model", "table.csv"], PLAIN),
        ("sklearn", ["fit", "table.csv", "--target", "price", "--out", "new"], UNSAVED),
        ("automl.trials.run_reader", ["stop", "run"], PLAIN),
    ],
)
def test_ctrl_c_during_imports_is_one_line(folder, library, words, line):
    command = [sys.executable, "-c", IMPORTS.format(library=library), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", f"{line}\n")
