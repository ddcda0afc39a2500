"""Tests of the ways to train ordered classes: questions of two classes, class numbers, proportional odds, networks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression, Ridge

from automl.export.code import Script
from automl.export.models import model_code
from automl.task.ordered_classes import RANKED_PROBABILITY, ordered_loss
from pipelines.build import build_pipeline, fits_together, predicted_memory
from pipelines.component import FitContext, TableTraits
from pipelines.models._forest import TimedForestClassifier
from pipelines.models._proportional_odds import ProportionalOddsClassifier
from pipelines.nets.ordered import OrderedNetClassifier
from pipelines.prediction.models import fast_predict
from pipelines.space import build_space, choices, complete
from pipelines.steps.class_numbers import NumberClassifier
from pipelines.steps.threshold_models import ThresholdClassifier

RANKS = (2, 0, 3, 1)  # of the class codes 0 to 3
COEFFICIENTS, THRESHOLDS = np.array([1.0, -2.0, 0.5]), np.array([-2.0, 0.0, 1.5])


def make_rows(n=600, seed=0):
    """Return rows from a proportional odds model."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    places = np.digitize(X @ COEFFICIENTS + rng.logistic(size=n), THRESHOLDS)
    return X, np.argsort(RANKS)[places]


X, Y = make_rows()
X_TEST, Y_TEST = make_rows(seed=1)
TRAITS = TableTraits("multiclass", len(X), 3, 4, ranks=RANKS)
MODELS = {
    "thresholds": ThresholdClassifier(LogisticRegression(), RANKS),
    "class_number": NumberClassifier(Ridge(), RANKS),
    "proportional_odds": ProportionalOddsClassifier(ranks=RANKS),
}


def loss(model):
    return ordered_loss(RANKED_PROBABILITY, Y_TEST, model.predict_proba(X_TEST), None, RANKS)


@pytest.mark.parametrize("name", MODELS)
def test_each_way_predicts_grades_better_than_class_shares_and_as_well_as_unordered_classes(name):
    model = MODELS[name].fit(X, Y)
    p = model.predict_proba(X_TEST)
    assert p.min() >= 0
    np.testing.assert_allclose(p.sum(axis=1), 1)
    shares = np.tile(np.bincount(Y) / len(Y), (len(X_TEST), 1))
    assert loss(model) < 0.7 * ordered_loss(RANKED_PROBABILITY, Y_TEST, shares, None, RANKS)
    assert loss(model) < 1.02 * loss(LogisticRegression().fit(X, Y))
    np.testing.assert_allclose(fast_predict(model)(X_TEST), p, atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_a_row_of_weight_two_counts_as_two_rows_and_a_row_of_weight_zero_not_at_all(name):
    weights = np.arange(len(X)) % 3.0
    repeated = np.repeat(np.arange(len(X)), weights.astype(int))
    if name == "class_number":  # copies of a row may be in several inner folds, so only rows of weight 0 are compared
        weights, repeated = (weights > 0).astype(float), np.flatnonzero(weights)
    weighted = MODELS[name].fit(X, Y, sample_weight=weights).predict_proba(X_TEST)
    np.testing.assert_allclose(weighted, MODELS[name].fit(X[repeated], Y[repeated]).predict_proba(X_TEST), atol=2e-3)


@pytest.mark.parametrize("name", MODELS)
def test_rows_without_a_class_keep_the_order_of_the_others(name):
    kept = Y != 2  # the highest class
    model = MODELS[name].fit(X[kept], Y[kept])
    assert model.classes_.tolist() == [0, 1, 3]
    places = np.array(RANKS)[model.predict(X_TEST)]
    assert np.corrcoef(places, X_TEST @ COEFFICIENTS)[0, 1] > 0.7


def test_the_proportional_odds_model_finds_the_coefficients_of_its_own_rows():
    model = ProportionalOddsClassifier(C=1e6, ranks=RANKS).fit(*make_rows(n=20_000))
    np.testing.assert_allclose(model.coef_, COEFFICIENTS, atol=0.08)
    np.testing.assert_allclose(model.thresholds_, THRESHOLDS, atol=0.08)


class CutRidge(Ridge):
    """A model whose training on a part of the rows was cut."""

    def fit(self, X, y, sample_weight=None):
        self.cut_ = len(y) < 600
        return super().fit(X, y, sample_weight)


def test_a_cut_training_of_an_inner_fit_is_known():
    assert not MODELS["class_number"].fit(X, Y).cut_
    assert NumberClassifier(CutRidge(), RANKS).fit(X, Y).cut_


def test_the_inner_fits_of_class_numbers_leave_time_for_their_predictions():
    configuration = complete(build_space(TRAITS), {"model": "lightgbm", "ordering": "class_number"})
    context = FitContext(TRAITS, time_limit=8.0, n_rows_to_predict=5)
    settings = build_pipeline(configuration, context)[-1].regressor.settings
    assert (settings.time_limit, settings.n_rows_to_predict) == (2.0, 200)


def test_an_exported_script_trains_all_questions_for_the_median_number_of_rounds():
    model = ThresholdClassifier(TimedForestClassifier(ExtraTreesClassifier(2), None), RANKS).fit(X, Y)
    for own, rounds in zip(model.models_, (2, 50, 7), strict=True):
        own.n_iter_ = rounds
    script = Script()
    assert "n_estimators=7" in model_code(model, script)[-1]
    assert script.remarks == ["the models of all classes train for the same number of rounds, the median of the search"]


def test_cumulative_probabilities_of_independent_models_never_fall():
    far = np.random.default_rng(0).normal(scale=30, size=(500, 3))
    p = ThresholdClassifier(LogisticRegression(C=1e6), RANKS).fit(X[:60], Y[:60]).predict_proba(far)
    assert p.min() >= 0


def test_a_regressor_that_learns_nothing_gives_the_shares_of_the_classes():
    p = NumberClassifier(Ridge(alpha=1e12), RANKS).fit(np.ones_like(X), Y).predict_proba(X_TEST)
    np.testing.assert_allclose(p, np.tile(np.bincount(Y) / len(Y), (len(X_TEST), 1)), atol=1e-3)


def test_the_space_has_the_step_only_for_ordered_classes_and_only_what_a_family_can_train():
    assert "ordering" not in build_space(TableTraits("multiclass", 600, 3, 4))
    space = build_space(TRAITS)
    assert choices(space, "ordering")[0] == space["ordering"].default_value == "none"
    for family, ordering, kept in [
        ("logistic_regression", "proportional_odds", True),
        ("logistic_regression", "class_number", False),  # it has no regressor
        ("lightgbm", "class_number", True),
        ("lightgbm", "proportional_odds", False),
        ("lightgbm", "stepwise", False),
        ("realmlp", "stepwise", True),
        ("realmlp", "thresholds", False),
        ("k_nearest_neighbors", "thresholds", False),  # it would be the same model
        ("k_nearest_neighbors", "class_number", True),
    ]:
        found = complete(space, {"model": family, "ordering": ordering})
        assert (found["ordering"] == ordering) is kept


@pytest.mark.parametrize(("ordering", "task", "n_classes", "n_models"), [
    ("thresholds", "binary", 2, 8), ("class_number", "regression", 0, 1),
])  # fmt: skip
def test_the_guess_of_memory_counts_the_models_that_an_ordering_keeps(ordering, task, n_classes, n_models):
    forest = {"model": "extra_trees", "model:extra_trees:min_samples_leaf": 1}
    own, ordered = TableTraits(task, 2_000, 4, n_classes), TableTraits("multiclass", 2_000, 4, 9, ranks=tuple(range(9)))
    table = predicted_memory(complete(build_space(own), {"model": "decision_tree"}), own)  # the tree itself is small
    one = predicted_memory(complete(build_space(own), forest), own) - table
    found = complete(build_space(ordered), {**forest, "ordering": ordering})
    assert predicted_memory(found, ordered) - table == pytest.approx(n_models * one, rel=0.05)


def test_networks_train_the_questions_of_all_classes_in_one_fleet():
    space = build_space(TRAITS)
    found = {name: complete(space, {"model": "realmlp", "ordering": name}) for name in choices(space, "ordering")}
    assert [fits_together(found[name]) for name in ("none", "stepwise", "class_number")] == [True, True, False]
    small = {"model:realmlp:width": 32, "model:realmlp:depth": 1, "model:realmlp:embedding": "none"}
    configuration = complete(space, {"model": "realmlp", "ordering": "stepwise", **small})
    pipeline = build_pipeline(configuration, FitContext(TRAITS, time_limit=1.0)).fit(X[:200], Y[:200])
    assert isinstance(pipeline[-1], OrderedNetClassifier)
    p = pipeline.predict_proba(X_TEST)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert loss(pipeline) < 1.5 * loss(MODELS["proportional_odds"].fit(X, Y))
