"""Tests of the check of `scoring`: an error says which scorer to pass."""

import re

import pytest
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    confusion_matrix,
    f1_score,
    log_loss,
    make_scorer,
    mean_absolute_error,
    mean_pinball_loss,
    mean_tweedie_deviance,
    r2_score,
)

from automl import AutoMLRegressor
from automl.errors import InvalidInputError

X = [[0.0], [1.0]] * 10


def assert_refused(scoring, message):
    search = AutoMLRegressor(time_budget=None, max_trials=1, n_jobs=1, verbose=0, cv=2, include=["decision_tree"])
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        search.set_params(scoring=scoring).fit(X, range(20))


@pytest.mark.parametrize(
    ("metric", "remedy"),
    [
        (
            mean_absolute_error,
            "'neg_mean_absolute_error', or make_scorer(mean_absolute_error, greater_is_better=False)",
        ),
        (mean_pinball_loss, "pass make_scorer(mean_pinball_loss, greater_is_better=False)"),
        (mean_tweedie_deviance, "pass make_scorer(mean_tweedie_deviance, greater_is_better=False)"),
        (
            log_loss,
            "'neg_log_loss', or make_scorer(log_loss, greater_is_better=False, response_method='predict_proba')",
        ),
        (r2_score, "pass 'r2', or make_scorer(r2_score)"),
        (accuracy_score, "pass 'accuracy', or make_scorer(accuracy_score)"),
        (f1_score, "pass 'f1', or make_scorer(f1_score)"),
        (cohen_kappa_score, "pass make_scorer(cohen_kappa_score)"),
        (
            confusion_matrix,
            "make_scorer(confusion_matrix), or make_scorer(confusion_matrix, greater_is_better=False) if lower values",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_error_for_a_metric_of_scikit_learn_names_the_scorer_with_the_right_sign(metric, remedy):
    assert_refused(metric, remedy)


def test_a_scorer_that_maximizes_a_loss_of_scikit_learn_is_refused():
    for scoring in (make_scorer(mean_absolute_error), ["r2", make_scorer(mean_absolute_error)]):
        assert_refused(scoring, "or make_scorer(mean_absolute_error, greater_is_better=False)")
    assert_refused(make_scorer(mean_tweedie_deviance, power=1), "maximizes a loss, so that the worst model is selected")
