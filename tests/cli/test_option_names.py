"""Messages on the command line name its options, where messages in Python name arguments."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import typer.main

from automl.cli import main as cli
from automl.cli.option_names import name_options, options_of_command
from automl.progress.display import Progress
from automl.task.metric_words import MetricWords

QUICK = ["--max-trials", 1, "--n-jobs", 1, "--seed", 0, "--include", "decision_tree", "--cv", 2]
OPTIONS = {
    name: f"--{name.replace('_', '-')}"
    for name in (
        "columns", "drop", "cv", "groups", "guard", "include", "exclude", "noisy_labels", "scoring", "store", "time",
        "time_budget",
    )
} | {"random_state": "--seed", "sample_weight": "--weight", "X": "the table", "y": "the target"}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with a table in which a column numbers the rows, but not in their order."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"order no": rng.permutation(200), "b": rng.normal(size=200), "c": rng.normal(size=200)})
    frame.assign(target=np.where(frame["b"] > 0, "yes", "no")).to_csv(tmp_path / "table.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("columns={'a': 'drop'} leaves it out", "--drop a leaves it out"),
        ("""columns={"it's": 'number'} changes that""", """--columns 'it'"'"'s=number' changes that"""),
        ("scoring: 'acc' is unknown", "--scoring: 'acc' is unknown"),
        ("scoring='f1' is no; use scoring='f1_macro'", "--scoring f1 is no; use --scoring f1_macro"),
        ("include and exclude leave no model", "--include and --exclude leave no model"),
        ("pass time='my day' to fit", "pass --time 'my day' to fit"),
        ("pass groups=X['id'], too", "pass --groups id, too"),
        ("pass groups=... with the number", "pass --groups with the number"),
        ("use a larger share, or guard=None", "use a larger share, or no --guard"),
        ("set noisy_labels=True, too", "set --noisy-labels, too"),
        ("sample_weight is 0 in all rows", "--weight is 0 in all rows"),
        ("time_budget=15 s is few; increase time_budget", "--time-budget 15 s is few; increase --time-budget"),
        ("column 'time_budget' holds 'cv=3'", "column 'time_budget' holds 'cv=3'"),
        ("columns that the model does not know: 'a'", "columns that the model does not know: 'a'"),
        ("call fit(store=...), or include more", "call fit(store=...), or include more"),
        ("y has a single value (n_samples=1)", "the target has a single value (n_samples=1)"),
        ("class 'y' of y has one row; drop y.", "class 'y' of the target has one row; drop the target."),
        ("columns: X has no column 'X'", "--columns: the table has no column 'X'"),
        ("call fit(X, y), or y.dropna(), or X[cv]", "call fit(X, y), or y.dropna(), or X[cv]"),
        ("max_trials reached", "max_trials reached"),  # the command has no such option
    ],
)  # fmt: skip
def test_arguments_become_options(message, expected):
    assert name_options(message, OPTIONS) == expected


def test_arguments_of_a_further_file_become_its_option():
    context = SimpleNamespace(invoked_subcommand="retune", command=typer.main.get_command(cli.app))
    options = options_of_command(context)
    for message, expected in (
        ("leave out X_old and y_old", "leave out --old"),
        ("y_old: a value is missing", "the target of --old: a value is missing"),
        ("column 'day' of X_old holds dates", "column 'day' of --old holds dates"),
        ("sample_weight_old holds negative values", "--weight of --old holds negative values"),
        ("groups_old has missing values", "--groups of --old has missing values"),
    ):
        assert name_options(message, options) == expected


@pytest.mark.parametrize(
    ("given", "suggested"),
    [("--label", "--target"), ("--time-limit=5", "--time-budget"), ("--metric", "--scoring"), ("--output", "--out")],
)
def test_an_option_of_another_library_is_answered_with_the_right_one(call, given, suggested):
    code, _, err = call("fit", "table.csv", given, "x")
    assert code == 2
    assert f"(Possible options: {suggested})" in " ".join(err.replace("│", " ").split())


def test_the_error_about_quantities_as_classes_names_options(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"a": np.arange(40), "b": np.arange(40) / 7}).to_csv("table.csv", index=False)
    code, out, err = call("fit", "table.csv", "--target", "b", "--task", "classification", *QUICK)
    assert (code, out) == (2, "")
    assert "the target holds numbers with fractions; use --task regression, or write classes into" in err
    pd.DataFrame({"a": np.arange(40), "b": [None, *"ab" * 19, "a"]}).to_csv("table.csv", index=False)
    code, out, err = call("fit", "table.csv", "--target", "b", *QUICK)
    assert err.splitlines()[-1].startswith("automl: the target contains NaN: values are missing in 1 of 40 rows")


def test_the_error_about_a_quantity_names_the_cell_that_is_no_number(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"a": np.arange(40), "b": [*np.arange(39) / 7, "oops"]}).to_csv("table.csv", index=False)
    code, out, err = call("fit", "table.csv", "--target", "b", "--task", "regression", *QUICK)
    assert (code, out) == (2, "")
    assert "the target holds values such as 'oops', but regression needs numbers" in err
    context = SimpleNamespace(invoked_subcommand="refit", command=typer.main.get_command(cli.app))
    words = name_options("use AutoMLClassifier for labels", options_of_command(context))
    assert words == "use automl fit --task classification for labels"


def test_the_log_of_a_fit_names_options(call, folder):
    code, _, err = call("fit", "table.csv", "--target", "target", *QUICK)
    assert code == 0, err
    assert "column 'order no' numbers the rows, and the models use it; --drop 'order no' leaves it out" in err


def test_the_display_on_a_terminal_names_options(call, folder, monkeypatch):
    class View:
        def draw(self, fraction, text): ...

        def message(self, text):
            shown.append(text)

        def close(self, text):
            shown.append(text)

    shown = []
    monkeypatch.setattr("automl.progress.display.make_view", View)
    call("fit", "table.csv", "--target", "target", *QUICK)
    assert any("--drop 'order no' leaves it out" in text for text in shown)
    assert "automl: --max-trials reached" in shown[-1]
    with Progress(1, None, 1, MetricWords.of("accuracy")) as progress:
        progress.message("columns={'a': 'drop'} leaves it out")
    assert "columns={'a': 'drop'} leaves it out" in shown  # in Python


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--scoring", "precison"], "automl: --scoring: 'precison' is unknown; did you mean 'precision'"),
        (["--cv", 1], "automl: --cv must be 2 folds or more; got 1"),
        (
            ["--columns", "nothing=number"],
            "automl: --columns: 'table.csv' has no feature 'nothing'; it has 'order no', 'b'",
        ),
        (["--drop", "Order No"], "automl: --drop: 'table.csv' has no feature 'Order No'; it has 'order no', ..."),
        (
            ["--task", "regression"],
            "; use --task classification for labels, or write plain numbers into the file, such as 1.5 for '1,5 EUR'",
        ),
        (["--drop", "order no,b,c"], "no column can be used ('order no': set by an option"),
        (["--scoring", "quadratic_weighted_kappa"], "name the classes in their order with --ordered-classes"),
    ],
)
def test_errors_name_options(call, folder, options, expected):
    code, out, err = call("fit", "table.csv", "--target", "target", *QUICK, *options)
    assert (code, out) == (2, "")
    assert expected in err


@pytest.mark.slow
def test_advice_names_options(call, folder):
    code, out, err = call("advise", "table.csv", "--target", "target", "--time-budget", 5)
    assert code == 0, err
    assert "--drop 'order no' leaves it out" in out
