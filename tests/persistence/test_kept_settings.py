"""What the user sets of an estimator is found again in the models that are made of it."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest

import automl
from automl import AutoMLClassifier

RNG = np.random.default_rng(0)
X = pd.DataFrame({"a": RNG.normal(size=120), "b": RNG.normal(size=120)})
Y = np.where(X["a"] + RNG.normal(size=120) > 0, "yes", "no")
# A value of each parameter that is not its default.
GIVEN = {
    "time_budget": None,
    "max_trials": 1,
    "max_processor_seconds": 1_000.0,
    "scoring": "accuracy",
    "positive_label": "no",
    "objectives": ["score", "milliseconds"],
    "cv": 2,
    "n_jobs": 1,
    "memory_limit": 8_000.0,
    "trial_time_limit": 60.0,
    "device": "cpu",
    "include": ["decision_tree"],
    "exclude": ["k_nearest_neighbors"],
    "initial_configurations": "default",
    "without": ["iris"],
    "searcher": "random",
    "ensemble_size": 2,
    "max_predict_milliseconds": 10_000.0,
    "max_model_megabytes": 100.0,
    "guard": 0.2,
    "columns": {"a": "number"},
    "monotonic": {"a": 1},
    "noisy_labels": True,
    "random_state": 7,
    "verbose": 0,
}
# `energy` needs an extra, `executor` a cluster; `callbacks` are not kept; other tests have own spaces and components.
ELSEWHERE = {"energy", "executor", "callbacks", "space", "components", "store"}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    clf = AutoMLClassifier(**GIVEN, store=tmp_path_factory.mktemp("run"))
    clf.warn_of_drift = True
    return clf.fit(X, Y)


def _saved(clf, folder):
    clf.save(folder)
    return automl.load(folder)


WAYS = {
    "run directory": lambda clf, folder: automl.load(clf.store),
    "run directory for prediction": lambda clf, folder: automl.load(clf.store, for_prediction=True),
    "save and load": _saved,
    "refit": lambda clf, folder: clf.refit(),
    "retune": lambda clf, folder: clf.retune(X, Y, seconds=None, max_trials=1),
}


def test_each_parameter_has_a_value_here():
    defaults = {name: p.default for name, p in inspect.signature(AutoMLClassifier).parameters.items()}
    assert defaults.keys() - ELSEWHERE == GIVEN.keys()
    assert not [name for name, value in GIVEN.items() if value == defaults[name]]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("way", WAYS)
def test_a_model_has_the_settings_of_the_estimator_that_it_is_made_of(fitted, way, tmp_path):
    model = WAYS[way](fitted, tmp_path)
    assert {name: getattr(model, name) for name in GIVEN} == GIVEN
    assert model.warn_of_drift
