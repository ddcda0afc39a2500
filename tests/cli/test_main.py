"""The command line, in a shell and in this process."""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import accuracy_score, r2_score

import automl
from automl.cli.main import app
from automl.errors import InvalidInputError
from automl.table_files.reading import read_table
from automl.table_files.writing import write_table
from tests.factories import edit_manifest

QUICK = ["--max-trials", "2", "--time-budget", "60", "--n-jobs", "1", "--seed", "0"]


def run(*arguments, cwd):
    """Run the command in a process of its own; the package need not be installed."""
    return subprocess.run(
        [sys.executable, "-m", "automl", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=180,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(automl.__file__).parents[1])},
    )


@pytest.fixture(scope="module")
def cancer(tmp_path_factory):
    """Return a folder with a table in two parts and a model fitted on the first part, and the output of that fit."""
    folder = tmp_path_factory.mktemp("cancer")
    table = load_breast_cancer(as_frame=True).frame
    table["target"] = np.where(table["target"] == 1, "benign", "malignant")
    table = table.sample(frac=1, random_state=0)
    table.head(300).to_csv(folder / "train.csv", index=False)
    table.tail(100).to_csv(folder / "test.csv", index=False)
    table.tail(100).drop(columns="target").to_parquet(folder / "test.parquet", index=False)
    include = ["--include", "decision_tree,logistic_regression"]
    done = run("fit", "train.csv", "--target", "target", *QUICK, *include, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def _without_seconds(output):
    """Return the lines that do not depend on seconds: without the forecast, the fits that were cut and the costs."""
    measured = re.compile(r"10 more minutes would probably |\d+ of \d+ fits were cut|costs: ")
    return [line for line in output.splitlines() if not measured.match(line)]


def test_fit_shows_the_leaderboard_and_where_the_model_is_saved(cancer):
    folder, done = cancer
    assert "classification of 'target'" in done.stderr
    assert "--max-trials reached; 2 configurations; " in done.stderr
    assert "saved to 'model'" in done.stderr
    expected, direction, head, *rows = _without_seconds(done.stdout)
    assert expected.startswith("expected ROC AUC on new rows: ")
    assert f"automl: {expected}" in done.stderr.splitlines()
    assert direction == "score: ROC AUC, the mean over the finished folds; greater is better"
    assert head.split()[:3] == ["rank", "family", "score"]
    assert {row.split()[1] for row in rows} <= {"decision_tree", "logistic_regression"}
    assert len(automl.load(folder / "model").leaderboard_) == len(rows) == 2


@pytest.mark.slow
def test_predictions_go_to_standard_output_as_csv(cancer):
    folder, _ = cancer
    done = run("predict", "model", "test.csv", cwd=folder)
    assert done.returncode == 0, done.stderr
    predicted = pd.read_csv(io.StringIO(done.stdout))
    truth = pd.read_csv(folder / "test.csv")["target"]
    assert list(predicted.columns) == ["prediction"]
    assert accuracy_score(truth, predicted["prediction"]) > 0.9


def test_probabilities_go_to_a_file_one_column_a_class(cancer, call):
    folder, _ = cancer
    code, out, _ = call("predict", folder / "model", folder / "test.parquet", "--proba", "--out", folder / "p.parquet")
    assert (code, out) == (0, "")
    shares = pd.read_parquet(folder / "p.parquet")
    assert list(shares.columns) == ["probability_benign", "probability_malignant"]
    assert shares.sum(axis=1).to_numpy() == pytest.approx(np.ones(100))


def test_the_leaderboard_of_a_saved_model_in_text_and_as_csv(cancer, call):
    folder, _ = cancer
    assert len(_without_seconds(call("leaderboard", folder / "model", "--rows", "1")[1])) == 5
    board = pd.read_csv(io.StringIO(call("leaderboard", folder / "model", "--csv")[1]))
    assert board["weight"].sum() == pytest.approx(1)
    assert board["score"].is_monotonic_decreasing


@pytest.mark.slow
def test_a_quantity_in_parquet_is_fitted_without_messages_with_verbose_0(tmp_path, call):
    table = load_diabetes(as_frame=True).frame
    table.to_parquet(tmp_path / "diabetes.parquet")
    arguments = ["--target", "target", "--include", "ridge", "--verbose", "0", "--out", "there/model"]
    done = run("fit", "diabetes.parquet", *arguments, *QUICK, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    model, given = tmp_path / "there" / "model", tmp_path / "diabetes.parquet"
    code, _, err = call("predict", model, given, "--out", tmp_path / "p.csv")
    assert code == 0, err
    assert r2_score(table["target"], pd.read_csv(tmp_path / "p.csv")["prediction"]) > 0.4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "nowhere.csv", "--target", "target"], "no file 'nowhere.csv'"),
        (["fit", "train.csv", "--target", "targets"], "no column 'targets'; it has 'target'"),
        (["fit", "train.csv", "--target", "target", "--time-budget", "-1"], "--time-budget must be"),
        (["fit", "train.csv", "--target", "target", "--scoring", "roc_auk"], "roc_auc"),
        (["fit", "train.csv", "--target", "target", "--include", "random_forrest"], "random_forest"),
        (["fit", "train.csv", "--target", "target", "--include", "extra_tree", "--include", "sgd"], "extra_trees"),
        (["fit", "train.csv", "--target", "target", "--out", "."], "not a saved model"),
        (["fit", "train.csv", "--target", "target", "--task", "regression"], "use --task classification for labels"),
        (["fit", "train.docx", "--target", "target"], "does not say its format"),
        (["fit", "empty.csv", "--target", "target"], "'empty.csv' cannot be read as csv"),
        (["fit", "text.parquet", "--target", "target"], "'text.parquet' cannot be read as parquet"),
        (["predict", "nothing", "test.csv"], "no saved model"),
        (["predict", "model", "narrow.csv"], "'narrow.csv' lacks columns of the training table: 'mean radius'; add"),
        (["predict", "model", "test.csv", "--out", "answer.docx"], "does not say its format"),
        (["predict", "model", "test.csv", "--out", "missing/answer.csv"], "there is no folder 'missing'"),
        (["leaderboard", "nothing"], "no saved model"),
        (["predict", "test.csv", "model"], "'test.csv' holds no saved model: it is a file"),
    ],
)
def test_an_error_that_the_user_can_fix_is_one_line_and_exit_code_2(cancer, monkeypatch, call, arguments, message):
    folder, _ = cancer
    (folder / "empty.csv").touch()
    (folder / "text.parquet").write_text("no parquet")
    pd.read_csv(folder / "test.csv").drop(columns="mean radius").to_csv(folder / "narrow.csv", index=False)
    monkeypatch.chdir(folder)
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    *notes, error = err.splitlines()
    assert error.startswith("automl: ")
    assert message in error
    assert all(note.startswith("automl: ") for note in notes)


def test_another_version_of_a_library_is_one_line_on_standard_error(cancer, tmp_path, call):
    folder, _ = cancer
    model = shutil.copytree(folder / "model", tmp_path / "model")
    edit_manifest(model, lambda manifest: manifest["versions"].update({"scikit-learn": "0.1"}))
    for command in (["predict", model, folder / "test.csv"], ["leaderboard", model]):
        code, _, err = call(*command)
        assert code == 0
        assert err.startswith("automl: note: ")
        assert "scikit-learn 0.1" in err
        assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        ("fit", "--seed", "-1"),
        ("fit", "--max-trials", "0"),
        ("benchmark", "--seed", "-1"),
        ("benchmark", "--seed", str(2**32)),
    ],
)
def test_a_number_out_of_range_names_the_option_as_it_was_typed(call, command, option, value):
    code, out, err = call(command, "table.csv", "--target", "target", option, value)
    assert (code, out) == (2, "")
    assert f"Invalid value for '{option}'" in err


def test_the_help_of_no_command_cuts_a_word_on_a_narrow_terminal(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    cut = []
    for command in commands_of(typer.main.get_command(app)):
        _, out, _ = call(*command, "--help")
        cut += [(*command, line) for line in out.splitlines() if "…" in line]
    assert cut == []


def commands_of(command, names=()):
    """The words of each command, of groups of commands, too."""
    yield names
    for name, further in getattr(command, "commands", {}).items():
        yield from commands_of(further, (*names, name))


@pytest.mark.slow
def test_an_error_leaves_no_traceback_in_the_shell(cancer):
    folder, _ = cancer
    done = run("predict", "nothing", "test.csv", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("automl: '")
    assert "nothing' holds no saved model" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_version_is_that_of_the_distribution(call):
    assert automl.__version__ == importlib.metadata.version("cash-automl")
    assert call("--version") == (0, f"automl {automl.__version__}\n", "")


def test_the_module_shows_the_version_without_loading_a_library_for_tables():
    code = "import sys, automl; print(automl.__version__, {'pandas', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"{automl.__version__} set()\n"
    assert run("--version", cwd=None).stdout == f"automl {automl.__version__}\n"


def test_the_version_of_a_source_that_is_not_installed_is_unknown(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert automl.__version__ == "0+unknown"


def test_a_missing_option_is_named(call):
    code, _, err = call("fit", "train.csv")
    assert code == 2
    assert "--target" in err


def test_the_space_is_joint_and_large(call):
    code, out, err = call("space", "--json")
    assert code == 0, err
    size = json.loads(out)
    assert size["n_hyperparameters"] > 100
    assert size["n_families"] == len(size["families"]) == len(set(size["families"])) >= 12


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_space_of_each_kind_of_table_in_words(call, task):
    code, out, _ = call("space", "--task", task)
    assert code == 0
    head, *families = out.split("\n")
    assert int(head.split()[0]) > 100
    assert {"  lightgbm", "  realmlp"} <= set(families)


@pytest.mark.parametrize(("row", "sign"), [("1,5", ","), ("1.5", ".")])
def test_a_table_with_semicolons_is_read_with_its_decimal_sign(tmp_path, row, sign):
    (tmp_path / "t.csv").write_text(f"age;city\n{row};Rome\n{row};Oslo, Norway\n")
    assert read_table(tmp_path / "t.csv").to_dict("list") == {"age": [1.5, 1.5], "city": ["Rome", "Oslo, Norway"]}


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv", "T.CSV", "t.parquet", "a.b.pq", "t.arrow", "t.jsonl"])
def test_tables_come_back_as_they_were_written(tmp_path, name):
    table = pd.DataFrame({"number": [1.5, None], "word": ["a,b\tc", "ü"]})
    write_table(table, tmp_path / name)
    pd.testing.assert_frame_equal(read_table(tmp_path / name), table)


def test_a_file_without_a_known_ending_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match=r"use the extension \.csv"):
        write_table(pd.DataFrame(), tmp_path / "table")


def test_options_name_the_kinds_of_columns(tmp_path, call):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"code": rng.integers(0, 5, 90), "a": rng.normal(size=90), "b": 1.5 * np.arange(90)})
    table["note"], table["y"] = [f"red {i} green" for i in range(90)], rng.normal(size=90)
    table.to_csv(tmp_path / "t.csv", index=False)
    options = ["--categorical", "code", "--drop", "a,b", "--text", "note", "--include", "ridge", "--task", "regression"]
    fit = ["fit", tmp_path / "t.csv", "--target", "y", *QUICK, "--out", tmp_path / "model"]
    code, _, err = call(*fit, *options)
    assert code == 0, err
    kinds = automl.load(tmp_path / "model").columns_["kind"].tolist()
    assert kinds == ["category", "drop", "drop", "text"]
    code, _, err = call(*fit, "--drop", "a", "--text", "a")
    assert (code, "another option names this column" in err) == (2, True)
    code, _, err = call(*fit, "--drop", "cod")
    assert (code, "--drop: '" in err and "has no feature 'cod'; it has 'code'" in err) == (2, True)
