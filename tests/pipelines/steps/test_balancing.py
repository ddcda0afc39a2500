from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from automl.export.code import Script
from automl.export.models import model_code
from pipelines.build import build_pipeline
from pipelines.component import FitContext, TableTraits
from pipelines.space import build_space, complete
from pipelines.steps.balancing import BalancedClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(1_500, 8))
RARE = (rng.random(1_500) < 1 / (1 + np.exp(3 - X[:, 0]))).astype(int)
TRAITS = TableTraits("binary", 1_500, 8, 2)


def balanced(model, strategy, power=1.0, traits=TRAITS):
    """Return the configuration of a balanced model, and its last step, fitted."""
    partial = {"model": model, "scaling": "none", "balancing": strategy, f"balancing:{strategy}:power": power}
    configuration = complete(build_space(traits, include=[model]), partial)
    return configuration, build_pipeline(configuration, FitContext(traits)).fit(X, RARE)[-1]


def test_balancing_gives_classes_the_same_weight_or_number_of_rows():
    X, y = np.zeros((100, 1)), np.repeat([0, 1], [90, 10])
    for strategy in ("weights", "oversample", "undersample"):
        model = BalancedClassifier(DummyClassifier(), strategy, power=1.0).fit(X, y)
        assert model.predict_proba(X[:1])[0] == pytest.approx([0.5, 0.5], abs=0.01)
        half = BalancedClassifier(DummyClassifier(), strategy, power=0.5).fit(X, y)
        assert 0.1 < half.predict_proba(X[:1])[0, 1] < 0.5


def test_classes_are_balanced_by_the_weights_of_their_rows():
    X, y = np.zeros((400, 1)), np.repeat([0, 1], [300, 100])
    for heavy in ([10.0, 1.0], [1.0, 10.0]):
        weight = np.asarray(heavy)[y]
        for strategy in ("weights", "oversample", "undersample"):
            for weighted in (False, True):
                model = BalancedClassifier(DummyClassifier(), strategy, power=1.0, weighted=weighted)
                model.fit(X, y, sample_weight=weight)
                assert model.predict_proba(X[:1])[0] == pytest.approx([0.5, 0.5], abs=0.03)


def test_undersampling_leaves_at_least_ten_rows_to_a_class_that_has_them():
    X, y = np.zeros((100, 1)), np.repeat([0, 1], [98, 2])
    model = BalancedClassifier(DummyClassifier(), "undersample", power=1.0).fit(X, y)
    assert model.predict_proba(X[:1])[0] == pytest.approx([10 / 12, 2 / 12])


def test_oversampled_rows_are_no_validation_rows_of_their_copies():
    rounds = [balanced("lightgbm", strategy)[1].full_rounds_ for strategy in ("weights", "oversample")]
    assert rounds[1] < 3 * rounds[0]


def test_a_model_without_weights_gets_copies_unless_it_predicts_held_out_rows():
    configuration, model = balanced("lda", "oversample")
    assert configuration["balancing"] == "oversample"
    assert model.classifier_.priors_ == pytest.approx([0.5, 0.5])
    few = TableTraits("binary", 300, 8, 2)
    partial = {"model": "gaussian_process", "balancing": "oversample"}
    assert complete(build_space(few, include=["gaussian_process"]), partial)["balancing"] == "none"
    ranked = TableTraits("multiclass", 300, 8, 3, ranks=(0, 1, 2))
    partial = {"model": "k_nearest_neighbors", "balancing": "oversample", "ordering": "class_number"}
    completed = complete(build_space(ranked, include=["k_nearest_neighbors"]), partial)
    assert (completed["balancing"], completed["ordering"]) == ("oversample", "none")


def test_an_exported_oversampling_uses_weights_where_the_plain_model_takes_them():
    for model, expected in (("logistic_regression", True), ("qda", True), ("k_nearest_neighbors", False)):
        (*_, code) = model_code(balanced(model, "oversample")[1], Script())
        assert ("weighted=True" in code) == expected


def test_a_model_of_an_earlier_version_without_the_flag_of_weights_is_shown_and_cloned():
    old = BalancedClassifier(LogisticRegression())
    del old.weighted
    assert "LogisticRegression" in repr(old)
    assert clone(old).weighted is False
