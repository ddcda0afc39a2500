"""Tests of the check of `scoring`: an error says which scorer to pass."""

import re

import pytest
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    confusion_matrix,
    f1_score,
    fbeta_score,
    get_scorer_names,
    log_loss,
    make_scorer,
    mean_absolute_error,
    mean_pinball_loss,
    mean_tweedie_deviance,
    r2_score,
)

from automl import AutoMLClassifier, AutoMLRegressor
from automl.errors import InvalidInputError
from automl.report.performance import scores_by_metric
from automl.task.metrics import ALIASES
from automl.task.scoring import _OTHER_NAMES, _TO_MAKE

X = [[0.0], [1.0]] * 10


def make_search(scoring):
    return AutoMLRegressor(
        time_budget=None, max_trials=1, n_jobs=1, verbose=0, cv=2, include=["decision_tree"], scoring=scoring
    )


def assert_refused(scoring, message):
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        make_search(scoring).fit(X, range(20))


@pytest.mark.parametrize(
    ("metric", "remedy"),
    [
        (
            mean_absolute_error,
            "'neg_mean_absolute_error', or make_scorer(mean_absolute_error, greater_is_better=False)",
        ),
        (mean_pinball_loss, "pass make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False)"),
        (mean_tweedie_deviance, "pass make_scorer(mean_tweedie_deviance, greater_is_better=False)"),
        (
            log_loss,
            "'neg_log_loss', or make_scorer(log_loss, greater_is_better=False, response_method='predict_proba')",
        ),
        (r2_score, "pass 'r2', or make_scorer(r2_score)"),
        (accuracy_score, "pass 'accuracy', or make_scorer(accuracy_score)"),
        (f1_score, "pass 'f1', or make_scorer(f1_score)"),
        (fbeta_score, "pass make_scorer(fbeta_score, beta=2)"),
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
    remedy = "pass 'neg_mean_absolute_error', or add greater_is_better=False to your make_scorer(...)"
    for scoring in (make_scorer(mean_absolute_error), [make_scorer(mean_absolute_error), "r2"]):
        assert_refused(scoring, remedy)
    assert_refused(make_scorer(mean_tweedie_deviance, power=1), "maximizes a loss, so that the worst model is selected")


def test_a_loss_may_be_recorded_beside_the_deciding_score():
    search = make_search({"r2": "r2", "mae": make_scorer(mean_absolute_error)}).fit(X, range(20))
    assert (search.leaderboard_["mae"] > 0).all()
    assert "scorer_sign" not in [each.code for each in search.warnings_]
    assert [each.direction for each in scores_by_metric(search)] == ["greater is better", "lower is better"]


@pytest.mark.parametrize(
    "scoring",
    [
        make_scorer(mean_pinball_loss, alpha=0.9),
        make_scorer(log_loss, response_method="predict"),
        make_scorer(mean_absolute_error, multioutput="raw_values"),
    ],
    ids=str,
)
def test_the_remedy_for_a_scorer_that_maximizes_a_loss_keeps_its_arguments(scoring):
    assert_refused(scoring, "is selected; add greater_is_better=False to your make_scorer(...)")


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("mape", "'mape' is unknown; did you mean 'neg_mean_absolute_percentage_error'?"),
        ("MSE", "did you mean 'neg_mean_squared_error'?"),
        ("mean_absolute_error", "did you mean 'neg_mean_absolute_error'?"),
        ("r2_score", "did you mean 'r2'?"),
        ("RMSLE", "did you mean 'neg_root_mean_squared_log_error'?"),
        ("smape", "pass make_scorer(f, greater_is_better=False), where f(y, predicted) returns numpy.mean(2 * abs("),
        ("spearmanr", "pass make_scorer(f), where f(y, predicted) returns scipy.stats.spearmanr(y, predicted)"),
        ("pinball", "pass make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False), or predict the quant"),
        ("mcc", "scoring='mcc' scores classification; use for example 'r2'"),
        ("kappa", "scoring='kappa' scores classification; use for example 'r2'"),
    ],
)
def test_a_metric_of_another_tool_is_answered_with_its_scorer_for_a_regressor(name, answer):
    assert_refused(name, answer)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("mcc", "'mcc' is unknown; did you mean 'matthews_corrcoef'?"),
        ("AUC", "did you mean 'roc_auc'?"),
        ("logloss", "did you mean 'neg_log_loss'?"),
        ("f1_binary", "did you mean 'f1'?"),
        ("macro_f1", "did you mean 'f1_macro'?"),
        ("ap", "did you mean 'average_precision'?"),
        ("roc_auc_ovo_macro", "did you mean 'roc_auc_ovo'?"),
        ("quadratic_kappa", 'pass make_scorer(cohen_kappa_score, weights="quadratic"), or '),
        ("Kappa", "pass make_scorer(cohen_kappa_score)"),
        ("pac_score", "pass 'd2_log_loss_score'"),
        ("mape", "scoring='mape' scores regression; use for example 'roc_auc'"),
        ("spearmanr", "scoring='spearmanr' scores regression; use for example 'roc_auc'"),
        ("cohen_kappa_score", "pass make_scorer(cohen_kappa_score)"),
    ],
)
def test_a_metric_of_another_tool_is_answered_with_its_scorer_for_a_classifier(name, answer):
    with pytest.raises(InvalidInputError, match=re.escape(answer)):
        AutoMLClassifier(scoring=name, verbose=0).fit(X, [0, 1] * 10)


@pytest.mark.parametrize("classification", [True, False])
def test_every_name_of_another_tool_stands_for_a_scorer_and_is_no_scorer_itself(classification):
    names = {*get_scorer_names(), *ALIASES}
    assert not names & {*_OTHER_NAMES, *_TO_MAKE[classification]}
    assert {*_OTHER_NAMES.values()} <= names


def raw(y_true, y_pred):
    return 0.0


def weighted(y_true, y_pred, sample_weight=None):
    return 0.0


def error(a, b, c=1):
    return float(abs(a - b).mean())


def test_the_error_for_a_metric_of_the_user_shows_how_to_make_a_scorer():
    made = "pass make_scorer({0}) if greater values of {0} are better, and make_scorer({0}, greater_is_better=False)"
    for metric in (raw, weighted):
        name = metric.__name__
        assert_refused(metric, f"scoring={name} takes true and predicted values: it is a metric, and no scorer")
        assert_refused(metric, "scoring needs a name, or a callable with the parameters (estimator, X, y)")
        assert_refused(["r2", metric], made.format(name))


def test_a_callable_that_raises_is_not_quoted_like_a_name_and_the_error_shows_make_scorer():
    assert_refused(error, "scoring=error cannot score predictions for this y: ")
    assert_refused(error, "make_scorer(f) makes it from a metric f(y, predicted)")
