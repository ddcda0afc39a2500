"""Nested cross-validation with a fold store, which goes on where it stopped."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

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


def test_a_folder_on_a_file_system_without_locks_is_used(tmp_path, monkeypatch):
    def no_locks(*args):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    assert nested({"tree": tree()}, store=tmp_path).scores["score"].notna().all()


@pytest.mark.slow
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
        file.write('{"estimator": "tree", "fo')  # a kill in the middle of writing leaves half a line
    r = nested({"tree": tree(), "dummy": DummyClassifier()}, store=store, random_state=None)
    kept = r.scores.query("estimator == 'tree'")
    assert list(kept["score"][:2]) == [line["scores"]["accuracy"] for line in before if line["estimator"] == "tree"]
    assert kept["score"].notna().all()


def test_an_interruption_keeps_the_finished_folds(tmp_path, monkeypatch, seen):
    def predict(self, X):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "predict", predict)
        with pytest.raises(KeyboardInterrupt):
            nested({"tree": tree(), "w": Recorder()}, store=tmp_path)
    assert [line["estimator"] for line in lines(tmp_path)] == ["tree"]
    nested({"tree": tree(), "w": Recorder()}, store=tmp_path)
    assert len(lines(tmp_path)) == 6


def test_a_fold_that_failed_runs_again(tmp_path, seen):
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


def test_another_number_of_jobs_is_the_same_estimator(tmp_path):
    nested({"knn": KNeighborsClassifier(n_jobs=1)}, store=tmp_path)
    nested({"knn": KNeighborsClassifier(n_jobs=2)}, store=tmp_path)
    assert len(lines(tmp_path)) == 3


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"data": (IRIS[0] + 1, IRIS[1])}, "other table"),
        ({"data": (IRIS[0], IRIS[1][::-1])}, "other table"),
        ({"data": (pd.DataFrame(IRIS[0]).rename(columns={0: 9}), IRIS[1])}, "other table"),
        ({"sample_weight": np.arange(150.0)}, "other table"),
        ({"outer_cv": 4}, "other outer folds"),
        ({"scoring": "f1_macro"}, "other metrics"),
        ({"random_state": 1}, r"another seed \(random_state\)"),
        ({"estimators": {"tree": tree(criterion="entropy")}}, "other settings of estimator 'tree'"),
        ({"estimators": {"tree": GaussianNB()}}, "other settings of estimator 'tree'"),
    ],
)
def test_a_store_of_another_run_is_refused(tmp_path, changed, message):
    base = {"estimators": {"tree": tree()}, "data": (pd.DataFrame(IRIS[0]), IRIS[1])}
    nested(**base, store=tmp_path)
    with pytest.raises(InvalidInputError, match=f"{message}.*repeat that call, or name a new folder"):
        nested(**(base | changed), store=tmp_path)


def share_of_errors(y_true, y_predicted):
    return float(np.mean(y_true != y_predicted))


def number_of_rows(estimator, X, y):
    return float(len(y))


@pytest.mark.parametrize(
    "scorer", ["balanced_accuracy", number_of_rows, make_scorer(share_of_errors), make_scorer(accuracy_score)]
)
def test_another_metric_of_the_same_name_is_refused(tmp_path, scorer):
    def share_of_errors(y_true, y_predicted):
        return -float(np.mean(y_true != y_predicted))

    nested({"tree": tree()}, scoring={"quality": make_scorer(share_of_errors)}, store=tmp_path)
    nested({"tree": tree()}, scoring={"quality": make_scorer(share_of_errors)}, store=tmp_path)
    with pytest.raises(InvalidInputError, match="other metrics"):
        nested({"tree": tree()}, scoring={"quality": scorer}, store=tmp_path)


def test_a_refusal_names_the_version_of_python_that_compiled_the_functions_in_another_way(tmp_path):
    scoring = {"quality": make_scorer(share_of_errors)}
    nested({"tree": tree()}, scoring=scoring, store=tmp_path)
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert json.loads((tmp_path / "about.json").read_text())["python"] == here
    change_about(tmp_path, python="3.9", metrics={"quality": "0123456789abcdef"})
    message = (
        rf"metrics \(it was made with Python 3\.9, and Python {here} compiles.*continue with Python 3\.9\); repeat"
    )
    with pytest.raises(InvalidInputError, match=message):
        nested({"tree": tree()}, scoring=scoring, store=tmp_path)
    change_about(tmp_path, python=None)
    with pytest.raises(InvalidInputError, match="other metrics; repeat"):
        nested({"tree": tree()}, scoring=scoring, store=tmp_path)


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InvalidInputError, match="holds other files, such as 'thesis"):
        nested({"tree": tree()}, store=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


# --- two calls at once


class Waiter(DecisionTreeClassifier):
    """A tree whose first fit waits until the test lets it go on."""

    started, released = threading.Event(), threading.Event()

    def fit(self, X, y):
        Waiter.started.set()
        assert Waiter.released.wait(60)
        return super().fit(X, y)


def test_a_second_call_at_the_same_time_is_refused_and_the_first_one_keeps_all_its_results(tmp_path):
    Waiter.started.clear()
    Waiter.released.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(nested, {"waiter": Waiter()}, store=tmp_path / "run", random_state=None)
        try:
            assert Waiter.started.wait(60)
            with pytest.raises(InvalidInputError, match=r"another call.*wait until it has ended, or name a new folder"):
                nested({"tree": tree()}, store=tmp_path / "run", random_state=None)
        finally:
            Waiter.released.set()
        assert first.result().scores["score"].notna().all()
    assert [line["estimator"] for line in lines(tmp_path / "run")] == ["waiter"] * 3
    nested({"tree": tree(), "waiter": Waiter()}, store=tmp_path / "run", random_state=None)
    assert len(lines(tmp_path / "run")) == 6


# --- after a kill or a full disk, and in a folder of another program


@pytest.mark.parametrize("left", [["folds.jsonl"], ["folds.jsonl", ".about.json.0123abcd.partial"], [".lock"]])
def test_a_folder_that_a_killed_call_had_only_begun_is_used(tmp_path, left):
    for name in left:
        (tmp_path / name).touch()
    assert nested({"tree": tree()}, store=tmp_path).scores["score"].notna().all()
    assert len(lines(tmp_path)) == 3


@pytest.mark.parametrize(
    "damage",
    [
        b"\x00" * 40 + b"\n",  # a power cut may leave this
        b"\xff\xfe\n",
        b"null\n",
        b'{"estimator": "tree", "fold": 0}\n',
        b'{"estimator": "tree", "fold": 0, "scores": {}, "reasons": {}, "fit_seconds": 1.0, "score_seconds": 1.0}\n',
        b'["fingerprint"]\n',
        b'{"estimator": ["w"], "fold": 0, "scores": {}, "reasons": {}, "fit_seconds": 1, "score_seconds": 1, '
        b'"fingerprint": ""}\n',
    ],
)
def test_a_damaged_line_costs_no_other_line(tmp_path, seen, damage):
    before = nested({"w": Recorder()}, store=tmp_path)
    file = tmp_path / "folds.jsonl"
    first, *others = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + damage + b"".join(others))
    after = nested({"w": Recorder()}, store=tmp_path)
    assert len(seen) == 3
    pd.testing.assert_frame_equal(before.scores, after.scores)


def test_a_line_without_the_score_of_a_metric_is_measured_again(tmp_path, seen):
    nested({"w": Recorder()}, store=tmp_path)
    file = tmp_path / "folds.jsonl"
    first, *others = file.read_text().splitlines(keepends=True)
    file.write_text("".join([json.dumps(json.loads(first) | {"scores": {}}) + "\n", *others]))
    assert nested({"w": Recorder()}, store=tmp_path).scores["score"].notna().all()
    assert len(seen) == 4


def test_a_removed_list_of_folds_is_begun_again(tmp_path):
    nested({"tree": tree()}, store=tmp_path)
    (tmp_path / "folds.jsonl").unlink()
    assert nested({"tree": tree()}, store=tmp_path).scores["score"].notna().all()
    assert len(lines(tmp_path)) == 3


def write_about(folder, text):
    (folder / "about.json").write_text(text)


def change_about(folder, **changed):
    about = json.loads((folder / "about.json").read_text()) | changed
    write_about(folder, json.dumps({name: value for name, value in about.items() if value is not None}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: write_about(folder, "{"), "about.json.* is damaged"),
        (lambda folder: write_about(folder, "[]"), "about.json.* is damaged"),
        (lambda folder: write_about(folder, '{"name": "a robot"}'), "about.json.* is damaged"),
        (lambda folder: change_about(folder, seed=None), "about.json.* is damaged"),
        (lambda folder: change_about(folder, seed="zero"), "about.json.* is damaged"),
        (lambda folder: change_about(folder, format=None), "an older version of automl"),
        (lambda folder: change_about(folder, format=99), "a newer version of automl"),
        (lambda folder: (folder / "about.json").unlink(), "has lost its file about.json"),
        (lambda folder: [(folder / "folds.jsonl").unlink(), (folder / "folds.jsonl").mkdir()], "cannot be read"),
    ],
)
def test_a_damaged_or_foreign_fold_store_is_one_error_and_stays_as_it_is(tmp_path, seen, change, message):
    nested({"w": Recorder()}, store=tmp_path)
    change(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(InvalidInputError, match=f"store '.*{message}.*name a new folder"):
        nested({"w": Recorder()}, store=tmp_path, random_state=None)
    assert len(seen) == 3
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_a_full_disk_is_one_error_and_keeps_the_folds_before(tmp_path, monkeypatch, seen):
    def full(descriptor):
        if len(seen) == 2:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InvalidInputError, match=r"No space left.*make space on the disk and repeat the call"):
            nested({"w": Recorder()}, store=tmp_path)
    assert nested({"w": Recorder()}, store=tmp_path).scores["score"].notna().all()
    assert len(seen) in (3, 4)


@pytest.mark.parametrize("store", [5, b"run", ["run"]])
def test_a_store_that_is_no_path_is_refused(seen, store):
    with pytest.raises(InvalidInputError, match="store must be a path"):
        nested({"w": Recorder()}, store=store)
    assert seen == []
