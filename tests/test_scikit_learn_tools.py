"""The estimators inside the tools of scikit-learn; small real fits."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from automl import AutoMLClassifier, AutoMLRegressor
from automl.errors import InvalidInputError
from automl.fitted.attributes import FittedAttributes
from automl.trials.artifacts import Artifacts
from tests.factories import FAST

X, CODES = load_breast_cancer(return_X_y=True, as_frame=True)
X = X.iloc[::4, :4]
Y = CODES.iloc[::4].map({0: "ill", 1: "fine"}).astype(object)
SMALL = FAST | {"max_trials": 1, "cv": 2}
WEIGHTS = np.linspace(0.1, 1.0, len(Y))


def classifier(**changed):
    return AutoMLClassifier(**SMALL | {"include": ["lda"]} | changed)


@pytest.fixture(scope="module")
def clf():
    return classifier().fit(X, Y)


def test_a_fitted_classifier_can_be_wrapped_without_another_fit(clf):
    frozen = FrozenEstimator(clf)
    calibrated = CalibratedClassifierCV(frozen).fit(X, Y)
    assert calibrated.score(X, Y) > 0.8
    fixed = FixedThresholdClassifier(frozen, threshold=0.9, pos_label="ill").fit(X, Y)
    assert ((fixed.predict(X) == "ill") == (clf.predict_proba(X)[:, 1] >= 0.9)).all()
    tuned = TunedThresholdClassifierCV(clf, cv="prefit", refit=False).fit(X, Y)
    assert 0 < tuned.best_threshold_ < 1
    stacked = StackingClassifier([("automl", clf)], cv="prefit").fit(X, Y)
    assert stacked.score(X, Y) > 0.8
    voting = VotingClassifier([("automl", frozen), ("line", LogisticRegression(max_iter=9000))], voting="soft")
    assert voting.fit(X, Y).score(X, Y) > 0.8


def test_a_fitted_classifier_can_be_inspected(clf):
    importance = permutation_importance(clf, X, Y, n_repeats=2, scoring="roc_auc", random_state=0)
    assert importance.importances_mean.max() > 0
    curve = partial_dependence(clf, X, [0], grid_resolution=5)["average"]
    assert curve.shape == (1, 5)


@pytest.mark.slow
def test_a_search_and_a_pipeline_around_it():
    pipeline = make_pipeline(StandardScaler(), classifier())
    search = GridSearchCV(pipeline, {"automlclassifier__ensemble_size": [1, 2]}, cv=2, error_score="raise")
    assert search.fit(X, Y).best_score_ > 0.8
    assert search.best_estimator_.predict_proba(X).shape == (len(X), 2)
    assert not hasattr(clone(pipeline)[-1], "classes_")


@pytest.mark.parametrize("output", [pytest.param("default", marks=pytest.mark.slow), "pandas"])
def test_the_global_output_of_transformers_changes_no_prediction(clf, output):
    with config_context(transform_output=output):
        assert (classifier().fit(X, Y).predict_proba(X) == clf.predict_proba(X)).all()
        assert (clf.predict(X) == pickle.loads(pickle.dumps(clf)).predict(X)).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda: CalibratedClassifierCV(classifier(), cv=2),
        lambda: FixedThresholdClassifier(classifier(), threshold=0.4, pos_label="ill"),
        lambda: TunedThresholdClassifierCV(classifier(), cv=2),
        lambda: StackingClassifier([("automl", classifier()), ("line", LogisticRegression(max_iter=9000))], cv=2),
        lambda: VotingClassifier([("automl", classifier()), ("line", LogisticRegression(max_iter=9000))]),
        lambda: BaggingClassifier(classifier(include=["decision_tree"]), n_estimators=2, random_state=0),
    ],
    ids=["calibrated", "fixed threshold", "tuned threshold", "stacking", "voting", "bagging"],
)
def test_meta_estimators_fit_clones_of_it(make):
    assert make().fit(X, Y).score(X, Y) > 0.8


@pytest.mark.slow
def test_the_functions_of_cross_validation_fit_clones_of_it():
    assert cross_val_score(classifier(), X, Y, cv=2, n_jobs=2, error_score="raise").mean() > 0.8
    logs = cross_val_predict(classifier(), X, Y, cv=2, method="predict_log_proba")
    assert (logs <= 0).all()
    _, train, test = learning_curve(classifier(), X, Y, cv=2, train_sizes=[0.5, 1.0], error_score="raise")
    assert train.shape == test.shape == (2, 2)


def test_a_target_can_be_transformed():
    table, y = load_diabetes(return_X_y=True, as_frame=True)
    reg = AutoMLRegressor(**SMALL | {"include": ["ridge"]})
    transformed = TransformedTargetRegressor(reg, func=np.log, inverse_func=np.exp).fit(table, y)
    assert (transformed.predict(table) > 0).all()


def test_weights_and_groups_are_routed_to_fit_and_weights_to_score(monkeypatch):
    seen = []
    fit = AutoMLClassifier.fit

    def spy(self, X, y, sample_weight=None, groups=None):
        seen.append((sample_weight, groups))
        return fit(self, X, y, sample_weight=sample_weight, groups=groups)

    monkeypatch.setattr(AutoMLClassifier, "fit", spy)
    groups = np.arange(len(Y)) // 3
    with config_context(enable_metadata_routing=True):
        requesting = classifier(include=["decision_tree"]).set_fit_request(sample_weight=True, groups=True)
        pipeline = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False), requesting.set_score_request(sample_weight=True)
        )
        params = {"sample_weight": WEIGHTS, "groups": groups}
        scores = cross_validate(pipeline, X, Y, cv=GroupKFold(2), params=params, error_score="raise")
        with pytest.raises(UnsetMetadataPassedError):
            cross_validate(classifier(), X, Y, params={"sample_weight": WEIGHTS})
    assert len(scores["test_score"]) == len(seen) == 2
    folds = GroupKFold(2).split(X, Y, groups)
    for (weights, kept), (train, _) in zip(seen, folds, strict=True):
        np.testing.assert_array_equal(weights, WEIGHTS[train])
        np.testing.assert_array_equal(kept, groups[train])


def test_score_is_the_weighted_accuracy(clf):
    correct = clf.predict(X) == Y
    assert clf.score(X, Y, sample_weight=WEIGHTS) == pytest.approx(np.average(correct, weights=WEIGHTS))
    assert clf.score(X, Y) == pytest.approx(correct.mean())


def test_columns_are_found_by_their_names(clf):
    expected = clf.predict_proba(X)
    assert (clf.predict_proba(X[X.columns[::-1]]) == expected).all()
    assert (clf.predict_proba(X.assign(more=1.0)) == expected).all()
    with pytest.raises(InvalidInputError, match="The feature names should match those that were passed during fit"):
        clf.predict(X.rename(columns={X.columns[0]: "other"}))
    with pytest.raises(InvalidInputError, match="yet now missing"):
        clf.predict(X.iloc[:, :3])
    with pytest.warns(UserWarning, match="X does not have valid feature names, but AutoMLClassifier was fitted with"):
        clf.predict(X.to_numpy())


def test_a_wrong_number_of_columns_is_refused(clf):
    unnamed = classifier().fit(X.to_numpy(), Y)
    assert not hasattr(unnamed, "feature_names_in_")
    for wrong in (X.to_numpy()[:, :3], np.hstack([X.to_numpy()] * 2)):
        with pytest.raises(InvalidInputError, match=r"X has . features, but AutoMLClassifier is expecting 4 features"):
            unnamed.predict(wrong)


def test_the_tags_say_what_the_estimators_take():
    assert is_classifier(AutoMLClassifier())
    assert is_regressor(AutoMLRegressor())
    for estimator in (AutoMLClassifier(), AutoMLRegressor()):
        tags = get_tags(estimator)
        assert tags.input_tags.allow_nan
        assert tags.input_tags.sparse
        assert tags.input_tags.string
        assert tags.input_tags.categorical
        assert tags.target_tags.required
        assert tags.target_tags.multi_output
        assert tags.non_deterministic


def test_showing_and_copying_computes_nothing(clf, monkeypatch):
    fresh = pickle.loads(pickle.dumps(clf))
    monkeypatch.setattr(Artifacts, "model", lambda *_: pytest.fail("a model was read"))
    for name, value in vars(FittedAttributes).items():
        if isinstance(value, property):
            monkeypatch.setattr(
                FittedAttributes, name, property(lambda self, name=name: pytest.fail(f"{name} was read"))
            )
    assert "AutoMLClassifier" in fresh._repr_html_()
    assert "AutoMLClassifier" in make_pipeline(StandardScaler(), fresh)._repr_html_()
    assert fresh._repr_mimebundle_()
    assert {"decision_threshold_", "estimate_", "predict_proba"} <= set(dir(fresh))
    assert "n_features_in_" not in dir(AutoMLClassifier())
    assert repr(fresh)
    clone(fresh)
    pickle.loads(pickle.dumps(fresh))
