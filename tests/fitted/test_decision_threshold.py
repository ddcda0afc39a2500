"""Tests of the class of interest: for scorers of one class, the decision threshold, and tables of scores."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, fbeta_score, make_scorer

from automl import AutoMLClassifier, AutoMLRegressor, load, nested_cross_validate
from automl.errors import InvalidInputError
from automl.task.metrics import make_metric
from tests.factories import FAST

X, CODES = load_breast_cancer(return_X_y=True)
X = X[:, :4]
Y = np.where(CODES == 1, "healthy", "ill")
SMALL = FAST | {"max_trials": 2, "include": ["decision_tree"]}
INTERESTS = [(None, 1), ("ill", 1), ("healthy", 0)]


@pytest.fixture(scope="module")
def clf():
    return AutoMLClassifier(**SMALL, scoring="f1", positive_label="healthy").fit(X, Y)


def test_the_class_of_interest_is_the_one_that_the_search_scores(clf):
    expected = f1_score(Y, clf.predict(X), pos_label="healthy")
    assert clf.scorer_(clf, X, Y) == pytest.approx(expected)
    assert clf.scorer_(clf, X, Y) != pytest.approx(f1_score(Y, clf.predict(X), pos_label="ill"))


def test_the_threshold_can_be_read_and_set_and_is_saved(clf, tmp_path):
    clf = load_copy(clf, tmp_path / "a")
    healthy = clf.predict_proba(X)[:, 0]
    assert ((healthy > clf.decision_threshold_) == (clf.predict(X) == "healthy"))[healthy != 0.5].all()
    before = clf.predict_proba(X)
    for threshold in (0.9, 0.05):
        clf.decision_threshold_ = threshold
        assert clf.decision_threshold_ == pytest.approx(threshold)
        assert ((clf.predict(X) == "healthy") == (healthy > threshold)).all()
    assert (clf.predict_proba(X) == before).all()
    assert load_copy(clf, tmp_path / "b").decision_threshold_ == pytest.approx(0.05)


def test_a_smaller_and_a_refitted_model_keep_the_threshold_of_the_user(clf, tmp_path):
    clf = load_copy(clf, tmp_path / "a")
    tuned = clf.slim(max_loss=1).decision_threshold_
    clf.decision_threshold_ = 0.05
    small = load_copy(clf, tmp_path / "b").slim(max_loss=1)
    assert small.decision_threshold_ == pytest.approx(0.05)
    assert tuned != pytest.approx(0.05)
    assert clf.refit(X, Y).decision_threshold_ == pytest.approx(0.05)


def load_copy(clf, folder):
    clf.save(folder)
    return load(folder)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan, "0.5", None, True])
def test_a_threshold_that_is_no_probability_is_refused(clf, threshold):
    with pytest.raises(InvalidInputError, match="decision_threshold_ must be a number from 0 to 1"):
        clf.decision_threshold_ = threshold


def test_more_than_two_classes_have_no_threshold_and_no_class_of_interest():
    iris = load_iris(return_X_y=True)
    fitted = AutoMLClassifier(**SMALL | {"max_trials": 1}).fit(*iris)
    assert not hasattr(fitted, "decision_threshold_")
    with pytest.raises(AttributeError, match="is for two classes, but y has 3"):
        fitted.decision_threshold_ = 0.3
    with pytest.raises(InvalidInputError, match="positive_label=2 needs two classes, but y has 3; leave it out"):
        AutoMLClassifier(**SMALL, positive_label=2).fit(*iris)


def test_a_class_of_interest_that_is_no_class_is_one_error_before_the_search():
    with pytest.raises(InvalidInputError, match=r"positive_label='sick' is no class of y; .* 'healthy' and 'ill'"):
        AutoMLClassifier(**SMALL, positive_label="sick").fit(X, Y)


def test_only_the_classifier_has_a_class_of_interest_and_only_the_regressor_quantiles():
    classifier, regressor = (set(estimator().get_params()) for estimator in (AutoMLClassifier, AutoMLRegressor))
    assert classifier - regressor == {"positive_label"}
    assert regressor - classifier == {"quantiles"}
    assert clone(AutoMLClassifier(positive_label="ill")).positive_label == "ill"


def test_log_probabilities_are_the_logarithms_of_probabilities(clf):
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(clf.predict_log_proba(X), np.log(clf.predict_proba(X)))


@pytest.mark.parametrize("scoring", ["f1", "precision", "recall", "jaccard", "average_precision", "roc_auc"])
@pytest.mark.parametrize(("label", "positive"), INTERESTS)
def test_losses_and_scorers_agree_on_the_class_of_interest(scoring, label, positive):
    classes = np.array(["healthy", "ill"])
    metric = make_metric(scoring, "binary", classes, label)
    fitted = LogisticRegression(max_iter=10_000).fit(X, Y)
    codes, p = (Y == "ill").astype(int), fitted.predict_proba(X)
    reference = make_metric(scoring, "binary", np.array([0, 1]))
    expected = reference.loss((codes == positive).astype(int), p if positive == 1 else p[:, ::-1])
    assert metric.positive == positive
    assert metric.loss(codes, p) == pytest.approx(expected)
    assert metric.scorer(fitted, X, Y) == pytest.approx(-expected)


def test_numbers_as_labels_keep_scikit_learns_class_of_interest():
    for classes, positive in (([0, 1], 1), ([1, 2], 0), ([-1, 1], 1), ([2, 3], 1)):
        labels = np.array(classes)
        metric = make_metric("f1", "binary", labels)
        assert metric.positive == positive
        codes, p = CODES, np.column_stack([1 - X[:, 0] / 30, X[:, 0] / 30])
        if 1 in classes:
            assert -metric.loss(codes, p) == pytest.approx(f1_score(labels[codes], labels[p.argmax(axis=1)]))
        assert make_metric("f1", "binary", labels, labels[0]).positive == 0


def test_a_scorer_object_of_one_class_takes_the_class_of_interest():
    scorer = make_scorer(fbeta_score, beta=2)
    metric = make_metric(scorer, "binary", np.array(["healthy", "ill"]), "healthy")
    fitted = DummyClassifier(strategy="constant", constant="healthy").fit(X, Y)
    assert metric.scorer(fitted, X, Y) == pytest.approx(fbeta_score(CODES, np.ones(len(Y)), beta=2))


def test_outer_folds_score_the_class_of_interest():
    always = {"always": DummyClassifier(strategy="constant", constant="healthy")}
    scores = [
        nested_cross_validate(
            always, X, Y, outer_cv=2, scoring="f1", positive_label=label, random_state=0, verbose=0
        ).scores["score"]
        for label in ("healthy", None)
    ]
    assert (scores[0] > 0.7).all()
    assert (scores[1] == 0).all()
