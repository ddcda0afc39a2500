"""What the commands have in common: the loading of a model, and options that need another option."""

from __future__ import annotations

import pytest
from sklearn.tree import DecisionTreeClassifier

from automl.cli.support import messages_on_stderr
from automl.persistence.saving import save
from automl.table_files.reading import read_table

COMMANDS = {
    "predict": ("new.csv",),
    "score": ("new.csv",),
    "drift": ("new.csv",),
    "retune": ("new.csv",),
    "refit": ("--out", "new"),
    "package": ("--out", "image"),
    "export": ("--python",),
    "leaderboard": (),
    "report": (),
    "serve": (),
    "slim": (),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_model_of_another_library_is_one_line(call, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.csv").write_text("a,target\n1,0\n2,1\n")
    save(DecisionTreeClassifier().fit([[1], [2]], [0, 1]), tmp_path / "tree")
    code, out, err = call(command, "tree", *COMMANDS[command])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "'tree' holds an estimator of another library" in err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("slim model --megabytes 0.001", "--megabytes needs --out"),
        ("slim model --milliseconds 0", "--milliseconds needs --out"),
        ("slim model --max-loss 0.1", "--max-loss needs --out"),
        ("slim model --row 0", "--row needs --out"),
        ("leaderboard model --target label", "--target needs --test"),
        ("leaderboard model --sheet 1", "--sheet needs --test"),
        ("refit model --out new --time day", "--time needs --train"),
        ("refit model --out new --separator ;", "--separator needs --train"),
        ("refit model --out new --encoding cp1252", "--encoding needs --train"),
        ("report model --target label", "--target needs --train or --test"),
        ("report model --decimal ,", "--decimal needs --train or --test"),
        ("retune model new.csv --rows", "--rows needs --out"),
        ("export model --optuna study.log --out pipeline.py", "--out needs --python"),
        ("export model --python --study name", "--study needs --optuna"),
    ],
)
def test_an_option_that_would_do_nothing_names_the_option_that_it_needs(call, command, message):
    code, out, err = call(*command.split())
    assert (code, out) == (2, "")
    assert err.startswith(f"automl: {message}, ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("fit t.csv --target y --out new --sheet 2", "--sheet is for Excel files, but 't.csv' is none"),
        ("advise t.jsonl --target y --sheet 2", "--sheet is for Excel files, but 't.jsonl' is none"),
        ("predict model t.parquet --sheet 2", "--sheet is for Excel files, but 't.parquet' is none"),
        ("score model t.csv.gz --sheet 2", "--sheet is for Excel files, but 't.csv.gz' is none"),
        ("report model --out r.html --test t.csv --sheet 2", "--sheet is for Excel files, but 't.csv' is none"),
        ("leaderboard model --test t.csv --sheet 2", "--sheet is for Excel files, but 't.csv' is none"),
        ("drift model t.csv --sheet 2", "--sheet is for Excel files, but 't.csv' is none"),
        ("refit model --out new --train t.csv --target y --sheet 2", "--sheet is for Excel files, but 't.csv' is none"),
        ("retune model t.csv --old u.csv --sheet 2", "--sheet is for Excel files, but none of the files is one"),
        ("benchmark t.csv u.csv --target y --sheet 2", "--sheet is for Excel files, but none of the files is one"),
        ("predict model . --separator ;", "--separator is for text files such as CSV files, but '.' is none"),
        ("predict model t.xlsx --decimal ,", "--decimal is for text files such as CSV files, but 't.xlsx' is none"),
        ("predict model t.feather --encoding utf-8", "--encoding is for text files such as CSV files, but "),
    ],
)
def test_an_option_about_files_of_another_format_is_refused(call, tmp_path, monkeypatch, command, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(*command.split())
    assert (code, out) == (2, "")
    assert message in err
    assert err.endswith("; leave it out\n")


def test_an_option_about_one_of_two_files_is_used(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = call("fit", "t.csv", "--validation", "v.xlsx", "--target", "y", "--out", "new", "--sheet", "2")
    assert (code, err) == (2, "automl: there is no file 't.csv'; check the path\n")


def test_an_impossible_separator_without_a_table_is_refused(call):
    code, _, err = call("refit", "model", "--out", "new", "--separator", ";;;")
    assert code == 2
    assert "--separator" in err


def test_a_line_about_a_file_that_is_read_twice_is_written_once(tmp_path, capsys):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes("name,n\nRené,1\nZoë,2\n".encode("cp1252"))
    with messages_on_stderr(1):
        for name in ("a.csv", "a.csv", "b.csv"):
            read_table(tmp_path / name)
    assert capsys.readouterr().err.count("is read as Windows-1252") == 2
