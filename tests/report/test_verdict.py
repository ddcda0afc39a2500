"""The verdict of a report: scores of one measure, and the metric in words."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from automl import AutoMLRegressor
from automl.ensemble.single_scores import singles_of_frontier
from automl.expected_score import expected_score_line
from automl.fitted.data_warnings import constant_score
from automl.report.collect import collect
from automl.report.render import to_html, to_markdown
from automl.report.verdict import make_verdict
from tests.factories import FAST

ONE = FAST | {"include": ["ridge"], "max_trials": 1}


@pytest.fixture(scope="module")
def skewed():
    """Return a model of a target with a few very large values."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(150, 2))
    return AutoMLRegressor(**ONE | {"cv": 10}).fit(X, np.exp(2 * rng.normal(size=150) + X[:, 0]))


def test_all_marks_of_the_verdict_are_scores_of_the_same_rows_together(skewed):
    score, constant = -skewed.metric_scores_[["score", "constant"]].iloc[0]
    assert score > -1.5 * skewed.best_score_
    verdict = make_verdict(skewed)
    assert verdict.search_best == verdict.simple.score == pytest.approx(score, rel=1e-5)
    assert verdict.dummy == pytest.approx(constant, rel=1e-5)
    assert verdict.search_mean is None


def test_marks_of_rows_in_the_order_of_time_are_scores_of_the_newest_rows():
    rng = np.random.default_rng(0)
    X, days = rng.normal(size=(600, 1)), np.arange(600)
    y = X[:, 0] + np.where(days < 350, 10.0, 0.1) * rng.normal(size=600)
    model = AutoMLRegressor(**ONE | {"cv": None}).fit(X, y, time=days)
    verdict, newest = make_verdict(model), y[-240:]
    assert "newest 240 rows" in model.estimate_.note
    assert verdict.dummy == pytest.approx(np.std(newest), rel=1e-3)
    assert verdict.search_best < verdict.dummy
    assert verdict.search_best == pytest.approx(verdict.expected.value, rel=0.1)


@pytest.mark.slow
def test_a_model_of_an_earlier_version_compares_no_mean_over_folds_with_other_scores(skewed):
    old = copy.copy(skewed)
    del vars(old)["_single_scores"]
    content = collect(old)
    assert content.verdict.search_best is content.verdict.simple is None
    assert content.verdict.search_mean == pytest.approx(-skewed.best_score_, rel=1e-5)
    for text in (to_html(content), to_markdown(content)):
        assert "a mean over folds, which is not comparable with scores of all rows together" in text
        assert "Best configuration of the search" not in text
    assert "a mean over folds, which is not comparable" in expected_score_line(old)


def test_a_metric_without_an_explanation_still_has_a_sentence_about_its_direction(skewed):
    content = collect(skewed)
    metric = replace(content.verdict.metric, meaning="")
    changed = replace(content, verdict=replace(content.verdict, metric=metric))
    for text in (to_html(changed), to_markdown(changed)):
        assert "Lower is better." in text


@pytest.mark.slow
def test_the_verdict_of_several_targets_says_what_the_metric_is_and_where_the_scale_ends():
    X = np.random.default_rng(0).normal(size=(60, 2))
    content = collect(AutoMLRegressor(**ONE | {"scoring": "mae"}).fit(X, np.abs(X + X[:, ::-1])))
    html, markdown = to_html(content), to_markdown(content)
    meaning = "is the mean over the targets of the error divided by that of the best constant prediction"
    assert f"Mean absolute error relative to a constant, mean of targets {meaning}" in html
    assert meaning in markdown
    assert "(neg_mean_absolute_error)</span>" in html
    assert "better values are on the right; the band is the interval of the expected score." in html


LIMIT = {"max_predict_milliseconds": 0.015}  # of one ridge model instead of three


@pytest.mark.parametrize("settings", [{}, LIMIT])
def test_all_marks_of_a_smaller_ensemble_are_scores_of_the_rows_of_its_estimate(settings):
    """A few very large values of the target decide the error, and another sample of rows lacks some of them."""
    rng = np.random.default_rng(0)
    X, noise = rng.normal(size=(6_000, 2)), rng.standard_t(2.1, size=6_000)
    model = AutoMLRegressor(**ONE | settings).fit(X, X[:, 0] + noise)
    model = model if settings else model.slim(max_loss=1e9)
    verdict, y = make_verdict(model), model._frontier.y
    assert verdict.expected.value == pytest.approx(-model.frontier_["score"].iloc[0], rel=1e-5)
    assert verdict.search_best == verdict.simple.score == verdict.expected.value
    assert verdict.dummy == pytest.approx(np.std(y), rel=1e-3)
    assert -constant_score(model.refit())[0] == pytest.approx(verdict.dummy, rel=1e-5)


def test_a_smaller_ensemble_without_the_best_configuration_is_compared_with_a_constant_only(skewed):
    other = copy.copy(skewed)
    other._single_scores = singles_of_frontier(skewed._frontier, [], skewed.history_)
    verdict = make_verdict(other)
    assert verdict.search_best is verdict.simple is None
    assert verdict.search_mean is not None
    assert verdict.dummy == pytest.approx(-skewed._single_scores.constant, rel=1e-5)
