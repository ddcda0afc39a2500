"""The blocks of code on the pages are right: Python runs, commands have the options that they name, YAML is read."""

from __future__ import annotations

import re
import shlex

import numpy as np
import pandas as pd
import pytest
import sklearn
import typer.main
import yaml
from sklearn.datasets import make_classification

import automl
from automl import AutoMLClassifier
from automl.cli.main import app
from automl.jobs.spec import read_batch
from tests.docs.pages import PAGES, blocks

ROOT_COMMAND = typer.main.get_command(app)
ELSEWHERE = {"README.md", "docs/first_steps.md"}  # see test_readme.py
PYTHON = {page: blocks(text, "python") for page, text in PAGES.items() if page not in ELSEWHERE}
PYTHON = {page: code for page, code in PYTHON.items() if code}
FAST = {"docs/reference/errors.md"}  # no block of these pages fits a model


def names_before(page):
    """Return the names that the blocks of a reference page use without making them."""
    if "/" in page.removeprefix("docs/"):
        return {}  # the blocks of a guide need nothing
    X, y = make_classification(200, 6, random_state=0)
    X = pd.DataFrame(X, columns=list("abcdef"))
    clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], n_jobs=1, random_state=0, verbose=0)
    if not any("clf.fit(" in code for code in PYTHON[page]):
        clf.fit(X, y)
    new = {"X_new": X + np.random.default_rng(0).normal(0, 0.1, X.shape), "y_new": y}
    return {"X": X, "y": y, **new, "clf": clf, "automl": automl, "AutoMLClassifier": AutoMLClassifier}


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=() if page in FAST else pytest.mark.slow) for page in PYTHON]
)
def test_the_blocks_of_python_run_one_after_another(page, tmp_path, monkeypatch, quick_fits):
    if page == "docs/howto/mlflow.md":  # tests/integrations/test_mlflow.py runs it in an environment with the client
        pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__", **names_before(page)}
    with sklearn.config_context():  # a page may change the configuration
        for code in PYTHON[page]:
            exec(compile(code, page, "exec"), names)


def test_pages_with_python_are_found():
    assert len(PYTHON) >= 12
    assert set(PYTHON) >= FAST


def command_lines(text):
    """Return the commands `automl ...` in the shell blocks of a page, without comments and redirections."""
    for block in blocks(text, "(?:sh|bash)"):
        joined = block.replace("\\\n", " ")
        for line in joined.splitlines():
            words = re.split(r"\s#|\s[>|]|\s&", line)[0].strip()
            if words.startswith("automl "):
                yield words


COMMANDS = sorted({(page, line) for page, text in PAGES.items() for line in command_lines(text)})


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_a_command_on_a_page_exists_with_the_options_that_it_names(page, line):
    command, words = ROOT_COMMAND, shlex.split(line)[1:]
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        assert words[0] in command.commands, line
        command = command.commands[words.pop(0)]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.split("=")[0] for word in words if word.startswith("--")} - known - {"--help"} == set()


def test_pages_with_commands_are_found():
    assert len(COMMANDS) > 30


BATCHES = [(page, code) for page, text in PAGES.items() for code in blocks(text, "yaml") if "\ntables:" in code]


@pytest.mark.parametrize(("page", "code"), BATCHES, ids=[page for page, _ in BATCHES])
def test_a_batch_on_a_page_is_read(page, code, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "one.csv").write_text("x,class,species\n1,a,a\n2,b,b\n")
    (tmp_path / "jobs.yaml").write_text(code)
    assert read_batch(tmp_path / "jobs.yaml").jobs


def test_yaml_blocks_are_valid_yaml():
    for text in PAGES.values():
        for code in blocks(text, "yaml"):
            yaml.safe_load(code)
