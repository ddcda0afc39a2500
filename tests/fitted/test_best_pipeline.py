"""The best pipeline shows its configuration as long as the configuration is true, and works inside scikit-learn."""

from __future__ import annotations

import pickle
from functools import cache

import numpy as np
import pytest
from sklearn import clone
from sklearn.ensemble import StackingClassifier, VotingClassifier, VotingRegressor
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVR

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.persistence import save
from automl.task.trusted import TRUSTED
from pipelines import storage
from tests.factories import FAST

X = np.random.default_rng(0).normal(size=(60, 2))


@cache
def fitted():
    return AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}).fit(X, X[:, 0]).best_pipeline_


CHANGES = {
    "no reader": lambda pipeline: pipeline.set_params(table="passthrough"),
    "another model": lambda pipeline: pipeline.set_params(model=SVR()),
    "another parameter": lambda pipeline: pipeline.set_params(model__regressor__alpha=0.123),
    "a parameter of a step": lambda pipeline: pipeline["model"].set_params(regressor__alpha=0.123),
    "a part of a step": lambda pipeline: pipeline["model"].set_params(regressor=SVR()),
    "a step more": lambda pipeline: pipeline.steps.insert(0, ("first", FunctionTransformer())),
    "a step less": lambda pipeline: pipeline.steps.pop(0),
    "another last step": lambda pipeline: pipeline.steps.__setitem__(-1, ("model", SVR())),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_pipeline_and_its_clone_show_their_steps_as_in_scikit_learn(change):
    pipeline = clone(fitted())
    CHANGES[change](pipeline)
    assert repr(pipeline).startswith("BestPipeline(steps=[(")
    assert repr(clone(pipeline)).startswith("BestPipeline(steps=[(")


def test_a_copy_with_the_same_steps_shows_its_configuration():
    pipeline = fitted()
    assert repr(pipeline).startswith("BestPipeline with the steps table, ")
    assert repr(clone(clone(pipeline))) == repr(pipeline)
    assert repr(pickle.loads(pickle.dumps(pipeline))) == repr(pipeline)
    assert repr(clone(pipeline).set_params(verbose=True)) == repr(pipeline)


@pytest.mark.parametrize(
    "outer",
    [
        lambda pipeline: Pipeline([("best", pipeline)]),
        lambda pipeline: VotingRegressor([("best", pipeline)]),
        lambda pipeline: GridSearchCV(pipeline, {"model__regressor__alpha": [1.0, 2.0]}),
    ],
)
def test_the_text_of_an_outer_estimator_holds_no_configuration(outer):
    text = repr(outer(fitted()))
    assert "BestPipeline(steps=[(" in text
    assert "onfiguration" not in text


def labels_of(n_targets):
    return np.where(X[:, :n_targets] > 0, "yes", "no").squeeze()


@cache
def of_labels(n_targets):
    model = AutoMLClassifier(**FAST | {"max_trials": 1, "include": ["decision_tree"]})
    return model.fit(X, labels_of(n_targets)).best_pipeline_


def test_estimators_that_encode_labels_can_hold_the_best_pipeline_of_a_classifier():
    labels = labels_of(1)
    for outer in (VotingClassifier, StackingClassifier):
        assert set(outer([("best", of_labels(1))]).fit(X, labels).predict(X)) <= {"no", "yes"}
    assert cross_val_predict(of_labels(1), X, labels, cv=2, method="predict_proba").shape == (60, 2)
    each = cross_val_predict(of_labels(2), X, labels_of(2), cv=2, method="predict_proba")
    assert [p.shape for p in each] == [(60, 2), (60, 2)]
    places = clone(of_labels(1)).fit(X, (labels == "yes").astype(int))
    assert set(storage.load(storage.dump(places), TRUSTED).predict(X)) == {0, 1}


@pytest.mark.parametrize("n_targets", [0, 1, 2])
def test_a_best_pipeline_can_be_saved_and_loaded(tmp_path, n_targets):
    pipeline = of_labels(n_targets) if n_targets else fitted()
    save(pipeline, tmp_path / "model")
    for again in (load(tmp_path / "model"), storage.load(storage.dump(pipeline), TRUSTED)):
        assert again.predict(X).tolist() == pipeline.predict(X).tolist()
        assert repr(clone(again)) == repr(pipeline)
