"""What the commands have in common: the loading of a model, and options that need another option."""

from __future__ import annotations

import pytest
from sklearn.tree import DecisionTreeClassifier

from automl.persistence.saving import save

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


def test_an_impossible_separator_without_a_table_is_refused(call):
    code, _, err = call("refit", "model", "--out", "new", "--separator", ";;;")
    assert code == 2
    assert "--separator" in err
