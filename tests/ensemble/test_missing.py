"""An attribute that a fitted estimator lacks: the error names the one cause that applies, and what to change."""

from __future__ import annotations

import pytest
from sklearn.datasets import load_diabetes
from sklearn.model_selection import TimeSeriesSplit

from automl import AutoMLRegressor, load
from automl.ensemble.attribute_rules import Subject
from automl.ensemble.missing import why_missing
from tests.factories import FAST, interrupt_once

BY_LOAD = "the model was loaded with for_prediction=True, which leaves out the search; load it without"
BY_REFIT = "refit has replaced the models of the search; use the estimator that still has them"
BY_SLIM = "slim or choose has made the ensemble smaller; use the estimator with the larger one"
X, Y = (part[:120] for part in load_diabetes(return_X_y=True, as_frame=True))


def _fit(settings=None, **arguments) -> AutoMLRegressor:
    return AutoMLRegressor(**FAST | {"include": ["ridge"], "max_trials": 1} | (settings or {})).fit(X, Y, **arguments)


def _why(model, name: str) -> str:
    with pytest.raises(AttributeError) as error:
        getattr(model, name)
    return str(error.value).split(": ", 1)[1]


@pytest.fixture(scope="module")
def fitted():
    return _fit()


def test_the_search_was_too_short(fitted):
    cause = "the search was too short to compare two times; raise time_budget or max_trials"
    assert _why(fitted, "score_over_time_") == cause
    with pytest.raises(AttributeError, match=f"^there is no expected_gain: {cause}$"):
        fitted.expected_gain()


def test_the_ensemble_was_made_smaller(fitted):
    small = fitted.slim(max_loss=100)
    for name in ("score_over_time_", "metric_scores_"):
        assert _why(small, name) == BY_SLIM


def test_a_refit_on_the_same_rows_does_not_take_the_blame_for_what_slim_has_removed(fitted):
    again = fitted.slim(max_loss=100).refit()
    assert _why(again, "metric_scores_") == _why(again.refit(), "metric_scores_") == BY_SLIM
    assert _why(again, "frontier_").endswith(BY_REFIT)
    assert _why(again.refit(X, Y), "metric_scores_") == BY_REFIT


def test_the_subject_of_an_attribute_and_not_the_text_of_its_cause_decides_what_has_removed_it(fitted):
    again = fitted.slim(max_loss=100).refit()
    assert why_missing(again, "any other cause", Subject.MEMBERS) == BY_SLIM
    assert why_missing(again, "any other cause", Subject.MODELS) == BY_REFIT
    assert why_missing(fitted, "any other cause", Subject.MEMBERS) == "any other cause"


def test_a_limit_of_the_milliseconds_explains_only_what_it_removes(monkeypatch):
    interrupt_once(monkeypatch, "automl.fitting.score_metrics")
    model = _fit({"max_predict_milliseconds": 0.015})
    assert _why(model, "score_over_time_") == (
        "max_predict_milliseconds has made the ensemble smaller; leave out the limit in fit, and call slim afterwards"
    )
    assert _why(model, "metric_scores_").startswith("the out-of-fold predictions could not be read in time, or Ctrl-C")


def test_only_fit_keeps_what_retune_replaces(fitted, monkeypatch):
    interrupt_once(monkeypatch, "automl.fitting.score_metrics")
    new = fitted.retune(X, Y, seconds=None, max_trials=1)
    cause = "retune has replaced the models of its search; only fit keeps such models"
    of_new_rows = new.refit(X, Y)
    for model in (new, new.refit(), of_new_rows):
        for name in ("score_over_time_", "frontier_"):
            assert _why(model, name).removeprefix("this model has no frontier_ and cannot be made smaller: ") == cause
        with pytest.raises(AttributeError, match="no guard_curve_ after retune, which searches without a guard"):
            _ = model.set_params(guard=0.2).guard_curve_
    assert _why(new, "metric_scores_").startswith("the out-of-fold predictions could not be read in time, or Ctrl-C")
    assert _why(of_new_rows, "metric_scores_") == BY_REFIT
    with pytest.raises(AttributeError, match="no guard_curve_ without the argument guard"):
        _ = new.set_params(guard=None).fit(X, Y).guard_curve_
    assert _why(new, "score_over_time_").startswith("the search was too short")


def test_refit_has_replaced_the_models(fitted):
    again = fitted.refit(X, Y)
    for name in ("score_over_time_", "frontier_", "metric_scores_"):
        assert _why(again, name).removeprefix("this model has no frontier_ and cannot be made smaller: ") == BY_REFIT
    assert _why(again.fit(X, Y), "score_over_time_").startswith("the search was too short")


@pytest.mark.parametrize(
    ("settings", "arguments", "argument"),
    [
        ({}, {"time": list(range(120))}, "time"),
        ({"cv": None}, {"X_val": X[80:], "y_val": Y[80:]}, "X_val"),
        ({"cv": TimeSeriesSplit(2)}, {}, "cv"),
    ],
)
def test_members_of_all_rows_have_no_smaller_ensembles(settings, arguments, argument):
    model = _fit(settings, **arguments)
    for version in ("this", "an earlier one"):
        if version == "an earlier one":
            del model._row_order
        cause = _why(model, "frontier_")
        assert cause.startswith(f"its members are trained on all rows at last because of {argument}, ")
        if argument != "X_val":
            assert _why(model, "score_over_time_").startswith(f"{argument} puts the rows in order, ")


@pytest.mark.parametrize("kind", ["saved model", "run directory"])
def test_the_model_was_loaded_for_prediction(fitted, kind, tmp_path):
    if kind == "saved model":
        fitted.save(tmp_path)
    else:
        _fit({"store": tmp_path})
    model = load(tmp_path, for_prediction=True)
    model.save(tmp_path / "again")
    for loaded in (model, load(tmp_path / "again")):
        for name in ("score_over_time_", "frontier_", "metric_scores_", "warnings_", "leaderboard_"):
            assert _why(loaded, name) == BY_LOAD
    again = model.refit(X, Y)
    for name in ("leaderboard_", "guard_curve_"):
        assert _why(again, name) == BY_LOAD
    assert _why(again, "frontier_").endswith(BY_REFIT)
    if kind == "run directory":
        again = model.refit()
        for name in ("metric_scores_", "warnings_", "leaderboard_"):
            assert _why(again, name) == BY_LOAD
        assert _why(again, "score_over_time_") == BY_REFIT


def test_the_fit_was_interrupted():
    def stop(result, history):
        raise KeyboardInterrupt

    model = _fit({"callbacks": [stop]})
    assert model.stop_reason_ == "interrupted"
    cause = "the fit was interrupted; call fit again, which continues the run where store is set"
    assert _why(model, "score_over_time_") == cause


def test_scores_of_quantiles_and_targets_say_what_they_are_for(fitted):
    assert _why(fitted, "quantile_scores_").startswith("the model predicts no quantiles; pass quantiles=")
    assert _why(fitted, "target_scores_").startswith("the model has one target; ")
