"""Tests of classes that have an order: the score, the training, the decision, and the order of a file."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

import automl
from automl import AutoMLClassifier, load
from automl.errors import InvalidInputError
from automl.export.script import python_script
from automl.task.ordered_classes import NAMES, fit_kappa_decision, median_codes, ordered_loss, ranks_of, with_order
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


def test_the_search_compares_a_configuration_with_its_ordered_twin_first(clf):
    assert [c["ordering"] for c in clf.history_.evaluations] == ["none", "proportional_odds"]


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


def test_an_ordering_needs_an_order():
    with pytest.raises(InvalidInputError, match="include names thresholds, which is for ordered classes"):
        AutoMLClassifier(**SMALL | {"include": ["thresholds"]}).fit(X, Y.astype(str))
    listed = automl.space(task="multiclass").set_index("name")
    assert "thresholds" in listed.loc["ordering", "choices"]
    assert "ordering" not in automl.space(task="binary")["name"].tolist()


@pytest.mark.parametrize("weighted", [False, True])
def test_losses_are_those_of_scikit_learn_and_of_the_definitions(weighted):
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(4), 60), rng.integers(0, 4, 60)
    weight = rng.uniform(0.5, 2, 60) if weighted else None
    order = (2, 0, 3, 1)
    own, predicted = np.array(order)[y], np.array(order)[median_codes(p, order)]
    decided = np.array(order)[fit_kappa_decision(p, order, weight).codes(p, order)]
    kappa = cohen_kappa_score(own, decided, weights="quadratic", sample_weight=weight)
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


def exported_probabilities(clf):
    names = {"__name__": "script"}
    exec(python_script(clf), names)
    codes = np.searchsorted(clf.classes_, Y[:N])
    return names["make_model"]().fit(names["read_columns"](X[:N]), codes).predict_proba(names["read_columns"](X))


@pytest.mark.parametrize(("family", "ordering"), [("lda", "thresholds"), ("gaussian_process", "class_number")])
def test_the_exported_script_trains_models_of_scikit_learn_that_take_no_weights(family, ordering):
    only = [{"model": family, "ordering": ordering}]
    settings = SMALL | {"include": [family], "max_trials": 1, "cv": 2, "initial_configurations": only}
    clf = AutoMLClassifier(**settings).fit(X[:N], Y[:N])
    assert np.abs(exported_probabilities(clf) - clf.predict_proba(X)).mean() < 0.1


@pytest.mark.parametrize(
    ("family", "ordering"),
    [
        pytest.param("logistic_regression", "thresholds", marks=pytest.mark.slow),
        pytest.param("decision_tree", "class_number", marks=pytest.mark.slow),
        ("logistic_regression", "proportional_odds"),
    ],
)
def test_the_search_trains_by_the_order_whatever_the_score_is_and_keeps_it(family, ordering, tmp_path):
    only = [{"model": family, "ordering": ordering}]
    settings = SMALL | {"include": [family], "max_trials": 1, "initial_configurations": only}
    clf = AutoMLClassifier(**settings, scoring="neg_log_loss").fit(X[:N], Y[:N])
    assert [c["ordering"] for c in clf.history_.evaluations] == [ordering]
    p = clf.predict_proba(X)
    assert (clf.predict(X) == clf.classes_[p.argmax(axis=1)]).all()  # the score does not judge ranks
    clf.save(tmp_path / "model")
    np.testing.assert_allclose(load(tmp_path / "model", for_prediction=True).predict_proba(X), p, atol=1e-12)
    assert np.abs(exported_probabilities(clf) - p).mean() < 0.1  # the script trains one model on all rows
    refitted = clf.refit(X, Y.astype(str))
    assert [bag.configuration["ordering"] for bag in refitted._ensemble.bags] == [ordering]


def test_the_decision_for_kappa_has_the_highest_expected_kappa_of_all_labels():
    p = np.random.default_rng(3).dirichlet([0.7, 0.7, 0.7], 6)
    codes = np.array(list(product(range(3), repeat=6)))
    m, square = p @ np.arange(3), p @ np.arange(3) ** 2
    error = (square + codes**2 - 2 * m * codes).mean(axis=1)
    by_chance = square.mean() + (codes**2).mean(axis=1) - 2 * m.mean() * codes.mean(axis=1)
    expected = 1 - error / by_chance
    chosen = fit_kappa_decision(p, (0, 1, 2)).codes(p, (0, 1, 2))
    assert expected[(codes == chosen).all(axis=1)][0] == pytest.approx(expected.max())


def test_a_search_for_kappa_predicts_labels_that_are_wider_apart_than_medians(tmp_path):
    clf = AutoMLClassifier(**SMALL | {"max_trials": 1}, scoring="quadratic_weighted_kappa").fit(X[:N], Y[:N])
    p = clf.predict_proba(X)
    medians = np.array(ORDER)[[ORDER.index(label) for label in clf.classes_[median_codes(p, clf._ensemble.ranks)]]]
    assert ranks(clf.predict(X)).std() > ranks(medians).std()
    assert clf._ensemble.kappa.stretch > 1
    clf.save(tmp_path / "model")
    loaded = load(tmp_path / "model", for_prediction=True)
    assert (loaded.predict(X[:1]) == clf.predict(X)[:1]).all()  # a label does not depend on other rows
    assert (loaded.predict(X) == clf.predict(X)).all()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["low", "middle", "high"], "grades lacks the class 'top' of 'pain'; name all classes, the lowest first"),
        ([*ORDER, "peak"], "grades names the class 'peak', which 'pain' does not hold; its classes are 'high', 'low'"),
        ([*ORDER, "low"], "grades names the class 'low' twice"),
    ],
)
def test_names_of_classes_that_are_missing_unknown_or_double_are_an_error(names, message):
    with pytest.raises(InvalidInputError, match=message):
        with_order(Y.astype(str).rename("pain"), names, "grades")


@pytest.mark.parametrize("names", [["0.5", "1", "1.5"], ["0.50", "1.0", "1.5"]])
def test_numbers_with_fractions_become_texts_in_the_order_of_their_names(names):
    ordered = with_order(pd.Series([1.0, 0.5, np.nan, 1.5], name="dose"), names, "grades")
    assert ordered.cat.categories.tolist() == ["0.5", "1.0", "1.5"]
    assert ordered.cat.codes.tolist() == [1, 0, -1, 2]
    with pytest.raises(InvalidInputError, match=r"lacks the classes '0\.5', '1\.5' of 'dose'"):
        with_order(pd.Series([1.5, 1.0, 0.5, 2.0], name="dose"), ["1", "2.0"], "grades")
    with pytest.raises(InvalidInputError, match=r"names the class '1\.0' twice"):
        with_order(pd.Series([1.5, 1.0, 0.5]), ["0.5", "1", "1.0", "1.5"], "grades")


@pytest.mark.parametrize("labels", [[3, 1, 2], [3.0, 1.0, np.nan, 2.0]])
def test_whole_numbers_may_be_named_with_a_point_and_are_listed_in_their_order(labels):
    y = pd.Series(labels * 4, name="grade")
    for names in (["1", "2", "3"], ["1.0", "2.0", "3.0"]):
        assert with_order(y, names, "grades").cat.categories.tolist() == [1, 2, 3]
    with pytest.raises(InvalidInputError, match=r"does not hold; its classes are '1', '2', '3', '10'$"):
        with_order(pd.concat([y, pd.Series([10])]).rename("grade"), ["1", "2", "3", "4", "10"], "grades")


def test_a_class_that_was_read_as_missing_cells_is_named():
    y = pd.Series(["low", None, "high", "top"], name="pain")
    with pytest.raises(InvalidInputError, match="Cells with 'NA' are read as missing cells; write another word"):
        with_order(y, ["low", "NA", "high", "top"], "grades")


def test_an_order_is_for_one_target_of_three_classes_and_numbers_keep_their_type():
    with pytest.raises(InvalidInputError, match="is for one target"):
        with_order(pd.DataFrame({"a": [1, 2, 3], "b": [1, 2, 3]}), ["1", "2", "3"], "grades")
    with pytest.raises(InvalidInputError, match="needs at least 3 classes"):
        with_order(pd.Series(["a", "b"]), ["a", "b"], "grades")
    assert with_order(pd.Series([1.0, 3.0, 2.0]), ["3", "2", "1"], "grades").cat.categories.tolist() == [3.0, 2.0, 1.0]
