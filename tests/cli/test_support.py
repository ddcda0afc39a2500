"""What the commands have in common."""

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
