"""Without scoring, nested cross-validation scores by the loss that the searches inside optimize."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl import AutoMLClassifier, AutoMLRegressor, nested_cross_validate
from automl.errors import InvalidInputError
from tests.factories import FAST

X, Y = load_diabetes(return_X_y=True)
LEVELS = (0.1, 0.5, 0.9)
RIDGE = FAST | {"include": ["ridge"], "max_trials": 1}


def folds_of(estimators, y, **arguments):
    return nested_cross_validate(estimators, X, y, outer_cv=2, random_state=0, verbose=0, **arguments)


def test_quantiles_are_scored_by_the_pinball_loss():
    search = AutoMLRegressor(quantiles=LEVELS, **RIDGE)
    result = folds_of({"search": search, "pipeline": make_pipeline(StandardScaler(), search)}, Y)
    assert set(result.scores["metric"]) == {"neg_mean_pinball_loss"}
    assert (result.scores["score"] > -20).all()
    assert set(result.folds["metric"]) == {"neg_mean_pinball_loss"}
    own = result.scores[result.scores["estimator"] == "search"]["score"]
    np.testing.assert_allclose(result.folds["outer_score"][:2], own)


def test_estimators_without_the_same_quantiles_need_a_scorer():
    estimators = {"quantiles": AutoMLRegressor(quantiles=LEVELS, **RIDGE), "ridge": Ridge()}
    with pytest.raises(InvalidInputError, match="'quantiles' and 'ridge' do not predict the same quantiles"):
        folds_of(estimators, Y)
    scores = folds_of(estimators, Y, scoring="neg_mean_absolute_error").scores
    assert set(scores["metric"]) == {"neg_mean_absolute_error"}


@pytest.fixture(scope="module")
def ordered():
    y = pd.Series(pd.cut(Y, [0, 100, 180, 400], labels=["low", "middle", "high"]))
    estimators = {
        "search": AutoMLClassifier(**FAST | {"include": ["logistic_regression"], "max_trials": 1}),
        "other": LogisticRegression(),
    }
    return y, estimators


@pytest.mark.slow
def test_ordered_classes_are_scored_and_searched_by_the_ranked_probability_score(ordered, tmp_path):
    y, estimators = ordered
    result = folds_of(estimators, y, store=tmp_path / "folds")
    assert set(result.scores["metric"]) == {"neg_ranked_probability_score"}
    assert result.scores["score"].between(-0.2, 0).all()
    assert result.folds[result.folds["estimator"] == "search"]["metric"].unique() == ["neg_ranked_probability_score"]
    turned = y.cat.reorder_categories(["middle", "low", "high"])
    with pytest.raises(InvalidInputError, match="store"):
        folds_of(estimators, turned, store=tmp_path / "folds")


def test_scores_of_ordered_classes_can_be_named_and_need_an_order(ordered):
    y, estimators = ordered
    scores = folds_of({"other": estimators["other"]}, y, scoring=["neg_mean_rank_error", "accuracy"]).scores
    assert set(scores["metric"]) == {"neg_mean_rank_error", "accuracy"}
    with pytest.raises(InvalidInputError, match="is for ordered classes"):
        folds_of({"other": estimators["other"]}, y.astype(str), scoring="neg_mean_rank_error")
