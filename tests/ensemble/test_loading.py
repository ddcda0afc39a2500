"""Tests of the reading of fold models: the clock of the fit includes it, and nothing is imported without need."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from automl import AutoMLClassifier
from automl.ensemble.loading import ModelLoader
from automl.ensemble.selection import Member
from automl.search.budget import Budget
from automl.task.prepare import TrainingData, prepare
from automl.task.settings import TaskSettings
from automl.trials.artifacts import Artifacts
from automl.trials.history import RunHistory
from automl.trials.run_directory import RunDirectory
from tests.factories import FAST

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 4))
Y = (X[:, 0] + X[:, 1] * X[:, 2] + 0.5 * rng.normal(size=300) > 0).astype(int)
HEAVY = ["torch", "catboost", "xgboost", "lightgbm"]


@pytest.mark.slow
@pytest.mark.alone
def test_fit_ends_in_time_although_models_are_read_slowly(monkeypatch):
    read = Artifacts.model

    def read_slowly(self, configuration, fold):
        time.sleep(0.3)
        return read(self, configuration, fold)

    monkeypatch.setattr(Artifacts, "model", read_slowly)
    started = time.monotonic()
    clf = AutoMLClassifier(time_budget=15, exclude=["realmlp", "tabm", "resnet"], random_state=0, verbose=0).fit(X, Y)
    assert time.monotonic() - started < 16
    assert clf.predict_proba(X).shape == (300, 2)


def test_models_that_take_no_time_to_read_are_read_after_the_deadline_too(tmp_path):
    settings = {**FAST, "include": ["decision_tree"], "max_trials": 1, "cv": 5, "store": tmp_path / "run"}
    AutoMLClassifier(**settings).fit(X, Y)
    prepared = prepare(TrainingData(X, Y, None, None), TaskSettings(cv=5), classification=True)
    history, artifacts = RunHistory(RunDirectory(tmp_path / "run").read()), Artifacts(tmp_path / "run")
    loader = ModelLoader(artifacts, prepared.task, Budget(60.0), 25, 0)
    members = [Member(evaluation, 1.0) for evaluation in history.evaluations.values()]
    (bag,) = loader.load(members, deadline=time.monotonic() - 1)
    assert len(bag.models) == 5


def test_a_model_that_cannot_be_read_in_time_is_left_out_for_one_that_can(tmp_path, monkeypatch):
    settings = {**FAST, "include": ["decision_tree"], "max_trials": 2, "cv": 2, "store": tmp_path / "run"}
    AutoMLClassifier(**settings).fit(X, Y)
    prepared = prepare(TrainingData(X, Y, None, None), TaskSettings(cv=2), classification=True)
    history, artifacts = RunHistory(RunDirectory(tmp_path / "run").read()), Artifacts(tmp_path / "run")
    heavy, light = history.evaluations.values()
    monkeypatch.setattr(Artifacts, "model_bytes", lambda self, c, fold: 10**10 if c == heavy.configuration else 10**4)
    loader = ModelLoader(artifacts, prepared.task, Budget(60.0), 25, 0)
    members = [Member(heavy, 0.9), Member(light, 0.1)]
    (bag,) = loader.load(members, deadline=time.monotonic() + 5)
    assert (bag.configuration, bag.weight, len(bag.models)) == (light.configuration, 1.0, len(light.folds))


def test_the_members_of_a_later_session_are_chosen_by_the_seconds_of_this_session(tmp_path):
    settings = {**FAST, "include": ["decision_tree"], "max_trials": 1, "cv": 2, "store": tmp_path / "run"}
    AutoMLClassifier(**settings).fit(X, Y)
    prepared = prepare(TrainingData(X, Y, None, None), TaskSettings(cv=2), classification=True)
    history, chosen = RunHistory(RunDirectory(tmp_path / "run").read()), []
    for used in (3_610.0, 3_850.0):
        budget = Budget(3_900.0, started=time.monotonic() - used, earlier=3_600.0)
        loader = ModelLoader(Artifacts(tmp_path / "run"), prepared.task, budget, 25, 0, chosen.append)
        loader.add(history)
        loader.finish()
        assert len(chosen) == (used > 3_700)


_FIT = """
import json, sys, tempfile
import numpy as np
from automl import AutoMLClassifier
X = np.random.default_rng(0).normal(size=(200, 4))
clf = AutoMLClassifier(time_budget=None, max_trials=3, include={include}, n_jobs=1, cv=2, verbose=0, random_state=0)
clf.fit(X, (X[:, 0] > 0).astype(int))
clf.save({folder!r})
print(json.dumps(sorted(sys.modules)))
"""
_LOAD = """
import json, sys
import numpy as np
from automl import load
load({folder!r}).predict(np.zeros((3, 4)))
print(json.dumps(sorted(sys.modules)))
"""


def _modules(code):
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(process.stdout.splitlines()[-1]))


@pytest.mark.slow
def test_only_libraries_that_the_members_need_are_imported(tmp_path):
    folder = str(tmp_path / "model")
    fitted = _modules(_FIT.format(include=["logistic_regression", "decision_tree"], folder=folder))
    assert not fitted & set(HEAVY)
    assert not _modules(_LOAD.format(folder=folder)) & set(HEAVY)


@pytest.mark.slow
def test_a_fit_imports_the_libraries_of_its_members_itself(tmp_path):
    fitted = _modules(_FIT.format(include=["lightgbm"], folder=str(tmp_path / "model")))
    assert fitted & set(HEAVY) == {"lightgbm"}
