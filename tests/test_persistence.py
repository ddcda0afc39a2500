"""A saved model survives kills, and a model of another format is refused in one message."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from automl import AutoMLClassifier, load
from automl.errors import InvalidInputError
from tests.factories import FAST


def _fitted():
    X, y = load_breast_cancer(return_X_y=True)
    X_train, X_test, y_train, _ = train_test_split(X, y, random_state=0)
    return AutoMLClassifier(**FAST | {"max_trials": 1}).fit(X_train, y_train), X_test


def test_a_model_of_another_format_is_refused_in_one_message(tmp_path):
    _fitted()[0].save(tmp_path)
    about = json.loads((tmp_path / "about.json").read_text())
    (tmp_path / "model.pkl").write_bytes(b"not read")
    for number, advice in ((about["format"] - 1, "older version.*load it with that version"), (99, "newer.*upgrade")):
        (tmp_path / "about.json").write_text(json.dumps(about | {"format": number}))
        with pytest.raises(InvalidInputError, match=advice):
            load(tmp_path)


# Kills the process at the n-th change of names on the disk, which is where a replacement can be torn.
KILLED_AT = """
import os, pickle, sys
from automl import load
path, n = sys.argv[1], int(sys.argv[2])
clf = load(path)
seen = 0

def kill(event, arguments):
    global seen
    if event in {"os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}:
        seen += 1
        if seen == n:
            os._exit(9)

sys.addaudithook(kill)
clf.save(path)
os._exit(0)
"""


def test_a_save_that_is_killed_at_any_moment_loses_no_model(tmp_path):
    clf, X_test = _fitted()
    clf.save(tmp_path / "model")
    codes = []
    while 0 not in codes and len(codes) < 20:
        command = [sys.executable, "-c", KILLED_AT, str(tmp_path / "model"), str(len(codes) + 1)]
        codes.append(subprocess.run(command, check=False).returncode)
        assert np.array_equal(load(tmp_path / "model").predict(X_test), clf.predict(X_test))
    assert codes[-1] == 0
    assert set(codes[:-1]) == {9}


@pytest.mark.parametrize("path", ["missing", "x" * 300, "null\0character"])
def test_a_path_that_holds_no_model_is_one_error(path):
    with pytest.raises(InvalidInputError, match=r"there is no such folder|cannot be read"):
        load(path)


@pytest.mark.parametrize("store", ["x" * 300, "null\0character"])
def test_a_run_directory_that_cannot_exist_is_one_error(store):
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.raises(InvalidInputError, match=r"cannot be used|cannot be read"):
        AutoMLClassifier(**FAST, store=store).fit(X, y)
