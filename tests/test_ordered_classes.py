"""Tests of classes that have an order: the default score, the decision, and the other scores of ordered classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from automl import AutoMLClassifier, load
from automl.errors import InvalidInputError
from automl.task.ordered_classes import NAMES, median_codes, ordered_loss, ranks_of
from tests.factories import FAST

ORDER = ["low", "middle", "high", "top"]  # not the order of the alphabet
SMALL = FAST | {"max_trials": 2, "include": ["logistic_regression"]}
N = 200


def make_table(n=300, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=list("abc"))
    places = np.digitize(X["a"] + rng.normal(size=n), [-1.0, 0.0, 1.0])
    return X, pd.Series(np.array(ORDER)[places], dtype=pd.CategoricalDtype(ORDER, ordered=True))


X, Y = make_table()


@pytest.fixture(scope="module")
def clf():
    return AutoMLClassifier(**SMALL).fit(X[:N], Y[:N])


def ranks(labels):
    return np.array([ORDER.index(label) for label in labels])


def test_the_default_score_of_ordered_classes_is_the_ranked_probability_score(clf):
    assert clf.classes_.tolist() == sorted(ORDER)
    assert clf.metric_scores_["metric"].tolist() == ["neg_ranked_probability_score"]
    p = pd.DataFrame(clf.predict_proba(X[N:]), columns=clf.classes_)[ORDER].to_numpy()
    reached = ranks(Y[N:])[:, None] <= np.arange(3)
    expected = -((p.cumsum(axis=1)[:, :3] - reached) ** 2).mean()
    assert clf.scorer_(clf, X[N:], Y[N:]) == pytest.approx(expected)
    assert expected > clf.metric_scores_["constant"][0]


def test_predict_returns_the_median_class_which_has_the_lowest_expected_distance(clf):
    p = pd.DataFrame(clf.predict_proba(X), columns=clf.classes_)[ORDER].to_numpy()
    distances = np.abs(np.arange(4)[:, None] - np.arange(4))
    assert (ranks(clf.predict(X)) == (p @ distances).argmin(axis=1)).all()
    assert (ranks(clf.predict(X)) != p.argmax(axis=1)).any()


def test_labels_without_an_order_are_scored_as_before():
    unordered = AutoMLClassifier(**SMALL | {"max_trials": 1}).fit(X[:N], Y[:N].astype(str))
    assert unordered.metric_scores_["metric"].tolist() == ["neg_log_loss"]
    p = unordered.predict_proba(X)
    assert (unordered.predict(X) == unordered.classes_[p.argmax(axis=1)]).all()


def test_saved_and_refitted_models_keep_the_order(clf, tmp_path):
    clf.save(tmp_path / "model")
    loaded = load(tmp_path / "model", for_prediction=True)
    assert (loaded.predict(X) == clf.predict(X)).all()
    assert loaded.scorer_(loaded, X, Y) == clf.scorer_(clf, X, Y)
    new = clf.refit(X[N:], Y[N:].astype(str))  # without the order, which the model knows
    assert new.refit_report_.new_score > -0.2
    assert new._ensemble.ranks == clf._ensemble.ranks


def test_several_scores_of_ordered_classes_are_recorded():
    clf = AutoMLClassifier(**SMALL | {"max_trials": 1}, scoring=["quadratic_weighted_kappa", "neg_mean_rank_error"])
    clf.fit(X[:N], Y[:N])
    kappa = cohen_kappa_score(ranks(Y[N:]), ranks(clf.predict(X[N:])), weights="quadratic")
    assert clf.scorer_(clf, X[N:], Y[N:]) == pytest.approx(kappa)
    assert clf.metric_scores_["score"].between(-1.0, 1.0).all()


def test_the_scores_need_an_order():
    with pytest.raises(InvalidInputError, match="is for ordered classes; pass y as an ordered categorical"):
        AutoMLClassifier(scoring="quadratic_weighted_kappa", **SMALL).fit(X, Y.astype(str))
    with pytest.raises(InvalidInputError, match="is for ordered classes"):
        AutoMLClassifier(scoring=NAMES[0], **SMALL).fit(X, pd.concat([Y.astype(str), Y.astype(str)], axis=1))


@pytest.mark.parametrize("weighted", [False, True])
def test_losses_are_those_of_scikit_learn_and_of_the_definitions(weighted):
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(4), 60), rng.integers(0, 4, 60)
    weight = rng.uniform(0.5, 2, 60) if weighted else None
    order = (2, 0, 3, 1)
    own, predicted = np.array(order)[y], np.array(order)[median_codes(p, order)]
    probable = np.array(order)[p.argmax(axis=1)]
    kappa = cohen_kappa_score(own, probable, weights="quadratic", sample_weight=weight)
    assert ordered_loss("quadratic_weighted_kappa", y, p, weight, order) == pytest.approx(-kappa)
    error = np.average(np.abs(own - predicted), weights=weight)
    assert ordered_loss("neg_mean_rank_error", y, p, weight, order) == pytest.approx(error)


def test_an_order_needs_three_classes_and_all_of_them():
    labels = np.array(["high", "low"])
    assert ranks_of(pd.Series(["low", "high"], dtype=pd.CategoricalDtype(["low", "high"], ordered=True)), labels) == ()
    three = pd.Series(["a", "b", "c"], dtype=pd.CategoricalDtype(["c", "b", "a"], ordered=True))
    assert ranks_of(three, np.array(["a", "b", "c"])) == (2, 1, 0)
    with pytest.raises(InvalidInputError, match="lack the class 'd'"):
        ranks_of(three, np.array(["a", "b", "c", "d"]))


def test_ordered_classes_that_are_numbers_with_fractions_give_one_error_that_keeps_their_order():
    doses = [0.5, 1.0, 1.5]
    y = pd.Series(pd.Categorical(doses * 20, doses, ordered=True))
    X = np.arange(60.0)[:, None]
    settings = FAST | {"include": ["decision_tree"], "max_trials": 1}
    with pytest.raises(InvalidInputError, match=r"y\.cat\.rename_categories\(str\), which keeps their order"):
        AutoMLClassifier(**settings).fit(X, y)
    fitted = AutoMLClassifier(**settings).fit(X, y.cat.rename_categories(str))
    assert fitted.scorer_.name == "neg_ranked_probability_score"
