"""Nested cross-validation with a fold store: it goes on where it stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

import automl
from automl.errors import FoldFailedWarning, InvalidInputError
from tests.comparison.estimators import IRIS, Recorder, nested, tree


def lines(store):
    return [json.loads(line) for line in (Path(store) / "folds.jsonl").read_text().splitlines()]


def test_a_second_call_repeats_nothing_and_has_the_same_scores(tmp_path, seen):
    first = nested({"w": Recorder(), "tree": tree()}, store=tmp_path / "run", random_state=None)
    n_fits = len(seen)
    second = nested({"w": Recorder(), "tree": tree()}, store=tmp_path / "run", random_state=None)
    assert len(seen) == n_fits == 3
    pd.testing.assert_frame_equal(first.scores, second.scores)


def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    store = tmp_path / "run"
    code = """
import os, signal
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier
from automl import nested_cross_validate
class Killer(DecisionTreeClassifier):
    def fit(self, X, y):
        if len(open("run/folds.jsonl").readlines()) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(X, y)
contenders = {"tree": DecisionTreeClassifier(max_depth=2), "killer": Killer()}
nested_cross_validate(contenders, *load_iris(return_X_y=True), outer_cv=3, scoring="accuracy", store="run")
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(automl.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], timeout=300, env=environment, check=False, cwd=tmp_path)
    assert done.returncode == -9
    before = lines(store)
    assert [(line["estimator"], line["fold"]) for line in before] == [("tree", 0), ("killer", 0), ("tree", 1)]
    with (store / "folds.jsonl").open("a") as file:
        file.write('{"estimator": "tree", "fo')  # what a kill in the middle of writing leaves
    r = nested({"tree": tree(), "dummy": DummyClassifier()}, store=store, random_state=None)
    kept = r.scores.query("estimator == 'tree'")
    assert list(kept["score"][:2]) == [line["scores"]["accuracy"] for line in before if line["estimator"] == "tree"]
    assert kept["score"].notna().all()


def test_an_interruption_keeps_what_is_finished(tmp_path, monkeypatch, seen):
    def predict(self, X):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "predict", predict)
        with pytest.raises(KeyboardInterrupt):
            nested({"tree": tree(), "w": Recorder()}, store=tmp_path)
    assert [line["estimator"] for line in lines(tmp_path)] == ["tree"]
    nested({"tree": tree(), "w": Recorder()}, store=tmp_path)
    assert len(lines(tmp_path)) == 6


def test_what_failed_is_tried_again(tmp_path, seen):
    with pytest.warns(FoldFailedWarning):
        nested({"w": Recorder(fail_on=(2,))}, store=tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = nested({"w": Recorder(fail_on=(2,))}, store=tmp_path)
    assert len(seen) == 4
    assert again.scores["score"].notna().all()


def test_estimators_can_be_added_to_a_stored_run(tmp_path, seen):
    nested({"w": Recorder()}, store=tmp_path)
    r = nested({"w": Recorder(), "nb": GaussianNB()}, store=tmp_path)
    assert len(seen) == 3
    assert len(r.scores) == 6


def test_a_changed_number_of_jobs_is_no_other_estimator(tmp_path):
    nested({"knn": KNeighborsClassifier(n_jobs=1)}, store=tmp_path)
    nested({"knn": KNeighborsClassifier(n_jobs=2)}, store=tmp_path)
    assert len(lines(tmp_path)) == 3


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"data": (IRIS[0] + 1, IRIS[1])}, "other table"),
        ({"data": (IRIS[0], IRIS[1][::-1])}, "other table"),
        ({"data": (pd.DataFrame(IRIS[0]).rename(columns={0: 9}), IRIS[1])}, "other table"),
        ({"sample_weight": np.arange(150.0)}, "other table"),
        ({"outer_cv": 4}, "other outer folds"),
        ({"scoring": "f1_macro"}, "other metrics"),
        ({"random_state": 1}, "another random_state"),
        ({"estimators": {"tree": tree(criterion="entropy")}}, "other settings of estimator 'tree'"),
        ({"estimators": {"tree": GaussianNB()}}, "other settings of estimator 'tree'"),
    ],
)
def test_a_store_of_another_run_is_refused(tmp_path, changed, said):
    base = {"estimators": {"tree": tree()}, "data": (pd.DataFrame(IRIS[0]), IRIS[1])}
    nested(**base, store=tmp_path)
    with pytest.raises(InvalidInputError, match=f"{said}.*repeat that call, or name a new folder"):
        nested(**(base | changed), store=tmp_path)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(InvalidInputError, match="holds something else"):
        nested({"tree": tree()}, store=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
