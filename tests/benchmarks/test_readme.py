"""Every command of benchmarks/README.md runs as a process of its own, with small arguments, on tiny tables."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from meta_db.store import SHIPPED, MetaDatabase

ROOT = Path(__file__).parents[2]
README = ROOT / "benchmarks" / "README.md"


@dataclass(frozen=True)
class TinyForm:
    """How a command of the page is made small.

    Attributes
    ----------
    options : dict of str to str
        Values that replace the values of the command's options, or are added.
    error : str
        Pattern of the one message with which the command ends, where it lacks something; empty where it succeeds.
    is_slow : bool
        Whether the command is left out of the default run.
    """

    options: dict[str, str] = field(default_factory=dict)
    error: str = ""
    is_slow: bool = False


SEARCH = {"--suite": "classes", "--budget": "2", "--cores": "1"}
SINGLE = {"--suite": "numbers", "--folds": "0", "--budget": "5"}
NO_GPU = "" if torch.cuda.is_available() else "torch finds no CUDA device"
FLEET = {"--rows": "40", "--networks": "2", "--alone": "1", "--epochs": "1", "--threads": "1"}

# By the title of the section; one form for each command of the section, in order.
TINY: dict[str, list[TinyForm]] = {
    "Error after 60 seconds": [TinyForm(SEARCH | {"--systems": "automl"}, is_slow=True)],
    "Error of the peers after 60 seconds": [
        TinyForm(SEARCH | {"--environments": "venvs"}, error="the program 'java' is missing|cannot be measured: pip")
    ],
    "Error by size": [
        TinyForm(SEARCH | {"--environments": "venvs"}, error="the program 'java' is missing|cannot be measured: pip")
    ],
    "Error at 300 seconds": [TinyForm(SEARCH | {"--environments": "venvs"}, error="cannot be measured: pip")],
    "Error at 1 hour": [TinyForm(SEARCH | {"--environments": "venvs"}, error="cannot be measured: pip")],
    "Report": [TinyForm()],
    "Value of the whole meta-database": [TinyForm(SEARCH | {"--systems": "automl_handmade"}, is_slow=True)],
    "Value of the model-based search": [
        TinyForm(SEARCH | {"--folds": "0", "--systems": "automl_random"}, is_slow=True),
        TinyForm(SEARCH | {"--systems": "automl_handmade_random"}, is_slow=True),
    ],
    "TabArena": [TinyForm(error="the package 'tabarena' is missing")],
    "Value of the networks after 60 seconds": [TinyForm(SEARCH | {"--systems": "automl_nonets"}, is_slow=True)],
    "Value of the networks after 300 seconds": [TinyForm(SEARCH | {"--suite": "numbers"}, is_slow=True)],
    "Networks alone": [
        TinyForm(SINGLE | {"--systems": "net_realmlp"}, is_slow=True),
        TinyForm(SINGLE | {"--environments": "venvs"}, error="pytabkit_realmlp cannot be measured: pip install torch"),
        TinyForm(),
    ],
    "Replay of runs": [
        TinyForm({"--tables": "classes", "--random": "1", "--workers": "1", "--include": "lda"}, is_slow=True),
        TinyForm(error="'STORE' holds no recorded tables"),
    ],
    "Honesty of `estimate_`": [
        TinyForm(
            {
                "--seconds": "0",
                "--trials": "2",
                "--seeds": "1",
                "--n-train": "30",
                "--n-jobs": "1",
                "--include": "decision_tree",
            },
            is_slow=True,
        )
    ],
    "Effect of the guard": [
        TinyForm({"--tables": "classes", "--seconds": "1", "--n-train": "60"}, is_slow=True),
    ],
    "Effect of a refit": [TinyForm({"--tables": "classes", "--seconds": "2"}, is_slow=True)],
    "Losses and transforms of the target": [
        TinyForm({"--tables": "numbers", "--families": "ridge,decision_tree", "--rows": "90"}, is_slow=True)
    ],
    "Several targets": [TinyForm({"--tables": "linnerud", "--trials": "2", "--splits": "1"}, is_slow=True)],
    "Ordered classes": [
        TinyForm({"--tables": "numbers", "--rows": "60", "--families": "logistic_regression"}, is_slow=True),
        TinyForm({"--tables": "numbers", "--rows": "60", "--trials": "1", "--include": "decision_tree"}, is_slow=True),
    ],
    "Quantiles": [TinyForm({"--tables": "numbers", "--trials": "1", "--include": "ridge"}, is_slow=True)],
    "Noisy labels": [
        TinyForm(
            {"--tables": "classes", "--rows": "60", "--shares": "0.2", "--trials": "2", "--folds": "2"}, is_slow=True
        ),
        TinyForm({"--tables": "numbers", "--rows": "60", "--shares": "0,0.2", "--families": "lightgbm"}, is_slow=True),
    ],
    "Rows in the order of time": [
        TinyForm({"--times": "numbers:b", "--seconds": "3"}, is_slow=True),
    ],
    "Intervals and sets": [
        TinyForm(
            {"--tables": "classes,numbers", "--trials": "1", "--splits": "1", "--include": "decision_tree"},
            is_slow=True,
        )
    ],
    "Small differences between groups": [TinyForm({"--tables": "classes:c", "--trials": "2"}, is_slow=True)],
    "More seconds on small tables": [
        TinyForm({"--tables": "classes", "--rows": "60", "--families": "ridge,decision_tree,lda"}, is_slow=True),
        TinyForm({"--tables": "classes", "--seconds": "10"}, is_slow=True),
    ],
    "Gain of a model family": [
        TinyForm({"--tables": "classes,numbers", "--models": "lda,ridge", "--base": "decision_tree"}, is_slow=True)
    ],
    "Gain of new columns": [
        TinyForm({"--tables": "classes", "--folds": "0", "--systems": "linear,linear combined"}, is_slow=True)
    ],
    "Gain of the components of short texts": [
        TinyForm(error="the package gender_guesser is missing"),
        TinyForm(error="name a folder of tables with --data"),
        TinyForm({"--columns": "classes:c", "--folds": "0", "--models": "linear", "--forms": "codes,hashed"}),
        TinyForm({"--columns": "numbers:c", "--folds": "0", "--forms": "codes"}, is_slow=True),
    ],
    "Effect of the calibration": [TinyForm({"--tables": "classes", "--seconds": "1"}, is_slow=True)],
    "Importance against the truth": [
        TinyForm({"--tables": "mixed_classes", "--n-rows": "150", "--seconds": "2"}, is_slow=True)
    ],
    "Cost of a report": [TinyForm({"--tables": "small", "--max-trials": "2"}, is_slow=True)],
    "Forecast of a longer search": [TinyForm({"--tables": "classes", "--seconds": "2", "--longer": "4"}, is_slow=True)],
    "Recognition of known data sets": [TinyForm(), TinyForm(is_slow=True)],
    "Value of the meta-database for initial designs": [TinyForm({"--file": "META_DATABASE"}, is_slow=True)],
    "Error of the forecasts": [
        TinyForm({"--file": "META_DATABASE"}, is_slow=True),
        TinyForm({"--file": "META_DATABASE", "--long-tables": "numbers:90", "--models": "ridge"}, is_slow=True),
    ],
    "Advice before a search": [TinyForm({"--tables": "classes", "--seconds": "1"}, is_slow=True)],
    "Regret of the searchers": [TinyForm(error="the package 'onnxruntime' is missing|model.onnx' is missing")],
    "Priors of the user": [TinyForm(error="the package 'onnxruntime' is missing|model.onnx' is missing")],
    "Cheap trials first": [TinyForm(error="the package 'onnxruntime' is missing|model.onnx' is missing")],
    "Trainings that go on": [
        TinyForm({"--tables": "numbers", "--families": "lightgbm", "--max-trials": "2"}, is_slow=True),
        TinyForm({"--tables": "numbers", "--families": "lightgbm", "--seconds": "1"}, is_slow=True),
    ],
    "Seconds of a suggestion": [
        TinyForm({"--n": "12", "--asked": "2"}, is_slow=True),
        TinyForm({"--n": "12", "--asked": "2"}, error="cannot import SMAC3"),
    ],
    "Busy workers": [TinyForm({"--workers": "2", "--seconds": "1", "--trials": "1", "--least": "12"})],
    "Overhead of a Ray cluster": [
        TinyForm({"--trials": "2", "--workers": "1", "--rows": "60", "--repeats": "1"}, is_slow=True)
    ],
    "Overhead of a job": [TinyForm({"--n": "2", "--workers": "1"}, is_slow=True), TinyForm({"--n": "40"})],
    "Seconds of the meta-features": [TinyForm({"--rows": "700", "--columns": "4", "--repeats": "1"}, is_slow=True)],
    "Seconds of predictions": [
        TinyForm({"--tables": "classes", "--systems": "automl", "--budget": "5", "--cores": "1"}, is_slow=True)
    ],
    "Loss of cheaper ensembles": [TinyForm({"--tables": "classes", "--budget": "5", "--cores": "1"}, is_slow=True)],
    "Seconds and bytes of stored models": [
        TinyForm({"--repeats": "1", "--rows": "90", "--models": "decision_tree"}, is_slow=True)
    ],
    "Damaged models": [TinyForm({"--cases": "10"}, is_slow=True)],
    "Load of a server": [
        TinyForm({"--table": "classes", "--budget": "3", "--clients": "2", "--requests": "20"}, is_slow=True)
    ],
    "False alarms of the warnings": [
        TinyForm({"--rows": "60", "--trials": "1", "--include": "decision_tree", "--kept": "kept"}, is_slow=True)
    ],
    "Planted leaks": [
        TinyForm(
            {"--tables": "classes,numbers", "--trials": "1", "--include": "decision_tree", "--kept": "kept"},
            is_slow=True,
        )
    ],
    "Wrong labels": [
        TinyForm({"--tables": "classes", "--trials": "1", "--include": "decision_tree", "--kept": "kept"}, is_slow=True)
    ],
    "Seconds of the warnings": [TinyForm({"--rows": "300", "--columns": "10", "--repeats": "1"}, is_slow=True)],
    "Networks in a fleet": [TinyForm(FLEET), TinyForm(FLEET, error=NO_GPU)],
    "Networks with torch and with numpy": [TinyForm({"--rows": "1,40", "--repeats": "2"})],
}


def read_commands() -> dict[str, list[str]]:
    """Return the commands of the page by the title of their section."""
    commands: dict[str, list[str]] = {}
    for section in re.split(r"^#+ ", README.read_text(), flags=re.MULTILINE)[1:]:
        title, text = section.split("\n", 1)
        blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
        lines = "".join(blocks).replace("\\\n", " ").splitlines()
        if lines:
            commands[title] = lines
    return commands


def make_small(command: str, form: TinyForm, places: dict[str, str]) -> list[str]:
    """Return the arguments of the small command; `places` are the values of words such as DATA."""
    program, *arguments = shlex.split(command)
    assert (program, arguments[0]) == ("python", "-m")
    for name, value in form.options.items():
        if name in arguments:
            arguments[arguments.index(name) + 1] = value
        else:
            arguments += [name, value]
    return [sys.executable, *(places.get(argument, argument) for argument in arguments)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(150, 3)), columns=list("abc"))
    X["c"] = pd.Categorical(np.where(X["c"] > 0, "high", "low"))
    labels = np.where(X["a"] + 0.5 * rng.normal(size=len(X)) > 0, "yes", "no")
    X.assign(target=labels).to_parquet(folder / "classes.parquet")
    X.assign(target=X["a"] * 2.0).to_parquet(folder / "numbers.parquet")
    (folder / "index.csv").write_text("name,task,n_rows\nclasses,binary,150\nnumbers,regression,150\n")
    return folder


@pytest.fixture(scope="module")
def meta_database(tmp_path_factory):
    """A meta-database with the results on two families of data sets."""
    path = tmp_path_factory.mktemp("meta") / "meta.sqlite"
    shutil.copy(SHIPPED, path)
    with MetaDatabase(path, writable=True) as database:
        names = {record.family: record.name for _, record in database.datasets()}
        kept = [record.family for _, record in database.datasets(["regression"])][:2]
        for family in names.keys() - set(kept):
            database.forget(names[family])
    return path


def test_every_command_of_the_page_has_a_tiny_form():
    assert {title: len(lines) for title, lines in read_commands().items()} == {
        title: len(forms) for title, forms in TINY.items()
    }


@pytest.mark.parametrize("page", sorted((ROOT / "benchmarks").glob("*.md")), ids=lambda page: page.name)
def test_no_cell_of_a_table_holds_a_paragraph(page):
    cells = [cell.strip() for line in page.read_text().splitlines() if line.startswith("|") for cell in line.split("|")]
    assert [cell for cell in cells if len(cell) > 70] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("title", "number"),
    [
        pytest.param(title, number, marks=[pytest.mark.slow] if form.is_slow else [], id=f"{title} {number + 1}")
        for title, forms in TINY.items()
        for number, form in enumerate(forms)
    ],
)
def test_command_runs_or_ends_with_one_clear_message(title, number, data, meta_database, tmp_path):
    form = TINY[title][number]
    (tmp_path / "empty").mkdir()
    places = {
        "DATA": str(data), "FOLDER": str(tmp_path / "empty"), "PYTHON": sys.executable,
        "META_DATABASE": str(meta_database),
    }  # fmt: skip
    command = make_small(read_commands()[title][number], form, places)
    results = tmp_path / "benchmarks" / "results"
    if "benchmarks.analyze" in command:
        shutil.copytree(ROOT / "benchmarks" / "results", results)
    else:
        results.mkdir(parents=True)
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "PIP_NO_INDEX": "1", "OMP_NUM_THREADS": "1",
        "AUTOML_MEMORY": str(tmp_path / "own.sqlite"),
    }  # fmt: skip
    process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    if form.error:
        assert process.returncode == 1, process.stderr
        assert re.search(form.error, process.stderr)
        assert len(process.stderr.strip().splitlines()) == 1, process.stderr
        return
    assert process.returncode == 0, process.stderr
    for out in (argument for argument in command if argument.startswith("benchmarks/results/")):
        assert (tmp_path / out).stat().st_size > 0
        if out.endswith(".csv") and "benchmarks.run" in command:
            rows = pd.read_csv(tmp_path / out)
            assert len(rows) > 0
            assert rows["error"].isna().all(), list(rows["error"])
